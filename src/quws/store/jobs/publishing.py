"""What a worker writes of a job that it holds; who lost the job can write nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Text,
    bindparam,
    func,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.batch import CircuitStatus
from quws.domain.job import (
    NONE_FAILED,
    NOTHING_SAID,
    Claim,
    Done,
    JobError,
    Result,
    Said,
    TimelineEntry,
)
from quws.domain.phases import Move, Phase
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs import transition
from quws.store.jobs.clauses import FENCE, HELD_JOB, fenced, held
from quws.store.jobs.done import bytes_of, count, publish, stored
from quws.store.jobs.endings import CALIBRATED, Ending, Endings
from quws.store.jobs.garbage import discard
from quws.store.jobs.outbox import Happening, Kind
from quws.store.jobs.rows import error_json
from quws.store.jobs.timeline import tell
from quws.store.jobs.transition import Prepared

_j, _c = t.jobs.c, t.circuits.c


# What is run for every job is built once: that takes longer than to run it.

_FAIL = transition.prepared(
    Move.FAIL,
    HELD_JOB,
    FENCE,
    error=bindparam("new_error", type_=_j.error.type),
    **CALIBRATED,
)
_RETRY = transition.prepared(Move.REQUEUE, HELD_JOB, FENCE, **CALIBRATED)
_SAY = (
    update(t.jobs)
    .where(FENCE)
    .values(message=func.coalesce(bindparam("new_message", type_=Text()), _j.message), **CALIBRATED)
)


class JobPublishing:
    """The writes of a worker to the job that it holds, each fenced by attempt and lease."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._endings = Endings(database)
        ran = database.now - type_coerce(_j.claimed_time, BigInteger)
        self._hand_back = transition.prepared(
            Move.SUSPEND,
            HELD_JOB,
            FENCE,
            attempt=_j.attempt - 1,
            spent_ms=_j.spent_ms + ran,
            # One that ran for longer than was thought is not taken for a short one again.
            cost_ms=database.greatest(_j.cost_ms, _j.spent_ms + ran),
            **CALIBRATED,
        )

    async def say(self, claim: Claim, said: Said) -> bool:
        """Write down what a running job has told of itself."""
        async with self._database.write() as connection:
            return await _say(connection, claim, said)

    async def store_circuits(
        self,
        claim: Claim,
        circuits: range,
        results: Sequence[Result],
        entry: TimelineEntry,
        started: datetime,
        more: Sequence[Result] = (),
        said: Said = NOTHING_SAID,
        failed: Mapping[int, str] = NONE_FAILED,
    ) -> bool:
        """Keep the results of circuits of a batch that follow each other, and list them.

        Those among them that had a result before keep theirs, and those that were aborted get none.
        ``more`` are further files of the circuits, listed after the results of all circuits;
        ``failed`` says of those that could not be run why.
        """
        return await self.store(claim, Done(circuits, results, entry, started, more, failed), said)

    async def store(self, claim: Claim, done: Done, said: Said = NOTHING_SAID) -> bool:
        """Write of circuits that are over; see `store_circuits`."""
        async with self._database.write() as connection:
            if not await _say(connection, claim, said):
                return False
            entry = done.entry
            wrong = await _failed(connection, claim, done.failed, done.started, entry.time)
            new, found = await stored(connection, claim, done)
            if not new and not wrong:
                return True  # Done before, but the news of its commit was lost; or aborted.
            await count(connection, claim, circuits=new, failed=wrong, size=bytes_of(found))
            await publish(connection, [(claim, found)])
            await tell(connection, claim.id, entry)
            await transition.happened(
                connection,
                Happening(
                    Kind.CIRCUIT, entry.time, claim.id, claim.job.owner or "", Phase.EXECUTING
                ),
            )
            return True

    async def complete(
        self,
        claim: Claim,
        results: Sequence[Result],
        entry: TimelineEntry,
        seconds: float,
        said: Said = NOTHING_SAID,
        aborted: int = 0,
        last: Done | None = None,
    ) -> bool:
        """End a job well: phase, end time, results and timeline in one transaction.

        Not where other circuits were aborted than the results know: they know of ``aborted``.
        ``seconds`` is how long it ran, from which quotes learn. ``last`` are circuits that were
        done just before, and are written with it; none of them has failed. Jobs that end at the
        same time are written in one transaction; see `Endings`.
        """
        return await self._endings.end(Ending(claim, results, entry, seconds, said, aborted, last))

    async def fail(
        self,
        claim: Claim,
        error: JobError,
        entry: TimelineEntry,
        said: Said = NOTHING_SAID,
        circuit: int | None = None,
    ) -> bool:
        """End a job in ERROR, because of one of its circuits where that is known."""
        async with self._database.write() as connection:
            values = {"new_error": error_json(error)}
            if not await self._lose(connection, claim, _FAIL, entry, said, **values):
                return False
            if circuit is not None and claim.job.circuits > 1:
                failed = {circuit: error.message}
                if await _failed(connection, claim, failed, None, entry.time):
                    await count(connection, claim, failed=1)
            return True

    async def retry(self, claim: Claim, entry: TimelineEntry, said: Said = NOTHING_SAID) -> bool:
        """Put a job back into the queue whose process died; the attempt is used up."""
        async with self._database.write() as connection:
            return await self._lose(connection, claim, _RETRY, entry, said)

    async def hand_back(
        self, claim: Claim, entry: TimelineEntry, said: Said = NOTHING_SAID
    ) -> bool:
        """SUSPEND a running job of a worker that shuts down: the next worker goes on with it.

        The attempt is given back: stopping it was our doing, not the job's.
        """
        async with self._database.write() as connection:
            return await _move(connection, claim, self._hand_back, entry, said)

    async def _lose(
        self,
        connection: AsyncConnection,
        claim: Claim,
        move: Prepared,
        entry: TimelineEntry,
        said: Said,
        **columns: Any,
    ) -> bool:
        """Make a move after which the files of the attempt are of no use."""
        if not await _move(connection, claim, move, entry, said, **columns):
            return False
        await discard(connection, self._database, f"{claim.id}/{claim.attempt}", entry.time)
        return True


