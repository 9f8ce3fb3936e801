"""Who holds a job, and until when."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from json import JSONDecodeError
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    ColumnElement,
    ScalarSelect,
    Text,
    TextClause,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    type_coerce,
    update,
)

from quws.domain.job import Claim, TimelineEntry
from quws.domain.lanes import SHORT_MS
from quws.domain.phases import Move, Phase
from quws.domain.quotas import Entitlements
from quws.store import quotas, session_times, sessions
from quws.store import tables as t
from quws.store.database import Database
from quws.store.instants import from_stored
from quws.store.jobs import transition
from quws.store.jobs.clauses import FENCE, QUEUE_ORDER, WAITING, fenced, in_phases, short
from quws.store.jobs.rows import UnreadableJob, job_of
from quws.store.jobs.transition import Made, Prepared
from quws.store.statements import Statement
from quws.store.targets import is_online
from quws.store.timeslots import fits_now

_j = t.jobs.c


_TARGET = bindparam("its_target", type_=Text())
_MILLIS = bindparam("millis", type_=BigInteger())
# In plain SQL: for SQLite, SQLAlchemy leaves out in RETURNING of which table a column is.
_MORE = (
    "EXISTS (SELECT further.id FROM jobs AS further WHERE further.target = jobs.target"
    " AND further.id <> jobs.id AND further.phase IN ('QUEUED', 'SUSPENDED'){})"
)


@dataclass(frozen=True, slots=True)
class Taken:
    """Jobs that were claimed together, and whether further ones waited."""

    claims: list[Claim]
    more: bool


class _Which(NamedTuple):
    """What kind of claim it is: on a target that is ``held``, ``left`` others, of owners who are
    not ``full`` where they are ``limited`` in what runs, ``of_short`` jobs; ``in_timeslots`` is as
    for `JobClaims.take`.
    """

    held: bool
    left: bool
    limited: bool
    of_short: bool
    in_timeslots: bool | None


class JobClaims:
    """Claims of jobs by workers, and their leases: by the clock of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._moves: dict[_Which, Prepared] = {}
        self._renew = Statement(
            update(t.jobs)
            .where(FENCE)
            .values(lease_until=database.now + _MILLIS)
            .returning(_j.deadline, _j.circuits_aborted, database.now.label("now"))
        )

    async def claim(
        self,
        target: str,
        worker: str,
        lease_seconds: float,
        now: datetime,
        *,
        holder: str | None = None,
        but: Collection[str] = (),
    ) -> Claim | None:
        """Take the best waiting job of a target; see `take`."""
        taken = await self.take(target, worker, lease_seconds, now, most=1, holder=holder, but=but)
        return taken.claims[0] if taken.claims else None

    async def take(
        self,
        target: str,
        worker: str,
        lease_seconds: float,
        now: datetime,
        *,
        most: int,
        holder: str | None = None,
        but: Collection[str] = (),
        entitlements: Entitlements | None = None,
        in_timeslots: bool | None = None,
        short: bool = False,
    ) -> Taken:
        """Take the best waiting jobs of a target: priority first, then turn, then age; and those of
        the session that has it before all.

        ``attempt`` grows before the job starts, so that an input that kills
        its worker uses its attempts up. ``holder``, on a target that only one
        worker may hold, is who must hold it. ``but`` are jobs to leave to others. With
        ``entitlements`` nobody gets more jobs to run than they may; with ``short`` short jobs are
        taken only, and further ones are such, too. ``in_timeslots`` is whether all jobs run in
        timeslots of their owners; None where the target cannot be booked.

        Raises
        ------
        UnreadableJob
            It is the one that is next, and stays where it is; no other was taken.

        """
        limited = entitlements is not None and entitlements.limits_running
        which = _Which(holder is not None, bool(but), limited, short, in_timeslots)
        try:
            return await self._take(
                target, worker, lease_seconds, now, most, holder, but, entitlements, which
            )
        except JSONDecodeError as error:
            # SQLite keeps any text, and not even the row with the id can be read.
            head = _best(self._database, target, but, of_short=short, in_timeslots=in_timeslots)
            async with self._database.read() as connection:
                job_id = await connection.scalar(select(head))
            if job_id is None:
                raise
            raise UnreadableJob(job_id) from error

    async def _take(
        self,
        target: str,
        worker: str,
        lease_seconds: float,
        now: datetime,
        most: int,
        holder: str | None,
        but: Collection[str],
        entitlements: Entitlements | None,
        which: _Which,
    ) -> Taken:
        move = self._next(which)
        values: dict[str, Any] = {
            "its_target": target,
            "new_worker": worker,
            "millis": int(lease_seconds * 1000),
        }
        if holder is not None:
            values["its_holder"] = holder
        if but:
            values["others"] = list(but)
        entry = TimelineEntry(now, "claimed", worker)
        claims: list[Claim] = []
        made: list[Made] = []
        more = True
        running: dict[str, int] = {}
        async with self._database.write() as connection:
            if which.limited:
                # Of two who would start an owner's last one, one waits for the other.
                await self._database.lock(connection, "quota:running")
                running = await quotas.executing(connection)
            while more and len(made) < most:
                if entitlements is not None and which.limited:
                    values["full"] = list(entitlements.full(running))
                lease = str(uuid.uuid4())
                taken = await transition.change(connection, move, entry, **values, new_lease=lease)
                more = taken is not None and taken.row.more
                if taken is not None:
                    made.append(taken)
                    if (session := taken.row.session) is not None:
                        # At once: the next job is one of it.
                        await sessions.claimed(connection, session)
                    owner = taken.row.owner
                    running[owner] = running.get(owner, 0) + 1
                    job = await job_of(connection, taken.row, fresh=True)
                    claims.append(Claim(job, lease, taken.row.deadline, job.circuits_aborted))
            if made:
                await transition.write_down(connection, made)
        # One who may not run more may when one of theirs is done, which may be here.
        return Taken(claims, more or bool(values.get("full")))

    def _next(self, which: _Which) -> Prepared:
        # Built once: that takes longer than to run it. A worker needs one or two of them.
        if which not in self._moves:
            self._moves[which] = _next(self._database, which)
        return self._moves[which]

    async def renew(self, claim: Claim, lease_seconds: float) -> tuple[Claim, datetime] | None:
        """Renew a lease, and read the database's clock and what may have changed of the job: its
        deadline, and how many of its circuits are aborted.

        None when the job is not this worker's any more.
        """
        values = fenced(claim) | {"millis": int(lease_seconds * 1000)}
        async with self._database.write() as connection:
            row = await self._renew.find(connection, values)
            if row is None:
                return None
            renewed = replace(claim, deadline=row.deadline, aborted=row.circuits_aborted)
            return renewed, from_stored(row.now)

    async def shift(self, claim: Claim, seconds: float) -> Claim | None:
        """Move the deadline of a running job with the clock, after that was set.

        A job may run for its execution duration, whatever the clock says meanwhile.
        None when the job is not this worker's any more.
        """
        values = fenced(claim) | {"millis": round(seconds * 1000)}
        async with self._database.write() as connection:
            row = (await connection.execute(_SHIFT, values)).first()
            return None if row is None else replace(claim, deadline=row.deadline)

    async def shorten(self, lease_seconds: float) -> int:
        """Cut leases that reach further ahead than any worker asks for: the clock was set back. So
        are the times of sessions.

        Who lives renews its lease in time; a worker that is gone must not keep
        its job until the clock has come that far again.
        """
        ends = self._database.now + int(lease_seconds * 1000)
        latest = self._database.now + int(2 * lease_seconds * 1000)
        async with self._database.write() as connection:
            cut = await connection.execute(
                update(t.jobs)
                .where(in_phases({Phase.EXECUTING}), _j.lease_until > latest)
                .values(lease_until=ends)
            )
            await connection.execute(
                update(t.holds).where(t.holds.c.until > latest).values(until=ends)
            )
            await session_times.shorten(connection, self._database)
            return cut.rowcount

    async def release(self, target: str) -> int:
        """Expire all leases on a target: for its only worker, before it takes its first job."""
        async with self._database.write() as connection:
            released = await connection.execute(
                update(t.jobs)
                .where(_j.target == target, in_phases({Phase.EXECUTING}))
                .values(lease_until=self._database.now)
            )
            return released.rowcount


