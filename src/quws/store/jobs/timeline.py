"""What happened to a job, entry by entry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.job import TimelineEntry
from quws.store import tables as t
from quws.store.instants import from_stored
from quws.store.statements import Rows, Statement

_c = t.timeline.c
TIMELINE = select(_c.time, _c.status, _c.source, _c.message, _c.id).order_by(_c.id)
"""The timelines of all jobs, each entry with what `TimelineEntry` says."""
_TIMELINE = Statement(TIMELINE.where(_c.job_id == bindparam("of", type_=_c.job_id.type)))
_ENTRIES = Rows(t.timeline, "job_id", "time", "status", "source", "message")


async def tell(connection: AsyncConnection, job_id: str, *entries: TimelineEntry) -> None:
    """Add to a job's timeline."""
    await tell_of(connection, [(job_id, entry) for entry in entries])


async def tell_of(
    connection: AsyncConnection, entries: Iterable[tuple[str, TimelineEntry]]
) -> None:
    """Add to the timelines of several jobs."""
    await _ENTRIES.add(
        connection,
        [
            (job_id, entry.time, entry.status, entry.source, entry.message)
            for job_id, entry in entries
        ],
    )


def timeline_of(connection: Connection, job_id: str) -> list[TimelineEntry]:
    """Return a job's timeline in the order in which it was written."""
    return [TimelineEntry(*entry) for entry in _TIMELINE.all(connection, {"of": job_id})]


def entries_of(rows: Iterable[Sequence[Any]]) -> list[TimelineEntry]:
    """Return entries of rows that were read as one value."""
    return [TimelineEntry(from_stored(time), *others) for time, *others in rows]
