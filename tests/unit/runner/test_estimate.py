"""Expectation values on targets that sample, against an exact calculation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import exact
import pytest
from qiskit import QuantumCircuit
from runner_bench import Device, Line, a_line, known, work

from quws.circuits.parse import parse, read_again
from quws.circuits.several import read_to_bind
from quws.domain.bases import Basis, Plan
from quws.domain.circuits import BatchFacts, CircuitLimits
from quws.domain.kinds import JobKind
from quws.domain.mitigation import Mitigation
from quws.domain.noise import read_noise
from quws.domain.observables import collect, read_value
from quws.domain.options import RunOptions
from quws.domain.outcomes import Expectation
from quws.domain.paulis import parse as observable
from quws.runner.circuits import Texts
from quws.runner.estimate import LEFT_OUT, estimated, measuring, sampling
from quws.runner.local import run_here
from quws.runner.remote import run_elsewhere
from quws.runner.work import Work
from quws.sandbox.messages import CircuitStarted, Note, Submitted, Submitting
from quws.targets.base import CircuitResult, Misread, Target
from quws.targets.emulator import Emulator
from quws.targets.qiskit import make
from quws.targets.simulator import Simulator

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] a; qubit[2] b; '
"""Qubits 0 to 3 are a[0], a[1], b[0], b[1]."""
BODY = "ry(0.7) a[0]; rx(1.1) a[1]; h b[0]; cx a[0], b[1]; cz a[1], b[0]; t b[0]; cx b[0], a[0];"
OBSERVABLES = ["0.5*Z0 Z3 - X1", "IZYX + 0.25", "Y0 Y1 X2 + 0.3*Z3 - 0.2*X2", "4"]


def follow(state: exact.Exact) -> exact.Exact:
    for name, on, *angles in (
        ("ry", [0], 0.7),
        ("rx", [1], 1.1),
        ("h", [2]),
        ("cx", [0, 3]),
        ("cz", [1, 2]),
        ("t", [2]),
        ("cx", [2, 0]),
    ):
        state.gate(name, on, *angles)  # type: ignore[arg-type]
    return state


def values_of(state: exact.Exact, texts: list[str] = OBSERVABLES) -> list[float]:
    return [
        state.expectation((term.coefficient, dict(term.paulis)) for term in observable(text).terms)
        for text in texts
    ]


@pytest.fixture
def line() -> Iterator[Line]:
    with a_line() as made:
        yield made


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    made = Simulator("simulator", qubits=12, threads=1)
    made.load()
    return made


def asked(line: Line, circuits: list[str], texts: list[str] | None = None, **options: Any) -> Work:
    given = RunOptions(
        **{
            "kind": JobKind.ESTIMATE,
            "shots": 4000,
            "seed": 11,
            "observable": collect([read_value(text) for text in texts or OBSERVABLES]),
        }
        | options
    )
    made = work(
        line,
        circuits=len(circuits),
        options=given,
        facts=BatchFacts.of(parse(text, None, CircuitLimits())[1] for text in circuits),
    )
    request = made.request.model_copy(update={"circuits": circuits})
    return Work(
        request,
        made.facts,
        given,
        Texts(request, parse, read_again, read_to_bind),
        line.connection,
        made.teller,
    )


def found(target: Target, given: Work) -> list[list[Expectation]]:
    return [result.expectations or [] for _, _, result in run_here(target, given)]


def agree(found: list[Expectation], values: list[float]) -> None:
    for item, value in zip(found, values, strict=True):
        assert item.error is not None
        assert abs(item.value - value) <= 5 * item.error + 1e-9, item


# -- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"method": "density_matrix"},
        {"method": "matrix_product_state"},
        {"method": "trajectories"},
    ],
)
def test_a_simulator_estimates_by_shots(
    simulator: Simulator, line: Line, options: dict[str, Any]
) -> None:
    (values,) = found(simulator, asked(line, [HEAD + BODY], **options))
    agree(values, values_of(follow(exact.Exact(4, 0))))
    assert [item.observable for item in values] == [
        "0.5*Z0 Z3 - X1",
        "IZYX + 0.25*IIII",
        "Y0 Y1 X2 + 0.3*Z3 - 0.2*X2",
        "4.0",
    ]
    # Two bases have the terms of the third, and what is constant needs no shots.
    assert [item.shots for item in values] == [4000, 4000, 8000, 0]
    assert all(item.error == 0 or 0.001 < (item.error or 1) < 0.05 for item in values)


def test_clifford_circuits_are_estimated_with_stabilizers(simulator: Simulator, line: Line) -> None:
    bell = HEAD + "h a[0]; cx a[0], b[1];"
    texts = ["X0 X3", "Z0 Z3", "-Y0 Y3", "Z0", "Z1 - X1"]
    (values,) = found(simulator, asked(line, [bell], texts))
    assert [round(item.value) for item in values[:3]] == [1, 1, 1]
    assert [item.error for item in values[:3]] == [0, 0, 0]
    agree(values[3:], [0, 1])


def test_noise_counts(simulator: Simulator, line: Line) -> None:
    noise = "depolarizing:p=0.03,p2=0.08+readout:p01=0.05,p10=0.15"
    state = follow(exact.Exact(4, 4, after_gate=exact.depolarizing(0.03, 0.08)))
    bare = values_of(state, ["Z3"])[0]
    (values,) = found(
        simulator, asked(line, [HEAD + BODY], ["Z3"], noise=read_noise(noise), shots=20_000)
    )
    # One is read as zero with 0.15, zero as one with 0.05.
    agree(values, [0.1 + 0.8 * bare])


def test_a_device_is_compiled_for(line: Line) -> None:
    emulator = Emulator("qpu", device="bluebell-5", speed=1e6, overhead=0.0, noise="none")
    emulator.load()
    (values,) = found(emulator, asked(line, [HEAD + BODY]))
    agree(values, values_of(follow(exact.Exact(4, 0))))


def test_any_qiskit_backend_estimates(line: Line) -> None:
    backend = make("t", backend="qiskit_aer:AerSimulator")
    backend.load()
    backend.warm()
    (values,) = found(backend, asked(line, [HEAD + BODY]))
    agree(values, values_of(follow(exact.Exact(4, 0))))


@pytest.mark.parametrize(
    ("body", "values"),
    [
        # The measurement on the way stays, and what hangs on it.
        ("bit[2] c; bit[1] d; x a[1]; c[1] = measure a[1]; if (c[1]) { x b[0]; }", [-1, -1, 1]),
        # Registers of the circuit come before the one of the observables.
        ("bit[3] observed; x a[1]; x b[0]; observed[2] = measure b[0]; reset b[0];", [-1, 1, 1]),
        # A bit that is read later is none that nothing depends on, and the last of all is.
        ("bit[2] c; x a[1]; c = measure a; x b[0]; if (c == 2) { x b[1]; }", [-1, -1, -1]),
        # What is measured last is measured as the observables want it.
        ("bit[4] c; x a[1]; x b[0]; c[0:1] = measure a; c[2] = measure b[0];", [-1, -1, 1]),
    ],
)
def test_circuits_may_measure(
    simulator: Simulator, line: Line, body: str, values: list[float]
) -> None:
    texts = ["Z1", "Z2", "Z3"]
    (got,) = found(simulator, asked(line, [HEAD + body], texts, shots=50))
    assert [item.value for item in got] == values


def test_last_measurements_are_left_out_and_that_is_said(simulator: Simulator, line: Line) -> None:
    body = "bit[1] c; h a[0]; c[0] = measure a[0];"
    (values,) = found(simulator, asked(line, [HEAD + body], ["X0"], shots=50))
    assert values[0].value == 1
    assert Note(sentence=LEFT_OUT) in line.heard()


def test_each_circuit_has_its_observables(simulator: Simulator, line: Line) -> None:
    circuits = [HEAD + "x a[0];", HEAD + "h a[1];"]
    texts = ['[["Z0"], ["X1", "Z0"]]']
    values = found(simulator, asked(line, circuits, texts, shots=10))
    assert [[item.value for item in each] for each in values] == [[-1], [1, 1]]
    assert [item.circuit for item in line.heard() if isinstance(item, CircuitStarted)] == [0]


def test_the_same_seed_gives_the_same_and_bases_differ(simulator: Simulator, line: Line) -> None:
    texts = ["X0", "Y0"]
    first = found(simulator, asked(line, [HEAD], texts, shots=50))
    assert first == found(simulator, asked(line, [HEAD], texts, shots=50))
    assert first != found(simulator, asked(line, [HEAD], texts, shots=50, seed=12))
    assert sampling(RunOptions(shots=1, seed=5), 0).seed == 5
    assert sampling(RunOptions(shots=1, seed=5), 1).seed not in (None, 5)


# -- exact values ----------------------------------------------------------------------------------


def test_without_shots_the_values_are_exact(simulator: Simulator, line: Line) -> None:
    (values,) = found(simulator, asked(line, [HEAD + BODY], shots=0))
    assert [item.value for item in values] == pytest.approx(
        values_of(follow(exact.Exact(4, 0))), abs=1e-9
    )
    assert {(item.error, item.shots) for item in values} == {(0.0, 0)}


# -- elsewhere -------------------------------------------------------------------------------------


class Far(Device):
    """A device elsewhere, that computes here what it is sent."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__()
        self._simulator = simulator
        self.options: list[RunOptions] = []

    def compile(self, circuit: Any, options: RunOptions) -> Any:
        return self._simulator.compile(circuit, options)

    def readout_errors(self, options: RunOptions) -> dict[int, Misread]:
        return dict.fromkeys(range(4), Misread(0.1, 0.1))

    def submit(self, circuits: Any, options: RunOptions, key: str) -> str:
        self.options.append(options)
        self.on_fetch = [[self._simulator.run(item, options, lambda *_: None) for item in circuits]]
        return super().submit(circuits, options, key)