def _best(
    database: Database,
    target: str | BindParameter[str],
    but: Collection[str] | BindParameter[Any],
    full: BindParameter[Any] | None = None,
    *,
    of_short: bool,
    in_timeslots: bool | None = None,
    locked: bool = False,
) -> ColumnElement[str]:
    """Return the query for the job of a target that is next.

    It is one of the session whose jobs go first, and else any, unless the target is dedicated to a
    session that has nothing to run. With ``locked`` nobody else gets it meanwhile.
    """
    clauses: list[ColumnElement[bool]] = []
    if isinstance(but, BindParameter) or but:
        clauses.append(_j.id.not_in(but))
    if full is not None:
        clauses.append(_j.owner.not_in(full))
    booked = in_timeslots is not None
    if in_timeslots is not None:
        clauses.append(fits_now(database, target, required=in_timeslots))
    first = sessions.first(database, target, full, booked=booked)
    alone = sessions.dedicated(database, target, full, booked=booked)

    def head(*which: ColumnElement[bool] | TextClause) -> ScalarSelect[str]:
        found = (
            select(_j.id)
            .where(*which, in_phases(WAITING), is_online(database, target), *clauses)
            .order_by(*QUEUE_ORDER)
            .limit(1)
        )
        return (found.with_for_update(skip_locked=True) if locked else found).scalar_subquery()

    # Not written as in the index of short jobs, which has those of all sessions and of none.
    of_first: list[Any] = [_j.session == first, *([_j.cost_ms + 0 < SHORT_MS] if of_short else [])]
    of_all: list[Any] = [_j.target == target, *([short()] if of_short else [])]
    best = func.coalesce(head(*of_first), case((alone.is_(None), head(*of_all))))
    # Mostly no session has begun: nothing more is looked at then.
    return case((sessions.any_active(target), best), else_=head(*of_all))


