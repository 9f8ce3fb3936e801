"""The operation count of OPENQASM-3 circuits, on the syntax tree and before any gate is made."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TypeVar

from openqasm3 import ast

from quws.circuits.constants import BUILTIN, NotConstantError, Number, evaluate
from quws.circuits.count import ENOUGH, Count, finish
from quws.circuits.ranges import numbers, places
from quws.circuits.tokens import quote
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit
from quws.domain.words import counted

_Value = TypeVar("_Value")

STEPS = 20_000
"""Statements that are counted turn by turn, where loops depend on the variables of others."""

MOST_TURNS = 10**18
"""Longest loop whose length Python can tell; far more than any target takes."""


def count_openqasm3(program: ast.Program, limits: CircuitLimits) -> Count:
    """Count the operations of an OPENQASM-3 circuit.

    Both branches of an ``if`` count. A gate with controls counts more than one
    operation from the third control on, as its decomposition grows with them.

    Raises
    ------
    InvalidCircuit
        There are too many, a loop is not bounded by constants,
        or a register is larger than the target takes.

    """
    counting = _Counting(limits)
    operations = counting.block(program.statements)
    finish(operations, counting.condition_bits, limits)
    return Count(operations, frozenset(counting.gates), counting.loops)


class _Counting:
    """One walk over the statements of one program."""

    def __init__(self, limits: CircuitLimits) -> None:
        self.limits = limits
        self.constants: dict[str, Number | None] = dict(BUILTIN)
        self.sizes: dict[str, int] = {}
        self.gates: dict[str, int] = {}
        self.defining: str | None = None
        self.qubits = 0
        self.clbits = 0
        self.condition_bits = 0
        self.depth = 1
        self.current: ast.QASMNode
        self.loops: dict[int, int] = {}
        self.loops_around = 0
        self.statements = 0
        self.turn_by_turn = False
        self.steps = 0

    def block(self, statements: Sequence[ast.Statement | ast.Pragma]) -> int:
        return sum(self.statement(statement) for statement in statements)

    def statement(self, node: ast.Statement | ast.Pragma) -> int:
        """Count one statement; one of a kind that is not known counts nothing."""
        handler = _HANDLERS.get(type(node))
        if handler is None:
            return 0
        self.current = node
        self.statements += 1
        if self.turn_by_turn:
            self.steps += 1
            if self.steps > STEPS:
                _refuse(node, "loops that depend on the variable of another are too long")
        try:
            return min(handler(self, node), ENOUGH)
        except NotConstantError:
            if self.loops_around:
                raise  # the loop around may know the value, turn by turn
            _refuse(node, "a size, a range or a gate modifier here is not a constant")
        except (ArithmeticError, ValueError) as error:
            _refuse(node, f"a constant here has no value: {error}")

    @contextmanager
    def inside(self, names: Mapping[str, Number | None]) -> Iterator[None]:
        """Enter a block in which names have other values than outside; None for not constant.

        What is declared in the block is forgotten at its end, as everywhere
        in the language; else a size could be hidden behind a smaller one.
        """
        outside, sizes = self.constants, self.sizes
        if names:
            self.constants = {**outside, **names}
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1
            self.constants, self.sizes = outside, sizes

    def value(self, node: ast.Expression) -> Number:
        return evaluate(node, self.constants.get)

    def whole(self, node: ast.Expression, what: str) -> int:
        value = self.value(node)
        if not isinstance(value, int):
            _refuse(self.current, f"{what} must be a whole number")
        return value

    # Sizes

    def declared(self, node: ast.Statement, name: str, size: ast.Expression | None) -> int:
        number = 1 if size is None else self.whole(size, "the size of a register")
        if number < 1:
            _refuse(node, f"the register {quote(name)} must have at least one bit")
        self.sizes[name] = number
        return number

    def size(self, node: ast.QASMNode) -> int:
        """How many bits an operand stands for."""
        if self.defining is not None:
            return 1  # operands within a gate are single qubits
        match node:
            case ast.Identifier():
                return self.sizes.get(node.name, 1)
            case ast.IndexedIdentifier():
                size = self.size(node.name)
                for index in node.indices:
                    size = self.indexed(size, index)
                return size
            case ast.IndexExpression():
                return self.indexed(self.size(node.collection), node.index)
            case ast.Concatenation():
                return self.size(node.lhs) + self.size(node.rhs)
        return 1

    def indexed(self, size: int, index: ast.IndexElement) -> int:
        if isinstance(index, ast.DiscreteSet):
            return len(index.values)
        if len(index) == 1 and isinstance(index[0], ast.RangeDefinition):
            start, stop, step = (
                None if bound is None else self.whole(bound, "the bound of a range")
                for bound in (index[0].start, index[0].end, index[0].step)
            )
            try:
                return len(places(size, start, stop, step))
            except ValueError as error:
                _refuse(self.current, str(error))
        return 1

    # Statements

    def qubits_declared(self, node: ast.QubitDeclaration) -> int:
        self.qubits += self.declared(node, node.qubit.name, node.size)
        if self.qubits > self.limits.qubits:
            _refuse(
                node,
                f"the circuit declares {self.qubits} qubits, the target has {self.limits.qubits}",
            )
        return 0

    def bits_declared(self, node: ast.ClassicalDeclaration) -> int:
        if not isinstance(node.type, ast.BitType):
            return 0
        self.clbits += self.declared(node, node.identifier.name, node.type.size)
        if self.clbits > self.limits.clbits:
            _refuse(
                node,
                f"the circuit declares {self.clbits} classical bits, the target takes"
                f" {self.limits.clbits}",
            )
        if isinstance(node.init_expression, ast.QuantumMeasurement):
            return self.measuring(
                node, node.init_expression.qubit, self.sizes[node.identifier.name]
            )
        return 0

    def constant(self, node: ast.ConstantDeclaration) -> int:
        value: Number | None = None
        with suppress(NotConstantError):
            value = self.value(node.init_expression)
        self.constants = self.declare(self.constants, node.identifier.name, value)
        return 0

    def alias(self, node: ast.AliasStatement) -> int:
        size = self.size(node.value)
        self.sizes = self.declare(self.sizes, node.target.name, size)
        self.condition_bits += size  # a copy of the register's list of bits
        return 0

    def declare(self, table: dict[str, _Value], name: str, value: _Value) -> dict[str, _Value]:
        """Add a name to a table; within a block, to a copy that lasts as long as the block."""
        if self.depth == 1:
            table[name] = value
            return table
        self.condition_bits += len(table)  # a copy costs as much
        return {**table, name: value}

    def gate_defined(self, node: ast.QuantumGateDefinition) -> int:
        if len(node.qubits) > self.limits.qubits:
            _refuse(
                node,
                f"the gate {quote(node.name.name)} acts on"
                f" {counted(len(node.qubits), 'qubit')},"
                f" the target has {self.limits.qubits}",
            )
        self.defining = node.name.name
        with self.inside(dict.fromkeys(argument.name for argument in node.arguments)):
            operations = self.block(node.body)
        self.defining = None
        self.gates[node.name.name] = min(operations, ENOUGH)
        return 0

    def gate_used(self, node: ast.QuantumGate) -> int:
        name = node.name.name
        if name == self.defining:
            _refuse(node, f"the gate {quote(name)} uses itself")
        return self.applied(node, self.gates.get(name, 1))

    def applied(self, node: ast.QuantumGate | ast.QuantumPhase, operations: int) -> int:
        """Count a gate with its modifiers, on all the qubits that are named."""
        controls = 0
        for modifier in node.modifiers:
            if modifier.modifier is ast.GateModifierName.pow:
                if modifier.argument is not None:
                    operations *= max(1, math.ceil(abs(self.value(modifier.argument))))
            elif modifier.modifier is not ast.GateModifierName.inv:
                number = 1
                if modifier.argument is not None:
                    number = self.whole(modifier.argument, "the number of controls")
                controls += number
                if number < 1 or controls > self.limits.qubits:
                    _refuse(
                        node,
                        f"a gate may have between 1 and {self.limits.qubits} controls",
                    )
        if controls > 2:
            operations *= 50 * controls
        return operations * max((self.size(qubit) for qubit in node.qubits), default=1)

    def phase(self, node: ast.QuantumPhase) -> int:
        return self.applied(node, 1)

    def measured(self, node: ast.QuantumMeasurementStatement) -> int:
        bits = None if node.target is None else self.size(node.target)
        return self.measuring(node, node.measure.qubit, bits)

    def measuring(self, node: ast.Statement, qubit: ast.QASMNode, bits: int | None) -> int:
        qubits = self.size(qubit)
        if bits is not None and qubits != bits:
            # Qiskit would measure a single qubit into every bit.
            _refuse(
                node,
                f"{counted(qubits, 'qubit')} cannot be measured into {counted(bits, 'bit')}",
            )
        return qubits

    def reset(self, node: ast.QuantumReset) -> int:
        return self.size(node.qubits)

    def delay(self, node: ast.DelayInstruction) -> int:
        return sum(self.size(qubit) for qubit in node.qubits) or 1

    def box(self, node: ast.Box) -> int:
        with self.inside({}):
            return self.block(node.body)

    def compound(self, node: ast.CompoundStatement) -> int:
        return self.block(node.statements)

    def branch(self, node: ast.BranchingStatement) -> int:
        # Every block around this one holds the tested bits as well.
        self.condition_bits += self.depth * self.tested(node.condition)
        with self.inside({}):
            return self.block(node.if_block) + self.block(node.else_block)

    def tested(self, node: ast.Expression) -> int:
        """Count the bits that a condition tests."""
        match node:
            case ast.BinaryExpression():
                return self.tested(node.lhs) + self.tested(node.rhs)
            case ast.UnaryExpression():
                return self.tested(node.expression)
            case ast.Cast():
                return self.tested(node.argument)
            case ast.Identifier() | ast.IndexExpression():
                return self.size(node)
        return 0

    def loop(self, node: ast.ForInLoop) -> int:
        values = self.turns(node)
        name = node.identifier.name
        statements, condition_bits = self.statements, self.condition_bits
        self.loops_around += 1
        try:
            with self.inside({name: None}):
                operations = len(values) * max(1, self.block(node.block))
            within = len(values) * (1 + self.statements - statements)
        except NotConstantError:
            # Something depends on the loop's variable, so every turn is counted by itself.
            self.statements, self.condition_bits = statements, condition_bits
            operations = 0
            with self.turning():
                for value in values:
                    with self.inside({name: value}):
                        operations += max(1, self.block(node.block))
            within = len(values) + self.statements - statements
        finally:
            self.loops_around -= 1
        self.statements = min(statements + within, ENOUGH)
        written_out = within + operations
        self.loops[id(node)] = max(self.loops.get(id(node), 0), written_out)
        return operations

    @contextmanager
    def turning(self) -> Iterator[None]:
        """Count what is done in the loops that are counted turn by turn."""
        outside, self.turn_by_turn = self.turn_by_turn, True
        try:
            yield
        finally:
            self.turn_by_turn = outside

    def turns(self, node: ast.ForInLoop) -> Sequence[Number | None]:
        """List the values that the variable of a loop takes, None where one is not known."""
        over = node.set_declaration
        if isinstance(over, ast.DiscreteSet):
            return [self.value(value) for value in over.values]
        if not isinstance(over, ast.RangeDefinition) or over.start is None or over.end is None:
            _refuse(node, "a loop must run over a set or over a range with a start and an end")
        first = self.whole(over.start, "the start of a range")
        last = self.whole(over.end, "the end of a range")
        step = 1 if over.step is None else self.whole(over.step, "the step of a range")
        try:
            turns = numbers(first, last, step)
        except ValueError as error:
            _refuse(node, str(error))
        if turns and abs(last - first) // abs(step) > MOST_TURNS:
            _refuse(node, "a loop has more than 1e18 turns")
        return turns


def _endless(_counting: _Counting, node: ast.WhileLoop) -> int:
    _refuse(node, "while loops are not supported by this target, since nothing bounds them")


def _refuse(node: ast.QASMNode, sentence: str) -> NoReturn:
    line, column = (None, None)
    if node.span is not None:
        line, column = node.span.start_line, node.span.start_column + 1
    raise InvalidCircuit(sentence, line=line, column=column)


_HANDLERS: dict[type[Any], Callable[[_Counting, Any], int]] = {
    ast.AliasStatement: _Counting.alias,
    ast.Box: _Counting.box,
    ast.BranchingStatement: _Counting.branch,
    ast.ClassicalDeclaration: _Counting.bits_declared,
    ast.CompoundStatement: _Counting.compound,
    ast.ConstantDeclaration: _Counting.constant,
    ast.DelayInstruction: _Counting.delay,
    ast.ForInLoop: _Counting.loop,
    ast.QuantumBarrier: lambda _counting, _node: 1,
    ast.QuantumGate: _Counting.gate_used,
    ast.QuantumGateDefinition: _Counting.gate_defined,
    ast.QuantumMeasurementStatement: _Counting.measured,
    ast.QuantumPhase: _Counting.phase,
    ast.QuantumReset: _Counting.reset,
    ast.QubitDeclaration: _Counting.qubits_declared,
    ast.WhileLoop: _endless,
}
