"""Gates that are done where a measurement gave 1, as formats with feedback have them."""

from __future__ import annotations

from qiskit import QuantumCircuit
from qiskit.circuit import Clbit, Gate, IfElseOp, Qubit


def done_where(bit: Clbit, gate: Gate) -> IfElseOp:
    """Make a gate on one qubit depend on a bit, which is the only one of the instruction."""
    block = QuantumCircuit([Qubit()], [bit])
    block.append(gate, block.qubits, copy=False)
    return IfElseOp((bit, 1), block)
