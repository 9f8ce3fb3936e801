"""The state of targets, their calibrations and load, and what it means for their jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from store_helpers import NOW, TARGET, added, claimed, entry, later, queued

from quws.domain.job import Said
from quws.domain.targets import (
    Calibration,
    GateCalibration,
    Load,
    QubitCalibration,
    TargetDescription,
    TargetKind,
    TargetState,
    TargetStatus,
)
from quws.store import tables as t
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


async def test_what_a_target_is_is_understood_once_and_anew_when_a_worker_says_otherwise(
    targets: TargetStore, database: Database
) -> None:
    first, second = await targets.record(TARGET), await targets.record(TARGET)
    assert first is not None
    assert second is not None
    assert first.description is second.description
    other = DESCRIPTION.model_copy(update={"qubits": 7})
    # Another process does, and nobody tells this one.
    await TargetStore(database).register([other], NOW, replace=True)
    third = await targets.record(TARGET)
    assert third is not None
    assert third.description == other


@pytest.mark.parametrize("status", [item for item in TargetStatus if item != "online"])
async def test_jobs_of_a_target_that_takes_no_work_are_not_claimed(
    targets: TargetStore, store: JobStore, status: TargetStatus
) -> None:
    await queued(store)
    await targets.found(TARGET, TargetState(status=status, message="cold"), NOW)
    assert await store.claims.claim(TARGET, "worker", 60, NOW) is None
    await targets.found(TARGET, TargetState(), NOW)
    assert await store.claims.claim(TARGET, "worker", 60, NOW) is not None


async def test_a_target_that_was_looked_at_by_no_worker_is_offline_until_one_does(
    database: Database, targets: TargetStore
) -> None:
    news = DESCRIPTION.model_copy(update={"name": "news"})
    for _ in range(2):
        await targets.register([news, DESCRIPTION], NOW, replace=True, attended=False)
        found = {item.name: item.state for item in await targets.records()}
        assert found[TARGET] == TargetState(), "it was known before"
        assert found["news"].sentence("news") == (
            "target news is offline: no worker has run for it yet"
        )
    await targets.register([news], NOW, replace=True)
    await targets.found("news", TargetState(), NOW)
    await targets.register([news], NOW, replace=True, attended=False)
    assert {item.name: item.state for item in await targets.records()}["news"] == TargetState()


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
    assert await store.publishing.say(held, Said(calibration_id="monday"))
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


on_sqlite = pytest.mark.parametrize("dialect", ["sqlite"])


@on_sqlite
async def test_all_are_listed_by_name(targets: TargetStore) -> None:
    first = DESCRIPTION.model_copy(update={"name": "a"})
    await targets.register([first], NOW, replace=False)
    assert await targets.all() == [first, DESCRIPTION]
    assert [record.name for record in await targets.records()] == ["a", TARGET]
    assert await targets.get("a") == first
    assert await targets.get("another") is None
    assert (await targets.record(TARGET)).description == DESCRIPTION  # type: ignore[union-attr]


async def test_a_target_that_cannot_be_read_takes_no_other_out_of_service(
    targets: TargetStore, database: Database
) -> None:
    other = DESCRIPTION.model_copy(update={"name": "other"})
    await targets.register([other], NOW, replace=True)
    async with database.write() as connection:
        spoiled = update(t.targets).where(t.targets.c.name == "other").values(description={"a": 1})
        await connection.execute(spoiled)
    assert [item.name for item in await targets.all()] == [TARGET]


@on_sqlite
@pytest.mark.parametrize(
    "write",
    [
        lambda targets: targets.register([DESCRIPTION], NOW, replace=True),
        lambda targets: targets.found(TARGET, TargetState(), NOW),
        lambda targets: targets.set_state(TARGET, TargetStatus.OFFLINE, None, None, "op"),
        lambda targets: targets.set_conformance(TARGET, {"passed": 1}, NOW),
        lambda targets: targets.calibrated(TARGET, MONDAY, present=True),
    ],
)
async def test_the_list_is_read_once_a_second_and_after_each_own_write(
    database: Database,
    targets: TargetStore,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[TargetStore], Awaitable[object]],
) -> None:
    now = 1000.0
    monkeypatch.setattr("quws.store.targets.monotonic", lambda: now)
    others = TargetStore(database)

    async def names() -> list[str]:
        return [record.name for record in await targets.records()]

    async def add(name: str) -> None:
        new = DESCRIPTION.model_copy(update={"name": name})
        await others.register([new], NOW, replace=False)

    assert await names() == [TARGET]
    await add("a")
    now = 1000.999
    assert await names() == [TARGET]
    now = 1001.0
    assert await names() == ["a", TARGET]
    await add("b")
    await write(targets)
    assert await names() == ["a", "b", TARGET]


@on_sqlite
async def test_where_there_is_none_yet_everybody_looks_again(database: Database) -> None:
    targets, others = TargetStore(database), TargetStore(database)
    assert await targets.records() == []
    await others.register([DESCRIPTION], NOW, replace=True)
    assert await targets.get(TARGET) == DESCRIPTION


@on_sqlite
async def test_an_operators_word_is_told_and_taken_back_as_a_whole(
    database: Database, targets: TargetStore
) -> None:
    until = await time_of(database) + timedelta(hours=1)
    warm = TargetState(status=TargetStatus.CALIBRATING, message="warm", until=until)
    await targets.found(TARGET, warm, NOW + timedelta(seconds=5))
    record = await targets.record(TARGET)
    assert record is not None
    assert (record.state, record.set_by, record.checked) == (warm, None, NOW + timedelta(seconds=5))
    assert await targets.set_state(TARGET, TargetStatus.RETIRED, "sold", until, "op")
    record = await targets.record(TARGET)
    assert record is not None
    sold = TargetState(status=TargetStatus.RETIRED, message="sold", until=until)
    assert (record.state, record.set_by) == (sold, "op")
    assert await targets.set_state(TARGET, TargetStatus.ONLINE, "x", until, "other")
    record = await targets.record(TARGET)
    assert record is not None
    assert (record.state, record.set_by) == (warm, None)
    async with database.read() as connection:
        row = (await connection.execute(select(t.targets))).one()
        assert (row.hold, row.hold_message, row.hold_until, row.hold_by) == (None,) * 4


@on_sqlite
async def test_calibrations_are_one_targets(targets: TargetStore) -> None:
    other = DESCRIPTION.model_copy(update={"name": "other"})
    await targets.register([other], NOW, replace=True)
    gates = [GateCalibration(gate="x", qubits=(0,), error=0.1, duration=1e-8)]
    full = MONDAY.model_copy(update={"gates": gates})
    await targets.calibrated("other", full, present=True)
    assert await targets.calibration("other", "monday") == full
    assert (await targets.record(TARGET)).calibration is None  # type: ignore[union-attr]
    assert await targets.calibrations(TARGET) == []
    assert await targets.calibration_time(TARGET, "monday") is None
    for name in ("b", "a"):
        same_time = Calibration(id=name, time=NOW)
        await targets.calibrated(TARGET, same_time, present=False)
    await targets.calibrated(TARGET, TUESDAY, present=False)
    assert [name for name, _ in await targets.calibrations(TARGET)] == ["tuesday", "a", "b"]
    assert [name for name, _ in await targets.calibrations(TARGET, limit=1)] == ["tuesday"]
    assert (await targets.record(TARGET)).calibration is None  # type: ignore[union-attr]


@on_sqlite
async def test_load_counts_what_waits_and_runs_of_each_target(
    targets: TargetStore, store: JobStore
) -> None:
    idle = DESCRIPTION.model_copy(update={"name": "idle"})
    await targets.register([idle], NOW, replace=True)
    handed = await claimed(store)
    await claimed(store)
    assert await store.publishing.hand_back(handed, entry())
    await queued(store)
    await added(store)
    await targets.sample_load(NOW, NOW)
    await targets.sample_load(later(60), NOW)
    assert await targets.load(TARGET, NOW) == [
        Load(time=time, waiting=2, running=1) for time in (NOW, later(60))
    ]
    assert await targets.load("idle", later(60)) == [Load(time=later(60), waiting=0, running=0)]
    await targets.sample_load(later(120), later(60))
    assert [item.time for item in await targets.load("idle", NOW)] == [later(60), later(120)]
