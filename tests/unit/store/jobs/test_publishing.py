"""What a worker writes of the job that it holds."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from store_actions import ACTIONS
from store_helpers import (
    EXPIRED,
    FAILURE,
    NOW,
    ODD,
    a_result,
    claim,
    claimed,
    entry,
    everything,
    got,
    later,
    ran_for,
    runs_out_in,
    timeline_of,
)

from quws.domain.job import (
    Claim,
    ErrorType,
    JobError,
    Said,
)
from quws.domain.phases import Phase
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


async def test_complete(database: Database, store: JobStore) -> None:
    held = await claimed(store, circuits=2)
    results = [a_result("result"), a_result("counts"), a_result("log")]
    assert await store.publishing.complete(held, results, entry("completed", later(4)), 4.0)
    job = await got(store, held.id)
    assert (job.phase, job.end_time, job.circuits_done) == (Phase.COMPLETED, later(4), 2)
    assert job.results == results
    assert {row[2] for row in (await everything(database))["circuits"]} == {"completed"}
    assert not await store.publishing.complete(held, results, entry(), 4.0)


async def test_a_batch_lists_the_results_of_the_job_before_those_of_its_circuits(
    store: JobStore,
) -> None:
    held = await claimed(store, circuits=12)
    singles = [a_result(f"counts-{k}") for k in range(12)]
    for index in (11, 0, 3, 1, 2, 10, 4, 5, 6, 7, 8, 9):
        assert await store.publishing.store_circuits(
            held, range(index, index + 1), [singles[index]], entry("circuit done"), later(1)
        )
    job = await got(store, held.id)
    assert (job.circuits_done, job.results) == (12, singles)
    assert await store.reading.circuit_artifacts(held.id) == {
        k: f"job/1/counts-{k}" for k in range(12)
    }
    assert await store.publishing.complete(held, [a_result()], entry("completed"), 1.0)
    assert (await got(store, held.id)).results == [a_result(), *singles]


async def test_a_circuit_is_stored_once(store: JobStore) -> None:
    # The answer to the first try may be lost; the worker then tries again.
    held = await claimed(store, circuits=2)
    for _ in range(2):
        assert await store.publishing.store_circuits(
            held, range(1), [a_result("counts-0")], entry("done"), NOW
        )
    job = await got(store, held.id)
    assert (job.circuits_done, job.results) == (1, [a_result("counts-0")])


async def test_circuits_are_stored_together(database: Database, store: JobStore) -> None:
    held = await claimed(store, circuits=400)
    first, second = a_result("counts-0-1"), a_result("counts-2-3")
    listed = store.publishing.store_circuits
    for circuits, result in ((range(2), first), (range(2), first), (range(2, 4), second)):
        assert await listed(held, circuits, [result], entry("done"), NOW)
    job = await got(store, held.id)
    assert (job.circuits_done, job.results) == (4, [first, second])
    files = {0: first, 1: first, 2: second, 3: second}
    assert await store.reading.circuit_artifacts(held.id) == {
        index: item.artifact for index, item in files.items()
    }
    assert {row[2] for row in (await everything(database))["circuits"]} == {"completed", "waiting"}


async def test_fail(store: JobStore) -> None:
    held = await claimed(store)
    assert await store.publishing.fail(held, FAILURE, entry("failed", later(4)))
    job = await got(store, held.id)
    assert (job.phase, job.end_time, job.error) == (Phase.ERROR, later(4), FAILURE)


async def test_an_error_needs_no_detail(store: JobStore) -> None:
    held = await claimed(store)
    error = JobError(ErrorType.FATAL, "code", ODD)
    assert await store.publishing.fail(held, error, entry("failed"))
    assert (await got(store, held.id)).error == error


async def test_retry(store: JobStore) -> None:
    held = await claimed(store)
    assert await store.publishing.retry(held, entry("queued", later(4), "died"))
    job = await got(store, held.id)
    assert (job.phase, job.attempt, job.start_time, job.message) == (
        Phase.QUEUED,
        1,
        None,
        "died",
    )
    assert (await claim(store)).attempt == 2


async def test_hand_back(database: Database, store: JobStore) -> None:
    held = await claimed(store, circuits=2)
    await store.publishing.store_circuits(held, range(1), [a_result("counts-0")], entry(), NOW)
    assert await store.publishing.hand_back(held, entry("suspended", later(10), "shutdown"))
    job = await got(store, held.id)
    assert (job.phase, job.attempt, job.message) == (Phase.SUSPENDED, 0, "shutdown")
    again = await claim(store, now=later(100))
    assert (again.id, again.attempt) == (held.id, 1)
    # The batch goes on where it was.
    assert (again.job.start_time, again.job.circuits_done) == (NOW, 1)
    assert await store.reading.circuit_artifacts(held.id) == {0: "job/1/counts-0"}


async def test_time_that_was_spent_adds_up(database: Database, store: JobStore) -> None:
    held = await claimed(store, execution_duration=10_000)
    left = 10_000
    for spent in (1000, 2000):
        await ran_for(database, held, spent)
        await store.publishing.hand_back(held, entry())
        left -= spent
        async with runs_out_in(database, left) as again:
            again.append(await claim(store))
        held = again[0]


@pytest.mark.parametrize("name", ["complete", "fail", "abort", "retry", "hand_back", "requeue"])
async def test_a_job_that_no_worker_holds_has_no_lease_and_no_deadline(
    database: Database, store: JobStore, name: str
) -> None:
    held = await claimed(store, EXPIRED)
    assert await ACTIONS[name].act(store, held)
    c = t.jobs.c
    async with database.read() as connection:
        row = (await connection.execute(select(c.lease, c.lease_until, c.deadline))).one()
    assert tuple(row) == (None, None, None)


async def test_further_files_of_circuits_are_listed_after_the_results_of_all(
    store: JobStore,
) -> None:
    held = await claimed(store, circuits=2)
    for index in (0, 1):
        more = [a_result(f"circuit-{index}")]
        result = a_result(f"counts-{index}")
        assert await store.publishing.store_circuits(
            held, range(index, index + 1), [result], entry(), NOW, more
        )
    assert await store.publishing.complete(held, [a_result()], entry(), 1.0)
    assert [item.id for item in (await got(store, held.id)).results] == [
        *("result", "counts-0", "counts-1", "circuit-0", "circuit-1")
    ]


async def test_a_worker_says_where_its_job_stands_and_the_timeline_does_not_keep_it(
    store: JobStore,
) -> None:
    held = await claimed(store)
    before = await timeline_of(store, held.id)
    assert await store.publishing.say(held, Said(message="circuit 1 of 2"))
    assert await store.publishing.say(held, Said(calibration_id="monday"))
    job = await got(store, held.id)
    assert (job.message, job.calibration_id) == ("circuit 1 of 2", "monday")
    assert await timeline_of(store, held.id) == before
    assert await store.publishing.fail(held, FAILURE, entry("failed"))
    assert (await got(store, held.id)).message is None
    assert not await store.publishing.say(held, Said(message="late"))
    assert not await store.publishing.say(held, Said([entry("late")], calibration_id="tuesday"))
    job = await got(store, held.id)
    assert (job.message, job.calibration_id) == (None, "monday")


async def end_by(store: JobStore, how: str, held: Claim, said: Said) -> bool:
    write, entry_of_end = store.publishing, entry("end")
    match how:
        case "complete":
            return await write.complete(held, [], entry_of_end, 1.0, said)
        case "fail":
            return await write.fail(held, FAILURE, entry_of_end, said)
        case "retry":
            return await write.retry(held, entry_of_end, said)
    return await write.hand_back(held, entry_of_end, said)


@pytest.mark.parametrize("end", ["complete", "fail", "retry", "hand_back"])
async def test_what_a_job_said_last_is_written_with_its_end(store: JobStore, end: str) -> None:
    held = await claimed(store)
    assert await store.publishing.say(held, Said(calibration_id="monday"))
    assert await end_by(store, end, held, Said())
    assert (await got(store, held.id)).calibration_id == "monday"
    held = await claimed(store)
    said = Said([entry("noted", message="a"), entry("noted", message="b")], "word", "tuesday")
    assert await end_by(store, end, held, said)
    assert (await got(store, held.id)).calibration_id == "tuesday"
    assert [item.message for item in await timeline_of(store, held.id)][-3:-1] == ["a", "b"]
    assert (await timeline_of(store, held.id))[-1].status == "end"
    assert not await end_by(store, end, held, said)


async def test_the_circuit_of_a_job_that_has_one_has_no_row(
    database: Database, store: JobStore
) -> None:
    held = await claimed(store)
    assert await store.publishing.complete(held, [a_result()], entry(), 1.0)
    assert (await everything(database))["circuits"] == []
    assert (await got(store, held.id)).circuits_done == 1
