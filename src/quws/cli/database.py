"""One piece of work with the database, for commands that need it for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from quws.cli.configuration import read_settings
from quws.cli.options import stop, use
from quws.settings import Settings
from quws.store.database import Database, StoreUnavailable

T = TypeVar("T")


def with_database(data: Path | None, work: Callable[[Database, Settings], Awaitable[T]]) -> T:
    """Return what the work returns; end the command where the database cannot be used."""
    use(data)
    settings = read_settings()

    async def run() -> T:
        database = Database(settings.resolved_database_url())
        try:
            await database.probe()
            return await work(database, settings)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except StoreUnavailable as error:
        stop(str(error))
