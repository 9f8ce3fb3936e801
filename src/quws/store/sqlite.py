"""SQLite for an event loop: what is short is done at once, what must wait goes to a thread.

A statement on SQLite takes some dozen microseconds; to hand it to a thread and to hear of its end
takes ten times as long, and so does SQLAlchemy's asynchronous layer. So each statement is run where
it is called. What finds the database locked, or turns out to read a lot, is done anew in a thread,
and so is from the outset what has to wait for the disk. A commit has not: it only adds to the
database's log, which is copied into the database beside everything else.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, Executable, ScalarResult, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool
from typing_extensions import override

from quws.store.places import PATIENCE_SECONDS, Places

T = TypeVar("T")

AT_ONCE_SECONDS = 0.01
"""How long a query may keep everybody else in the process waiting."""
_STEPS = 10_000
"""After how many steps of a query that is looked at: about a millisecond."""
_MANY_ROWS = 500
_LOGGED_ROWS = 500
"""After how many that have changed the log is copied: some thousand pages of it."""
_MAPPED_BYTES = 256 << 20
"""How much of a database is read where the system has it, without a call for each page."""
_TRY_ASIDE = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT})


class Busy(Exception):
    """What was asked for cannot be had at once."""


class Direct:
    """A connection within a transaction: as much of an ``AsyncConnection`` as the store uses."""

    def __init__(
        self, sync: Connection, thread: ThreadPoolExecutor, begin: str, *, full_sync: bool
    ) -> None:
        self._sync = sync
        self._raw: sqlite3.Connection = sync.connection.driver_connection  # type: ignore[assignment]
        self._thread = thread
        self._begin = begin
        self._reads = begin == "BEGIN"
        self._full_sync = full_sync
        self._large = False
        self._until: float | None = None
        self.lost = False
        """Whether the thread has it: whoever waited for that was cancelled."""
        if self._reads:
            self._raw.set_progress_handler(self._takes_long, _STEPS)

    async def execute(self, statement: Executable, values: Any = None, /) -> CursorResult[Any]:
        """Run a statement, once for each of a list of values."""
        many = isinstance(values, Sequence) and len(values) > _MANY_ROWS
        self._large = self._large or many
        return await self._run(partial(self._sync.execute, statement, values), aside=many)

    async def scalar(self, statement: Executable, values: Any = None, /) -> Any:
        """Return the first column of the first row."""
        return (await self.execute(statement, values)).scalar()

    async def scalars(self, statement: Executable, values: Any = None, /) -> ScalarResult[Any]:
        """Return the first column of each row."""
        return (await self.execute(statement, values)).scalars()

    async def run_sync(self, work: Callable[..., T], *given: Any) -> T:
        """Do several things at once. What only reads may be done twice."""
        return await self._run(partial(work, self._sync, *given))

    async def begin(self) -> None:
        """Begin a transaction."""
        self._large = False
        await self._run(partial(self._raw.execute, self._begin))

    async def commit(self) -> None:
        """End the transaction: what was written stays."""
        waits = self._full_sync or self._large
        await self._run(self._raw.commit, aside=waits and not self._reads)

    async def rollback(self) -> None:
        """End the transaction: nothing was written."""
        await self._run(self._raw.rollback)

    def read_at_once(self, read: Callable[[Connection], T]) -> T:
        """Read within a transaction, and be broken off if that takes long."""
        self._until = monotonic() + AT_ONCE_SECONDS
        try:
            self._raw.execute(self._begin)
            found = read(self._sync)
            self._raw.commit()
        finally:
            self._until = None
        return found

    @property
    def changed(self) -> int:
        """How many rows were changed by it so far."""
        return self._raw.total_changes

    def close(self) -> None:
        """Close the connection, and with it a transaction that has not ended."""
        self._sync.close()

    async def _run(self, work: Callable[[], T], *, aside: bool = False) -> T:
        if not aside:
            self._until = monotonic() + AT_ONCE_SECONDS
            try:
                return work()
            except (sqlite3.OperationalError, OperationalError) as error:
                if not _may_pass(error):
                    raise
            finally:
                self._until = None
        doing = self._thread.submit(self._patiently, work)
        try:
            return await asyncio.shield(asyncio.wrap_future(doing))
        except asyncio.CancelledError:
            self._leave(doing)
            raise

    def _leave(self, doing: Future[Any]) -> None:
        self.lost = True
        doing.add_done_callback(lambda _: self.close())

    def _patiently(self, work: Callable[[], T]) -> T:
        self._raw.execute(f"PRAGMA busy_timeout={int(1000 * PATIENCE_SECONDS)}")
        try:
            return work()
        finally:
            self._raw.execute("PRAGMA busy_timeout=0")

    def _takes_long(self) -> bool:
        return self._until is not None and monotonic() > self._until


class Pool:
    """Connections to one database file, for transactions that all begin in the same way.

    Parameters
    ----------
    engine
        Makes them; see `make_engine`.
    begin
        ``BEGIN`` for those that only read: these may be broken off and done anew. Or
        ``BEGIN IMMEDIATE``.
    size
        How many there are at most.
    full_sync
        Whether a commit waits for the disk.

    """

    def __init__(self, engine: Engine, begin: str, size: int, *, full_sync: bool = False) -> None:
        self._engine = engine
        self._begin = begin
        self._full_sync = full_sync
        self._free: deque[Direct] = deque()
        self._places = Places(size)
        # One more, which copies the log.
        self._thread = ThreadPoolExecutor(max_workers=size + 1, thread_name_prefix="sqlite")
        self._logged = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Direct]:
        """Open a transaction, which is committed if the block ends without an error.

        Raises
        ------
        TimeoutError
            All connections are in use, and stay so.
        sqlite3.Error, sqlalchemy.exc.DBAPIError

        """
        await self._places.take()
        try:
            connection = self._free.pop() if self._free else await self._open()
            before = connection.changed
            try:
                await connection.begin()
                try:
                    yield connection
                except BaseException:
                    if not connection.lost:
                        await connection.rollback()
                    raise
                await connection.commit()
            except BaseException:
                # Whatever state it is in, the next one begins anew.
                if not connection.lost:
                    connection.close()
                raise
            self._free.append(connection)
            self._count(connection.changed - before)
        finally:
            self._places.give()

    def at_once(self, read: Callable[[Connection], T]) -> T:
        """Return what a short read finds, in a transaction of its own, if it need not wait.

        Raises
        ------
        Busy
            It must: `transaction` is patient.
        sqlite3.Error, sqlalchemy.exc.DBAPIError

        """
        if not self._free:
            raise Busy
        connection = self._free.pop()
        try:
            found = connection.read_at_once(read)
        except BaseException as error:
            connection.close()
            if _may_pass(error):
                raise Busy from None
            raise
        self._free.append(connection)
        return found

    def close(self) -> None:
        """Close all connections that are not in use."""
        while self._free:
            self._free.pop().close()
        self._thread.shutdown(wait=False)

    def _count(self, changed: int) -> None:
        self._logged += changed
        if self._logged >= _LOGGED_ROWS:
            self._logged = 0
            with suppress(RuntimeError):  # All is being closed, and the last one to go copies it.
                self._thread.submit(self._copy_log)

    def _copy_log(self) -> None:
        """Copy the log into the database, as far as nobody still reads what it replaces."""
        # Whatever is in the way, the next one copies more.
        with suppress(sqlite3.Error, DBAPIError), self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    async def _open(self) -> Direct:
        opening = asyncio.get_running_loop().run_in_executor(self._thread, self._engine.connect)
        return Direct(await opening, self._thread, self._begin, full_sync=self._full_sync)


def make_engine(path: str, *, full_sync: bool) -> Engine:
    """Return what opens connections to a database file. They wait for no lock by themselves.

    Parameters
    ----------
    full_sync
        Survive a power cut without losing the last commits.

    """
    # The transaction that SQLAlchemy believes to be in has no statement of its own.
    return create_engine(
        "sqlite://", poolclass=NullPool, creator=partial(_open, path, full_sync=full_sync)
    )


def _open(path: str, *, full_sync: bool) -> sqlite3.Connection:
    raw = sqlite3.connect(
        path,
        timeout=PATIENCE_SECONDS,
        # The driver must not open transactions of its own accord.
        isolation_level=None,
        # Never by two at a time: see `Direct`.
        check_same_thread=False,
        cached_statements=256,
        factory=_Connection,
    )
    try:
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute(f"PRAGMA synchronous={'FULL' if full_sync else 'NORMAL'}")
        # Not in the middle of a commit, which would wait for the disk then: see `Pool`.
        raw.execute("PRAGMA wal_autocheckpoint=0")
        raw.execute(f"PRAGMA mmap_size={_MAPPED_BYTES}")
        raw.execute("PRAGMA foreign_keys=ON")
        raw.execute("PRAGMA busy_timeout=0")
    except BaseException:
        raw.close()
        raise
    return raw


class _Cursor(sqlite3.Cursor):
    """Reads all rows when a statement is run: whoever takes them afterwards waits for nothing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._rows: deque[Any] = deque()

    @override
    def execute(self, statement: str, values: Any = (), /) -> _Cursor:
        super().execute(statement, values)
        self._rows = deque(super().fetchall())
        return self

    @override
    def fetchone(self) -> Any:
        return self._rows.popleft() if self._rows else None

    @override
    def fetchmany(self, size: int | None = 1) -> list[Any]:
        return [self._rows.popleft() for _ in range(min(size or 1, len(self._rows)))]

    @override
    def fetchall(self) -> list[Any]:
        rows, self._rows = list(self._rows), deque()
        return rows


class _Connection(sqlite3.Connection):
    @override
    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)


def _may_pass(error: BaseException) -> bool:
    """Whether the same may work for one who has time."""
    reason = error.orig if isinstance(error, OperationalError) else error
    return (
        isinstance(reason, sqlite3.OperationalError)
        and reason.sqlite_errorcode & 0xFF in _TRY_ASIDE
    )
