"""The services of one SQLite database for the tests of their room."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from house import House

from quws.store.database import Database
from quws.store.schema import upgrade


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the schema and nothing in it: making it takes long."""
    path = tmp_path_factory.mktemp("schema") / "made.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
async def database(made_once: Path, tmp_path: Path) -> AsyncIterator[Database]:
    shutil.copy(made_once, tmp_path / "quws.db")
    opened = Database(f"sqlite:///{tmp_path / 'quws.db'}")
    yield opened
    await opened.close()


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> House:
    """The services, with one target that takes jobs."""
    made = House(database, tmp_path)
    await made.register()
    return made
