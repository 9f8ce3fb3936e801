"""Jobs in SQL: every change is one guarded statement, never read, change, write back.

A guard is a WHERE clause on the phase, and for a worker also on the attempt
and the lease that it holds. No row changed means that the move is illegal now,
or that the job belongs to somebody else by now: the methods then return None
or False and nothing was written.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    TextClause,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain import phases, quotes
from quws.domain.job import (
    REQUEUED,
    Claim,
    ErrorType,
    Job,
    JobError,
    JobRef,
    JobRow,
    Parameter,
    Result,
    Running,
    TimelineEntry,
)
from quws.domain.phases import Move, Phase
from quws.domain.targets import TargetState
from quws.store import tables as t
from quws.store.database import Database
from quws.store.targets import is_online, state_of

_CHUNK = 1000
_j = t.jobs.c
_REQUEST = _j.spec["origin"]["request"].as_string().label("request")
_WAITING = frozenset({Phase.QUEUED, Phase.SUSPENDED})
_QUEUE_ORDER = (_j.priority, _j.turn, _j.queued_time, _j.id)


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which jobs to list. ``owner`` counts only when ``everybody`` is False."""

    owner: str | None = None
    everybody: bool = False
    phases: frozenset[Phase] = field(default_factory=frozenset)
    after: datetime | None = None
    last: int | None = None
    key: str | None = None
    """Only the job that ``owner`` made under this key."""


