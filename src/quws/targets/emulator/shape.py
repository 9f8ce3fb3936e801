"""What a compiled circuit asks of a device: how long a shot takes, which qubits it uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp

from quws.domain.errors import InvalidCircuit
from quws.targets.emulator.device import Device

_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}


class Timing:
    """How long each instruction takes, in seconds."""

    def __init__(self, device: Device) -> None:
        self._gates = {(item.gate, item.qubits): item.duration or 0.0 for item in device.gates}
        self._readout = {item.qubit: item.readout_duration or 0.0 for item in device.qubits}
        self._reset = device.reset_duration
        self._dt = device.dt

    def shot(self, circuit: QuantumCircuit) -> float:
        """Return how long one run of a circuit takes: that of its longest chain.

        Of two branches the longer one counts.
        """
        return self._circuit(circuit, list(range(circuit.num_qubits)))

    def _circuit(self, circuit: QuantumCircuit, places: Sequence[int]) -> float:
        index = {bit: number for number, bit in enumerate(circuit.qubits)}
        free: dict[Any, float] = {}
        for instruction in circuit.data:
            operation = instruction.operation
            own = [places[index[qubit]] for qubit in instruction.qubits]
            bits = [*instruction.qubits, *instruction.clbits]
            begin = max((free.get(bit, 0.0) for bit in bits), default=0.0)
            end = begin + self._instruction(operation, own)
            for bit in bits:
                free[bit] = end
        return max(free.values(), default=0.0)

    def _instruction(self, operation: Any, places: list[int]) -> float:
        if isinstance(operation, ControlFlowOp):
            body = max(self._circuit(block, places) for block in operation.blocks)
            return body * _turns(operation)
        match operation.name:
            case "delay":
                return self.delay(operation)
            case "measure":
                return self._readout[places[0]]
            case "reset":
                return self._reset
        return self._gates.get((operation.name, tuple(places)), 0.0)

    def delay(self, operation: Any) -> float:
        """Return how long a delay is.

        Raises
        ------
        InvalidCircuit
            It is given in a unit that the device does not have.

        """
        if operation.unit == "dt":
            if self._dt is None:
                raise InvalidCircuit("this target has no dt; give delays in s, ms, us or ns")
            return float(operation.duration) * self._dt
        return float(operation.duration) * _UNITS[operation.unit]


def _turns(operation: Any) -> int:
    return len(operation.params[0]) if operation.name == "for_loop" else 1


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
        Given a qubit of the device and a delay, makes what the delay does to
        it, or None.
    places
        For a block: the qubits of the device that its own stand for.

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
