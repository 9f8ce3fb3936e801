"""Sessions in SQL: which jobs run back to back, and which session has a target now.

What workers write of a session, they write in the transactions of its jobs, and never wait for its
row: who holds that writes the same, or closes it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    Text,
    TextClause,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.errors import SessionClosed
from quws.domain.job import TimelineEntry
from quws.domain.sessions import OVER, Session, SessionMode, closed_sentence
from quws.store import tables as t
from quws.store.database import Database, clock
from quws.store.instants import from_stored
from quws.store.jobs.target_use import add_use
from quws.store.jobs.timeline import tell_of
from quws.store.owner_tables import job_sessions, timeslots
from quws.store.statements import Statement

_s = job_sessions.c
_runs, _waits = t.jobs.alias("runs"), t.jobs.alias("waits")
_ID = bindparam("its_session", type_=_s.id.type)
_TARGET = bindparam("its_target", type_=Text())
_MOST = 500
_RUNNING = (_runs.c.session == _s.id, text("runs.phase = 'EXECUTING'"))
_WAITING = (_waits.c.session == _s.id, text("waits.phase IN ('QUEUED', 'SUSPENDED')"))


class _NotDone(Exception):
    """A session goes on: nothing is written."""


class SessionStore:
    """The sessions of all targets."""

    def __init__(self, database: Database) -> None:
        self._database = database
        columns = [
            *job_sessions.c,
            _count(_runs, *_RUNNING).label("running"),
            _count(_waits, *_WAITING).label("waiting"),
            database.now.label("now"),
        ]
        self._select: Select[Any] = select(*columns).select_from(job_sessions)
        self._get = Statement(self._select.where(_s.id == _ID))
        self._first = Statement(self._select.where(_s.id == first(database, _TARGET)))

    async def open(self, wanted: Session, most: int) -> int | None:
        """Write a new session, and return None.

        Nothing is written if its owner has ``most`` of its target that take jobs or have some, of
        which the number is returned.
        """
        owner = wanted.owner or ""
        async with self._database.write() as connection:
            # On PostgreSQL two at once do not see each other's rows yet.
            await self._database.lock(connection, f"sessions:{owner}:{wanted.target}")
            going = await connection.scalar(
                select(func.count())
                .select_from(job_sessions)
                .where(_s.owner == owner, _s.target == wanted.target, _going(self._database))
            )
            if going is not None and going >= most:
                return int(going)
            await connection.execute(
                insert(job_sessions).values(
                    id=wanted.id,
                    target=wanted.target,
                    owner=owner,
                    mode=wanted.mode,
                    created=self._database.now,
                    max_ms=wanted.max_seconds * 1000,
                    idle_ms=wanted.idle_seconds * 1000,
                )
            )
            return None

    async def get(self, session_id: str) -> Session | None:
        """Find a session."""

        def read(connection: Connection) -> Session | None:
            row = self._get.first(connection, {"its_session": session_id})
            return None if row is None else _session(row)

        return await self._database.look(read)

    async def of_owner(
        self, owner: str | None, *, everybody: bool = False, limit: int = _MOST
    ) -> list[Session]:
        """List an owner's sessions, the newest first; those of all with ``everybody``."""
        query = self._select.order_by(_s.created.desc(), _s.id.desc()).limit(limit)
        if not everybody:
            query = query.where(_s.owner == (owner or ""))
        async with self._database.read() as connection:
            return [_session(row) for row in await connection.execute(query)]

    async def first(self, target: str) -> Session | None:
        """Return the session whose jobs go first on a target now; None if there is none."""

        def read(connection: Connection) -> Session | None:
            row = self._first.first(connection, {"its_target": target})
            return None if row is None else _session(row)

        return await self._database.look(read)

    async def close(self, session_id: str, *, cancel: bool = False) -> bool:
        """Take no new jobs for a session; with ``cancel`` note that its waiting ones are to end."""
        changes: dict[str, Any] = {"closed": func.coalesce(_s.closed, self._database.now)}
        if cancel:
            changes["cancelled"] = True
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(job_sessions).where(_s.id == session_id, _s.over.is_(None)).values(**changes)
            )
            return changed.rowcount > 0

    async def unbegun(self, session_id: str, limit: int) -> list[str]:
        """List jobs of a session that are not over and do not run."""
        j = t.jobs.c
        query = select(j.id).where(
            j.session == session_id,
            text("jobs.phase IN ('PENDING', 'HELD', 'QUEUED', 'SUSPENDED')"),
        )
        async with self._database.read() as connection:
            return list(await connection.scalars(query.limit(limit)))

    async def going(self, past: Session | None = None) -> list[Session]:
        """List some sessions that are not over, the oldest first; those after one (``past``)."""
        query = self._select.where(_s.over.is_(None)).order_by(_s.created, _s.id).limit(_MOST)
        if past is not None:
            query = query.where(tuple_(_s.created, _s.id) > (past.created, past.id))
        async with self._database.read() as connection:
            return [_session(row) for row in await connection.execute(query)]

    async def rest(self, session: Session) -> bool:
        """Note that a session is inactive, if it is still idle; what it had is charged."""
        async with self._database.write() as connection:
            return await self._settle(connection, session.id, _is_idle, active_since=None)

    async def end(self, session: Session, now: datetime) -> bool:
        """Note that a session is over, if nothing more comes of it; what it had is charged.

        The timelines of its jobs that still wait say so.
        """
        entry = TimelineEntry(now, "session over", "quws", OVER)
        j = t.jobs.c
        waiting = select(j.id).where(
            j.session == session.id, text("jobs.phase IN ('QUEUED', 'SUSPENDED')")
        )
        with suppress(_NotDone):
            async with self._database.write() as connection:
                jobs = (await connection.scalars(waiting)).all()
                # First: who holds a job comes for the session later, and never the reverse.
                await tell_of(connection, [(job_id, entry) for job_id in jobs])
                over = {"active_since": None, "over": self._database.now}
                if not await self._settle(connection, session.id, _is_done, **over):
                    raise _NotDone
                return True
        return False

    async def forget(self, before: datetime) -> int:
        """Forget sessions that were over before an instant. Returns how many."""
        async with self._database.write() as connection:
            gone = await connection.execute(delete(job_sessions).where(_s.over < before))
            return gone.rowcount

    async def _settle(
        self,
        connection: AsyncConnection,
        session_id: str,
        still: Callable[[Session], bool],
        **changes: Any,
    ) -> bool:
        row = (
            await connection.execute(
                self._select.where(_s.id == session_id, _s.over.is_(None)).with_for_update(
                    of=job_sessions
                )
            )
        ).first()
        if row is None or not still(_session(row)):
            return False
        await connection.execute(
            update(job_sessions)
            .where(_s.id == session_id)
            .values(idled_ms=0, idle_from=None, **changes)
        )
        if row.mode == SessionMode.DEDICATED and (held := _held_ms(row)):
            now = from_stored(row.now)
            await add_use(connection, self._database, row.target, {row.owner: held}, now)
        return True


