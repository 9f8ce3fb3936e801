"""The circuits of a batch, one by one: left out, failed, read in pages."""

from __future__ import annotations

import pytest
from store_helpers import (
    FAILURE,
    NOW,
    a_result,
    added,
    apply,
    claim,
    claimed,
    entry,
    got,
    later,
    queued,
    snapshot,
    timeline_of,
)

from quws.domain.batch import LEFT_OUT, CircuitState, CircuitStatus
from quws.domain.job import new_job_id
from quws.domain.phases import Phase
from quws.store.database import Database
from quws.store.jobs.control import NewParameters
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


async def statuses(store: JobStore, job_id: str) -> list[str]:
    return [item.status.value for item in await store.circuits.page(job_id, None)]


async def test_circuits_are_aborted_that_wait(store: JobStore) -> None:
    job = await queued(store, circuits=5)
    found = await store.control.abort_circuits(job.id, {1, 3, 4}, later(1), "anna")
    assert found is not None
    ref, aborted = found
    assert (ref.phase, aborted) == (Phase.QUEUED, {1, 3, 4})
    assert (await got(store, job.id)).circuits_aborted == 3
    assert await statuses(store, job.id) == [
        "waiting", "aborted", "waiting", "aborted", "aborted",
    ]  # fmt: skip
    last = (await timeline_of(store, job.id))[-1]
    assert (last.status, last.source, last.message) == ("circuits aborted", "anna", "1, 3 to 4")
    # Once more changes nothing.
    before = await store.outbox.newest()
    assert await store.control.abort_circuits(job.id, {1}, later(2), "anna") == (ref, set())
    assert (await store.outbox.newest(), len(await timeline_of(store, job.id))) == (before, 2)


async def test_a_job_is_aborted_with_its_last_circuit(store: JobStore) -> None:
    job = await queued(store, circuits=3)
    await store.control.abort_circuits(job.id, {1}, later(1), "anna")
    found = await store.control.abort_circuits(job.id, {0, 1, 2}, later(2), "anna")
    assert found is not None
    assert (found[0].phase, found[1]) == (Phase.ABORTED, {0, 2})
    ended = await got(store, job.id)
    assert (ended.phase, ended.circuits_aborted, ended.end_time) == (Phase.ABORTED, 3, later(2))


async def test_a_job_with_a_result_is_not(store: JobStore) -> None:
    held = await claimed(store, circuits=2)
    await store.publishing.store_circuits(held, range(1), [a_result("counts-0")], entry(), NOW)
    found = await store.control.abort_circuits(held.id, {0, 1}, later(1), "anna")
    assert found is not None
    assert (found[0].phase, found[1]) == (Phase.EXECUTING, {1})


async def test_many_circuits_are_aborted_at_once(store: JobStore) -> None:
    job = await queued(store, circuits=2500)
    found = await store.control.abort_circuits(job.id, range(2499), later(1), "anna")
    assert found is not None
    assert len(found[1]) == 2499


async def test_what_is_not_there_is_not_aborted(database: Database, store: JobStore) -> None:
    alone = await queued(store)
    before = await snapshot(database)
    assert await store.control.abort_circuits(new_job_id(), {0}, NOW, "anna") is None
    found = await store.control.abort_circuits(alone.id, {0}, NOW, "anna")
    assert found is not None
    assert found[1] == set()
    assert await snapshot(database) == before


async def test_the_worker_learns_of_it_with_its_lease(store: JobStore) -> None:
    held = await claimed(store, circuits=3)
    assert held.aborted == 0
    await store.control.abort_circuits(held.id, {2}, later(1), "anna")
    renewed = await store.claims.renew(held, 60.0)
    assert renewed is not None
    assert renewed[0].aborted == 1
    assert [(item.index, item.status) for item in await store.circuits.over(held.id)] == [
        (2, CircuitStatus.ABORTED)
    ]


async def test_whoever_comes_next_knows_it_too(store: JobStore) -> None:
    job = await queued(store, circuits=3)
    await store.control.abort_circuits(job.id, {0, 1}, later(1), "anna")
    held = await claim(store)
    assert (held.aborted, held.job.circuits_aborted) == (2, 2)


async def test_a_circuit_that_was_aborted_gets_no_result(store: JobStore) -> None:
    held = await claimed(store, circuits=4)
    await store.control.abort_circuits(held.id, {1}, later(1), "anna")
    results = [a_result(f"counts-{index}") for index in range(3)]
    more = [a_result(f"circuit-{index}") for index in range(3)]
    assert await store.publishing.store_circuits(
        held, range(3), results, entry(), NOW, more, failed={2: "too wide"}
    )
    job = await got(store, held.id)
    assert (job.circuits_done, job.circuits_failed, job.circuits_aborted) == (1, 1, 1)
    assert [item.id for item in job.results] == ["counts-0", "circuit-0"]
    assert await statuses(store, held.id) == ["completed", "aborted", "failed", "waiting"]


async def test_a_job_ends_well_only_if_its_results_know_who_is_left_out(store: JobStore) -> None:
    held = await claimed(store, circuits=3)
    await store.control.abort_circuits(held.id, {1}, later(1), "anna")
    results = [a_result()]
    assert not await store.publishing.complete(held, results, entry(), 1.0)
    told = entry("completed", message="1 circuit aborted: 1")
    assert await store.publishing.complete(held, results, told, 1.0, aborted=1)
    job = await got(store, held.id)
    assert (job.phase, job.circuits_done, job.message) == (
        Phase.COMPLETED,
        2,
        "1 circuit aborted: 1",
    )


async def test_circuits_that_fail_alike_are_written_together(store: JobStore) -> None:
    held = await claimed(store, circuits=6)
    failed = {0: "too wide", 1: "too deep", 2: "too wide"}
    for _ in range(2):  # The news of the first commit was lost.
        assert await store.publishing.store_circuits(
            held, range(4), [a_result("counts-3")], entry(), later(1), failed=failed
        )
    job = await got(store, held.id)
    assert (job.circuits_done, job.circuits_failed) == (1, 3)
    found = await store.circuits.over(held.id)
    assert {item.index: item.message for item in found} == failed
    assert found[0] == CircuitState(0, CircuitStatus.FAILED, "too wide", 1, later(1), NOW)


async def test_the_circuit_is_known_because_of_which_a_job_failed(store: JobStore) -> None:
    held = await claimed(store, circuits=3)
    await store.publishing.fail(held, FAILURE, entry(), circuit=1)
    assert await statuses(store, held.id) == ["waiting", "failed", "waiting"]
    assert (await got(store, held.id)).circuits_failed == 1


async def test_circuits_come_in_pages(store: JobStore) -> None:
    job = await queued(store, circuits=10)
    await store.control.abort_circuits(job.id, {1, 4, 8}, later(1), "anna")
    page = await store.circuits.page(job.id, 3, after=2)
    assert [item.index for item in page] == [3, 4, 5]
    page = await store.circuits.page(job.id, 2, statuses=LEFT_OUT)
    assert [item.index for item in page] == [1, 4]
    page = await store.circuits.page(job.id, 2, after=4, statuses=LEFT_OUT)
    assert [item.index for item in page] == [8]


async def test_new_circuits_begin_anew(store: JobStore) -> None:
    job = await added(store, circuits=3)
    await store.control.abort_circuits(job.id, {1}, later(1), "anna")
    await apply(store, job.id, parameters=NewParameters(job.parameters, {"circuits": 2}))
    changed = await got(store, job.id)
    assert (changed.circuits_aborted, await statuses(store, job.id)) == (0, ["waiting"] * 2)
