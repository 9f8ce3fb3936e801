"""Who holds a job, and until when."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from store_helpers import (
    EXPIRED,
    LONG,
    NOW,
    TARGET,
    added,
    apply,
    claim,
    claimed,
    drive,
    entry,
    got,
    later,
    overdue,
    queued,
    ran_for,
    requeued,
    runs_out_in,
    snapshot,
    spoil,
    timeline_of,
)

from quws.domain.job import (
    Job,
    TimelineEntry,
)
from quws.domain.phases import Phase
from quws.domain.times import MAX_SECONDS
from quws.store import tables as t
from quws.store.clock import time_of
from quws.store.database import Database
from quws.store.jobs.claims import Taken
from quws.store.jobs.rows import UnreadableJob
from quws.store.jobs.store import JobStore
from quws.store.target_locks import TargetLockStore

pytestmark = pytest.mark.anyio


async def test_release_lets_all_leases_of_one_target_expire(store: JobStore) -> None:
    held = await claimed(store)
    await queued(store, target="other")
    assert await store.claims.claim("other", "worker", LONG, NOW) is not None
    await queued(store)
    assert await store.sweeps.abandoned() == []
    assert await store.claims.release(TARGET) == 1
    assert await store.sweeps.abandoned() == [overdue(held)]


async def test_a_claim(database: Database, store: JobStore) -> None:
    job = await queued(
        store,
        at=later(-5),
        run_id="r",
        quote=later(9),
        message="waits",
        execution_duration=MAX_SECONDS,
    )
    # So long that a factor which is a little wrong would be seen.
    async with runs_out_in(database, MAX_SECONDS) as claims:
        claims.append(await claim(store, now=later(1)))
    (held,) = claims
    assert held.job == await got(store, job.id)
    assert held.job == replace(
        job, phase=Phase.EXECUTING, attempt=1, start_time=later(1), message=None
    )
    timeline = await timeline_of(store, held.id)
    assert timeline[-1] == TimelineEntry(later(1), "claimed", "worker-1", "attempt 1")


async def test_short_jobs_alone_in_the_order_of_the_queue(
    database: Database, store: JobStore
) -> None:
    long = await queued(store)
    short = [await queued(store, at=later(k + 1), cost_ms=10) for k in range(3)]
    await drive(database, short[2].id, priority=-1)

    async def take(**wanted: Any) -> tuple[list[str], bool]:
        taken = await store.claims.take(TARGET, "worker", LONG, NOW, most=1, **wanted)
        return [item.id for item in taken.claims], taken.more

    assert await take(short=True) == ([short[2].id], True)
    assert await take(short=True) == ([short[0].id], True)
    assert await take(short=True) == ([short[1].id], False), "though a long one waits"
    assert await take(short=True) == ([], False)
    assert await take() == ([long.id], False)


async def test_a_job_that_ran_for_longer_than_was_thought_is_not_short_again(
    database: Database, store: JobStore
) -> None:
    held = await claimed(store, cost_ms=10)
    await ran_for(database, held, 5)
    assert await store.publishing.hand_back(held, entry())
    again = await got(store, held.id)
    assert 5000 <= again.cost_ms < 6000
    assert again.phase is Phase.SUSPENDED


async def test_nothing_to_claim(database: Database, store: JobStore) -> None:
    await added(store)
    await queued(store, target="other")
    before = await snapshot(database)
    assert await store.claims.claim(TARGET, "worker", LONG, NOW) is None
    assert await snapshot(database) == before


@pytest.mark.parametrize(
    "damage",
    [
        {"spec": {"language": "a language of a later release"}},
        {"spec": ["no object"]},
        {"parameters": [{"name": "CIRCUIT", "of a later release": 1}]},
    ],
    ids=str,
)
async def test_a_job_that_cannot_be_read_stays_and_lets_others_pass(
    database: Database, store: JobStore, damage: dict[str, Any]
) -> None:
    bad, good = await queued(store), await queued(store)
    await drive(database, bad.id, **damage)
    with pytest.raises(UnreadableJob) as caught:
        await claim(store)
    assert caught.value.job_id == bad.id
    head = await store.reading.head(bad.id)
    assert head is not None
    assert head.phase is Phase.QUEUED
    found = await store.claims.claim(TARGET, "worker", LONG, NOW, but=[bad.id])
    assert found is not None
    assert found.id == good.id
    assert await store.claims.claim(TARGET, "worker", LONG, NOW, but=[bad.id]) is None


@pytest.mark.parametrize("dialect", ["sqlite"])  # The other one keeps no JSON that is none.
async def test_a_job_of_which_not_even_the_row_can_be_read_is_named_all_the_same(
    database: Database, store: JobStore
) -> None:
    bad = await queued(store)
    await spoil(database, bad.id)
    with pytest.raises(UnreadableJob) as caught:
        await claim(store)
    assert caught.value.job_id == bad.id


async def test_priority_goes_first_then_age_then_id(database: Database, store: JobStore) -> None:
    order = []
    for priority in (-1, 0, 5):
        for age in (3, 2, 2, 1):
            job = await added(store)
            order.append(((priority, later(-age), job.id), job.id))
            await drive(
                database,
                job.id,
                phase=Phase.SUSPENDED if age == 3 else Phase.QUEUED,
                queued_time=later(-age),
                priority=priority,
            )
    taken = [(await claim(store)).id for _ in order]
    assert taken == [job_id for _, job_id in sorted(order)]


async def test_a_requeued_job_keeps_its_place(store: JobStore) -> None:
    held = await claimed(store, EXPIRED)
    await queued(store, at=later(1))
    await store.sweeps.requeue(overdue(held), entry(time=later(100)))
    assert (await claim(store)).id == held.id


async def test_an_attempt_is_counted_before_it_starts(store: JobStore) -> None:
    await queued(store)
    for attempt in range(1, 4):
        held = await claim(store, EXPIRED)
        assert held.attempt == attempt
        assert (await got(store, held.id)).attempt == attempt
        await requeued(store, held)


async def test_every_claim_has_a_lease_of_its_own(store: JobStore) -> None:
    leases = {(await claimed(store)).lease for _ in range(5)}
    assert len(leases) == 5


@pytest.mark.parametrize("stores", [1, 2])
async def test_no_job_is_claimed_twice(url: str, stores: int) -> None:
    databases = [Database(url) for _ in range(stores)]
    try:
        several = [JobStore(item) for item in databases]
        jobs = {(await queued(several[0], at=later(k))).id for k in range(10)}
        found = await asyncio.gather(
            *(several[k % stores].claims.claim(TARGET, f"w{k}", LONG, NOW) for k in range(20))
        )
        taken = [item for item in found if item is not None]
        assert len(taken) == 10
        assert {item.id for item in taken} == jobs
        assert {item.attempt for item in taken} == {1}
    finally:
        for item in databases:
            await item.close()


async def test_claims_while_jobs_come_and_go(url: str) -> None:
    # Everything that moves a job at the same time: each ends in one way, and once.
    databases = [Database(url) for _ in range(2)]
    try:
        one, two = (JobStore(item) for item in databases)
        jobs = [await queued(one, at=later(k)) for k in range(12)]
        ended: list[tuple[str, str]] = []

        async def work(store: JobStore) -> None:
            while (held := await store.claims.claim(TARGET, "w", LONG, NOW)) is not None:
                if await store.publishing.complete(held, [], entry("completed"), 1.0):
                    ended.append((held.id, "completed"))

        async def stop(store: JobStore, job: Job) -> None:
            if await store.control.abort(job.id, entry("aborted")) is not None:
                ended.append((job.id, "aborted"))

        await asyncio.gather(
            *(work(store) for store in (one, two, one, two)),
            *(stop(two, job) for job in jobs[::2]),
            *(stop(one, job) for job in jobs[::2]),
        )
        assert sorted(job_id for job_id, _ in ended) == sorted(job.id for job in jobs)
        for job_id, how in ended:
            job = await got(one, job_id)
            assert job.phase == how.upper()
            ends = {"completed", "aborted"}
            timeline = await timeline_of(one, job.id)
            assert [item.status for item in timeline if item.status in ends] == [how]
    finally:
        for item in databases:
            await item.close()


async def test_only_the_holder_can_claim(database: Database, store: JobStore) -> None:
    job = await queued(store)
    holds = TargetLockStore(database)
    await holds.take(TARGET, "one", LONG)
    assert await store.claims.claim(TARGET, "w", LONG, NOW, holder="two") is None
    await holds.take(TARGET, "one", EXPIRED)
    assert await store.claims.claim(TARGET, "w", LONG, NOW, holder="one") is None
    await holds.take(TARGET, "one", LONG)
    found = await store.claims.claim(TARGET, "w", LONG, NOW, holder="one")
    assert found is not None
    assert found.id == job.id


async def test_a_renewal_tells_the_clock_of_the_database(
    database: Database, store: JobStore
) -> None:
    held = await claimed(store)
    before = await time_of(database)
    renewed = await store.claims.renew(held, LONG)
    assert renewed is not None
    assert before <= renewed[1] <= await time_of(database)


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
async def test_a_deadline_moves_with_a_clock_that_was_set(store: JobStore, seconds: float) -> None:
    held = await claimed(store, execution_duration=60)
    assert held.deadline is not None
    moved = await store.claims.shift(held, seconds)
    assert moved is not None
    assert moved.deadline == held.deadline + timedelta(seconds=seconds)
    # What the user sets afterwards counts from the start of the run as it is now.
    await apply(store, held.id, execution_duration=90)
    renewed = await store.claims.renew(held, LONG)
    assert renewed is not None
    assert renewed[0].deadline == moved.deadline + timedelta(seconds=30)


async def test_a_job_without_a_deadline_has_none_after_the_clock_was_set(store: JobStore) -> None:
    held = await claimed(store, execution_duration=0)
    moved = await store.claims.shift(held, 5)
    assert moved is not None
    assert moved.deadline is None


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_a_lease_is_as_long_as_it_was_asked_for(database: Database, store: JobStore) -> None:
    holds = TargetLockStore(database)

    async def last() -> list[int]:
        """How many thousands of seconds the leases of the job and of the target still last."""
        async with database.read() as connection:
            now, *ends = [
                await connection.scalar(select(found))
                for found in (database.now, t.jobs.c.lease_until, t.holds.c.until)
            ]
        return [round((end - now) / 1e6) for end in ends]

    held = await claimed(store, 5e6)
    await holds.take(TARGET, "one", 6e6)
    assert await last() == [5000, 6000]
    assert await store.claims.renew(held, 7e6) is not None
    await holds.take(TARGET, "one", 8e6)
    assert await last() == [7000, 8000]
    # The clock was set back: none is twice as long as any worker asks for.
    assert await store.claims.shorten(4.2e6) == 0
    assert await last() == [7000, 8000]
    assert await store.claims.shorten(3.6e6) == 0
    assert await last() == [7000, 3600]
    assert await store.claims.shorten(3e6) == 1
    assert await last() == [3000, 3600]


async def test_leases_that_reach_too_far_are_shortened(database: Database, store: JobStore) -> None:
    # As after a clock that was set back: the worker that died would hold its job for days.
    dead = await claimed(store, 10**6)
    alive = await claimed(store, 50.0)
    assert await store.claims.shorten(60.0) == 1
    assert await store.claims.renew(dead, LONG) is not None
    await drive(database, dead.id, lease_until=0)
    assert await store.sweeps.abandoned() == [overdue(dead)]
    assert await store.claims.renew(alive, LONG) is not None


# -- several at a time -----------------------------------------------------------------


async def test_as_many_are_taken_as_are_wanted_in_the_order_of_single_claims(
    database: Database, store: JobStore
) -> None:
    late = [await queued(store, owner="bea") for _ in range(2)]
    for job in late:
        await drive(database, job.id, priority=1)
    mine = [await queued(store, owner="anna") for _ in range(3)]
    hers = await queued(store, owner="cleo")
    taken = await store.claims.take(TARGET, "worker", LONG, NOW, most=3)
    # By turn: nobody has two before everybody has had one.
    assert [claim.id for claim in taken.claims] == [mine[0].id, hers.id, mine[1].id]
    assert taken.more
    rest = await store.claims.take(TARGET, "worker", LONG, NOW, most=9)
    assert [claim.id for claim in rest.claims] == [mine[2].id, *[job.id for job in late]]
    assert not rest.more
    assert await store.claims.take(TARGET, "worker", LONG, NOW, most=9) == Taken([], more=False)


async def test_each_that_is_taken_has_a_fence_of_its_own(store: JobStore) -> None:
    for _ in range(2):
        await queued(store)
    one, other = (await store.claims.take(TARGET, "worker", LONG, NOW, most=2)).claims
    assert one.lease != other.lease
    assert await store.publishing.retry(one, entry())
    assert not await store.publishing.complete(one, [], entry(), 1.0)
    assert await store.publishing.complete(other, [], entry(), 1.0)
    found = await store.reading.whole(other.id)
    assert found is not None
    assert [item.message for item in found[1] if item.status == "claimed"] == ["attempt 1"]


async def test_none_is_taken_beside_one_that_cannot_be_read(
    database: Database, store: JobStore
) -> None:
    good, bad = [await queued(store, at=later(second)) for second in range(2)]
    await drive(database, bad.id, spec={"language": "of a later release"})
    with pytest.raises(UnreadableJob):
        await store.claims.take(TARGET, "worker", LONG, NOW, most=2)
    assert (await got(store, good.id)).phase is Phase.QUEUED
    taken = await store.claims.take(TARGET, "worker", LONG, NOW, most=2, but=[bad.id])
    assert [claim.id for claim in taken.claims] == [good.id]
