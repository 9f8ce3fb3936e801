"""How a target fares: inspected in a child, written down, and obeyed by the slots."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from scripted_children import Process, until
from store_helpers import NOW, TARGET
from worker_bench import Bench

from quws.bus.dispatcher import UnfitWorker
from quws.domain.clock import utc_now
from quws.domain.phases import Phase
from quws.domain.targets import (
    Calibration,
    TargetDescription,
    TargetKind,
    TargetRecord,
    TargetState,
    TargetStatus,
)
from quws.domain.timeslots import Timeslot, TimeslotRules
from quws.sandbox.messages import Inspect, Inspected, Note, NotInspected
from quws.store.database import StoreUnavailable
from quws.worker import health as health_module
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
    assert len(bench.children.processes) == (3 if script is dies else 1)


async def test_one_whose_process_is_killed_is_asked_again(bench: Bench) -> None:
    left = [dies, dies, says(inspected(bench))]

    async def script(process: Process) -> None:
        await left.pop(0)(process)

    bench.children.scripts[0] = script
    found = await recorded(bench)
    assert found is not None
    assert found.title == "Another title"
    assert (await record(bench)).state.status is not OFFLINE
    assert left == []


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
    await until(lambda: Phase.SUSPENDED in bench.bus.phases)
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


async def test_a_simulator_that_could_not_be_asked_is_asked_again_until_it_can(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "_GLANCE_SECONDS", 0.01)
    bench.children.scripts[0] = says(inspected(bench))
    await bench.place.targets.found(TARGET, TargetState(status=OFFLINE, message="hung"), NOW)
    target = bench.target.model_copy(update={"kind": TargetKind.SIMULATOR})
    health = TargetHealth(bench.place, target, bench.slots(), check_seconds=0.01)
    task = asyncio.create_task(health.run())
    # Work is called for once it is back.
    await until(lambda: bench.bus.hints == [TARGET])
    asked = len(bench.children.processes)
    # An operator's word is no reason to ask.
    await bench.place.targets.set_state(TARGET, OFFLINE, "holidays", None, "root")
    await asyncio.sleep(0.2)
    assert len(bench.children.processes) == asked
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_worker_in_trouble_says_so_until_it_is_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "_GLANCE_SECONDS", 0.01)
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


async def test_what_it_is_now_holds_for_the_jobs_to_come(bench: Bench) -> None:
    limits = bench.target.circuit_limits.model_copy(update={"qubits": 3})
    now = bench.target.model_copy(update={"circuit_limits": limits})
    bench.children.scripts[0] = says(
        Inspected(description=now, state=TargetState(), calibration=None)
    )
    slots = bench.slots()
    await TargetHealth(bench.place, bench.target, slots, check_seconds=30).inspect()
    assert slots._target == now
    # What is not known this time is as it was.
    bench.children.scripts[0] = dies
    await TargetHealth(bench.place, bench.target, slots, check_seconds=30).inspect()
    assert slots._target == now


async def test_without_a_calibration_the_last_one_stays(bench: Bench) -> None:
    bench.children.scripts[0] = says(inspected(bench))
    await recorded(bench)
    bench.children.scripts[0] = says(
        Inspected(description=bench.target, state=TargetState(), calibration=None)
    )
    await recorded(bench)
    assert (await record(bench)).calibration == "c1"


async def test_of_a_target_that_nobody_knows_there_is_nothing_to_see(bench: Bench) -> None:
    bench = bench.with_place(target="unknown")
    bench.children.scripts[0] = dies
    health = health_of(bench)
    await health.glance()
    assert bench.bus.hints == []
    assert await health.inspect() == 30.0


async def test_it_is_looked_after_whatever_happens(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "_GLANCE_SECONDS", 0.01)
    target = bench.target.model_copy(update={"kind": TargetKind.HARDWARE})
    health = TargetHealth(bench.place, target, bench.slots(), check_seconds=0.01)
    calls = {"glance": 0, "inspect": 0}

    def troubled(name: str):  # type: ignore[no-untyped-def]
        troubles: list[Exception] = [StoreUnavailable("it is away"), RuntimeError("ours")]

        async def work() -> float:
            if troubles:
                raise troubles.pop(0)
            calls[name] += 1
            return 0.01

        return work

    for name in calls:
        monkeypatch.setattr(health, name, troubled(name))
    task = asyncio.create_task(health.run())
    await until(lambda: min(calls.values()) >= 2)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_next_inspection_is_when_the_last_one_said(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = bench.target.model_copy(update={"kind": TargetKind.HARDWARE})
    health = TargetHealth(bench.place, target, bench.slots(), check_seconds=30)
    answers: list[float | Exception] = [5.0, StoreUnavailable("it is away"), 7.0]
    pauses: list[float] = []

    async def inspect() -> float:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    class Enough(BaseException):
        pass

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            raise Enough

    class Loop:
        pass

    Loop.sleep = staticmethod(sleep)  # type: ignore[attr-defined]
    monkeypatch.setattr(health, "inspect", inspect)
    monkeypatch.setattr(health_module, "asyncio", Loop)
    with pytest.raises(Enough):
        await health._inspect_often()
    # After one that failed it is its usual turn.
    assert pauses == [30, 5.0, 30, 7.0]


async def test_jobs_run_in_timeslots_of_their_owners_and_end_with_these(bench: Bench) -> None:
    async def forever(process: Process) -> None:
        await process.hear()
        await process.killed.wait()

    bench.children.scripts[0] = forever
    bench.target = bench.target.model_copy(update={"timeslots": TimeslotRules()})
    slots = bench.slots(slots=2)
    health = TargetHealth(bench.place, bench.target, slots, check_seconds=30)
    annas = await bench.queue(owner="anna", timeslot=True)
    berts = await bench.queue(owner="bert")
    assert await slots.hint()
    await health.glance()
    assert await bench.phase(berts.id) is Phase.EXECUTING
    assert await bench.phase(annas.id) is Phase.QUEUED

    now = utc_now()
    booked = Timeslot("1", TARGET, "anna", now - timedelta(minutes=1), now + timedelta(hours=1))
    assert await bench.jobs.timeslots.book(booked, now, 9) is None
    await health.glance()
    await until(lambda: berts.id not in {held.id for held in slots._held})
    sentences = await bench.sentences(berts.id)
    assert "a timeslot of another owner has begun; it goes on after that" in sentences
    assert bench.bus.hints[-1] == TARGET
    await slots.hint()
    assert await bench.phase(annas.id) is Phase.EXECUTING
    assert await bench.phase(berts.id) is Phase.SUSPENDED

    await bench.jobs.timeslots.cancel("1")
    await health.glance()
    await until(lambda: annas.id not in {held.id for held in slots._held})
    sentences = await bench.sentences(annas.id)
    assert "the timeslot of its owner is over; it goes on in the next one" in sentences
    assert await bench.phase(annas.id) is Phase.SUSPENDED
    await slots.drain(0)
