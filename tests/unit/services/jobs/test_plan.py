"""Planning a job: where it runs, what its worker gets, when it ends, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from house import ANNA, CIRCUIT, DESCRIPTION, FACTS, House, posted
from store_helpers import NOW, TARGET

from quws.domain.conformance import ConformanceRule
from quws.domain.errors import (
    InvalidCircuit,
    InvalidParameter,
    Refusal,
    Unavailable,
    UnknownTarget,
)
from quws.domain.options import RunOptions
from quws.domain.quotes import work_of
from quws.domain.targets import (
    Calibration,
    Feature,
    QubitCalibration,
    TargetDescription,
    TargetKind,
    TargetState,
    TargetStatus,
)
from quws.targets import Target
from quws.targets.base import CircuitResult, Compiled, Estimate, Progress

pytestmark = pytest.mark.anyio

DEVICE = TargetDescription(name="device", kind=TargetKind.HARDWARE, title="It", qubits=5)
MONDAY = Calibration(id="monday", time=NOW, qubits=[QubitCalibration(qubit=0, t1=5e-5)])


async def refused(house: House, *circuits: str, **values: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await house.jobs.planner.preview(ANNA, posted(*circuits, **values))
    return caught.value


async def test_what_is_posted_is_what_the_worker_gets(house: House) -> None:
    plan = await house.jobs.planner.preview(
        ANNA,
        posted(
            "first",
            "second",
            SHOTS="77",
            SEED="5",
            MEMORY="true",
            METHOD="statevector",
            RESPONSEFORMAT="csv",
            TAG="blue",
            METADATA='{"run": 3}',
            LANG="OPENQASM-3",
        ),
    )
    assert plan.target == DESCRIPTION
    assert house.checker.asked == [["first", "second"]]
    assert house.checker.limits == DESCRIPTION.circuit_limits
    assert plan.facts == [FACTS, FACTS]
    job = await house.submit("first", "second", SHOTS="77", SEED="5", MEMORY="true", TAG="blue")
    claim = await house.queue_and_claim(job)
    spec = claim.job.spec
    assert (spec.options.shots, spec.options.seed, spec.options.memory) == (77, 5, True)
    assert spec.tags == ["blue"]
    assert len(spec.facts) == claim.job.circuits == 2
    assert claim.job.work == work_of([FACTS, FACTS], 77)


async def test_a_seed_that_has_no_effect_is_told(house: House) -> None:
    seeded = DESCRIPTION.model_copy(update={"features": [*DESCRIPTION.features, Feature.SEED]})
    await house.register(seeded, DEVICE)
    said = "SEED has no effect on target device: its counts cannot be repeated"
    for values, message in (
        ({"TARGET": "device", "SEED": "5"}, said),
        ({"TARGET": "device"}, None),
        ({"SEED": "5", "TARGET": TARGET}, None),
    ):
        job = await house.submit(**values)
        assert (await house.timeline(job.id))[-1].message == message
    await house.jobs.change.set_parameters(ANNA, job.id, posted(TARGET="device")[1:])
    last = (await house.timeline(job.id))[-1]
    assert (last.status, last.message) == ("changed", said)


async def test_without_shots_and_target_the_policy_decides(house: House) -> None:
    await house.register(DESCRIPTION, DEVICE)
    jobs = house.service(target="device", shots=123)
    plan = await jobs.planner.preview(ANNA, posted())
    assert plan.target == DEVICE
    assert plan.request.options.shots == 123
    assert (await jobs.planner.preview(ANNA, posted(TARGET=TARGET))).target == DESCRIPTION


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"SHOTS": "5001"}, "SHOTS must be at most 5000 on target simulator, not 5001"),
        ({"METHOD": "magic"}, "METHOD must be one of auto, statevector on target simulator"),
        ({"DESTRUCTION": "2026-11-21T09:00:00Z"}, "DESTRUCTION must be in the future"),
        ({"COLOUR": "blue"}, "there is no parameter 'COLOUR'"),
    ],
)
async def test_what_is_beyond_the_target_is_refused(
    house: House, values: dict[str, str], said: str
) -> None:
    refusal = await refused(house, **values)
    assert isinstance(refusal, InvalidParameter)
    assert said in refusal.sentence
    assert refusal.parameter == next(iter(values))
    assert not house.checker.asked, "what is cheap to refuse is refused first"


async def test_limits_may_be_reached(house: House) -> None:
    plan = await house.jobs.planner.preview(
        ANNA, posted("a", "b", "c", SHOTS="5000", METHOD="auto")
    )
    assert len(plan.facts) == 3
    refusal = await refused(house, "a", "b", "c", "d")
    assert "CIRCUIT may be given at most 3 times on target simulator, not 4" in refusal.sentence
    assert refusal.parameter == "CIRCUIT"


async def test_what_the_target_has_not_is_refused(house: House) -> None:
    await house.register(DESCRIPTION, DEVICE)
    refusal = await refused(house, TARGET="device", NOISE="readout:p=0.1")
    assert "NOISE must be none on target device" in refusal.sentence
    assert (await refused(house, TARGET="device", MEMORY="true")).parameter == "MEMORY"
    house.checker.facts["middle"] = FACTS.model_copy(update={"mid_circuit": True})
    assert "mid-circuit measurement" in (await refused(house, "middle")).sentence
    assert isinstance(await refused(house, "no circuit"), InvalidCircuit)


# -- targets ------------------------------------------------------------------


async def test_an_unknown_target_is_refused_with_those_that_there_are(house: House) -> None:
    await house.register(DESCRIPTION, DEVICE)
    refusal = await refused(house, TARGET="nothing")
    assert isinstance(refusal, UnknownTarget)
    assert refusal.sentence == ("there is no target 'nothing'; TARGET may be: device, simulator")
    await house.targets.found("device", TargetState(status=TargetStatus.RETIRED), NOW)
    refusal = await refused(house, TARGET="device")
    assert isinstance(refusal, UnknownTarget)
    assert refusal.sentence == "target device is retired; TARGET may be: simulator"
    assert refusal.parameter == "TARGET"


async def test_a_target_that_is_away_for_a_while_takes_jobs(house: House) -> None:
    await house.targets.found(TARGET, TargetState(status=TargetStatus.OFFLINE), NOW)
    plan = await house.jobs.planner.preview(ANNA, posted())
    assert plan.target == DESCRIPTION
    assert plan.quote is None


async def test_a_target_whose_worker_starts_is_named_as_such(house: House) -> None:
    house.expected = frozenset({"early", TARGET})
    planner = house.service().planner
    with pytest.raises(Unavailable, match="target early has not told yet what it is") as caught:
        await planner.preview(ANNA, posted(TARGET="early"))
    assert caught.value.parameter == "TARGET"
    assert (await planner.preview(ANNA, posted())).target == DESCRIPTION


async def test_a_target_that_was_not_checked_takes_no_jobs(house: House) -> None:
    unchecked = DESCRIPTION.model_copy(update={"conformance_rule": ConformanceRule.REQUIRED})
    await house.register(unchecked)
    refusal = await refused(house)
    assert isinstance(refusal, Unavailable)
    assert "has not passed its conformance check yet" in refusal.sentence
    assert refusal.parameter == "TARGET"


# -- noise ----------------------------------------------------------------------


async def test_the_calibration_of_a_device_goes_with_the_job(house: House) -> None:
    await house.register(DESCRIPTION, DEVICE)
    refusal = await refused(house, NOISE="device:device")
    assert "NOISE names the device 'device', of which no calibration is known" in refusal.sentence
    assert refusal.sentence.endswith("there is none")
    assert refusal.parameter == "NOISE"
    await house.targets.calibrated("device", MONDAY, present=True)
    refusal = await refused(house, NOISE="device:other")
    assert refusal.sentence.endswith("a target that has one: device")
    job = await house.submit(NOISE="device:device")
    later = Calibration(id="tuesday", time=NOW + timedelta(days=1))
    await house.targets.calibrated("device", later, present=True)
    noise = (await house.job(job.id)).spec.stored()["noise"]
    assert noise["device"]["calibration"]["id"] == "monday", "it keeps the one of its creation"
    assert noise["device"]["calibration"]["qubits"][0]["t1"] == 5e-5


async def test_another_service_knows_devices_of_its_own(house: House) -> None:
    remote = DESCRIPTION.model_copy(update={"name": "there", "kind": TargetKind.REMOTE})
    await house.register(DESCRIPTION, remote)
    job = await house.submit(TARGET="there", NOISE="device:elsewhere")
    noise = (await house.job(job.id)).spec.stored()["noise"]
    assert noise == {"device": {"name": "elsewhere"}}


# -- predictions ------------------------------------------------------------------


class Slow(Target):
    """A target that takes a known time for each circuit."""

    def __init__(self, seconds: float) -> None:
        super().__init__(TARGET)
        self.seconds = seconds
        self.asked: list[RunOptions] = []

    def describe(self) -> TargetDescription:
        return DESCRIPTION

    def load(self) -> None: ...

    def run(self, compiled: Compiled, options: RunOptions, progress: Progress) -> CircuitResult:
        raise AssertionError("nothing is run when a job is planned")

    def estimate(self, facts: Any, options: RunOptions) -> Estimate | None:
        self.asked.append(options)
        return Estimate(self.seconds, self.seconds, self.seconds)


@pytest.mark.parametrize(
    ("seconds", "duration", "warned"),
    [(61.0, "60", True), (60.0, "60", False), (61.0, "0", False), (60_000.0, "60", True)],
)
async def test_a_duration_that_is_probably_too_short_is_warned_of(
    house: House, seconds: float, duration: str, warned: bool
) -> None:
    house.adapters[TARGET] = Slow(seconds)
    house.jobs = house.service()
    job = await house.submit(EXECUTIONDURATION=duration)
    received, validated = await house.timeline(job.id)
    assert (received.status, validated.status) == ("received", "validated")
    sentence = (
        f"it may take about {seconds:.0f} seconds, and would be stopped after 60"
        " (EXECUTIONDURATION)"
    )
    assert validated.message == (sentence if warned else None)


async def test_a_duration_that_is_certainly_too_short_is_refused(house: House) -> None:
    house.adapters[TARGET] = Slow(60_001.0)
    house.jobs = house.service()
    with pytest.raises(
        InvalidParameter, match="the job would take about 60000 seconds on"
    ) as caught:
        await house.submit(EXECUTIONDURATION="60")
    assert caught.value.parameter == "EXECUTIONDURATION"
    assert await house.jobs.reader.rows(ANNA, 10) == []


async def test_a_preview_says_when_a_job_would_be_done(house: House) -> None:
    assert (await house.jobs.planner.preview(ANNA, posted())).quote is None
    claim = await house.queue_and_claim(await house.submit())
    await house.complete(claim, seconds=8)
    plan = await house.jobs.planner.preview(ANNA, posted())
    assert plan.quote is not None
    assert plan.quote.at == NOW + timedelta(seconds=8)
    assert plan.cost_ms == 8000
    assert await house.jobs.reader.rows(ANNA, 10) != [], "but that was the job itself"
    assert len(await house.jobs.reader.rows(ANNA, 10)) == 1, "a preview makes none"
    assert CIRCUIT in house.checker.asked[-1]


async def test_who_wants_a_circuit_run_as_it_is_has_it_held_to_what_is_native(house: House) -> None:
    device = DEVICE.model_copy(
        update={
            "features": [Feature.COMPILING],
            "native_gates": ["r", "cz"],
            "coupling": [(0, 1)],
        }
    )
    await house.register(DESCRIPTION, device)
    await house.jobs.planner.preview(ANNA, posted(TARGET="device", OPTIMIZATION="2"))
    assert house.checker.native is None
    layout = ",".join(map(str, range(FACTS.qubits)))
    wanted = {"TARGET": "device", "OPTIMIZATION": "none", "INITIAL_LAYOUT": layout}
    await house.jobs.planner.preview(ANNA, posted(**wanted))
    assert house.checker.native == device.native(range(FACTS.qubits))
    assert house.checker.native is not None
    assert house.checker.native.gates == ("r", "cz")
    found = await refused(house, TARGET="device", INITIAL_LAYOUT="0,1,2,3,4")
    assert found.sentence.startswith("INITIAL_LAYOUT must name a qubit for each of the circuit")
