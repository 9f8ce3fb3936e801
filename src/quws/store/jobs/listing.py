"""Many jobs, read: lists, pages of tables, and what runs now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import (
    JSON,
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    TextClause,
    bindparam,
    exists,
    func,
    null,
    or_,
    select,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.exc import DBAPIError

from quws.domain.job import Job, JobRef, JobRow, Running
from quws.domain.labels import INDEXED_RUN_ID, ListFilter, Order, Place
from quws.domain.phases import Phase
from quws.store import tables as t
from quws.store.database import Database, StoreUnavailable
from quws.store.jobs.clauses import CHUNK, in_phases, not_archived
from quws.store.jobs.rows import (
    UnreadableJob,
    phase_of,
    read_job_alone,
    ref_of,
    refs_of,
    select_refs,
)

_j, _tags = t.jobs.c, t.job_tags.c
_MOST = bindparam("most", type_=Integer)
_TAGS = func.coalesce(_j.tags, _j.spec["tags"], type_=JSON).label("tags")
# Written as in the indexes: only then do both databases see that those fit.
_SHORT_RUN_ID = text(f"length(jobs.run_id) <= {INDEXED_RUN_ID}")
_OTHER_RUN_ID = text(f"(jobs.run_id IS NULL OR length(jobs.run_id) > {INDEXED_RUN_ID})")
_OF_EVERYBODY = text(f"jobs.{t.OF_EVERYBODY}")
_TAGS_OF_EVERYBODY = text(t.TAGS_OF_EVERYBODY.replace("tag", "job_tags.tag"))
_ENDED = text("jobs.end_time IS NOT NULL")
_NOT_ENDED = text("jobs.end_time IS NULL")
_FEW_PHASES = 4
_REF = len(select_refs().selected_columns)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Jobs that an index has in their order."""

    keys: tuple[ColumnElement[Any], ...]
    descending: bool
    only: tuple[ColumnElement[bool] | TextClause, ...] = ()

    @property
    def order(self) -> list[ColumnElement[Any]]:
        return [item.desc() if self.descending else item for item in self.keys]

    @property
    def beyond(self) -> ColumnElement[bool]:
        """The condition that a job comes behind one that was seen."""
        keys = tuple_(*self.keys)
        seen = tuple_(
            *(bindparam(f"seen_{k}", type_=item.type) for k, item in enumerate(self.keys))
        )
        return keys < seen if self.descending else keys > seen

    def place(self, row: Any) -> dict[str, Any]:
        """Return with what `beyond` is run, behind a job of which a row has all the keys."""
        names = (item.key for item in self.keys)
        return {
            f"seen_{k}": getattr(row, "id" if name == "job_id" else str(name))
            for k, name in enumerate(names)
        }


