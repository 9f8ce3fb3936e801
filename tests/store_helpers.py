"""Jobs in a store, and what the tests of the store do with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, text, update

from quws.domain.job import (
    Claim,
    ErrorType,
    Job,
    JobError,
    JobRef,
    Parameter,
    Result,
    TimelineEntry,
    new_job_id,
)
from quws.domain.labels import ListFilter
from quws.domain.options import RunOptions
from quws.domain.phases import Phase
from quws.domain.quotas import Bound, Limit
from quws.domain.spec import JobSpec
from quws.store import tables as t
from quws.store.clock import time_of
from quws.store.database import Database
from quws.store.jobs.control import Change, Refused, Run
from quws.store.jobs.store import JobStore
from quws.store.jobs.sweeps import Overdue

NOW = datetime(2026, 11, 21, 10, 0, 0, 123_000, tzinfo=UTC)


TARGET = "simulator"


EXPIRED = -60.0


"""A lease of so many seconds is over before it begins."""


LONG = 3600.0


FAR = datetime(2100, 1, 1, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def entry(
    status: str = "tested", time: datetime = NOW, message: str | None = None
) -> TimelineEntry:
    return TimelineEntry(time, status, "test", message)


def new_job(**changes: Any) -> Job:
    job = Job(
        id=new_job_id(),
        owner="anna",
        run_id=None,
        phase=Phase.PENDING,
        target=TARGET,
        creation_time=NOW,
        queued_time=None,
        start_time=None,
        end_time=None,
        destruction_time=later(86_400),
        execution_duration=600,
        quote=None,
        attempt=0,
        circuits=1,
        circuits_done=0,
        message=None,
        parameters=[Parameter("CIRCUIT", "OPENQASM 2.0;")],
        spec=JobSpec.of(RunOptions(shots=10)),
        error=None,
    )
    return replace(job, **changes)


def a_result(name: str = "result") -> Result:
    return Result(name, f"job/1/{name}", 3, "application/json")


FAILURE = JobError(ErrorType.TRANSIENT, "worker_lost", "the worker was lost", "thrice")


async def added(store: JobStore, **changes: Any) -> Job:
    job = new_job(**changes)
    await store.creation.add(job, [entry("received")])
    return job


async def queued(store: JobStore, at: datetime = NOW, **changes: Any) -> Job:
    return await added(store, phase=Phase.QUEUED, queued_time=at, **changes)


async def apply(store: JobStore, job_id: str, **wanted: Any) -> JobRef | None:
    """Change a job as a request does; None if that was refused."""
    try:
        return await store.control.apply(job_id, Change(**wanted))
    except Refused:
        return None


async def run(
    store: JobStore,
    job_id: str,
    said: TimelineEntry | None = None,
    most: int = 0,
    owner: str = "anna",
) -> JobRef | None:
    """Send RUN. With ``most`` below 0 no job at all may wait: then it is held."""
    said = said or entry()
    bounds = [Bound(Limit.QUEUED, most, (owner,))] if most > 0 else []
    return await apply(
        store, job_id, run=Run(said, bounds, (said.message or "full") if most < 0 else None)
    )


async def claim(
    store: JobStore, lease_seconds: float = LONG, now: datetime = NOW, worker: str = "worker-1"
) -> Claim:
    found = await store.claims.claim(TARGET, worker, lease_seconds, now)
    assert found is not None
    return found


async def claimed(store: JobStore, lease_seconds: float = LONG, **changes: Any) -> Claim:
    await queued(store, **changes)
    return await claim(store, lease_seconds)


async def drive(database: Database, job_id: str, **values: Any) -> None:
    """Put a job into any state at all, whatever is legal."""
    async with database.write() as connection:
        await connection.execute(update(t.jobs).where(t.jobs.c.id == job_id).values(**values))


async def spoil(database: Database, job_id: str) -> None:
    """Make what a job is to do something that the database itself cannot read."""
    if database.is_sqlite:
        async with database.write() as connection:
            query = text("UPDATE jobs SET spec = '{' WHERE id = :id")
            await connection.execute(query, {"id": job_id})
    else:
        # Its JSON takes this, and fails whenever it looks into it.
        await drive(database, job_id, spec={"metadata": {"a": "\0"}})


async def ran_for(database: Database, held: Claim, seconds: float) -> None:
    """Make a job one that was claimed so long ago."""
    then = await time_of(database) - timedelta(seconds=seconds)
    await drive(database, held.id, claimed_time=then)


@asynccontextmanager
async def runs_out_in(database: Database, seconds: float) -> AsyncIterator[list[Claim]]:
    """What is claimed in the block has so many seconds left.

    On a slow machine some more may be spent than the test says: far less than it says.
    """
    claims: list[Claim] = []
    before = await time_of(database)
    yield claims
    after = await time_of(database)
    (held,) = claims
    assert held.deadline is not None
    started = held.deadline - timedelta(seconds=seconds)
    assert before - timedelta(seconds=300) <= started <= after


async def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    found = {}
    async with database.read() as connection:
        for table in t.metadata.sorted_tables:
            rows = await connection.execute(select(table).order_by(*table.primary_key.columns))
            found[table.name] = [tuple(row) for row in rows]
    return found


async def snapshot(database: Database) -> dict[str, Any]:
    """All rows of all tables as the database writes them: to be compared, and cheap."""
    names = [table.name for table in t.metadata.sorted_tables]

    def read(connection: Connection) -> dict[str, Any]:
        if database.is_sqlite:
            rows = (connection.exec_driver_sql(f'SELECT * FROM "{name}"') for name in names)
            return {name: sorted(map(str, found)) for name, found in zip(names, rows, strict=True)}
        tables = (f'(SELECT array_agg(r::text ORDER BY r::text) FROM "{name}" r)' for name in names)
        found = connection.exec_driver_sql(f"SELECT {', '.join(tables)}").one()
        return dict(zip(names, found, strict=True))

    return await database.look(read)


async def got(store: JobStore, job_id: str) -> Job:
    job = await store.reading.get(job_id)
    assert job is not None
    return job


async def timeline_of(store: JobStore, job_id: str) -> list[TimelineEntry]:
    found = await store.reading.whole(job_id)
    assert found is not None
    return found[1]


async def position_of(store: JobStore, job_id: str) -> int | None:
    found = await store.reading.whole(job_id)
    assert found is not None
    return found[2]


async def listed(store: JobStore, **wanted: Any) -> list[JobRef]:
    chunks = store.listing.refs(ListFilter(**wanted))
    return [ref async for chunk in chunks for ref in chunk]


async def ids(store: JobStore, **wanted: Any) -> list[str]:
    return [ref.id for ref in await listed(store, **wanted)]


ODD = "CR\r LF\n tab\t é 量子 😀 ]]> <&>\"' \\u0000 %s :name"


def overdue(held: Claim) -> Overdue:
    return Overdue(held.id, held.attempt, Phase.EXECUTING, TARGET)


async def requeued(store: JobStore, held: Claim) -> None:
    assert await store.sweeps.requeue(overdue(held), entry())
