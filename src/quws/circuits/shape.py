"""Which qubits a circuit uses, and the same circuit on those alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp


def used_qubits(circuit: QuantumCircuit) -> list[int]:
    """Find the qubits on which a circuit does something that shows, in order."""
    index = {bit: number for number, bit in enumerate(circuit.qubits)}
    found: set[int] = set()
    for instruction in circuit.data:
        operation = instruction.operation
        own = [index[qubit] for qubit in instruction.qubits]
        if isinstance(operation, ControlFlowOp):
            for block in operation.blocks:
                found.update(own[inner] for inner in used_qubits(block))
        elif operation.name not in ("barrier", "delay"):
            found.update(own)
    return sorted(found)


def narrowed(
    circuit: QuantumCircuit,
    kept: Sequence[int],
    idle: Callable[[int, Any], Any],
    places: Sequence[int] | None = None,
) -> QuantumCircuit:
    """Make the same circuit on some of its qubits only, all others doing nothing that shows.

    Parameters
    ----------
    kept
        The qubits, which are renumbered in this order.
    idle
        Given a qubit and a delay, makes what the delay does to it, or None.
    places
        For a block: the qubits that its own stand for.

    """
    places = list(range(circuit.num_qubits)) if places is None else places
    number = {circuit.qubits[place]: index for index, place in enumerate(kept)}
    own = {circuit.qubits[index]: place for index, place in enumerate(places)}
    narrow = QuantumCircuit(len(kept), global_phase=circuit.global_phase, name=circuit.name)
    narrow.add_bits(circuit.clbits)
    for register in circuit.cregs:
        narrow.add_register(register)
    for instruction in circuit.data:
        operation = instruction.operation
        qubits = [qubit for qubit in instruction.qubits if qubit in number]
        if isinstance(operation, ControlFlowOp):
            inner = [index for index, qubit in enumerate(instruction.qubits) if qubit in number]
            outer = [own[qubit] for qubit in instruction.qubits]
            blocks = [narrowed(block, inner, idle, outer) for block in operation.blocks]
            operation = operation.replace_blocks(blocks)
        elif not qubits:
            continue
        elif operation.name == "barrier":
            narrow.barrier([number[qubit] for qubit in qubits])
            continue
        elif operation.name == "delay":
            operation = idle(own[qubits[0]], operation)
            if operation is None:
                continue
        narrow.append(operation, [number[qubit] for qubit in qubits], instruction.clbits)
    return narrow
