"""From the transcript of a circuit to Qiskit's circuit, where its writer is not trusted.

Whatever is no transcript, or larger than the target's limits let a circuit be, is a fault and
builds nothing. Only Qiskit's own classes are made here, of numbers and names that were looked at:
no parser runs, and nothing is loaded by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from qiskit import QuantumCircuit
from qiskit.circuit import (
    Barrier,
    BreakLoopOp,
    ClassicalRegister,
    Clbit,
    ContinueLoopOp,
    Delay,
    ForLoopOp,
    Gate,
    IfElseOp,
    Measure,
    Operation,
    Parameter,
    QuantumRegister,
    Qubit,
    Reset,
)
from qiskit.circuit.classical import expr
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import Operator

from quws.circuits.gates import LARGEST_MATRIX, DefinedGate, Definition
from quws.circuits.names import RESERVED
from quws.circuits.transcript import words
from quws.domain.circuits import CircuitLimits

_NAME = re.compile(r"[^\W\d]\w{0,1100}")
_LABEL = re.compile(r"[\w^.+ -]{1,100}")
_PARTS = frozenset(["qubits", "clbits", "qregs", "cregs", "gates", "phase", "body"])
_JOINS = {
    "and": expr.logic_and,
    "or": expr.logic_or,
    "==": expr.equal,
    "!=": expr.not_equal,
}
_ROUNDING = 1e-6


class TranscriptFault(ValueError):
    """What should be a transcript is none: whoever wrote it is broken, or somebody else."""


def build(transcript: object, limits: CircuitLimits) -> QuantumCircuit:
    """Return the circuit of a transcript.

    Raises
    ------
    TranscriptFault
        It is none, or above the limits.

    """
    if not isinstance(transcript, dict) or transcript.keys() != _PARTS:
        raise TranscriptFault("a transcript has other parts")
    try:
        return _Builder(transcript, limits).circuit()
    except TranscriptFault:
        raise
    except Exception as error:
        # Qiskit looks at what it is given too.
        raise TranscriptFault(f"no circuit can be built: {type(error).__name__}") from error


class _Scope(NamedTuple):
    """What may be named where an instruction stands."""

    qubits: Sequence[Qubit]
    clbits: Sequence[Clbit]
    own: frozenset[int] | None
    """The qubits that the block around it has; None where all may be named."""
    own_clbits: frozenset[int] | None
    cregs: frozenset[int]
    loops: tuple[Parameter, ...] = ()
    depth: int = 0
    looping: bool = False
    """Whether it stands in a loop, which can be left."""


class _Builder:
    def __init__(self, transcript: dict[str, Any], limits: CircuitLimits) -> None:
        self._given = transcript
        self._limits = limits
        self._room = words.Room(limits)
        self._standard = words.standard_gates()
        self._gates: list[Definition] = []
        self._cregs: list[ClassicalRegister] = []

    def circuit(self) -> QuantumCircuit:
        given, limits = self._given, self._limits
        qubits = [Qubit() for _ in range(_whole(given["qubits"], 1, limits.qubits))]
        clbits = [Clbit() for _ in range(_whole(given["clbits"], 0, limits.clbits))]
        for definition in _listed(given["gates"]):
            self._gates.append(self._definition(definition))
        circuit = QuantumCircuit(qubits, clbits)
        for name, bits in self._registers(given["qregs"], qubits):
            circuit.add_register(QuantumRegister(name=name, bits=bits))
        for name, bits in self._registers(given["cregs"], clbits):
            self._cregs.append(ClassicalRegister(name=name, bits=bits))
            circuit.add_register(self._cregs[-1])
        scope = _Scope(qubits, clbits, None, None, frozenset(range(len(self._cregs))))
        self._fill(circuit, given["phase"], given["body"], scope)
        return circuit

    def _registers(self, given: object, bits: Sequence[Any]) -> list[tuple[str, list[Any]]]:
        found = []
        # Qubits may be given names again and again.
        for register in _listed(given):
            name, numbers = _listed(register, 2)
            self._take(details=len(_listed(numbers)))
            found.append((_name(name), [bits[number] for number in _distinct(numbers, bits)]))
        return found

    def _definition(self, given: object) -> Definition:
        name, size, phase, body = _listed(given, 4)
        if _name(name) in RESERVED:
            raise TranscriptFault("a gate has the name of another one")
        qubits = [Qubit() for _ in range(_whole(size, 0, self._limits.qubits))]
        circuit = QuantumCircuit(qubits)
        self._fill(circuit, phase, body, _Scope(qubits, (), None, None, frozenset()))
        return Definition(name, circuit)

    # -- instructions -------------------------------------------------------------------

    def _fill(self, circuit: QuantumCircuit, phase: object, body: object, scope: _Scope) -> None:
        circuit.global_phase = _angle(phase, scope.loops)
        self._take(instructions=len(_listed(body)))
        for instruction in body:  # type: ignore[attr-defined]
            word, numbers, *rest = _listed(instruction)
            qubits = [scope.qubits[number] for number in _distinct(numbers, scope.qubits)]
            if scope.own is not None and not scope.own.issuperset(numbers):
                raise TranscriptFault("a block names a qubit that it does not have")
            if not isinstance(word, str):
                raise TranscriptFault("an instruction begins with no word")
            if word in self._standard:
                (angles,) = rest
                operation: Operation = self._standard_gate(word, angles, scope)
                clbits: list[Clbit] = []
            elif word in words.GATES:
                operation, clbits = self._gate(word, rest, scope), []
            else:
                operation, bits = self._operation(word, numbers, rest, scope)
                clbits = [scope.clbits[number] for number in bits]
            if (operation.num_qubits, operation.num_clbits) != (len(qubits), len(clbits)):
                raise TranscriptFault(f"'{word}' has too many qubits or bits, or too few")
            circuit.append(operation, qubits, clbits, copy=False)

    def _take(self, *, instructions: int = 0, details: int = 0) -> None:
        if not self._room.take(instructions=instructions, details=details):
            raise TranscriptFault("the circuit is larger than any that passes the check")

    def _standard_gate(self, word: str, angles: object, scope: _Scope) -> Gate:
        kind, count = self._standard[word]
        return kind(*(_angle(value, scope.loops) for value in _listed(angles, count)))

    def _operation(
        self, word: str, numbers: list[int], rest: list[Any], scope: _Scope
    ) -> tuple[Operation, list[int]]:
        """Make what is no gate, and tell the numbers of its bits."""
        match word, rest:
            case words.MEASURE, [clbits]:
                return Measure(), self._bits(clbits, scope)
            case words.RESET, [[]]:
                return Reset(), []
            case words.BARRIER, [[]]:
                return Barrier(len(numbers)), []
            case words.DELAY, [length, unit] if unit in words.UNITS:
                return Delay(_number(length), unit), []
            case ((words.BREAK | words.CONTINUE), [clbits]) if scope.looping:
                kind = BreakLoopOp if word == words.BREAK else ContinueLoopOp
                bits = self._bits(clbits, scope)
                return kind(len(numbers), len(bits)), bits
            case _, [clbits, *more]:
                bits = self._bits(clbits, scope)
                return self._flow(word, numbers, bits, more, scope), bits
        raise TranscriptFault("an instruction that nobody knows")

    def _bits(self, given: object, scope: _Scope) -> list[int]:
        numbers = _distinct(given, scope.clbits)
        if scope.own_clbits is not None and not scope.own_clbits.issuperset(numbers):
            raise TranscriptFault("a block names a bit that it does not have")
        return numbers

    # -- gates --------------------------------------------------------------------------

    def _gate(self, word: str, rest: list[Any], scope: _Scope) -> Gate:
        match word, rest:
            case words.USE, [number, params, power, controls, state]:
                return self._use(number, params, power, controls, state)
            case words.UNITARY, [matrix, label]:
                return _unitary(matrix, label)
            case words.CONTROL, [number, state, [inner, *more]] if isinstance(inner, str):
                number = _whole(number, 1, self._limits.qubits)
                state = _whole(state, 0, (1 << number) - 1)
                if inner in self._standard:
                    (angles,) = more
                    gate = self._standard_gate(inner, angles, scope)
                elif inner == words.UNITARY:
                    gate = _unitary(*more)
                else:
                    raise TranscriptFault("controls of what is no gate")
                if gate.num_qubits + number > self._limits.qubits:
                    raise TranscriptFault("more controls than there are qubits")
                return gate.control(number, ctrl_state=state, annotated=False)
        raise TranscriptFault("a gate that nobody knows")

    def _use(
        self, number: object, params: object, power: object, controls: object, state: object
    ) -> DefinedGate:
        definition = self._gates[_whole(number, 0, len(self._gates) - 1)]
        # What they did has been done: they are shown, and bind nothing.
        values = [_number(value) for value in _listed(params)]
        exponent = _number(power)
        small = definition.body.num_qubits <= words.WIDEST_MATRIX
        if not isinstance(exponent, int) and not (small and definition.gates <= LARGEST_MATRIX):
            raise TranscriptFault("a fraction of a gate that is too large")
        added = _whole(controls, 0, self._limits.qubits - definition.body.num_qubits)
        at = _whole(state, 0, (1 << added) - 1)
        return DefinedGate(definition, values, power=exponent, controls=added, control_state=at)

    # -- control flow -------------------------------------------------------------------

    def _flow(
        self, word: str, qubits: list[int], clbits: list[int], rest: list[Any], scope: _Scope
    ) -> Operation:
        if scope.depth >= words.DEEPEST:
            raise TranscriptFault("blocks nest too deeply")
        inside = scope._replace(
            own=frozenset(qubits), own_clbits=frozenset(clbits), depth=scope.depth + 1
        )
        loop = inside._replace(looping=True)
        match word, rest:
            case words.IF, [condition, *blocks] if len(blocks) in (1, 2):
                tested = self._condition(condition, inside)
                made = [self._block(block, qubits, clbits, inside) for block in blocks]
                return IfElseOp(tested, made[0], made[1] if len(made) > 1 else None)
            case ((words.FOR | words.RANGE), [name, values, block]):
                variable = None if name is None else Parameter(_name(name))
                if variable is not None:
                    loop = loop._replace(loops=(*loop.loops, variable))
                times = self._values(word, values)
                return ForLoopOp(times, variable, self._block(block, qubits, clbits, loop))
        raise TranscriptFault("an instruction that nobody knows")

    def _values(self, word: str, given: object) -> Sequence[int]:
        most = int(words.LARGEST)
        values = [_whole(value, -most, most) for value in _listed(given)]
        if word == words.RANGE:
            if len(values) != 3 or values[2] == 0:
                raise TranscriptFault("a range that is none")
            return range(*values)
        self._take(details=len(values))
        return values

    def _block(
        self, given: object, qubits: list[int], clbits: list[int], scope: _Scope
    ) -> QuantumCircuit:
        cregs, phase, body = _listed(given, 3)
        block = QuantumCircuit(
            [scope.qubits[number] for number in qubits], [scope.clbits[number] for number in clbits]
        )
        numbers = _distinct(cregs, self._cregs)
        own = set(block.clbits)
        for number in numbers:
            self._take(details=len(self._cregs[number]))
            if not own.issuperset(self._cregs[number]):
                raise TranscriptFault("a block names a register that it does not have")
            block.add_register(self._cregs[number])
        self._fill(block, phase, body, scope._replace(cregs=frozenset(numbers)))
        return block

    def _condition(self, given: object, scope: _Scope) -> Any:
        match given:
            case [[*parts]]:
                return self._joined(parts, scope)
            case [register, value]:
                number = _whole(register, 0, len(self._cregs) - 1)
                if number not in scope.cregs:
                    raise TranscriptFault("a condition names a register that its block has not")
                tested = self._cregs[number]
                return tested, _whole(value, 0, (1 << len(tested)) - 1)
        raise TranscriptFault("a condition that is none")

    def _joined(self, parts: list[Any], scope: _Scope) -> Any:
        self._take(details=len(parts))
        match parts:
            case [bit]:
                return scope.clbits[self._bits([bit], scope)[0]], True
            case [bit, words.NOT]:
                return scope.clbits[self._bits([bit], scope)[0]], False
        made: list[expr.Expr] = []
        for part in parts:
            if isinstance(part, bool):
                made.append(expr.lift(part))
            elif isinstance(part, int):
                (number,) = self._bits([part], scope)
                made.append(expr.lift(scope.clbits[number]))
            elif part == words.NOT and made:
                made.append(expr.logic_not(made.pop()))
            elif part in _JOINS and len(made) > 1:
                right, left = made.pop(), made.pop()
                made.append(_JOINS[part](left, right))
            else:
                raise TranscriptFault("a condition that is none")
        (condition,) = made
        return condition


# -- parts --------------------------------------------------------------------------------------


def _listed(given: object, length: int | None = None) -> list[Any]:
    if not isinstance(given, list) or (length is not None and len(given) != length):
        raise TranscriptFault("something else stands where a list should")
    return given


def _whole(given: object, least: int, most: int) -> int:
    if type(given) is not int or not least <= given <= most:
        raise TranscriptFault(f"a number is not from {least} to {most}")
    return given


def _number(given: object) -> int | float:
    # Neither a truth value, nor infinite, nor none at all.
    if type(given) not in (int, float) or not abs(given) <= words.LARGEST:  # type: ignore[arg-type]
        raise TranscriptFault("a parameter is no number, or too large")
    return given  # type: ignore[return-value]


def _angle(given: object, loops: tuple[Parameter, ...]) -> Any:
    if not isinstance(given, list):
        return _number(given)
    rest, factors = _listed(given, 2)
    found: Any = _number(rest)
    for pair in _listed(factors):
        loop, factor = _listed(pair, 2)
        variable = loops[_whole(loop, 0, len(loops) - 1)]
        found = variable * _number(factor) + found
    return found


def _name(given: object) -> str:
    if not isinstance(given, str) or not _NAME.fullmatch(given):
        raise TranscriptFault("a name that is none")
    return given


def _distinct(given: object, among: Sequence[Any]) -> list[int]:
    """Make sure that these are numbers of different things."""
    most, numbers = len(among), _listed(given)
    for number in numbers:
        if type(number) is not int or not 0 <= number < most:
            raise TranscriptFault("there is no such qubit, bit or register")
    if len(set(numbers)) < len(numbers):
        raise TranscriptFault("a qubit, bit or register is named twice")
    return numbers


def _unitary(matrix: object, label: object) -> UnitaryGate:
    values = [complex(*map(_number, _listed(pair, 2))) for pair in _listed(matrix)]
    size = math.isqrt(len(values))
    if size not in [2**qubits for qubits in range(1, words.WIDEST_MATRIX + 1)]:
        raise TranscriptFault("a matrix of a wrong size")
    if label is not None and not (isinstance(label, str) and _LABEL.fullmatch(label)):
        raise TranscriptFault("a label that is none")
    found = Operator([values[row * size : (row + 1) * size] for row in range(size)])
    if not found.is_unitary(atol=_ROUNDING):
        raise TranscriptFault("a matrix that is no gate's")
    return UnitaryGate(found, label=label)
