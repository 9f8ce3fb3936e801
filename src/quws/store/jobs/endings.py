"""Jobs that end well: those that do at the same time are written in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Float, Integer, Text, and_, bindparam, case, func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain import quotes
from quws.domain.batch import CircuitStatus
from quws.domain.job import NOTHING_SAID, Claim, Done, Result, Said, TimelineEntry
from quws.domain.phases import Move
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs import transition
from quws.store.jobs.clauses import FENCE, HELD_JOB, fenced
from quws.store.jobs.done import MORE_BYTES, Placed, bytes_of, count, placed, publish, stored
from quws.store.jobs.judgements import KEPT, judgement_text
from quws.store.jobs.transition import Made
from quws.store.statements import Statement

_j, _c = t.jobs.c, t.circuits.c

_TOGETHER = 50
"""How many jobs end in one transaction: others wait for its locks."""

_PATIENCE_SECONDS = 0.1
"""For how long what comes waits for what is being written: mostly that takes some milliseconds."""

# What is run for every job is built once: that takes longer than to run it.

CALIBRATED: dict[str, Any] = {
    "calibration_id": func.coalesce(bindparam("new_calibration", type_=Text()), _j.calibration_id)
}
"""What is written of a job with each of its moves: the calibration, if it is known by now."""
_COMPLETE = transition.prepared(
    Move.COMPLETE,
    HELD_JOB,
    FENCE,
    # Of these the results know; of circuits that were aborted since then they would say too much.
    _j.circuits_aborted == bindparam("known_aborted", type_=Integer()),
    circuits_done=_j.circuits - _j.circuits_failed - _j.circuits_aborted,
    stored_bytes=_j.stored_bytes + MORE_BYTES,
    **CALIBRATED,
)
_ALL_STORED = (
    update(t.circuits)
    .where(_c.job_id == HELD_JOB, _c.status == CircuitStatus.WAITING)
    .values(
        status=CircuitStatus.COMPLETED,
        attempt=bindparam("its_attempt"),
        end_time=bindparam("ended"),
    )
)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ends well: what its worker says of it.

    ``seconds`` is how long it ran, ``aborted`` of how many circuits that were aborted the results
    know. ``last`` are circuits that were done just before; none of them has failed.
    """

    claim: Claim
    results: Sequence[Result]
    entry: TimelineEntry
    seconds: float
    said: Said = NOTHING_SAID
    aborted: int = 0
    last: Done | None = None


