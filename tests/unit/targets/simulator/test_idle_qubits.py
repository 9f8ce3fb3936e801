"""Circuits as wide as a device: only the qubits on which something happens take memory."""

from __future__ import annotations

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

from quws.circuits.parse import parse
from quws.domain.bases import Plan
from quws.domain.circuits import CircuitFacts, CircuitLimits
from quws.domain.errors import InvalidCircuit
from quws.domain.kinds import JobKind, as_measured
from quws.domain.noise import read_noise
from quws.domain.observables import collect
from quws.domain.options import RunOptions
from quws.domain.paulis import parse as observable
from quws.targets.simulator import Simulator

WIDE = 'OPENQASM 3.0; include "stdgates.inc"; qubit[60] q; bit[3] c;'
# On 40 qubits a matrix product state would have to carry every one of them.
BODY = """ry(0.7) q[50]; cx q[50], q[3]; t q[3]; barrier q; delay[10ns] q[20];
c[0] = measure q[3]; if (c[0] == 1) { x q[17]; } c[1] = measure q[17]; c[2] = measure q[50];"""


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    made = Simulator("simulator", qubits=6, threads=1)
    made.load()
    return made


def read(body: str) -> tuple[QuantumCircuit, CircuitFacts]:
    return parse(WIDE + body, None, CircuitLimits(qubits=60))


def quiet(part: float, sentence: str | None) -> None:
    """Tell nobody of any progress."""


def test_bits_are_those_of_the_qubits_that_were_measured(simulator: Simulator) -> None:
    circuit, facts = read(BODY)
    assert facts.active == [3, 17, 50]
    options = RunOptions(shots=2000, seed=1)
    simulator.check(facts, options)
    assert simulator.memory_bytes(facts, options) < 1 << 24
    found = simulator.run(simulator.compile(circuit, options), options, quiet)
    # All three are 1, or none is.
    assert found.counts.keys() == {"000", "111"}
    assert found.counts["111"] / 2000 == pytest.approx(0.1176, abs=0.04)


@pytest.mark.parametrize("shots", [0, 3000])
def test_what_nothing_happens_to_can_be_observed(simulator: Simulator, shots: int) -> None:
    circuit, facts = read("ry(0.7) q[50]; cx q[50], q[3];")
    given = collect(["Z3 Z50", "Z10", "X59", "0.5*Z3 - X10"])
    assert given is not None
    options = RunOptions(kind=JobKind.ESTIMATE, shots=shots, observable=given, seed=3)
    (measured,) = as_measured([facts], JobKind.ESTIMATE, given)
    assert measured.active == [3, 10, 50, 59]
    simulator.check(measured, options)
    wanted = [1.0, 1.0, 0.0, 0.5 * 0.76484]
    if not shots:
        found = simulator.expectations(circuit, given.plan(0).observables, options).expectations
        assert [item.value for item in found or []] == pytest.approx(wanted, abs=1e-4)
        assert [item.observable for item in found or []] == given.lists[0]
        return
    plan = Plan.of([observable(text) for text in given.lists[0]])
    results = simulator.in_bases(circuit, plan.bases, [options] * len(plan.bases))
    assert results is not None
    for basis, result in zip(plan.bases, results, strict=True):
        at = sorted(basis.paulis)
        for place, term in basis.terms:
            bits = [at.index(qubit) for qubit, _ in term.paulis]
            mean = sum(
                count * (-1) ** sum(int(key.split(" ")[0][-1 - bit]) for bit in bits)
                for key, count in result.counts.items()
            )
            expected = {(3, 50): 1.0, (10,): 1.0, (59,): 0.0, (3,): 0.76484}
            qubits = tuple(qubit for qubit, _ in term.paulis)
            if (place, qubits) == (3, (10,)):
                expected[10,] = 0.0
            assert mean / shots == pytest.approx(expected[qubits], abs=0.08)


def test_noise_is_that_of_certain_qubits(simulator: Simulator) -> None:
    _, facts = read(BODY)
    noise = read_noise("depolarizing:p=0.01")
    with pytest.raises(InvalidCircuit, match="has 60 qubits"):
        simulator.check(facts, RunOptions(shots=10, noise=noise, method="trajectories"))
    simulator.check(facts, RunOptions(shots=10, method="trajectories"))


def test_a_circuit_in_which_nothing_happens_has_one_qubit(simulator: Simulator) -> None:
    circuit = QuantumCircuit(QuantumRegister(50, "q"), ClassicalRegister(1, "c"))
    options = RunOptions(kind=JobKind.ESTIMATE, shots=0)
    found = simulator.expectations(circuit, [observable("2.5")], options).expectations
    assert [item.value for item in found or []] == [2.5]