def test_a_device_with_a_queue_gets_all_bases_of_all_circuits_at_once(
    simulator: Simulator, line: Line
) -> None:
    device = Far(simulator)
    line.go(2)
    texts = ['[["Z0", "X0"], ["4"], ["X1"]]']
    given = asked(line, [HEAD + "x a[0];", HEAD, HEAD + "h a[1];"], texts, shots=20)
    done = list(run_elsewhere(device, known(), given))
    assert device.asked[0] == "submit 3 k"
    assert device.options[0].kind is JobKind.SAMPLE
    values = [[item.value for item in result.expectations or []] for _, _, result in done]
    assert (values[0][0], values[1], values[2]) == (-1, [4], [1])
    assert [type(item) for item in line.heard()][:2] == [Submitting, Submitted]


def test_a_device_with_a_queue_gets_the_runs_with_more_noise_as_well(
    simulator: Simulator, line: Line
) -> None:
    device = Far(simulator)
    line.go(2)
    ways = [Mitigation.READOUT, Mitigation.ZNE]
    circuits = [HEAD + "x a[0];", HEAD + "h a[1];"]
    given = asked(line, circuits, ["Z0"], shots=20, mitigation=ways)
    done = list(run_elsewhere(device, known(), given))
    assert device.asked[0] == "submit 6 k"
    (first,), (second,) = (result.expectations or [] for _, _, result in done)
    assert (first.raw_value, second.raw_value) == (-1, 1)
    assert first.at_factors == [pytest.approx(-1.25)] * 3
    assert (first.value, second.value) == (pytest.approx(-1.25), pytest.approx(1.25))
    assert (first.shots, second.shots) == (60, 60)
    assert [result.mitigation for _, _, result in done] == [ways, ways]


