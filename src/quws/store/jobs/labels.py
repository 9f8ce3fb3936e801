"""Labels of jobs that are there, changed for many at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Text,
    bindparam,
    cast,
    delete,
    func,
    literal,
    literal_column,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.job import JobRef
from quws.domain.labels import Relabel
from quws.domain.parameters.values import MAX_TAGS
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.clauses import not_archived
from quws.store.jobs.outbox import Happening, Kind
from quws.store.jobs.rows import ref_of, select_refs
from quws.store.jobs.transition import happened

_j, _tags = t.jobs.c, t.job_tags.c


class TooManyTags(Exception):
    """A job would have more tags than a job may have."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id


class JobLabels:
    """Changes what jobs are called."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def change(self, job_ids: Sequence[str], change: Relabel, now: datetime) -> list[JobRef]:
        """Change the labels of jobs that are not archived, and return those that are new to it.

        Raises
        ------
        TooManyTags
            One of them would have too many: nothing was changed.

        """
        async with self._database.write() as connection:
            return await relabel(connection, self._database, job_ids, change, now)


async def add_tags(
    connection: AsyncConnection, database: Database, job_ids: Sequence[str], tags: Sequence[str]
) -> None:
    """Write that jobs are found by tags."""
    jobs = select(_j.id, bindparam("tag", type_=Text), _j.owner, _j.creation_time)
    adding = database.insert(t.job_tags).from_select(
        ["job_id", "tag", "owner", "creation_time"], jobs.where(_j.id.in_(job_ids))
    )
    adding = adding.on_conflict_do_nothing()
    for tag in dict.fromkeys(tags):
        await connection.execute(adding, {"tag": tag})


async def replace_tags(
    connection: AsyncConnection, database: Database, job_id: str, tags: Sequence[str]
) -> None:
    """Write by which tags a job is found, instead of those of before."""
    await connection.execute(delete(t.job_tags).where(_tags.job_id == job_id))
    await add_tags(connection, database, [job_id], tags)


async def relabel(
    connection: AsyncConnection,
    database: Database,
    job_ids: Sequence[str],
    change: Relabel,
    now: datetime,
) -> list[JobRef]:
    """Change the labels of jobs that are not archived, and return those that have others now.

    Raises
    ------
    TooManyTags
        One of them would have too many: nothing must be committed.

    """
    locked = select(_j.id).where(_j.id.in_(job_ids), not_archived()).order_by(_j.id)
    there = list(await connection.scalars(locked.with_for_update()))
    values: dict[str, Any] = {}
    for column, text in ((_j.name, change.name), (_j.run_id, change.run_id)):
        if text is not None:
            values[column.key] = text or None
    if change.metadata is not None:
        written = json.dumps(change.metadata)
        values["metadata"] = change.metadata
        before = func.coalesce(func.length(cast(_j.metadata, Text)), 0)
        values["stored_bytes"] = _j.stored_bytes - before + len(written)
    if change.tags is not None or change.add or change.remove:
        await _retag(connection, database, there, change)
        values["tags"] = _tags_now(database)
    if not values:
        return []
    made = await connection.execute(
        update(t.jobs)
        .where(_j.id.in_(there), or_(*(_differs(name, value) for name, value in values.items())))
        .values(**values)
        .returning(*select_refs().selected_columns)
    )
    changed = [ref_of(row) for row in made]
    if changed:
        await happened(
            connection,
            *(Happening(Kind.LABELS, now, ref.id, ref.owner or "", ref.phase) for ref in changed),
        )
    return changed


async def _retag(
    connection: AsyncConnection, database: Database, job_ids: Sequence[str], change: Relabel
) -> None:
    gone = delete(t.job_tags).where(_tags.job_id.in_(job_ids))
    if change.tags is not None:
        await connection.execute(gone.where(_tags.tag.not_in(change.tags)))
    if change.remove:
        await connection.execute(gone.where(_tags.tag.in_(change.remove)))
    added = (*(change.tags or ()), *change.add)
    await add_tags(connection, database, job_ids, added)
    if change.add:
        full = select(_tags.job_id).where(_tags.job_id.in_(job_ids)).group_by(_tags.job_id)
        too_many = await connection.scalar(full.having(func.count() > MAX_TAGS).limit(1))
        if too_many is not None:
            raise TooManyTags(too_many)


def _tags_now(database: Database) -> ColumnElement[Any]:
    """Return the tags of a job as its column has them, in the order of the alphabet."""
    if database.is_sqlite:
        mine = select(_tags.tag).where(_tags.job_id == _j.id).correlate(t.jobs)
        ordered = mine.order_by(_tags.tag).subquery()
        found: Any = select(func.json_group_array(ordered.c.tag)).scalar_subquery()
        return type_coerce(found, JSON)
    listed = func.json_agg(aggregate_order_by(_tags.tag, _tags.tag))
    found = select(func.coalesce(listed, literal_column("'[]'::json"))).where(_tags.job_id == _j.id)
    return type_coerce(found.scalar_subquery(), JSON)


def _differs(name: str, value: Any) -> ColumnElement[bool]:
    column = t.jobs.c[name]
    if name == "stored_bytes":
        return literal(False)
    if name in ("tags", "metadata"):
        # As text: PostgreSQL compares no JSON.
        new = cast(value, Text) if name == "tags" else literal(json.dumps(value), Text)
        return cast(column, Text).is_distinct_from(new)
    return column.is_distinct_from(value)
