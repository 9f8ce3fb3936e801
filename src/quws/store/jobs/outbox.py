"""What happened to jobs, for those who are to be told of it, and who may be away now.

A row is written in the transaction of what it tells of, so that none is lost
and none is false. A job's row may be gone when this is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Integer, bindparam, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.job import JobRef
from quws.domain.phases import Phase
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.clauses import CHUNK
from quws.store.jobs.rows import phase_of, ref_of
from quws.store.statements import Rows, Statement

_j, _o = t.jobs.c, t.outbox.c

LATE_ENTRIES = 200
"""Two transactions that overlap may commit in the other order than they drew their ids: whoever
goes on from an id looks at so many before it once more.
"""


class Kind(StrEnum):
    """What a row of the outbox tells of."""

    PHASE = "phase"
    """The job is in a new phase, or new."""
    CIRCUIT = "circuit"
    """One of its circuits is done."""
    DELETED = "deleted"
    LABELS = "labels"
    """It is called otherwise."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to a job. ``phase`` is the job's then, or its last."""

    kind: Kind
    time: datetime
    job_id: str
    owner: str
    phase: Phase


@dataclass(frozen=True, slots=True)
class News:
    """The newest thing that happened to a job, and the job as it is now; None if it is gone."""

    id: int
    job_id: str
    job: JobRef | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. ``phase`` is None when the job was deleted."""

    id: int
    job_id: str
    phase: Phase | None


class Outbox:
    """Reads what happened, in the order of its writing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self) -> int:
        """Return the id of the newest row, 0 where there is none."""
        row = await self._database.find(_NEWEST, {})
        return int(row[0] or 0)

    async def since(self, owner: str | None, *, everybody: bool, after: int) -> list[News]:
        """Return the jobs to which something newer than an id happened, each once.

        In the order of the newest that happened to each, at most a thousand.
        ``owner`` counts only when ``everybody`` is False.
        """
        newest = func.max(_o.id).label("newest")
        query = (
            select(newest, _o.job_id, _j.id, _j.phase, _j.run_id, _j.owner, _j.creation_time)
            .select_from(t.outbox.outerjoin(t.jobs, _j.id == _o.job_id))
            .where(_o.id > after, _o.kind.in_(list(Kind)))
            .group_by(_o.job_id, _j.id)
            .order_by(newest)
            .limit(CHUNK)
        )
        if not everybody:
            query = query.where(_o.owner == (owner or ""))
        async with self._database.read() as connection:
            return [
                News(row.newest, row.job_id, None if row.id is None else ref_of(row))
                for row in await connection.execute(query)
            ]

    async def tail(self, after: int, limit: int = CHUNK) -> list[Entry]:
        """Return what was written after an id, of everybody's jobs, at most so much."""
        async with self._database.read() as connection:
            return [
                Entry(row.id, row.job_id, None if row.kind == Kind.DELETED else phase_of(row.phase))
                for row in await _TAIL.run(connection, {"after": after, "most": limit})
            ]

    async def prune(self, before: datetime, limit: int = CHUNK) -> int:
        """Remove rows from before an instant, at most so many. Return how many they were.

        The newest row stays however old it is: it says how far the ids have come.
        """
        old = (
            select(_o.id)
            .where(_o.time < before, _o.id < select(func.max(_o.id)).scalar_subquery())
            .order_by(_o.time)
            .limit(limit)
        )
        async with self._database.write() as connection:
            pruned = await connection.execute(delete(t.outbox).where(_o.id.in_(old)))
            return pruned.rowcount


_NEWEST = Statement(select(func.max(_o.id)))
_TAIL = Statement(
    select(_o.id, _o.job_id, _o.kind, _o.phase)
    .where(_o.id > bindparam("after", type_=_o.id.type))
    .order_by(_o.id)
    .limit(bindparam("most", type_=Integer))
)
_ENTRIES = Rows(t.outbox, "kind", "time", "job_id", "owner", "phase")


async def write(connection: AsyncConnection, happenings: Sequence[Happening]) -> None:
    """Write what happened, for those who follow events."""
    await _ENTRIES.add(
        connection,
        [(item.kind, item.time, item.job_id, item.owner, item.phase) for item in happenings],
    )
