"""PostgreSQL: connections that are kept, and asked for no more than what is wanted of them.

A statement is one way to the server and back. What a pool adds to that for each use (whether the
connection lives, and a ROLLBACK when it comes back) costs more than the statement: so a connection
is looked at from this side, and given back only as clean as it was taken.
"""

from __future__ import annotations

import select
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

import asyncpg
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from quws.store.places import Places
from quws.store.statements import Statement

_TRUSTED_SECONDS = 30.0
"""How long a connection may lie idle before it is asked whether it is there still."""
_GOODBYE_SECONDS = 2.0
"""How long a server may take to break off a statement that nobody waits for any more."""
_ANSWER_SECONDS = 30.0
"""How long a server may take to answer who calls it, where the URL says nothing else."""
_SETTINGS = """
SET idle_in_transaction_session_timeout = '15s';
SET lock_timeout = '20s'
"""
"""A process that is frozen in a transaction must not keep its rows from all others."""
_STATEMENTS = 300
"""So many of its statements a connection keeps prepared: more than there are kept texts."""
_OF_LIBPQ = {"tcp_user_timeout", "gssencmode", "client_encoding", "fallback_application_name"}
_OF_LIBPQ |= {f"keepalives{which}" for which in ("", "_idle", "_interval", "_count")}
"""Options of a URL that only another driver, the one of migrations, knows and needs."""
AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What the driver raises when the server is away; the last but one where that has said that it
ends a connection, and has not hung up yet.
"""
_AWAY = (*AWAY, DBAPIError)


@dataclass(slots=True)
class _Kept:
    connection: AsyncConnection
    driver: asyncpg.Connection[Any]
    used: float
    whole: bool = True
    """Whether nobody was broken off while waiting for an answer on it."""

    async def lives(self) -> bool:
        """Whether the server is there still."""
        if self.driver.is_closed():
            return False
        if monotonic() - self.used < _TRUSTED_SECONDS and not self._has_news():
            return True
        try:
            await self.driver.execute("SELECT 1")
        except _AWAY:
            return False
        return True

    def _has_news(self) -> bool:
        """Whether the server has said something without being asked, or hung up."""
        # The loop may not have heard it yet.
        poll = select.poll()
        socket = self.driver._transport.get_extra_info("socket")  # type: ignore[attr-defined]
        poll.register(socket, select.POLLIN)
        return bool(poll.poll(0))

    @property
    def clean(self) -> bool:
        """Whether it is as it was when it was taken."""
        driver = self.driver
        return self.whole and not driver.is_closed() and not driver.is_in_transaction()

    async def drop(self) -> None:
        """Close it."""
        with suppress(TimeoutError, *_AWAY):
            await self.driver.close(timeout=_GOODBYE_SECONDS)
        with suppress(*_AWAY):
            await self.connection.invalidate()
            await self.connection.close()


class Pool:
    """Connections to one database.

    Parameters
    ----------
    size
        How many there are at most.

    """

    def __init__(self, url: URL, size: int) -> None:
        self._engine = _make_engine(url)
        self._free: deque[_Kept] = deque()
        self._places = Places(size)
        self._closed = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction, which is committed if the block ends without an error.

        Raises
        ------
        TimeoutError
            All connections are in use, and stay so.
        asyncpg.PostgresError, asyncpg.InterfaceError, sqlalchemy.exc.DBAPIError

        """
        async with self._kept() as kept:
            await kept.driver.execute("BEGIN")
            yield kept.connection
            await kept.driver.execute("COMMIT")

    @asynccontextmanager
    async def single(self) -> AsyncIterator[AsyncConnection]:
        """Have a connection on which each statement is a transaction of its own.

        Raises
        ------
        TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, sqlalchemy.exc.DBAPIError
            As for a transaction.

        """
        async with self._kept() as kept:
            yield kept.connection

    async def find(self, statement: Statement, values: Mapping[str, Any]) -> Any:
        """Return the first row of a statement that is a transaction of its own; None without one.

        Raises
        ------
        TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, sqlalchemy.exc.DBAPIError
            As for a transaction.

        """
        async with self._kept() as kept:
            return await statement.find(kept.connection, values)

    async def close(self) -> None:
        """Close all connections; those in use when they come back."""
        self._closed = True
        while self._free:
            await self._free.pop().drop()
        await self._engine.dispose()

    @asynccontextmanager
    async def _kept(self) -> AsyncIterator[_Kept]:
        await self._places.take()
        try:
            kept = await self._take()
            try:
                yield kept
            except Exception:
                if kept.driver.is_in_transaction():
                    with suppress(*_AWAY):
                        await kept.driver.execute("ROLLBACK")
                raise
            except BaseException:
                kept.whole = False
                raise
            finally:
                if kept.clean and not self._closed:
                    kept.used = monotonic()
                    self._free.append(kept)
                else:
                    # Whatever state it is in, the next one begins anew.
                    await kept.drop()
        finally:
            self._places.give()

    async def _take(self) -> _Kept:
        # The one that was used last is the likeliest to be there still.
        while self._free:
            kept = self._free.pop()
            if await kept.lives():
                return kept
            await kept.drop()
        connection = await self._engine.connect()
        driver: asyncpg.Connection[Any] = (await connection.get_raw_connection()).driver_connection  # type: ignore[assignment]
        return _Kept(connection, driver, monotonic())


def dialled(url: URL) -> tuple[str, float]:
    """Return what the driver is given of a URL, and how many seconds a server has to answer.

    Raises
    ------
    ValueError
        There is a demand in it that the driver cannot keep.

    """
    options = dict(url.query)
    seconds = options.pop("connect_timeout", None)
    if options.pop("channel_binding", "prefer") == "require":
        raise ValueError("channel_binding=require cannot be kept: leave it out")
    kept = {name: value for name, value in options.items() if name not in _OF_LIBPQ}
    plain = url.set(drivername="postgresql", query=kept)
    return plain.render_as_string(hide_password=False), float(str(seconds or _ANSWER_SECONDS))


def _make_engine(url: URL) -> AsyncEngine:
    dsn, seconds = dialled(url)

    async def connect(*_: Any, **options: Any) -> asyncpg.Connection[Any]:
        made = await asyncpg.connect(dsn, statement_cache_size=_STATEMENTS, timeout=seconds)
        try:
            await made.execute(_SETTINGS)
        except BaseException:
            # Nobody else knows of it: it would stay open as long as the process lives.
            with suppress(TimeoutError, *_AWAY):
                await made.close(timeout=_GOODBYE_SECONDS)
            raise
        return made

    engine = create_async_engine(
        "postgresql+asyncpg://",
        poolclass=NullPool,
        async_creator=connect,
        # The transaction that SQLAlchemy believes to be in has no statement of its own.
        isolation_level="AUTOCOMMIT",
    )
    # Several rows are one statement. The driver's own way, one for each, costs more than the rows.
    engine.dialect.use_insertmanyvalues_wo_returning = True
    return engine
