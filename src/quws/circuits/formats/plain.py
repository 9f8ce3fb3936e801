"""From any circuit of Qiskit's to one that consists of what all targets know.

A file in Qiskit's format is as it comes: two gates may have one name, a gate may be called ``h``
and be another one, bits may lie in two registers or in none. Here gates that are no standard ones
become uses of definitions (:mod:`quws.circuits.gates`), each kept once however often it is used,
instructions that are no gates are written out, and every bit gets one register.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from qiskit import QuantumCircuit
from qiskit.circuit import (
    Barrier,
    BreakLoopOp,
    ClassicalRegister,
    ContinueLoopOp,
    ControlledGate,
    Delay,
    ForLoopOp,
    Gate,
    IfElseOp,
    Instruction,
    Measure,
    Parameter,
    ParameterExpression,
    QuantumRegister,
    Reset,
)
from qiskit.circuit.library import UnitaryGate

from quws.circuits.conditions import decided
from quws.circuits.count import ENOUGH
from quws.circuits.formats.format import Input
from quws.circuits.gates import DefinedGate, Definition
from quws.circuits.names import RESERVED
from quws.circuits.tokens import quote
from quws.circuits.transcript.words import WIDEST_MATRIX, standard_gates
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit

_NAME = re.compile(r"[^\W\d]\w{0,99}")
_LONGEST_NAME = 200
_WIDEST_UNITARY = 7
"""Qubits of a matrix that is written out as gates."""
_PLAIN = (Measure, Reset, Barrier, Delay, BreakLoopOp, ContinueLoopOp)


class Plain(NamedTuple):
    """A circuit of known parts, how many operations it has, written out, and its parameters."""

    circuit: QuantumCircuit
    operations: int
    inputs: Mapping[str, Input]


def plain(circuit: QuantumCircuit, limits: CircuitLimits) -> Plain:
    """Make a circuit of known parts that does the same.

    Raises
    ------
    InvalidCircuit
        It has something that no job can have, or its gates need too much to be written out.

    """
    for item in circuit.parameters:
        if not item.name.isprintable() or not 0 < len(item.name) <= _LONGEST_NAME:
            raise InvalidCircuit(
                f"the name of a parameter must be 1 to {_LONGEST_NAME} characters that can be"
                " printed"
            )
    writer = _Writer(circuit, limits)
    inputs = {item.name: Input(item) for item in circuit.parameters}
    return Plain(decided(writer.circuit()), writer.operations, inputs)


class _Known(NamedTuple):
    """A definition, and how many operations each use of it is."""

    definition: Definition
    operations: int


class _Writer:
    def __init__(self, circuit: QuantumCircuit, limits: CircuitLimits) -> None:
        self._given = circuit
        self._parameters = set(circuit.parameters)
        self._limits = limits
        self.operations = 0
        self._standard = {gate.kind for gate in standard_gates().values()}
        self._known: dict[Hashable, _Known] = {}
        self._names: dict[str, int] = {}

    def circuit(self) -> QuantumCircuit:
        given = self._given
        made = QuantumCircuit(given.qubits, name=given.name, global_phase=given.global_phase)
        for register in _distinct(given.qregs, "quantum"):
            made.add_register(register)
        registers = _distinct(given.cregs, "classical")
        loose = set(given.clbits).difference(*registers)
        if loose:
            names = {register.name for register in registers}
            name = "c"
            while name in names:
                name += "_"
            bits = [bit for bit in given.clbits if bit in loose]
            registers.append(ClassicalRegister(name=name, bits=bits))
        # In the order of the registers, by which results are written.
        made.add_bits([bit for register in registers for bit in register])
        for register in registers:
            made.add_register(register)
        self.operations = self._fill(given, made, given.qubits, given.clbits, 0)
        return made

    def _fill(
        self,
        given: QuantumCircuit,
        made: QuantumCircuit,
        qubits: Sequence[Any],
        clbits: Sequence[Any],
        depth: int,
        *,
        unitary: bool = False,
    ) -> int:
        """Write the instructions of a circuit on the bits of another, and count them."""
        if depth > self._limits.nesting:
            raise InvalidCircuit("the circuit nests blocks or gates too deeply")
        of_qubit = dict(zip(given.qubits, qubits, strict=True))
        of_clbit = dict(zip(given.clbits, clbits, strict=True))
        count = 0
        for instruction in given.data:
            on = [of_qubit[bit] for bit in instruction.qubits]
            to = [of_clbit[bit] for bit in instruction.clbits]
            if instruction.is_standard_gate():
                made.append(instruction.operation, on, copy=False)
                count += 1
                continue
            operation = instruction.operation
            if isinstance(operation, Gate) and not self._is_open(operation):
                gate, more = self._gate(operation, depth)
                made.append(gate, on, copy=False)
            elif isinstance(operation, (*_PLAIN, IfElseOp, ForLoopOp)):
                if unitary and not isinstance(operation, Barrier):
                    raise InvalidCircuit(
                        f"a gate is defined by {quote(operation.name)}, which is no gate"
                    )
                operation, more = self._other(operation, depth)
                made.append(operation, on, to, copy=False)
            else:
                # In its place, as what is no gate cannot be the use of one, and what has parameters
                # of the circuit is another one with each of their values.
                body = self._definition(operation)
                made.global_phase += body.global_phase
                whole = unitary or isinstance(operation, Gate)
                more = self._fill(body, made, on, to, depth + 1, unitary=whole)
            count = min(count + more, ENOUGH)
            if count > self._limits.operations:
                break  # It is counted in full where that costs nothing, and refused.
        return count

    def _other(self, operation: Any, depth: int) -> tuple[Any, int]:
        if isinstance(operation, Delay) and not isinstance(operation.duration, int | float):
            raise InvalidCircuit("a delay must have a length that is a number")
        if not isinstance(operation, IfElseOp | ForLoopOp):
            return operation, 0 if isinstance(operation, Barrier) else 1
        blocks, count = [], 0
        for block in operation.blocks:
            made = QuantumCircuit(block.qubits, block.clbits, global_phase=block.global_phase)
            for register in block.cregs:
                made.add_register(register)
            count += self._fill(block, made, block.qubits, block.clbits, depth + 1)
            blocks.append(made)
        if isinstance(operation, ForLoopOp):
            count *= len(operation.params[0])
        return operation.replace_blocks(blocks), min(count, ENOUGH)

    # -- gates ------------------------------------------------------------------------------

    def _gate(self, gate: Gate, depth: int) -> tuple[Gate, int]:
        if isinstance(gate, UnitaryGate):
            if gate.num_qubits > _WIDEST_UNITARY:
                raise InvalidCircuit(
                    f"a matrix on {gate.num_qubits} qubits is too wide; at most"
                    f" {_WIDEST_UNITARY} are allowed"
                )
            if gate.num_qubits <= WIDEST_MATRIX:
                return gate, 1
        elif self._is_known(gate):
            return gate, 1
        if _free(gate):
            raise InvalidCircuit(
                f"{quote(gate.name)} depends on the variable of a loop, which only standard gates"
                " can"
            )
        known = self._use(gate, depth)
        return DefinedGate(known.definition, ()), known.operations

    def _is_open(self, gate: Gate) -> bool:
        """Whether it is no standard gate, and has parameters whose values come later."""
        free = _free(gate)
        return bool(free) and free <= self._parameters and not self._is_known(gate)

    def _is_known(self, gate: Gate) -> bool:
        """Whether it is a gate of the library that all engines know, or one with controls."""
        if isinstance(gate, ControlledGate):
            return gate.base_gate.base_class in self._standard and _is_of_the_library(gate)
        return gate.base_class in self._standard

    def _use(self, gate: Gate, depth: int) -> _Known:
        body = self._definition(gate)
        made = QuantumCircuit(body.num_qubits, global_phase=body.global_phase)
        count = self._fill(body, made, made.qubits, (), depth + 1, unitary=True)
        if made.parameters:
            raise InvalidCircuit(f"{quote(gate.name)} depends on parameters that it does not take")
        key = _key(made, gate.name)
        if key not in self._known:
            self._known[key] = _Known(Definition(self._name(gate.name), made), count)
        return self._known[key]

    def _name(self, name: str) -> str:
        """Find a name that no other definition has, and nothing that is known by its name."""
        word = name if _NAME.fullmatch(name) else "gate"
        number = self._names[word] = self._names.get(word, 0) + 1
        if word not in RESERVED and number == 1:
            return word
        word = f"{word}_{number}"
        return self._name(word) if word in self._names or word in RESERVED else word

    def _definition(self, operation: Any) -> QuantumCircuit:
        if not isinstance(operation, Instruction):
            raise InvalidCircuit(
                f"{quote(operation.name)} is not supported; decompose the circuit before it is sent"
            )
        body = operation.definition
        if body is None:
            raise InvalidCircuit(
                f"{quote(operation.name)} has no definition, so there is nothing that could be run"
            )
        return body


def _distinct(registers: Sequence[Any], kind: str) -> list[Any]:
    """Return registers that share no bits.

    Quantum registers are names and no more: those that come late are left out.
    """
    seen: set[Any] = set()
    found = []
    for register in registers:
        if not _NAME.fullmatch(register.name):
            raise InvalidCircuit(
                f"the name {quote(register.name)} of a register must be a letter and then letters,"
                " digits and '_'"
            )
        if seen.isdisjoint(register):
            found.append(register)
        elif not isinstance(register, QuantumRegister):
            raise InvalidCircuit(
                f"two classical registers share bits, one of them {quote(register.name)}"
            )
        seen.update(register)
    return found


def _is_of_the_library(gate: Gate) -> bool:
    return (type(gate).__module__ or "").startswith("qiskit.circuit.library.")


def _free(gate: Gate) -> set[Parameter]:
    expressions = (item for item in gate.params if isinstance(item, ParameterExpression))
    return {parameter for item in expressions for parameter in item.parameters}


def _key(body: QuantumCircuit, name: str) -> Hashable:
    """Give what is the same for definitions that are."""
    index = {qubit: number for number, qubit in enumerate(body.qubits)}
    parts = tuple((_what(item), *(index[qubit] for qubit in item.qubits)) for item in body.data)
    return name, body.num_qubits, float(body.global_phase), parts


def _what(instruction: Any) -> Hashable:
    if instruction.is_standard_gate():
        return instruction.name, *map(_value, instruction.params)
    gate = instruction.operation
    if isinstance(gate, DefinedGate):
        return id(gate.source)
    state = getattr(gate, "ctrl_state", None)
    return gate.name, gate.num_qubits, state, *map(_value, gate.params)


def _value(value: Any) -> Hashable:
    if hasattr(value, "tobytes"):
        matrix: bytes = value.tobytes()
        return matrix
    return value if isinstance(value, int | float) else str(value)
