"""The circuits of a batch, a row each."""

from __future__ import annotations

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.store import tables as t


async def add_circuits(connection: AsyncConnection, job_id: str, count: int) -> None:
    """Write a row for each circuit of a batch; none has run yet.

    Of a job with one circuit the job's own row says all.
    """
    if count == 1:
        return
    await connection.execute(
        insert(t.circuits),
        [{"job_id": job_id, "index": index, "status": "waiting"} for index in range(count)],
    )


async def replace_circuits(connection: AsyncConnection, job_id: str, count: int) -> None:
    """Write the rows anew for a job whose circuits are others now."""
    await connection.execute(delete(t.circuits).where(t.circuits.c.job_id == job_id))
    await add_circuits(connection, job_id, count)
