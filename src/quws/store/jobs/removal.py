"""The end of a job's row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, delete
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.store import handovers
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.garbage import discard


async def remove(
    connection: AsyncConnection,
    database: Database,
    job_id: str,
    now: datetime,
    *guards: ColumnElement[bool],
) -> bool:
    """Remove a job, if every guard holds; its artifacts become garbage in the same transaction.

    Returns whether it was there and is gone.
    """
    removed = await connection.execute(delete(t.jobs).where(t.jobs.c.id == job_id, *guards))
    if removed.rowcount == 0:
        return False
    await handovers.forget(connection, job_id, now)
    await discard(connection, database, job_id, now)
    return True
