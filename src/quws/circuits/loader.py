"""From the syntax tree of an OPENQASM-3 circuit to Qiskit's circuit.

This is the importer of qiskit-qasm3-import with its gaps closed: it would pass
the parameters of a defined gate in alphabetical order, copy all definitions
below a gate at every use, give single bits no name, and refuses ``const``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from openqasm3 import ast
from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister, Gate, Parameter, Qubit
from qiskit.circuit.library import PhaseGate
from qiskit_qasm3_import import ConversionError, types
from qiskit_qasm3_import.converter import ConvertVisitor
from qiskit_qasm3_import.data import Scope, Symbol
from qiskit_qasm3_import.exceptions import raise_from_node
from qiskit_qasm3_import.state import GateScope, LocalScope, State
from typing_extensions import override

from quws.circuits.conditions import decided
from quws.circuits.constants import Number, Turn
from quws.circuits.formats.format import Input
from quws.circuits.gates import Angle, Builder, DefinedGate, Definition, raised
from quws.circuits.names import free_name, safe_name
from quws.circuits.phases import (
    STANDARD_BY_LETTER,
    Difference,
    difference_of,
    meant_for_qiskit,
    with_phase,
)
from quws.circuits.resolver import Resolver
from quws.circuits.tokens import quote, text_of
from quws.circuits.truth import Condition, condition_of
from quws.domain.bindings import LARGEST
from quws.domain.circuits import MOST_NOTES
from quws.domain.errors import InvalidCircuit
from quws.domain.words import counted

WRITTEN_OUT = 50_000
"""Statements and operations up to which loops are written out; later ones stay loops."""

_CONSTANT_TYPES: dict[type[ast.ClassicalType], tuple[Callable[..., Number], Any]] = {
    ast.IntType: (int, types.Int),
    ast.UintType: (int, types.Uint),
    ast.FloatType: (float, types.Float),
    ast.AngleType: (Turn, types.Angle),
    ast.BoolType: (bool, types.Bool),
}


class Loaded(NamedTuple):
    """A circuit, and how it was read where its writer may have meant something else."""

    circuit: QuantumCircuit
    notes: list[str]
    inputs: Mapping[str, Input]


def load(
    program: ast.Program, source: str, loops: Mapping[int, int], *, qiskit: bool = False
) -> Loaded:
    """Make the circuit of a program.

    ``loops`` has the statements and operations that each loop becomes when it
    is written out, by the ``id`` of its node. Short loops are written out, so
    that their variables can be indices. ``qiskit`` asks for Qiskit's phase of
    U, u2 and u3, which is also taken where only that makes the standard gates
    that the program defines the standard gates.

    Raises
    ------
    ConversionError
        The program uses what the importer does not know; the message begins
        with line and column (from 0) if there is a place to name.

    """
    loader = Loader(source, loops, qiskit=qiskit)
    circuit = loader.convert(program).circuit
    notes: list[str] = []
    if loader.difference.beyond:
        # What is asked for needs no reason; else the definitions may give one.
        names = [] if qiskit else _meant_for_qiskit(program, source, loops, loader)
        if names:
            loader = Loader(source, loops, qiskit=True)
            circuit = loader.convert(program).circuit
        notes.append(_which(qiskit, names))
    notes += loader.divisions.values()
    return Loaded(decided(circuit), notes, loader.inputs)


def _meant_for_qiskit(
    program: ast.Program, source: str, loops: Mapping[int, int], loader: Loader
) -> list[str]:
    def again() -> Mapping[str, Definition]:
        other = Loader(source, loops, qiskit=True)
        kinds = ast.Include | ast.ConstantDeclaration | ast.QuantumGateDefinition
        other.convert(ast.Program([item for item in program.statements if isinstance(item, kinds)]))
        return other.definitions

    # What is put together of other definitions may be right by chance.
    by_hand = {
        item.name.name
        for item in program.statements
        if isinstance(item, ast.QuantumGateDefinition)
        and any(isinstance(part, ast.QuantumGate) and part.name.name == "U" for part in item.body)
    }
    return meant_for_qiskit(
        {name: loader.definitions[name] for name in loader.definitions if name in by_hand}, again
    )


def _which(asked: bool, names: Sequence[str]) -> str:
    if asked:
        return (
            "U, u2 and u3 are read with Qiskit's global phase, as LANG says; by the OpenQASM 3"
            " standard this circuit would be another one"
        )
    if names:
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        return (
            "U is read with Qiskit's global phase and not with that of the OpenQASM 3 standard,"
            f" since only that makes the gates that the circuit defines ({shown}) the standard"
            " gates of these names"
        )
    return (
        "U, u2 and u3 are read by the OpenQASM 3 standard; with Qiskit's global phase this circuit"
        " would be another one, which LANG=OPENQASM-3-QISKIT runs"
    )


def _insert(context: State, name: str, data: object, kind: types.Type, node: ast.QASMNode) -> None:
    symbol = Symbol(name, data, kind, context.scope, node)
    context.symbol_table.insert(symbol)  # type: ignore[no-untyped-call]


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

    def __init__(self, source: str, loops: Mapping[int, int], *, qiskit: bool = False) -> None:
        super().__init__()
        self._qiskit = qiskit
        self.difference = Difference()
        self._phased = {name: free_name(name, source) for name in ("U", "u2", "u3")}
        self.definitions: dict[str, Definition] = {}
        self.divisions: dict[int, str] = {}
        self.inputs: dict[str, Input] = {}
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
        found: tuple[Any, types.Type] = Resolver(context, strict, self._divided).resolve(node)
        return found

    def _divided(self, node: ast.BinaryExpression, quotient: int, exact: float) -> None:
        """Note a division of whole numbers that leaves a rest: the first ones, as nobody is told
        of more.
        """
        if id(node) not in self.divisions and len(self.divisions) < MOST_NOTES:
            text = quote(text_of(node, self._text))
            where = f"line {node.span.start_line}: " if node.span else ""
            self.divisions[id(node)] = (
                f"{where}{text} divides whole numbers, which gives {quotient} by the OpenQASM 3"
                f" standard; write one of them with a decimal point, as in '1.0', for {exact:.4g}"
            )

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
        constant = convert(value)
        if isinstance(node.type, ast.AngleType) and node.type.size is not None:
            constant = Turn(value, self._resolve_constant_int(node.type.size, context))
        _insert(context, node.identifier.name, constant, kind(const=True), node)
        return context

    @override
    def visit_IODeclaration(self, node: ast.IODeclaration, context: State) -> State:
        found: State = super().visit_IODeclaration(node, context)
        symbol = found.symbol_table.get(node.identifier.name, node)
        is_angle = isinstance(symbol.type, types.Angle)
        taken = partial(Turn, bits=symbol.type.size) if is_angle else float
        self.inputs[symbol.name] = Input(symbol.data, taken)
        return found

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
        value, kind = self._resolve_generic(node.value, context, strict=True)
        if isinstance(kind, types.Qubit | types.HardwareQubit):
            _insert(context, node.target.name, value, kind, node)
            return context
        if not isinstance(kind, types.QubitArray):
            raise_from_node(node, "only qubits can be given another name with 'let'")
        return super().visit_AliasStatement(node, context)

    @override
    def visit_QuantumMeasurementStatement(
        self, node: ast.QuantumMeasurementStatement, context: State
    ) -> State:
        if node.target is None:
            raise_from_node(
                node, "what is measured must be stored, as in 'c = measure q;' with 'bit[2] c;'"
            )
        return super().visit_QuantumMeasurementStatement(node, context)

    def _operand(self, node: Any, context: State) -> Any:
        return self._resolve_qarg(node, context)

    @override
    def _resolve_condition(self, node: ast.Expression, context: State) -> Condition:
        return condition_of(node, lambda part: self._resolve_generic(part, context, strict=True))

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
            whole, self.difference = self.difference, Difference()
            for statement in node.body:
                self.visit(statement, inner)
            whole, self.difference = self.difference, whole
            self._in_gate = False
        definition = Definition(
            safe_name(node.name.name, self._text),
            inner.circuit,
            parameters,
            shift=whole.shift,
            differs=whole.beyond,
        )
        self.definitions[node.name.name] = definition
        return self._define_gate(
            node.name.name,
            Builder(definition),
            len(parameters),
            len(qubits),
            node,
            context,
        )

    @override
    def visit_QuantumGate(self, node: ast.QuantumGate, context: State) -> State:
        if node.duration is not None:
            raise_from_node(node, "gates with durations are not supported")
        builder = self._builder(node, context)
        values = [self._resolve_angle(argument, context) for argument in node.arguments]
        difference = difference_of(builder, values)
        by_letter = builder in STANDARD_BY_LETTER and not self._qiskit
        if by_letter and node.modifiers:
            gate = with_phase(builder, values, self._phased[node.name.name])
        else:
            gate = builder(*values)
            if by_letter and self._in_gate:
                context.circuit.global_phase += difference.shift
        for modifier in reversed(node.modifiers):
            gate = self._modified(modifier, gate, difference, context)
        # Around the whole circuit a phase can never be seen.
        self.difference.add(difference if self._in_gate else Difference(beyond=difference.beyond))
        operands = [self._operand(qubit, context) for qubit in node.qubits]
        for number, qubits in enumerate(self._broadcast_gate(operands, node)):
            context.circuit.append(gate.copy() if number else gate, qubits)
        return context

    def _builder(self, node: ast.QuantumGate, context: State) -> Any:
        """Find what makes the gate that is named."""
        name = node.name.name
        symbol = context.symbol_table.get(name, node)
        if symbol is None:
            raise_from_node(node, f"gate '{name}' is not defined")
        if not isinstance(symbol.type, types.Gate):
            raise_from_node(node, f"'{name}' is a '{symbol.type.pretty()}', not a gate")
        wanted, given = symbol.type.n_classical, len(node.arguments)
        if isinstance(wanted, list):  # a built-in gate has a list of types
            wanted = len(wanted)
        if wanted != given:
            parameters = counted(wanted, "parameter")
            raise_from_node(node, f"the gate '{name}' takes {parameters}, not {given}")
        return symbol.data

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

    def _modified(
        self, modifier: ast.QuantumGateModifier, gate: Gate, difference: Difference, context: State
    ) -> Gate:
        if modifier.modifier is ast.GateModifierName.inv:
            difference.raise_to(-1)
            return gate.inverse()
        if modifier.modifier is ast.GateModifierName.pow:
            exponent = self._exponent(modifier, context)
            difference.raise_to(exponent)
            return raised(gate, exponent)
        difference.control()
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
