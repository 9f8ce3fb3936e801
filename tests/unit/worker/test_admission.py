"""Whether a target may get jobs: at once, after its conformance circuits, or after an operator."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from scripted_children import until
from store_helpers import NOW, TARGET
from tiny_device import TinyDevice
from worker_bench import Bench

from quws.domain.circuits import CircuitLimits
from quws.domain.conformance import ConformanceReport, ConformanceRule, Verdict
from quws.domain.targets import (
    Feature,
    TargetDescription,
    TargetRecord,
    TargetState,
    TargetStatus,
)
from quws.sandbox.messages import Inspected
from quws.worker import admission
from quws.worker.admission import ensure_conformance
from quws.worker.conformance import Conformance

pytestmark = pytest.mark.anyio

ONLINE, OFFLINE = TargetStatus.ONLINE, TargetStatus.OFFLINE
AUTOMATIC, REQUIRED, NONE = ConformanceRule


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_LOOK_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(admission, "_FIRST_PAUSE_SECONDS", 0.01)


async def described(bench: Bench, rule: ConformanceRule, **changes: Any) -> TargetDescription:
    """Make the target one with this rule."""
    changes = {
        "conformance_rule": rule,
        "features": [Feature.MEMORY],
        "circuit_limits": CircuitLimits(qubits=2),
    } | changes
    description = bench.target.model_copy(update=changes)
    await bench.place.targets.register([description], NOW, replace=True)
    return description


async def record(bench: Bench) -> TargetRecord:
    found = await bench.place.targets.record(TARGET)
    assert found is not None
    return found


async def admitted(bench: Bench, description: TargetDescription) -> TargetDescription:
    place = bench.place
    async with asyncio.timeout(60):
        return await ensure_conformance(
            place.children, place.readers, place.targets, description, lambda: NOW
        )


async def report(bench: Bench, description: TargetDescription, outcome: Verdict) -> None:
    """Write down what an operator's run of the circuits has found."""
    found = ConformanceReport(
        target=TARGET,
        time=NOW,
        fingerprint=description.fingerprint,
        quick=False,
        seconds=1.0,
        checks=[{"name": "flips", "title": "Flips", "outcome": outcome, "message": "mixed up"}],  # type: ignore[list-item]
    )
    await bench.place.targets.set_conformance(TARGET, found.model_dump(mode="json"), NOW)


async def test_one_that_nobody_knows_is_what_it_says(bench: Bench) -> None:
    other = bench.target.model_copy(update={"name": "other"})
    assert await admitted(bench, other) is other


async def test_one_that_need_not_pass_is_admitted_as_it_is_now(bench: Bench) -> None:
    now = await described(bench, NONE, title="Another title")
    assert await admitted(bench, bench.target) == now
    assert bench.children.processes == []
    assert (await record(bench)).conformance is None


@pytest.mark.parametrize("rule", [AUTOMATIC, REQUIRED])
async def test_one_that_has_passed_need_not_pass_again(bench: Bench, rule: ConformanceRule) -> None:
    description = await described(bench, rule)
    await report(bench, description, Verdict.PASSED)
    assert await admitted(bench, description) == description
    assert bench.children.processes == []
    assert (await record(bench)).state == TargetState()


async def test_the_worker_runs_the_circuits_where_that_is_left_to_it(bench: Bench) -> None:
    description = await described(bench, AUTOMATIC)
    device = bench.children.scripts[0] = TinyDevice()
    assert await admitted(bench, description) == description
    known = await record(bench)
    assert known.report is not None
    assert known.report.passed
    assert (known.report.quick, known.report.time, known.conformance_time) == (True, NOW, NOW)
    assert known.state == TargetState()
    # Nothing was to be mended, so it is not asked anew how it is.
    assert len(device.jobs) == len(bench.children.processes) - 1


async def test_it_runs_them_again_if_the_target_has_changed(bench: Bench) -> None:
    await report(bench, await described(bench, AUTOMATIC), Verdict.PASSED)
    description = await described(bench, AUTOMATIC, title="Another title")
    device = bench.children.scripts[0] = TinyDevice()
    assert await admitted(bench, description) == description
    assert device.jobs


