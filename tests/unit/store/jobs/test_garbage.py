"""Artifacts that nobody needs any more."""

from __future__ import annotations

import pytest
from store_actions import ACTIONS
from store_helpers import EXPIRED, NOW, a_result, added, claimed, entry, later

from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("how", ["retry", "requeue", "fail", "give_up", "abort"])
async def test_an_attempt_that_came_to_nothing_leaves_garbage(store: JobStore, how: str) -> None:
    held = await claimed(store, EXPIRED, circuits=2)
    await store.publishing.store_circuits(held, range(1), [a_result("counts-0")], entry(), NOW)
    assert await store.garbage.prefixes() == []
    assert await store.garbage.named(held.id) == {"job/1/counts-0"}
    assert await ACTIONS[how].act(store, held)
    expected = [f"{held.id}/1", f"{held.id}/2"] if how == "abort" else [f"{held.id}/1"]
    assert sorted(await store.garbage.prefixes()) == expected
    # What a circuit of the attempt has left is a result of the job all the same.
    assert await store.garbage.named(held.id) == {"job/1/counts-0"}


@pytest.mark.parametrize("how", ["complete", "hand_back"])
async def test_an_attempt_that_did_not_fail_leaves_none(store: JobStore, how: str) -> None:
    held = await claimed(store)
    assert await ACTIONS[how].act(store, held)
    assert await store.garbage.prefixes() == []


async def test_garbage_oldest_first(store: JobStore) -> None:
    jobs = [await added(store) for _ in range(3)]
    for job, second in zip(jobs, (3, 1, 2), strict=True):
        await store.control.delete(job.id, later(second))
    assert await store.garbage.prefixes() == [jobs[1].id, jobs[2].id, jobs[0].id]
    assert await store.garbage.prefixes(2) == [jobs[1].id, jobs[2].id]