class JobListing:
    """Lists jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def refs(
        self, wanted: ListFilter, past: Place | None = None
    ) -> AsyncIterator[list[JobRef]]:
        """List jobs in chunks, behind a place if one is given.

        Holds no connection between them, so that a slow reader of a long list blocks nobody.
        """
        left = wanted.last
        for stretch, start in _stretches_behind(wanted, past):
            values = start
            columns = [*select_refs().selected_columns]
            if _j.end_time in stretch.keys:
                columns.append(_j.end_time)
            first = self._some(wanted, stretch, columns, _MOST)
            following = self._some(wanted, stretch, columns, _MOST, behind=True)
            while left is None or left > 0:
                size = CHUNK if left is None else min(left, CHUNK)
                query = following if values else first
                async with self._database.read() as connection:
                    rows = (await connection.execute(query, values | {"most": size})).all()
                if rows:
                    yield refs_of(rows if len(columns) == _REF else (row[:_REF] for row in rows))
                if left is not None:
                    left -= len(rows)
                if len(rows) < size:
                    break
                values = stretch.place(rows[-1])
                # Each of them takes some milliseconds: others are served between two.
                await asyncio.sleep(0)

    async def rows(self, wanted: ListFilter, limit: int, past: Place | None = None) -> list[JobRow]:
        """Return one page of a table of jobs.

        ``past`` is where the page before it ended.
        """
        try:
            found = [(row, row.tags) for row in await self._page(wanted, limit, past, _TAGS)]
        except (DBAPIError, StoreUnavailable):
            # What one job says of itself cannot be read: the others are shown all the same.
            rows = await self._page(wanted, limit, past, null().label("tags"))
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
                row.name,
            )
            for row, tags in found
        ]

    async def count(self, wanted: ListFilter) -> dict[Phase, int]:
        """Count the jobs that a filter leaves, by phase; ``last`` does not count."""
        query = select(_j.phase, func.count()).where(*self._clauses(wanted))
        query = query.where(*map(_has_tag, sorted(wanted.tags))).group_by(_j.phase)
        async with self._database.read() as connection:
            rows = await connection.execute(query)
            return {phase_of(phase): number for phase, number in rows}

    async def jobs(self, wanted: ListFilter, limit: int, offset: int) -> list[Job | None]:
        """Return jobs, behind so many of a list, without their results; None if one is unreadable.

        The list is in the order of creation.
        """
        (stretch,) = _stretches(wanted)
        query = self._some(wanted, stretch, [t.jobs], offset + limit).limit(limit).offset(offset)
        try:
            async with self._database.read() as connection:
                return [read_job_alone(row) for row in await connection.execute(query)]
        except (DBAPIError, StoreUnavailable, UnreadableJob):
            # What one job says of itself cannot be read: the others are, one by one.
            query = query.with_only_columns(_j.id)
            async with self._database.read() as connection:
                found = list(await connection.scalars(query))
            return [await self._job(job_id) for job_id in found]

    async def count_some(self, wanted: ListFilter, most: int) -> int:
        """Count the jobs that a filter leaves, up to so many."""
        (stretch,) = _stretches(wanted)
        some = self._some(wanted, stretch, [_j.id], most).subquery()
        async with self._database.read() as connection:
            return int(await connection.scalar(select(func.count()).select_from(some)) or 0)

    async def targets(self, job_ids: Sequence[str]) -> dict[str, str]:
        """Return for which targets jobs are, by their ids."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(_j.id, _j.target).where(_j.id.in_(job_ids)))
            return {job_id: target for job_id, target in rows}  # noqa: C416 - rows, no pairs

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
        self, wanted: ListFilter, limit: int, past: Place | None, tags: Any
    ) -> Sequence[Any]:
        found: list[Any] = []
        most = limit if wanted.last is None else min(limit, wanted.last)
        for stretch, values in _stretches_behind(wanted, past):
            query = self._some(
                wanted,
                stretch,
                [
                    *select_refs().selected_columns,
                    _j.target,
                    tags,
                    _j.circuits,
                    _j.circuits_done,
                    _j.start_time,
                    _j.end_time,
                    _j.destruction_time,
                    _j.quote,
                    _j.name,
                ],
                most - len(found),
                behind=bool(values),
            )
            async with self._database.read() as connection:
                found += (await connection.execute(query, values)).all()
            if len(found) >= most:
                break
        return found

    async def _job(self, job_id: str) -> Job | None:
        try:
            async with self._database.read() as connection:
                row = (await connection.execute(select(t.jobs).where(_j.id == job_id))).first()
                return None if row is None else read_job_alone(row)
        except (DBAPIError, StoreUnavailable, UnreadableJob) as error:
            _log.warning("job cannot be read", job=job_id, error=str(error).partition("\n")[0])
            return None

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

    def _some(
        self,
        wanted: ListFilter,
        stretch: _Stretch,
        columns: Sequence[Any],
        most: int | BindParameter[int],
        *,
        behind: bool = False,
    ) -> Select[Any]:
        """Return the query of the first jobs of a stretch, or of those behind a place."""
        only = [stretch.beyond] if behind else []
        if not _of_few_phases(wanted):
            return self._query(wanted, stretch, columns).where(*only).limit(most)
        # An index has the order within each phase: of each so many are read, and no others.
        each = [
            self._query(replace(wanted, phases=frozenset({phase})), stretch, [_j.id])
            .where(*only)
            .limit(most)
            .subquery()
            for phase in sorted(wanted.phases)
        ]
        ids = union_all(*(select(item.c.id) for item in each))
        return select(*columns).where(_j.id.in_(ids)).order_by(*stretch.order).limit(most)

    def _query(self, wanted: ListFilter, stretch: _Stretch, columns: Sequence[Any]) -> Select[Any]:
        query = select(*columns).where(*self._clauses(wanted), *stretch.only)
        if wanted.tags:
            # Of one tag the index gives the list, in its order; of the others each job is asked.
            first, *others = sorted(wanted.tags)
            query = query.join_from(t.jobs, t.job_tags, _tags.job_id == _j.id)
            query = query.where(_tags.tag == first)
            if wanted.everybody:
                query = query.where(_TAGS_OF_EVERYBODY)
            else:
                query = query.where(_tags.owner == (wanted.owner or ""))
            query = query.where(*map(_has_tag, others))
        return query.order_by(*stretch.order)

    def _clauses(self, wanted: ListFilter) -> list[Any]:
        clauses: list[Any] = []
        if wanted.everybody:
            clauses.append(_OF_EVERYBODY)
        else:
            clauses.append(_j.owner == (wanted.owner or ""))
        clauses.append(in_phases(wanted.phases) if wanted.phases else not_archived())
        if wanted.after is not None:
            clauses.append(_j.creation_time > wanted.after)
        if wanted.before is not None:
            clauses.append(_j.creation_time < wanted.before)
        if wanted.run_id is not None:
            clauses.append(_j.run_id == wanted.run_id)
            if len(wanted.run_id) <= INDEXED_RUN_ID:
                clauses.append(_SHORT_RUN_ID)
        if wanted.target is not None:
            clauses.append(_j.target == wanted.target)
        if wanted.said is not None:
            *path, said = wanted.said
            clauses.append(_j.spec["metadata", *path].as_string() == said)
        if wanted.session is not None:
            clauses.append(_j.session == wanted.session)
        if wanted.text is not None:
            clauses.append(self._says(wanted, wanted.text))
        if wanted.key is not None:
            k = t.idempotency_keys.c
            made = select(k.job_id).where(k.owner == (wanted.owner or ""), k.key == wanted.key)
            clauses.append(_j.id == made.scalar_subquery())
        return clauses

    def _says(self, wanted: ListFilter, words: str) -> ColumnElement[bool]:
        other = t.job_tags.alias()
        tags = select(other.c.tag).where(
            other.c.job_id == _j.id, other.c.tag.icontains(words, autoescape=True)
        )
        if not wanted.everybody and not self._database.is_sqlite:
            # PostgreSQL may look for all that fit first: among those of one owner. SQLite asks each
            # job, and must not go through all tags of its owner for it.
            tags = tags.where(other.c.owner == (wanted.owner or ""))
        of_tags = exists(tags)
        return or_(
            _j.name.icontains(words, autoescape=True),
            _j.run_id.icontains(words, autoescape=True),
            of_tags,
        )


