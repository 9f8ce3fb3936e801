"""A circuit as a row of steps."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister, QuantumRegister

from quws.targets.simulator.program import Step, Unsupported, seconds_of, steps


def brief(step: Step) -> tuple[str, tuple[int, ...], int, tuple[int, bool] | None]:
    return step.name, step.qubits, step.clbit, step.condition


@pytest.mark.parametrize(
    ("duration", "unit", "seconds"),
    [
        (3, "s", 3.0),
        (3, "ms", 3e-3),
        (3, "us", 3e-6),
        (3, "ns", 3e-9),
        (3, "ps", 3e-12),
        (3, "dt", None),
    ],
)
def test_a_delay_is_told_in_seconds(duration: int, unit: str, seconds: float | None) -> None:
    circuit = QuantumCircuit(1)
    circuit.delay(duration, 0, unit=unit)
    assert seconds_of(circuit.data[0]) == (seconds if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize("value", [0, 1])
def test_what_stands_after_else_has_the_other_condition(value: int) -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 1)
    with circuit.if_test((circuit.clbits[1], value)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.z(1)
        circuit.y(0)
    assert [brief(step) for step in steps(circuit)] == [
        ("measure", (0,), 1, None),
        ("x", (1,), -1, (1, bool(value))),
        ("z", (1,), -1, (1, not value)),
        ("y", (0,), -1, (1, not value)),
    ]


def test_only_one_bit_may_decide() -> None:
    one, two = ClassicalRegister(1, "one"), ClassicalRegister(2, "two")
    for register, fine in ((one, True), (two, False)):
        circuit = QuantumCircuit(QuantumRegister(1), register)
        with circuit.if_test((register, 1)):
            circuit.x(0)
        if fine:
            assert [step.condition for step in steps(circuit)] == [(0, True)]
        else:
            with pytest.raises(Unsupported, match="several bits"):
                list(steps(circuit))


def test_a_qubit_that_nothing_has_touched_needs_no_reset() -> None:
    circuit = QuantumCircuit(2)
    circuit.reset(0)
    circuit.x(0)
    circuit.reset([0, 1])
    circuit.barrier()
    assert [brief(step)[:2] for step in steps(circuit)] == [("x", (0,)), ("reset", (0,))]


def test_definitions_are_written_out_where_they_are_used() -> None:
    inner = QuantumCircuit(2, name="inner")
    inner.h(1)
    inner.cx(1, 0)
    outer = QuantumCircuit(2, name="outer")
    outer.append(inner.to_gate(), [1, 0])
    outer.s(0)
    circuit = QuantumCircuit(3)
    circuit.append(outer.to_gate(), [2, 0])
    assert [brief(step)[:2] for step in steps(circuit)] == [
        ("h", (2,)),
        ("cx", (2, 0)),
        ("s", (2,)),
    ]
    # Engines that have no S get what it is made of.
    split = [brief(step)[:2] for step in steps(circuit, decompose=frozenset({"s"}))]
    assert split[:2] == [("h", (2,)), ("cx", (2, 0))]
    assert split[2][0] != "s"
