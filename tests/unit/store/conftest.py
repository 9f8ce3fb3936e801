"""Databases for the tests of the store: every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from harness import Postgres

from quws.store.database import Database
from quws.store.jobs.store import JobStore
from quws.store.schema import upgrade
from quws.store.tables import metadata

SQLITE, POSTGRESQL = "sqlite", "postgresql"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a new database without any schema."""
    if dialect == SQLITE:
        return f"sqlite:///{tmp_path / 'empty.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture(scope="session")
def made_once(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], str]]:
    """Databases with the schema, one of each kind for all tests: making it takes long."""
    urls: dict[str, str] = {}

    def url_of(dialect: str) -> str:
        if dialect not in urls:
            if dialect == SQLITE:
                urls[dialect] = f"sqlite:///{tmp_path_factory.mktemp('schema') / 'made.db'}"
            else:
                server: Postgres = request.getfixturevalue("postgres")
                urls[dialect] = server.database()
            upgrade(urls[dialect])
        return urls[dialect]

    yield url_of


@pytest.fixture
def url(dialect: str, made_once: Callable[[str], str], tmp_path: Path) -> str:
    """The URL of a database with the schema and nothing in it."""
    made = made_once(dialect)
    if dialect == SQLITE:
        path = tmp_path / "quws.db"
        shutil.copy(made.removeprefix("sqlite:///"), path)
        return f"sqlite:///{path}"
    with psycopg.connect(made, autocommit=True) as connection:
        # Not TRUNCATE, which makes new files for every table and index: a hundred times as long.
        tables = reversed(metadata.sorted_tables)
        statements = [f'DELETE FROM "{table.name}"' for table in tables]
        statements += [
            "SELECT setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences"
        ]
        # All at once, in one transaction: tests are many.
        connection.execute(";".join(statements).encode())
    return made


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = Database(url)
    yield opened
    await opened.close()


@pytest.fixture
def store(database: Database) -> JobStore:
    return JobStore(database)
