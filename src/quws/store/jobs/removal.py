"""The end of a job's row."""

from __future__ import annotations

from collections.abc import Sequence
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
    return bool(await remove_all(connection, database, [job_id], now, *guards))


async def remove_all(
    connection: AsyncConnection,
    database: Database,
    job_ids: Sequence[str],
    now: datetime,
    *guards: ColumnElement[bool],
) -> list[str]:
    """Remove jobs, each if every guard holds, and return those that were there and are gone."""
    removed = await connection.execute(
        delete(t.jobs).where(_j.id.in_(job_ids), *guards).returning(_j.id, _j.owner, _j.phase)
    )
    rows = removed.all()
    if not rows:
        return []
    await happened(
        connection,
        *(Happening(Kind.DELETED, now, row.id, row.owner, phase_of(row.phase)) for row in rows),
    )
    for row in rows:
        await handovers.forget(connection, row.id, now)
        await discard(connection, database, row.id, now)
    return [row.id for row in rows]
