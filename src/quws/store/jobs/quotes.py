"""What quotes are made of, and the quotes of jobs that wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, bindparam, case, func, select, update

from quws.domain.lanes import has_lanes
from quws.domain.phases import Phase
from quws.domain.quotes import Judgement, Quote, QuoteRecord, Told
from quws.domain.targets import TargetState
from quws.store import sessions
from quws.store import tables as t
from quws.store.database import Database
from quws.store.instants import from_stored
from quws.store.jobs.clauses import QUEUE_ORDER, WAITING, in_phases
from quws.store.jobs.judgements import judgements_of, told_text
from quws.store.owner_tables import job_sessions
from quws.store.statements import Statement
from quws.store.targets import select_state, state_in

_j = t.jobs.c
_QUOTED = WAITING | {Phase.EXECUTING}
_AT = bindparam("at", type_=_j.target.type)
_KNOWN = Statement(
    select(t.run_times.c.size, t.run_times.c.seconds).where(t.run_times.c.target == _AT)
)
_RUNNING = Statement(
    select(_j.id, _j.size, _j.claimed_time, _j.quote, _j.cost_ms).where(
        _j.target == _AT, in_phases({Phase.EXECUTING})
    )
)
_WAITING = select(_j.id, _j.size, _j.quote, _j.cost_ms).where(_j.target == _AT, in_phases(WAITING))
_MOST = bindparam("most", type_=Integer)
_RUNNING_OF_SESSIONS = Statement(
    select(_j.id, _j.size, _j.claimed_time, _j.quote, _j.cost_ms, _j.session).where(
        _j.target == _AT, in_phases({Phase.EXECUTING})
    )
)
_FIRST = Statement(_WAITING.order_by(*QUEUE_ORDER).limit(_MOST))
_MORE_OF_TARGET = (
    t.targets.c.quote_record,
    t.targets.c.description["kind"].as_string().label("kind"),
)
_COUNT = Statement(
    select(func.count()).select_from(t.jobs).where(_j.target == _AT, in_phases(WAITING))
)


class RunningJob(NamedTuple):
    """What a quote needs to know of a job that runs: since when, and its present quote."""

    id: str
    work: int
    since: datetime
    quote: datetime | None
    cost_ms: int
    session: str | None = None
    """Told where a session goes first."""


class WaitingJob(NamedTuple):
    """What a quote needs to know of a job that waits."""

    id: str
    work: int
    quote: datetime | None
    cost_ms: int
    session: str | None = None
    """Told where a session goes first."""


class Hold(NamedTuple):
    """A session to which a target is dedicated: jobs of nobody else begin meanwhile."""

    session: str
    left: float
    """In how many seconds its whole time is over."""
    idle_left: float
    """In how many seconds it is inactive, if nothing of it runs or comes."""
    idle_seconds: float
    """After how long without a job it is inactive; 0 for one that is closed."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """A target's queue: mean seconds by work; the jobs that run, and in their order those that
    wait.
    """

    known: dict[int, float]
    running: list[RunningJob]
    waiting: list[WaitingJob]
    waiting_count: int = 0
    """How many wait in all: ``waiting`` lists the first ones only."""
    state: TargetState = field(default_factory=TargetState)
    record: QuoteRecord = field(default_factory=QuoteRecord)
    """How the target has kept its quotes."""
    lanes: bool = False
    """Whether short jobs have slots of their own."""
    hold: Hold | None = None
    """The session that has the target for itself."""


class JobQuotes:
    """Reads queues, and writes when the jobs in them, or taken from them, will be done."""

    def __init__(self, database: Database, *, lanes: bool = True) -> None:
        self._database = database
        self._lanes = lanes
        first = sessions.going_first(database, _AT)
        self._target = select_state(database, *_MORE_OF_TARGET, first.exists().label("sessions"))
        # In the order of their places: those of sessions that have begun go first.
        goes_first = case((_j.session.in_(first), 0), else_=1)
        self._with_sessions = Statement(
            _WAITING.add_columns(_j.session).order_by(goes_first, *QUEUE_ORDER).limit(_MOST)
        )
        s = job_sessions.c
        self._hold = Statement(
            select(s.id, s.ends, s.idle_at, s.idle_ms, s.closed, database.now.label("now")).where(
                s.id == sessions.dedicated(database, _AT, booked=True)
            )
        )

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
            found = self._target.first(connection, {"called": target, "at": target})
            first = found is not None and found.sessions
            runs, in_order = _RUNNING, _FIRST
            if first:
                runs, in_order = _RUNNING_OF_SESSIONS, self._with_sessions
            running = runs.all(connection, {"at": target})
            waiting = in_order.all(connection, {"at": target, "most": limit})
            count = len(waiting)
            if count == limit:
                count = int(_COUNT.first(connection, {"at": target})[0])
            state = QueueState(
                {row.size: row.seconds for row in known},
                [RunningJob(*row) for row in running],
                [WaitingJob(*row) for row in waiting],
                count,
            )
            if found is None:
                return state
            return replace(
                state,
                state=state_in(found),
                record=QuoteRecord.model_validate(found.quote_record or {}),
                lanes=self._lanes and has_lanes(found.kind),
                hold=_hold_of(self._hold.first(connection, {"at": target})) if first else None,
            )

        return await self._database.look(read)

    async def set_quotes(
        self, found: Mapping[str, Quote | None], now: datetime
    ) -> list[tuple[str, Phase]]:
        """Write when jobs will probably be done, as far as they still wait or run.

        Return those, and their phases. The first quote of a job is kept to judge the target by.
        """
        moved: list[tuple[str, Phase]] = []
        async with self._database.write() as connection:
            for job_id, quote in found.items():
                told = None if quote is None else told_text(Told(now, quote))
                row = await _SET.find(
                    connection,
                    {
                        "quoted": job_id,
                        "at": None if quote is None else quote.at,
                        "low": None if quote is None else quote.low,
                        "high": None if quote is None else quote.high,
                        "first": told,
                    },
                )
                if row is not None:
                    moved.append((job_id, Phase(row.phase)))
        return moved

    async def ended(self) -> dict[str, int]:
        """Count by targets the jobs from which it was learned how long they take."""
        c = t.run_times.c
        query = select(c.target, func.sum(c.count)).group_by(c.target)
        async with self._database.read() as connection:
            return {target: int(count) for target, count in await connection.execute(query)}

    async def judged(self, target: str) -> list[Judgement]:
        """Return the last judgements of a target's quotes, oldest first."""
        c = t.run_times.c
        query = select(c.judged).where(c.target == target, c.judged != "")
        async with self._database.read() as connection:
            found = await connection.scalars(query)
            return sorted(
                (item for text in found for item in judgements_of(text)), key=lambda item: item.end
            )

    async def set_record(self, target: str, record: QuoteRecord) -> None:
        """Write how a target has kept its quotes."""
        async with self._database.write() as connection:
            await connection.execute(
                update(t.targets)
                .where(t.targets.c.name == target)
                .values(quote_record=record.model_dump(mode="json"))
            )


def _hold_of(row: Any) -> Hold | None:
    if row is None:
        return None
    now = from_stored(row.now)
    closed = row.closed is not None
    return Hold(
        row.id,
        (row.ends - now).total_seconds(),
        0.0 if closed else (row.idle_at - now).total_seconds(),
        0.0 if closed else row.idle_ms / 1000,
    )


_SET = Statement(
    update(t.jobs)
    .where(_j.id == bindparam("quoted", type_=_j.id.type), in_phases(_QUOTED))
    .values(
        quote=bindparam("at", type_=_j.quote.type),
        quote_low=bindparam("low", type_=_j.quote.type),
        quote_high=bindparam("high", type_=_j.quote.type),
        told=func.coalesce(_j.told, bindparam("first", type_=_j.told.type)),
    )
    .returning(_j.phase)
)