def test_what_was_sent_by_an_attempt_before_is_corrected_all_the_same(
    simulator: Simulator, line: Line
) -> None:
    device = Far(simulator)
    device.on_fetch = [[CircuitResult({"0": 15, "1": 5})]]
    ways = [Mitigation.READOUT]
    given = asked(line, [HEAD], ["Z0"], shots=20, mitigation=ways)
    ((_, compiled, result),) = run_elsewhere(device, known(begun=True, handle="h"), given)
    assert compiled.circuit is not None
    assert [(item.value, item.raw_value) for item in result.expectations or []] == [
        (pytest.approx(0.625), 0.5)
    ]


def test_circuits_that_are_over_are_not_handed_over(simulator: Simulator, line: Line) -> None:
    device = Far(simulator)
    line.go(2)
    given = asked(line, [HEAD + "x a[0];", HEAD, HEAD], ["Z0 + X0"], shots=5)
    given.missing[1] = "aborted"
    done = list(run_elsewhere(device, known(), given))
    assert device.asked[0] == "submit 4 k"
    assert [index for index, _, _ in done] == [0, 2]
    assert line.heard()[0] == Submitting(key="k", left_out=[1])


def test_what_was_handed_over_without_some_is_found_again(simulator: Simulator, line: Line) -> None:
    device = Far(simulator)
    device.on_fetch = [[CircuitResult({"0": 5}), CircuitResult({"1": 5})]]
    given = asked(line, [HEAD] * 3, ["Z0"], shots=5)
    # The last one was aborted since, and has run all the same.
    given.missing.update({1: "aborted", 2: "aborted"})
    found = known(begun=True, handle="h", left_out=[1])
    assert [index for index, _, _ in run_elsewhere(device, found, given)] == [0]