async def _move(
    connection: AsyncConnection,
    claim: Claim,
    move: Prepared,
    entry: TimelineEntry,
    said: Said,
    **columns: Any,
) -> bool:
    """Make a move of a job that this worker holds, and write what the job has said before."""
    row = await transition.carry_out(
        connection,
        move,
        entry,
        before=said.entries,
        new_calibration=said.calibration_id,
        **fenced(claim),
        **columns,
    )
    return row is not None


async def _say(connection: AsyncConnection, claim: Claim, said: Said) -> bool:
    if said.message is None and said.calibration_id is None:
        still_ours = await held(connection, claim)
    else:
        new = {"new_message": said.message, "new_calibration": said.calibration_id}
        changed = await connection.execute(_SAY, fenced(claim) | new)
        still_ours = changed.rowcount == 1
    if still_ours and said.entries:
        await tell(connection, claim.id, *said.entries)
    return still_ours


async def _failed(
    connection: AsyncConnection,
    claim: Claim,
    failed: Mapping[int, str],
    started: datetime | None,
    ended: datetime,
) -> int:
    """Write of circuits that they could not be run, and why. Return how many waited until then."""
    together: dict[str, list[int]] = {}
    for index, why in failed.items():
        together.setdefault(why, []).append(index)
    count = 0
    for why, indices in together.items():
        changed = await connection.execute(
            update(t.circuits)
            .where(
                _c.job_id == claim.id,
                _c.index.in_(indices),
                _c.status == CircuitStatus.WAITING,
            )
            .values(
                status=CircuitStatus.FAILED,
                message=why,
                attempt=claim.attempt,
                start_time=started,
                end_time=ended,
            )
        )
        count += changed.rowcount
    return count
