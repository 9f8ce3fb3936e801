"""PostgreSQL: connections that are kept, and asked for no more than what is wanted of them.

A statement is one way to the server and back. What a pool adds to that for each use (whether the
connection lives, and a ROLLBACK when it comes back) costs more than the statement: so a connection
is looked at from this side, and given back only as clean as it was taken.
"""

from __future__ import annotations

import select
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from quws.store.places import Places

_TRUSTED_SECONDS = 30.0
"""How long a connection may lie idle before it is asked whether it is there still."""


@dataclass(slots=True)
class _Kept:
    connection: AsyncConnection
    driver: psycopg.AsyncConnection[Any]
    used: float

    async def lives(self) -> bool:
        """Whether the server is there still."""
        if monotonic() - self.used < _TRUSTED_SECONDS and not self._has_news():
            return True
        try:
            await self.driver.set_autocommit(True)
            await self.driver.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def _has_news(self) -> bool:
        """Whether the server has said something without being asked, or hung up."""
        poll = select.poll()
        poll.register(self.driver.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    @property
    def clean(self) -> bool:
        """Whether it is as it was when it was taken."""
        idle = self.driver.info.transaction_status == TransactionStatus.IDLE
        return idle and not self.connection.invalidated

    async def drop(self) -> None:
        """Close it."""
        with suppress(psycopg.Error, DBAPIError, OSError):
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
        psycopg.Error, sqlalchemy.exc.DBAPIError

        """
        async with self._kept(autocommit=False) as kept:
            yield kept.connection
            await kept.driver.commit()

    @asynccontextmanager
    async def single(self) -> AsyncIterator[AsyncConnection]:
        """Have a connection on which each statement is a transaction of its own.

        Raises
        ------
        TimeoutError, psycopg.Error, sqlalchemy.exc.DBAPIError
            As for a transaction.

        """
        async with self._kept(autocommit=True) as kept:
            yield kept.connection

    async def close(self) -> None:
        """Close all connections; those in use when they come back."""
        self._closed = True
        while self._free:
            await self._free.pop().drop()
        await self._engine.dispose()

    @asynccontextmanager
    async def _kept(self, *, autocommit: bool) -> AsyncIterator[_Kept]:
        async with self._places.one():
            kept = await self._take()
            try:
                await kept.driver.set_autocommit(autocommit)
                yield kept
            except Exception:
                with suppress(psycopg.Error):
                    await kept.driver.rollback()
                raise
            finally:
                if kept.clean and not self._closed:
                    kept.used = monotonic()
                    self._free.append(kept)
                else:
                    # Whatever state it is in, the next one begins anew.
                    await kept.drop()

    async def _take(self) -> _Kept:
        # The one that was used last is the likeliest to be there still.
        while self._free:
            kept = self._free.pop()
            if await kept.lives():
                return kept
            await kept.drop()
        connection = await self._engine.connect()
        driver = (await connection.get_raw_connection()).driver_connection
        assert isinstance(driver, psycopg.AsyncConnection)
        return _Kept(connection, driver, monotonic())


def _make_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(url, poolclass=NullPool)
    # Several rows are one statement. The driver's own way, one for each, costs more than the rows.
    engine.dialect.use_insertmanyvalues_wo_returning = True

    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        # A process that is frozen in a transaction must not keep its rows from all others.
        cursor = connection.cursor()
        cursor.execute("SET idle_in_transaction_session_timeout = '15s'")
        cursor.execute("SET lock_timeout = '20s'")
        cursor.close()
        connection.commit()

    return engine
