"""Who holds a job, and until when."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from json import JSONDecodeError

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    case,
    cast,
    func,
    select,
    type_coerce,
    update,
)

from quws.domain.job import Claim, TimelineEntry
from quws.domain.phases import Move, Phase
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs import transition
from quws.store.jobs.clauses import QUEUE_ORDER, WAITING, fence, in_phases
from quws.store.jobs.rows import UnreadableJob, job_of
from quws.store.targets import is_online

_j = t.jobs.c


class JobClaims:
    """Claims of jobs by workers, and their leases: by the clock of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        """Take the best waiting job of a target: priority first, then turn, then age.

        ``attempt`` grows before the job starts, so that an input that kills
        its worker uses its attempts up. ``holder``, on a target that only one
        worker may hold, is who must hold it. ``but`` are jobs to leave to others.

        Raises
        ------
        UnreadableJob
            It is the one that is next, and stays where it is.

        """
        head = self._head(target, but)
        try:
            return await self._claim(head, target, worker, lease_seconds, now, holder)
        except JSONDecodeError as error:
            # SQLite keeps any text, and not even the row with the id can be read.
            async with self._database.read() as connection:
                job_id = await connection.scalar(head)
            if job_id is None:
                raise
            raise UnreadableJob(job_id) from error

    async def _claim(
        self,
        head: Select[str],
        target: str,
        worker: str,
        lease_seconds: float,
        now: datetime,
        holder: str | None,
    ) -> Claim | None:
        clock = self._database.now
        lease = str(uuid.uuid4())
        waiting = head.with_for_update(skip_locked=True).scalar_subquery()
        h = t.holds.c
        is_held = (
            []
            if holder is None
            else [
                select(h.target)
                .where(h.target == target, h.holder == holder, h.until > clock)
                .exists()
            ]
        )
        async with self._database.write() as connection:
            row = await transition.make(
                connection,
                waiting,
                Move.CLAIM,
                TimelineEntry(now, "claimed", worker),
                *is_held,
                returning=(t.jobs,),
                attempt=_j.attempt + 1,
                lease=lease,
                lease_until=clock + int(lease_seconds * 1000),
                worker=worker,
                claimed_time=clock,
                start_time=func.coalesce(_j.start_time, t.to_stored(now)),
                deadline=case(
                    (
                        _j.execution_duration > 0,
                        clock + cast(_j.execution_duration, BigInteger) * 1000 - _j.spent_ms,
                    )
                ),
            )
            if row is None:
                return None
            return Claim(await job_of(connection, row), lease, row.deadline)

    def _head(self, target: str, but: Collection[str]) -> Select[str]:
        """Return the query for the job of a target that is next."""
        online = is_online(self._database, target)
        clauses: list[ColumnElement[bool]] = [_j.id.not_in(but)] if but else []
        return (
            select(_j.id)
            .where(_j.target == target, in_phases(WAITING), online, *clauses)
            .order_by(*QUEUE_ORDER)
            .limit(1)
        )

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
                .where(in_phases({Phase.EXECUTING}), _j.lease_until > latest)
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
                .where(_j.target == target, in_phases({Phase.EXECUTING}))
                .values(lease_until=self._database.now)
            )
            return released.rowcount
