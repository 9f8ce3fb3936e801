"""Observables measured in several bases: of one state, as if each basis were a circuit."""

from __future__ import annotations

import pytest
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.quantum_info import Statevector

from quws.domain.bases import Plan
from quws.domain.kinds import JobKind
from quws.domain.noise import Noise
from quws.domain.options import RunOptions
from quws.domain.paulis import parse
from quws.runner.estimate import measuring, sampling
from quws.targets.simulator import Simulator

OBSERVABLES = ["Z0 Z1 - 0.5 Z3", "X0 X2", "Y1 + 0.25 Y3 Z0", "2"]


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    target = Simulator("simulator", qubits=20, threads=1)
    target.load()
    target.warm()
    return target


def angles(qubits: int = 4) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits)
    for at in range(qubits):
        circuit.rx(0.3 + at, at)
        circuit.rz(0.7 * at, at)
    for at in range(qubits - 1):
        circuit.cx(at, at + 1)
    return circuit


def asked(plan: Plan, **more: object) -> list[RunOptions]:
    options = RunOptions.model_validate({"shots": 500, "seed": 11, "kind": JobKind.ESTIMATE} | more)
    return [sampling(options, run) for run in range(len(plan.bases))]


@pytest.mark.parametrize("qubits", [4, 6])
def test_gives_what_a_circuit_for_each_basis_gives(simulator: Simulator, qubits: int) -> None:
    circuit, plan = angles(qubits), Plan.of([parse(text) for text in OBSERVABLES])
    circuit.add_register(ClassicalRegister(2, "unused"))
    options = asked(plan)
    found = simulator.in_bases(circuit, plan.bases, options)
    assert found is not None and len(found) == len(plan.bases) == 2
    for basis, mine, result in zip(plan.bases, options, found, strict=True):
        turned = measuring(circuit, basis)
        alone = simulator.run(simulator.compile(turned, mine), mine, lambda *_: None)
        assert (result.engine, result.notes) == (alone.engine, alone.notes)
        turned.remove_final_measurements()
        expected = Statevector(turned).probabilities_dict(sorted(basis.paulis))
        assert sum(result.counts.values()) == 500
        assert set(result.counts) <= set(expected)
        for outcome, probability in expected.items():
            spread = (500 * probability * (1 - probability)) ** 0.5
            assert abs(result.counts.get(outcome, 0) - 500 * probability) <= 5 * spread + 1e-6
    again, others = (
        simulator.in_bases(circuit, plan.bases, asked(plan, seed=seed)) for seed in (11, 12)
    )
    assert again is not None and others is not None
    assert [item.counts for item in again] == [item.counts for item in found]
    assert [item.counts for item in others] != [item.counts for item in found]


@pytest.mark.parametrize(
    ("why", "more"),
    [
        ("noise", {"noise": Noise.model_validate({"readout": {"p": 0.1}})}),
        ("a measurement on the way", {}),
        ("another engine", {}),
        ("a state of which there is no second one", {}),
    ],
)
def test_what_one_state_does_not_give_is_run_basis_by_basis(
    simulator: Simulator, why: str, more: dict[str, object]
) -> None:
    circuit, plan = angles(), Plan.of([parse(text) for text in OBSERVABLES])
    if why == "a measurement on the way":
        circuit.add_register(ClassicalRegister(1, "c"))
        circuit.measure(0, 0)
        circuit.h(0)
    elif why == "another engine":
        circuit = QuantumCircuit(4)  # Clifford gates alone are Stim's.
        circuit.h(range(4))
    elif why == "a state of which there is no second one":
        circuit = angles(13)  # So many qubits are qsim's.
    assert simulator.in_bases(circuit, plan.bases, asked(plan, **more)) is None


def test_without_a_basis_there_is_nothing_to_sample(simulator: Simulator) -> None:
    assert simulator.in_bases(angles(), [], []) is None