def test_what_was_sent_by_an_attempt_before_is_put_together_all_the_same(
    simulator: Simulator, line: Line
) -> None:
    device = Far(simulator)
    device.on_fetch = [[CircuitResult({"0": 5}), CircuitResult({"1": 5})]]
    given = asked(line, [HEAD], ["Z0 + X0"], shots=5)
    ((_, compiled, result),) = run_elsewhere(device, known(begun=True, handle="h"), given)
    assert compiled.circuit is None
    assert [item.value for item in result.expectations or []] == [0]


# -- its parts -------------------------------------------------------------------------------------


def test_a_basis_is_turned_to_bits_of_a_register_of_its_own() -> None:
    circuit = QuantumCircuit.from_qasm_str(
        'OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg observed[1];'
    )
    made = measuring(circuit, Basis({2: "X", 0: "Y", 1: "Z"}, []))
    assert [register.name for register in made.cregs] == ["observed", "observed_"]
    assert [
        (item.operation.name, [made.find_bit(bit).index for bit in item.qubits])
        for item in made.data
    ] == [
        ("sdg", [0]),
        ("h", [0]),
        ("measure", [0]),
        ("measure", [1]),
        ("h", [2]),
        ("measure", [2]),
    ]
    assert not circuit.data


def test_terms_of_one_basis_share_their_shots() -> None:
    plan = Plan.of([observable("Z0 + Z1")])
    # They are always opposite: their sum is surely 0.
    result = CircuitResult({"01": 50, "10": 50}, engine="e", seconds=2.0)
    assert estimated(plan, [result]).expectations == [Expectation("Z0 + Z1", 0.0, 0.0, 100)]


def test_the_standard_error_is_that_of_the_mean() -> None:
    plan = Plan.of([observable("2*Z0"), observable("2*Z0 + X0")])
    of_z = CircuitResult({"0": 75, "1": 25})
    of_x = CircuitResult({"0": 1})
    first, second = estimated(plan, [of_z, of_x]).expectations or []
    # The variance of ±2 with 3/4 and 1/4 is 3, and 100/99 of it by the sample.
    assert first == Expectation("2.0*Z0", 1.0, pytest.approx((3 * 100 / 99 / 100) ** 0.5), 100)
    assert (second.value, second.error, second.shots) == (2.0, None, 101)


def test_what_bases_say_is_put_together() -> None:
    plan = Plan.of([observable("Z0 + X0")])
    found = estimated(
        plan,
        [
            CircuitResult({"0": 2}, engine="e", seconds=1.0, notes=["n"]),
            CircuitResult({"0": 2}, engine="f", seconds=2.0, approximate="why", notes=["n", "m"]),
        ],
    )
    assert (found.engine, found.seconds, found.approximate) == ("e", 3.0, "why")
    assert (found.notes, found.counts, found.memory) == (["n", "m"], {}, None)
    assert json.dumps([item.value for item in found.expectations or []]) == "[2.0]"
