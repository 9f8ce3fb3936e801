"""Circuits of a batch that are over, and the results that are listed of them and of their job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import BigInteger, Integer, bindparam, update
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.batch import CircuitStatus
from quws.domain.job import Claim, Done, Result, circuits_of
from quws.store import tables as t
from quws.store.jobs.clauses import HELD_JOB
from quws.store.statements import Rows, Statement

_j, _c = t.jobs.c, t.circuits.c

_BATCH_OFFSET = 100
"""Results of single circuits are listed after those of the whole job."""

_MORE_OFFSET = 1_000_000

MORE_BYTES = bindparam("more_bytes", type_=BigInteger())
_STORE = Statement(
    update(t.circuits)
    .where(
        _c.job_id == HELD_JOB,
        _c.index.between(bindparam("first", type_=Integer()), bindparam("last", type_=Integer())),
        _c.status == CircuitStatus.WAITING,
    )
    .values(
        status=CircuitStatus.COMPLETED,
        attempt=bindparam("its_attempt"),
        start_time=bindparam("started"),
        end_time=bindparam("ended"),
    )
    .returning(_c.index)
)
_COUNT = (
    update(t.jobs)
    .where(_j.id == HELD_JOB)
    .values(
        circuits_done=_j.circuits_done + bindparam("more_circuits", type_=Integer()),
        circuits_failed=_j.circuits_failed + bindparam("more_failed", type_=Integer()),
        stored_bytes=_j.stored_bytes + MORE_BYTES,
    )
)
_RESULTS = Rows(t.results, "job_id", "id", "position", "attempt", "artifact", "size", "mime_type")

Placed = tuple[int, Result]
"""A result, and its place in the list of the job's."""


def placed(done: Done) -> list[Placed]:
    """Return what came of circuits, each with its place."""
    first = done.circuits[0]
    return [
        *enumerate(done.results, first + _BATCH_OFFSET),
        *enumerate(done.more, first + _MORE_OFFSET),
    ]


def bytes_of(results: Iterable[Placed]) -> int:
    """Return how many bytes results have together."""
    return sum(item.size for _, item in results)


async def stored(connection: AsyncConnection, claim: Claim, done: Done) -> tuple[int, list[Placed]]:
    """Write of circuits that they have their results. Return how many had none, and the results.

    Those among them that had a result before keep theirs, and those that were aborted get none.
    """
    values = {
        "held_job": claim.id,
        "first": done.circuits[0],
        "last": done.circuits[-1],
        "its_attempt": claim.attempt,
        "started": done.started,
        "ended": done.entry.time,
    }
    new = {index for (index,) in await _STORE.run(connection, values)}
    found = placed(done)
    if len(new) < len(done.circuits):
        more = set(done.more)
        found = [
            (place, item)
            for place, item in found
            if (_index(item) in new if item in more else not new.isdisjoint(circuits_of(item.id)))
        ]
    return len(new), found


async def count(
    connection: AsyncConnection, claim: Claim, *, circuits: int = 0, failed: int = 0, size: int = 0
) -> None:
    """Add to what a job says of its circuits, and of the bytes of its results."""
    more = {"more_bytes": size, "more_circuits": circuits, "more_failed": failed}
    await connection.execute(_COUNT, {"held_job": claim.id} | more)


async def publish(
    connection: AsyncConnection, results: Sequence[tuple[Claim, Sequence[Placed]]]
) -> None:
    """List results of jobs."""
    await _RESULTS.add(
        connection,
        [
            (claim.id, item.id, place, claim.attempt, item.artifact, item.size, item.mime_type)
            for claim, found in results
            for place, item in found
        ],
    )


def _index(item: Result) -> int:
    """Return of which circuit a further file is, by its id."""
    return int(item.id.rpartition("-")[2])
