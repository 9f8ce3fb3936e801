"""From a circuit of IQM's native gates to IQM's JSON, the way back of :mod:`iqm_json`.

Each measurement has a key of its own, and the key says which bit it is of. The first one says how
many bits each register has as well, so that whoever reads the results needs no circuit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, Clbit, IfElseOp, Qubit
from qiskit.circuit.classical import expr

from quws.circuits.conditions import decided
from quws.domain.errors import InvalidCircuit

_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
_KEY = re.compile(r"m\d{1,9}_b(\d{1,9})(?:_s([0-9x_]+))?")
_CAN = "IQM's machines do gates on one qubit where one bit that was measured before is 1"


class Keys(NamedTuple):
    """What the keys of a circuit's measurements say."""

    sizes: list[int]
    """How many bits each register has."""
    bits: dict[str, int]
    """The bit that each key is of; of two keys of one bit the last one counts."""


def write_iqm(circuit: QuantumCircuit, names: Sequence[str], *, name: str) -> dict[str, Any]:
    """Return a circuit as IQM's JSON.

    Parameters
    ----------
    circuit
        It consists of ``r``, ``cz``, measurements, resets, delays, barriers, and gates that
        depend on one bit.
    names
        What the machine calls each of the circuit's qubits.
    name
        What the circuit is called in what the machine says of it.

    Raises
    ------
    InvalidCircuit
        It has something else, or measures nothing.

    """
    writer = _Writer(circuit, names)
    for instruction in decided(circuit).data:
        writer.add(instruction)
    if not writer.measured:
        raise InvalidCircuit("the circuit measures nothing, which IQM's machines do not run")
    return {"name": name, "instructions": writer.instructions, "metadata": None}


def read_keys(keys: Sequence[str]) -> Keys:
    """Read the keys that ``write_iqm`` gave to the measurements of a circuit.

    Raises
    ------
    ValueError
        They are not of this kind.

    """
    found = {key: _KEY.fullmatch(key) for key in keys}
    sizes: list[int] = []
    bits: dict[int, tuple[int, str]] = {}
    for key, match in found.items():
        if match is None:
            raise ValueError(f"the results have a key {key[:60]!r}, which is not one of ours")
        number, bit = int(key[1 : key.index("_")]), int(match[1])
        if number >= bits.get(bit, (-1, ""))[0]:
            bits[bit] = number, key
        if match[2]:
            sizes = list(_unpacked(match[2]))
    if not sizes:
        raise ValueError("the results lack the first measurement of their circuit")
    return Keys(sizes, {key: bit for bit, (_, key) in bits.items()})


