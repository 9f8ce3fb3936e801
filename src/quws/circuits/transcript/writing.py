"""From Qiskit's circuit to its transcript, in the process that has read the text."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from qiskit import QuantumCircuit
from qiskit.circuit import (
    ControlFlowOp,
    ControlledGate,
    ForLoopOp,
    Gate,
    IfElseOp,
    Parameter,
    ParameterExpression,
)
from qiskit.circuit.classical import expr
from qiskit.circuit.library import UnitaryGate

from quws.circuits.gates import DefinedGate, definition_key
from quws.circuits.names import RESERVED
from quws.circuits.transcript import words
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit

_JOINS = {
    expr.Binary.Op.LOGIC_AND: "and",
    expr.Binary.Op.LOGIC_OR: "or",
    expr.Binary.Op.EQUAL: "==",
    expr.Binary.Op.NOT_EQUAL: "!=",
}
_NOTS = (expr.Unary.Op.LOGIC_NOT, expr.Unary.Op.BIT_NOT)
_PLAIN = frozenset([words.MEASURE, words.RESET, words.BARRIER])
_LEAVES = {"break_loop": words.BREAK, "continue_loop": words.CONTINUE}


def write(circuit: QuantumCircuit, limits: CircuitLimits) -> dict[str, Any]:
    """Return the transcript of a circuit, which has passed the check with these limits.

    Raises
    ------
    InvalidCircuit
        It has something for which there is no word.

    """
    return _Writer(circuit, limits).circuit()


class _Scope(NamedTuple):
    """What is known where an instruction stands."""

    qubits: Mapping[Any, int]
    clbits: Mapping[Any, int]
    loops: tuple[Parameter, ...] = ()


class _Writer:
    def __init__(self, circuit: QuantumCircuit, limits: CircuitLimits) -> None:
        self._circuit = circuit
        self._room = words.Room(limits)
        self._standard = words.standard_gates()
        self._names = {gate.kind: name for name, gate in self._standard.items()}
        self._cregs = {register: number for number, register in enumerate(circuit.cregs)}
        self._gates: list[Any] = []
        self._known: dict[Hashable, int] = {}
        self._sources: list[Any] = []
        """What is known by its ``id`` must live on."""
        self._controls: dict[Hashable, bool] = {}

    def circuit(self) -> dict[str, Any]:
        circuit = self._circuit
        scope = _Scope(_numbers(circuit.qubits), _numbers(circuit.clbits))
        self._take(details=sum(item.size for item in (*circuit.qregs, *circuit.cregs)))
        phase, body = self._body(circuit, scope)
        return {
            "qubits": circuit.num_qubits,
            "clbits": circuit.num_clbits,
            "qregs": [[item.name, [scope.qubits[bit] for bit in item]] for item in circuit.qregs],
            "cregs": [[item.name, [scope.clbits[bit] for bit in item]] for item in circuit.cregs],
            "gates": self._gates,
            "phase": phase,
            "body": body,
        }

    def _take(self, *, instructions: int = 0, details: int = 0) -> None:
        if not self._room.take(instructions=instructions, details=details):
            raise InvalidCircuit(
                "the circuit becomes too large when its gates are written out for this target"
            )

    # -- instructions -------------------------------------------------------------------

    def _body(self, body: QuantumCircuit, scope: _Scope) -> tuple[Any, list[Any]]:
        """Write a circuit, a block or a definition: its phase, and its instructions."""
        written: list[Any] = []
        phases = [body.global_phase]
        self._add(body, scope, written, phases)
        return _angle(sum(phases), scope.loops), written

    def _add(
        self, body: QuantumCircuit, scope: _Scope, written: list[Any], phases: list[Any]
    ) -> None:
        self._take(instructions=len(body.data))
        numbers, standard = scope.qubits, self._standard
        for instruction in body.data:
            name = instruction.name
            qubits = [numbers[bit] for bit in instruction.qubits]
            if instruction.is_standard_gate() and name in standard:
                written.append([name, qubits, _angles(instruction.params, scope.loops)])
            elif name in _PLAIN:
                clbits = [scope.clbits[bit] for bit in instruction.clbits]
                written.append([name, qubits, clbits])
            elif isinstance(operation := instruction.operation, DefinedGate) and _free(operation):
                inner = copy.copy(operation).definition
                phases.append(inner.global_phase)
                place = dict(zip(inner.qubits, qubits, strict=True))
                self._add(inner, scope._replace(qubits=place), written, phases)
            elif isinstance(operation, Gate):
                written.append(self._gate(operation, qubits, scope.loops))
            else:
                clbits = [scope.clbits[bit] for bit in instruction.clbits]
                written.append(self._other(operation, qubits, clbits, scope))

    def _other(
        self, operation: Any, qubits: list[int], clbits: list[int], scope: _Scope
    ) -> list[Any]:
        name = operation.name
        if name == words.DELAY:
            if isinstance(operation.duration, int | float) and operation.unit in words.UNITS:
                return [name, qubits, operation.duration, operation.unit]
            raise _no_word("a delay whose length depends on a loop")
        if name in _LEAVES:
            return [_LEAVES[name], qubits, clbits]
        if isinstance(operation, ControlFlowOp):
            return self._flow(operation, qubits, clbits, scope)
        raise _no_word(f"'{name}'")

    def _flow(
        self, operation: ControlFlowOp, qubits: list[int], clbits: list[int], scope: _Scope
    ) -> list[Any]:
        def written(block: QuantumCircuit, loops: tuple[Parameter, ...] = ()) -> list[Any]:
            inside = _Scope(
                dict(zip(block.qubits, qubits, strict=True)),
                dict(zip(block.clbits, clbits, strict=True)),
                scope.loops + loops,
            )
            phase, body = self._body(block, inside)
            self._take(details=sum(item.size for item in block.cregs))
            return [[self._register(item) for item in block.cregs], phase, body]

        match operation:
            case IfElseOp():
                blocks = [written(block) for block in operation.blocks]
                return [words.IF, qubits, clbits, self._condition(operation, scope), *blocks]
            case ForLoopOp():
                values, variable, block = operation.params
                name = None if variable is None else variable.name
                inner = written(block, () if variable is None else (variable,))
                if isinstance(values, range):
                    bounds = [values.start, values.stop, values.step]
                    return [words.RANGE, qubits, clbits, name, bounds, inner]
                self._take(details=len(values))
                return [words.FOR, qubits, clbits, name, list(values), inner]
        raise _no_word(f"'{operation.name}'")

    # -- conditions ---------------------------------------------------------------------

    def _condition(self, operation: IfElseOp, scope: _Scope) -> list[Any]:
        condition = operation.condition
        if not isinstance(condition, expr.Expr):
            tested, value = condition
            if tested in scope.clbits:
                return [[scope.clbits[tested]]] if value else [[scope.clbits[tested], words.NOT]]
            return [self._register(tested), int(value)]
        # From the end, so that what is joined comes before what joins it, however deep it is.
        parts: list[Any] = []
        waiting = [condition]
        while waiting:
            match waiting.pop():
                case expr.Var(var=bit) if bit in scope.clbits:
                    parts.append(scope.clbits[bit])
                case expr.Value(value=bool(value)):
                    parts.append(value)
                case expr.Unary(op=op, operand=operand) if op in _NOTS:
                    parts.append(words.NOT)
                    waiting.append(operand)
                case expr.Binary(op=op, left=left, right=right) if op in _JOINS:
                    parts.append(_JOINS[op])
                    waiting += [left, right]
                case _:
                    raise _no_word("this condition")
        self._take(details=len(parts))
        return [parts[::-1]]

    def _register(self, register: Any) -> int:
        if register not in self._cregs:
            raise _no_word("a register that is known in a block only")
        return self._cregs[register]

    # -- gates --------------------------------------------------------------------------

    def _gate(self, gate: Gate, qubits: list[int], loops: tuple[Parameter, ...]) -> list[Any]:
        """Write a gate that is no standard one."""
        known = self._named(gate, loops)
        if known is not None:
            return [known[0], qubits, *known[1:]]
        number = self._number(gate)
        params = [_number(value) for value in gate.params]
        if isinstance(gate, DefinedGate):
            modifiers = [gate.exponent, gate.controls, gate.control_state]
            return [words.USE, qubits, number, params, *modifiers]
        return [words.USE, qubits, number, params, 1, 0, 0]

    def _named(self, gate: Gate, loops: tuple[Parameter, ...]) -> list[Any] | None:
        """Write a gate that needs no definition, with its qubits left out; None for others."""
        if isinstance(gate, DefinedGate):
            return None
        if isinstance(gate, UnitaryGate):
            matrix = [[value.real, value.imag] for value in gate.params[0].ravel().tolist()]
            return [words.UNITARY, matrix, gate.label]
        controls = gate.num_ctrl_qubits if isinstance(gate, ControlledGate) else 0
        whole = not controls or gate.ctrl_state == (1 << controls) - 1
        if whole and gate.base_class in self._names:
            return [self._names[gate.base_class], _angles(gate.params, loops)]
        if not controls or not self._is_controlled(gate):
            return None
        inner = self._named(gate.base_gate, loops)
        return None if inner is None else [words.CONTROL, controls, gate.ctrl_state, inner]

    def _is_controlled(self, gate: ControlledGate) -> bool:
        """Whether giving controls to the gate below makes this one.

        Controls that were given one after the other may have another definition.
        """
        base = gate.base_gate
        key = (gate.base_class, gate.ctrl_state, definition_key(gate))
        if key not in self._controls:
            again = base.control(gate.num_ctrl_qubits, ctrl_state=gate.ctrl_state, annotated=False)
            self._controls[key] = again == gate
        return self._controls[key]

    def _number(self, gate: Gate) -> int:
        """Return the number of a gate's definition, written if it is not yet."""
        waiting = [self._open(gate)]
        while waiting and _key(gate) not in self._known:
            key, name, body, rest = waiting[-1]
            for inner in rest:
                if _key(inner) not in self._known:
                    waiting.append(self._open(inner))
                    break
            else:
                waiting.pop()
                phase, written = self._body(body, _Scope(_numbers(body.qubits), {}))
                self._known[key] = len(self._gates)
                self._gates.append([name, body.num_qubits, phase, written])
        return self._known[_key(gate)]

    def _open(self, gate: Gate) -> tuple[Hashable, str, QuantumCircuit, Iterator[Gate]]:
        if isinstance(gate, DefinedGate):
            name, body = gate.source.name, gate.source.bind(gate.params)
            self._sources.append(gate.source)
        else:
            # Of a copy: a gate keeps its definition once it was written out.
            name, body = gate.name, copy.copy(gate).definition
        if body is None:
            raise _no_word(f"the gate '{gate.name}', which has no definition")
        if name in RESERVED:
            name += "_"
        return _key(gate), name, body, self._defined(body)

    def _defined(self, body: QuantumCircuit) -> Iterator[Gate]:
        """List the gates of a definition that need one themselves."""
        for instruction in body.data:
            if instruction.is_standard_gate() or instruction.name in _PLAIN:
                continue
            gate = instruction.operation
            if isinstance(gate, Gate) and self._named(gate, ()) is None:
                yield gate


