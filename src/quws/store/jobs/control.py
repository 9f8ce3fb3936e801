"""What clients do with their jobs after these are made."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, TextClause, case, select, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain import phases
from quws.domain.batch import CircuitStatus, named
from quws.domain.clock import utc_now
from quws.domain.errors import NoBookedTimeslots, QuotaExceeded
from quws.domain.job import JobRef, Parameter, TimelineEntry
from quws.domain.labels import Relabel
from quws.domain.phases import Move, Phase
from quws.domain.quotas import Bound
from quws.domain.shares import Fairness
from quws.store import quotas, webhooks
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs import transition
from quws.store.jobs.circuits import replace_circuits
from quws.store.jobs.clauses import CHUNK, in_phases
from quws.store.jobs.garbage import discard
from quws.store.jobs.labels import relabel, replace_tags
from quws.store.jobs.outbox import Happening, Kind
from quws.store.jobs.removal import remove, remove_all
from quws.store.jobs.rows import parameter_json, ref_of, select_refs
from quws.store.jobs.timeline import tell
from quws.store.jobs.turns import for_turn, turn_of_new
from quws.store.jobs.usage import bytes_of
from quws.store.quotas import Wanted
from quws.store.timeslots import has_booked

_j, _c = t.jobs.c, t.circuits.c
_NOT_ARCHIVED = frozenset(Phase) - {Phase.ARCHIVED}
_NOT_OVER = frozenset(Phase) - phases.FINAL


class Part(Enum):
    """What a request may want of a job."""

    PARAMETERS = auto()
    DESTRUCTION = auto()
    EXECUTION_DURATION = auto()
    RUN_ID = auto()
    NAME = auto()
    RUN = auto()
    ABORT = auto()


class Refused(Exception):
    """A job's phase forbids a part of what was wanted, or the job is not there."""

    def __init__(self, part: Part) -> None:
        super().__init__(part)
        self.part = part


@dataclass(frozen=True, slots=True)
class Link:
    """The URL that is told of a job of an owner, from an instant on."""

    owner: str
    url: str
    since: datetime


