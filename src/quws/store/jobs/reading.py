"""One job, read."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.job import REQUEUED, Job, JobRef, TimelineEntry
from quws.domain.phases import Phase
from quws.domain.targets import TargetState
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.clauses import CHUNK, QUEUE_ORDER, WAITING, in_phases
from quws.store.jobs.rows import job_of, ref_of, select_refs
from quws.store.jobs.timeline import timeline_of
from quws.store.targets import state_of

_j = t.jobs.c


class JobReading:
    """Reads single jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, job_id: str) -> Job | None:
        """Return a whole job with its results."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(t.jobs).where(_j.id == job_id))).first()
            return None if row is None else await job_of(connection, row)

    async def head(self, job_id: str) -> JobRef | None:
        """Return what the list says of one job: enough to decide who may see it."""
        async with self._database.read() as connection:
            row = (await connection.execute(select_refs().where(_j.id == job_id))).first()
            return None if row is None else ref_of(row)

    async def whole(
        self, job_id: str
    ) -> tuple[Job, list[TimelineEntry], int | None, TargetState] | None:
        """Return a job with its timeline, how many go before it, and the state of its target.

        The third is None for a job that does not wait in its target's queue.
        """
        async with self._database.read() as connection:
            row = (await connection.execute(select(t.jobs).where(_j.id == job_id))).first()
            if row is None:
                return None
            job = await job_of(connection, row)
            timeline = await timeline_of(connection, job.id)
            position = await _position(connection, job) if job.phase is Phase.QUEUED else None
            state = TargetState()
            if job.phase in WAITING:
                state = await state_of(connection, self._database, job.target)
            return job, timeline, position, state

    async def troubles(self, job_id: str) -> list[str]:
        """Return, oldest first, what went wrong in attempts of a job that were not its last."""
        c = t.timeline.c
        async with self._database.read() as connection:
            rows = await connection.scalars(
                select(c.message).where(c.job_id == job_id, c.status == REQUEUED).order_by(c.id)
            )
            return [message or "" for message in rows]

    async def circuit_artifacts(self, job_id: str) -> dict[int, str]:
        """Return where the results of a batch's finished circuits are: index to artifact key."""
        c = t.circuits.c
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(c.index, c.artifact).where(c.job_id == job_id, c.artifact.is_not(None))
            )
            return {index: artifact for index, artifact in rows}  # noqa: C416 - rows, no pairs

    async def known(self, job_ids: Iterable[str]) -> set[str]:
        """Return which of these jobs exist."""
        wanted = list(job_ids)
        found: set[str] = set()
        # A statement can carry only so many values.
        for start in range(0, len(wanted), CHUNK):
            query = select(_j.id).where(_j.id.in_(wanted[start : start + CHUNK]))
            async with self._database.read() as connection:
                found.update(await connection.scalars(query))
        return found


async def _position(connection: AsyncConnection, job: Job) -> int | None:
    mine = t.jobs.alias("mine")
    return await connection.scalar(
        select(func.count())
        .select_from(t.jobs)
        .join(mine, mine.c.id == job.id)
        .where(_j.target == job.target, in_phases(WAITING))
        .where(tuple_(*QUEUE_ORDER) < tuple_(*(mine.c[item.key] for item in QUEUE_ORDER)))
    )
