"""``python -m quws`` is the ``quws`` command."""

from quws.cli.app import app

app()
