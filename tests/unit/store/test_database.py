"""Connections to the database."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, literal, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from store_helpers import NOW, TARGET, later

from quws.domain.errors import InvalidParameter
from quws.store import tables as t
from quws.store.database import Database, StoreUnavailable, driver_url, too_new, works_with
from quws.store.instants import from_stored
from quws.store.jobs.store import JobStore
from quws.store.revision import REVISION
from quws.store.statements import Statement

pytestmark = pytest.mark.anyio


async def test_a_frozen_writer_does_not_keep_its_rows_for_ever(
    dialect: str, database: Database, store: JobStore
) -> None:
    """On PostgreSQL; with SQLite there is one host, and one writer at a time."""
    if dialect == "postgresql":
        async with database.read() as connection:
            for name in ("idle_in_transaction_session_timeout", "lock_timeout"):
                found = await connection.scalar(text(f"SHOW {name}"))
                assert found not in (None, "0")


on_sqlite = pytest.mark.parametrize("dialect", ["sqlite"])


@pytest.mark.parametrize(("full_sync", "level"), [(False, 1), (True, 2)])
async def test_every_connection_to_sqlite_is_set_up(
    tmp_path: Path, full_sync: bool, level: int
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'quws.db'}", full_sync=full_sync)
    assert database.is_sqlite
    try:
        for opened in (database.read, database.write):
            async with opened() as connection:
                found = {
                    name: await connection.scalar(text(f"PRAGMA {name}"))
                    for name in ("journal_mode", "synchronous", "foreign_keys")
                }
            assert found == {
                "journal_mode": "wal",
                "synchronous": level,
                "foreign_keys": 1,
            }
    finally:
        await database.close()


async def test_sqlite_is_safe_enough_without_full_sync_by_default(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'quws.db'}")
    async with database.read() as connection:
        assert await connection.scalar(text("PRAGMA synchronous")) == 1
    await database.close()


@on_sqlite
async def test_a_writer_on_sqlite_locks_at_once_and_readers_go_on(
    database: Database, tmp_path: Path
) -> None:
    async with database.write():
        with (
            sqlite3.connect(tmp_path / "quws.db", timeout=0, isolation_level=None) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("BEGIN IMMEDIATE")
        async with database.read() as one, database.read() as two:
            for connection in (one, two):
                assert await connection.scalar(select(literal(1))) == 1
        other.close()


@on_sqlite
async def test_what_fails_is_not_written(database: Database) -> None:
    class Stop(Exception):
        pass

    with pytest.raises(Stop):
        async with database.write() as connection:
            values = {"target": TARGET, "time": NOW, "waiting": 1, "running": 1}
            await connection.execute(insert(t.target_load).values(values))
            raise Stop
    async with database.read() as connection:
        assert (await connection.execute(select(t.target_load))).first() is None


async def test_the_largest_of_several_values(database: Database) -> None:
    async with database.read() as connection:
        greatest = database.greatest(literal(1), literal(3), literal(2))
        assert await connection.scalar(select(greatest)) == 3


async def test_its_clock_counts_milliseconds(database: Database) -> None:
    async with database.read() as connection:
        one, two = (await connection.execute(select(database.now, database.now))).one()
    assert one == two
    assert later(-86_400 * 365) < from_stored(one) < later(86_400 * 365 * 50)


async def test_mistakes_of_ours_are_not_taken_for_an_outage(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await connection.execute(
                insert(t.timeline).values(job_id="none", time=NOW, status="x", source="y")
            )
    if not database.is_sqlite:
        with pytest.raises(ProgrammingError):
            async with database.read() as connection:
                await connection.execute(text("SELECT what"))


@on_sqlite
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("cut off\nand more"), "cut off"),
        (OperationalError("SELECT secret", {}, Exception("is locked\nat once")), "is locked"),
        (OSError(), "OSError"),
    ],
)
async def test_an_outage_is_told_in_one_line_without_the_statement(
    database: Database, error: Exception, reason: str
) -> None:
    for opened in (database.read, database.write):
        with pytest.raises(StoreUnavailable) as caught:
            async with opened():
                raise error
        assert str(caught.value) == reason
        assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///x.db", "sqlite"),
        ("postgresql://h/x", "postgresql+asyncpg"),
        ("postgresql+asyncpg://h/x", "postgresql+asyncpg"),
        ("postgres://h/x", "postgresql+asyncpg"),
    ],
)
def test_the_driver_is_chosen_here(url: str, driver: str) -> None:
    found = driver_url(url)
    assert (found.drivername, found.database) == (driver, "x" if "h/" in url else "x.db")


@pytest.mark.parametrize(
    ("found", "oldest", "works"),
    [
        (REVISION, None, True),
        (REVISION, "9999", True),
        ("9998", None, False),
        ("9998", REVISION, True),
        ("9998", "0001", True),
        ("9998", "9998", False),
        ("0001", "0001", False),
    ],
)
def test_a_schema_works_with_code_that_is_not_too_old_for_it(
    found: str, oldest: str | None, works: bool
) -> None:
    assert works_with(found, oldest) is works
    assert f"has schema {found}" in too_new(found)


async def test_text_that_no_database_holds_is_no_fault_of_the_database(
    dialect: str, database: Database, store: JobStore
) -> None:
    """SQLite holds it."""
    asked = select(t.jobs.c.id).where(t.jobs.c.target == "a\0")
    for statement in (asked, Statement(asked)):
        with suppress(InvalidParameter) if dialect == "sqlite" else refuses():
            async with database.read() as connection:
                if isinstance(statement, Statement):
                    assert await statement.run(connection) == []
                else:
                    assert (await connection.execute(statement)).all() == []


def refuses() -> AbstractContextManager[Any]:
    return pytest.raises(InvalidParameter, match="text without NUL")
