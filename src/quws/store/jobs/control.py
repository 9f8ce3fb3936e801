"""What clients do with their jobs after these are made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, case, func, select, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain import phases
from quws.domain.job import Job, JobRef, Parameter, TimelineEntry
from quws.domain.phases import Move, Phase
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs import transition
from quws.store.jobs.circuits import replace_circuits
from quws.store.jobs.clauses import in_phases
from quws.store.jobs.garbage import discard
from quws.store.jobs.removal import remove
from quws.store.jobs.rows import parameter_json, ref_of
from quws.store.jobs.turns import next_turn

_j = t.jobs.c
_ACTIVE = frozenset({Phase.QUEUED, Phase.EXECUTING, Phase.SUSPENDED})
_NOT_ARCHIVED = frozenset(Phase) - {Phase.ARCHIVED}


class JobControl:
    """The client's writes: RUN, ABORT, DELETE and what a job is set to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def queue(self, job: Job, entry: TimelineEntry, max_queued: int) -> JobRef | None:
        """RUN: put a job into its target's queue, at its owner's next turn.

        With ``max_queued`` above 0 only if its owner has fewer jobs waiting and
        running; the check and the move are one.
        """
        async with self._database.write() as connection:
            if max_queued:
                # Two RUNs of one owner must not both see the last free place.
                await self._database.lock(connection, f"quota:{job.owner}")
                if await _active(connection, job.owner) >= max_queued:
                    return None
            turn = next_turn(self._database, job.target, job.owner)
            row = await transition.make(connection, job.id, Move.QUEUE, entry, turn=turn)
            return None if row is None else ref_of(row)

    async def active(self, owner: str | None) -> int:
        """Count an owner's jobs that wait or run."""
        async with self._database.read() as connection:
            return await _active(connection, owner)

    async def hold(self, job_id: str, entry: TimelineEntry) -> JobRef | None:
        """RUN of a job that may not be queued: it waits for another RUN."""
        async with self._database.write() as connection:
            row = await transition.make(connection, job_id, Move.HOLD, entry)
            return None if row is None else ref_of(row)

    async def abort(
        self, job_id: str, entry: TimelineEntry, *, past_deadline: datetime | None = None
    ) -> JobRef | None:
        """Abort a job in any phase that is not over.

        With ``past_deadline`` only if its execution duration is over by then.
        """
        guards = [] if past_deadline is None else [_j.deadline <= past_deadline]
        async with self._database.write() as connection:
            row = await transition.make(connection, job_id, Move.ABORT, entry, *guards)
            if row is None:
                return None
            if row.claimed_time is not None:
                # An attempt that was given back had the next number.
                for attempt in (row.attempt, row.attempt + 1):
                    await discard(connection, self._database, f"{job_id}/{attempt}", entry.time)
            return ref_of(row)

    async def set_run_id(self, job_id: str, run_id: str | None) -> bool:
        """Change the run id of a job that is not archived."""
        return await self._set(job_id, _NOT_ARCHIVED, run_id=run_id)

    async def set_destruction(self, job_id: str, destruction: datetime | None) -> bool:
        """Change the destruction time of a job that is not archived."""
        return await self._set(job_id, _NOT_ARCHIVED, destruction_time=destruction)

    async def set_execution_duration(self, job_id: str, seconds: int) -> bool:
        """Change the execution duration of a job that is not over.

        A running job's deadline moves in the same statement, counted from the
        start of its run.
        """
        return await self._set(
            job_id,
            frozenset(Phase) - phases.FINAL,
            execution_duration=seconds,
            deadline=(
                case(
                    (
                        _j.phase == Phase.EXECUTING,
                        type_coerce(_j.claimed_time, BigInteger) - _j.spent_ms + seconds * 1000,
                    )
                )
                if seconds
                else None
            ),
        )

    async def set_parameters(
        self, job_id: str, parameters: Sequence[Parameter], changes: dict[str, Any]
    ) -> bool:
        """Replace the parameters of a PENDING job, with the columns that follow from them.

        ``changes`` holds ``circuits``, and may hold ``spec``, ``target``, ``size``, ``cost_ms``,
        ``quote``.
        """
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(t.jobs)
                .where(_j.id == job_id, in_phases({Phase.PENDING}))
                .values(parameters=[parameter_json(item) for item in parameters], **changes)
            )
            if changed.rowcount == 0:
                return False
            await replace_circuits(connection, job_id, changes["circuits"])
            return True

    async def delete(self, job_id: str, now: datetime) -> bool:
        """Remove a job in any phase; its artifacts are noted as garbage in the same transaction."""
        async with self._database.write() as connection:
            return await remove(connection, self._database, job_id, now)

    async def _set(self, job_id: str, allowed: frozenset[Phase], **values: Any) -> bool:
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(t.jobs).where(_j.id == job_id, in_phases(allowed)).values(**values)
            )
            return changed.rowcount == 1


async def _active(connection: AsyncConnection, owner: str | None) -> int:
    found = await connection.scalar(
        select(func.count())
        .select_from(t.jobs)
        .where(_j.owner == (owner or ""), in_phases(_ACTIVE))
    )
    return int(found or 0)
