"""What is new since somebody looked."""

from __future__ import annotations

from sqlalchemy import func, select

from quws.domain.job import JobRef
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.clauses import CHUNK
from quws.store.jobs.rows import ref_of, select_refs

_j = t.jobs.c


class JobNews:
    """Tells which jobs have changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self) -> int:
        """Return the id of the newest entry in all timelines, 0 where there is none."""
        async with self._database.read() as connection:
            return int(await connection.scalar(select(func.max(t.timeline.c.id))) or 0)

    async def since(
        self, owner: str | None, *, everybody: bool, after: int
    ) -> list[tuple[int, JobRef]]:
        """Return jobs with timeline entries newer than an id: the newest entry's id, and the job.

        In the order of these ids, at most a thousand. ``owner`` counts only when
        ``everybody`` is False.
        """
        newest = func.max(t.timeline.c.id).label("newest")
        query = (
            select_refs()
            .add_columns(newest)
            .join(t.timeline, t.timeline.c.job_id == _j.id)
            .where(t.timeline.c.id > after)
            .group_by(_j.id)
            .order_by(newest)
            .limit(CHUNK)
        )
        if not everybody:
            query = query.where(_j.owner == (owner or ""))
        async with self._database.read() as connection:
            return [(row.newest, ref_of(row)) for row in await connection.execute(query)]
