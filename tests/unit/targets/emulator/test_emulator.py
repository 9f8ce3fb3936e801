"""The emulated device: physics, clock, calibrations and windows, without waiting for them."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime, timedelta
from statistics import mean
from typing import Any

import pytest
from qiskit import qasm3

from quws.circuits.parse import parse
from quws.domain.circuits import CircuitFacts
from quws.domain.errors import InvalidCircuit, InvalidParameter
from quws.domain.noise import Depolarizing, Noise
from quws.domain.options import RunOptions
from quws.domain.targets import TargetStatus
from quws.targets.base import CircuitResult, Compiled
from quws.targets.emulator import Emulator
from quws.targets.emulator.device import own_device, own_devices
from quws.targets.emulator.drift import calibrated
from quws.targets.emulator.schedule import Schedule

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
FAST = {"speed": 1e6, "overhead": 0.0}


def loaded(**options: object) -> Emulator:
    emulator = Emulator("qpu", **(FAST | options))  # type: ignore[arg-type]
    emulator.load()
    return emulator


@pytest.fixture(scope="module")
def star() -> Emulator:
    return loaded(device="bluebell-5")


def compiled(emulator: Emulator, body: str, shots: int = 1000) -> tuple[Compiled, CircuitFacts]:
    source = f'OPENQASM 3.0; include "stdgates.inc"; {body}'
    circuit, facts = parse(source, None, emulator.describe().circuit_limits)
    return emulator.compile(circuit, RunOptions(shots=shots)), facts


def run(emulator: Emulator, body: str, shots: int = 1000, seed: int | None = 7) -> CircuitResult:
    options = RunOptions(shots=shots, seed=seed, memory=True)
    return emulator.run(compiled(emulator, body, shots)[0], options, lambda *_: None)


# -- devices ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", own_devices())
def test_devices_are_physical_and_whole(name: str) -> None:
    device = own_device(name)
    assert [item.qubit for item in device.qubits] == list(range(len(device.qubits)))
    for item in device.qubits:
        assert item.t1 is not None and item.t2 is not None and item.readout_error is not None
        assert 0 < item.t2 <= 2 * item.t1 < 1e-2
        assert 0 < item.readout_error < 0.2
    reached, more = {0}, [0]
    while more:
        here = more.pop()
        for pair in device.coupling:
            if here in pair:
                there = pair[0] + pair[1] - here
                if there not in reached:
                    reached.add(there)
                    more.append(there)
    assert len(reached) == len(device.qubits), "all qubits can be joined"


@pytest.mark.parametrize("device", [*own_devices(), "generic:6"])
def test_bits_are_where_they_belong_on_every_device(device: str) -> None:
    emulator = loaded(device=device, noise="none")
    found = run(
        emulator,
        # Needs routing, and register, bit and qubit differ.
        "qubit[5] q; bit[2] a; bit[3] b; x q[0]; cx q[0], q[4]; cx q[4], q[1]; cx q[1], q[3];"
        " x q[0]; a[1] = measure q[3]; b[0] = measure q[4]; b[2] = measure q[0];",
    )
    assert found.counts == {"001 10": 1000}
    assert found.memory == ["001 10"] * 1000


def test_control_flow_is_routed_and_narrowed() -> None:
    emulator = loaded(device="bramble-27", noise="none")
    found = run(
        emulator,
        "qubit[4] q; bit[4] c; x q[0]; c[0] = measure q[0];"
        " if (c[0]) { cx q[0], q[3]; cx q[3], q[2]; cx q[1], q[3]; } else { x q[1]; }"
        " for int i in [1:3] { c[i] = measure q[i]; }",
    )
    assert found.counts == {"1101": 1000}


def test_a_device_that_nobody_knows() -> None:
    with pytest.raises(ValueError, match="no device 'nessie'; quws has bluebell-5"):
        Emulator("qpu", device="nessie")
    with pytest.raises(ValueError, match="needs the package"):
        Emulator("qpu", device="iqm:IQMFakeNessie").load()


# -- compiling ----------------------------------------------------------------------------------

LINE = "qubit[3] q; bit[3] c; h q[0]; cx q[0], q[1]; cx q[1], q[2]; c = measure q;"


def compiled_with(emulator: Emulator, source: str, **options: Any) -> Compiled:
    circuit, _ = parse(source, None, emulator.describe().circuit_limits)
    return emulator.compile(circuit, RunOptions(**({"shots": 100} | options)))


def test_how_it_is_compiled_can_be_chosen(star: Emulator) -> None:
    source = f'OPENQASM 3.0; include "stdgates.inc"; {LINE}'
    plain, hard = (compiled_with(star, source, optimization=level) for level in (None, "3"))
    assert (plain.optimization, hard.optimization) == ("1", "3")
    lazy = compiled_with(star, source, optimization="0")
    assert lazy.circuit.size() > plain.circuit.size()
    assert lazy.fidelity is not None and plain.fidelity is not None
    assert 0.5 < lazy.fidelity < plain.fidelity < 1
    assert plain.shot_seconds == star.device.timing.shot(plain.circuit)
    mapped = compiled_with(star, source, initial_layout=[0, 2, 4], optimization="0")
    assert mapped.layout == [0, 2, 4]
    assert compiled_with(star, source, optimization="3", seed=9).circuit == hard.circuit
    with pytest.raises(InvalidCircuit, match="cannot be compiled"):
        compiled_with(star, source, initial_layout=[0, 2])


def test_what_was_compiled_can_be_run_as_it_is(star: Emulator) -> None:
    source = f'OPENQASM 3.0; include "stdgates.inc"; {LINE}'
    made = compiled_with(star, source, optimization="2")
    again = compiled_with(star, qasm3.dumps(made.circuit), optimization="none", seed=3)
    assert [(item.name, item.params) for item in again.circuit.data] == [
        (item.name, pytest.approx(item.params)) for item in made.circuit.data
    ]
    assert again.optimization == "none" and again.seed is None
    options = RunOptions(shots=500, seed=3)
    assert (
        star.run(again, options, lambda *_: None).counts
        == star.run(made, options, lambda *_: None).counts
    )


def test_as_it_is_a_circuit_must_be_the_device_s(star: Emulator) -> None:
    head = 'OPENQASM 3.0; include "stdgates.inc"; qubit[3] q; bit[3] c; '
    found = compiled_with(
        star, f"{head}cz q[0], q[2]; c = measure q;", optimization="none", initial_layout=[2, 1, 0]
    )
    places = [found.circuit.find_bit(bit).index for bit in found.circuit.data[0].qubits]
    # A gate that does the same both ways is put as the device has it.
    assert (places, found.layout) == ([0, 2], [2, 1, 0])
    for body, sentence in (
        ("x q[0];", "no 'x' on its qubit 0;"),
        ("cz q[0], q[1];", "no 'cz' on its qubits 0 and 1;"),
        ("if (c[0]) { cz q[1], q[0]; }", "no 'cz' on its qubits 1 and 0;"),
    ):
        with pytest.raises(InvalidCircuit, match=sentence):
            compiled_with(star, head + body, optimization="none")


# -- noise --------------------------------------------------------------------------------------


def test_waiting_costs_coherence(star: Emulator) -> None:
    t1 = star.calibration().qubits
    source = "qubit[1] q; bit[1] c; x q[0]; delay[{}us] q[0]; c = measure q;"
    at_once = run(star, source.format(0), 4000).counts["1"] / 4000
    later = run(star, source.format(40), 4000)
    place = compiled(star, source.format(40))[0].layout
    assert place is not None
    kept = math.exp(-40e-6 / (t1[place[0]].t1 or 1))
    wrong = t1[place[0]].readout_error or 0
    assert later.counts["1"] / 4000 == pytest.approx(
        kept * (1 - wrong) + (1 - kept) * wrong, abs=0.03
    )
    assert at_once > 0.85


def test_errors_are_those_of_the_calibration(star: Emulator) -> None:
    noisy = run(star, "qubit[1] q; bit[1] c; c = measure q;", 10_000).counts
    layout = compiled(star, "qubit[1] q; bit[1] c; c = measure q;")[0].layout
    assert layout is not None
    wrong = star.calibration().qubits[layout[0]].readout_error
    assert noisy["1"] / 10_000 == pytest.approx(wrong, abs=0.015)


def test_same_seed_same_counts(star: Emulator) -> None:
    body = "qubit[3] q; bit[3] c; h q[0]; cx q[0], q[1]; cx q[1], q[2]; c = measure q;"
    assert run(star, body).counts == run(star, body).counts
    assert run(star, body).counts != run(star, body, seed=8).counts


def test_wide_circuits_are_approximate_and_say_so() -> None:
    emulator = loaded(device="heather-20", noise="none")
    body = "qubit[20] q; bit[20] c; h q[0]; for int i in [0:18] { cx q[i], q[i+1]; } c = measure q;"
    found = run(emulator, body, 100)
    assert set(found.counts) == {"0" * 20, "1" * 20}
    assert found.approximate is not None


# -- the clock ----------------------------------------------------------------------------------


def test_a_shot_takes_its_longest_chain() -> None:
    emulator = loaded(device="bluebell-5")
    timing = emulator.device.timing
    readout = emulator.device.qubits[0].readout_duration or 0.0

    def shot(body: str) -> float:
        return timing.shot(compiled(emulator, body)[0].circuit)

    plain = shot("qubit[2] q; bit[2] c; c = measure q;")
    assert plain == pytest.approx(readout)
    # Side by side, not one after the other.
    assert shot("qubit[2] q; bit[2] c; delay[4ms] q; c = measure q;") == pytest.approx(
        4e-3 + readout
    )
    assert shot(
        "qubit[2] q; bit[2] c; delay[1ms] q[0]; barrier q; delay[3ms] q[1]; c = measure q;"
    ) == pytest.approx(4e-3 + readout)
    assert shot(
        "qubit[2] q; bit[2] c; c[0] = measure q[0]; if (c[0]) { delay[2ms] q[1]; }"
        " c[1] = measure q[1];"
    ) == pytest.approx(2e-3 + 2 * readout)
    assert shot("qubit[1] q; bit[1] c; delay[5s] q[0]; c = measure q;") == pytest.approx(5, 1e-3)
    assert shot("qubit[1] q; bit[1] c; delay[100dt] q[0]; c = measure q;") == pytest.approx(
        readout + 100e-9
    )


def test_a_delay_in_units_that_the_device_has_not() -> None:
    emulator = loaded(device="bluebell-5")
    device = emulator.device.model_copy(update={"dt": None})
    circuit, _ = parse(
        'OPENQASM 3.0; include "stdgates.inc"; qubit q; bit c; delay[9dt] q; c = measure q;',
        None,
        emulator.describe().circuit_limits,
    )
    with pytest.raises(InvalidCircuit, match="has no dt"):
        device.timing.shot(circuit)


def test_the_estimate_holds_the_run_time() -> None:
    emulator = loaded(device="bluebell-5", speed=1.0)
    body = (
        "qubit[4] q; bit[4] c; h q[0]; cx q[0], q[1]; cx q[1], q[3]; delay[1ms] q[0];"
        " c = measure q;"
    )
    found, facts = compiled(emulator, body, 2000)
    estimate = emulator.estimate(facts, RunOptions(shots=2000))
    seconds = 2000 * (emulator.device.timing.shot(found.circuit) + 100e-6)
    assert estimate is not None
    assert estimate.low <= seconds <= estimate.high
    assert estimate.seconds == pytest.approx(seconds, rel=0.01)


def test_what_the_device_decides_cannot_be_chosen(star: Emulator) -> None:
    _, facts = compiled(star, "qubit q; bit c; c = measure q;")
    with pytest.raises(InvalidParameter, match="METHOD"):
        star.check(facts, RunOptions(shots=1, method="stim"))
    with pytest.raises(InvalidParameter, match="NOISE"):
        star.check(facts, RunOptions(shots=1, noise=Noise(depolarizing=Depolarizing(p=0.1))))


# -- calibrations and windows --------------------------------------------------------------------


def test_calibrations_wander_around_their_means_the_same_each_time() -> None:
    device = own_device("bluebell-5")
    history = [calibrated(device, 3, number, NOW, 1.0) for number in range(400)]
    assert history[5] == calibrated(device, 3, 5, NOW, 1.0)
    assert history[5].id != calibrated(device, 4, 5, NOW, 1.0).id
    assert len({item.id for item in history}) == 400
    t1 = [item.qubits[0].t1 or 0.0 for item in history]
    nominal = device.qubits[0].t1 or 0.0
    assert mean(t1) == pytest.approx(nominal, rel=0.1)
    steps = mean(abs(one - other) for one, other in itertools.pairwise(t1))
    spread = mean(abs(one - nominal) for one in t1)
    assert 0 < steps < spread, "what is near in time is alike"
    assert all(
        (qubit.t2 or 0.0) <= 2 * (qubit.t1 or 0.0) for item in history for qubit in item.qubits
    )
    still = calibrated(device, 3, 9, NOW, 0.0)
    assert still.qubits == device.qubits


def test_the_present_calibration_is_that_of_its_time() -> None:
    emulator = Emulator("qpu", seed=1, **FAST)  # type: ignore[arg-type]
    emulator.clock = (NOW + timedelta(minutes=59)).timestamp
    before = emulator.calibration()
    assert before.time == NOW
    emulator.clock = (NOW + timedelta(minutes=60)).timestamp
    after = emulator.calibration()
    assert after.time == NOW + timedelta(hours=1)
    assert after.id != before.id


def test_windows_open_and_close() -> None:
    schedule = Schedule(
        [
            {"status": "calibrating", "every": 3600, "lasts": 300},
            {
                "status": "maintenance",
                "from": NOW + timedelta(minutes=10),
                "until": "2026-12-01T10:20:00Z",
                "message": "new fridge",
            },
        ]
    )
    calibrating = schedule.state(NOW + timedelta(minutes=1))
    assert calibrating.status is TargetStatus.CALIBRATING
    assert calibrating.until == NOW + timedelta(minutes=5)
    assert schedule.state(NOW + timedelta(minutes=5)).status is TargetStatus.ONLINE
    maintenance = schedule.state(NOW + timedelta(minutes=15))
    assert maintenance.status is TargetStatus.MAINTENANCE
    assert maintenance.message == "new fridge"
    # New values count from when the calibration is done.
    number, since = schedule.calibration(NOW + timedelta(minutes=4))
    assert schedule.calibration(NOW + timedelta(minutes=5)) == (number + 1, since + 3600)
    assert since + 3600 == (NOW + timedelta(minutes=5)).timestamp()
