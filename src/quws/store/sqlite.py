"""SQLite for an event loop: what is short is done at once, what must wait goes to a thread.

A statement on SQLite takes some dozen microseconds, and to hand it to a thread and to hear of its
end ten times as long. So each is tried where it is called; what finds the database locked, or turns
out to read a lot, is done anew in a thread, and so is from the outset what may have to wait for
the disk. SQLAlchemy's dialect for aiosqlite runs on these connections as on those of aiosqlite.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from time import monotonic
from typing import Any, Self, TypeVar

T = TypeVar("T")

_PATIENCE_MILLIS = 30_000
"""How long to wait for a lock that another process has."""
_AT_ONCE_SECONDS = 0.01
"""How long a query may keep everybody else in the process waiting."""
_STEPS = 10_000
"""After how many steps of a query that is looked at: about a millisecond."""
_MANY_ROWS = 500
_TRY_ASIDE = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT})


async def connect(path: str, *, reads: bool, full_sync: bool) -> Connection:
    """Open a database.

    Parameters
    ----------
    reads
        Whether it is for reading only. In a transaction that has written nothing may be broken off.
    full_sync
        Survive a power cut without losing the last commits.

    Raises
    ------
    sqlite3.Error

    """
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
    opening = partial(_open, path, full_sync=full_sync)
    try:
        raw = await asyncio.get_running_loop().run_in_executor(thread, opening)
    except BaseException:
        thread.shutdown(wait=False)
        raise
    return Connection(raw, thread, reads=reads)


def _open(path: str, *, full_sync: bool) -> sqlite3.Connection:
    raw = sqlite3.connect(
        path,
        timeout=_PATIENCE_MILLIS / 1000,
        # The driver must not open transactions of its own accord.
        isolation_level=None,
        # Never by two at a time: see `Connection.run`.
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute(f"PRAGMA synchronous={'FULL' if full_sync else 'NORMAL'}")
        raw.execute("PRAGMA foreign_keys=ON")
        raw.execute("PRAGMA busy_timeout=0")
    except BaseException:
        raw.close()
        raise
    return raw


class Connection:
    """One connection, as SQLAlchemy's dialect for aiosqlite knows it."""

    def __init__(self, raw: sqlite3.Connection, thread: ThreadPoolExecutor, *, reads: bool) -> None:
        self._connection: sqlite3.Connection | None = raw
        self._thread = thread
        self._aside: set[Future[Any]] = set()
        self._reads = reads
        self._until: float | None = None
        if reads:
            raw.set_progress_handler(self._takes_long, _STEPS)

    async def run(self, work: Callable[[], T], *, aside: bool = False) -> T:
        """Do something with the database at once, or ``aside`` in the thread; return its result."""
        # Who was cancelled has left the thread at work: the connection is the thread's until then.
        self._aside = {item for item in self._aside if not item.done()}
        if not aside and not self._aside:
            self._until = monotonic() + _AT_ONCE_SECONDS
            try:
                return work()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in _TRY_ASIDE:
                    raise
            finally:
                self._until = None
        doing = self._thread.submit(self._patiently, work)
        self._aside.add(doing)
        return await asyncio.wrap_future(doing)

    def _patiently(self, work: Callable[[], T]) -> T:
        raw = self._raw
        raw.execute(f"PRAGMA busy_timeout={_PATIENCE_MILLIS}")
        try:
            return work()
        finally:
            if self._connection is not None:
                raw.execute("PRAGMA busy_timeout=0")

    def _takes_long(self) -> bool:
        return self._until is not None and monotonic() > self._until

    @property
    def _raw(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ValueError("connection closed")
        return self._connection

    def cursor(self) -> Cursor:
        """Return a new cursor."""
        return Cursor(self, self._raw.cursor())

    async def create_function(self, *given: Any, **more: Any) -> None:
        """Teach the database a function."""
        self._raw.create_function(*given, **more)

    async def commit(self) -> None:
        """End the transaction, if there is one: what was written stays."""
        # Now and then SQLite copies its log into the database then, and waits for the disk.
        await self.run(self._raw.commit, aside=not self._reads)

    async def rollback(self) -> None:
        """End the transaction, if there is one: nothing was written."""
        await self.run(self._raw.rollback)

    async def close(self) -> None:
        """Close the connection, after what the thread is about."""
        if self._connection is not None:
            await self.run(self._close, aside=True)
            self._thread.shutdown(wait=False)

    def stop(self) -> None:
        """Close the connection without waiting for that."""
        if self._connection is not None:
            self._thread.submit(self._close)
            self._thread.shutdown(wait=False)

    def _close(self) -> None:
        raw, self._connection = self._connection, None
        if raw is not None:
            raw.close()


class Cursor:
    """A statement and the rows that it gives, which are there as soon as it has run."""

    arraysize = 1

    def __init__(self, connection: Connection, raw: sqlite3.Cursor) -> None:
        self._connection = connection
        self._raw = raw
        self._rows: deque[Any] = deque()

    async def __aenter__(self) -> Self:
        return self

    @property
    def description(self) -> Any:
        """What the columns are; None where there are none."""
        return self._raw.description

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        return self._raw.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The id of the row that was written last."""
        return self._raw.lastrowid

    async def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run a statement."""
        self._rows = deque(await self._connection.run(partial(self._execute, statement, values)))

    def _execute(self, statement: str, values: Sequence[Any]) -> list[Any]:
        return self._raw.execute(statement, values).fetchall()

    async def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each of several rows of values."""
        rows = list(rows)
        many = len(rows) > _MANY_ROWS
        await self._connection.run(partial(self._raw.executemany, statement, rows), aside=many)

    async def fetchone(self) -> Any:
        """Return the next row, or None."""
        return self._rows.popleft() if self._rows else None

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows, at most so many."""
        wanted = min(size or self.arraysize, len(self._rows))
        return [self._rows.popleft() for _ in range(wanted)]

    async def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        rows, self._rows = list(self._rows), deque()
        return rows

    async def close(self) -> None:
        """Give the statement back."""
        self._raw.close()