def _going(database: Database) -> ColumnElement[bool]:
    """Whether a session takes jobs or has some: a closed one without waits for a sweep only."""
    ends = func.coalesce(_s.ends, type_coerce(_s.created, BigInteger) + _s.max_ms)
    return and_(
        _s.over.is_(None),
        or_(
            and_(_s.closed.is_(None), ends > database.now),
            exists(select(_waits.c.id).where(*_WAITING)),
            exists(select(_runs.c.id).where(*_RUNNING)),
        ),
    )


def first(
    database: Database,
    target: str | BindParameter[str],
    full: BindParameter[Any] | None = None,
    *,
    booked: bool = False,
) -> ColumnElement[str]:
    """Return the query for the session whose jobs go first on a target, if one does.

    A dedicated one has the target for itself. Of others it is one that has something to run.
    ``full`` are owners who may run no more now. With ``booked`` a session does not count while a
    timeslot of another owner is on.
    """
    batches = (_s.mode == SessionMode.BATCH.value, exists(select(_waits.c.id).where(*_WAITING)))
    return func.coalesce(
        dedicated(database, target, full, booked=booked),
        _oldest(_goes_first(database, target, full, booked=booked), *batches),
    )


def dedicated(
    database: Database,
    target: str | BindParameter[str],
    full: BindParameter[Any] | None = None,
    *,
    booked: bool = False,
) -> ScalarSelect[str]:
    """Return the query for the session that has a target for itself, if one has; see `first`."""
    going = _goes_first(database, target, full, booked=booked)
    return _oldest(going, _s.mode == SessionMode.DEDICATED.value)


def any_active(target: str | BindParameter[str]) -> ColumnElement[bool]:
    """Whether a session of a target may have jobs that go first: a quick look before a long one."""
    return select(_s.id).where(_s.target == target, _s.active_since.is_not(None)).exists()


def going_first(database: Database, target: str | BindParameter[str]) -> Select[str]:
    """Return the query for all sessions of a target whose jobs go before others."""
    return select(_s.id).where(_goes_first(database, target)).correlate(None)


def _oldest(*clauses: ColumnElement[bool]) -> ScalarSelect[str]:
    found = select(_s.id).where(*clauses).order_by(_s.active_since, _s.id).limit(1)
    return found.correlate(None).scalar_subquery()


def _goes_first(
    database: Database,
    target: str | BindParameter[str],
    full: BindParameter[Any] | None = None,
    *,
    booked: bool = False,
) -> ColumnElement[bool]:
    waits = exists(select(_waits.c.id).where(*_WAITING))
    clauses = [
        _s.target == target,
        _s.active_since.is_not(None),
        _s.ends > database.now,
        or_(
            and_(_s.closed.is_(None), _s.idle_at > database.now),
            # Of an owner who may run no more now, what waits is no reason to let others wait.
            waits if full is None else and_(_s.owner.not_in(full), waits),
            exists(select(_runs.c.id).where(*_RUNNING)),
        ),
    ]
    if booked:
        b = timeslots.c
        on = (b.target == target, b.begins <= database.now, b.ends > database.now)
        clauses.append(~exists(select(b.id).where(*on, b.owner != _s.owner)))
    return and_(*clauses)


