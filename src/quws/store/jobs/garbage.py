"""Artifacts that nobody needs any more."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.places import Place
from quws.store import tables as t
from quws.store.database import Database


class Garbage:
    """Prefixes of artifacts whose jobs or attempts are gone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prefixes(self, limit: int = 500, *, but: Collection[str] = ()) -> list[str]:
        """List the prefixes whose artifacts may go, oldest first, but for some."""
        query = select(t.garbage.c.prefix).order_by(t.garbage.c.since).limit(limit)
        if but:
            query = query.where(t.garbage.c.prefix.not_in(but))
        async with self._database.read() as connection:
            return list(await connection.scalars(query))

    async def named(self, job_id: str) -> set[str]:
        """Return the files of artifacts that rows of a job name as results: these stay."""
        r, c = t.results.c, t.circuits.c
        async with self._database.read() as connection:
            found = await connection.scalars(
                select(r.artifact)
                .where(r.job_id == job_id)
                .union(select(c.artifact).where(c.job_id == job_id, c.artifact.is_not(None)))
            )
            return {Place.of(key).file for key in found}

    async def forget(self, prefix: str) -> None:
        """Strike a prefix off after its artifacts are deleted."""
        async with self._database.write() as connection:
            await connection.execute(delete(t.garbage).where(t.garbage.c.prefix == prefix))


async def discard(
    connection: AsyncConnection, database: Database, prefix: str, now: datetime
) -> None:
    """Note that what lies below a prefix may go, save what rows still name."""
    await connection.execute(
        database.insert(t.garbage).values(prefix=prefix, since=now).on_conflict_do_nothing()
    )