@dataclass(frozen=True, slots=True)
class NewParameters:
    """All parameters that a job is to have, with the columns that follow from them.

    ``columns`` holds ``circuits``, and may hold ``spec``, ``target``, ``size``, ``cost_ms``,
    ``quote``. ``tags`` are by which the job is found, if they are among what changes; ``notes``
    are what to say of it.
    """

    parameters: Sequence[Parameter]
    columns: Mapping[str, Any]
    tags: Sequence[str] | None = None
    webhook: Link | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """RUN, with what the timeline says if the job is queued.

    It is held instead if there is no room for it under ``bounds``, the limits of its owner; and
    in any case for the reason ``hold``.
    """

    queued: TimelineEntry
    bounds: Sequence[Bound] = ()
    hold: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What one request wants of a job; None is left as it is.

    An empty run id or name takes it away. ``note`` is for the timeline, ``time`` when it was
    wanted.
    """

    parameters: NewParameters | None = None
    destruction: datetime | None = None
    execution_duration: int | None = None
    run_id: str | None = None
    name: str | None = None
    run: Run | None = None
    abort: TimelineEntry | None = None
    note: TimelineEntry | None = None
    time: datetime = field(default_factory=utc_now, compare=False)


class JobControl:
    """The client's writes: what a job is set to, RUN, ABORT, DELETE."""

    def __init__(self, database: Database, fairness: Fairness) -> None:
        self._database = database
        self._fairness = fairness
        self._turn = turn_of_new(database)

    async def apply(self, job_id: str, change: Change) -> JobRef:
        """Change a job in all that a request wants of it, or in nothing. Return it as it is then.

        Raises
        ------
        Refused
            The job's phase forbids a part of it, or the job is not there: nothing was changed.

        """
        async with self._database.write() as connection:
            await self._set(connection, job_id, change)
            if change.run is not None:
                return (await self._run(connection, job_id, change.run))[0]
            if change.abort is not None:
                aborted = await self._abort(connection, job_id, change.abort)
                if aborted is None:
                    raise Refused(Part.ABORT)
                return aborted
            row = (await connection.execute(select_refs().where(_j.id == job_id))).first()
            if row is None:
                raise Refused(Part.PARAMETERS)
            return ref_of(row)

    async def abort(
        self, job_id: str, entry: TimelineEntry, *, past_deadline: datetime | None = None
    ) -> JobRef | None:
        """Abort a job in any phase that is not over.

        With ``past_deadline`` only if its execution duration is over by then.
        """
        guards = [] if past_deadline is None else [_j.deadline <= past_deadline]
        async with self._database.write() as connection:
            return await self._abort(connection, job_id, entry, *guards)

    async def abort_circuits(
        self, job_id: str, indices: Collection[int], now: datetime, by: str
    ) -> tuple[JobRef, set[int]] | None:
        """Abort those circuits of a batch that have not ended yet, in one transaction.

        A job of which every circuit is aborted is so itself. Return the job as it is then, and
        which circuits were aborted; None where it is over, or not there.
        """
        touched = update(t.jobs).where(_j.id == job_id)
        ref = select_refs().selected_columns
        async with self._database.write() as connection:
            # Its row first, as its worker does: else each could wait for the other.
            mine = touched.where(in_phases(phases.sources(Move.ABORT))).values(
                circuits_done=_j.circuits_done
            )
            row = (await connection.execute(mine.returning(*ref))).first()
            if row is None:
                return None
            aborted = await _abort_some(connection, job_id, sorted(indices), now)
            if not aborted:
                return ref_of(row), aborted
            count = touched.values(circuits_aborted=_j.circuits_aborted + len(aborted))
            (all_over,) = (
                await connection.execute(count.returning(_j.circuits_aborted == _j.circuits))
            ).one()
            entry = TimelineEntry(now, "circuits aborted", by, named(aborted))
            await tell(connection, job_id, entry)
            if all_over:
                end = TimelineEntry(now, "aborted", by, "all of its circuits are aborted")
                ended = await self._abort(connection, job_id, end)
                assert ended is not None
                return ended, aborted
            await transition.happened(
                connection, Happening(Kind.CIRCUIT, now, job_id, row.owner, Phase(row.phase))
            )
            return ref_of(row), aborted

    async def delete(self, job_id: str, now: datetime) -> bool:
        """Remove a job in any phase; its artifacts are noted as garbage in the same transaction."""
        async with self._database.write() as connection:
            return await remove(connection, self._database, job_id, now)

    async def run_all(
        self, jobs: Sequence[tuple[str, str | None, Run]]
    ) -> list[tuple[JobRef, str | None]]:
        """Run jobs in one transaction: each with its owner and what RUN is to do with it.

        Those are left out whose phase forbids it by now, and the others of an owner of whom one had
        to be held. Return the ones that are queued or held, the latter with the reason.
        """
        moved: list[tuple[JobRef, str | None]] = []
        full: set[str | None] = set()
        async with self._database.write() as connection:
            for job_id, owner, run in jobs:
                if owner in full:
                    continue
                with suppress(Refused):
                    moved.append(await self._run(connection, job_id, run))
                    if moved[-1][0].phase is Phase.HELD:
                        full.add(owner)
        return moved

    async def abort_all(
        self, job_ids: Sequence[str], entry: TimelineEntry, *, waiting_only: bool = False
    ) -> list[JobRef]:
        """Abort jobs in one transaction, and return those that were not over.

        With ``waiting_only`` those are left alone that a worker has.
        """
        guards = [in_phases(_NOT_OVER - {Phase.EXECUTING})] if waiting_only else []
        async with self._database.write() as connection:
            found = [await self._abort(connection, job_id, entry, *guards) for job_id in job_ids]
        return [ref for ref in found if ref is not None]

    async def delete_all(self, job_ids: Sequence[str], now: datetime) -> list[str]:
        """Remove jobs in one transaction, and return those that were there."""
        async with self._database.write() as connection:
            return await remove_all(connection, self._database, job_ids, now)

    async def _set(self, connection: AsyncConnection, job_id: str, change: Change) -> None:
        """Set what a request wants to be set, each if the job's phase allows it."""
        new = change.parameters
        if new is not None:
            await _update(
                connection,
                job_id,
                Part.PARAMETERS,
                frozenset({Phase.PENDING}),
                parameters=[parameter_json(item) for item in new.parameters],
                # Which of them were aborted, goes with the circuits.
                circuits_aborted=0,
                # The files of the old values stay as long as the job.
                stored_bytes=_j.stored_bytes + bytes_of(new.parameters),
                **new.columns,
            )
            await replace_circuits(connection, job_id, new.columns["circuits"])
            if new.tags is not None:
                await replace_tags(connection, self._database, job_id, new.tags)
            if (hook := new.webhook) is not None:
                await webhooks.link(
                    connection, self._database, job_id, hook.owner, hook.url, hook.since
                )
        if change.destruction is not None:
            await _update(
                connection,
                job_id,
                Part.DESTRUCTION,
                _NOT_ARCHIVED,
                destruction_time=change.destruction,
            )
        if change.execution_duration is not None:
            seconds = change.execution_duration
            # A running job's deadline moves in the same statement, counted from the start of
            # its run.
            ends = type_coerce(_j.claimed_time, BigInteger) - _j.spent_ms + seconds * 1000
            await _update(
                connection,
                job_id,
                Part.EXECUTION_DURATION,
                _NOT_OVER,
                execution_duration=seconds,
                deadline=case((_j.phase == Phase.EXECUTING, ends)) if seconds else None,
            )
        if change.run_id is not None or change.name is not None:
            part = Part.NAME if change.run_id is None else Part.RUN_ID
            # Only looked at, and kept as it is until the labels are written.
            await _update(connection, job_id, part, _NOT_ARCHIVED, circuits=_j.circuits)
            labels = Relabel(name=change.name, run_id=change.run_id)
            await relabel(connection, self._database, [job_id], labels, change.time)
        if change.note is not None:
            await tell(connection, job_id, change.note)

    async def _run(
        self, connection: AsyncConnection, job_id: str, run: Run
    ) -> tuple[JobRef, str | None]:
        """Put a job into its target's queue, at its owner's next turn, or hold it for a reason."""
        of_job = select(_j.owner, _j.target, _j.shots, _j.cost_ms, _j.timeslot)
        job = (await connection.execute(of_job.where(_j.id == job_id).with_for_update())).first()
        if job is None:
            raise Refused(Part.RUN)
        charged, why, now = None, run.hold, run.queued.time
        if (
            job.timeslot
            and why is None
            and not await has_booked(connection, job.owner, job.target, now)
        ):
            why = f"{NoBookedTimeslots.code}: no timeslot of target {job.target} is booked"
            why += " for this owner; book one, then send RUN again"
        if run.bounds and why is None:
            wanted = Wanted(queued=1, shots=job.shots, ms=job.cost_ms)
            try:
                charged = await quotas.take(connection, self._database, run.bounds, wanted, now)
            except QuotaExceeded as exceeded:
                why = f"{QuotaExceeded.code}: {exceeded.sentence}; then send RUN again"
        if why is not None:
            held = TimelineEntry(now, "held", run.queued.source, why)
            row = await transition.make(connection, job_id, Move.HOLD, held)
        else:
            share = for_turn(job.target, job.owner, self._fairness, now)
            turn = self._turn.params(share)
            row = await transition.make(
                connection, job_id, Move.QUEUE, run.queued, turn=turn, charged=charged
            )
        if row is None:
            if charged is not None:
                await quotas.settle(connection, [(charged, 0, False)])
            raise Refused(Part.RUN)
        return ref_of(row), why

    async def _abort(
        self,
        connection: AsyncConnection,
        job_id: str,
        entry: TimelineEntry,
        *guards: ColumnElement[bool] | TextClause,
    ) -> JobRef | None:
        row = await transition.make(connection, job_id, Move.ABORT, entry, *guards)
        if row is None:
            return None
        if row.claimed_time is not None:
            # An attempt that was given back had the next number.
            for attempt in (row.attempt, row.attempt + 1):
                await discard(connection, self._database, f"{job_id}/{attempt}", entry.time)
        return ref_of(row)


async def _abort_some(
    connection: AsyncConnection, job_id: str, indices: Sequence[int], now: datetime
) -> set[int]:
    aborted: set[int] = set()
    for start in range(0, len(indices), CHUNK):
        changed = await connection.scalars(
            update(t.circuits)
            .where(
                _c.job_id == job_id,
                _c.index.in_(indices[start : start + CHUNK]),
                _c.status == CircuitStatus.WAITING,
            )
            .values(status=CircuitStatus.ABORTED, end_time=now)
            .returning(_c.index)
        )
        aborted.update(changed)
    return aborted


async def _update(
    connection: AsyncConnection,
    job_id: str,
    part: Part,
    allowed: frozenset[Phase],
    **columns: Any,
) -> None:
    changed = await connection.execute(
        update(t.jobs).where(_j.id == job_id, in_phases(allowed)).values(**columns)
    )
    if changed.rowcount == 0:
        raise Refused(part)
