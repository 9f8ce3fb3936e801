"""Owners take turns."""

from __future__ import annotations

import pytest
from store_helpers import LONG, NOW, TARGET, added, claim, entry, later, queued, run

from quws.domain.shares import Fairness, Share
from quws.store.database import Database
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


async def run_order(store: JobStore) -> list[str]:
    """Whose jobs are claimed, one after the other."""
    owners = []
    while (found := await store.claims.claim(TARGET, "worker", LONG, NOW)) is not None:
        owners.append(found.job.owner or "nobody")
    return owners


async def test_owners_take_turns_however_many_jobs_one_of_them_sends(store: JobStore) -> None:
    for second in range(6):
        await queued(store, at=later(second))
    for second in range(2):
        await queued(store, at=later(100 + second), owner="bob")
    await queued(store, at=later(200), owner=None)
    assert await run_order(store) == [
        *("anna", "bob", "nobody", "anna", "bob"),
        *("anna", "anna", "anna", "anna"),
    ]


async def test_who_comes_late_has_the_turn_that_is_on_and_not_all_that_went_before(
    store: JobStore,
) -> None:
    for _ in range(6):
        await queued(store)
    for _ in range(3):
        assert (await claim(store)).job.owner == "anna"
    for _ in range(3):
        await queued(store, at=later(1), owner="bob")
    assert await run_order(store) == ["anna", "bob"] * 3


async def test_turns_are_shared_by_run_time(store: JobStore) -> None:
    for _ in range(3):
        await queued(store, cost_ms=4000)
    for _ in range(8):
        await queued(store, at=later(1), owner="bob", cost_ms=1000)
    assert await run_order(store) == ["anna", *["bob"] * 4, "anna", *["bob"] * 4, "anna"]


@pytest.mark.parametrize("owner", ["anna", None])
async def test_run_gives_a_job_its_turn_at_the_end_of_its_owners_queue(
    store: JobStore, owner: str | None
) -> None:
    first = await added(store, owner=owner)
    for _ in range(2):
        await queued(store, owner=owner)
    others = [await queued(store, owner="bob", at=later(1)) for _ in range(2)]
    assert await run(store, first.id, entry(time=later(2))) is not None
    # After what both have had before: the bobs come first although it was made first.
    order = [(await claim(store)).id for _ in range(5)]
    assert order.index(others[1].id) < order.index(first.id) == 4


# -- shares -------------------------------------------------------------------------------------


async def test_who_has_twice_the_share_runs_twice_as_much(database: Database) -> None:
    store = JobStore(database, Fairness({"anna": Share(share=2)}))
    for _ in range(6):
        await queued(store, cost_ms=1000)
    for _ in range(6):
        await queued(store, at=later(1), owner="bob", cost_ms=1000)
    order = await run_order(store)
    assert order[:9].count("anna") == 6
    assert order[:3].count("anna") == 2


async def test_who_had_much_of_the_target_comes_later(store: JobStore) -> None:
    await store.target_use.add(TARGET, {"anna": 600_000, "carl": 60_000}, NOW)
    await store.target_use.add("other", {"bob": 900_000_000}, NOW)
    for owner in ("bob", "carl", "anna"):
        for _ in range(2):
            await queued(store, owner=owner, cost_ms=30_000)
    # 51 and 10 minutes' worth of waiting are between them: bob has both of his before anna.
    order = await run_order(store)
    assert order[:2] == ["bob", "bob"]
    assert order[-1] == "anna"


async def test_what_was_long_ago_is_forgotten(database: Database, store: JobStore) -> None:
    await store.target_use.add(TARGET, {"anna": 600_000}, later(-3600 * 23))
    await store.target_use.add(TARGET, {"anna": 600_000}, later(-3600 * 24))
    assert await store.target_use.forget(NOW) == 1
    await queued(store, owner="bob", cost_ms=30_000)
    await queued(store, at=later(1), cost_ms=30_000)
    await queued(store, owner="bob", at=later(2), cost_ms=30_000)
    assert await run_order(store) == ["bob", "bob", "anna"]
    shorter = JobStore(database, Fairness(hours=23))
    for second, owner in enumerate(("bob", "anna", "bob")):
        await queued(shorter, owner=owner, at=later(second), cost_ms=30_000)
    assert await run_order(store) == ["bob", "anna", "bob"]


async def test_nobody_is_put_behind_for_ever(database: Database) -> None:
    store = JobStore(database, Fairness(memory_seconds=60))
    await store.target_use.add(TARGET, {"anna": 10**10}, NOW)
    await queued(store, owner="bob", cost_ms=30_000)
    heavy = await queued(store)
    for _ in range(5):
        await queued(store, owner="bob", at=later(1), cost_ms=30_000)
    order = [(await claim(store)).id for _ in range(6)]
    assert order.index(heavy.id) in (2, 3)


async def test_priority_goes_before_turn(store: JobStore) -> None:
    for priority in (5, 0, -5, 100):
        await queued(store, owner=f"owner {priority}", priority=priority)
    assert await run_order(store) == ["owner -5", "owner 0", "owner 5", "owner 100"]
