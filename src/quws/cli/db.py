"""``quws db``: the schema of the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from quws.cli.configuration import read_settings
from quws.cli.database import with_database
from quws.cli.options import stop
from quws.settings import Settings
from quws.store import schema
from quws.store.database import Database, StoreUnavailable

db = typer.Typer(help="The database schema.", no_args_is_help=True)


@db.command()
def upgrade() -> None:
    """Make the schema, or bring it to the one of this version."""
    _migrate(schema.upgrade)


@db.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="The revision of the earlier release.")],
) -> None:
    """Take the schema back to an earlier revision. Stop all processes and make a backup first."""
    _migrate(lambda url: schema.downgrade(url, revision))


@db.command()
def check() -> None:
    """Say whether the schema is the one of this version; the exit status says it too."""

    async def nothing_else(database: Database, settings: Settings) -> None:
        pass

    with_database(None, nothing_else)
    typer.echo("the schema is up to date")


def _migrate(work: Callable[[str], None]) -> None:
    try:
        work(read_settings().resolved_database_url())
    except StoreUnavailable as error:
        stop(str(error))
