"""The circuits of a batch, a row each."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.batch import LEFT_OUT, CircuitState, CircuitStatus
from quws.store import tables as t
from quws.store.database import Database
from quws.store.statements import Rows

_c = t.circuits.c


class JobCircuits:
    """Reads where the circuits of a batch stand; a job of one circuit has no rows of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        job_id: str,
        limit: int | None,
        *,
        after: int = -1,
        statuses: Collection[CircuitStatus] | None = None,
    ) -> list[CircuitState]:
        """Return circuits in the order of their indices, at most so many; None for all.

        Parameters
        ----------
        after
            They begin behind this one.
        statuses
            Only those of which this is written, and not what follows from the end of their job.

        """
        query = select(
            _c.index, _c.status, _c.message, _c.attempt, _c.start_time, _c.end_time
        ).where(_c.job_id == job_id, _c.index > after)
        if statuses is not None:
            query = query.where(_c.status.in_(statuses))
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(_c.index).limit(limit))
            return [
                CircuitState(index, CircuitStatus(status), *others)
                for index, status, *others in rows
            ]

    async def over(self, job_id: str) -> list[CircuitState]:
        """Return all circuits that are over without a result."""
        return await self.page(job_id, None, statuses=LEFT_OUT)


_ROWS = Rows(t.circuits, "job_id", "index", "status")


async def add_circuits(connection: AsyncConnection, job_id: str, count: int) -> None:
    """Write a row for each circuit of a batch; none has run yet.

    Of a job with one circuit the job's own row says all.
    """
    if count == 1:
        return
    await _ROWS.add(connection, [(job_id, index, CircuitStatus.WAITING) for index in range(count)])


async def replace_circuits(connection: AsyncConnection, job_id: str, count: int) -> None:
    """Write the rows anew for a job whose circuits are others now."""
    await connection.execute(delete(t.circuits).where(_c.job_id == job_id))
    await add_circuits(connection, job_id, count)
