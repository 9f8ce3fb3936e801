"""A circuit as a row of standard gates, for engines that have no idea of Qiskit's circuits."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from qiskit import QuantumCircuit
from qiskit.circuit import Clbit, IfElseOp
from qiskit.circuit.classical import expr
from qiskit.circuit.library import UnitaryGate

from quws.circuits.gates import definition_key

_TEMPLATE = 4096
"""Definitions up to this many gates are kept written out; larger ones are walked each time."""

_DEEPEST = 100
"""Definitions within definitions that are written out at once."""

_PAULI = frozenset(["x", "y", "z", "id"])
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}


class Unsupported(Exception):
    """The circuit has something that cannot be said as a row of gates."""


class Step(NamedTuple):
    """One standard gate on one or two qubits (a matrix: up to three), a measurement or a reset.

    ``instruction`` is Qiskit's, for name, parameters and matrix; ``clbit`` is
    what a measurement writes. A step with a ``condition`` is done only where
    the bit has the value.
    """

    name: str
    qubits: tuple[int, ...]
    instruction: Any
    clbit: int = -1
    condition: tuple[int, bool] | None = None


def steps(circuit: QuantumCircuit, *, decompose: frozenset[str] = frozenset()) -> Iterator[Step]:
    """Go through a circuit; definitions are written out on the way, never all at once.

    Raises
    ------
    Unsupported
        There is control flow beyond an ``if`` on one bit around X, Y and Z.

    """
    return _Walk(circuit, decompose).run()


def seconds_of(instruction: Any) -> float | None:
    """Return how long a delay lasts in seconds; None where its unit is the clock of some device."""
    unit = _SECONDS.get(instruction.operation.unit)
    return None if unit is None else float(instruction.params[0]) * unit


_Relative = tuple[Any, tuple[int, ...]]


class _Walk:
    def __init__(self, circuit: QuantumCircuit, decompose: frozenset[str]) -> None:
        self._circuit = circuit
        self._decompose = decompose
        self._templates: dict[Any, list[_Relative] | None] = {}

    def run(self) -> Iterator[Step]:
        clbits = {bit: number for number, bit in enumerate(self._circuit.clbits)}
        qubits = {bit: number for number, bit in enumerate(self._circuit.qubits)}
        touched: set[int] = set()
        for instruction in self._circuit.data:
            name = instruction.name
            if name == "barrier":
                continue
            on = tuple([qubits[bit] for bit in instruction.qubits])
            if name == "measure":
                yield Step(name, on, instruction, clbits[instruction.clbits[0]])
            elif name == "reset":
                if on[0] not in touched:
                    continue  # It is 0 already.
                yield Step(name, on, instruction)
            elif name == "delay":
                yield Step(name, on, instruction)
                continue
            elif name == "if_else":
                yield from self._if(instruction.operation, on, clbits)
            elif instruction.is_control_flow():
                raise Unsupported(name)
            else:
                yield from self._gate(instruction, on)
            touched.update(on)

    def _if(
        self, operation: IfElseOp, on: Sequence[int], clbits: dict[Clbit, int]
    ) -> Iterator[Step]:
        if isinstance(operation.condition, expr.Expr):
            raise Unsupported("a condition on several bits")
        tested, value = operation.condition
        if not isinstance(tested, Clbit):
            if len(tested) != 1:
                raise Unsupported("a condition on several bits")
            tested = tested[0]
        if value not in (0, 1):
            raise Unsupported("a condition that a bit cannot fulfil")
        for block, wanted in zip(operation.blocks, (bool(value), not value), strict=False):
            index = {bit: on[position] for position, bit in enumerate(block.qubits)}
            for instruction in block.data:
                if instruction.name == "barrier":
                    continue
                if instruction.name not in _PAULI:
                    raise Unsupported(f"{instruction.name} under a condition")
                yield Step(
                    instruction.name,
                    tuple([index[bit] for bit in instruction.qubits]),
                    instruction,
                    condition=(clbits[tested], wanted),
                )

    def _gate(self, instruction: Any, on: tuple[int, ...]) -> Iterator[Step]:
        if self._is_plain(instruction):
            yield Step(instruction.name, on, instruction)
            return
        # A stack of our own: definitions may be nested deeper than Python's goes.
        stack: list[tuple[Iterator[_Relative], tuple[int, ...]]] = [
            (iter([(instruction, tuple(range(len(on))))]), on)
        ]
        while stack:
            body, around = stack[-1]
            for inner, places in body:
                where = tuple([around[place] for place in places])
                if self._is_plain(inner):
                    yield Step(inner.name, where, inner)
                    continue
                template = self._template(inner.operation, 0)
                if template is None:
                    stack.append((_body(inner.operation), where))
                    break
                for gate, spots in template:
                    yield Step(gate.name, tuple([where[spot] for spot in spots]), gate)
            else:
                stack.pop()

    def _is_plain(self, instruction: Any) -> bool:
        if instruction.name in self._decompose:
            return False
        if instruction.is_standard_gate():
            return len(instruction.qubits) <= 2
        return isinstance(instruction.operation, UnitaryGate) and len(instruction.qubits) <= 3

    def _template(self, operation: Any, depth: int) -> list[_Relative] | None:
        """Write a definition out; None if that is too much to be kept."""
        key = definition_key(operation)
        if key in self._templates:
            return self._templates[key]
        if depth > _DEEPEST:
            return None
        written: list[_Relative] | None = []
        for inner, places in _body(operation):
            if written is None:
                break
            if self._is_plain(inner):
                written.append((inner, places))
                continue
            part = self._template(inner.operation, depth + 1)
            if part is None or len(written) + len(part) > _TEMPLATE:
                written = None
                break
            written += [(gate, tuple([places[at] for at in where])) for gate, where in part]
        self._templates[key] = written
        return written


def _body(operation: Any) -> Iterator[_Relative]:
    # Of a copy: a gate keeps its definition once it was written out.
    definition = copy.copy(operation).definition
    if definition is None:
        raise Unsupported(operation.name)
    index = {bit: number for number, bit in enumerate(definition.qubits)}
    for instruction in definition.data:
        if instruction.name != "barrier":
            yield instruction, tuple([index[bit] for bit in instruction.qubits])
