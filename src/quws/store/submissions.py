"""What was handed over to targets that have queues of their own.

The intent is written before anything is sent and the handle after it, both
fenced by attempt and lease. Whatever ends the job otherwise than well turns
its submission, in the same transaction, into a duty to cancel it, which
outlives the worker, the process and the job itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, exists, select, update

from quws.domain.job import Claim, TimelineEntry
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs import SubmissionState, held, tell

_s = t.submissions.c


@dataclass(frozen=True, slots=True)
class Submission:
    """Something that was handed over, or is about to be.

    ``handle`` is what the other side calls it; None while it is not known to
    have arrived. ``created`` is the intent's time, ``changed`` that of the
    present state.
    """

    key: str
    job_id: str
    target: str
    state: SubmissionState
    handle: str | None
    created: datetime
    changed: datetime


class SubmissionStore:
    """The submissions of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, job_id: str) -> Submission | None:
        """Find what was handed over for a job."""
        async with self._database.read() as connection:
            row = (
                await connection.execute(select(t.submissions).where(_s.job_id == job_id))
            ).first()
            return None if row is None else _submission(row)

    async def intend(self, claim: Claim, key: str, now: datetime) -> bool:
        """Write down that a job is about to be handed over under a key.

        Written again it stays as it is, save for its time. False when the job
        is not this worker's any more: then nothing may be sent.
        """
        async with self._database.write() as connection:
            if not await held(connection, claim):
                return False
            await connection.execute(
                self._database.insert(t.submissions)
                .values(
                    key=key,
                    job_id=claim.id,
                    target=claim.job.target,
                    state=SubmissionState.INTENT,
                    created=now,
                    changed=now,
                )
                .on_conflict_do_update(
                    index_elements=["key"],
                    set_={"created": now, "changed": now},
                    where=_s.state == SubmissionState.INTENT,
                )
            )
            return True

    async def arrived(self, claim: Claim, key: str, handle: str, entry: TimelineEntry) -> bool:
        """Write down what the other side calls a submission.

        Also when the job was taken away meanwhile (then False): it is needed to cancel it.
        """
        settled = await self._settle(
            claim, key, entry, state=SubmissionState.SUBMITTED, handle=handle
        )
        if not settled:
            async with self._database.write() as connection:
                await connection.execute(
                    update(t.submissions)
                    .where(_s.key == key, _s.state == SubmissionState.CANCEL)
                    .values(handle=handle)
                )
        return settled

    async def doubt(self, claim: Claim, key: str, entry: TimelineEntry) -> bool:
        """Write down that nobody can tell whether a submission has arrived."""
        return await self._settle(claim, key, entry, state=SubmissionState.DOUBT)

    async def duties(self, target: str, limit: int = 200) -> list[Submission]:
        """List what must be cancelled at the other side, oldest first."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(t.submissions)
                .where(_s.target == target, _s.state == SubmissionState.CANCEL)
                .order_by(_s.changed, _s.key)
                .limit(limit)
            )
            return [_submission(row) for row in rows]

    async def close(self, key: str, entry: TimelineEntry) -> None:
        """Strike off a submission that was cancelled; of a deleted job nothing stays."""
        async with self._database.write() as connection:
            closed = await connection.execute(
                update(t.submissions)
                .where(_s.key == key, _s.state == SubmissionState.CANCEL)
                .values(state=SubmissionState.OVER, changed=entry.time)
                .returning(_s.job_id)
            )
            job_id = closed.scalar()
            if job_id is None:
                return
            if await connection.scalar(select(exists().where(t.jobs.c.id == job_id))):
                await tell(connection, job_id, entry)
            else:
                await connection.execute(delete(t.submissions).where(_s.key == key))

    async def _settle(self, claim: Claim, key: str, entry: TimelineEntry, **values: Any) -> bool:
        async with self._database.write() as connection:
            if not await held(connection, claim):
                return False
            changed = await connection.execute(
                update(t.submissions)
                .where(_s.key == key, _s.state == SubmissionState.INTENT)
                .values(changed=entry.time, **values)
            )
            if changed.rowcount:  # Else it is written already, but the news of it was lost.
                await tell(connection, claim.id, entry)
            return True


def _submission(row: Row[Any]) -> Submission:
    return Submission(
        key=row.key,
        job_id=row.job_id,
        target=row.target,
        state=SubmissionState(row.state),
        handle=row.handle,
        created=row.created,
        changed=row.changed,
    )
