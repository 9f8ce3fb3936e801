"""What clients do with their jobs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from store_helpers import (
    FAR,
    LONG,
    NOW,
    a_result,
    added,
    claim,
    claimed,
    drive,
    entry,
    everything,
    got,
    later,
    ran_for,
    runs_out_in,
    timeline_of,
)

from quws.domain.job import (
    JobRef,
    Parameter,
)
from quws.domain.options import RunOptions
from quws.domain.phases import Phase
from quws.domain.spec import JobSpec
from quws.domain.times import MAX_SECONDS
from quws.store.database import Database
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "instant",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 11, 21, 10, 0, 0, 1000, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    ],
)
async def test_any_instant_comes_back_exactly(store: JobStore, instant: datetime) -> None:
    job = await added(store)
    assert await store.control.set_destruction(job.id, instant)
    assert (await got(store, job.id)).destruction_time == instant


async def test_queue(store: JobStore) -> None:
    job = await added(store, run_id="r")
    await store.control.hold(job.id, entry(message="no room"))
    assert (await got(store, job.id)).message == "no room"
    said = entry("queued", later(7), "for target simulator")
    ref = await store.control.queue(job, said, 0)
    assert ref == JobRef(job.id, Phase.QUEUED, "r", "anna", NOW)
    after = await got(store, job.id)
    assert (after.queued_time, after.message) == (later(7), None)
    assert (await timeline_of(store, after.id))[-1] == said


async def test_abort(store: JobStore) -> None:
    held = await claimed(store)
    ref = await store.control.abort(held.id, entry("aborted", later(3), "by the owner"))
    assert ref == JobRef(held.id, Phase.ABORTED, None, "anna", NOW)
    job = await got(store, held.id)
    assert (job.end_time, job.start_time, job.message) == (later(3), NOW, "by the owner")
    assert await store.sweeps.abandoned() == []
    assert await store.sweeps.overdue(FAR) == []


@pytest.mark.parametrize(("seconds", "aborted"), [(-0.001, False), (0, True), (1, True)])
async def test_abort_of_what_is_over_its_time(
    database: Database, store: JobStore, seconds: float, aborted: bool
) -> None:
    held = await claimed(store, execution_duration=600)
    before = await everything(database)
    assert held.deadline is not None
    past = held.deadline + timedelta(seconds=seconds)
    done = await store.control.abort(held.id, entry(), past_deadline=past)
    assert (done is not None) is aborted
    assert ((await everything(database)) == before) is not aborted


async def test_an_unlimited_job_is_never_over_its_time(store: JobStore) -> None:
    held = await claimed(store, execution_duration=0)
    assert held.deadline is None
    assert await store.control.abort(held.id, entry(), past_deadline=FAR) is None


async def test_delete_takes_everything_and_leaves_garbage(
    database: Database, store: JobStore
) -> None:
    kept = await added(store)
    held = await claimed(store, circuits=2)
    await store.publishing.store_circuit(held, 0, a_result("counts-0"), entry(), NOW)
    await store.publishing.note(held, entry("noted"))
    assert await store.control.delete(held.id, later(5))
    rows = await everything(database)
    assert [row[0] for row in rows["jobs"]] == [kept.id]
    assert {row[0] for row in rows["circuits"]} == {kept.id}
    assert rows["results"] == []
    assert {row[1] for row in rows["timeline"]} == {kept.id}
    assert rows["garbage"] == [(held.id, later(5))]
    assert not await store.control.delete(held.id, later(6))
    assert (await everything(database))["garbage"] == [(held.id, later(5))]
    await store.garbage.forget(held.id)
    assert await store.garbage.prefixes() == []
    await store.garbage.forget(held.id)


async def test_a_pending_job_gets_new_parameters(database: Database, store: JobStore) -> None:
    job = await added(store, circuits=3)
    spec = JobSpec.of(RunOptions(shots=7))
    changes = {"spec": spec.stored(), "target": "other", "circuits": 2}
    renewed = [Parameter("TAG", "b"), Parameter("CIRCUIT", artifact="x", size=9)]
    assert await store.control.set_parameters(job.id, renewed, changes)
    after = await got(store, job.id)
    assert after == replace(job, parameters=renewed, **(changes | {"spec": spec}))
    assert len((await everything(database))["circuits"]) == 2


@pytest.mark.parametrize("owner", ["anna", None])
async def test_a_quota_counts_what_waits_and_runs(
    database: Database, store: JobStore, owner: str | None
) -> None:
    for phase in Phase:
        job = await added(store, owner=owner)
        await drive(database, job.id, phase=phase)
        await drive(database, (await added(store, owner="bob")).id, phase=phase)
    assert await store.control.active(owner) == 3
    full = await added(store, owner=owner)
    before = await everything(database)
    assert await store.control.queue(full, entry(), 3) is None
    assert await everything(database) == before
    assert await store.control.queue(full, entry(), 4) is not None
    assert await store.control.active(owner) == 4


async def test_two_at_once_do_not_both_get_the_last_place(store: JobStore) -> None:
    jobs = [await added(store) for _ in range(8)]
    others = [await added(store, owner="bob") for _ in range(8)]
    found = await asyncio.gather(
        *(store.control.queue(job, entry(), 3) for job in jobs),
        *(store.control.queue(job, entry(), 5) for job in others),
    )
    assert sum(ref is not None for ref in found[:8]) == 3
    assert sum(ref is not None for ref in found[8:]) == 5


async def test_a_new_duration_moves_the_deadline_of_a_running_job(
    database: Database, store: JobStore
) -> None:
    async with runs_out_in(database, 60) as claims:
        claims.append(await claimed(store, execution_duration=60))
    (held,) = claims
    assert held.deadline is not None
    for seconds in (120, 1, 0, MAX_SECONDS):
        assert await store.control.set_execution_duration(held.id, seconds)
        renewed = await store.claims.renew(held, LONG)
        assert renewed is not None
        expected = held.deadline + timedelta(seconds=seconds - 60) if seconds else None
        assert renewed[0].deadline == expected
        assert (await got(store, held.id)).execution_duration == seconds


async def test_the_deadline_counts_what_was_spent_before(
    database: Database, store: JobStore
) -> None:
    held = await claimed(store, execution_duration=60)
    await ran_for(database, held, 1000)
    await store.publishing.hand_back(held, entry())
    held = await claim(store)
    async with runs_out_in(database, 3000 - 1000) as renewals:
        assert await store.control.set_execution_duration(held.id, 3000)
        renewed = await store.claims.renew(held, LONG)
        assert renewed is not None
        renewals.append(renewed[0])


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.HELD, Phase.QUEUED, Phase.SUSPENDED])
async def test_a_job_that_does_not_run_has_no_deadline(
    database: Database, store: JobStore, phase: Phase
) -> None:
    held = await claimed(store, execution_duration=60)
    await store.publishing.hand_back(held, entry())
    await drive(database, held.id, phase=phase)
    assert await store.control.set_execution_duration(held.id, 30)
    await drive(database, held.id, phase=Phase.EXECUTING)
    assert await store.sweeps.overdue(FAR) == []
