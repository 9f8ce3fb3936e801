"""One job, read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    exists,
    func,
    not_,
    or_,
    select,
    tuple_,
)

from quws.domain.batch import CircuitStatus
from quws.domain.job import (
    REQUEUED,
    Job,
    JobRef,
    JobTimes,
    TimelineEntry,
    circuits_of,
)
from quws.domain.lanes import SHORT_MS
from quws.domain.phases import Phase
from quws.domain.targets import TargetKind, TargetState
from quws.store import sessions
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.clauses import CHUNK, QUEUE_ORDER, WAITING, in_phases
from quws.store.jobs.rows import RESULTS, read_job, read_job_with, ref_of, select_refs
from quws.store.jobs.timeline import TIMELINE, entries_of, timeline_of
from quws.store.statements import Statement
from quws.store.targets import select_state, state_of

_j = t.jobs.c
_mine = t.jobs.alias("mine")
_WANTED = bindparam("wanted", type_=_j.id.type)
# Made once: to build a statement takes longer than to run it.
_JOB = Statement(select(t.jobs).where(_j.id == _WANTED))


def _rows(query: Select[*tuple[Any, ...]], name: str) -> ColumnElement[Any]:
    """Return rows as one value of the row with which they are read: on PostgreSQL."""
    each = query.with_only_columns(func.row(*query.selected_columns))
    return func.array(each.scalar_subquery()).label(name)


# There each statement is a way to the server and back, which takes longer than the rest of it.
_JOB_AT_ONCE = Statement(
    select(t.jobs, _rows(RESULTS.where(t.results.c.job_id == _j.id), "its_results")).where(
        _j.id == _WANTED
    )
)
_WHOLE_AT_ONCE = Statement(
    select(
        t.jobs,
        _rows(RESULTS.where(t.results.c.job_id == _j.id), "its_results"),
        _rows(TIMELINE.where(t.timeline.c.job_id == _j.id), "its_timeline"),
    ).where(_j.id == _WANTED)
)
_HEAD = Statement(select_refs().where(_j.id == _WANTED))
_AT = bindparam("at", type_=_j.target.type)
_TIMES = Statement(
    select(
        *select_refs().selected_columns, _j.quote, _j.destruction_time, _j.execution_duration
    ).where(_j.id == _WANTED)
)
_LANES = (
    select(t.targets.c.name)
    .where(t.targets.c.name == _AT)
    .where(t.targets.c.description["kind"].as_string() == TargetKind.SIMULATOR)
)
_BEFORE = tuple_(*QUEUE_ORDER) < tuple_(*(_mine.c[item.key] for item in QUEUE_ORDER))
_OTHERS = (
    select(func.count())
    .select_from(t.jobs)
    .join(_mine, _mine.c.id == _WANTED)
    .where(_j.target == _AT, in_phases(WAITING))
)
# A short job does not wait behind long ones where it has slots of its own.
_IN_LANE = or_(_mine.c.cost_ms >= SHORT_MS, _j.cost_ms < SHORT_MS, not_(exists(_LANES)))


class _Ahead:
    """Counts those of some jobs that are claimed before one."""

    def __init__(self, database: Database, others: Select[int]) -> None:
        first = sessions.going_first(database, _AT)

        def place(table: Any) -> ColumnElement[Any]:
            goes_first = case((table.session.in_(first), 0), else_=1)
            return tuple_(goes_first, *(table[item.key] for item in QUEUE_ORDER))

        # Whether sessions go first is told with the number: mostly none does.
        self._plain = Statement(others.where(_BEFORE).add_columns(first.exists().label("first")))
        self._with_sessions = Statement(others.where(place(_j) < place(_mine.c)))

    def count(self, connection: Connection, job_id: str, target: str) -> int:
        values = {"wanted": job_id, "at": target}
        ahead, first = self._plain.first(connection, values)
        if first:
            (ahead,) = self._with_sessions.first(connection, values)
        return int(ahead)


class JobReading:
    """Reads single jobs."""

    def __init__(self, database: Database, *, lanes: bool = True) -> None:
        self._database = database
        self._target = select_state(database)
        others = _OTHERS.where(_IN_LANE) if lanes else _OTHERS
        self._ahead = _Ahead(database, others)
        self._of_owner = _Ahead(database, others.where(_j.owner == _mine.c.owner))

    async def get(self, job_id: str) -> Job | None:
        """Return a whole job with its results."""
        wanted = {"wanted": job_id}
        if not self._database.is_sqlite:
            row = await self._database.find(_JOB_AT_ONCE, wanted)
            return None if row is None else read_job_with(row, row.its_results)

        def read(connection: Connection) -> Job | None:
            row = _JOB.first(connection, wanted)
            return None if row is None else read_job(connection, row)

        return await self._database.look(read)

    async def head(self, job_id: str) -> JobRef | None:
        """Return what the list says of one job: enough to decide who may see it."""
        row = await self._database.find(_HEAD, {"wanted": job_id})
        return None if row is None else ref_of(row)

    async def times(self, job_id: str) -> JobTimes | None:
        """Return when a job is to be done and to go, with what the list says of it."""
        row = await self._database.find(_TIMES, {"wanted": job_id})
        if row is None:
            return None
        return JobTimes(ref_of(row), row.quote, row.destruction_time, row.execution_duration)

    async def whole(
        self, job_id: str
    ) -> tuple[Job, list[TimelineEntry], int | None, TargetState] | None:
        """Return a job with its timeline, how many go before it, and the state of its target.

        The third is None for a job that does not wait in its target's queue.
        """
        wanted = {"wanted": job_id}
        if not self._database.is_sqlite:
            row = await self._database.find(_WHOLE_AT_ONCE, wanted)
            if row is None:
                return None
            job, timeline = read_job_with(row, row.its_results), entries_of(row.its_timeline)
            if job.phase not in WAITING:
                return job, timeline, None, TargetState()
            return job, timeline, *await self._database.look(lambda found: self._why(found, job))

        def read(
            connection: Connection,
        ) -> tuple[Job, list[TimelineEntry], int | None, TargetState] | None:
            row = _JOB.first(connection, wanted)
            if row is None:
                return None
            job = read_job(connection, row)
            return job, timeline_of(connection, job.id), *self._why(connection, job)

        return await self._database.look(read)

    def _why(self, connection: Connection, job: Job) -> tuple[int | None, TargetState]:
        """Read what a job waits for: its place in the queue, and the state of its target."""
        position = state = None
        if job.phase is Phase.QUEUED:
            position = self._ahead.count(connection, job.id, job.target)
        if job.phase in WAITING:
            state = state_of(connection, self._target, job.target)
        return position, state or TargetState()

    async def of_owner_ahead(self, job_id: str, target: str) -> int:
        """Return how many jobs of its own owner go before a job."""
        return await self._database.look(
            lambda connection: self._of_owner.count(connection, job_id, target)
        )

    async def troubles(self, job_id: str) -> list[str]:
        """Return, oldest first, what went wrong in attempts of a job that were not its last."""
        c = t.timeline.c
        async with self._database.read() as connection:
            rows = await connection.scalars(
                select(c.message).where(c.job_id == job_id, c.status == REQUEUED).order_by(c.id)
            )
            return [message or "" for message in rows]

    async def circuit_artifacts(self, job_id: str) -> dict[int, str]:
        """Return where the results of a batch's finished circuits are: index to artifact key.

        Several circuits may have theirs in one artifact.
        """
        c, r = t.circuits.c, t.results.c
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(c.index, c.artifact).where(
                    c.job_id == job_id, c.status == CircuitStatus.COMPLETED
                )
            )
            done = {index: artifact for index, artifact in rows}  # noqa: C416 - rows, no pairs
            results = await connection.execute(select(r.id, r.artifact).where(r.job_id == job_id))
            for result_id, artifact in results:
                for index in circuits_of(result_id):
                    if index in done and done[index] is None:
                        done[index] = artifact
            return {index: artifact for index, artifact in done.items() if artifact is not None}

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