@dataclass(frozen=True, slots=True)
class Once:
    """What makes a request that is sent again be taken for the same.

    ``key`` is the client's own, among the keys of one owner; ``fingerprint``
    tells whether the requests really are the same.
    """

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class MadeBefore:
    """The job that a request has made already. ``job_id`` may be gone."""

    job_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Overdue:
    """A job that a sweep found, with what the sweep needs to know of it."""

    id: str
    attempt: int
    phase: Phase
    target: str
    owner: str | None = field(default=None, compare=False)
    request: str | None = field(default=None, compare=False)
    """Which request made it, for the log."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """A target's queue: mean seconds by size; size and start of running jobs; id, size and
    present quote of waiting ones in their order.
    """

    known: dict[int, float]
    running: list[tuple[int, datetime]]
    waiting: list[tuple[str, int, datetime | None]]
    waiting_count: int = 0
    """How many wait in all: ``waiting`` lists the first ones only."""
    state: TargetState = field(default_factory=TargetState)


class SubmissionState(StrEnum):
    """Where something stands that a job has handed over to a target with a queue of its own."""

    INTENT = "intent"
    """It is about to be sent, or was sent; nobody knows yet whether it has arrived."""
    SUBMITTED = "submitted"
    DOUBT = "doubt"
    """Nobody can tell whether it has arrived."""
    CANCEL = "cancel"
    """Its job is over or gone: it must be cancelled at the other side."""
    OVER = "over"


class JobStore:
    """The jobs of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- reading ------------------------------------------------------------

    async def time(self) -> datetime:
        """Read the database's clock, by which deadlines, leases and destruction go."""
        async with self._database.read() as connection:
            return t.from_stored(await connection.scalar(select(self._database.now)) or 0)

    async def get(self, job_id: str) -> Job | None:
        """Read a whole job with its results."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(t.jobs).where(_j.id == job_id))).first()
            return None if row is None else await _whole(connection, row)

    async def head(self, job_id: str) -> JobRef | None:
        """Read what the list says of one job: enough to decide who may see it."""
        async with self._database.read() as connection:
            row = (await connection.execute(_refs().where(_j.id == job_id))).first()
            return None if row is None else _ref(row)

    async def whole(
        self, job_id: str
    ) -> tuple[Job, list[TimelineEntry], int | None, TargetState] | None:
        """Read a job with what happened to it, oldest first, how many go before it, and the
        state of its target.

        The third is None for a job that does not wait in its target's queue.
        """
        async with self._database.read() as connection:
            row = (await connection.execute(select(t.jobs).where(_j.id == job_id))).first()
            if row is None:
                return None
            job = await _whole(connection, row)
            c = t.timeline.c
            entries = await connection.execute(
                select(c.time, c.status, c.source, c.message, c.id)
                .where(c.job_id == job.id)
                .order_by(c.id)
            )
            timeline = [TimelineEntry(*entry) for entry in entries]
            position = await _position(connection, job) if job.phase is Phase.QUEUED else None
            state = TargetState()
            if job.phase in (Phase.QUEUED, Phase.SUSPENDED):
                state = await state_of(connection, self._database, job.target)
            return job, timeline, position, state

    async def refs(self, wanted: ListFilter) -> AsyncIterator[JobRef]:
        """List jobs, newest first.

        Reads in chunks by key and holds no connection between them, so that a
        slow reader of a long list blocks nobody.
        """
        left = wanted.last
        last_seen: tuple[datetime, str] | None = None
        while left is None or left > 0:
            size = _CHUNK if left is None else min(left, _CHUNK)
            query = _refs().where(*_list_clauses(wanted))
            if last_seen is not None:
                query = query.where(
                    tuple_(_j.creation_time, _j.id)
                    < tuple_(literal(last_seen[0], t.Instant), literal(last_seen[1]))
                )
            query = query.order_by(_j.creation_time.desc(), _j.id.desc()).limit(size)
            async with self._database.read() as connection:
                rows = (await connection.execute(query)).all()
            for row in rows:
                yield _ref(row)
            if len(rows) < size:
                return
            last_seen = (rows[-1].creation_time, rows[-1].id)
            if left is not None:
                left -= len(rows)

    async def troubles(self, job_id: str) -> list[str]:
        """Tell, oldest first, what went wrong in attempts of a job that were not its last."""
        c = t.timeline.c
        async with self._database.read() as connection:
            rows = await connection.scalars(
                select(c.message).where(c.job_id == job_id, c.status == REQUEUED).order_by(c.id)
            )
            return [message or "" for message in rows]

    async def rows(self, wanted: ListFilter, limit: int, older: str | None = None) -> list[JobRow]:
        """Read one page of a table of jobs, newest first; ``older`` is the last job before it."""
        query = select(
            *_refs().selected_columns,
            _j.target,
            _j.spec["tags"].label("tags"),
            _j.circuits,
            _j.circuits_done,
            _j.start_time,
            _j.end_time,
            _j.destruction_time,
            _j.quote,
        ).where(*_list_clauses(wanted))
        if older is not None:
            created = select(_j.creation_time).where(_j.id == older).scalar_subquery()
            query = query.where(tuple_(_j.creation_time, _j.id) < tuple_(created, literal(older)))
        query = query.order_by(_j.creation_time.desc(), _j.id.desc())
        query = query.limit(limit if wanted.last is None else min(limit, wanted.last))
        async with self._database.read() as connection:
            return [
                JobRow(
                    _ref(row),
                    row.target,
                    row.tags or [],
                    row.circuits,
                    row.circuits_done,
                    row.start_time,
                    row.end_time,
                    row.destruction_time,
                    row.quote,
                )
                for row in await connection.execute(query)
            ]

    async def running(self, limit: int = 200) -> list[Running]:
        """List the jobs that workers hold, longest first."""
        query = (
            select(*_refs().selected_columns, _j.target, _j.worker, _j.attempt, _j.claimed_time)
            .where(_in({Phase.EXECUTING}))
            .order_by(_j.claimed_time)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [
                Running(_ref(row), row.target, row.worker, row.attempt, row.claimed_time)
                for row in await connection.execute(query)
            ]

    async def newest_entry(self) -> int:
        """Tell the id of the newest entry in all timelines, 0 where there is none."""
        async with self._database.read() as connection:
            return int(await connection.scalar(select(func.max(t.timeline.c.id))) or 0)

    async def news(
        self, owner: str | None, *, everybody: bool, after: int
    ) -> list[tuple[int, JobRef]]:
        """Find jobs with timeline entries newer than an id: the newest entry's id, and the job.

        In the order of these ids, at most a thousand. ``owner`` counts only when
        ``everybody`` is False.
        """
        newest = func.max(t.timeline.c.id).label("newest")
        query = (
            _refs()
            .add_columns(newest)
            .join(t.timeline, t.timeline.c.job_id == _j.id)
            .where(t.timeline.c.id > after)
            .group_by(_j.id)
            .order_by(newest)
            .limit(_CHUNK)
        )
        if not everybody:
            query = query.where(_j.owner == (owner or ""))
        async with self._database.read() as connection:
            return [(row.newest, _ref(row)) for row in await connection.execute(query)]

    async def circuit_artifacts(self, job_id: str) -> dict[int, str]:
        """Find the stored results of a batch's finished circuits: index to artifact key."""
        c = t.circuits.c
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(c.index, c.artifact).where(c.job_id == job_id, c.artifact.is_not(None))
            )
            return {index: artifact for index, artifact in rows}  # noqa: C416 - rows, no pairs

    # -- the client's writes --------------------------------------------------

    async def made_before(self, owner: str | None, key: str) -> MadeBefore | None:
        """Find the job that an owner's request made under a key."""
        async with self._database.read() as connection:
            return await _made_before(connection, owner, key)

    async def add(
        self, job: Job, entries: Sequence[TimelineEntry], once: Once | None = None
    ) -> MadeBefore | None:
        """Write a new job (PENDING, or QUEUED when it is to run at once).

        With ``once`` only if its key is new to the owner; else nothing is
        written, and what the key stands for is given.
        """
        async with self._database.write() as connection:
            if once is not None:
                # Two at once: the second waits here until the first is committed, or gone.
                taken = await connection.execute(
                    self._database.insert(t.submission_keys)
                    .values(
                        owner=job.owner or "",
                        key=once.key,
                        job_id=job.id,
                        fingerprint=once.fingerprint,
                        created=job.creation_time,
                    )
                    .on_conflict_do_nothing()
                    # PostgreSQL's driver does not count what it has inserted.
                    .returning(t.submission_keys.c.job_id)
                )
                if taken.first() is None:
                    return await _made_before(connection, job.owner, once.key)
            await connection.execute(
                insert(t.jobs).values(
                    id=job.id,
                    owner=job.owner or "",
                    run_id=job.run_id,
                    phase=job.phase,
                    target=job.target,
                    creation_time=job.creation_time,
                    queued_time=job.queued_time,
                    destruction_time=job.destruction_time,
                    execution_duration=job.execution_duration,
                    circuits=job.circuits,
                    parameters=[_parameter_json(item) for item in job.parameters],
                    spec=job.spec,
                    size=job.size,
                    cost_ms=job.cost_ms,
                    turn=self._turn(job.target, job.owner) if job.phase is Phase.QUEUED else 0,
                    quote=job.quote,
                    message=job.message,
                )
            )
            await _add_circuits(connection, job.id, job.circuits)
            await tell(connection, job.id, *entries)
            return None

    async def queue(self, job: Job, entry: TimelineEntry, max_queued: int) -> JobRef | None:
        """RUN: put a job into its target's queue, at its owner's next turn.

        With ``max_queued`` above 0 only if its owner has fewer jobs waiting and
        running; the check and the move are one.
        """
        values = {
            "queued_time": entry.time,
            "turn": self._turn(job.target, job.owner),
            "message": None,
        }
        if not max_queued:
            return await self._move(job.id, Move.QUEUE, entry, **values)
        async with self._database.write() as connection:
            # Two RUNs of one owner must not both see the last free place.
            await self._database.lock(connection, f"quota:{job.owner}")
            if await self._active(connection, job.owner) >= max_queued:
                return None
            return await self._moved(connection, job.id, Move.QUEUE, entry, **values)

    async def active(self, owner: str | None) -> int:
        """Count an owner's jobs that wait or run."""
        async with self._database.read() as connection:
            return await self._active(connection, owner)

    async def hold(self, job_id: str, entry: TimelineEntry) -> JobRef | None:
        """RUN of a job that may not be queued: it waits for another RUN."""
        return await self._move(job_id, Move.HOLD, entry, message=entry.message)

    async def abort(
        self, job_id: str, entry: TimelineEntry, *, past_deadline: datetime | None = None
    ) -> JobRef | None:
        """Abort a job in any phase that is not over.

        With ``past_deadline`` only if its execution duration is over by then.
        """
        guard = [] if past_deadline is None else [_j.deadline <= past_deadline]
        return await self._move(
            job_id,
            Move.ABORT,
            entry,
            *guard,
            end_time=entry.time,
            message=entry.message,
            lease=None,
            lease_until=None,
            deadline=None,
        )

    async def set_quotes(self, found: Mapping[str, datetime | None]) -> None:
        """Write when waiting jobs will probably be done, as far as they still wait."""
        async with self._database.write() as connection:
            for job_id, quote in found.items():
                await connection.execute(
                    update(t.jobs).where(_j.id == job_id, _in(_WAITING)).values(quote=quote)
                )

    async def set_run_id(self, job_id: str, run_id: str | None) -> bool:
        """Change the run id of a job that is not archived."""
        return await self._set(job_id, frozenset(Phase) - {Phase.ARCHIVED}, run_id=run_id)

    async def set_destruction(self, job_id: str, destruction: datetime | None) -> bool:
        """Change the destruction time of a job that is not archived."""
        return await self._set(
            job_id, frozenset(Phase) - {Phase.ARCHIVED}, destruction_time=destruction
        )

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
                .where(_j.id == job_id, _in({Phase.PENDING}))
                .values(parameters=[_parameter_json(item) for item in parameters], **changes)
            )
            if changed.rowcount == 0:
                return False
            await connection.execute(delete(t.circuits).where(t.circuits.c.job_id == job_id))
            await _add_circuits(connection, job_id, changes["circuits"])
            return True

    async def delete(self, job_id: str, now: datetime) -> bool:
        """Remove a job in any phase; its artifacts are noted as garbage in the same transaction."""
        async with self._database.write() as connection:
            removed = await connection.execute(delete(t.jobs).where(_j.id == job_id))
            if removed.rowcount == 0:
                return False
            await _forget(connection, job_id, now)
            await self._discard(connection, job_id, now)
            return True

    # -- the worker's writes --------------------------------------------------

    async def claim(
        self,
        target: str,
        worker: str,
        lease_seconds: float,
        now: datetime,
        *,
        holder: str | None = None,
    ) -> Claim | None:
        """Take the best waiting job of a target: priority first, then turn, then age.

        ``attempt`` grows before the job starts, so that an input that kills
        its worker uses its attempts up. ``holder``, on a target that only one
        worker may hold, is who must hold it.
        """
        lease = str(uuid.uuid4())
        waiting = (
            select(_j.id)
            .where(_j.target == target, _in(_WAITING), is_online(self._database, target))
            .order_by(*_QUEUE_ORDER)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        h = t.holds.c
        held = (
            []
            if holder is None
            else [
                select(h.target)
                .where(h.target == target, h.holder == holder, h.until > self._database.now)
                .exists()
            ]
        )
        async with self._database.write() as connection:
            claimed = await connection.execute(
                update(t.jobs)
                .where(_j.id == waiting, _in(phases.sources(Move.CLAIM)), *held)
                .values(
                    phase=Phase.EXECUTING,
                    attempt=_j.attempt + 1,
                    lease=lease,
                    lease_until=self._database.now + int(lease_seconds * 1000),
                    worker=worker,
                    claimed_time=self._database.now,
                    start_time=func.coalesce(_j.start_time, t.to_stored(now)),
                    deadline=case(
                        (
                            _j.execution_duration > 0,
                            self._database.now
                            + cast(_j.execution_duration, BigInteger) * 1000
                            - _j.spent_ms,
                        )
                    ),
                    message=None,
                )
                .returning(t.jobs)
            )
            row = claimed.first()
            if row is None:
                return None
            await tell(
                connection,
                row.id,
                TimelineEntry(now, "claimed", worker, f"attempt {row.attempt}"),
            )
            return Claim(await _whole(connection, row), lease, row.deadline)

    async def renew(self, claim: Claim, lease_seconds: float) -> tuple[Claim, datetime] | None:
        """Renew a lease, read the deadline, which may have moved, and the database's clock.

        None when the job is not this worker's any more.
        """
        async with self._database.write() as connection:
            row = (
                await connection.execute(
                    update(t.jobs)
                    .where(fence(claim))
                    .values(lease_until=self._database.now + int(lease_seconds * 1000))
                    .returning(_j.deadline, self._database.now.label("now"))
                )
            ).first()
            if row is None:
                return None
            return replace(claim, deadline=row.deadline), t.from_stored(row.now)

    async def shift(self, claim: Claim, seconds: float) -> Claim | None:
        """Move the deadline of a running job with the clock, after that was set.

        A job may run for its execution duration, whatever the clock says meanwhile.
        None when the job is not this worker's any more.
        """
        millis = round(seconds * 1000)
        async with self._database.write() as connection:
            row = (
                await connection.execute(
                    update(t.jobs)
                    .where(fence(claim))
                    .values(
                        claimed_time=type_coerce(_j.claimed_time, BigInteger) + millis,
                        deadline=type_coerce(_j.deadline, BigInteger) + millis,
                    )
                    .returning(_j.deadline)
                )
            ).first()
            return None if row is None else replace(claim, deadline=row.deadline)

    async def note(self, claim: Claim, entry: TimelineEntry) -> bool:
        """Add to the timeline of a job that this worker holds."""
        async with self._database.write() as connection:
            if not await held(connection, claim):
                return False
            await tell(connection, claim.id, entry)
            return True

    async def say(self, claim: Claim, message: str | None) -> bool:
        """Say in a word where a running job stands; the timeline does not keep it."""
        async with self._database.write() as connection:
            said = await connection.execute(
                update(t.jobs).where(fence(claim)).values(message=message)
            )
            return said.rowcount == 1

    async def set_calibration(self, claim: Claim, calibration_id: str) -> bool:
        """Note the calibration that a job runs with."""
        async with self._database.write() as connection:
            noted = await connection.execute(
                update(t.jobs).where(fence(claim)).values(calibration_id=calibration_id)
            )
            return noted.rowcount == 1

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
                update(t.jobs).where(_j.id == claim.id).values(circuits_done=_j.circuits_done + 1)
            )
            await _publish(connection, claim, [result], first=index + _BATCH_OFFSET)
            await _publish(connection, claim, more, first=index + _MORE_OFFSET)
            await tell(connection, claim.id, entry)
            return True

    async def complete(
        self, claim: Claim, results: Sequence[Result], entry: TimelineEntry, seconds: float
    ) -> bool:
        """End a job well: phase, end time, results and timeline in one transaction.

        ``seconds`` is how long it ran, from which quotes learn.
        """
        async with self._database.write() as connection:
            if not await _end(connection, claim, Phase.COMPLETED, entry, circuits_done=_j.circuits):
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

    async def _learn(self, connection: AsyncConnection, claim: Claim, seconds: float) -> None:
        c = t.run_times.c
        where = (c.target == claim.job.target, c.size == claim.job.size)
        row = (await connection.execute(select(c.count, c.seconds).where(*where))).first()
        count, mean = quotes.learn(0, 0.0, seconds) if row is None else quotes.learn(*row, seconds)
        values = {"count": count, "seconds": mean}
        await connection.execute(
            self._database.insert(t.run_times)
            .values(target=claim.job.target, size=claim.job.size, **values)
            .on_conflict_do_update(index_elements=["target", "size"], set_=values)
        )

    async def fail(self, claim: Claim, error: JobError, entry: TimelineEntry) -> bool:
        """End a job in ERROR."""
        async with self._database.write() as connection:
            if not await _end(connection, claim, Phase.ERROR, entry, error=_error_json(error)):
                return False
            await self._discard(connection, f"{claim.id}/{claim.attempt}", entry.time)
            return True

    async def retry(self, claim: Claim, entry: TimelineEntry) -> bool:
        """Put a job back into the queue whose process died; the attempt is used up."""
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(t.jobs)
                .where(fence(claim))
                .values(
                    phase=Phase.QUEUED,
                    start_time=None,
                    lease=None,
                    lease_until=None,
                    deadline=None,
                    message=entry.message,
                )
            )
            if changed.rowcount == 0:
                return False
            await tell(connection, claim.id, entry)
            await self._discard(connection, f"{claim.id}/{claim.attempt}", entry.time)
            return True

    async def hand_back(self, claim: Claim, entry: TimelineEntry) -> bool:
        """SUSPEND a running job of a worker that shuts down: the next worker goes on with it.

        The attempt is given back: stopping it was our doing, not the job's.
        """
        async with self._database.write() as connection:
            spent = self._database.now - type_coerce(_j.claimed_time, BigInteger)
            changed = await connection.execute(
                update(t.jobs)
                .where(fence(claim))
                .values(
                    phase=Phase.SUSPENDED,
                    lease=None,
                    lease_until=None,
                    deadline=None,
                    attempt=_j.attempt - 1,
                    spent_ms=_j.spent_ms + spent,
                    message=entry.message,
                )
            )
            if changed.rowcount == 0:
                return False
            await tell(connection, claim.id, entry)
            return True

    # -- the sweeps' writes -----------------------------------------------------

    async def overdue(self, now: datetime, limit: int = 500) -> list[Overdue]:
        """Find executing jobs whose execution duration is over."""
        return await self._find(
            _j.deadline, _in({Phase.EXECUTING}), _j.deadline <= now, limit=limit
        )

    async def abandoned(self, limit: int = 500) -> list[Overdue]:
        """Find executing jobs whose worker has not renewed its lease."""
        return await self._find(
            _j.lease_until,
            _in({Phase.EXECUTING}),
            _j.lease_until <= self._database.now,
            limit=limit,
        )

    async def expired(self, now: datetime, limit: int = 500) -> list[Overdue]:
        """Find jobs whose destruction time has come."""
        return await self._find(
            _j.destruction_time,
            text("jobs.phase <> 'ARCHIVED'"),
            _j.destruction_time <= now,
            limit=limit,
        )

    async def forgotten(self, before: datetime) -> list[tuple[str, int]]:
        """Count, per target, the jobs that have waited since before an instant."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(_j.target, func.count())
                .where(_in(_WAITING), _j.queued_time <= before)
                .group_by(_j.target)
            )
            return [(target, count) for target, count in rows]

    async def requeue(self, found: Overdue, entry: TimelineEntry) -> bool:
        """Give an abandoned job back to the queue, if its lease is still expired."""
        return await self._release(
            found, entry, phase=Phase.QUEUED, start_time=None, message=entry.message
        )

    async def give_up(self, found: Overdue, error: JobError, entry: TimelineEntry) -> bool:
        """End an abandoned job that has no attempts left, if its lease is still expired."""
        return await self._release(
            found, entry, phase=Phase.ERROR, end_time=entry.time, error=_error_json(error)
        )

    async def shorten(self, lease_seconds: float) -> int:
        """Cut leases that reach further ahead than any worker asks for: the clock was set back.

        Who lives renews its lease in time; a worker that is gone must not keep
        its job until the clock has come that far again.
        """
        ends = self._database.now + int(lease_seconds * 1000)
        latest = self._database.now + int(2 * lease_seconds * 1000)
        async with self._database.write() as connection:
            cut = await connection.execute(
                update(t.jobs)
                .where(_in({Phase.EXECUTING}), _j.lease_until > latest)
                .values(lease_until=ends)
            )
            await connection.execute(
                update(t.holds).where(t.holds.c.until > latest).values(until=ends)
            )
            return cut.rowcount

    async def release(self, target: str) -> int:
        """Expire all leases on a target: for its only worker, before it takes its first job."""
        async with self._database.write() as connection:
            released = await connection.execute(
                update(t.jobs)
                .where(_j.target == target, _in({Phase.EXECUTING}))
                .values(lease_until=self._database.now - 1)
            )
            return released.rowcount

    async def destroy(self, job_id: str, now: datetime) -> bool:
        """Remove a job whose destruction time has come, if that is still so."""
        async with self._database.write() as connection:
            removed = await connection.execute(
                delete(t.jobs).where(_j.id == job_id, _j.destruction_time <= now)
            )
            if removed.rowcount == 0:
                return False
            await _forget(connection, job_id, now)
            await self._discard(connection, job_id, now)
            return True

    async def archive(self, job_id: str, now: datetime) -> bool:
        """Turn a finished job whose destruction time has come into ARCHIVED: its files go."""
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(t.jobs)
                .where(
                    _j.id == job_id,
                    _in(phases.sources(Move.ARCHIVE)),
                    _j.destruction_time <= now,
                )
                .values(phase=Phase.ARCHIVED)
                .returning(_j.attempt)
            )
            attempts = changed.scalar()
            if attempts is None:
                return False
            await connection.execute(delete(t.results).where(t.results.c.job_id == job_id))
            await connection.execute(
                update(t.circuits).where(t.circuits.c.job_id == job_id).values(artifact=None)
            )
            await tell(
                connection, job_id, TimelineEntry(now, "archived", "quws", "destruction time")
            )
            # Parameters are metadata and stay. An attempt that was given back had files too.
            for attempt in range(1, attempts + 2):
                await self._discard(connection, f"{job_id}/{attempt}", now)
            return True

    async def targets_with_work(self) -> list[str]:
        """List the targets for which jobs wait."""
        async with self._database.read() as connection:
            return list(await connection.scalars(select(_j.target).where(_in(_WAITING)).distinct()))

    async def queue_of(self, target: str, limit: int = 500) -> QueueState:
        """Read what a quote needs to know of a target: known times, running and waiting jobs."""
        async with self._database.read() as connection:
            times = await connection.execute(
                select(t.run_times.c.size, t.run_times.c.seconds).where(
                    t.run_times.c.target == target
                )
            )
            known = {size: seconds for size, seconds in times}  # noqa: C416 - rows, not pairs
            running = await connection.execute(
                select(_j.size, _j.claimed_time).where(_j.target == target, _in({Phase.EXECUTING}))
            )
            waiting = await connection.execute(
                select(_j.id, _j.size, _j.quote)
                .where(_j.target == target, _in(_WAITING))
                .order_by(*_QUEUE_ORDER)
                .limit(limit)
            )
            found = [(job_id, size, quote) for job_id, size, quote in waiting]
            count: int | None = len(found)
            if count == limit:
                count = await connection.scalar(
                    select(func.count())
                    .select_from(t.jobs)
                    .where(_j.target == target, _in(_WAITING))
                )
            return QueueState(
                known,
                [(size, since) for size, since in running],
                found,
                count or 0,
                await state_of(connection, self._database, target),
            )

    async def garbage(self, limit: int = 500) -> list[str]:
        """List artifact prefixes whose jobs or attempts are gone."""
        async with self._database.read() as connection:
            rows = await connection.scalars(
                select(t.garbage.c.prefix).order_by(t.garbage.c.since).limit(limit)
            )
            return list(rows)

    async def named(self, job_id: str) -> set[str]:
        """List the artifacts that rows of a job name as results."""
        r, c = t.results.c, t.circuits.c
        async with self._database.read() as connection:
            found = await connection.scalars(
                select(r.artifact)
                .where(r.job_id == job_id)
                .union(select(c.artifact).where(c.job_id == job_id, c.artifact.is_not(None)))
            )
            return set(found)

    async def forget_garbage(self, prefix: str) -> None:
        """Strike a prefix off after its artifacts are deleted."""
        async with self._database.write() as connection:
            await connection.execute(delete(t.garbage).where(t.garbage.c.prefix == prefix))

    async def known(self, job_ids: Iterable[str]) -> set[str]:
        """Tell which of these jobs exist."""
        wanted = list(job_ids)
        found: set[str] = set()
        # A statement can carry only so many values.
        for start in range(0, len(wanted), _CHUNK):
            query = select(_j.id).where(_j.id.in_(wanted[start : start + _CHUNK]))
            async with self._database.read() as connection:
                found.update(await connection.scalars(query))
        return found

    async def forget_keys(self, before: datetime) -> int:
        """Forget keys of requests from before an instant, as far as their jobs are gone."""
        k = t.submission_keys.c
        async with self._database.write() as connection:
            forgotten = await connection.execute(
                delete(t.submission_keys).where(
                    k.created < before, ~exists().where(_j.id == k.job_id)
                )
            )
            return forgotten.rowcount

    async def waiting_for(self, target: str, limit: int = 500) -> list[str]:
        """List jobs that wait for a target."""
        async with self._database.read() as connection:
            return list(
                await connection.scalars(
                    select(_j.id).where(_j.target == target, _in(_WAITING)).limit(limit)
                )
            )

    async def refuse(self, job_id: str, error: JobError, entry: TimelineEntry) -> bool:
        """End a job in ERROR that waits for a target which will not come back."""
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(t.jobs)
                .where(_j.id == job_id, _in(_WAITING))
                .values(
                    phase=phases.target(Move.FAIL),
                    end_time=entry.time,
                    error=_error_json(error),
                    message=None,
                )
            )
            if changed.rowcount == 0:
                return False
            await _leave(connection, job_id, entry.time)
            await tell(connection, job_id, entry)
            return True

    # -- shared -----------------------------------------------------------------

    async def _move(
        self, job_id: str, move: Move, entry: TimelineEntry, *guard: Any, **values: Any
    ) -> JobRef | None:
        async with self._database.write() as connection:
            return await self._moved(connection, job_id, move, entry, *guard, **values)

    async def _moved(
        self,
        connection: AsyncConnection,
        job_id: str,
        move: Move,
        entry: TimelineEntry,
        *guard: Any,
        **values: Any,
    ) -> JobRef | None:
        row = (
            await connection.execute(
                update(t.jobs)
                .where(_j.id == job_id, _in(phases.sources(move)), *guard)
                .values(phase=phases.target(move), **values)
                .returning(
                    *(_j.id, _j.phase, _j.run_id, _j.owner, _j.creation_time),
                    *(_j.attempt, _j.claimed_time),
                )
            )
        ).first()
        if row is None:
            return None
        await tell(connection, job_id, entry)
        if move is Move.ABORT:
            await _leave(connection, job_id, entry.time)
        if move is Move.ABORT and row.claimed_time is not None:
            # An attempt that was given back had the next number.
            for attempt in (row.attempt, row.attempt + 1):
                await self._discard(connection, f"{job_id}/{attempt}", entry.time)
        return _ref(row)

    async def _active(self, connection: AsyncConnection, owner: str | None) -> int:
        found = await connection.scalar(
            select(func.count())
            .select_from(t.jobs)
            .where(
                _j.owner == (owner or ""),
                _in({Phase.QUEUED, Phase.EXECUTING, Phase.SUSPENDED}),
            )
        )
        return int(found or 0)

    async def _set(self, job_id: str, allowed: frozenset[Phase], **values: Any) -> bool:
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(t.jobs).where(_j.id == job_id, _in(allowed)).values(**values)
            )
            return changed.rowcount == 1

    async def _find(self, order: Any, *clauses: Any, limit: int) -> list[Overdue]:
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(_j.id, _j.attempt, _j.phase, _j.target, _j.owner, _REQUEST)
                .where(*clauses)
                .order_by(order)
                .limit(limit)
            )
            return [
                Overdue(r.id, r.attempt, Phase(r.phase), r.target, r.owner or None, r.request)
                for r in rows
            ]

    async def _release(self, found: Overdue, entry: TimelineEntry, **values: Any) -> bool:
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(t.jobs)
                .where(
                    _j.id == found.id,
                    _j.attempt == found.attempt,
                    _in({Phase.EXECUTING}),
                    _j.lease_until <= self._database.now,
                )
                .values(lease=None, lease_until=None, deadline=None, **values)
            )
            if changed.rowcount == 0:
                return False
            if values["phase"] is Phase.ERROR:
                await _leave(connection, found.id, entry.time)
            await tell(connection, found.id, entry)
            await self._discard(connection, f"{found.id}/{found.attempt}", entry.time)
            return True

    def _turn(self, target: str, owner: str | None) -> ColumnElement[int]:
        """Tell when the next job of an owner has its turn on a target.

        Start-time fair queueing (Goyal, Vin, Cheng 1996): a job's turn is when
        the jobs that its owner has waiting would be done, if each owner had
        the target for itself, and no earlier than the turn that is on now. So
        owners alternate, by run time, however many jobs one of them sends.
        """
        head = select(func.min(_j.turn)).where(_j.target == target, _in(_WAITING)).scalar_subquery()
        mine = (
            select(_j.turn + _j.cost_ms)
            .where(_j.target == target, _j.owner == (owner or ""), _in(_WAITING))
            .order_by(_j.turn.desc())
            .limit(1)
            .scalar_subquery()
        )
        return self._database.greatest(func.coalesce(head, 0), func.coalesce(mine, 0))

    async def _discard(self, connection: AsyncConnection, prefix: str, now: datetime) -> None:
        """Note that what lies below a prefix may go, save what rows still name."""
        await connection.execute(
            self._database.insert(t.garbage)
            .values(prefix=prefix, since=now)
            .on_conflict_do_nothing()
        )


_BATCH_OFFSET = 100
"""Results of single circuits are listed after those of the whole job."""

_MORE_OFFSET = 1_000_000


def _in(wanted: Iterable[Phase]) -> TextClause:
    # Literal, not bound, and written as in the index: only then do both databases see that a
    # partial index fits.
    names = [f"'{Phase(phase)}'" for phase in sorted(wanted)]
    if len(names) == 1:
        return text(f"jobs.phase = {names[0]}")
    return text(f"jobs.phase IN ({', '.join(names)})")


def fence(claim: Claim) -> ColumnElement[bool]:
    """Say that a job is still in the hands of who claimed it."""
    return and_(
        _j.id == claim.id,
        _j.attempt == claim.attempt,
        _j.lease == claim.lease,
        _j.phase == Phase.EXECUTING,
    )


def _refs() -> Select[tuple[str, str, str | None, str | None, datetime]]:
    return select(_j.id, _j.phase, _j.run_id, _j.owner, _j.creation_time)


def _ref(row: Any) -> JobRef:
    return JobRef(row.id, Phase(row.phase), row.run_id, row.owner or None, row.creation_time)


def _list_clauses(wanted: ListFilter) -> list[Any]:
    clauses: list[Any] = []
    if not wanted.everybody:
        clauses.append(_j.owner == (wanted.owner or ""))
    clauses.append(_in(wanted.phases) if wanted.phases else text("jobs.phase <> 'ARCHIVED'"))
    if wanted.after is not None:
        clauses.append(_j.creation_time > wanted.after)
    if wanted.key is not None:
        k = t.submission_keys.c
        made = select(k.job_id).where(k.owner == (wanted.owner or ""), k.key == wanted.key)
        clauses.append(_j.id == made.scalar_subquery())
    return clauses


async def _made_before(
    connection: AsyncConnection, owner: str | None, key: str
) -> MadeBefore | None:
    k = t.submission_keys.c
    row = (
        await connection.execute(
            select(k.job_id, k.fingerprint).where(k.owner == (owner or ""), k.key == key)
        )
    ).first()
    return None if row is None else MadeBefore(row.job_id, row.fingerprint)


async def held(connection: AsyncConnection, claim: Claim) -> bool:
    """Tell whether a job is still the worker's, and keep it so until the transaction ends."""
    found = await connection.execute(
        update(t.jobs).where(fence(claim)).values(lease_until=_j.lease_until).returning(_j.id)
    )
    return found.first() is not None


