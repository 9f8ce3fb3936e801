"""One piece of work with the database, for commands that need it for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from quws.cli.configuration import read_settings
from quws.cli.options import data_option, stop, use
from quws.settings import Settings
from quws.store.database import (
    Database,
    StoreUnavailable,
    WrongSchema,
    database_name,
    opened,
)

T = TypeVar("T")


def with_database(data: Path | None, work: Callable[[Database, Settings], Awaitable[T]]) -> T:
    """Return what the work returns; end the command where the database cannot be used."""
    use(data)
    settings = read_settings()

    async def run() -> T:
        database = await opened(settings.resolved_database_url())
        try:
            return await work(database, settings)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except StoreUnavailable as error:
        stop(trouble(error, settings, data))


def trouble(error: StoreUnavailable, settings: Settings, data: Path | None) -> str:
    """Say what is wrong with a database, which one it is, and how another one is named."""
    others = (
        "name the data folder of your service with --data"
        if settings.database_url is None
        else "see whether QUWS_DATABASE_URL is right"
    )
    if isinstance(error, WrongSchema):
        return f"{error.state}: {others}, or run 'quws db upgrade{data_option(data)}'"
    name = database_name(settings.resolved_database_url())
    return f"the database {name} cannot be used ({error}): {others}, or make it answer"
