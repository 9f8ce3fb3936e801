"""The services of one SQLite database for the tests of their room."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness import sqlite_with_schema
from house import House

from quws.store.database import Database


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    shutil.copy(sqlite_with_schema(), tmp_path / "quws.db")
    opened = Database(f"sqlite:///{tmp_path / 'quws.db'}")
    yield opened
    await opened.close()


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> House:
    """The services, with one target that takes jobs."""
    made = House(database, tmp_path)
    await made.register()
    return made
