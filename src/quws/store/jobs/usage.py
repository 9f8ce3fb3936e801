"""What the jobs of an owner take up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from quws.domain.job import Parameter
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.clauses import not_archived
from quws.store.statements import Statement

_j = t.jobs.c
_USAGE = Statement(
    select(func.count(), func.sum(_j.stored_bytes)).where(
        _j.owner == bindparam("whose", type_=_j.owner.type), not_archived()
    )
)
_OF_MANY = select(func.count(), func.sum(_j.stored_bytes)).where(not_archived())


@dataclass(frozen=True, slots=True)
class Usage:
    """How many jobs there are, and how many bytes are kept of their parameters and results."""

    jobs: int
    stored_bytes: int


class JobUsage:
    """Counts what owners have."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, *owners: str) -> Usage:
        """Count the jobs of owners, and what is kept of them. Those that are archived are not."""
        async with self._database.read() as connection:
            if len(owners) == 1:
                jobs, stored = await _USAGE.find(connection, {"whose": owners[0]})
            else:
                found = await connection.execute(_OF_MANY.where(_j.owner.in_(owners)))
                jobs, stored = found.one()
        return Usage(jobs, int(stored or 0))


def bytes_of(parameters: Iterable[Parameter]) -> int:
    """Return how many bytes are kept of parameters."""
    return sum(item.size if item.value is None else len(item.value.encode()) for item in parameters)
