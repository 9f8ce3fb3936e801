"""The end of a job's row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.phases import FINAL, Phase
from quws.store import handovers, quotas
from quws.store import tables as t
from quws.store.database import Database
from quws.store.instants import to_stored
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
        delete(t.jobs)
        .where(_j.id.in_(job_ids), *guards)
        .returning(_j.id, _j.owner, _j.phase, _j.charged, _j.spent_ms, _j.claimed_time)
    )
    rows = removed.all()
    if not rows:
        return []
    await happened(
        connection,
        *(Happening(Kind.DELETED, now, row.id, row.owner, phase_of(row.phase)) for row in rows),
    )
    charged = [
        (row.charged, _ran_ms(row, now), row.claimed_time is not None)
        for row in rows
        if row.charged and phase_of(row.phase) not in FINAL
    ]
    if charged:
        await quotas.settle(connection, charged)
    for row in rows:
        await handovers.forget(connection, row.id, now)
        await discard(connection, database, row.id, now)
    return [row.id for row in rows]


def _ran_ms(row: Any, now: datetime) -> int:
    """Return how long a job ran that is removed before its end."""
    last = 0
    if phase_of(row.phase) is Phase.EXECUTING:
        last = max(0, to_stored(now) - to_stored(row.claimed_time))
    return int(row.spent_ms) + last
