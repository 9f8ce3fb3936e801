"""``python -m quws`` is the ``quws`` command."""

from __future__ import annotations

from quws.cli.command import main

if __name__ == "__main__":
    main()
