"""Lists of jobs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import insert, select
from store_helpers import NOW, added, claimed, drive, ids, later, listed, new_job, queued, spoil

from quws.domain.job import (
    JobRef,
    TimelineEntry,
    new_job_id,
)
from quws.domain.labels import ListFilter, Order, Place
from quws.domain.phases import Phase
from quws.domain.spec import JobSpec
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


async def test_newest_first_and_ties_by_id(store: JobStore) -> None:
    jobs = [await added(store, creation_time=later(second)) for second in (1, 3, 2, 2, 2)]
    order = sorted(jobs, key=lambda job: (job.creation_time, job.id), reverse=True)
    assert await listed(store, owner="anna") == [
        JobRef(job.id, Phase.PENDING, None, "anna", job.creation_time) for job in order
    ]


async def test_everybody_sees_their_own(store: JobStore) -> None:
    jobs = {owner: await added(store, owner=owner) for owner in ("anna", "Anna", " ", None)}
    for owner, job in jobs.items():
        assert await ids(store, owner=owner) == [job.id]
    assert await ids(store, owner="nobody") == []
    everyone = {job.id for job in jobs.values()}
    assert set(await ids(store, everybody=True)) == everyone
    assert set(await ids(store, owner="anna", everybody=True)) == everyone


async def test_phases(database: Database, store: JobStore) -> None:
    jobs = {}
    for phase in Phase:
        jobs[phase] = (await added(store)).id
        await drive(database, jobs[phase], phase=phase)
    for phase in Phase:
        assert await ids(store, owner="anna", phases=frozenset({phase})) == [jobs[phase]]
    some = frozenset({Phase.ERROR, Phase.ARCHIVED, Phase.HELD})
    assert set(await ids(store, owner="anna", phases=some)) == {jobs[p] for p in some}
    assert set(await ids(store, owner="anna", phases=frozenset(Phase))) == set(jobs.values())
    seen = set(await ids(store, owner="anna"))
    assert set(jobs.values()) - seen == {jobs[Phase.ARCHIVED]}


async def test_after_is_strict_at_the_millisecond(store: JobStore) -> None:
    jobs = [await added(store, creation_time=later(k / 1000)) for k in range(4)]
    assert await ids(store, owner="anna", after=later(0.001)) == [jobs[3].id, jobs[2].id]
    assert await ids(store, owner="anna", after=later(0.003)) == []
    # What was cut when it was stored is not newer than itself.
    assert len(await ids(store, owner="anna", after=later(-0.001))) == 4


async def test_pages_of_whole_jobs(database: Database, store: JobStore) -> None:
    jobs = [(await added(store, creation_time=later(k))).id for k in range(5)]
    wanted = ListFilter(owner="anna")
    page = store.listing.jobs

    async def of(limit: int, offset: int, wanted: ListFilter = wanted) -> list[str | None]:
        return [None if job is None else job.id for job in await page(wanted, limit, offset)]

    assert await of(2, 0) == [jobs[4], jobs[3]]
    assert await of(2, 4) == [jobs[0]]
    assert await of(2, 5) == []
    assert await of(1, 1, ListFilter(owner="anna", order=Order.OLDEST)) == [jobs[1]]
    await drive(database, jobs[3], spec=[1])
    assert await of(2, 0) == [jobs[4], None]


async def test_some_are_counted(store: JobStore) -> None:
    for kind in ("sample", "sample", "estimate"):
        await added(store, spec=JobSpec(tags=["x"], metadata={"of": {"kind": kind, "more": [1]}}))
    wanted = ListFilter(owner="anna")
    count = store.listing.count_some
    assert [await count(wanted, most) for most in (2, 3, 4)] == [2, 3, 3]
    assert await count(replace(wanted, said=("of", "kind", "estimate")), 9) == 1
    assert await count(replace(wanted, tags=frozenset("x"), said=("of", "kind", "sample")), 9) == 2
    assert await count(replace(wanted, tags=frozenset("y")), 9) == 0


@pytest.mark.parametrize(("last", "count"), [(1, 1), (3, 3), (5, 5), (6, 5), (10**15, 5)])
async def test_last(store: JobStore, last: int, count: int) -> None:
    jobs = [(await added(store, creation_time=later(k))).id for k in range(5)]
    assert await ids(store, owner="anna", last=last) == jobs[::-1][:count]


async def test_all_filters_at_once(database: Database, store: JobStore) -> None:
    jobs = [(await added(store, creation_time=later(k))).id for k in range(10)]
    for job_id in jobs[::2]:
        await drive(database, job_id, phase=Phase.ERROR)
    await drive(database, jobs[9], owner="bob", phase=Phase.ERROR)
    found = await ids(store, owner="anna", phases=frozenset({Phase.ERROR}), after=later(2), last=2)
    assert found == [jobs[8], jobs[6]]


async def many(database: Database, count: int) -> list[str]:
    """Add many jobs by copying one; a hundred of each millisecond. Newest first."""
    store = JobStore(database)
    job = await added(store)
    async with database.write() as connection:
        row = (await connection.execute(select(t.jobs).where(t.jobs.c.id == job.id))).mappings()
        pattern = dict(row.one())
        rows = [
            pattern | {"id": new_job_id(), "creation_time": later(k // 100 / 1000)}
            for k in range(count)
        ]
        await connection.execute(insert(t.jobs), rows)
    await store.control.delete(job.id, NOW)
    rows.sort(key=lambda row: (row["creation_time"], row["id"]), reverse=True)
    return [row["id"] for row in rows]


async def test_a_list_of_several_chunks_is_complete_and_in_order(
    database: Database, store: JobStore
) -> None:
    jobs = await many(database, 2550)
    assert await ids(store, owner="anna") == jobs
    assert await ids(store, everybody=True) == jobs
    for last in (999, 1000, 1001, 2000, 2549, 2550, 9999):
        assert await ids(store, owner="anna", last=last) == jobs[:last]
    # A thousand exactly, and the chunk after them is empty.
    assert await ids(store, owner="anna", after=later(0.0145)) == jobs[:1050]


async def test_a_list_is_read_on_while_jobs_come_and_go(
    database: Database, store: JobStore
) -> None:
    jobs = await many(database, 2100)
    found = []
    async for chunk in store.listing.refs(ListFilter(owner="anna")):
        found += [ref.id for ref in chunk]
        if len(found) == 1000:
            for gone in (jobs[0], jobs[999], jobs[1000], jobs[1500]):
                await store.control.delete(gone, NOW)
            await added(store, creation_time=later(50))
    gone_before_they_were_read = {jobs[1000], jobs[1500]}
    assert found == [job_id for job_id in jobs if job_id not in gone_before_they_were_read]


async def test_a_page_of_a_table_goes_on_where_the_last_one_ended(store: JobStore) -> None:
    spec = JobSpec(tags=["a", "é"])
    jobs = [
        new_job(owner="anna", creation_time=later(number // 2), spec=spec) for number in range(5)
    ]
    for job in [*jobs, new_job(owner="bert", creation_time=later(9))]:
        await store.creation.add(job, [TimelineEntry(NOW, "received", "quws")])
    wanted = ListFilter(owner="anna")
    seen = []
    older: Place | None = None
    while page := await store.listing.rows(wanted, 2, older):
        assert len(page) <= 2
        seen += page
        older = Place.of(page[-1])
    assert [row.ref.id for row in seen] == await ids(store, owner="anna")
    assert {row.ref.id for row in seen} == {job.id for job in jobs}
    assert all(row.tags == ["a", "é"] and row.target == jobs[0].target for row in seen)
    assert len(await store.listing.rows(ListFilter(owner="anna", last=1), 5)) == 1
    assert len(await store.listing.rows(ListFilter(everybody=True), 50)) == 6


async def test_a_job_that_cannot_be_read_is_listed_with_the_others(
    database: Database, store: JobStore
) -> None:
    spoiled = await added(store, creation_time=later(1), spec=JobSpec(tags=["one"]))
    other = await added(store, spec=JobSpec(tags=["two"]))
    await spoil(database, spoiled.id)
    rows = await store.listing.rows(ListFilter(everybody=True), 10)
    assert [(row.ref.id, row.tags) for row in rows] == [(spoiled.id, []), (other.id, ["two"])]


async def test_what_runs_is_listed_with_its_worker(store: JobStore) -> None:
    await queued(store)
    held = await claimed(store, owner="anna")
    (found,) = await store.listing.running()
    assert (found.ref.id, found.worker, found.attempt) == (held.id, "worker-1", 1)
    assert found.since.tzinfo is not None
