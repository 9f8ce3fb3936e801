"""What happened to a job, entry by entry."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.job import TimelineEntry
from quws.store import tables as t

_TELL = insert(t.timeline)


async def tell(connection: AsyncConnection, job_id: str, *entries: TimelineEntry) -> None:
    """Add to a job's timeline."""
    await tell_of(connection, [(job_id, entry) for entry in entries])


async def tell_of(
    connection: AsyncConnection, entries: Iterable[tuple[str, TimelineEntry]]
) -> None:
    """Add to the timelines of several jobs."""
    await connection.execute(
        _TELL,
        [
            {
                "job_id": job_id,
                "time": entry.time,
                "status": entry.status,
                "source": entry.source,
                "message": entry.message,
            }
            for job_id, entry in entries
        ],
    )


async def timeline_of(connection: AsyncConnection, job_id: str) -> list[TimelineEntry]:
    """Return a job's timeline in the order in which it was written."""
    c = t.timeline.c
    entries = await connection.execute(
        select(c.time, c.status, c.source, c.message, c.id).where(c.job_id == job_id).order_by(c.id)
    )
    return [TimelineEntry(*entry) for entry in entries]
