"""The state of targets, their calibrations and load, and what it means for their jobs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from store_helpers import NOW, TARGET, claimed, queued

from quws.domain.targets import (
    Calibration,
    QubitCalibration,
    TargetDescription,
    TargetKind,
    TargetState,
    TargetStatus,
)
from quws.store.clock import time_of
from quws.store.database import Database
from quws.store.jobs.store import JobStore
from quws.store.targets import TargetStore

pytestmark = pytest.mark.anyio

DESCRIPTION = TargetDescription(name=TARGET, kind=TargetKind.HARDWARE, title="It", qubits=3)
MONDAY = Calibration(id="monday", time=NOW, qubits=[QubitCalibration(qubit=0, t1=5e-5)])
TUESDAY = Calibration(id="tuesday", time=NOW + timedelta(days=1))


@pytest.fixture
async def targets(database: Database) -> TargetStore:
    found = TargetStore(database)
    await found.register([DESCRIPTION], NOW, replace=True)
    return found


async def state(targets: TargetStore) -> TargetState:
    record = await targets.record(TARGET)
    assert record is not None
    return record.state


async def test_a_target_is_online_until_somebody_says_otherwise(targets: TargetStore) -> None:
    record = await targets.record(TARGET)
    assert record is not None
    assert record.description == DESCRIPTION
    assert record.state == TargetState()
    assert record.checked is None
    assert await targets.record("another") is None


@pytest.mark.parametrize("status", [item for item in TargetStatus if item != "online"])
async def test_jobs_of_a_target_that_takes_no_work_are_not_claimed(
    targets: TargetStore, store: JobStore, status: TargetStatus
) -> None:
    await queued(store)
    await targets.found(TARGET, TargetState(status=status, message="cold"), NOW)
    assert await store.claims.claim(TARGET, "worker", 60, NOW) is None
    await targets.found(TARGET, TargetState(), NOW)
    assert await store.claims.claim(TARGET, "worker", 60, NOW) is not None


async def test_an_operators_word_goes_before_that_of_a_health_check(
    targets: TargetStore, store: JobStore
) -> None:
    await queued(store)
    assert await targets.set_state(TARGET, TargetStatus.MAINTENANCE, "filters", None, "op")
    await targets.found(TARGET, TargetState(), NOW)
    found = await targets.record(TARGET)
    assert found is not None
    assert (found.state.status, found.state.message) == (TargetStatus.MAINTENANCE, "filters")
    assert found.set_by == "op"
    assert await store.claims.claim(TARGET, "worker", 60, NOW) is None
    assert await targets.set_state(TARGET, TargetStatus.ONLINE, None, None, "op")
    assert await state(targets) == TargetState()
    assert not await targets.set_state("another", TargetStatus.OFFLINE, None, None, "op")


async def test_an_operators_word_is_over_at_its_time_by_the_clock_of_the_database(
    database: Database, targets: TargetStore, store: JobStore
) -> None:
    await queued(store)
    now = await time_of(database)
    until = now + timedelta(hours=1)
    await targets.set_state(TARGET, TargetStatus.OFFLINE, None, until, "op")
    assert (await state(targets)).until == until
    assert await store.claims.claim(TARGET, "worker", 60, NOW) is None
    await targets.set_state(TARGET, TargetStatus.OFFLINE, None, now - timedelta(seconds=1), "op")
    assert (await state(targets)).takes_work
    assert await store.claims.claim(TARGET, "worker", 60, NOW) is not None


async def test_a_job_that_waits_says_why(targets: TargetStore, store: JobStore) -> None:
    job = await queued(store)
    await targets.found(TARGET, TargetState(status=TargetStatus.OFFLINE, message="cold"), NOW)
    found = await store.reading.whole(job.id)
    assert found is not None
    assert found[3].sentence(TARGET) == f"target {TARGET} is offline: cold"
    queue = await store.quotes.queue_of(TARGET)
    assert queue.waiting_count == 1
    assert not queue.state.takes_work


async def test_calibrations_are_kept_and_the_present_one_is_known(
    targets: TargetStore, store: JobStore
) -> None:
    await targets.calibrated(TARGET, MONDAY, present=True)
    await targets.calibrated(TARGET, TUESDAY, present=True)
    await targets.calibrated(TARGET, MONDAY, present=False)
    assert await targets.calibrations(TARGET) == [
        ("tuesday", TUESDAY.time),
        ("monday", MONDAY.time),
    ]
    assert await targets.calibration(TARGET, "monday") == MONDAY
    assert await targets.calibration("another", "monday") is None
    assert await targets.calibration_time(TARGET, "monday") == NOW
    record = await targets.record(TARGET)
    assert record is not None
    assert record.calibration == "tuesday"
    held = await claimed(store)
    assert await store.publishing.set_calibration(held, "monday")
    job = await store.reading.get(held.id)
    assert job is not None
    assert job.calibration_id == "monday"


async def test_a_new_description_leaves_the_rest(targets: TargetStore) -> None:
    await targets.set_state(TARGET, TargetStatus.OFFLINE, None, None, "op")
    await targets.set_conformance(TARGET, {"passed": 3}, NOW)
    grown = DESCRIPTION.model_copy(update={"qubits": 5})
    await targets.register([grown], NOW, replace=True)
    await targets.register([DESCRIPTION], NOW, replace=False)
    (record,) = await targets.records()
    assert record.description == grown
    assert record.state.status is TargetStatus.OFFLINE
    assert (record.conformance, record.conformance_time) == ({"passed": 3}, NOW)


async def test_load_is_sampled_once_for_each_time(targets: TargetStore, store: JobStore) -> None:
    await claimed(store)
    await queued(store)
    week = timedelta(days=7)
    for time in (NOW, NOW, NOW + timedelta(minutes=5)):
        await targets.sample_load(time, time - week)
    found = await targets.load(TARGET, NOW)
    assert [(item.waiting, item.running) for item in found] == [(1, 1), (1, 1)]
    later = NOW + 2 * week
    await targets.sample_load(later, later - week)
    assert [item.time for item in await targets.load(TARGET, NOW)] == [later]


async def test_what_is_found_of_a_target_is_said_of_it_alone(
    targets: TargetStore, store: JobStore
) -> None:
    other = DESCRIPTION.model_copy(update={"name": "other"})
    await targets.register([other], NOW, replace=False)
    await targets.found(TARGET, TargetState(status=TargetStatus.OFFLINE, message="cold"), NOW)
    record = await targets.record("other")
    assert record is not None
    assert record.state == TargetState()
    assert record.checked is None
    found = await targets.record(TARGET)
    assert found is not None
    assert found.state.status is TargetStatus.OFFLINE
    await queued(store, target="other")
    assert await store.claims.claim("other", "worker", 60, NOW) is not None
