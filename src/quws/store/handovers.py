"""What was handed over to targets that have queues of their own.

The intent is written before anything is sent and the handle after it, both
fenced by attempt and lease. Whatever ends the job otherwise than well turns
its handover, in the same transaction, into a duty to cancel it, which
outlives the worker, the process and the job itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.job import Claim, TimelineEntry
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.clauses import held
from quws.store.jobs.timeline import tell

_h = t.handovers.c


class HandoverState(StrEnum):
    """Where something stands that a job has handed over to a target with a queue of its own."""

    INTENT = "intent"
    """It is about to be sent, or was sent; nobody knows yet whether it has arrived."""
    ARRIVED = "submitted"
    DOUBT = "doubt"
    """Nobody can tell whether it has arrived."""
    CANCEL = "cancel"
    """Its job is over or gone: it must be cancelled at the other side."""
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Handover:
    """Something that was handed over, or is about to be.

    ``handle`` is what the other side calls it; None while it is not known to
    have arrived. ``created`` is the intent's time, ``changed`` that of the
    present state. ``left_out`` has the circuits of the job that are not in it.
    """

    key: str
    job_id: str
    target: str
    state: HandoverState
    handle: str | None
    created: datetime
    changed: datetime
    left_out: Sequence[int] = ()


class HandoverStore:
    """The handovers of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, job_id: str) -> Handover | None:
        """Return what was handed over for a job."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(t.handovers).where(_h.job_id == job_id))).first()
            return None if row is None else _handover(row)

    async def intend(
        self, claim: Claim, key: str, now: datetime, left_out: Sequence[int] = ()
    ) -> bool:
        """Write down that a job is about to be handed over under a key.

        Written again it stays as it is, save for its time and what is left out. False when the job
        is not this worker's any more: then nothing may be sent.
        """
        async with self._database.write() as connection:
            if not await held(connection, claim):
                return False
            await connection.execute(
                self._database.insert(t.handovers)
                .values(
                    key=key,
                    job_id=claim.id,
                    target=claim.job.target,
                    state=HandoverState.INTENT,
                    created=now,
                    changed=now,
                    left_out=list(left_out) or None,
                )
                .on_conflict_do_update(
                    index_elements=["key"],
                    set_={"created": now, "changed": now, "left_out": list(left_out) or None},
                    where=_h.state == HandoverState.INTENT,
                )
            )
            return True

    async def arrived(self, claim: Claim, key: str, handle: str, entry: TimelineEntry) -> bool:
        """Write down what the other side calls what was handed over.

        Also when the job was taken away meanwhile (then False): it is needed to cancel it.
        """
        settled = await self._settle(claim, key, entry, state=HandoverState.ARRIVED, handle=handle)
        if not settled:
            async with self._database.write() as connection:
                await connection.execute(
                    update(t.handovers)
                    .where(_h.key == key, _h.state == HandoverState.CANCEL)
                    .values(handle=handle)
                )
        return settled

    async def doubt(self, claim: Claim, key: str, entry: TimelineEntry) -> bool:
        """Write down that nobody can tell whether a handover has arrived."""
        return await self._settle(claim, key, entry, state=HandoverState.DOUBT)

    async def duties(self, target: str, limit: int = 200) -> list[Handover]:
        """List what must be cancelled at the other side, oldest first."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(t.handovers)
                .where(_h.target == target, _h.state == HandoverState.CANCEL)
                .order_by(_h.changed, _h.key)
                .limit(limit)
            )
            return [_handover(row) for row in rows]

    async def close(self, key: str, entry: TimelineEntry) -> None:
        """Strike off a handover that was cancelled; of a deleted job nothing stays."""
        async with self._database.write() as connection:
            closed = await connection.execute(
                update(t.handovers)
                .where(_h.key == key, _h.state == HandoverState.CANCEL)
                .values(state=HandoverState.OVER, changed=entry.time)
                .returning(_h.job_id)
            )
            job_id = closed.scalar()
            if job_id is None:
                return
            if await connection.scalar(select(exists().where(t.jobs.c.id == job_id))):
                await tell(connection, job_id, entry)
            else:
                await connection.execute(delete(t.handovers).where(_h.key == key))

    async def _settle(self, claim: Claim, key: str, entry: TimelineEntry, **values: Any) -> bool:
        async with self._database.write() as connection:
            if not await held(connection, claim):
                return False
            changed = await connection.execute(
                update(t.handovers)
                .where(_h.key == key, _h.state == HandoverState.INTENT)
                .values(changed=entry.time, **values)
            )
            if changed.rowcount:  # Else it is written already, but the news of it was lost.
                await tell(connection, claim.id, entry)
            return True


async def over(connection: AsyncConnection, job_id: str, now: datetime) -> None:
    """Close what a job that has ended well left at the other side."""
    await _leave(connection, job_id, now, HandoverState.OVER)


async def cancel(connection: AsyncConnection, job_id: str, now: datetime) -> None:
    """Have cancelled what a job that has ended otherwise left at the other side."""
    await _leave(connection, job_id, now, HandoverState.CANCEL)


async def forget(connection: AsyncConnection, job_id: str, now: datetime) -> None:
    """Have cancelled what a job that is gone left there; of what else it left nothing stays."""
    await cancel(connection, job_id, now)
    await connection.execute(
        delete(t.handovers).where(_h.job_id == job_id, _h.state != HandoverState.CANCEL)
    )


async def _leave(
    connection: AsyncConnection, job_id: str, now: datetime, state: HandoverState
) -> None:
    await connection.execute(
        update(t.handovers)
        .where(
            _h.job_id == job_id,
            _h.state.in_([HandoverState.INTENT, HandoverState.ARRIVED]),
        )
        .values(state=state, changed=now)
    )


def _handover(row: Row[Any]) -> Handover:
    return Handover(
        key=row.key,
        job_id=row.job_id,
        target=row.target,
        state=HandoverState(row.state),
        handle=row.handle,
        created=row.created,
        changed=row.changed,
        left_out=row.left_out or (),
    )