def _stretches(wanted: ListFilter) -> list[_Stretch]:
    newest = (_j.creation_time, _j.id)
    if wanted.tags:
        newest = (_tags.creation_time, _tags.job_id)
    match wanted.order:
        case Order.NEWEST | Order.OLDEST:
            return [_Stretch(newest, wanted.order is Order.NEWEST)]
        case Order.RUN_ID | Order.RUN_ID_BACK:
            keys: tuple[Any, ...] = (_j.run_id, _j.creation_time, _j.id)
            only, others = _SHORT_RUN_ID, _OTHER_RUN_ID
        case Order.ENDED | Order.ENDED_LAST:
            keys = (_j.end_time, _j.id)
            only, others = _ENDED, _NOT_ENDED
    first = _Stretch(keys, wanted.order.startswith("-"), (only,))
    return [first, _Stretch(newest, True, (others,))]


def _stretches_behind(
    wanted: ListFilter, past: Place | None
) -> list[tuple[_Stretch, dict[str, Any]]]:
    """Return of what a list is made behind a place, and with what the first of it goes on."""
    first, *others = _stretches(wanted)
    if past is None:
        return [(item, {}) for item in (first, *others)]
    by_run_id = wanted.order in (Order.RUN_ID, Order.RUN_ID_BACK)
    if others and (past.run_id if by_run_id else past.end_time) is None:
        # It stood among those that have not by what the list is ordered.
        first, *others = others
    return [(first, first.place(past)), *((item, {}) for item in others)]


def _of_few_phases(wanted: ListFilter) -> bool:
    """Whether an owner's jobs of several phases are wanted, newest or oldest first, and no less."""
    plain = ListFilter(
        owner=wanted.owner,
        phases=wanted.phases,
        after=wanted.after,
        before=wanted.before,
        last=wanted.last,
        order=wanted.order,
    )
    in_order = wanted.order in (Order.NEWEST, Order.OLDEST)
    return 1 < len(wanted.phases) <= _FEW_PHASES and in_order and wanted == plain


def _has_tag(tag: str) -> ColumnElement[bool]:
    other = t.job_tags.alias()
    return exists(select(other.c.tag).where(other.c.job_id == _j.id, other.c.tag == tag))
