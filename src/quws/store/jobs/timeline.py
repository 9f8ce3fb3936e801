"""What happened to a job, entry by entry."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.job import TimelineEntry
from quws.store import tables as t

_c = t.timeline.c
_TIMELINE = (
    select(_c.time, _c.status, _c.source, _c.message, _c.id)
    .where(_c.job_id == bindparam("of", type_=_c.job_id.type))
    .order_by(_c.id)
)


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


def timeline_of(connection: Connection, job_id: str) -> list[TimelineEntry]:
    """Return a job's timeline in the order in which it was written."""
    return [TimelineEntry(*entry) for entry in connection.execute(_TIMELINE, {"of": job_id})]
