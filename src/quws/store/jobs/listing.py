"""Many jobs, read: lists, pages of tables, and what runs now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Integer, bindparam, literal, null, select, tuple_
from sqlalchemy.exc import DBAPIError

from quws.domain.job import JobRef, JobRow, Running
from quws.domain.phases import Phase
from quws.store import tables as t
from quws.store.database import Database, StoreUnavailable
from quws.store.jobs.clauses import CHUNK, in_phases, not_archived
from quws.store.jobs.rows import ref_of, refs_of, select_refs

_j = t.jobs.c
_MOST = bindparam("most", type_=Integer)
_OLDER = tuple_(_j.creation_time, _j.id) < tuple_(
    bindparam("seen_time", type_=t.Instant), bindparam("seen_id", type_=_j.id.type)
)
_TAGS = _j.spec["tags"].label("tags")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which jobs to list. ``owner`` counts only when ``everybody`` is False."""

    owner: str | None = None
    everybody: bool = False
    phases: frozenset[Phase] = field(default_factory=frozenset)
    after: datetime | None = None
    last: int | None = None
    key: str | None = None
    """Only the job that ``owner`` made under this idempotency key."""


class JobListing:
    """Lists jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def refs(self, wanted: ListFilter) -> AsyncIterator[list[JobRef]]:
        """List jobs, newest first, in chunks.

        Holds no connection between them, so that a slow reader of a long list blocks nobody.
        """
        left = wanted.last
        query = first = (
            select_refs()
            .where(*_clauses(wanted))
            .order_by(_j.creation_time.desc(), _j.id.desc())
            .limit(_MOST)
        )
        values: dict[str, Any] = {}
        while left is None or left > 0:
            size = CHUNK if left is None else min(left, CHUNK)
            async with self._database.read() as connection:
                rows = (await connection.execute(query, values | {"most": size})).all()
            refs = refs_of(rows)
            if refs:
                yield refs
            if len(refs) < size:
                return
            query = first.where(_OLDER)
            values = {"seen_time": refs[-1].creation_time, "seen_id": refs[-1].id}
            if left is not None:
                left -= size
            # Each of them takes some milliseconds: others are served between two.
            await asyncio.sleep(0)

    async def rows(self, wanted: ListFilter, limit: int, older: str | None = None) -> list[JobRow]:
        """Return one page of a table of jobs, newest first.

        ``older`` is the last job of the page before it.
        """
        try:
            found = [(row, row.tags) for row in await self._page(wanted, limit, older, _TAGS)]
        except (DBAPIError, StoreUnavailable):
            # What one job says of itself cannot be read: the others are shown all the same.
            rows = await self._page(wanted, limit, older, null().label("tags"))
            found = [(row, await self._tags(row.id)) for row in rows]
        return [
            JobRow(
                ref_of(row),
                row.target,
                tags or [],
                row.circuits,
                row.circuits_done,
                row.start_time,
                row.end_time,
                row.destruction_time,
                row.quote,
            )
            for row, tags in found
        ]

    async def running(self, limit: int = 200) -> list[Running]:
        """List the jobs that workers hold, longest first."""
        query = (
            select(
                *select_refs().selected_columns, _j.target, _j.worker, _j.attempt, _j.claimed_time
            )
            .where(in_phases({Phase.EXECUTING}))
            .order_by(_j.claimed_time)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [
                Running(ref_of(row), row.target, row.worker, row.attempt, row.claimed_time)
                for row in await connection.execute(query)
            ]

    async def _page(
        self, wanted: ListFilter, limit: int, older: str | None, tags: Any
    ) -> Sequence[Any]:
        query = select(
            *select_refs().selected_columns,
            _j.target,
            tags,
            _j.circuits,
            _j.circuits_done,
            _j.start_time,
            _j.end_time,
            _j.destruction_time,
            _j.quote,
        ).where(*_clauses(wanted))
        if older is not None:
            created = select(_j.creation_time).where(_j.id == older).scalar_subquery()
            query = query.where(tuple_(_j.creation_time, _j.id) < tuple_(created, literal(older)))
        query = query.order_by(_j.creation_time.desc(), _j.id.desc())
        query = query.limit(limit if wanted.last is None else min(limit, wanted.last))
        async with self._database.read() as connection:
            return (await connection.execute(query)).all()

    async def _tags(self, job_id: str) -> list[str] | None:
        try:
            async with self._database.read() as connection:
                found: list[str] | None = await connection.scalar(
                    select(_TAGS).where(_j.id == job_id)
                )
                return found
        except (DBAPIError, StoreUnavailable) as error:
            _log.warning("job cannot be read", job=job_id, error=str(error).partition("\n")[0])
            return None


def _clauses(wanted: ListFilter) -> list[Any]:
    clauses: list[Any] = []
    if not wanted.everybody:
        clauses.append(_j.owner == (wanted.owner or ""))
    clauses.append(in_phases(wanted.phases) if wanted.phases else not_archived())
    if wanted.after is not None:
        clauses.append(_j.creation_time > wanted.after)
    if wanted.key is not None:
        k = t.idempotency_keys.c
        made = select(k.job_id).where(k.owner == (wanted.owner or ""), k.key == wanted.key)
        clauses.append(_j.id == made.scalar_subquery())
    return clauses
