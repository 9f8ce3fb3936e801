"""From the syntax tree of an OPENQASM-3 circuit to Qiskit's circuit.

This is the importer of qiskit-qasm3-import with its gaps closed: it would pass
the parameters of a defined gate in alphabetical order, copy all definitions
below a gate at every use, give single bits no name, and refuses ``const``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from openqasm3 import ast
from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister, Clbit, Gate, Parameter, Qubit
from qiskit.circuit.library import PhaseGate
from qiskit_qasm3_import import ConversionError, types
from qiskit_qasm3_import.converter import ConvertVisitor
from qiskit_qasm3_import.data import Scope, Symbol
from qiskit_qasm3_import.exceptions import raise_from_node
from qiskit_qasm3_import.expression import resolve_condition
from qiskit_qasm3_import.state import GateScope, LocalScope, State
from typing_extensions import override

from quws.circuits.constants import NotConstantError, Number, evaluate
from quws.circuits.gates import Angle, DefinedGate, Definition, wrap
from quws.circuits.names import safe_name
from quws.domain.errors import InvalidCircuit

LARGEST = 1e15
"""Largest parameter of a gate: beyond it, neighbouring numbers lie further apart than a turn."""

WRITTEN_OUT = 50_000
"""Statements and operations up to which loops are written out; later ones stay loops."""

_MATRIX_QUBITS = 3
"""Gates up to this size are raised to a power by their matrix."""

_CONSTANT_TYPES: dict[type[ast.ClassicalType], tuple[Callable[..., Number], Any]] = {
    ast.IntType: (int, types.Int),
    ast.UintType: (int, types.Uint),
    ast.FloatType: (float, types.Float),
    ast.AngleType: (float, types.Angle),
    ast.BoolType: (bool, types.Bool),
}


def load(program: ast.Program, source: str, loops: Mapping[int, int]) -> QuantumCircuit:
    """Make the circuit of a program.

    ``loops`` has the statements and operations that each loop becomes when it
    is written out, by the ``id`` of its node. Short loops are written out, so
    that their variables can be indices.

    Raises
    ------
    ConversionError
        The program uses what the importer does not know; the message begins
        with line and column (from 0) if there is a place to name.

    """
    return Loader(source, loops).convert(program).circuit


def _insert(context: State, name: str, data: object, kind: types.Type, node: ast.QASMNode) -> None:
    symbol = Symbol(name, data, kind, context.scope, node)
    context.symbol_table.insert(symbol)  # type: ignore[no-untyped-call]


def _raised(gate: Gate, exponent: int) -> Gate:
    if isinstance(gate, DefinedGate):
        return gate.raised(exponent)
    return (
        gate.power(exponent) if gate.num_qubits <= _MATRIX_QUBITS else wrap(gate).raised(exponent)
    )


def _is_left_early(block: Iterable[ast.QASMNode]) -> bool:
    """Whether a loop with this body has a ``break`` or ``continue`` of its own."""
    for node in block:
        if isinstance(node, ast.BreakStatement | ast.ContinueStatement):
            return True
        if isinstance(node, ast.BranchingStatement) and _is_left_early(
            [*node.if_block, *node.else_block]
        ):
            return True
        if isinstance(node, ast.Box) and _is_left_early(node.body):
            return True
    return False


class Loader(ConvertVisitor):
    """The importer with its gaps closed."""

    def __init__(self, source: str, loops: Mapping[int, int]) -> None:
        super().__init__()
        self._text = source
        self._loops = loops
        self._room = WRITTEN_OUT
        self._writing_out = False
        self._in_gate = False

    @override
    def visit(self, node: ast.QASMNode, context: State | None = None) -> State:
        try:
            result: State = super().visit(node, context)
        except ConversionError as error:
            if error.message[:1].isdigit():
                raise
            raise_from_node(node, error.message)
        except (InvalidCircuit, RecursionError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever Qiskit raises gets its place here
            raise_from_node(node, str(getattr(error, "message", error)))
        return result

    # Values

    @override
    def _resolve_generic(
        self, node: ast.Expression, context: State, strict: bool
    ) -> tuple[Any, types.Type]:
        if isinstance(node, ast.BinaryExpression | ast.UnaryExpression | ast.FunctionCall):

            def lookup(name: str) -> Number | None:
                symbol = context.symbol_table.get(name, node)
                known = symbol is not None and getattr(symbol.type, "const", False)
                return symbol.data if known and isinstance(symbol.data, int | float) else None

            try:
                value = evaluate(node, lookup)
            except NotConstantError:
                pass
            else:
                return value, (types.Int if isinstance(value, int) else types.Float)(const=True)
        return super()._resolve_generic(node, context, strict)

    @override
    def _resolve_angle(self, node: ast.Expression, context: State) -> Angle:
        value: Angle = super()._resolve_angle(node, context)
        if isinstance(value, int | float) and not abs(value) <= LARGEST:
            raise_from_node(node, f"the parameter {value:g} is not finite or above {LARGEST:g}")
        return value

    def visit_ConstantDeclaration(self, node: ast.ConstantDeclaration, context: State) -> State:
        """Keep a constant as a name for its value."""
        if type(node.type) not in _CONSTANT_TYPES:
            kind = type(node.type).__name__.removesuffix("Type").lower()
            raise_from_node(node, f"constants of type '{kind}' are not supported")
        convert, kind = _CONSTANT_TYPES[type(node.type)]
        value, _ = self._resolve_generic(node.init_expression, context, strict=False)
        if not isinstance(value, int | float) or (convert is int and not isinstance(value, int)):
            raise_from_node(node, f"'{node.identifier.name}' is not a constant of its type")
        _insert(context, node.identifier.name, convert(value), kind(const=True), node)
        return context

    # Bits

    @override
    def visit_ClassicalDeclaration(self, node: ast.ClassicalDeclaration, context: State) -> State:
        if not isinstance(node.type, ast.BitType) or context.scope is not Scope.GLOBAL:
            return super().visit_ClassicalDeclaration(node, context)
        name, size = node.identifier.name, 1
        if node.type.size is not None:
            size = self._resolve_constant_int(node.type.size, context)
        # A single bit becomes a register of one, so that its counts have a name.
        register = ClassicalRegister(size, name)
        context.circuit.add_register(register)
        bits, kind = (
            (register[0], types.Bit())
            if node.type.size is None
            else (register, types.BitArray(size))
        )
        _insert(context, name, bits, kind, node)
        if isinstance(node.init_expression, ast.QuantumMeasurement):
            context.circuit.measure(self._operand(node.init_expression.qubit, context), bits)
        elif node.init_expression is not None:
            raise_from_node(node, "only a measurement may give a bit its first value")
        return context

    @override
    def visit_AliasStatement(self, node: ast.AliasStatement, context: State) -> State:
        context = super().visit_AliasStatement(node, context)
        symbol = context.symbol_table.get(node.target.name, node)
        if symbol is None or not isinstance(symbol.type, types.QubitArray):
            raise_from_node(node, "only qubits can be given another name with 'let'")
        return context

    def _operand(self, node: Any, context: State) -> Any:
        return self._resolve_qarg(node, context)

    @override
    def _resolve_condition(
        self, node: ast.Expression, context: State
    ) -> tuple[Clbit, bool] | tuple[ClassicalRegister, int]:
        if isinstance(node, ast.BinaryExpression):
            sides = [
                self._truth(node.lhs, node.rhs, context),
                self._truth(node.rhs, node.lhs, context),
            ]
            span, node = node.span, ast.BinaryExpression(node.op, *sides)
            node.span = span
        tested, value = resolve_condition(node, context)
        if not isinstance(tested, Clbit | ClassicalRegister):
            # The importer would add a register, which would then show up in the counts.
            raise_from_node(node, "a condition must test a single bit or a whole register")
        return tested, value

    def _truth(self, node: ast.Expression, other: ast.Expression, context: State) -> ast.Expression:
        """Read 0 and 1 as truth values where they are compared with a single bit."""
        if isinstance(node, ast.IntegerLiteral) and node.value in (0, 1):
            _, kind = self._resolve_generic(other, context, strict=True)
            if isinstance(kind, types.Bit):
                return ast.BooleanLiteral(bool(node.value))
        return node

    @override
    def visit_ForInLoop(self, node: ast.ForInLoop, context: State) -> State:
        length = self._loops.get(id(node), self._room + 1)
        if _is_left_early(node.block) or (length > self._room and not self._writing_out):
            if self._in_gate:
                raise_from_node(node, "a loop in a gate must be short, without break and continue")
            return super().visit_ForInLoop(node, context)
        values, kind = self._values(node.set_declaration, context)
        if isinstance(kind, types.Range):
            values = range(values.start, values.stop, values.step or 1)
        outermost, self._writing_out = not self._writing_out, True
        if outermost:
            self._room -= length
        for value in values:
            with LocalScope(context) as inner:
                _insert(inner, node.identifier.name, value, types.Int(const=True), node)
                for statement in node.block:
                    self.visit(statement, inner)
        if outermost:
            self._writing_out = False
        return context

    def _values(self, node: Any, context: State) -> tuple[Any, types.Type]:
        return self._resolve_generic(node, context, strict=True)

    # Gates

    @override
    def visit_QuantumGateDefinition(self, node: ast.QuantumGateDefinition, context: State) -> State:
        parameters = tuple(Parameter(argument.name) for argument in node.arguments)
        qubits = [Qubit() for _ in node.qubits]
        with GateScope(context) as inner:
            inner.circuit.add_bits(qubits)
            for parameter in parameters:
                _insert(inner, parameter.name, parameter, types.Angle(), node)
            for name, qubit in zip(node.qubits, qubits, strict=True):
                _insert(inner, name.name, qubit, types.Qubit(), node)
            self._in_gate = True
            for statement in node.body:
                self.visit(statement, inner)
            self._in_gate = False
        definition = Definition(safe_name(node.name.name, self._text), inner.circuit, parameters)
        return self._define_gate(
            node.name.name,
            lambda *values: DefinedGate(definition, values),
            len(parameters),
            len(qubits),
            node,
            context,
        )

    @override
    def visit_QuantumGate(self, node: ast.QuantumGate, context: State) -> State:
        symbol = context.symbol_table.get(node.name.name, node)
        if symbol is not None and isinstance(symbol.type, types.Gate):
            wanted, given = symbol.type.n_classical, len(node.arguments)
            if isinstance(wanted, list):  # a built-in gate has a list of types
                wanted = len(wanted)
            if wanted != given:
                raise_from_node(
                    node,
                    f"the gate '{node.name.name}' takes {wanted} parameters, {given} are given",
                )
        return super().visit_QuantumGate(node, context)

    @override
    def visit_QuantumPhase(self, node: ast.QuantumPhase, context: State) -> State:
        angle = self._resolve_angle(node.argument, context)
        controls = state = 0
        for modifier in reversed(node.modifiers):
            if modifier.modifier is ast.GateModifierName.inv:
                angle = -angle
            elif modifier.modifier is ast.GateModifierName.pow:
                angle = angle * self._exponent(modifier, context)
            else:
                number, all_set = self._controls(modifier, context)
                controls, state = controls + number, state << number | all_set
        if controls != len(node.qubits):
            raise_from_node(node, f"gphase with {controls} controls takes as many qubits")
        if not controls:
            context.circuit.global_phase += angle
            return context
        # With controls it is a phase gate on the last of them, and on 0 if that one is open.
        is_open = not state >> (controls - 1)
        gate: Gate = PhaseGate(angle)
        if controls > 1:
            others = controls - 1
            gate = gate.control(others, ctrl_state=state & ((1 << others) - 1), annotated=False)
        operands = [self._operand(qubit, context) for qubit in node.qubits]
        for qubits in self._broadcast_gate(operands, node):
            if is_open:
                context.circuit.x(qubits[-1])
            context.circuit.append(gate, qubits)
            if is_open:
                context.circuit.x(qubits[-1])
        return context

    @override
    def _apply_gate_modifier(
        self, modifier: ast.QuantumGateModifier, gate: Gate, context: State
    ) -> Gate:
        if modifier.modifier is ast.GateModifierName.inv:
            return gate.inverse()
        if modifier.modifier is ast.GateModifierName.pow:
            exponent = self._exponent(modifier, context)
            if isinstance(exponent, int):
                return gate if exponent == 1 else _raised(gate, exponent)
            if isinstance(gate, DefinedGate) or gate.num_qubits > _MATRIX_QUBITS:
                raise_from_node(modifier, "only standard gates can be raised to a fraction")
            return gate.power(exponent)
        number, state = self._controls(modifier, context)
        if isinstance(gate, DefinedGate):
            return gate.controlled(number, state)
        return gate.control(number, ctrl_state=state, annotated=False)

    def _exponent(self, modifier: ast.QuantumGateModifier, context: State) -> Number:
        if modifier.argument is None:
            raise_from_node(modifier, "'pow' needs a number")
        value = self._resolve_constant_float(modifier.argument, context)
        return int(value) if value == int(value) else value

    def _controls(self, modifier: ast.QuantumGateModifier, context: State) -> tuple[int, int]:
        """How many controls a modifier adds, and at which value of theirs the gate acts."""
        number = 1
        if modifier.argument is not None:
            number = self._resolve_constant_int(modifier.argument, context)
        return number, ((1 << number) - 1 if modifier.modifier is ast.GateModifierName.ctrl else 0)
