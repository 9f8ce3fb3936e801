"""What a circuit that was read does: exact probabilities, and how they are compared."""

from __future__ import annotations

import exact
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator

from quws.circuits.parse import parse
from quws.domain.circuits import CircuitFacts, CircuitLimits, Language
from quws.domain.errors import InvalidCircuit

LIMITS = CircuitLimits()


def probabilities(circuit: QuantumCircuit) -> dict[str, float]:
    """Follow a circuit exactly; its outcomes are written as results are."""
    follows = exact.Exact(circuit.num_qubits, circuit.num_clbits)
    _follow(circuit, follows, list(range(circuit.num_qubits)), list(range(circuit.num_clbits)), {})
    found = follows.probabilities([register.size for register in circuit.cregs])
    return {outcome: value for outcome, value in found.items() if value > 1e-9}


def _follow(
    body: QuantumCircuit,
    follows: exact.Exact,
    qubits: list[int],
    clbits: list[int],
    needed: dict[int, int],
) -> None:
    of_qubit = dict(zip(body.qubits, qubits, strict=True))
    of_clbit = dict(zip(body.clbits, clbits, strict=True))
    for instruction in body.data:
        on = [of_qubit[bit] for bit in instruction.qubits]
        to = [of_clbit[bit] for bit in instruction.clbits]
        operation = instruction.operation
        match operation.name:
            case "barrier" | "delay":
                continue
            case "measure":
                assert not needed, "a measurement that depends on another"
                follows.measure(on[0], to[0])
            case "reset":
                follows.reset(on[0])
            case "if_else":
                tested, value = operation.condition
                bits = list(tested) if hasattr(tested, "size") else [tested]
                wants = {of_clbit[bit]: int(value) >> k & 1 for k, bit in enumerate(bits)}
                block, *otherwise = operation.blocks
                assert not otherwise
                _follow(block, follows, on, to, needed | wants)
            case "for_loop":
                values, variable, block = operation.params
                for value in values:
                    bound = (
                        block if variable is None else block.assign_parameters({variable: value})
                    )
                    _follow(bound, follows, on, to, needed)
            case _:
                wants = dict(needed)
                follows.matrix(
                    Operator(operation).data,
                    on,
                    when=lambda bits, wants=wants: all(  # type: ignore[misc]
                        bits[bit] == value for bit, value in wants.items()
                    ),
                )


def facts(source: str, language: Language | None = None) -> CircuitFacts:
    return parse(source, language, LIMITS)[1]


def same(source: str, expected: dict[str, float], language: Language | None = None) -> None:
    """Assert that a circuit has these outcomes."""
    found = probabilities(parse(source, language, LIMITS)[0])
    assert found == pytest.approx({key: value for key, value in expected.items() if value > 1e-9})


def refusal(source: str, language: Language | None = None, **limits: int) -> InvalidCircuit:
    """Return why a circuit is not read."""
    with pytest.raises(InvalidCircuit) as caught:
        parse(source, language, CircuitLimits(**limits))
    return caught.value