async def tell(connection: AsyncConnection, job_id: str, *entries: TimelineEntry) -> None:
    """Add to a job's timeline."""
    await connection.execute(
        insert(t.timeline),
        [
            {
                "job_id": job_id,
                "time": entry.time,
                "status": entry.status,
                "source": entry.source,
                "message": entry.message,
            }
            for entry in entries
        ],
    )


async def _add_circuits(connection: AsyncConnection, job_id: str, count: int) -> None:
    await connection.execute(
        insert(t.circuits),
        [{"job_id": job_id, "index": index, "status": "waiting"} for index in range(count)],
    )


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


async def _end(
    connection: AsyncConnection, claim: Claim, phase: Phase, entry: TimelineEntry, **values: Any
) -> bool:
    changed = await connection.execute(
        update(t.jobs)
        .where(fence(claim))
        .values(
            phase=phase,
            end_time=entry.time,
            lease=None,
            lease_until=None,
            deadline=None,
            message=None,
            **values,
        )
    )
    if changed.rowcount == 0:
        return False
    if phase is Phase.COMPLETED:
        await _submissions(connection, claim.id, entry.time, SubmissionState.OVER)
    else:
        await _leave(connection, claim.id, entry.time)
    await tell(connection, claim.id, entry)
    return True


async def _leave(connection: AsyncConnection, job_id: str, now: datetime) -> None:
    """Have cancelled what a job that has ended left at the other side."""
    await _submissions(connection, job_id, now, SubmissionState.CANCEL)


