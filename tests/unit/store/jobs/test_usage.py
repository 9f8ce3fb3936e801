"""What the jobs of an owner take up."""

from __future__ import annotations

import pytest
from store_helpers import (
    NOW,
    added,
    apply,
    claim,
    claimed,
    drive,
    entry,
    later,
    queued,
)

from quws.domain.job import Parameter, Result
from quws.domain.phases import Phase
from quws.store.database import Database
from quws.store.jobs.control import NewParameters
from quws.store.jobs.store import JobStore
from quws.store.jobs.usage import Usage

pytestmark = pytest.mark.anyio
SMALL = Parameter("TAG", "é")
LARGE = Parameter("CIRCUIT", artifact="j/parameters/0", size=5000)


def result(name: str, size: int) -> Result:
    return Result(name, f"job/1/{name}", size, "application/json")


async def test_jobs_count_in_every_phase_with_what_was_sent(
    database: Database, store: JobStore
) -> None:
    assert await store.usage.of("anna") == Usage(0, 0)
    for phase in Phase:
        job = await added(store, parameters=[SMALL, LARGE])
        await drive(database, job.id, phase=phase)
    await added(store, owner="bert", parameters=[LARGE])
    await added(store, owner=None, parameters=[SMALL])
    assert await store.usage.of("anna") == Usage(9, 9 * 5002), "all but the archived one"
    assert await store.usage.of("bert") == Usage(1, 5000)
    assert await store.usage.of("anna", "bert", "nobody") == Usage(10, 9 * 5002 + 5000)
    assert await store.usage.of("") == Usage(1, 2)


async def test_new_parameters_count_beside_the_old_ones_whose_files_stay(store: JobStore) -> None:
    job = await added(store, parameters=[LARGE])
    new = NewParameters([LARGE, SMALL], {"circuits": 1})
    assert await apply(store, job.id, parameters=new) is not None
    assert await store.usage.of("anna") == Usage(1, 10_002)
    await store.control.abort(job.id, entry("aborted"))
    assert await apply(store, job.id, parameters=new) is None
    assert await store.usage.of("anna") == Usage(1, 10_002)


async def test_results_count_once_and_as_long_as_they_are_there(store: JobStore) -> None:
    held = await claimed(store, circuits=2, parameters=[])
    more = [result("circuit-0", 30)]
    for _ in range(2):  # The answer to the first try may be lost.
        assert await store.publishing.store_circuits(
            held, range(1), [result("counts-0", 200)], entry(), NOW, more
        )
    assert await store.usage.of("anna") == Usage(1, 230)
    assert await store.publishing.hand_back(held, entry("suspended"))
    held = await claim(store)
    assert await store.publishing.complete(held, [result("result", 1000)], entry(), 1.0)
    assert not await store.publishing.complete(held, [result("result", 1000)], entry(), 1.0)
    assert await store.usage.of("anna") == Usage(1, 1230)
    await store.control.delete(held.id, NOW)
    assert await store.usage.of("anna") == Usage(0, 0)


async def test_what_is_archived_counts_no_more(store: JobStore) -> None:
    job = await queued(store, parameters=[LARGE], destruction_time=NOW)
    await store.control.abort(job.id, entry("aborted"))
    assert await store.sweeps.archive(job.id, later(1))
    assert await store.usage.of("anna") == Usage(0, 0)
