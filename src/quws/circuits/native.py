"""Circuits that are run as they are: whether they consist of what a target does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp, Gate, Instruction, ParameterExpression
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import Operator

from quws.circuits.gates import DefinedGate
from quws.circuits.tokens import TOKEN, place
from quws.domain.circuits import OPENQASM, Language
from quws.domain.compiling import Native
from quws.domain.errors import InvalidCircuit

NO_GATES = frozenset(["measure", "reset", "delay", "barrier"])
"""What is no gate, so that a target names it elsewhere if it does not do it."""
_SYMMETRIC = frozenset(["cz", "swap", "iswap", "rzz", "rxx", "ryy", "cp"])
"""Gates that do the same with their qubits the other way round."""
_WIDEST = 3
_SPELLED = {"u": "U", "cx": "CX"}
"""Gates that the languages know by another name than Qiskit."""
_ANYWHERE = (0.7390851, 1.2020569, 0.5671433, 0.9159655)
"""Angles without any relation: what is the same there is the same for all angles."""


class NativeGates:
    """Tells which native gate an operation is.

    A language has no word for some native gates, so a circuit that was compiled before defines
    them: those are known again by what they do.

    Parameters
    ----------
    names
        The native gates, by Qiskit's names.

    """

    def __init__(self, names: Collection[str]) -> None:
        self._standard = get_standard_gate_name_mapping()
        self._names = frozenset(names)
        self._same: dict[Any, bool] = {}

    def find(self, operation: Instruction) -> Gate | None:
        """Return the native gate that does what the operation does; None if there is none."""
        if operation.name in self._names and not isinstance(operation, DefinedGate):
            return operation
        # A gate that a circuit defines never has the name of a standard gate, but one like it.
        standard = self._standard.get(operation.name.rstrip("_"))
        if standard is None or standard.name not in self._names:
            return None
        if not isinstance(operation, Gate) or operation.num_qubits > _WIDEST:
            return None
        shape = (standard.num_qubits, len(standard.params))
        if shape != (operation.num_qubits, len(operation.params)):
            return None
        made = type(standard)(*operation.params)
        return made if self._does_the_same(operation, made) else None

    def _does_the_same(self, operation: Gate, gate: Gate) -> bool:
        if isinstance(operation, DefinedGate):
            if operation.exponent != 1 or operation.controls:
                return False
            key: Any = (id(operation.source), gate.name)
            values = [angle for angle, _ in zip(_ANYWHERE, operation.params, strict=False)]
        else:
            values = list(operation.params)
            key = (operation.name, *map(str, values))
        if any(isinstance(value, ParameterExpression) for value in values):
            return True  # It is looked at again when it has its values.
        if key not in self._same:
            body = (
                operation.source.bind(values)
                if isinstance(operation, DefinedGate)
                else operation.definition
            )
            wanted = np.asarray(type(gate)(*values).to_matrix())
            self._same[key] = body is not None and Operator(body).equiv(Operator(wanted))
        return self._same[key]


def check_native(circuit: QuantumCircuit, native: Native, source: str, language: Language) -> None:
    """Refuse a circuit that has something else than native gates on qubits that they can join.

    Raises
    ------
    InvalidCircuit
        With the first gate of that kind, and its line where the text shows it.

    """
    if not native.gates:
        return
    known, layout = NativeGates(native.gates), native.layout
    pairs = None if native.coupling is None else {frozenset(pair) for pair in native.coupling}
    for operation, qubits in _operations(circuit, range(circuit.num_qubits)):
        if known.find(operation) is None:
            name = operation.name.rstrip("_")
            raise InvalidCircuit(
                f"gate '{name[:60]}' on {_places(qubits)} is not native on target"
                f" {native.target}, which has {', '.join(native.gates)}; OPTIMIZATION=none runs a"
                " circuit as it is",
                line=_line_of(name, source, language),
            )
        # A map of another length is refused elsewhere.
        mapped = layout is not None and len(layout) == circuit.num_qubits
        on = [layout[qubit] for qubit in qubits] if layout is not None and mapped else qubits
        if pairs is not None and len(on) == 2 and frozenset(on) not in pairs:
            raise InvalidCircuit(
                f"gate '{operation.name.rstrip('_')}' joins {_places(on)} of target"
                f" {native.target}, which it does not couple; OPTIMIZATION=none runs a circuit as"
                " it is"
            )


def placed(
    circuit: QuantumCircuit,
    gates: Collection[str],
    qubits: int,
    layout: Sequence[int],
    supported: Callable[[str, tuple[int, ...]], bool],
) -> QuantumCircuit:
    """Return a circuit on all qubits of a target, with its native gates as such.

    Parameters
    ----------
    layout
        For each qubit of the circuit that of the target.
    supported
        Whether the target has an operation on certain qubits, in their order.

    Raises
    ------
    InvalidCircuit
        It has not.

    """
    made = QuantumCircuit(qubits, name=circuit.name, global_phase=circuit.global_phase)
    made.add_bits(circuit.clbits)
    for register in circuit.cregs:
        made.add_register(register)
    return made.compose(
        _Placing(NativeGates(gates), supported).native(circuit, layout),
        qubits=layout,
        clbits=circuit.clbits,
    )


class _Placing:
    def __init__(
        self, known: NativeGates, supported: Callable[[str, tuple[int, ...]], bool]
    ) -> None:
        self._known = known
        self._supported = supported

    def native(self, circuit: QuantumCircuit, places: Sequence[int]) -> QuantumCircuit:
        """Return a circuit with native gates as such, in the order of qubits that they have."""
        index = dict(zip(circuit.qubits, places, strict=True))
        made = circuit.copy_empty_like()
        for instruction in circuit.data:
            operation, qubits = instruction.operation, instruction.qubits
            on = tuple([index[bit] for bit in qubits])
            if isinstance(operation, ControlFlowOp):
                operation = operation.replace_blocks(
                    [self.native(block, on) for block in operation.blocks]
                )
            elif operation.name not in ("delay", "barrier"):
                operation = self._known.find(operation) or operation
                if not self._supported(operation.name, on):
                    back = operation.name in _SYMMETRIC and self._supported(
                        operation.name, on[::-1]
                    )
                    if not back:
                        raise _not_there(operation.name, on)
                    qubits = qubits[::-1]
            made.append(operation, qubits, instruction.clbits, copy=False)
        return made


def _not_there(name: str, on: Sequence[int]) -> InvalidCircuit:
    return InvalidCircuit(
        f"the target has no '{name.rstrip('_')[:60]}' on its {_places(on)}; OPTIMIZATION=none runs"
        " a circuit as it is"
    )


def _operations(
    circuit: QuantumCircuit, places: Sequence[int]
) -> Iterator[tuple[Instruction, list[int]]]:
    """List the gates with their qubits, those in blocks too."""
    index = dict(zip(circuit.qubits, places, strict=True))
    for instruction in circuit.data:
        on = [index[bit] for bit in instruction.qubits]
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp):
            for block in operation.blocks:
                yield from _operations(block, on)
        elif operation.name not in NO_GATES:
            yield operation, on


def _places(qubits: Sequence[int]) -> str:
    return f"qubit{'s' if len(qubits) > 1 else ''} {' and '.join(map(str, qubits))}"


def _line_of(name: str, source: str, language: Language) -> int | None:
    """Find the first statement that begins with a gate's name, outside of definitions of gates."""
    if language.grammar not in OPENQASM:
        return None
    wanted = {name, _SPELLED.get(name, name)}
    begins, defining, open_braces = True, False, 0
    for token in TOKEN.finditer(source):
        kind, text = token.lastgroup, token[0]
        if kind in ("skip", "block"):
            continue
        if begins and text in wanted and not defining:
            return place(source, token.start())[0]
        if begins and text == "gate":
            defining = True
        open_braces += (text == "{") - (text == "}")
        if text == "}" and not open_braces:
            defining = False
        begins = text in (";", "{", "}")
    return None
