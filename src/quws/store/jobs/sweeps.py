"""What is due for jobs that nobody looks after, and the writes that see to it.

Every write asks again whether it is due still: two sweeps at once do no harm.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError

from quws.domain.job import JobError, TimelineEntry
from quws.domain.phases import Move, Phase
from quws.domain.targets import TargetStatus
from quws.store import tables as t
from quws.store.database import Database, StoreUnavailable
from quws.store.instants import from_stored
from quws.store.jobs import transition
from quws.store.jobs.clauses import WAITING, in_phases, not_archived
from quws.store.jobs.garbage import discard
from quws.store.jobs.removal import remove
from quws.store.jobs.rows import error_json
from quws.store.owner_tables import job_sessions
from quws.store.statements import Statement

_j = t.jobs.c


@dataclass(frozen=True, slots=True)
class Overdue:
    """A job that a sweep found, with what the sweep needs to know of it.

    Nothing here has to be understood: no row may keep a sweep from the others. So ``phase`` is
    as it stands in the row, which a later release may have written.
    """

    id: str
    attempt: int
    phase: str
    target: str
    owner: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Duties:
    """What there is to do for sweeps, and the time by the clock of the database."""

    time: datetime
    overrun: bool
    lost: bool
    destruction: bool
    retired: bool
    garbage: bool
    webhooks: bool
    sessions: bool


class JobSweeps:
    """Finds jobs whose time has come, and moves or removes them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._duties = _duties(database.now)

    async def duties(self) -> Duties:
        """Look what there is to do, which mostly is nothing: in one statement, unlike doing it."""
        row = await self._database.find(self._duties, {})
        time, *said = row
        return Duties(from_stored(time), *map(bool, said))

    async def overdue(
        self, now: datetime, limit: int = 500, *, but: Collection[str] = ()
    ) -> list[Overdue]:
        """Find executing jobs whose execution duration is over, but for some."""
        executing = in_phases({Phase.EXECUTING})
        return await self._find(_j.deadline, executing, _j.deadline <= now, limit=limit, but=but)

    async def abandoned(self, limit: int = 500, *, but: Collection[str] = ()) -> list[Overdue]:
        """Find executing jobs whose worker has not renewed its lease, but for some."""
        return await self._find(
            _j.lease_until,
            in_phases({Phase.EXECUTING}),
            _j.lease_until <= self._database.now,
            limit=limit,
            but=but,
        )

    async def expired(
        self, now: datetime, limit: int = 500, *, but: Collection[str] = ()
    ) -> list[Overdue]:
        """Find jobs whose destruction time has come, but for some."""
        due = _j.destruction_time <= now
        return await self._find(_j.destruction_time, not_archived(), due, limit=limit, but=but)

    async def requests_of(self, jobs: Collection[Overdue]) -> dict[str, str]:
        """Return which requests made jobs, for the log, by the jobs' ids; where that is known.

        PostgreSQL reads no JSON with a NUL in it: that is no reason not to see to such a job.
        """
        if not jobs:
            return {}
        request = _j.spec["origin"]["request"].as_string()
        query = select(_j.id, request).where(_j.id.in_([item.id for item in jobs]))
        try:
            async with self._database.read() as connection:
                rows = (await connection.execute(query)).all()
        except (DBAPIError, StoreUnavailable):
            return {}
        return {job_id: found for job_id, found in rows if found is not None}

    async def forgotten(self, before: datetime) -> list[tuple[str, int]]:
        """Count, per target, the jobs that have waited since before an instant."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(_j.target, func.count())
                .where(in_phases(WAITING), _j.queued_time <= before)
                .group_by(_j.target)
            )
            return [(target, count) for target, count in rows]

    async def waiting_for(
        self, target: str, limit: int = 500, *, but: Collection[str] = ()
    ) -> list[str]:
        """List jobs that wait for a target, but for some."""
        query = select(_j.id).where(_j.target == target, in_phases(WAITING))
        if but:
            query = query.where(_j.id.not_in(but))
        async with self._database.read() as connection:
            return list(await connection.scalars(query.limit(limit)))

    async def requeue(self, found: Overdue, entry: TimelineEntry) -> bool:
        """Give an abandoned job back to the queue, if its lease is still expired."""
        return await self._release(found, Move.REQUEUE, entry)

    async def give_up(self, found: Overdue, error: JobError, entry: TimelineEntry) -> bool:
        """End an abandoned job that has no attempts left, if its lease is still expired."""
        return await self._release(found, Move.FAIL, entry, error=error_json(error))

    async def refuse(self, job_id: str, error: JobError, entry: TimelineEntry) -> bool:
        """End a job in ERROR that waits for a target which will not come back."""
        async with self._database.write() as connection:
            row = await transition.make(
                connection, job_id, Move.FAIL, entry, in_phases(WAITING), error=error_json(error)
            )
            return row is not None

    async def destroy(self, job_id: str, now: datetime) -> bool:
        """Remove a job whose destruction time has come, if that is still so."""
        async with self._database.write() as connection:
            return await remove(connection, self._database, job_id, now, _j.destruction_time <= now)

    async def archive(self, job_id: str, now: datetime) -> bool:
        """Turn a finished job whose destruction time has come into ARCHIVED: its files go."""
        entry = TimelineEntry(now, "archived", "quws", "destruction time")
        async with self._database.write() as connection:
            row = await transition.make(
                connection, job_id, Move.ARCHIVE, entry, _j.destruction_time <= now
            )
            if row is None:
                return False
            await connection.execute(delete(t.results).where(t.results.c.job_id == job_id))
            await connection.execute(
                update(t.circuits).where(t.circuits.c.job_id == job_id).values(artifact=None)
            )
            # Parameters are metadata and stay. An attempt that was given back had files too.
            for attempt in range(1, row.attempt + 2):
                await discard(connection, self._database, f"{job_id}/{attempt}", now)
            return True

    async def _find(
        self, order: Any, *clauses: Any, limit: int, but: Collection[str]
    ) -> list[Overdue]:
        query = select(_j.id, _j.attempt, _j.phase, _j.target, _j.owner).where(*clauses)
        if but:
            query = query.where(_j.id.not_in(but))
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(order).limit(limit))
            return [Overdue(r.id, r.attempt, r.phase, r.target, r.owner or None) for r in rows]

    async def _release(
        self, found: Overdue, move: Move, entry: TimelineEntry, **columns: Any
    ) -> bool:
        async with self._database.write() as connection:
            row = await transition.make(
                connection,
                found.id,
                move,
                entry,
                in_phases({Phase.EXECUTING}),
                _j.attempt == found.attempt,
                _j.lease_until <= self._database.now,
                **columns,
            )
            if row is None:
                return False
            await discard(connection, self._database, f"{found.id}/{found.attempt}", entry.time)
            return True


def _duties(now: ColumnElement[int]) -> Statement:
    retired = select(t.targets.c.name).where(
        or_(t.targets.c.status == TargetStatus.RETIRED, t.targets.c.hold == TargetStatus.RETIRED)
    )
    executing = in_phases({Phase.EXECUTING})
    first = {
        "overrun": _first(_j.deadline, now, executing),
        "lost": _first(_j.lease_until, now, executing),
        "destruction": _first(_j.destruction_time, now, not_archived()),
    }
    columns = [found.is_not(None).label(name) for name, found in first.items()]
    columns += [
        exists(select(_j.id).where(in_phases(WAITING), _j.target.in_(retired))).label("retired"),
        exists(select(t.garbage.c.prefix)).label("garbage"),
        exists(select(t.webhooks.c.id)).label("webhooks"),
        exists(select(job_sessions.c.id).where(job_sessions.c.over.is_(None))).label("sessions"),
    ]
    wanted: list[Any] = [now.label("time"), *columns]
    return Statement(select(*wanted))


def _first(due: Any, now: ColumnElement[int], *clauses: Any) -> ScalarSelect[str]:
    """Return the job that is due first, if one is.

    With EXISTS PostgreSQL would read the table where it expects that many are due.
    """
    found = select(_j.id).where(*clauses, due <= now)
    return found.order_by(due).limit(1).scalar_subquery()
