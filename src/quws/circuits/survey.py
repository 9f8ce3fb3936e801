"""What a target must know of a circuit to choose how to run it: one pass over its instructions.

Definitions are surveyed once for each set of parameters and multiplied, never
written out. Where this cannot be exact it errs to the safe side: a circuit is
called Clifford only if it surely is, and a count may be too large.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp, ForLoopOp, Gate
from qiskit.circuit.library import UnitaryGate

from quws.circuits.count import ENOUGH
from quws.circuits.gates import DefinedGate, definition_key

PLAIN_CLIFFORD = frozenset(
    "id u0 x y z h s sdg sx sxdg cx cy cz swap iswap dcx ecr".split()  # noqa: SIM905
)
"""Clifford gates without a parameter, by Qiskit's names."""

HALF_TURNS = frozenset(["cp", "cu1", "crx", "cry", "crz"])
QUARTER_TURNS = frozenset("rx ry rz p u1 u2 u3 u r rxx ryy rzz rzx".split())  # noqa: SIM905
"""Gates that are Clifford where all parameters are multiples of this angle."""

TOLERANCE = 1e-10
"""How far, in radians, a parameter may be from such a multiple; texts give 16 digits of pi."""

_DEEPEST = 60
"""Definitions within definitions that are followed; deeper ones are taken for the worst."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The facts of a circuit that choose a method; see ``CircuitFacts``."""

    clifford: bool
    wide_gates: int
    crossing: int
    measurements: int
    mid_circuit: bool
    resets: bool
    sampled: bool
    control_flow: bool
    delays: bool
    gates: int
    """Gates, resets and measurements, written out."""
    active: list[int] | None
    """The qubits on which something happens; None for all."""


def survey(circuit: QuantumCircuit) -> Survey:
    """Look at every instruction of a circuit once."""
    look = _Look(circuit)
    look.block(circuit, range(circuit.num_qubits), 1)
    return Survey(
        clifford=look.clifford,
        wide_gates=min(look.wide, ENOUGH),
        crossing=min(max(accumulate(look.cuts), default=0), ENOUGH),
        measurements=min(look.measurements, ENOUGH),
        mid_circuit=look.mid_circuit,
        resets=look.resets,
        sampled=not (look.mid_circuit or look.late_resets or look.control_flow),
        control_flow=look.control_flow,
        delays=look.delays,
        gates=min(look.gates, ENOUGH),
        active=None
        if all(look.touched)
        else [qubit for qubit, touched in enumerate(look.touched) if touched],
    )


def is_clifford_gate(name: str, parameters: Sequence[Any]) -> bool:
    """Whether a standard gate surely is a Clifford gate."""
    if name in PLAIN_CLIFFORD:
        return True
    unit = math.pi if name in HALF_TURNS else math.pi / 2 if name in QUARTER_TURNS else None
    return unit is not None and all(_is_multiple(value, unit) for value in parameters)


def _is_multiple(value: Any, unit: float) -> bool:
    if not isinstance(value, int | float):
        return False
    turns = round(value / unit)
    return abs(value - turns * unit) <= TOLERANCE


@dataclass(frozen=True, slots=True)
class _Body:
    """A definition: what its gates are, and how many of them join qubits."""

    clifford: bool
    gates: int
    wide: int


_UNKNOWN = _Body(clifford=False, gates=1, wide=1)


