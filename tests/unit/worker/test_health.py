"""How a target fares: inspected in a child, written down, and obeyed by the slots."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from scripted_children import Process, until
from store_helpers import NOW, TARGET
from worker_bench import Bench

from quws.bus.dispatcher import UnfitWorker
from quws.domain.phases import Phase
from quws.domain.targets import (
    Calibration,
    TargetDescription,
    TargetKind,
    TargetRecord,
    TargetState,
    TargetStatus,
)
from quws.sandbox.messages import Inspect, Inspected, Note, NotInspected
from quws.worker import health as module
from quws.worker import inspection
from quws.worker.health import TargetHealth
from quws.worker.inspection import InspectionFailed, inspect, record_inspection

pytestmark = pytest.mark.anyio

CALIBRATION = Calibration(id="c1", time=NOW)
ONLINE, OFFLINE = TargetStatus.ONLINE, TargetStatus.OFFLINE


def says(message: Inspected | NotInspected | Note):  # type: ignore[no-untyped-def]
    async def script(process: Process) -> None:
        assert isinstance(await process.hear(), Inspect)
        process.say(message)
        await process.killed.wait()

    return script


def inspected(
    bench: Bench, state: TargetState | None = None, *, title: str = "Another title"
) -> Inspected:
    return Inspected(
        description=bench.target.model_copy(update={"title": title}),
        state=state or TargetState(),
        calibration=CALIBRATION,
    )


async def record(bench: Bench) -> TargetRecord:
    found = await bench.place.targets.record(TARGET)
    assert found is not None
    return found


async def recorded(bench: Bench) -> TargetDescription | None:
    place = bench.place
    return await record_inspection(place.children, place.targets, TARGET, lambda: NOW)


async def test_what_a_target_says_is_written_down(bench: Bench) -> None:
    state = TargetState(status=OFFLINE, message="it is cold")
    bench.children.scripts[0] = says(inspected(bench, state))
    found = await recorded(bench)
    assert found is not None
    assert found.title == "Another title"
    written = await record(bench)
    assert (written.description.title, written.state) == ("Another title", state)
    assert written.calibration == "c1"
    assert written.checked == NOW
    assert bench.children.processes[0].killed.is_set()


async def dies(process: Process) -> None:
    await process.hear()
    process.end(1)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (says(NotInspected(why="it has no licence")), "it has no licence"),
        (dies, "its process died: it ended with status 1"),
        (says(Note(sentence="hello")), "a message at the wrong time: note"),
    ],
)
async def test_one_that_cannot_be_asked_is_offline_and_what_it_was(
    bench: Bench, script: object, why: str
) -> None:
    bench.children.scripts[0] = script  # type: ignore[assignment]
    found = await recorded(bench)
    assert found == bench.target
    assert (await record(bench)).state == TargetState(
        status=OFFLINE, message=f"it cannot be asked: {why}"
    )


async def test_one_without_children_is_offline(bench: Bench) -> None:
    bench.children.scarce = "the interpreter is gone"
    await recorded(bench)
    assert (await record(bench)).state.message == "it cannot be asked: the interpreter is gone"


async def test_one_that_nobody_knows_stays_unknown(bench: Bench) -> None:
    bench.children.scripts[0] = dies
    place = bench.place
    assert await record_inspection(place.children, place.targets, "new", lambda: NOW) is None


async def test_one_that_hangs_is_not_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(process: Process) -> None:
        await process.killed.wait()

    monkeypatch.setattr(inspection, "_SECONDS", 2.0)
    bench.children.scripts[0] = hangs
    with pytest.raises(InspectionFailed, match="did not answer within 2 seconds"):
        await inspect(bench.place.children)
    await until(bench.children.processes[0].killed.is_set)


def health_of(bench: Bench, check_seconds: float = 30.0) -> TargetHealth:
    return TargetHealth(bench.place, bench.target, bench.slots(), check_seconds=check_seconds)


async def test_jobs_stop_when_the_target_goes_offline(bench: Bench) -> None:
    async def forever(process: Process) -> None:
        await process.hear()
        await process.killed.wait()

    bench.children.scripts[0] = forever
    slots = bench.slots()
    health = TargetHealth(bench.place, bench.target, slots, check_seconds=30)
    job = await bench.queue()
    assert await slots.hint()
    await health.glance()
    assert await bench.phase(job.id) is Phase.EXECUTING
    await bench.place.targets.found(TARGET, TargetState(status=OFFLINE, message="cold"), NOW)
    await health.glance()
    await until(lambda: bench.bus.phases[-1] is Phase.SUSPENDED)
    assert "target simulator is offline: cold" in await bench.sentences(job.id)
    await slots.drain(0)


async def test_jobs_elsewhere_go_on_when_the_target_goes_offline(bench: Bench) -> None:
    async def forever(process: Process) -> None:
        await process.hear()
        await process.killed.wait()

    bench = bench.with_place(remote=True)
    bench.children.scripts[0] = forever
    slots = bench.slots()
    health = TargetHealth(bench.place, bench.target, slots, check_seconds=30)
    job = await bench.queue()
    assert await slots.hint()
    await bench.place.targets.found(TARGET, TargetState(status=OFFLINE), NOW)
    await health.glance()
    await asyncio.sleep(0.1)
    assert await bench.phase(job.id) is Phase.EXECUTING
    await slots.drain(0)


async def test_workers_are_woken_when_the_target_is_back(bench: Bench) -> None:
    health = health_of(bench)
    await health.glance()
    assert bench.bus.hints == []
    await bench.place.targets.found(TARGET, TargetState(status=TargetStatus.CALIBRATING), NOW)
    await health.glance()
    await bench.place.targets.found(TARGET, TargetState(), NOW)
    await health.glance()
    await health.glance()
    assert bench.bus.hints == [TARGET]


@pytest.mark.parametrize(
    ("until_", "pause"),
    [
        (None, 30.0),
        (timedelta(seconds=12), 12.0),
        (timedelta(hours=1), 30.0),
        (timedelta(0), 1.0),
    ],
)
async def test_it_is_asked_again_when_it_is_expected_back(
    bench: Bench, until_: timedelta | None, pause: float
) -> None:
    bench = bench.with_place(clock=lambda: NOW)
    state = TargetState(status=OFFLINE, until=None if until_ is None else NOW + until_)
    bench.children.scripts[0] = says(inspected(bench, state))
    assert await health_of(bench).inspect() == pause


async def test_hardware_is_inspected_again_and_again_and_a_simulator_never(bench: Bench) -> None:
    bench.children.scripts[0] = says(inspected(bench))
    for kind, least in ((TargetKind.SIMULATOR, 0), (TargetKind.HARDWARE, 2)):
        target = bench.target.model_copy(update={"kind": kind})
        health = TargetHealth(bench.place, target, bench.slots(), check_seconds=0.01)
        task = asyncio.create_task(health.run())
        if least:
            await until(lambda: len(bench.children.processes) >= 2)
        else:
            await asyncio.sleep(0.2)
            assert bench.children.processes == []
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_worker_in_trouble_says_so_until_it_is_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GLANCE_SECONDS", 0.01)
    slots = bench.slots()
    health = TargetHealth(bench.place, bench.target, slots, check_seconds=30)
    task = asyncio.create_task(health.run())
    await asyncio.sleep(0.05)
    assert bench.bus.unfit == []
    slots.trouble = "the disk is full"
    await until(lambda: len(bench.bus.unfit) >= 3)
    assert set(bench.bus.unfit) == {UnfitWorker(TARGET, "worker-1", "the disk is full")}
    slots.trouble = None
    told = len(bench.bus.unfit)
    await asyncio.sleep(0.05)
    assert len(bench.bus.unfit) <= told + 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