def _key(gate: Gate) -> Hashable:
    if isinstance(gate, DefinedGate):
        return (id(gate.source), *map(_number, gate.params))
    return definition_key(gate)


def _free(gate: Gate) -> bool:
    """Whether a gate's parameters depend on the variable of a loop."""
    return any(isinstance(item, ParameterExpression) and item.parameters for item in gate.params)


def _numbers(bits: Sequence[Any]) -> dict[Any, int]:
    return {bit: number for number, bit in enumerate(bits)}


def _angles(values: Iterable[Any], loops: tuple[Parameter, ...]) -> list[Any]:
    return [value if isinstance(value, int | float) else _angle(value, loops) for value in values]


def _angle(value: Any, loops: tuple[Parameter, ...]) -> Any:
    if not isinstance(value, ParameterExpression) or not value.parameters:
        return _number(value)
    sum_of = []
    for variable in value.parameters:
        factor = value.gradient(variable)
        if variable not in loops or isinstance(factor, ParameterExpression):
            raise _no_word(
                "an angle that depends on the variable of a loop in another way than by sums and"
                " multiples"
            )
        sum_of.append([loops.index(variable), _number(factor)])
    rest = value.bind(dict.fromkeys(value.parameters, 0))
    return [_number(rest), sorted(sum_of)]


def _number(value: Any) -> int | float:
    if isinstance(value, ParameterExpression):
        if value.parameters:
            raise _no_word("a gate of its own that depends on the variable of a loop")
        value = value.numeric()
    if isinstance(value, int | float):
        return value
    raise _no_word(f"a parameter of the kind '{type(value).__name__}'")


def _no_word(what: str) -> InvalidCircuit:
    return InvalidCircuit(f"the circuit cannot be handed to this target with {what} in it")
