"""``quws backup`` and ``quws restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quws.cli.configuration import read_settings
from quws.cli.options import Data, stop, use
from quws.domain.words import counted
from quws.operations.backup import CannotBackUp, back_up
from quws.operations.backup import restore as restore_to


def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder for the copy.")], data: Data = None
) -> None:
    """Copy SQLite and artifacts, while the service runs or not."""
    use(data)
    try:
        count = back_up(read_settings(), folder)
    except CannotBackUp as error:
        stop(str(error))
    typer.echo(f"{folder} holds the database and {counted(count, 'file')}")


def restore(
    folder: Annotated[Path, typer.Argument(help="What 'quws backup' has made.")],
    data: Data = None,
) -> None:
    """Make a data folder from a backup; jobs that ran then will run again."""
    use(data)
    try:
        note = restore_to(read_settings(), folder)
    except CannotBackUp as error:
        stop(str(error))
    typer.echo(f"restored what quws {note['quws']} held at {note['made']}")