class Endings:
    """Ends jobs well.

    Nobody waits for company: what has come while a transaction was on its way is written in the
    next one. Each job has a guard of its own there, and one that is refused is left out; where
    one makes all fail, each is tried alone. One that has many circuits, or has to wait for a lock,
    does not keep the others.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._learn = _learning(database)
        self._waiting: list[tuple[Ending, asyncio.Future[bool]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers = 0

    async def end(self, ending: Ending) -> bool:
        """End a job. False if it is not its worker's any more, or if circuits were aborted.

        Raises
        ------
        StoreUnavailable

        """
        if ending.claim.job.circuits > 1:
            (is_ended,) = await self._end_all([ending])
            return is_ended
        loop = asyncio.get_running_loop()
        written: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((ending, written))
        if not self._writers:
            self._begin()
        else:
            loop.call_later(_PATIENCE_SECONDS, self._hurry, written)
        return await written

    def _begin(self) -> None:
        # In no job's context: it writes those of others, too.
        task = asyncio.get_running_loop().create_task(self._write(), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers += 1

    def _hurry(self, written: asyncio.Future[bool]) -> None:
        """Write what waits although others are still being written, if one is among it."""
        if any(item is written for _, item in self._waiting):
            self._begin()

    async def _write(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
                await self._end(group)
        finally:
            # At once: whoever comes next is not written by this one.
            self._writers -= 1

    async def _end(self, group: Sequence[tuple[Ending, asyncio.Future[bool]]]) -> None:
        # Whoever has been cancelled meanwhile wants no more to be written.
        group = [(ending, written) for ending, written in group if not written.done()]
        try:
            ended = await self._end_all([ending for ending, _ in group])
        except Exception as error:  # noqa: BLE001 - it is for who waits
            if len(group) > 1:
                # All at once: where the database is away, each of them waits for it.
                await asyncio.gather(*(self._end([one]) for one in group))
            for _, written in group:
                if not written.done():
                    written.set_exception(error)
        except BaseException:
            for _, written in group:
                written.cancel()
            raise
        else:
            for (_, written), is_ended in zip(group, ended, strict=True):
                if not written.done():
                    written.set_result(is_ended)

    async def _end_all(self, endings: Sequence[Ending]) -> list[bool]:
        """End jobs in one transaction. Return of each whether it has ended."""
        if not endings:
            return []
        made: dict[int, Made] = {}
        async with self._database.write() as connection:
            # Always in one order: of two who lock the same rows one must wait for the other.
            for place in sorted(range(len(endings)), key=lambda place: endings[place].claim.id):
                found = await _move(connection, endings[place])
                if found is not None:
                    made[place] = found
            if made:
                await transition.write_down(connection, list(made.values()))
                await self._write_results(connection, [endings[place] for place in made])
        return [place in made for place in range(len(endings))]

    async def _write_results(self, connection: AsyncConnection, ended: Sequence[Ending]) -> None:
        found = [(ending.claim, await _batch(connection, ending)) for ending in ended]
        await publish(connection, found)
        # What was tried again ran on a machine that was in trouble.
        told = [_learned(item) for item in ended if item.claim.attempt == 1]
        for learned in sorted(told, key=lambda item: (item["its_target"], item["its_size"])):
            await self._learn.run(connection, learned)


async def _batch(connection: AsyncConnection, ending: Ending) -> list[Placed]:
    """Write of the circuits of a batch that they are done. Return the results that are new."""
    claim, last, new = ending.claim, ending.last, 0
    found = _placed(ending)
    if last is not None:
        size = bytes_of(found)
        new, of_circuits = await stored(connection, claim, last)
        found = [*enumerate(ending.results), *of_circuits]
        if (gone := bytes_of(found) - size) < 0:
            await count(connection, claim, size=gone)
    if 1 < claim.job.circuits != new:
        ends = {"its_attempt": claim.attempt, "ended": ending.entry.time}
        await connection.execute(_ALL_STORED, ends | {"held_job": claim.id})
    return found


async def _move(connection: AsyncConnection, ending: Ending) -> Made | None:
    return await transition.change(
        connection,
        _COMPLETE,
        ending.entry,
        before=[*ending.said.entries, *([] if ending.last is None else [ending.last.entry])],
        new_calibration=ending.said.calibration_id,
        more_bytes=bytes_of(_placed(ending)),
        known_aborted=ending.aborted,
        **fenced(ending.claim),
    )


def _placed(ending: Ending) -> list[Placed]:
    last = [] if ending.last is None else placed(ending.last)
    return [*enumerate(ending.results), *last]


def _learned(ending: Ending) -> dict[str, Any]:
    job = ending.claim.job
    verdict = "" if job.told is None else judgement_text(job.told.judge(ending.entry.time))
    return {
        "its_target": job.target,
        "its_size": job.work,
        "took": ending.seconds,
        "verdict": verdict,
    }


def _learning(database: Database) -> Statement:
    """Return the statement that adds the time of a job to the mean of so much work.

    One that took many times as long waited for something else, as the first of a process does whose
    target is not ready: it counts for no more than some times the mean. And a mean of few that the
    next one needs a small part of was spoiled so.
    """
    c = t.run_times.c
    row = database.insert(t.run_times).values(
        target=bindparam("its_target", type_=Text()),
        size=bindparam("its_size", type_=Integer()),
        count=1,
        seconds=bindparam("took", type_=Float()),
        judged=bindparam("verdict", type_=Text()),
    )
    took = row.excluded.seconds
    counted = case((took > quotes.OUTLIER * c.seconds, quotes.OUTLIER * c.seconds), else_=took)
    spoiled = and_(c.count < quotes.FEW, took * quotes.OUTLIER < c.seconds)
    weight = case((c.count + 1 < quotes.MEMORY, c.count + 1), else_=quotes.MEMORY)
    return Statement(
        row.on_conflict_do_update(
            index_elements=["target", "size"],
            set_={
                "count": c.count + 1,
                "seconds": case((spoiled, took), else_=c.seconds + (counted - c.seconds) / weight),
                "judged": database.last(c.judged + row.excluded.judged, KEPT),
            },
        )
    )
