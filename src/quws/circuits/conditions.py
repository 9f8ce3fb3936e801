"""Conditions that every shot fulfils, or none, taken out of a circuit.

A register of two bits is never 5. Simulators compare only as many bits of the
5 as the register has, and do what must not be done; so such a condition is
decided here, before any of them sees it.
"""

from __future__ import annotations

from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister, ControlFlowOp, IfElseOp
from qiskit.circuit.classical import expr


def always(condition: Any) -> bool | None:
    """Whether every shot fulfils a condition; None where that depends on the shot."""
    if isinstance(condition, expr.Value):
        return bool(condition.value)
    if isinstance(condition, expr.Expr):
        return None
    tested, value = condition
    largest = 1 << len(tested) if isinstance(tested, ClassicalRegister) else 2
    return None if 0 <= value < largest else False


def decided(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return the circuit without such conditions: what is always done stands by itself."""
    return _written(circuit) if _has_some(circuit) else circuit


def _has_some(circuit: QuantumCircuit) -> bool:
    waiting = [circuit]
    while waiting:
        for instruction in waiting.pop().data:
            if instruction.is_control_flow():
                operation = instruction.operation
                if isinstance(operation, IfElseOp) and always(operation.condition) is not None:
                    return True
                waiting.extend(operation.blocks)
    return False


def _written(circuit: QuantumCircuit) -> QuantumCircuit:
    written = circuit.copy_empty_like()
    for instruction in circuit.data:
        if not instruction.is_control_flow():
            written.append(instruction)
            continue
        operation: ControlFlowOp = instruction.operation
        holds = always(operation.condition) if isinstance(operation, IfElseOp) else None
        if holds is None:
            blocks = [_written(block) for block in operation.blocks]
            written.append(instruction.replace(operation=operation.replace_blocks(blocks)))
        elif holds or len(operation.blocks) > 1:
            block = _written(operation.blocks[0 if holds else 1])
            qubits = dict(zip(block.qubits, instruction.qubits, strict=True))
            clbits = dict(zip(block.clbits, instruction.clbits, strict=True))
            for inner in block.data:
                written.append(
                    inner.replace(
                        qubits=[qubits[bit] for bit in inner.qubits],
                        clbits=[clbits[bit] for bit in inner.clbits],
                    )
                )
    return written