class _Writer:
    def __init__(self, circuit: QuantumCircuit, names: Sequence[str]) -> None:
        self._names = dict(zip(circuit.qubits, names, strict=True))
        self._bits = {bit: number for number, bit in enumerate(circuit.clbits)}
        self._sizes = [register.size for register in circuit.cregs]
        self._last: dict[Clbit, tuple[str, dict[str, Any]]] = {}
        """The qubit that was measured into a bit, and the arguments of that."""
        self.instructions: list[dict[str, Any]] = []
        self.measured = 0

    def add(self, instruction: CircuitInstruction) -> None:
        operation = instruction.operation
        locus = [self._names[qubit] for qubit in instruction.qubits]
        match operation.name:
            case "r":
                self._append("prx", locus, _angles(operation))
            case "cz" | "reset" | "barrier":
                self._append(operation.name, locus)
            case "delay":
                self._append("delay", locus, {"duration": _seconds(operation)})
            case "measure":
                self._measure(locus[0], instruction.clbits[0])
            case "if_else":
                self._where(instruction)
            case name:
                raise InvalidCircuit(
                    f"the circuit has '{name[:60]}', which IQM's machines do not have"
                )

    def _append(self, name: str, locus: list[str], args: dict[str, Any] | None = None) -> None:
        self.instructions.append({"name": name, "locus": locus, "args": args or {}})

    def _measure(self, qubit: str, bit: Clbit) -> None:
        key = f"m{self.measured}_b{self._bits[bit]}"
        if not self.measured:
            key += f"_s{_packed(self._sizes)}"
        self.measured += 1
        arguments = {"key": key}
        self._append("measure", [qubit], arguments)
        self._last[bit] = qubit, arguments

    def _where(self, instruction: CircuitInstruction) -> None:
        """Write gates that depend on a bit.

        What is done where the bit is 0 is done always, and undone where it is 1.
        """
        operation: IfElseOp = instruction.operation
        bits = dict(zip(operation.blocks[0].clbits, instruction.clbits, strict=True))
        bit, value = _tested(operation.condition)
        # Of a condition the bits are those of the circuit itself; of older ones those of a block.
        bit = bits.get(bit, bit)
        blocks = [list(self._gates(block, instruction.qubits)) for block in operation.blocks]
        on, off = (*blocks, [])[:2]
        if not value:
            on, off = off, on
        if bit not in self._last:
            for qubit, gate in off:
                self._append("prx", [qubit], gate)
            return
        source, measurement = self._last[bit]
        measurement["feedback_key"] = measurement["key"]
        fed = {"feedback_qubit": source, "feedback_key": measurement["key"]}
        for qubit, gate in off:
            self._append("prx", [qubit], gate)
        for qubit, gate in reversed(off):
            self._append("cc_prx", [qubit], gate | {"angle": -gate["angle"]} | fed)
        for qubit, gate in on:
            self._append("cc_prx", [qubit], gate | fed)

    def _gates(
        self, block: QuantumCircuit, qubits: Sequence[Qubit]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        names = dict(zip(block.qubits, (self._names[qubit] for qubit in qubits), strict=True))
        for inner in block.data:
            if inner.operation.name == "barrier":
                continue
            if inner.operation.name != "r":
                raise InvalidCircuit(
                    f"the circuit has '{inner.operation.name[:60]}' that depends on a measurement;"
                    f" {_CAN}"
                )
            yield names[inner.qubits[0]], _angles(inner.operation)


def _tested(condition: Any) -> tuple[Clbit, bool]:
    """Return the bit that a condition looks at, and what it must be."""
    if isinstance(condition, expr.Expr):
        found = _in_expression(condition)
    else:
        tested, value = condition
        bits = [tested] if isinstance(tested, Clbit) else list(tested)
        found = (bits[0], bool(value)) if len(bits) == 1 else None
    if found is None:
        raise InvalidCircuit(f"the circuit has a condition on more than one bit; {_CAN}")
    return found


def _in_expression(node: expr.Expr) -> tuple[Clbit, bool] | None:
    match node:
        case expr.Cast():
            return _in_expression(node.operand)
        case expr.Var():
            bits = [node.var] if isinstance(node.var, Clbit) else list(node.var)
            return (bits[0], True) if len(bits) == 1 else None
        case expr.Unary(op=expr.Unary.Op.LOGIC_NOT | expr.Unary.Op.BIT_NOT):
            inner = _in_expression(node.operand)
            return None if inner is None else (inner[0], not inner[1])
        case expr.Binary(op=expr.Binary.Op.EQUAL | expr.Binary.Op.NOT_EQUAL):
            sides = [node.left, node.right]
            values = [side for side in sides if isinstance(side, expr.Value)]
            others = [side for side in sides if not isinstance(side, expr.Value)]
            if len(values) != 1 or values[0].value not in (0, 1):
                return None
            inner = _in_expression(others[0])
            same = (node.op is expr.Binary.Op.EQUAL) == bool(values[0].value)
            return None if inner is None else (inner[0], inner[1] == same)
    return None


def _angles(gate: Any) -> dict[str, Any]:
    angle, phase = gate.params
    return {"angle": float(angle), "phase": float(phase)}


def _seconds(operation: Any) -> float:
    if operation.unit not in _UNITS:
        raise InvalidCircuit("this target has no dt; give delays in s, ms, us or ns")
    return float(operation.duration) * _UNITS[operation.unit]


def _packed(sizes: Sequence[int]) -> str:
    """Write sizes of registers: how many of one size, where they follow each other."""
    runs = [(size, len(list(group))) for size, group in groupby(sizes)]
    return "_".join(f"{count}x{size}" if count > 1 else str(size) for size, count in runs)


def _unpacked(text: str) -> Iterator[int]:
    for part in text.split("_"):
        count, _, size = part.rpartition("x")
        yield from [int(size)] * int(count or 1)
