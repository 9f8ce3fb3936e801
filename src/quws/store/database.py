"""Engines, transactions and what differs between SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import asyncpg
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    String,
    Table,
    func,
    literal_column,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.errors import InvalidParameter, Unavailable
from quws.store import postgres, sqlite
from quws.store.revision import REVISION
from quws.store.statements import Statement

T = TypeVar("T")

_READERS = 4
"""How many transactions of one process read at once on SQLite."""

_MISTAKES = (
    asyncpg.IntegrityConstraintViolationError,
    *(asyncpg.SyntaxOrAccessError, asyncpg.DataError),
    *(sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError),
)

_FAULTS = (
    DBAPIError,
    *postgres.AWAY,
    sqlite3.Error,
)

_NO_TEXT = "22021"
"""What PostgreSQL says of text with a NUL."""

OLDEST_CODE = Table(
    "alembic_oldest_code", MetaData(), Column("revision", String(32), nullable=False)
)
"""The revision of the oldest code that can work with this schema.

It belongs to the migrations, as their own ``alembic_version`` does, and so not to the tables.
"""


def clock(*, sqlite: bool) -> ColumnElement[int]:
    """Return the clock of a kind of database, in milliseconds since 1970; see `Database.now`."""
    if sqlite:
        return literal_column(
            "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)", BigInteger
        )
    return literal_column("(extract(epoch FROM statement_timestamp()) * 1000)::bigint", BigInteger)


class StoreUnavailable(Unavailable):
    """The database cannot be reached, or its schema is not the one of this code.

    ``str()`` is the reason, for operators; users are shown the sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("the service cannot reach its database right now; try again later")
        self.args = (reason,)


class WrongSchema(StoreUnavailable):
    """There is no schema, or not one with which this code can work: a migration makes it."""

    def __init__(self, state: str) -> None:
        super().__init__(f"{state}: run 'quws db upgrade'")
        self.state = state


class Database:
    """Connections to one database, SQLite or PostgreSQL.

    ``read()`` and ``write()`` each give a connection; what is written is one transaction.
    On SQLite a writer takes the lock at BEGIN: a transaction that reads first
    and locks later fails with *busy* no matter how long it is willing to wait.

    Parameters
    ----------
    url
        ``sqlite:///FILE`` or ``postgresql://…``; the driver is chosen here.
    pool_size
        Connections per process.
    full_sync
        SQLite only: survive a power cut without losing the last commits, at
        the price of one disk sync for each.

    Raises
    ------
    StoreUnavailable
        The URL is of no database that quws knows, or demands what cannot be kept.

    """

    def __init__(self, url: str, *, pool_size: int = 10, full_sync: bool = False) -> None:
        self.url = driver_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.name = database_name(url)
        if self.is_sqlite:
            engine = sqlite.make_engine(self.url.database or "", full_sync=full_sync)
            self._reads = sqlite.Pool(engine, "BEGIN", _READERS)
            self._writes = sqlite.Pool(engine, "BEGIN IMMEDIATE", 1, full_sync=full_sync)
        else:
            try:
                self._pool = postgres.Pool(self.url, pool_size)
            except ValueError as error:
                raise StoreUnavailable(f"QUWS_DATABASE_URL: {error}") from None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Have a connection that only reads. On SQLite all that it reads is of one moment.

        Raises
        ------
        StoreUnavailable
            The database is away, restarting or locked; what was tried may be tried again.

        """
        with telling():
            async with self._transaction(writes=False) as connection:
                yield connection

    async def look(self, read: Callable[[Connection], T]) -> T:
        """Return what a short read finds: of rows that have a key, or are few.

        On SQLite all of it is of one moment. It may be called twice.

        Raises
        ------
        StoreUnavailable
            As for ``read()``.

        """
        if self.is_sqlite:
            with suppress(sqlite.Busy), telling():
                return self._reads.at_once(read)
        async with self.read() as connection:
            return await connection.run_sync(read)

    async def find(self, statement: Statement, values: Mapping[str, Any]) -> Any:
        """Return the first row of a short read that is one statement; None if there is none.

        It is the shortest way on PostgreSQL, where what `look` calls cannot wait by itself.

        Raises
        ------
        StoreUnavailable
            As for ``read()``.

        """
        if self.is_sqlite:
            return await self.look(lambda connection: statement.first(connection, values))
        with telling():
            return await self._pool.find(statement, values)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that writes; it commits when the block ends without an error.

        Raises
        ------
        StoreUnavailable
            As for reading. If it was lost in the commit, nobody knows whether that took
            place: every write is guarded so that it does no harm to try it again.

        """
        with telling():
            async with self._transaction(writes=True) as connection:
                yield connection

    def _transaction(self, *, writes: bool) -> AbstractAsyncContextManager[AsyncConnection]:
        if not self.is_sqlite:
            # PostgreSQL shows each statement what is committed by then, in a transaction too. For
            # who reads, that would be two more ways to the server and back.
            return self._pool.transaction() if writes else self._pool.single()
        direct = (self._writes if writes else self._reads).transaction()
        # It has as much of it as the store uses.
        return cast("AbstractAsyncContextManager[AsyncConnection]", direct)

    @property
    def now(self) -> ColumnElement[int]:
        """The database's own clock in milliseconds since 1970, for leases.

        Processes on several hosts disagree about the time; the database does not. It is
        the same wherever it stands in one statement.
        """
        return clock(sqlite=self.is_sqlite)

    def greatest(self, *values: ColumnElement[int]) -> ColumnElement[int]:
        """Take the largest of several values."""
        return func.max(*values) if self.is_sqlite else func.greatest(*values)

    def last(self, text: ColumnElement[str], characters: int) -> ColumnElement[str]:
        """Take so many of the last characters of a text."""
        if self.is_sqlite:
            return func.substr(text, -characters)
        return func.right(text, characters)

    async def lock(self, connection: AsyncConnection, name: str) -> None:
        """Hold a lock of this name until the transaction ends.

        SQLite has one writer at a time, so there is nothing to do.
        """
        if not self.is_sqlite:
            await connection.execute(
                text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name}
            )

    def insert(self, table: Table) -> SqliteInsert | PostgresInsert:
        """Begin an INSERT that can say what to do when the row is there already."""
        return sqlite_insert(table) if self.is_sqlite else postgres_insert(table)

    async def probe(self) -> None:
        """Make sure that the database answers and has a schema with which this code can work.

        That is its own, or a later one whose revisions say so: while a release replaces another,
        both run on the schema of the new one.

        Raises
        ------
        WrongSchema
            With a sentence that says what to run.
        StoreUnavailable

        """
        if self._is_missing():
            # Looking must not make one: it would be the wrong one, and empty.
            raise WrongSchema(f"there is no database {self.name}")
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))
        found = await self.revision()
        if found is not None and found > REVISION:
            if not works_with(found, await self._oldest_code()):
                raise StoreUnavailable(too_new(found))
        elif found != REVISION:
            state = f"has schema {found}" if found else "has no quws schema yet"
            raise WrongSchema(f"the database {self.name} {state}, this quws needs {REVISION}")

    async def revision(self) -> str | None:
        """Return the revision of the schema, or None where there is none yet."""
        try:
            async with self.read() as connection:
                found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        except (DBAPIError, StoreUnavailable):
            return None  # PostgreSQL and SQLite disagree about what a missing table is.
        return None if found is None else str(found)

    def _is_missing(self) -> bool:
        return self.is_sqlite and not Path(self.name).exists()

    async def _oldest_code(self) -> str | None:
        try:
            async with self.read() as connection:
                return await connection.scalar(select(OLDEST_CODE.c.revision))
        except (DBAPIError, StoreUnavailable):
            return None

    async def close(self) -> None:
        """Close all connections."""
        if self.is_sqlite:
            self._reads.close()
            self._writes.close()
        else:
            await self._pool.close()


