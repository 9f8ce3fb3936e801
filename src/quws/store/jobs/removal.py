"""The end of a job's row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, delete
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.store import handovers
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.garbage import discard
from quws.store.jobs.outbox import Happening, Kind
from quws.store.jobs.rows import phase_of
from quws.store.jobs.transition import happened

_j = t.jobs.c


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
    removed = await connection.execute(
        delete(t.jobs).where(_j.id == job_id, *guards).returning(_j.owner, _j.phase)
    )
    row = removed.first()
    if row is None:
        return False
    gone = Happening(Kind.DELETED, now, job_id, row.owner, phase_of(row.phase))
    await happened(connection, gone)
    await handovers.forget(connection, job_id, now)
    await discard(connection, database, job_id, now)
    return True