@dataclass(slots=True)
class _Look:
    circuit: QuantumCircuit
    clifford: bool = True
    wide: int = 0
    gates: int = 0
    measurements: int = 0
    mid_circuit: bool = False
    resets: bool = False
    late_resets: bool = False
    """Whether a qubit is reset after something has happened to it."""
    control_flow: bool = False
    delays: bool = False
    cuts: list[int] = field(init=False)
    """How many more gates cross the cut after each qubit than the one before it."""
    touched: bytearray = field(init=False)
    measured: bytearray = field(init=False)
    known: dict[Any, _Body] = field(default_factory=dict)

    def __post_init__(self) -> None:
        qubits = self.circuit.num_qubits
        self.cuts = [0] * (qubits + 1)
        self.touched = bytearray(qubits)
        self.measured = bytearray(qubits)

    def block(self, body: QuantumCircuit, qubits: Sequence[int], times: int) -> None:
        """Look at the circuit, or at a block of control flow in it that is run ``times`` times."""
        index = {bit: qubits[position] for position, bit in enumerate(body.qubits)}
        for instruction in body.data:
            name = instruction.name
            if name == "barrier":
                continue
            on = [index[bit] for bit in instruction.qubits]
            if name == "delay":
                self.delays = True
                continue
            if name == "measure":
                self._measure(on[0], times)
            elif name == "reset":
                self._reset(on[0], times)
            elif instruction.is_standard_gate():
                self._gate(on, times, self._standard(instruction, len(on)))
            elif isinstance(operation := instruction.operation, ControlFlowOp):
                self._flow(operation, on, times)
            else:
                self._gate(on, times, self._defined(operation, 0))

    def _measure(self, qubit: int, times: int) -> None:
        self.measurements += times
        self.gates += times
        # Measured once more at once, it gives the same.
        self.measured[qubit] = self.touched[qubit] = 1

    def _reset(self, qubit: int, times: int) -> None:
        self.gates += times
        self.resets = True
        if self.touched[qubit]:
            self.late_resets = True
            self.mid_circuit = self.mid_circuit or bool(self.measured[qubit])

    def _gate(self, on: Sequence[int], times: int, body: _Body) -> None:
        self.clifford = self.clifford and body.clifford
        self.gates += times * body.gates
        self.wide += times * body.wide
        if len(on) > 1 and body.wide:
            self.cuts[min(on)] += times * body.wide
            self.cuts[max(on)] -= times * body.wide
        for qubit in on:
            self.touched[qubit] = 1
            if self.measured[qubit]:
                self.mid_circuit = True

    def _flow(self, operation: ControlFlowOp, on: Sequence[int], times: int) -> None:
        self.control_flow = True
        if isinstance(operation, ForLoopOp):
            times *= max(1, len(operation.params[0]))
        for block in operation.blocks:
            self.block(block, on, times)

    def _standard(self, instruction: Any, width: int) -> _Body:
        clifford = self.clifford and is_clifford_gate(instruction.name, instruction.params)
        return _Body(clifford, 1, 1 if width > 1 else 0)

    def _defined(self, gate: Any, depth: int) -> _Body:
        """Survey a gate by its definition."""
        if not isinstance(gate, Gate):
            return _UNKNOWN
        if isinstance(gate, DefinedGate):
            return self._of_circuit(gate, depth)
        if isinstance(gate, UnitaryGate):
            return _Body(clifford=False, gates=1, wide=1 if gate.num_qubits > 1 else 0)
        key = definition_key(gate)
        if key not in self.known:
            # Of a copy: a gate keeps its definition once it was written out.
            self.known[key] = (
                _UNKNOWN if depth > _DEEPEST else self._body(copy.copy(gate).definition, depth)
            )
        return self.known[key]

    def _of_circuit(self, gate: DefinedGate, depth: int) -> _Body:
        key = (id(gate.source), *map(str, gate.params))
        if key not in self.known:
            self.known[key] = (
                _UNKNOWN if depth > _DEEPEST else self._body(gate.source.bind(gate.params), depth)
            )
        if not isinstance(gate.exponent, int):
            return _Body(clifford=False, gates=50 * gate.controls + 1, wide=50 * gate.controls + 1)
        body = self.known[key]
        # A controlled gate is written out with some dozen gates for each of its own.
        more = 1 if not gate.controls else 50 * gate.controls
        times = max(1, abs(gate.exponent)) * more
        return _Body(
            body.clifford and not gate.controls,
            min(body.gates * times, ENOUGH),
            min((body.gates if gate.controls else body.wide) * times, ENOUGH),
        )

    def _body(self, body: QuantumCircuit | None, depth: int) -> _Body:
        if body is None:
            return _UNKNOWN
        clifford, gates, wide = True, 0, 0
        for part in self._parts(body, depth):
            clifford = clifford and part.clifford
            gates += part.gates
            wide += part.wide
        return _Body(clifford, min(gates, ENOUGH), min(wide, ENOUGH))

    def _parts(self, body: QuantumCircuit, depth: int) -> Iterator[_Body]:
        for instruction in body.data:
            if instruction.name == "barrier":
                continue
            if instruction.is_standard_gate():
                yield self._standard(instruction, len(instruction.qubits))
            else:
                yield self._defined(instruction.operation, depth + 1)