def driver_url(url: str) -> URL:
    """Name the driver in a database URL: asyncpg, or the one of Python for SQLite.

    Raises
    ------
    StoreUnavailable
        It is no URL, or one of a database that quws does not know.

    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        # Without the URL: there is a password in it.
        raise StoreUnavailable("QUWS_DATABASE_URL is no URL of a database") from None
    match parsed.get_backend_name():
        case "sqlite":
            return parsed.set(drivername="sqlite")
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+asyncpg")
        case other:
            raise StoreUnavailable(
                f"QUWS_DATABASE_URL is for '{other}'; allowed are sqlite:///FILE and postgresql://…"
            )


def database_name(url: str) -> str:
    """Return what an operator knows a database by: its file, or where it is; no password."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return "of QUWS_DATABASE_URL"
    if parsed.get_backend_name() == "sqlite":
        return parsed.database or ""
    place = parsed.host or "this machine"
    port = "" if parsed.port is None else f":{parsed.port}"
    return f"{parsed.database} at {place}{port}"


async def opened(url: str) -> Database:
    """Return a database that answers and has the schema of this code.

    Raises
    ------
    WrongSchema, StoreUnavailable

    """
    database = Database(url)
    try:
        await database.probe()
    except BaseException:
        await database.close()
        raise
    return database


def works_with(found: str, oldest: str | None) -> bool:
    """Whether this code can work with a schema, given the oldest code that can."""
    return found == REVISION or (oldest is not None and oldest <= REVISION <= found)


def too_new(found: str) -> str:
    """Say that a schema is of a later release, and what to do."""
    return (
        f"the database has schema {found}, which a later quws has made and this one, which needs"
        f" {REVISION}, cannot work with: run the later quws"
    )


def _with_nul() -> InvalidParameter:
    return InvalidParameter("what is sent must be text without NUL, which no database holds")


@contextmanager
def telling() -> Iterator[None]:
    """Tell what the driver of a database raises when that is away as `StoreUnavailable`.

    What PostgreSQL refuses to read as text has a NUL, and came from a client: that is no fault of
    the database's, and nothing to try again.
    """
    try:
        yield
    except asyncpg.CharacterNotInRepertoireError:
        raise _with_nul() from None
    except (IntegrityError, ProgrammingError, DataError, *_MISTAKES):
        raise  # Mistakes of ours, which trying again does not mend.
    except _FAULTS as error:
        if getattr(getattr(error, "orig", None), "sqlstate", None) == _NO_TEXT:
            raise _with_nul() from None
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()
        raise StoreUnavailable(reason[0] if reason else type(error).__name__) from error