def _row_of_one() -> ScalarSelect[str]:
    """Return the session whose row nobody else writes right now."""
    mine = select(_s.id).where(_s.id == _ID, _s.over.is_(None))
    return mine.with_for_update(skip_locked=True).correlate(None).scalar_subquery()


def _claimed(*, sqlite: bool) -> Statement:
    now = clock(sqlite=sqlite)
    # It has kept the target for as long as its limit, and by a clock that was set it did not.
    until = case((_s.idle_at < now, type_coerce(_s.idle_at, BigInteger)), else_=now)
    idled = until - type_coerce(_s.idle_from, BigInteger)
    return Statement(
        update(job_sessions)
        .where(_s.id == _row_of_one())
        .values(
            began=func.coalesce(_s.began, now),
            ends=func.coalesce(_s.ends, now + _s.max_ms),
            active_since=func.coalesce(_s.active_since, now),
            idle_at=now + _s.idle_ms,
            idled_ms=_s.idled_ms + case((_s.idle_from < until, idled), else_=0),
            idle_from=None,
            last_started=now,
        )
        .returning(_s.id)
    )


def _left(*, sqlite: bool) -> Statement:
    now = clock(sqlite=sqlite)
    runs = exists(select(_runs.c.id).where(*_RUNNING).correlate(job_sessions))
    return Statement(
        update(job_sessions)
        .where(_s.id == _row_of_one(), _s.active_since.is_not(None))
        .values(idle_at=now + _s.idle_ms, idle_from=case((runs, None), else_=now), last_ended=now)
        .returning(_s.id)
    )


def _takes(*, sqlite: bool) -> Statement:
    now = clock(sqlite=sqlite)
    going = or_(_s.ends.is_(None), _s.ends > now)
    return Statement(
        select(_s.id).where(_s.id == _ID, _s.closed.is_(None), _s.over.is_(None), going)
    )


class _ByClock:
    """A statement with the clock of its database: one for each kind."""

    def __init__(self, make: Callable[..., Statement]) -> None:
        self._made = {name: make(sqlite=name == "sqlite") for name in ("sqlite", "postgresql")}

    async def find(self, connection: AsyncConnection, session_id: str) -> Any:
        """Run it for a session, and return its row; None if there is none."""
        return await connection.run_sync(self._first, {"its_session": session_id})

    def _first(self, connection: Connection, values: dict[str, Any]) -> Any:
        return self._made[connection.dialect.name].first(connection, values)


_TAKES, _CLAIMED, _LEFT = _ByClock(_takes), _ByClock(_claimed), _ByClock(_left)


async def admit(connection: AsyncConnection, session_id: str) -> None:
    """Make sure, in the transaction that writes a job of it, that a session takes new jobs.

    Raises
    ------
    SessionClosed

    """
    if await _TAKES.find(connection, session_id) is None:
        raise SessionClosed(closed_sentence(session_id), parameter="SESSION")


async def claimed(connection: AsyncConnection, session_id: str) -> None:
    """Note that a job of a session was claimed: it has begun, and its jobs go first now."""
    await _CLAIMED.find(connection, session_id)


async def left(connection: AsyncConnection, session_ids: Collection[str]) -> None:
    """Note that jobs of sessions have come out of their workers' hands."""
    for session_id in sorted(session_ids):
        await _LEFT.find(connection, session_id)


def _count(table: Any, *clauses: ColumnElement[bool] | TextClause) -> ScalarSelect[int]:
    counted = select(func.count()).select_from(table).where(*clauses)
    return counted.correlate(job_sessions).scalar_subquery()


def _is_idle(session: Session) -> bool:
    return session.active_since is not None and session.idle


def _is_done(session: Session) -> bool:
    return session.done


def _held_ms(row: Any) -> int:
    """Return for how long nobody has used a target that was dedicated to a session."""
    held = int(row.idled_ms)
    if row.idle_from is not None:
        ends = [from_stored(row.now), row.idle_at, row.ends, row.closed]
        until = min(item for item in ends if item is not None)
        held += max(0, round((until - row.idle_from).total_seconds() * 1000))
    return held


def _session(row: Any) -> Session:
    return Session(
        id=row.id,
        target=row.target,
        owner=row.owner or None,
        mode=SessionMode(row.mode),
        created=row.created,
        max_seconds=row.max_ms // 1000,
        idle_seconds=row.idle_ms // 1000,
        at=from_stored(row.now),
        began=row.began,
        ends=row.ends,
        active_since=row.active_since,
        idle_at=row.idle_at,
        closed=row.closed,
        cancelled=row.cancelled,
        over=row.over,
        last_started=row.last_started,
        last_ended=row.last_ended,
        waiting=row.waiting,
        running=row.running,
    )
