"""The simulator as a job uses it: circuits as text in, counts and sentences out."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from circuits import BELL2, BELL3

from quws.circuits.parse import parse
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit
from quws.domain.noise import Device, Noise
from quws.domain.options import RunOptions
from quws.domain.targets import Calibration, GateCalibration, QubitCalibration
from quws.targets.base import CircuitResult
from quws.targets.simulator import Simulator

TWO = 'OPENQASM 2.0; include "qelib1.inc"; '
THREE = 'OPENQASM 3.0; include "stdgates.inc"; '
LIMITS = CircuitLimits(qubits=4096)


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    target = Simulator("simulator", qubits=20, threads=1)
    target.load()
    target.warm()
    return target


def run(target: Simulator, text: str, shots: int = 200, **more: Any) -> CircuitResult:
    circuit, facts = parse(text, None, LIMITS)
    options = RunOptions(shots=shots, **({"seed": 3} | more))
    target.check(facts, options)
    result = target.run(target.compile(circuit, options), options, lambda *_: None)
    assert sum(result.counts.values()) == shots
    return result


def ghz(qubits: int) -> str:
    gates = "".join(f"cx q[{k}], q[{k + 1}];" for k in range(qubits - 1))
    return f"{TWO} qreg q[{qubits}]; creg c[{qubits}]; h q[0]; {gates} measure q -> c;"


def test_says_which_method_on_which_engine_and_why(simulator: Simulator) -> None:
    for text in (BELL2, BELL3):
        result = run(simulator, text)
        assert set(result.counts) == {"00", "11"}
        assert result.engine == "stim/stabilizer"
        assert result.notes == ["run with stabilizers on stim: all gates are Clifford gates"]
        assert result.approximate is None
    small = run(simulator, BELL2.replace("h q[0]", "ry(0.3) q[0]"))
    assert small.engine == "qulacs/statevector"
    large = run(simulator, ghz(13).replace("h q[0]", "ry(1) q[0]"))
    assert large.engine == "qsim/statevector"
    later = run(simulator, BELL2 + "t q[0]; measure q[0] -> c[1];")
    assert later.engine == "aer/statevector"


METHODS = ("stabilizer", "statevector", "density_matrix", "trajectories", "matrix_product_state")


@pytest.mark.parametrize("method", METHODS)
def test_bits_are_where_they_belong(simulator: Simulator, method: str) -> None:
    for flipped in range(4):
        text = (
            f"{TWO} qreg q[2]; qreg r[2]; creg c[3]; creg d[2]; x"
            f" {'q' if flipped < 2 else 'r'}[{flipped % 2}];"
            # Crosswise, one bit is written twice and one never.
            "measure q[0] -> d[1]; measure q[1] -> c[0]; measure r[0] -> c[0];"
            "measure q[1] -> d[0]; measure r[1] -> c[2];"
        )
        expected = {0: "10 000", 1: "01 000", 2: "00 001", 3: "00 100"}[flipped]
        result = run(simulator, text, shots=9, method=method, memory=True)
        assert result.counts == {expected: 9}
        assert result.memory == [expected] * 9


@pytest.mark.parametrize("method", ["stabilizer", "matrix_product_state"])
def test_more_than_64_bits(simulator: Simulator, method: str) -> None:
    text = f"{TWO} qreg q[70]; creg c[70]; x q[1]; x q[68]; measure q -> c;"
    assert run(simulator, text, method=method).counts == {"01" + "0" * 66 + "10": 200}


@pytest.mark.parametrize("method", ["statevector", "density_matrix", "matrix_product_state"])
def test_modifiers_mean_the_same_on_every_engine(simulator: Simulator, method: str) -> None:
    # Three gates that are X together, the last under controls that are set.
    text = (
        f"{THREE} qubit[3] q; bit[3] c; x q[0]; x q[1]; gate g a {{ pow(0.5) @ x a; }}"
        " pow(0.25) @ x q[2]; ctrl @ pow(0.25) @ x q[0], q[2]; ctrl(2) @ g q[0], q[1], q[2];"
        " c = measure q;"
    )
    ones = run(simulator, text, method=method, shots=1000).counts["111"]
    # A control turns the phase that X has to its own into one between states.
    assert ones == 1000
    small = run(simulator, text, method=method, shots=10, noise={"readout": {"p": 1}}).counts
    assert small == {"000": 10}


def test_wide_circuits(simulator: Simulator) -> None:
    result = run(simulator, ghz(1000))
    assert result.engine == "stim/stabilizer"
    assert set(result.counts) == {"0" * 1000, "1" * 1000}
    shallow = run(simulator, ghz(40).replace("h q[0]", "ry(pi/3) q[0]"))
    assert shallow.engine == "aer/matrix_product_state"
    assert set(shallow.counts) == {"0" * 40, "1" * 40}
    assert shallow.approximate is None


def _entangling(qubits: int, layers: int) -> str:
    lines = [f"{TWO} qreg q[{qubits}]; creg c[{qubits}];"]
    for layer in range(layers):
        lines += [f"ry(0.{layer + 3}{k}) q[{k}];" for k in range(qubits)]
        lines += [f"cx q[{k}], q[{k + 1}];" for k in range(layer % 2, qubits - 1, 2)]
    return "".join([*lines, "measure q -> c;"])


def test_a_bond_dimension_that_is_too_small_is_owned_up_to() -> None:
    target = Simulator("simulator", qubits=10, threads=1, bond_dimension=4)
    target.load()
    text = _entangling(10, 8)
    for _ in range(2):  # Aer's log goes on from run to run
        result = run(target, text, method="matrix_product_state")
        assert result.approximate is not None
        assert "bond dimension was held at 4" in result.approximate
        assert f"approximate: {result.approximate}" in result.notes[-1]
        exact = run(target, _entangling(10, 1), method="matrix_product_state")
        assert exact.approximate is None
    wide = _entangling(30, 30)
    with pytest.raises(InvalidCircuit, match="approximately"):
        run(target, wide)
    assert run(target, wide, method="matrix_product_state").approximate is not None


def test_seeds_of_63_bits_count_in_full(simulator: Simulator) -> None:
    for text in (BELL2, BELL2.replace("h q", "ry(1.5) q")):
        seen = {
            tuple(run(simulator, text, seed=seed, memory=True).memory or ())
            for seed in (0, 1, 2**33, 2**62, 2**63 - 1)
        }
        assert len(seen) == 5
        first, second = (run(simulator, text, seed=None, memory=True).memory for _ in range(2))
        assert first != second


def test_a_million_operations_of_few_lines(simulator: Simulator) -> None:
    lines = ["gate g0 a, b { h a; cx a, b; cx a, b; h a; s b; }"]
    lines += [f"gate g{k} a, b {{ g{k - 1} a, b; g{k - 1} b, a; }}" for k in range(1, 19)]
    text = f"{THREE}{''.join(lines)} qubit[2] q; bit[2] c; x q[0]; g18 q[0], q[1]; c = measure q;"
    assert run(simulator, text).counts == {"01": 200}


def test_more_different_outcomes_than_a_result_may_hold_are_refused(simulator: Simulator) -> None:
    text = f"{TWO} qreg q[4096]; creg c[4096]; h q; measure q -> c;"
    with pytest.raises(InvalidCircuit, match=r"ask for fewer\s+SHOTS"):
        run(simulator, text, shots=80_000)


# -- noise ---------------------------------------------------------------------------


def test_readout_errors_where_the_bit_decides_what_comes_next(simulator: Simulator) -> None:
    text = (
        f"{THREE} qubit[2] q; bit[2] c; c[0] = measure q[0];"
        " if (c[0]) { x q[1]; } c[1] = measure q[1];"
    )
    wrong = {"readout": {"p01": 1.0, "p10": 0.0}}
    # Read as 1 it flips the other, which is then 1 in truth and is read as it is.
    assert run(simulator, text, noise=wrong).counts == {"11": 200}


@pytest.mark.parametrize("delay", ["100us", "0.1ms", "100000ns"])
def test_a_qubit_that_waits_relaxes(simulator: Simulator, delay: str) -> None:
    text = f"{THREE} qubit[1] q; bit[1] c; x q[0]; delay[{delay}] q[0]; c = measure q;"
    noise = {"thermal": {"t1": 100e-6, "t2": 100e-6, "time": 1e-12}}
    ones = run(simulator, text, shots=10_000, noise=noise).counts["1"] / 10_000
    assert abs(ones - math.exp(-1)) < 0.02
    assert run(simulator, text).counts == {"1": 200}


def device(*, t1: float | None = None, readout: float = 0.0) -> dict[str, Any]:
    calibration = Calibration(
        id="one",
        time=datetime(2026, 11, 1, tzinfo=UTC),
        qubits=[
            QubitCalibration(qubit=0, t1=t1, t2=t1, readout_error=readout),
            QubitCalibration(qubit=1, t1=t1, t2=t1),
            QubitCalibration(qubit=2, t1=t1, t2=t1),
        ],
        gates=[
            GateCalibration(gate="sx", qubits=(0,), error=0.1, duration=1e-8),
            GateCalibration(gate="sx", qubits=(1,), error=0.02, duration=1e-8),
            GateCalibration(gate="rz", qubits=(0,), error=0.0, duration=0.0),
            GateCalibration(gate="cz", qubits=(0, 1), error=0.06, duration=1e-7),
        ],
    )
    noise = Noise(device=Device(name="small", calibration=calibration))
    return noise.model_dump(mode="json", exclude_none=True)


@pytest.mark.parametrize("t1", [None, 1e-3])
def test_a_device_has_the_errors_of_its_calibration(simulator: Simulator, t1: float | None) -> None:
    def wrong(gates: str, qubit: int, right: str) -> float:
        text = f"{TWO} qreg q[3]; creg c[1]; {gates} measure q[{qubit}] -> c[0];"
        return 1 - run(simulator, text, shots=40_000, noise=device(t1=t1)).counts[right] / 40_000

    # A gate with mean infidelity e leaves the wrong basis state with probability e.
    assert abs(wrong("x q[0];", 0, "1") - 0.1) < 0.01
    assert abs(wrong("x q[1];", 1, "1") - 0.02) < 0.005
    # Where nothing is known of a qubit or of a pair, the mean of the device holds.
    assert abs(wrong("x q[2];", 2, "1") - 0.06) < 0.01
    pair = wrong("cx q[1],q[2];", 2, "0")
    # Of four dimensions, an infidelity e is a depolarizing channel of 4 e / 3; half of what it
    # leaves is wrong.
    assert abs(pair - 0.06 * 4 / 3 / 2) < 0.01


@pytest.mark.parametrize(("t1", "t2"), [(1e-5, 1e-5), (1e-5, 1.8e-5)])
def test_what_relaxes_during_a_gate_is_a_part_of_its_error(
    simulator: Simulator, t1: float, t2: float
) -> None:
    # Gates that last a tenth of T1; what they do besides makes up their whole error.
    seconds, errors = 1e-6, {1: 0.15, 2: 0.2}
    calibration = Calibration(
        id="one",
        time=datetime(2026, 11, 1, tzinfo=UTC),
        qubits=[QubitCalibration(qubit=qubit, t1=t1, t2=t2) for qubit in range(2)],
        gates=[
            GateCalibration(gate="sx", qubits=(0,), error=errors[1], duration=seconds),
            GateCalibration(gate="sx", qubits=(1,), error=errors[1], duration=seconds),
            GateCalibration(gate="cz", qubits=(0, 1), error=errors[2], duration=seconds),
        ],
    )
    noise = Noise(device=Device(name="slow", calibration=calibration))
    kept, coherent = math.exp(-seconds / t1), math.exp(-seconds / t2)

    def depolarized(qubits: int) -> float:
        """The part that the gate replaces by any state at all, so that its error is right."""
        dimension = 2**qubits
        process = ((1 + kept + 2 * coherent) / 4) ** qubits
        relaxed = (dimension * process + 1) / (dimension + 1)
        return (relaxed - (1 - errors[qubits])) / (relaxed - 1 / dimension)

    def ones(gates: str) -> float:
        text = f"{TWO} qreg q[2]; creg c[1]; {gates} measure q[1] -> c[0];"
        given = noise.model_dump(mode="json", exclude_none=True)
        return run(simulator, text, shots=40_000, noise=given).counts["1"] / 40_000

    assert ones("x q[1];") == pytest.approx((1 - depolarized(1) / 2) * kept, abs=0.01)
    assert ones("z q[1];") == pytest.approx(depolarized(1) / 2 * kept, abs=0.01)
    assert ones("cz q[0], q[1];") == pytest.approx(depolarized(2) / 2 * kept, abs=0.01)


def test_a_device_reads_wrong_and_has_no_more_qubits_than_it_has(simulator: Simulator) -> None:
    text = f"{TWO} qreg q[1]; creg c[1]; measure q -> c;"
    counts = run(simulator, text, shots=10_000, noise=device(readout=0.2)).counts
    assert abs(counts["1"] / 10_000 - 0.2) < 0.02
    with pytest.raises(Exception, match="has 3 qubits; the circuit has 4"):
        run(simulator, ghz(4), noise=device())
