"""Connections to PostgreSQL that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import psycopg
import pytest
from sqlalchemy import Connection, event, insert, make_url, select, text
from sqlalchemy.exc import IntegrityError
from store_helpers import NOW, TARGET

from quws.store import places, postgres
from quws.store import tables as t
from quws.store.database import Database, StoreUnavailable

pytestmark = pytest.mark.anyio
PID = text("SELECT pg_backend_pid()")
LOAD = {"target": TARGET, "time": NOW, "waiting": 1, "running": 1}


@pytest.fixture
def dialect() -> str:
    return "postgresql"


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = Database(url, pool_size=2)
    yield opened
    await opened.close()


def test_options_that_only_another_driver_knows_are_no_settings_of_the_server() -> None:
    url = (
        "postgresql+asyncpg://u:p%40ss@h:1/d?connect_timeout=5&keepalives=1&gssencmode=disable"
        "&sslmode=require&application_name=quws"
    )
    kept = "postgresql://u:p%40ss@h:1/d?application_name=quws&sslmode=require"
    assert postgres.dialled(make_url(url)) == (kept, 5.0)


def test_a_demand_that_cannot_be_kept_is_refused() -> None:
    with pytest.raises(StoreUnavailable, match=r"QUWS_DATABASE_URL: channel_binding") as refused:
        Database("postgresql://u:secret@h/d?channel_binding=require")
    assert "secret" not in str(refused.value)


async def look(database: Database) -> int:
    """Give the process of the server that a look is answered by."""

    def ask(connection: Connection) -> int:
        return int(connection.scalar(PID) or 0)

    return await database.look(ask)


async def rows(database: Database) -> int:
    async with database.read() as connection:
        return len((await connection.execute(select(t.target_load))).all())


def hang_up(url: str, pid: int) -> None:
    """End a process of the server; returns when it has ended."""
    with psycopg.connect(url, autocommit=True) as connection:
        ended = connection.execute("SELECT pg_terminate_backend(%s, 10000)", [pid]).fetchone()
        assert ended == (True,)


async def test_one_connection_serves_whoever_comes_one_after_the_other(
    database: Database,
) -> None:
    pids = {await look(database)}
    for opened in (database.read, database.write, database.read):
        async with opened() as connection:
            pids.add(await connection.scalar(PID))
        pids.add(await look(database))
    assert len(pids) == 1


async def test_there_are_as_many_as_it_was_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PATIENCE_SECONDS", 0.01)
    async with database.read() as one, database.read() as two:
        assert await one.scalar(PID) != await two.scalar(PID)
        with pytest.raises(StoreUnavailable):
            await look(database)
    await look(database)


async def test_what_a_look_writes_stays_and_what_fails_in_a_transaction_does_not(
    database: Database,
) -> None:
    def write(connection: Connection) -> None:
        connection.execute(insert(t.target_load).values(LOAD))

    await database.look(write)
    with pytest.raises(IntegrityError):
        async with database.write() as transaction:
            await transaction.execute(insert(t.target_load).values(LOAD | {"target": "other"}))
            await transaction.execute(insert(t.target_load).values(LOAD))
    assert await rows(database) == 1


async def test_who_reads_is_in_no_transaction(database: Database) -> None:
    began = text("SELECT now()")  # The same in all of a transaction.
    found = {}
    for name, opened in {"read": database.read, "write": database.write}.items():
        async with opened() as connection:
            one, two = await connection.scalar(began), await connection.scalar(began)
            found[name] = one == two
    assert found == {"read": False, "write": True}


async def test_who_finds_that_the_server_has_hung_up_calls_again(
    database: Database, url: str
) -> None:
    first = await look(database)
    hang_up(url, first)
    second = await look(database)
    assert second != first
    hang_up(url, second)
    async with database.write() as connection:
        await connection.execute(insert(t.target_load).values(LOAD))
    assert await rows(database) == 1


async def test_what_has_lain_idle_is_asked_whether_it_lives(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await look(database)
    monkeypatch.setattr(postgres, "_TRUSTED_SECONDS", 0.0)
    assert await look(database) == first
    assert await rows(database) == 0
    hang_up(url, first)
    assert await look(database) != first


async def test_a_server_that_hangs_up_in_a_transaction_is_away(
    database: Database, url: str
) -> None:
    with pytest.raises(StoreUnavailable):
        async with database.write() as connection:
            await connection.execute(insert(t.target_load).values(LOAD))
            hang_up(url, await connection.scalar(PID))
    assert await rows(database) == 0


async def test_who_is_cancelled_leaves_nothing_behind(database: Database, url: str) -> None:
    begun = asyncio.Event()

    async def write() -> None:
        async with database.write() as connection:
            await connection.execute(insert(t.target_load).values(LOAD))
            begun.set()
            await connection.scalar(text("SELECT pg_sleep(60)"))

    for _ in range(3):  # More often than there are connections.
        writing = asyncio.create_task(write())
        await begun.wait()
        begun.clear()
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
    assert await rows(database) == 0
    async with database.write() as connection:
        await connection.execute(insert(t.target_load).values(LOAD))
    assert await rows(database) == 1


async def test_a_server_that_has_said_goodbye_and_is_not_gone_yet_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = asyncpg.Connection.execute

    async def fails(self: Any, query: str, *rest: Any) -> Any:
        if query in ("COMMIT", "ROLLBACK"):
            raise asyncpg.InternalClientError("cannot switch to state 15")
        return await once(self, query, *rest)

    first = await look(database)
    monkeypatch.setattr(asyncpg.Connection, "execute", fails)
    with pytest.raises(StoreUnavailable):
        async with database.write() as connection:
            await connection.execute(insert(t.target_load).values(LOAD))
    monkeypatch.undo()
    assert await look(database) != first and await rows(database) == 0


async def test_who_is_cancelled_while_a_connection_is_made_leaves_none_behind(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_SETTINGS", "SELECT pg_sleep(60)")
    with psycopg.connect(url, autocommit=True) as beside:

        async def seen(number: int) -> None:
            sleeps = "SELECT count(*) FROM pg_stat_activity WHERE query = %s"
            for _ in range(1000):
                if beside.execute(sleeps, [postgres._SETTINGS]).fetchone() == (number,):
                    return
                await asyncio.sleep(0.01)
            raise AssertionError(f"there are not {number} of them")

        looking = asyncio.create_task(look(database))
        await seen(1)
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        await seen(0)


async def test_what_is_in_use_when_all_are_closed_is_closed_when_it_comes_back(
    database: Database,
) -> None:
    async with database.write() as connection:
        await database.close()
        await connection.execute(insert(t.target_load).values(LOAD))
    assert connection.closed
    assert await rows(database) == 1


async def test_several_rows_are_one_statement(database: Database) -> None:
    seen: list[Any] = []
    async with database.write() as connection:

        def note(*given: Any) -> None:
            seen.append(given[3])

        event.listen(connection.sync_connection, "before_cursor_execute", note)
        many = [LOAD | {"target": f"target {number}"} for number in range(5)]
        await connection.execute(insert(t.target_load), many)
    (values,) = seen
    assert len(values) == 5 * len(LOAD)
    assert await rows(database) == 5
