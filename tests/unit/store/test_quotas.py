"""What owners and groups have used: charged with the move, settled with the end."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from store_helpers import (
    FAILURE,
    LONG,
    NOW,
    TARGET,
    added,
    apply,
    claim,
    entry,
    got,
    later,
    new_job,
    queued,
    ran_for,
)

from quws.domain.errors import QuotaExceeded
from quws.domain.job import Job
from quws.domain.phases import Phase
from quws.domain.policy import Policy
from quws.domain.quotas import Bound, Entitlements, Group, Limit, QuotaRules
from quws.store.database import Database
from quws.store.jobs.control import Run
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio
SHOTS = Bound(Limit.DAY_SHOTS, 1000, ("anna",))
OURS = Bound(Limit.DAY_SHOTS, 1500, ("anna", "bert"), "physics")
SECONDS = Bound(Limit.MONTH_SECONDS, 60, ("anna",))
ALL = (SHOTS, OURS, SECONDS)


async def made(store: JobStore, *bounds: Bound, **changes: object) -> Job:
    job = new_job(
        **{"phase": Phase.QUEUED, "queued_time": NOW, "shots": 400, "cost_ms": 2000} | changes
    )
    await store.creation.add(job, [entry("queued")], bounds=bounds)
    return job


async def used(store: JobStore, *bounds: Bound) -> list[int]:
    return [use.used for use in await store.quota_use.of(bounds, NOW)]


async def test_a_job_is_charged_when_it_is_made_and_what_is_too_much_is_not(
    store: JobStore,
) -> None:
    await made(store, *ALL)
    assert await used(store, *ALL) == [400, 400, 2000]
    await made(store, *ALL)
    with pytest.raises(QuotaExceeded, match="800 of the 1000 shots that this owner") as caught:
        await made(store, *ALL)
    assert (caught.value.limit, caught.value.used, caught.value.most) == ("day_shots", 800, 1000)
    assert caught.value.frees == NOW.replace(day=22, hour=0, minute=0, second=0, microsecond=0)
    assert await used(store, *ALL) == [800, 800, 4000], "what was refused has used nothing"
    assert (await store.usage.of("anna")).jobs == 2
    theirs = Bound(Limit.DAY_SHOTS, 1000, ("bert",))
    await made(store, theirs, OURS, owner="bert")
    with pytest.raises(QuotaExceeded, match="1200 of the 1500 shots that group physics"):
        await made(store, theirs, OURS, owner="bert")
    assert await used(store, theirs, OURS) == [400, 1200]


async def test_tomorrow_all_is_free_again(store: JobStore) -> None:
    await made(store, SHOTS, shots=1000)
    job = new_job(phase=Phase.QUEUED, queued_time=later(86_400), shots=1000)
    await store.creation.add(job, [entry("queued", later(86_400))], bounds=[SHOTS])
    assert await used(store, SHOTS) == [1000]
    assert (await store.quota_use.of([SHOTS], later(86_400)))[0].used == 1000
    assert await store.quota_use.forget(NOW + timedelta(days=1)) == 1
    assert await used(store, SHOTS) == [0]


async def test_what_can_never_fit_does_not_say_when(store: JobStore) -> None:
    with pytest.raises(QuotaExceeded, match="ask for less") as caught:
        await made(store, SHOTS, shots=1001)
    assert caught.value.frees is None


async def test_run_charges_or_holds(store: JobStore) -> None:
    jobs = [await added(store, shots=600, cost_ms=1000) for _ in range(2)]
    for job in jobs:
        await apply(store, job.id, run=Run(entry("queued"), ALL))
    first, second = [await got(store, job.id) for job in jobs]
    assert (first.phase, second.phase) == (Phase.QUEUED, Phase.HELD)
    assert second.message is not None
    assert second.message.startswith("quota_exceeded: 600 of the 1000 shots")
    assert second.message.endswith("; then send RUN again")
    assert await used(store, *ALL) == [600, 600, 1000]
    assert await apply(store, first.id, run=Run(entry("queued"), ALL)) is None
    assert await used(store, *ALL) == [600, 600, 1000], "RUN of what waits is refused, and free"


async def test_a_job_that_never_ran_gives_all_back(store: JobStore) -> None:
    aborted, deleted, _ = [await made(store, *ALL, shots=100) for _ in range(3)]
    await store.control.abort(aborted.id, entry("aborted"))
    await store.control.delete(deleted.id, NOW)
    assert await used(store, *ALL) == [100, 100, 2000]
    await store.control.delete(aborted.id, NOW)
    assert await used(store, *ALL) == [100, 100, 2000], "once"


@pytest.mark.parametrize("end", ["complete", "fail", "abort", "delete"])
async def test_what_ran_has_used_its_shots_and_its_time(
    database: Database, store: JobStore, end: str
) -> None:
    await made(store, *ALL)
    held = await claim(store)
    await ran_for(database, held, 30)
    # All four know the time from their caller.
    claimed = (await store.claims.renew(held, LONG) or [None, NOW])[1]
    done = entry("done", claimed)
    match end:
        case "complete":
            assert await store.publishing.complete(held, [], done, 30.0)
        case "fail":
            assert await store.publishing.fail(held, FAILURE, done)
        case "abort":
            assert await store.control.abort(held.id, done)
        case "delete":
            assert await store.control.delete(held.id, claimed)
    shots, ours, ms = await used(store, *ALL)
    assert (shots, ours) == (400, 400)
    assert 30_000 <= ms < 60_000


async def test_a_suspended_job_has_used_what_it_ran_before(
    database: Database, store: JobStore
) -> None:
    await made(store, *ALL)
    held = await claim(store)
    await ran_for(database, held, 20)
    await store.publishing.hand_back(held, entry("suspended"))
    assert await used(store, SECONDS) == [2000], "until it ends"
    await store.control.abort(held.id, entry("aborted"))
    shots, ms = await used(store, SHOTS, SECONDS)
    assert shots == 400
    assert 20_000 <= ms < 40_000


async def test_two_at_once_do_not_both_get_the_last_of_it(store: JobStore) -> None:
    pending = Bound(Limit.PENDING, 3, ("anna",))

    async def one(owner: str) -> bool:
        own = Bound(Limit.DAY_SHOTS, 1000, (owner,))
        try:
            await made(store, own, OURS, owner=owner, shots=100)
        except QuotaExceeded:
            return False
        return True

    done = await asyncio.gather(*(one(owner) for owner in ["anna", "bert"] * 10))
    assert sum(done) == 15, "of the group"
    assert await used(store, OURS) == [1500]

    async def another() -> bool:
        try:
            await made(store, pending, phase=Phase.PENDING, queued_time=None)
        except QuotaExceeded:
            return False
        return True

    assert sum(await asyncio.gather(*(another() for _ in range(8)))) == 3


async def test_pending_and_held_jobs_count_together(store: JobStore) -> None:
    pending = Bound(Limit.PENDING, 2, ("anna",))
    held = await added(store)
    await apply(store, held.id, run=Run(entry("queued"), hold="no room"))
    await queued(store)
    await made(store, pending, phase=Phase.PENDING)
    with pytest.raises(QuotaExceeded, match="2 jobs of this owner are PENDING or HELD, and 2"):
        await made(store, pending, phase=Phase.PENDING)
    await made(store, pending), "one that is queued at once is none of them"


async def test_jobs_and_bytes_are_looked_at_again_where_they_are_near(store: JobStore) -> None:
    one = await added(store)
    size = (await store.usage.of("anna")).stored_bytes
    with pytest.raises(QuotaExceeded, match="1 job of this owner is there, and 1 may be"):
        await made(store, Bound(Limit.JOBS, 1, ("anna",)))
    with pytest.raises(QuotaExceeded, match="too few for"):
        await made(store, Bound(Limit.STORED_BYTES, 2 * size - 1, ("anna",)))
    await made(
        store, Bound(Limit.STORED_BYTES, 2 * size, ("anna",)), Bound(Limit.JOBS, 2, ("anna",))
    )
    assert one


async def test_nobody_runs_more_than_they_may(store: JobStore) -> None:
    rules = QuotaRules(group={"both": Group(members=("anna", "bert"), running=3)})
    may = Entitlements(Policy(max_running=2), rules)
    for owner in ("anna", "anna", "anna", "bert", "bert", "carl"):
        await queued(store, owner=owner)
    takes = await asyncio.gather(
        *(
            store.claims.take(TARGET, f"w{place}", LONG, NOW, most=2, entitlements=may)
            for place in range(4)
        )
    )
    claims = [claim for taken in takes for claim in taken.claims]
    owners = sorted(claim.job.owner or "" for claim in claims)
    assert owners.count("carl") == 1
    assert owners.count("anna") <= 2
    assert len(owners) == 4, "two or one of anna's, and three of both"
    taken = await store.claims.take(TARGET, "w", LONG, NOW, most=2, entitlements=may)
    assert (taken.claims, taken.more) == ([], True), "some wait, and may run when one is done"
    first = next(claim for claim in claims if claim.job.owner != "carl")
    assert await store.publishing.complete(first, [], entry(), 1.0)
    taken = await store.claims.take(TARGET, "w", LONG, NOW, most=2, entitlements=may)
    assert len(taken.claims) == 1
