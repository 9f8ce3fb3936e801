"""How much each target has to do, for operators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text

from quws.store import tables as t
from quws.store.database import Database

_j = t.jobs.c


@dataclass(frozen=True, slots=True)
class QueueLength:
    """Jobs of a target: how many wait, since when the oldest does, and how many execute."""

    target: str
    waiting: int
    oldest: datetime | None
    executing: int


class QueueStore:
    """Counts jobs; every count is read off an index of the jobs that are not over."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lengths(self) -> list[QueueLength]:
        """Count for every target that is known."""
        # Literals, since only with them a partial index can be used.
        waiting = (
            select(_j.target, func.count().label("jobs"), func.min(_j.queued_time).label("oldest"))
            .where(text("phase IN ('QUEUED', 'SUSPENDED')"))
            .group_by(_j.target)
        )
        executing = (
            select(_j.target, func.count().label("jobs"))
            .where(text("phase = 'EXECUTING'"))
            .group_by(_j.target)
        )
        async with self._database.read() as connection:
            known = list(await connection.scalars(select(t.targets.c.name)))
            queued = {row.target: row for row in await connection.execute(waiting)}
            running = {row.target: row.jobs for row in await connection.execute(executing)}
        return [
            QueueLength(
                name,
                queued[name].jobs if name in queued else 0,
                queued[name].oldest if name in queued else None,
                running.get(name, 0),
            )
            for name in sorted({*known, *queued, *running})
        ]