async def _forget(connection: AsyncConnection, job_id: str, now: datetime) -> None:
    """Do the same for a job that is gone, of which nothing else stays."""
    await _leave(connection, job_id, now)
    await connection.execute(
        delete(t.submissions).where(
            t.submissions.c.job_id == job_id,
            t.submissions.c.state != SubmissionState.CANCEL,
        )
    )


async def _submissions(
    connection: AsyncConnection, job_id: str, now: datetime, state: SubmissionState
) -> None:
    s = t.submissions.c
    await connection.execute(
        update(t.submissions)
        .where(
            s.job_id == job_id,
            s.state.in_([SubmissionState.INTENT, SubmissionState.SUBMITTED]),
        )
        .values(state=state, changed=now)
    )


async def _position(connection: AsyncConnection, job: Job) -> int | None:
    mine = t.jobs.alias("mine")
    return await connection.scalar(
        select(func.count())
        .select_from(t.jobs)
        .join(mine, mine.c.id == job.id)
        .where(_j.target == job.target, _in(_WAITING))
        .where(tuple_(*_QUEUE_ORDER) < tuple_(*(mine.c[item.key] for item in _QUEUE_ORDER)))
    )


async def _whole(connection: AsyncConnection, row: Row[Any]) -> Job:
    c = t.results.c
    rows = await connection.execute(
        select(c.id, c.artifact, c.size, c.mime_type)
        .where(c.job_id == row.id)
        .order_by(c.position, c.id)
    )
    return Job(
        id=row.id,
        owner=row.owner or None,
        run_id=row.run_id,
        phase=Phase(row.phase),
        target=row.target,
        creation_time=row.creation_time,
        queued_time=row.queued_time,
        start_time=row.start_time,
        end_time=row.end_time,
        destruction_time=row.destruction_time,
        execution_duration=row.execution_duration,
        quote=row.quote,
        attempt=row.attempt,
        circuits=row.circuits,
        circuits_done=row.circuits_done,
        message=row.message,
        parameters=[Parameter(**item) for item in row.parameters],
        spec=row.spec,
        size=row.size,
        calibration_id=row.calibration_id,
        cost_ms=row.cost_ms,
        error=None if row.error is None else _error(row.error),
        results=[Result(*found) for found in rows],
    )


def _parameter_json(item: Parameter) -> dict[str, Any]:
    if item.artifact is None:
        return {"name": item.name, "value": item.value}
    return {
        "name": item.name,
        "artifact": item.artifact,
        "size": item.size,
        "mime_type": item.mime_type,
        "is_post": item.is_post,
    }


def _error(stored: dict[str, Any]) -> JobError:
    return JobError(**(stored | {"type": ErrorType(stored["type"])}))


def _error_json(error: JobError) -> dict[str, Any]:
    return {
        "type": error.type.value,
        "code": error.code,
        "message": error.message,
        "detail": error.detail,
    }
