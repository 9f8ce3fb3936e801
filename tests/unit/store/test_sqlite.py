"""What is short is done at once; what must wait keeps nobody else waiting."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from quws.store import places
from quws.store import sqlite as module
from quws.store.database import Database, StoreUnavailable

pytestmark = pytest.mark.anyio

LONG = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
    SELECT sum(i) FROM n
"""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'quws.db'}")
    async with opened.write() as connection:
        await connection.execute(text("CREATE TABLE n (i INTEGER PRIMARY KEY)"))
    yield opened
    await opened.close()


@pytest.fixture
def other(database: Database) -> Iterator[sqlite3.Connection]:
    """Another process at the same database."""
    connection = sqlite3.connect(database.name, timeout=0, isolation_level=None)
    yield connection
    connection.close()


async def count(database: Database) -> int:
    async with database.read() as connection:
        return int(await connection.scalar(text("SELECT count(*) FROM n")) or 0)


async def add(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(text("INSERT INTO n DEFAULT VALUES"))


async def turns(task: asyncio.Task[None]) -> int:
    """Count the turns that others have while a task is under way."""
    had = 0
    while not task.done():
        had += 1
        await asyncio.sleep(0)
    await task
    return had


async def test_who_waits_for_a_lock_keeps_nobody_waiting(
    database: Database, other: sqlite3.Connection
) -> None:
    other.execute("BEGIN IMMEDIATE")
    adding = asyncio.create_task(add(database))
    for _ in range(20):
        assert await count(database) == 0
    assert not adding.done()
    other.execute("COMMIT")
    await adding
    assert await count(database) == 1


async def test_who_waits_too_long_hears_that_the_database_is_away(
    database: Database, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.01)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="database is locked"):
        await add(database)
    other.execute("COMMIT")
    await add(database)
    assert await count(database) == 1


async def test_who_is_cancelled_while_waiting_leaves_the_connection_in_order(
    database: Database, other: sqlite3.Connection
) -> None:
    other.execute("BEGIN IMMEDIATE")
    adding = asyncio.create_task(add(database))
    await count(database)
    adding.cancel()
    next_one = asyncio.create_task(add(database))
    await count(database)
    other.execute("COMMIT")
    with contextlib.suppress(asyncio.CancelledError):
        await adding
    await next_one
    assert await count(database) == 1


async def test_a_query_that_reads_a_lot_keeps_nobody_waiting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []

    async def read() -> None:
        async with database.read() as connection:
            found.append(await connection.scalar(text(LONG)) or 0)
            found.append(await connection.scalar(text("SELECT 7")) or 0)

    # One that is thought to be short would be done before anybody has a second turn.
    monkeypatch.setattr(module, "AT_ONCE_SECONDS", 0.0)
    assert await turns(asyncio.create_task(read())) > 1
    monkeypatch.setattr(module, "AT_ONCE_SECONDS", 3600.0)
    await read()
    assert found == [300_000 * 300_001 // 2, 7] * 2


async def test_what_was_written_is_never_broken_off(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE_SECONDS", 0.0)
    async with database.write() as connection:
        await connection.execute(text("INSERT INTO n VALUES (0)"))
        assert await connection.scalar(text(LONG)) == 300_000 * 300_001 // 2
        await connection.execute(text(f"INSERT INTO n {LONG}"))
    assert await count(database) == 2


@pytest.mark.parametrize("rows", [2, 501, 1200])
async def test_many_rows_are_written_at_once(database: Database, rows: int) -> None:
    async with database.write() as connection:
        values = [{"i": index} for index in range(rows)]
        done = await connection.execute(text("INSERT INTO n VALUES (:i)"), values)
        assert done.rowcount == rows
    assert await count(database) == rows


async def test_the_log_is_copied_when_there_is_enough_of_it(database: Database) -> None:
    def size() -> int:
        return Path(database.name).stat().st_size

    before = size()
    for _ in range(499):
        await add(database)
    assert size() == before, "a commit only adds to the log"
    await add(database)
    async with asyncio.timeout(30):
        while size() == before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await add(database)
    assert await count(database) == 501


async def test_a_commit_that_waits_for_the_disk_keeps_nobody_waiting(tmp_path: Path) -> None:
    for full_sync in (True, False):
        database = Database(f"sqlite:///{tmp_path / f'{full_sync}.db'}", full_sync=full_sync)
        async with database.write() as connection:
            await connection.execute(text("CREATE TABLE n (i INTEGER PRIMARY KEY)"))
        assert (await turns(asyncio.create_task(add(database))) > 1) is full_sync
        await database.close()


async def test_what_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database " * 100)
    database = Database(f"sqlite:///{tmp_path / 'text'}")
    with pytest.raises(StoreUnavailable, match="not a database"):
        await count(database)
    await database.close()


async def test_a_transaction_that_fails_has_written_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO n DEFAULT VALUES"))
            raise ZeroDivisionError
    with pytest.raises(StoreUnavailable):
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO n DEFAULT VALUES"))
            await connection.execute(text("INSERT INTO nothing DEFAULT VALUES"))
    assert await count(database) == 0
    await add(database)
    assert await count(database) == 1


async def test_a_look_is_of_one_moment(database: Database, other: sqlite3.Connection) -> None:
    def read(connection: Connection) -> tuple[int, int]:
        before = connection.scalar(text("SELECT count(*) FROM n"))
        other.execute("INSERT INTO n DEFAULT VALUES")
        return before, connection.scalar(text("SELECT count(*) FROM n"))

    assert await database.look(read) == (0, 0)
    assert await count(database) == 1


async def test_a_look_that_takes_long_is_done_anew_and_keeps_nobody_waiting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE_SECONDS", 0.0)
    found: list[int] = []

    async def look() -> None:
        found.append(await database.look(lambda connection: connection.scalar(text(LONG))))

    assert await turns(asyncio.create_task(look())) > 1
    assert found == [300_000 * 300_001 // 2]


async def test_more_readers_than_there_are_connections_wait_for_each_other(
    database: Database,
) -> None:
    assert await asyncio.gather(*(count(database) for _ in range(20))) == [0] * 20


async def test_whoever_gets_no_connection_hears_that_the_database_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PATIENCE_SECONDS", 0.01)
    async with database.write():
        with pytest.raises(StoreUnavailable):
            await add(database)
    await add(database)


async def test_a_look_that_takes_long_is_taken_in_a_thread(database: Database) -> None:
    assert await database.look(lambda connection: connection.scalar(text("SELECT 1"))) == 1
    threads = []

    def read(connection: Connection) -> int:
        threads.append(threading.get_ident())
        return connection.scalars(text(LONG)).one()

    assert await database.look(read) == 300_000 * 300_001 // 2
    assert threads[0] == threading.get_ident() != threads[-1]
    assert await count(database) == 0


async def test_what_a_look_raises_leaves_nothing_behind(database: Database) -> None:
    await count(database)

    def fail(_: Connection) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await database.look(fail)
    assert await count(database) == 0
