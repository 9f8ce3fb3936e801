"""One job, read."""

from __future__ import annotations

import pytest
from plans import Caught
from store_helpers import (
    EXPIRED,
    NOW,
    a_result,
    added,
    claim,
    claimed,
    drive,
    entry,
    got,
    later,
    new_job,
    overdue,
    position_of,
    queued,
    timeline_of,
)

from quws.domain.job import (
    REQUEUED,
    JobRef,
    JobTimes,
    Said,
    new_job_id,
)
from quws.domain.phases import Phase
from quws.store.database import Database
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


async def test_what_is_not_there_is_none(store: JobStore) -> None:
    assert await store.reading.get(new_job_id()) is None
    assert await store.reading.whole(new_job_id()) is None
    assert await store.reading.head(new_job_id()) is None
    assert await store.reading.times(new_job_id()) is None


async def test_head_says_what_the_list_says(store: JobStore) -> None:
    job = await added(store, run_id="r")
    assert await store.reading.head(job.id) == JobRef(job.id, Phase.PENDING, "r", "anna", NOW)


async def test_times_are_those_of_the_job(store: JobStore) -> None:
    job = await added(store, quote=later(5), execution_duration=7)
    ref = JobRef(job.id, Phase.PENDING, None, "anna", NOW)
    assert await store.reading.times(job.id) == JobTimes(ref, later(5), job.destruction_time, 7)


async def test_known(store: JobStore, database: Database) -> None:
    one, two, archived = [await added(store) for _ in range(3)]
    await drive(database, archived.id, phase=Phase.ARCHIVED)
    asked = [one.id, two.id, archived.id, new_job_id()]
    assert await store.reading.known(asked) == {one.id, two.id, archived.id}
    assert await store.reading.known([]) == set()


async def test_the_whole_of_a_job(store: JobStore) -> None:
    held = await claimed(store, circuits=2)
    await store.publishing.store_circuits(
        held, range(1), [a_result("counts-0")], entry("done"), NOW
    )
    found = await store.reading.whole(held.id)
    assert found is not None
    assert found[0] == await got(store, held.id)
    assert found[0].results == [a_result("counts-0")]
    assert [item.status for item in found[1]] == ["received", "claimed", "done"]
    assert found[2] is None


async def test_what_a_waiting_job_has_is_its_place(store: JobStore) -> None:
    before, job = await queued(store), await queued(store, at=later(1))
    found = await store.reading.whole(job.id)
    assert found is not None
    assert found[:3] == (job, [entry("received")], 1)
    assert await position_of(store, before.id) == 0


async def test_on_postgresql_a_job_and_all_of_it_is_one_statement(
    store: JobStore, database: Database
) -> None:
    held = await claimed(store)
    results = [a_result("b"), a_result("a")]
    assert await store.publishing.complete(held, results, entry("done", later(2)), 1.0)
    with Caught("") as caught:
        job = await store.reading.get(held.id)
        found = await store.reading.whole(held.id)
    assert job is not None
    assert found is not None
    assert found[0] == job
    assert job.results == results
    entries = [entry("received"), entry("claimed", message="attempt 1"), entry("done", later(2))]
    assert [item.time for item in found[1]] == [item.time for item in entries]
    assert len(caught.sent) == (5 if database.is_sqlite else 2)


async def test_the_timeline_is_in_the_order_of_writing(store: JobStore) -> None:
    # Not of time: clocks of several hosts disagree.
    job = new_job(phase=Phase.QUEUED, queued_time=NOW)
    await store.creation.add(job, [entry("received", later(5)), entry("queued", later(5))])
    other = await added(store)
    held = await claim(store, now=later(1))
    await store.publishing.say(held, Said([entry("first", later(9))]))
    await store.publishing.say(held, Said([entry("second", later(2))]))
    await store.control.abort(held.id, entry("aborted", NOW))
    timeline = await timeline_of(store, job.id)
    assert [item.status for item in timeline] == [
        "received",
        "queued",
        "claimed",
        "first",
        "second",
        "aborted",
    ]
    assert len(await timeline_of(store, other.id)) == 1


async def test_queue_positions(database: Database, store: JobStore) -> None:
    # Of one owner each, so that it is nobody's second turn.
    jobs = [await queued(store, at=later(k), owner=f"{k}{i}") for i, k in enumerate((5, 1, 3, 3))]
    urgent = await queued(store, at=later(9))
    await drive(database, urgent.id, priority=-1)
    lazy = await queued(store, at=NOW, owner="lazy")
    await drive(database, lazy.id, priority=1)
    await queued(store, at=NOW, target="other")
    await added(store)
    suspended = await queued(store, at=later(2), owner="dora")
    await drive(database, suspended.id, phase=Phase.SUSPENDED)
    order = [urgent, jobs[1], suspended, *sorted(jobs[2:], key=lambda j: j.id), jobs[0], lazy]
    for position, job in enumerate(order):
        assert await position_of(store, job.id) == (None if job is suspended else position)


@pytest.mark.parametrize("phase", sorted(set(Phase) - {Phase.QUEUED}))
async def test_only_a_queued_job_has_a_position(
    database: Database, store: JobStore, phase: Phase
) -> None:
    job = await queued(store)
    await drive(database, job.id, phase=phase)
    assert await position_of(store, job.id) is None


async def test_the_troubles_of_a_job_are_those_of_its_earlier_attempts(store: JobStore) -> None:
    held = await claimed(store, EXPIRED)
    await store.publishing.say(held, Said([entry("noted", message="no trouble")]))
    assert await store.sweeps.requeue(overdue(held), entry(REQUEUED, message="first"))
    assert await store.publishing.retry(await claim(store), entry(REQUEUED, message="second"))
    assert await store.reading.troubles(held.id) == ["first", "second"]
    assert await store.reading.troubles((await added(store)).id) == []
