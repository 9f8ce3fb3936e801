"""What a worker writes of a job that it holds; who lost the job can write nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, insert, select, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain import quotes
from quws.domain.job import Claim, JobError, Result, TimelineEntry
from quws.domain.phases import Move, Phase
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs import transition
from quws.store.jobs.clauses import fence, held
from quws.store.jobs.garbage import discard
from quws.store.jobs.outbox import Happening, Kind
from quws.store.jobs.rows import error_json
from quws.store.jobs.timeline import tell

_j = t.jobs.c

_BATCH_OFFSET = 100
"""Results of single circuits are listed after those of the whole job."""

_MORE_OFFSET = 1_000_000


class JobPublishing:
    """The writes of a worker to the job that it holds, each fenced by attempt and lease."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, claim: Claim, entry: TimelineEntry) -> bool:
        """Add to the timeline of a job that this worker holds."""
        async with self._database.write() as connection:
            if not await held(connection, claim):
                return False
            await tell(connection, claim.id, entry)
            return True

    async def say(self, claim: Claim, message: str | None) -> bool:
        """Say in a word where a running job stands; the timeline does not keep it."""
        return await self._set(claim, message=message)

    async def set_calibration(self, claim: Claim, calibration_id: str) -> bool:
        """Note the calibration that a job runs with."""
        return await self._set(claim, calibration_id=calibration_id)

    async def store_circuit(
        self,
        claim: Claim,
        index: int,
        result: Result,
        entry: TimelineEntry,
        started: datetime,
        more: Sequence[Result] = (),
    ) -> bool:
        """Keep the result of one circuit of a batch and list it as a result of the job.

        ``more`` are further files of the circuit, listed after the results of all circuits.
        """
        async with self._database.write() as connection:
            if not await held(connection, claim):
                return False
            stored = await connection.execute(
                update(t.circuits)
                .where(
                    t.circuits.c.job_id == claim.id,
                    t.circuits.c.index == index,
                    t.circuits.c.status != "completed",
                )
                .values(
                    status="completed",
                    attempt=claim.attempt,
                    artifact=result.artifact,
                    start_time=started,
                    end_time=entry.time,
                )
            )
            if stored.rowcount == 0:
                return True  # Done before, but the news of its commit was lost.
            await connection.execute(
                update(t.jobs)
                .where(_j.id == claim.id)
                .values(
                    circuits_done=_j.circuits_done + 1,
                    stored_bytes=_j.stored_bytes + _bytes_of([result, *more]),
                )
            )
            await _publish(connection, claim, [result], first=index + _BATCH_OFFSET)
            await _publish(connection, claim, more, first=index + _MORE_OFFSET)
            await tell(connection, claim.id, entry)
            await transition.happened(
                connection,
                Happening(
                    Kind.CIRCUIT, entry.time, claim.id, claim.job.owner or "", Phase.EXECUTING
                ),
            )
            return True

    async def complete(
        self, claim: Claim, results: Sequence[Result], entry: TimelineEntry, seconds: float
    ) -> bool:
        """End a job well: phase, end time, results and timeline in one transaction.

        ``seconds`` is how long it ran, from which quotes learn.
        """
        async with self._database.write() as connection:
            done = await transition.make(
                connection,
                claim.id,
                Move.COMPLETE,
                entry,
                fence(claim),
                circuits_done=_j.circuits,
                stored_bytes=_j.stored_bytes + _bytes_of(results),
            )
            if done is None:
                return False
            await connection.execute(
                update(t.circuits)
                .where(t.circuits.c.job_id == claim.id, t.circuits.c.status != "completed")
                .values(status="completed", attempt=claim.attempt, end_time=entry.time)
            )
            await _publish(connection, claim, results)
            if claim.attempt == 1:
                await self._learn(connection, claim, seconds)
            return True

    async def fail(self, claim: Claim, error: JobError, entry: TimelineEntry) -> bool:
        """End a job in ERROR."""
        return await self._lost(claim, Move.FAIL, entry, error=error_json(error))

    async def retry(self, claim: Claim, entry: TimelineEntry) -> bool:
        """Put a job back into the queue whose process died; the attempt is used up."""
        return await self._lost(claim, Move.REQUEUE, entry)

    async def hand_back(self, claim: Claim, entry: TimelineEntry) -> bool:
        """SUSPEND a running job of a worker that shuts down: the next worker goes on with it.

        The attempt is given back: stopping it was our doing, not the job's.
        """
        spent = self._database.now - type_coerce(_j.claimed_time, BigInteger)
        async with self._database.write() as connection:
            row = await transition.make(
                connection,
                claim.id,
                Move.SUSPEND,
                entry,
                fence(claim),
                attempt=_j.attempt - 1,
                spent_ms=_j.spent_ms + spent,
            )
            return row is not None

    async def _lost(self, claim: Claim, move: Move, entry: TimelineEntry, **columns: Any) -> bool:
        """Make a move after which the files of the attempt are of no use."""
        async with self._database.write() as connection:
            row = await transition.make(connection, claim.id, move, entry, fence(claim), **columns)
            if row is None:
                return False
            await discard(connection, self._database, f"{claim.id}/{claim.attempt}", entry.time)
            return True

    async def _set(self, claim: Claim, **columns: Any) -> bool:
        async with self._database.write() as connection:
            changed = await connection.execute(update(t.jobs).where(fence(claim)).values(**columns))
            return changed.rowcount == 1

    async def _learn(self, connection: AsyncConnection, claim: Claim, seconds: float) -> None:
        c = t.run_times.c
        where = (c.target == claim.job.target, c.size == claim.job.work)
        row = (await connection.execute(select(c.count, c.seconds).where(*where))).first()
        count, mean = quotes.learn(0, 0.0, seconds) if row is None else quotes.learn(*row, seconds)
        values = {"count": count, "seconds": mean}
        await connection.execute(
            self._database.insert(t.run_times)
            .values(target=claim.job.target, size=claim.job.work, **values)
            .on_conflict_do_update(index_elements=["target", "size"], set_=values)
        )


def _bytes_of(results: Sequence[Result]) -> int:
    return sum(item.size for item in results)


async def _publish(
    connection: AsyncConnection, claim: Claim, results: Sequence[Result], *, first: int = 0
) -> None:
    if results:
        await connection.execute(
            insert(t.results),
            [
                {
                    "job_id": claim.id,
                    "id": result.id,
                    "position": first + position,
                    "attempt": claim.attempt,
                    "artifact": result.artifact,
                    "size": result.size,
                    "mime_type": result.mime_type,
                }
                for position, result in enumerate(results)
            ],
        )