async def test_one_that_fails_is_offline_and_tried_again(bench: Bench) -> None:
    description = await described(bench, AUTOMATIC)
    cold = True
    device = bench.children.scripts[0] = TinyDevice(fails=lambda _: "it is cold" if cold else None)
    device.inspected = Inspected(description=description, state=TargetState(), calibration=None)
    waiting = asyncio.create_task(admitted(bench, description))
    await until(lambda: len(device.jobs) > 12)
    await until(lambda: is_offline(bench))
    state = (await record(bench)).state
    assert state.message is not None
    assert state.message.startswith(f"target {TARGET} has failed its conformance check (A flip of")
    assert "it is cold" in state.message
    assert not waiting.done()
    cold = False
    assert await waiting == description
    # It is asked how it is, since only the check had made it offline.
    assert (await record(bench)).state == TargetState()


async def is_offline(bench: Bench) -> bool:
    return (await record(bench)).state.status is OFFLINE


async def test_between_two_tries_there_is_more_and_more_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    description = await described(bench, AUTOMATIC)
    now = 1000.0
    tries: list[float] = []
    run = Conformance.run

    async def timed(self: Conformance) -> ConformanceReport:
        tries.append(now)
        return await run(self)

    async def passes(seconds: float) -> None:
        nonlocal now
        now += seconds

    class Time:
        monotonic = staticmethod(lambda: now)

    class Loop:
        sleep = staticmethod(passes)

    monkeypatch.setattr(Conformance, "run", timed)
    monkeypatch.setattr(admission, "time", Time)
    monkeypatch.setattr(admission, "asyncio", Loop)
    monkeypatch.setattr(admission, "_LOOK_AGAIN_SECONDS", 2.0)
    monkeypatch.setattr(admission, "_FIRST_PAUSE_SECONDS", 10.0)
    device = TinyDevice(fails=lambda _: "it is cold" if len(tries) < 4 else None)
    device.inspected = Inspected(description=description, state=TargetState(), calibration=None)
    bench.children.scripts[0] = device
    assert await admitted(bench, description) == description
    assert tries == [1000.0, 1010.0, 1030.0, 1070.0]


async def test_without_children_it_is_tried_again(bench: Bench) -> None:
    description = await described(bench, AUTOMATIC)
    device = bench.children.scripts[0] = TinyDevice()
    bench.children.scarce = "the interpreter is gone"
    waiting = asyncio.create_task(admitted(bench, description))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    assert (await record(bench)).conformance is None
    bench.children.scarce = None
    assert await waiting == description
    assert device.jobs


async def test_one_that_an_operator_must_check_waits_for_that(bench: Bench) -> None:
    description = await described(bench, REQUIRED)
    device = bench.children.scripts[0] = TinyDevice()
    device.inspected = Inspected(description=description, state=TargetState(), calibration=None)
    waiting = asyncio.create_task(admitted(bench, description))
    await until(lambda: is_offline(bench))
    not_yet = (
        f"target {TARGET} has not passed its conformance check yet;"
        f" the operator must run 'quws targets check {TARGET}'"
    )
    assert (await record(bench)).state == TargetState(status=OFFLINE, message=not_yet)
    await report(bench, description, Verdict.FAILED)

    async def failed() -> bool:
        return "has failed" in ((await record(bench)).state.message or "")

    await until(failed)
    assert not waiting.done()
    assert device.jobs == []
    await report(bench, description, Verdict.PASSED)
    assert await waiting == description
    assert (await record(bench)).state == TargetState()


async def test_why_it_is_offline_is_written_once(bench: Bench) -> None:
    description = await described(bench, REQUIRED)
    waiting = asyncio.create_task(admitted(bench, description))
    await until(lambda: is_offline(bench))
    # What the operator's check says of it meanwhile stays.
    warm = TargetState(status=OFFLINE, message="warming up")
    await bench.place.targets.found(TARGET, warm, NOW)
    await asyncio.sleep(0.1)
    assert (await record(bench)).state == warm
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
