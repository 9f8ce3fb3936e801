"""What quotes are made of, and the quotes of jobs that wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Integer, bindparam, func, select, update

from quws.domain.phases import Phase
from quws.domain.targets import TargetState
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.clauses import QUEUE_ORDER, WAITING, in_phases
from quws.store.statements import Statement
from quws.store.targets import select_state, state_of

_j = t.jobs.c
_QUOTED = WAITING | {Phase.EXECUTING}
_AT = bindparam("at", type_=_j.target.type)
_KNOWN = Statement(
    select(t.run_times.c.size, t.run_times.c.seconds).where(t.run_times.c.target == _AT)
)
_RUNNING = Statement(
    select(_j.id, _j.size, _j.claimed_time, _j.quote).where(
        _j.target == _AT, in_phases({Phase.EXECUTING})
    )
)
_FIRST = Statement(
    select(_j.id, _j.size, _j.quote)
    .where(_j.target == _AT, in_phases(WAITING))
    .order_by(*QUEUE_ORDER)
    .limit(bindparam("most", type_=Integer))
)
_COUNT = Statement(
    select(func.count()).select_from(t.jobs).where(_j.target == _AT, in_phases(WAITING))
)


@dataclass(frozen=True, slots=True)
class QueueState:
    """A target's queue: mean seconds by work; id, work, start and present quote of running jobs;
    id, work and present quote of waiting ones in their order.
    """

    known: dict[int, float]
    running: list[tuple[str, int, datetime, datetime | None]]
    waiting: list[tuple[str, int, datetime | None]]
    waiting_count: int = 0
    """How many wait in all: ``waiting`` lists the first ones only."""
    state: TargetState = field(default_factory=TargetState)


class JobQuotes:
    """Reads queues, and writes when the jobs in them, or taken from them, will be done."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._target = select_state(database)

    async def targets_with_work(self) -> list[str]:
        """List the targets for which jobs wait or run."""
        # One after the other: each has an index of its own, and both together have none.
        found: set[str] = set()
        async with self._database.read() as connection:
            for phases in (WAITING, {Phase.EXECUTING}):
                query = select(_j.target).where(in_phases(phases)).distinct()
                found |= set(await connection.scalars(query))
        return sorted(found)

    async def queue_of(self, target: str, limit: int = 500) -> QueueState:
        """Return what a quote needs to know of a target: known times, running and waiting jobs."""

        def read(connection: Connection) -> QueueState:
            known = _KNOWN.all(connection, {"at": target})
            running = _RUNNING.all(connection, {"at": target})
            waiting = _FIRST.all(connection, {"at": target, "most": limit})
            count = len(waiting)
            if count == limit:
                count = int(_COUNT.first(connection, {"at": target})[0])
            return QueueState(
                {row.size: row.seconds for row in known},
                [(row.id, row.size, row.claimed_time, row.quote) for row in running],
                [(row.id, row.size, row.quote) for row in waiting],
                count,
                state_of(connection, self._target, target) or TargetState(),
            )

        return await self._database.look(read)

    async def set_quotes(self, found: Mapping[str, datetime | None]) -> None:
        """Write when jobs will probably be done, as far as they still wait or run."""
        async with self._database.write() as connection:
            for job_id, quote in found.items():
                await connection.execute(
                    update(t.jobs).where(_j.id == job_id, in_phases(_QUOTED)).values(quote=quote)
                )
