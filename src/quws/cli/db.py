"""``quws db``: the schema of the database."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from quws.cli.configuration import read_settings
from quws.cli.database import trouble, with_database
from quws.cli.options import Data, stop, use
from quws.settings import Settings
from quws.store import schema
from quws.store.database import Database, StoreUnavailable

db = typer.Typer(help="The database schema.", no_args_is_help=True)


@db.command()
def upgrade(data: Data = None) -> None:
    """Make the schema, or bring it to the one of this version."""
    _migrate(data, schema.upgrade)


@db.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="The revision of the earlier release.")],
    data: Data = None,
) -> None:
    """Take the schema back to an earlier revision. Stop all processes and make a backup first."""
    _migrate(data, lambda url: schema.downgrade(url, revision))


@db.command()
def check(data: Data = None) -> None:
    """Say whether the schema is the one of this version; the exit status says it too."""

    async def nothing_else(database: Database, settings: Settings) -> None:
        pass

    with_database(data, nothing_else)
    typer.echo("the schema is up to date")


def _migrate(data: Path | None, work: Callable[[str], None]) -> None:
    use(data)
    settings = read_settings()
    # A file of SQLite is for its user alone: the hashes of passwords are in it.
    umask = os.umask(0o077)
    try:
        if settings.database_url is None:
            settings.data.mkdir(parents=True, exist_ok=True)
        work(settings.resolved_database_url())
    except StoreUnavailable as error:
        stop(trouble(error, settings, data))
    finally:
        os.umask(umask)
