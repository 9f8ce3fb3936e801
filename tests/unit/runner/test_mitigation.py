"""Errors that are mitigated after the run, against an exact calculation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import exact
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator
from runner_bench import Line, a_line, work

from quws.circuits.parse import parse, read_again
from quws.circuits.several import read_to_bind
from quws.domain.circuits import BatchFacts, CircuitLimits
from quws.domain.errors import InvalidCircuit, InvalidParameter
from quws.domain.kinds import JobKind
from quws.domain.noise import read_noise
from quws.domain.observables import collect, read_value
from quws.domain.options import RunOptions
from quws.runner import mitigation
from quws.runner.circuits import Texts
from quws.runner.local import run_here
from quws.runner.mitigation import corrected_counts, corrected_signs, folded, misread_bits
from quws.runner.work import Work
from quws.targets.base import CircuitResult, Misread, Target
from quws.targets.emulator import Emulator
from quws.targets.simulator import Simulator

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; qubit[3] q; '
BODY = "ry(0.7) q[0]; rx(1.1) q[1]; cx q[0], q[1]; cx q[1], q[2]; ry(0.4) q[2]; cz q[0], q[1];"
MEASURED = (
    f"bit[2] a; bit[1] b; {BODY} a[1] = measure q[0]; b[0] = measure q[1]; a[0] = measure q[2];"
)


def state(**how: Any) -> exact.Exact:
    follows = exact.Exact(3, 3, **how)
    for name, on, *angles in (
        ("ry", [0], 0.7),
        ("rx", [1], 1.1),
        ("cx", [0, 1]),
        ("cx", [1, 2]),
        ("ry", [2], 0.4),
        ("cz", [0, 1]),
    ):
        follows.gate(name, on, *angles)  # type: ignore[arg-type]
    return follows


def probabilities(**how: Any) -> dict[str, float]:
    follows = state(**how)
    for qubit, clbit in ((0, 1), (1, 2), (2, 0)):
        follows.measure(qubit, clbit)
    return follows.probabilities([2, 1])


# -- readout ---------------------------------------------------------------------------------------


def test_of_all_outcomes_the_right_probabilities_are_found() -> None:
    read, right = probabilities(flip=(0.04, 0.11)), probabilities()
    counts = {bits: round(part * 10**12) for bits, part in read.items()}
    found = corrected_counts(counts, [Misread(0.04, 0.11)] * 3)
    assert found is not None
    assert sum(found.values()) == pytest.approx(1)
    assert list(found) == list(counts)
    for bits, part in found.items():
        assert part == pytest.approx(right.get(bits, 0.0), abs=1e-8)


def test_each_bit_has_errors_of_its_own() -> None:
    wrong = [Misread(0.3, 0.0), Misread(0.0, 0.0), Misread(0.0, 0.2)]
    # The first bit of an outcome is 1 for 0 in three of ten shots, the last 0 for 1 in one of five.
    found = corrected_counts({"0 11": 56, "0 10": 14, "1 11": 24, "1 10": 6}, wrong)
    assert found == pytest.approx({"0 11": 1, "0 10": 0, "1 11": 0, "1 10": 0}, abs=1e-9)
    signs = corrected_signs(np.array([[0, 0, 0], [1, 1, 1]], dtype=np.uint8), wrong)
    up = 0.7 * signs[0, 0] + 0.3 * signs[1, 0]
    down = 0.8 * signs[1, 2] + 0.2 * signs[0, 2]
    assert (up, signs[1, 0], signs[0, 1], down, signs[0, 2]) == pytest.approx((1, -1, 1, -1, 1))


def test_more_outcomes_than_can_be_corrected_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mitigation, "MOST_OUTCOMES", 1)
    assert corrected_counts({"0": 1, "1": 1}, [Misread(0.1, 0.1)]) is None


def test_bits_have_the_errors_of_the_qubits_that_were_measured() -> None:
    circuit, _ = parse(HEAD + MEASURED, None, CircuitLimits())
    known = {qubit: Misread(qubit / 10, 0.01) for qubit in range(3)}
    assert [item.one_for_zero for item in misread_bits(circuit, known, "t")] == [0.2, 0.0, 0.1]
    for few in ({0: Misread(0, 0)}, {**known, 1: Misread(0.5, 0.5)}):
        with pytest.raises(InvalidParameter, match="readout error of qubit 1, of which"):
            misread_bits(circuit, few, "t")


# -- zero noise ------------------------------------------------------------------------------------


def test_a_folded_circuit_does_the_same_with_more_gates() -> None:
    circuit = QuantumCircuit(2)
    circuit.r(0.3, 1.2, 0)
    circuit.sx(1)
    circuit.rz(0.4, 1)
    circuit.cz(0, 1)
    names = {"r", "sx", "rz", "cz"}
    for factor in (1, 3, 5):
        made = folded(circuit, factor, lambda gate: gate.name in names)
        assert Operator(made).equiv(Operator(circuit))
        count = made.count_ops()
        assert (count["r"], count["cz"], count["sx"]) == (factor, factor, factor)
        assert set(count) == names


def test_measurements_are_not_folded_and_a_gate_without_inverse_is_refused() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.t(0)
    circuit.measure(0, 0)
    assert folded(circuit, 3, lambda _: True).count_ops() == {"t": 2, "tdg": 1, "measure": 1}
    with pytest.raises(InvalidCircuit, match="the inverse of gate 't', which the target"):
        folded(circuit, 3, lambda gate: gate.name == "t")


# -- jobs ------------------------------------------------------------------------------------------


@pytest.fixture
def line() -> Iterator[Line]:
    with a_line() as made:
        yield made


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    made = Simulator("simulator", qubits=12, threads=1)
    made.load()
    return made


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    made = Emulator("qpu", device="bluebell-5", drift=0.0, speed=1e9, overhead=0.0)
    made.load()
    return made


def given(line: Line, text: str, **options: Any) -> Work:
    facts = parse(text, None, CircuitLimits())[1]
    asked = RunOptions(**{"shots": 20_000, "seed": 5} | options)
    made = work(line, circuits=1, options=asked, facts=BatchFacts.of([facts]))
    request = made.request.model_copy(update={"circuits": [text]})
    texts = Texts(request, parse, read_again, read_to_bind)
    return Work(request, made.facts, asked, texts, line.connection, made.teller)


def result(target: Target, given: Work) -> CircuitResult:
    ((_, _, found),) = run_here(target, given)
    return found


OBSERVABLES = ["Z0 Z1", "Z1 - 0.5*Z2", "X0 X1"]


def estimate(line: Line, target: Target, *ways: str, **options: Any) -> CircuitResult:
    more = {"kind": JobKind.ESTIMATE, "observable": collect([read_value(x) for x in OBSERVABLES])}
    ways_of = {"mitigation": list(ways)} if ways else {}
    return result(target, given(line, HEAD + BODY, **more, **ways_of, **options))


def right_values() -> list[float]:
    follows = state()
    return [
        follows.expectation(terms)
        for terms in (
            [(1.0, {0: "Z", 1: "Z"})],
            [(1.0, {1: "Z"}), (-0.5, {2: "Z"})],
            [(1.0, {0: "X", 1: "X"})],
        )
    ]


def test_readout_alone_is_corrected_exactly(simulator: Simulator, line: Line) -> None:
    noise = read_noise("readout:p01=0.05,p10=0.3")
    found = estimate(line, simulator, "readout", noise=noise)
    assert found.mitigation == ["readout"]
    for item, right in zip(found.expectations or [], right_values(), strict=True):
        assert item.error is not None and item.raw_value is not None
        assert abs(item.value - right) <= 5 * item.error
        assert item.at_factors is None
    assert any(
        abs(item.raw_value - right) > 5 * (item.raw_error or 0)
        for item, right in zip(found.expectations or [], right_values(), strict=True)
        if item.raw_value is not None
    )


@pytest.mark.parametrize("device", [False, True])
def test_noise_is_extrapolated_to_none(
    device: bool, simulator: Simulator, emulator: Emulator, line: Line
) -> None:
    target: Target = emulator if device else simulator
    noise = {} if device else {"noise": read_noise("depolarizing:p=0.004,p2=0.02+readout:p=0.03")}
    found = estimate(line, target, "readout", "zne", **noise)
    plain = estimate(line, target, **noise)
    assert found.mitigation == ["readout", "zne"]
    wrong, before = 0.0, 0.0
    for item, raw, right in zip(
        found.expectations or [], plain.expectations or [], right_values(), strict=True
    ):
        # What was measured is what would have been measured without mitigation.
        assert (item.raw_value, item.raw_error) == (raw.value, raw.error)
        assert raw.raw_value is None
        assert item.at_factors is not None and item.error is not None
        once, thrice, often = item.at_factors
        assert item.value == pytest.approx((15 * once - 10 * thrice + 3 * often) / 8)
        assert item.shots == 3 * raw.shots
        assert abs(item.value - right) <= 5 * item.error
        wrong += abs(item.value - right)
        before += abs(raw.value - right)
    assert wrong < before / 2


def test_counts_are_corrected_beside_what_was_measured(emulator: Emulator, line: Line) -> None:
    text = HEAD + MEASURED
    plain = result(emulator, given(line, text))
    found = result(emulator, given(line, text, mitigation=["readout"]))
    assert (found.counts, found.mitigation) == (plain.counts, ["readout"])
    assert plain.mitigation is None and plain.mitigated is None
    assert found.mitigated is not None and found.mitigated.keys() == found.counts.keys()

    def distance(parts: dict[str, float]) -> float:
        return sum(abs(parts.get(bits, 0) - part) for bits, part in probabilities().items())

    measured = {bits: count / 20_000 for bits, count in found.counts.items()}
    assert distance(found.mitigated) < distance(measured) - 0.02
    assert math.isclose(sum(found.mitigated.values()), 1, abs_tol=1e-6)


def test_without_noise_nothing_is_corrected(simulator: Simulator, line: Line) -> None:
    found = result(simulator, given(line, HEAD + MEASURED, mitigation=["readout"]))
    assert found.mitigated == pytest.approx(
        {bits: count / 20_000 for bits, count in found.counts.items()}
    )
