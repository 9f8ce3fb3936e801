"""Idempotency keys: what makes a request that is sent again be taken for the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.job import Job
from quws.store import tables as t
from quws.store.database import Database
from quws.store.statements import Statement

_k = t.idempotency_keys.c


@dataclass(frozen=True, slots=True)
class Once:
    """What makes a request that is sent again be taken for the same.

    ``key`` is the client's own, among the keys of one owner; ``fingerprint``
    says whether the requests really are the same.
    """

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class MadeBefore:
    """The job that a request has made already. ``job_id`` may be gone."""

    job_id: str
    fingerprint: str


class IdempotencyKeys:
    """The keys under which requests have made jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def made_before(self, owner: str | None, key: str) -> MadeBefore | None:
        """Return the job that an owner's request made under a key."""
        return await self._database.look(lambda connection: _made_before(connection, owner, key))

    async def forget(self, before: datetime) -> int:
        """Forget keys of requests from before an instant, as far as their jobs are gone.

        Returns how many.
        """
        async with self._database.write() as connection:
            forgotten = await connection.execute(
                delete(t.idempotency_keys).where(
                    _k.created < before, ~exists().where(t.jobs.c.id == _k.job_id)
                )
            )
            return forgotten.rowcount


def taking(database: Database) -> Statement:
    """Return the statement by which `take` takes a key."""
    columns = ("owner", "key", "job_id", "fingerprint", "created")
    named = {name: bindparam(name, type_=_k[name].type) for name in columns}
    return Statement(
        database.insert(t.idempotency_keys)
        .values(**named)
        .on_conflict_do_nothing()
        # PostgreSQL's driver does not count what it has inserted.
        .returning(_k.job_id)
    )


async def take(
    connection: AsyncConnection, statement: Statement, job: Job, once: Once
) -> MadeBefore | None:
    """Take a key for a new job; if its owner has used it already, return what for."""
    values = {
        "owner": job.owner or "",
        "key": once.key,
        "job_id": job.id,
        "fingerprint": once.fingerprint,
        "created": job.creation_time,
    }
    # Two at once: the second waits here until the first is committed, or gone.
    if await statement.find(connection, values) is not None:
        return None
    return await connection.run_sync(_made_before, job.owner, once.key)


_MADE_BEFORE = Statement(
    select(_k.job_id, _k.fingerprint).where(
        _k.owner == bindparam("of", type_=_k.owner.type),
        _k.key == bindparam("named", type_=_k.key.type),
    )
)


def _made_before(connection: Connection, owner: str | None, key: str) -> MadeBefore | None:
    row = _MADE_BEFORE.first(connection, {"of": owner or "", "named": key})
    return None if row is None else MadeBefore(row.job_id, row.fingerprint)
