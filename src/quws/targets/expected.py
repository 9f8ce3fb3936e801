"""What to expect of a compiled circuit, by what is known of its target's qubits and gates.

It needs no library: circuits are looked at as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from quws.domain.errors import InvalidCircuit
from quws.targets.properties import CONTROL_FLOW

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from quws.domain.targets import GateCalibration, QubitCalibration

_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}


class Timing:
    """How long each instruction takes, in seconds.

    Parameters
    ----------
    reset
        Seconds that a reset takes.
    dt
        The unit of time in which a circuit may give delays; None where there is none.

    """

    def __init__(
        self,
        qubits: Iterable[QubitCalibration],
        gates: Iterable[GateCalibration],
        *,
        reset: float = 0.0,
        dt: float | None = None,
    ) -> None:
        self._gates = {(item.gate, item.qubits): item.duration or 0.0 for item in gates}
        self._readout = {item.qubit: item.readout_duration or 0.0 for item in qubits}
        self._reset = reset
        self._dt = dt

    @property
    def known(self) -> bool:
        """Whether anything takes any time."""
        return any(self._gates.values()) or any(self._readout.values())

    def shot(self, circuit: QuantumCircuit) -> float:
        """Return how long one run of a circuit takes: that of its longest chain.

        Of two branches the longer one counts.
        """
        return self._circuit(circuit, list(range(circuit.num_qubits)))

    def _circuit(self, circuit: QuantumCircuit, places: Sequence[int]) -> float:
        index = {bit: number for number, bit in enumerate(circuit.qubits)}
        free: dict[Any, float] = {}
        for instruction in circuit.data:
            own = [places[index[qubit]] for qubit in instruction.qubits]
            bits = [*instruction.qubits, *instruction.clbits]
            begin = max((free.get(bit, 0.0) for bit in bits), default=0.0)
            end = begin + self._instruction(instruction, own)
            for bit in bits:
                free[bit] = end
        return max(free.values(), default=0.0)

    def _instruction(self, instruction: Any, places: list[int]) -> float:
        name = instruction.name
        if name in CONTROL_FLOW:
            operation = instruction.operation
            body = max(self._circuit(block, places) for block in operation.blocks)
            return body * _turns(operation)
        match name:
            case "delay":
                return self.delay(instruction.operation)
            case "measure":
                return self._readout.get(places[0], 0.0)
            case "reset":
                return self._reset
        return self._gates.get((name, tuple(places)), 0.0)

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


class Errors:
    """How likely each instruction goes wrong, as far as it is known."""

    def __init__(
        self, qubits: Iterable[QubitCalibration], gates: Iterable[GateCalibration]
    ) -> None:
        self._known = {
            (item.gate, item.qubits): item.error for item in gates if item.error is not None
        } | {
            ("measure", (item.qubit,)): item.readout_error
            for item in qubits
            if item.readout_error is not None
        }

    def fidelity(self, circuit: QuantumCircuit) -> float | None:
        """Return how likely nothing goes wrong in a run; None where nothing is known of it.

        That is the product over all gates and measurements of which an error is known. Of two
        branches the worse one counts; what qubits lose while they wait is not in it.
        """
        found, known = self._circuit(circuit, range(circuit.num_qubits))
        return found if known else None

    def _circuit(self, circuit: QuantumCircuit, places: Sequence[int]) -> tuple[float, bool]:
        index = {bit: places[number] for number, bit in enumerate(circuit.qubits)}
        right, known = 1.0, False
        for instruction in circuit.data:
            own = tuple([index[qubit] for qubit in instruction.qubits])
            if instruction.name in CONTROL_FLOW:
                operation = instruction.operation
                inner = [self._circuit(block, own) for block in operation.blocks]
                right *= min(part for part, _ in inner) ** _turns(operation)
                known = known or any(one for _, one in inner)
            elif (error := self._known.get((instruction.name, own))) is not None:
                right *= 1 - error
                known = True
        return right, known


def _turns(operation: Any) -> int:
    return len(operation.params[0]) if operation.name == "for_loop" else 1
