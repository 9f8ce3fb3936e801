"""``python -m quws`` is the ``quws`` command."""

from quws.cli import app

app()
