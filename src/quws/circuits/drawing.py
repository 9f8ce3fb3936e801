"""From Qiskit's circuit to a picture of it: which shape stands in which column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import (
    ClassicalRegister,
    Clbit,
    ControlFlowOp,
    ControlledGate,
    ForLoopOp,
    IfElseOp,
    ParameterExpression,
    QuantumRegister,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.tools import pi_check

from quws.circuits.gates import DefinedGate
from quws.circuits.names import RESERVED
from quws.domain.drawings import Drawing, Drawn, Shape
from quws.domain.words import counted

_ROWS = 64
"""Qubits that get a row."""
_LOOKED_AT = 20_000
"""Operations that are laid out; what comes later is only counted."""
_WHOLE = 120
"""Columns of a picture that has no gap."""
_HEAD, _TAIL = 80, 20
"""Columns before and after a gap."""
_LABEL = 24
_LOOP = re.compile(r"_loop_(\w+?)_\d+")
"""How the parser calls the variable of a loop."""
_NAMES = {
    "id": "I",
    "sdg": "S†",
    "tdg": "T†",
    "sx": "√X",
    "sxdg": "√X†",
    "rzz": "ZZ",
    "rxx": "XX",
    "ryy": "YY",
    "rzx": "ZX",
    "u1": "U₁",
    "u2": "U₂",
    "u3": "U₃",
    "iswap": "iSWAP",
}


def draw(circuit: QuantumCircuit) -> Drawing:
    """Lay a circuit out.

    Gates that the circuit defines are boxes with their names. Of a long circuit
    the beginning and the end are shown, of a very long one the beginning.
    """
    layout = _Layout(circuit)
    layout.add(circuit, list(range(circuit.num_qubits)), list(range(circuit.num_clbits)))
    return layout.drawing()


class _Layout:
    """Puts operations into the first column in which all of their rows are free."""

    def __init__(self, circuit: QuantumCircuit) -> None:
        self._circuit = circuit
        self._row_of = {qubit: row for row, qubit in enumerate(_shown(circuit))}
        self._rows = len(self._row_of)
        self._registers, self._places = _classical(circuit)
        self._free = [0] * (self._rows + len(self._registers))
        self._drawn: list[Drawn] = []
        self._looked_at = 0
        self._unseen = 0

    def add(self, circuit: QuantumCircuit, qubits: Sequence[int], clbits: Sequence[int]) -> None:
        """Lay out the operations of a circuit whose bits are these of the whole one."""
        qubit_of = {bit: qubits[number] for number, bit in enumerate(circuit.qubits)}
        clbit_of = {bit: clbits[number] for number, bit in enumerate(circuit.clbits)}
        for instruction in circuit.data:
            self._looked_at += 1
            if self._looked_at > _LOOKED_AT:
                self._unseen += 1
                continue
            on = [qubit_of[bit] for bit in instruction.qubits]
            to = [clbit_of[bit] for bit in instruction.clbits]
            operation = instruction.operation
            if isinstance(operation, ControlFlowOp):
                self._block(operation, on, to)
            else:
                self._place(**_shape(operation, on), clbits=to)

    def drawing(self) -> Drawing:
        """Give what was laid out, folded where it is too long."""
        names = _names(self._circuit)
        columns = max(self._free, default=0)
        drawn, gap, left_out = self._drawn, None, self._unseen
        tail = 0 if self._unseen else _TAIL
        if columns > _WHOLE or self._unseen:
            head = _WHOLE - _TAIL if self._unseen else _HEAD
            start = max(columns - tail, head) if tail else columns
            kept = [item for item in drawn if item.column < head or item.column >= start]
            left_out += len(drawn) - len(kept)
            gap = min(head, columns)
            shift = start - gap
            drawn = [
                item.model_copy(update={"column": item.column - shift})
                if item.column >= start
                else item
                for item in kept
            ]
            columns = min(head, columns) + columns - start
        return Drawing(
            qubits=[names[qubit] for qubit in self._row_of],
            registers=self._registers,
            columns=columns,
            operations=drawn,
            gap=gap,
            left_out=left_out,
            hidden_qubits=self._circuit.num_qubits - self._rows,
        )

    def _place(
        self,
        *,
        shape: Shape,
        qubits: Iterable[int],
        clbits: Iterable[int] = (),
        controls: Iterable[tuple[int, bool]] = (),
        **texts: str,
    ) -> None:
        rows_of = self._row_of
        shown = [rows_of[qubit] for qubit in qubits if qubit in rows_of]
        dots = [(rows_of[qubit], value) for qubit, value in controls if qubit in rows_of]
        bits = [self._places[bit] for bit in clbits if bit in self._places]
        rows = [*shown, *(row for row, _ in dots)]
        if not rows:
            return
        low, high = min(rows), max(rows)
        if bits:
            # The line to a classical register crosses all qubits below.
            high = self._rows + max(register for register, _ in bits)
        column = max(self._free[low : high + 1])
        self._free[low : high + 1] = [column + 1] * (high + 1 - low)
        self._drawn.append(
            Drawn(column=column, shape=shape, qubits=shown, controls=dots, clbits=bits, **texts)
        )

    def _block(self, operation: ControlFlowOp, qubits: list[int], clbits: list[int]) -> None:
        condition, read = _condition(operation)
        read_bits = [self._circuit.find_bit(bit).index for bit in read]
        blocks = list(operation.blocks)
        only = blocks[0].data[0] if len(blocks) == 1 and len(blocks[0].data) == 1 else None
        if isinstance(operation, IfElseOp) and only is not None and not only.clbits:
            body = blocks[0]
            on = [qubits[body.find_bit(bit).index] for bit in only.qubits]
            if not isinstance(only.operation, ControlFlowOp):
                self._place(**_shape(only.operation, on), clbits=read_bits, condition=condition)
                return
        self._place(shape=Shape.OPEN, qubits=qubits, clbits=read_bits, label=condition)
        for number, body in enumerate(blocks):
            if number:
                label = (
                    "else"
                    if isinstance(operation, IfElseOp)
                    else f"case {_case(operation, number)}"
                )
                self._place(shape=Shape.ELSE, qubits=qubits, label=label)
            self.add(body, qubits, clbits)
        self._place(shape=Shape.CLOSE, qubits=qubits)


def _shape(operation: Any, qubits: list[int]) -> dict[str, Any]:
    name = operation.name
    plain = {"measure": Shape.MEASURE, "reset": Shape.RESET, "barrier": Shape.BARRIER}
    if name in plain:
        return {"shape": plain[name], "qubits": qubits}
    controls: list[tuple[int, bool]] = []
    base = operation
    if isinstance(operation, ControlledGate):
        number, state = operation.num_ctrl_qubits, operation.ctrl_state
        controls = [(qubits[k], bool(state >> k & 1)) for k in range(number)]
        base = operation.base_gate
        while isinstance(base, ControlledGate):
            # A controlled gate that is controlled once more keeps its own controls.
            inner = base.num_ctrl_qubits
            controls += [(qubits[number + k], bool(base.ctrl_state >> k & 1)) for k in range(inner)]
            number += inner
            base = base.base_gate
        qubits = qubits[number:]
    elif isinstance(operation, DefinedGate) and operation.controls:
        number, state = operation.controls, operation.control_state
        controls = [(qubits[k], bool(state >> k & 1)) for k in range(number)]
        qubits = qubits[number:]
        return {
            "shape": Shape.BOX,
            "qubits": qubits,
            "controls": controls,
            "label": _given(operation.source.name),
            "parameters": _parameters(operation.params),
        }
    found: dict[str, Any] = {"qubits": qubits, "controls": controls}
    if base.name == "x" and controls:
        return found | {"shape": Shape.NOT}
    if base.name == "z" and controls:
        return found | {"shape": Shape.DOT}
    if base.name == "swap":
        return found | {"shape": Shape.SWAP}
    name = _given(base.name)
    label = _NAMES.get(name) or (name.upper() if len(name) <= 2 else name)
    if base.name in ("rx", "ry", "rz"):
        label = f"R{base.name[1]}"
    return found | {
        "shape": Shape.BOX,
        "label": label,
        "parameters": _parameters(operation.params),
    }


def _parameters(values: Iterable[Any]) -> str:
    texts = []
    for value in values:
        if isinstance(value, int | float | ParameterExpression):
            try:
                texts.append(str(pi_check(value, output="text", ndigits=4)).replace("pi", "π"))
            except (TypeError, ValueError):
                texts.append("…")
        else:
            texts.append("…")
    return _short(_LOOP.sub(r"\1", ", ".join(texts)))


def _condition(operation: ControlFlowOp) -> tuple[str, list[Clbit]]:
    """Write when a block acts, and tell the bits that decide."""
    if isinstance(operation, ForLoopOp):
        values, _, _ = operation.params
        values = list(values) if len(values) < _LOOKED_AT else values
        return counted(len(values), "time"), []
    target = operation.target if isinstance(operation, SwitchCaseOp) else operation.condition
    word = {WhileLoopOp: "while ", SwitchCaseOp: "switch ", IfElseOp: "if "}.get(
        type(operation), ""
    )
    if isinstance(target, Clbit):
        return f"{word}bit", [target]
    if isinstance(target, ClassicalRegister):
        text = f"{word}{_short(target.name)}"
        if isinstance(operation, SwitchCaseOp):
            text += f" case {_case(operation, 0)}"
        return text, list(target)
    if isinstance(target, tuple):
        tested, value = target
        if isinstance(tested, ClassicalRegister):
            return f"{word}{_short(tested.name)} = {value}", list(tested)
        return f"{word}{int(value)}", [tested]
    return f"{word}…", [bit for bit in getattr(operation, "clbits", []) if isinstance(bit, Clbit)]


def _case(operation: Any, number: int) -> str:
    values = list(operation.cases_specifier())[number][0]
    return _short(
        ", ".join(str(value) if isinstance(value, int) else "default" for value in values)
    )


def _classical(
    circuit: QuantumCircuit,
) -> tuple[list[tuple[str, int]], dict[int, tuple[int, int]]]:
    """List the classical registers, and for each bit its register and its place in it."""
    registers = [(_short(register.name), register.size) for register in circuit.cregs]
    places: dict[int, tuple[int, int]] = {}
    for row, register in enumerate(circuit.cregs):
        for number, bit in enumerate(register):
            places.setdefault(circuit.find_bit(bit).index, (row, number))
    loose = [k for k in range(circuit.num_clbits) if k not in places]
    if loose:
        places |= {bit: (len(registers), number) for number, bit in enumerate(loose)}
        registers.append(("bits", len(loose)))
    return registers, places


def _shown(circuit: QuantumCircuit) -> list[int]:
    """Choose the qubits that get a row: those that are used, where all would be too many.

    A circuit without registers was compiled: it has all qubits of its device.
    """
    if circuit.qregs and circuit.num_qubits <= _ROWS:
        return list(range(circuit.num_qubits))
    index = {bit: number for number, bit in enumerate(circuit.qubits)}
    used: set[int] = set()
    for instruction in circuit.data[:_LOOKED_AT]:
        if instruction.name != "barrier":
            used.update(index[bit] for bit in instruction.qubits)
    return (sorted(used) or list(range(circuit.num_qubits)))[:_ROWS]


def _names(circuit: QuantumCircuit) -> list[str]:
    names: dict[Any, str] = {}
    for register in circuit.qregs:
        assert isinstance(register, QuantumRegister)
        for number, bit in enumerate(register):
            text = _short(register.name)
            names.setdefault(bit, f"{text}[{number}]" if register.size > 1 else text)
    return [names.get(bit, f"qubit {number}") for number, bit in enumerate(circuit.qubits)]


def _given(name: str) -> str:
    """Show a gate by the name that its definition gave it; see ``names.safe_name``."""
    plain = name.rstrip("_")
    return _short(plain if plain in RESERVED else name)


def _short(text: str) -> str:
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"
