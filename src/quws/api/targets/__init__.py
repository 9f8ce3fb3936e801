"""What targets are, over HTTP: ``/targets`` as JSON and VOTable."""
