"""Circuits that are written for Cirq: each gate once, and some that are measured in their ways."""

from __future__ import annotations

from collections.abc import Iterator

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import library

from quws.circuits.formats.cirq_writing import NAMED
from quws.circuits.parse import read
from quws.domain.circuits import CircuitLimits, Language

_ANGLES = (0.3, -1.1)
_DEFINED = """OPENQASM 3.0; include "stdgates.inc";
gate r(a, b) q { U(a, b - pi/2, pi/2 - b) q; }
gate ecr q, p { s q; sx p; cx q, p; x q; }
gate iswap q, p { h q; }
qubit[2] q;
"""
"""The first two are gates of these names, the third is not."""


def gates() -> Iterator[QuantumCircuit]:
    """Each gate that Cirq has a name for, and some that it has none for."""
    known = library.get_standard_gate_name_mapping()
    for name in NAMED:
        yield _alone(type(known[name])(*_ANGLES[: len(known[name].params)]))
    yield _alone(library.ECRGate())
    yield _alone(library.UGate(0.3, 0.2, 1.1))
    yield _alone(library.RZXGate(0.4))
    yield _alone(library.CRYGate(0.4))
    yield _alone(library.CXGate(ctrl_state=0))
    for use in ("r(0.3, 0.2) q[1]; x q[0];", "ecr q[1], q[0];", "iswap q[0], q[1];"):
        yield read(_DEFINED + use, Language.OPENQASM_3, CircuitLimits()).circuit


def _alone(gate: library.Gate) -> QuantumCircuit:
    """On qubits in another order than theirs, each of which it uses."""
    circuit = QuantumCircuit(gate.num_qubits)
    circuit.append(gate, range(gate.num_qubits)[::-1])
    return circuit


def counted() -> Iterator[tuple[QuantumCircuit, list[str], dict[str, str]]]:
    """Circuits that always give the same, their keys, and the bits of each, bit 0 first."""
    registers = ClassicalRegister(2, "a"), ClassicalRegister(1, "b")
    at_once = QuantumCircuit(QuantumRegister(3), *registers)
    at_once.x(2)
    at_once.measure([2, 1, 0], [1, 2, 0])
    yield at_once, ["k b", "0"], {"k b": "01", "0": "0"}

    # What is measured decides what is done, and is measured again.
    later = QuantumCircuit(QuantumRegister(3), *registers)
    later.x(0)
    later.measure(0, 0)
    with later.if_test((registers[0][0], 1)):
        later.x(1)
    # Bit 1 of it is 0, since nothing has measured it.
    with later.if_test((registers[0], 1)):
        later.z(2)
    with later.if_test((registers[0], 3)):
        later.x(2)
    with later.if_test((registers[0][0], 0)) as otherwise:
        later.x(1)
    with otherwise:
        later.x(2)
    later.reset(0)
    later.delay(20, 0, "ns")
    later.barrier()
    later.measure([1, 2], [1, 2])
    yield later, ["m", "n"], {"m[0]": "1", "m[1]": "1", "n": "1"}