def _next(database: Database, which: _Which) -> Prepared:
    """Return the claim of the job that is next."""
    further = f" AND further.cost_ms < {SHORT_MS}" if which.of_short else ""
    more: ColumnElement[bool] = literal_column(_MORE.format(further), Boolean())
    clock, h = database.now, t.holds.c
    others: BindParameter[Any] | tuple[str, ...] = ()
    if which.left:
        others = bindparam("others", expanding=True)
    full: BindParameter[Any] | None = None
    if which.limited:
        full = bindparam("full", expanding=True)
    best = _best(
        database,
        _TARGET,
        others,
        full,
        of_short=which.of_short,
        in_timeslots=which.in_timeslots,
        locked=True,
    )
    holds = select(h.target).where(
        h.target == _TARGET, h.holder == bindparam("its_holder", type_=Text()), h.until > clock
    )
    return transition.prepared(
        Move.CLAIM,
        best,
        *([holds.exists()] if which.held else []),
        returning=(*t.jobs.c, more.label("more")),
        once=which.left or which.limited,
        attempt=_j.attempt + 1,
        lease=bindparam("new_lease", type_=_j.lease.type),
        lease_until=clock + _MILLIS,
        worker=bindparam("new_worker", type_=Text()),
        claimed_time=clock,
        start_time=func.coalesce(_j.start_time, transition.not_before(_j.creation_time)),
        deadline=case(
            (
                _j.execution_duration > 0,
                clock + cast(_j.execution_duration, BigInteger) * 1000 - _j.spent_ms,
            )
        ),
    )


_SHIFT = (
    update(t.jobs)
    .where(FENCE)
    .values(
        claimed_time=type_coerce(_j.claimed_time, BigInteger) + _MILLIS,
        deadline=type_coerce(_j.deadline, BigInteger) + _MILLIS,
    )
    .returning(_j.deadline)
)
