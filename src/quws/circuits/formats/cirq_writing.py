"""Circuits as Cirq's JSON, as ``cirq.read_json`` reads it; Cirq itself is not needed.

Qubit ``k`` is ``LineQubit(k)``. A register is measured under its key at once, where nothing comes
between and after; else each of its bits has a key of its own. A gate that Cirq has no name for is
its matrix. Phases of the whole circuit, which no measurement shows, are left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Clbit, Gate, IfElseOp, ParameterExpression
from qiskit.circuit.classical import expr
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import Operator

from quws.domain.errors import InvalidCircuit

_Json: TypeAlias = "dict[str, Any]"

_LARGEST_MATRIX = 3
"""Qubits of a gate that is written as its matrix."""
_NOT = (expr.Unary.Op.LOGIC_NOT, expr.Unary.Op.BIT_NOT)
_PICO = {"s": 1e12, "ms": 1e9, "us": 1e6, "ns": 1e3, "ps": 1.0}


def circuit_json(circuit: QuantumCircuit, keys: Sequence[str] | None = None) -> str:
    """Write a circuit.

    Parameters
    ----------
    keys
        What the measurements of each register are called; by default the registers' names.

    Raises
    ------
    InvalidCircuit
        Cirq's JSON has no words for something in it.

    """
    writing = _Writing(circuit, keys or [item.name for item in circuit.cregs])
    return json.dumps(writing.document(), separators=(",", ":"))


class _Writing:
    def __init__(self, circuit: QuantumCircuit, keys: Sequence[str]) -> None:
        self._circuit = circuit
        self._keys: dict[Clbit, tuple[str, int | None]] = {}
        """By bit: its key, and its place there; None where the key is its own."""
        self._whole: dict[str, list[Clbit]] = {}
        """By key: the bits of a register that is measured at once."""
        self._measured: set[Clbit] = set()
        self._named = _Gates()
        self._moments: list[list[_Json]] = []
        self._free: dict[Any, int] = {}
        """By qubit and bit: the first moment in which it has nothing to do."""
        alone = _measured_at_once(circuit)
        taken = set(keys)
        for register, key in zip(circuit.cregs, keys, strict=True):
            if alone.issuperset(register):
                self._whole[key] = list(register)
                self._keys.update({bit: (key, place) for place, bit in enumerate(register)})
                continue
            for place, bit in enumerate(register):
                own = key if len(register) == 1 else f"{key}[{place}]"
                while len(register) > 1 and own in taken:
                    own += "_"
                taken.add(own)
                self._keys[bit] = (own, None)

    def document(self) -> _Json:
        waiting: dict[str, dict[Clbit, int]] = {}
        for instruction in self._circuit.data:
            operation = instruction.operation
            on = [self._circuit.find_bit(qubit).index for qubit in instruction.qubits]
            match operation.name:
                case "barrier":
                    self._meet(on)
                case "measure":
                    self._measure(on[0], instruction.clbits[0], waiting)
                case "if_else":
                    self._where(operation, on)
                case _:
                    for item in self._gates(operation, on):
                        self._put(item, on)
        moments = [{"cirq_type": "Moment", "operations": items} for items in self._moments]
        return {"cirq_type": "Circuit", "moments": moments}

    def _put(self, item: _Json, on: Sequence[Any]) -> None:
        at = max((self._free.get(place, 0) for place in on), default=0)
        if at == len(self._moments):
            self._moments.append([])
        self._moments[at].append(item)
        self._free.update(dict.fromkeys(on, at + 1))

    def _meet(self, on: Sequence[Any]) -> None:
        at = max((self._free.get(place, 0) for place in on), default=0)
        self._free.update(dict.fromkeys(on, at))

    def _measure(self, qubit: int, bit: Clbit, waiting: dict[str, dict[Clbit, int]]) -> None:
        if bit not in self._keys:
            raise InvalidCircuit("a bit that is in no register is measured")
        self._measured.add(bit)
        key, place = self._keys[bit]
        qubits = [qubit]
        if place is not None:
            # Of a register that is measured at once: with the last of its bits.
            found = waiting.setdefault(key, {})
            found[bit] = qubit
            if len(found) < len(self._whole[key]):
                return
            qubits = [found[item] for item in self._whole[key]]
        gate = {"num_qubits": len(qubits), "key": key, "invert_mask": []}
        self._put(_on({"cirq_type": "MeasurementGate", **gate}, qubits), [*qubits, key])

    def _where(self, operation: IfElseOp, on: list[int]) -> None:
        asked = _tested(operation.condition)
        then, *others = operation.blocks
        self._block(then, asked, on)
        if others:
            if len(asked) > 1:
                raise InvalidCircuit("there is something else to do where bits have other values")
            self._block(others[0], [(bit, 1 - value) for bit, value in asked], on)

    def _block(
        self, block: QuantumCircuit, asked: Sequence[tuple[Clbit, int]], on: list[int]
    ) -> None:
        # What was not measured yet is 0, and Cirq knows nothing of it.
        if any(value for bit, value in asked if bit not in self._measured):
            return
        keys = [self._keys[bit][0] for bit, _ in asked if bit in self._measured]
        values = [value for bit, value in asked if bit in self._measured]
        conditions = [_condition(key, value) for key, value in zip(keys, values, strict=True)]
        for inner in block.data:
            if not isinstance(inner.operation, Gate):
                raise InvalidCircuit(f"{inner.operation.name} is done under a condition")
            own = [on[block.find_bit(qubit).index] for qubit in inner.qubits]
            for item in self._gates(inner.operation, own):
                done = {"conditions": conditions, "sub_operation": item}
                whole = {"cirq_type": "ClassicallyControlledOperation", **done}
                self._put(whole if conditions else item, [*own, *keys])

    def _gates(self, operation: Any, on: list[int]) -> Iterator[_Json]:
        match operation.name:
            case "reset":
                yield _on({"cirq_type": "ResetChannel", "dimension": 2}, on)
            case "delay":
                picos = _picoseconds(operation)
                wait = {"duration": {"cirq_type": "Duration", "picos": picos}, "num_qubits": 1}
                yield _on({"cirq_type": "WaitGate", **wait}, on)
            case _ if isinstance(operation, Gate):
                yield _on(self._named.written(operation), on)
            case name:
                raise InvalidCircuit(f"{name} is no gate")


def _measured_at_once(circuit: QuantumCircuit) -> set[Clbit]:
    """Return the bits that are measured once, from a qubit on which nothing follows."""
    times: dict[Clbit, int] = {}
    last: dict[Any, Clbit | None] = {}
    for instruction in circuit.data:
        if instruction.operation.name == "barrier":
            continue
        measures = instruction.operation.name == "measure"
        for bit in instruction.clbits:
            # What is asked for in between must be there by then.
            times[bit] = times.get(bit, 0) + (1 if measures else 2)
        for qubit in instruction.qubits:
            seen = last.get(qubit)
            if seen is not None:
                times[seen] += 1
            last[qubit] = instruction.clbits[0] if measures else None
    return {bit for bit, number in times.items() if number == 1}


def _condition(key: str, value: int) -> _Json:
    """Ask that the only bit of a key, as it was measured last, has a value."""
    about = {"key": {"cirq_type": "MeasurementKey", "name": key, "path": []}, "index": -1}
    if value:
        return {"cirq_type": "KeyCondition", **about}
    more = {"target_value": 0, "equal_target": True, "bitmask": None}
    return {"cirq_type": "BitMaskKeyCondition", **about, **more}


def _line(place: int) -> _Json:
    return {"cirq_type": "LineQubit", "x": place}


def _on(gate: _Json, qubits: Sequence[int]) -> _Json:
    return {"cirq_type": "GateOperation", "gate": gate, "qubits": [_line(item) for item in qubits]}


def _power(kind: str, exponent: float = 1.0, **more: float) -> _Json:
    return {"cirq_type": kind, **more, "exponent": exponent, "global_shift": 0.0}


def _rads(kind: str) -> Callable[..., _Json]:
    return lambda angle: {"cirq_type": kind, "rads": angle}


def _of_angle(kind: str) -> Callable[..., _Json]:
    return lambda angle: _power(kind, angle / math.pi)


def _fixed(kind: str, exponent: float = 1.0) -> Callable[..., _Json]:
    return lambda: _power(kind, exponent)


NAMED: dict[str, Callable[..., _Json]] = {
    "id": lambda: {"cirq_type": "IdentityGate", "num_qubits": 1},
    "x": _fixed("XPowGate"),
    "y": _fixed("YPowGate"),
    "z": _fixed("ZPowGate"),
    "h": _fixed("HPowGate"),
    "s": _fixed("ZPowGate", 0.5),
    "sdg": _fixed("ZPowGate", -0.5),
    "t": _fixed("ZPowGate", 0.25),
    "tdg": _fixed("ZPowGate", -0.25),
    "sx": _fixed("XPowGate", 0.5),
    "sxdg": _fixed("XPowGate", -0.5),
    "rx": _rads("Rx"),
    "ry": _rads("Ry"),
    "rz": _rads("Rz"),
    "p": _of_angle("ZPowGate"),
    "u1": _of_angle("ZPowGate"),
    "r": lambda angle, phase: _power(
        "PhasedXPowGate", angle / math.pi, phase_exponent=phase / math.pi
    ),
    "cx": _fixed("CXPowGate"),
    "cy": _fixed("CYPowGate"),
    "cz": _fixed("CZPowGate"),
    "cp": _of_angle("CZPowGate"),
    "swap": _fixed("SwapPowGate"),
    "iswap": _fixed("ISwapPowGate"),
    "rxx": _of_angle("XXPowGate"),
    "ryy": _of_angle("YYPowGate"),
    "rzz": _of_angle("ZZPowGate"),
    "ccx": _fixed("CCXPowGate"),
    "ccz": _fixed("CCZPowGate"),
    "cswap": lambda: {"cirq_type": "CSwapGate"},
}
"""By Qiskit's names; each is the same gate up to a phase of the whole."""
_CLASSES = {
    name: type(gate) for name, gate in get_standard_gate_name_mapping().items() if name in NAMED
}


class _Gates:
    """Writes gates, each kind that its circuit defines once."""

    def __init__(self) -> None:
        self._defined: dict[tuple[str, tuple[float, ...]], _Json] = {}

    def written(self, gate: Gate) -> _Json:
        """Write a gate.

        Raises
        ------
        InvalidCircuit

        """
        if any(isinstance(item, ParameterExpression) for item in gate.params):
            raise InvalidCircuit(f"{gate.name} has a parameter without a value")
        known = _CLASSES.get(gate.name)
        if known is not None and isinstance(gate, known) and not getattr(gate, "ctrl_state", None):
            return NAMED[gate.name](*map(float, gate.params))
        if gate.num_qubits > _LARGEST_MATRIX:
            raise InvalidCircuit(f"{gate.name} is on {gate.num_qubits} qubits, and has no name")
        if any(np.ndim(item) for item in gate.params):
            return _by_matrix(gate, gate.name)
        kind = (gate.name, tuple(map(float, gate.params)))
        if kind not in self._defined:
            self._defined[kind] = _of_definition(gate)
        return self._defined[kind]


def _of_definition(gate: Gate) -> _Json:
    """Write a gate that the circuit defines: it may be one that has a name."""
    name = gate.name.rstrip("_")
    made = _named(name, [float(item) for item in gate.params])
    if made is not None and made.num_qubits == gate.num_qubits and Operator(made).equiv(gate):
        return NAMED[name](*map(float, gate.params))
    return _by_matrix(gate, name)


def _named(name: str, params: Sequence[float]) -> Gate | None:
    known = _CLASSES.get(name)
    try:
        return None if known is None else known(*params)
    except TypeError:
        return None


def _by_matrix(gate: Gate, name: str) -> _Json:
    # Cirq's first qubit is the highest bit of an index, Qiskit's the lowest.
    matrix = Operator(gate).reverse_qargs().data
    rows = [
        [{"cirq_type": "complex", "real": item.real, "imag": item.imag} for item in row]
        for row in matrix.tolist()
    ]
    return {
        "cirq_type": "MatrixGate",
        "matrix": rows,
        "qid_shape": [2] * gate.num_qubits,
        "name": name,
    }


def _tested(condition: Any) -> list[tuple[Clbit, int]]:
    """Return which bits must have which values.

    Raises
    ------
    InvalidCircuit
        It is more than that.

    """
    if isinstance(condition, expr.Unary) and condition.op in _NOT:
        return [(bit, 1 - value) for bit, value in _alone(condition.operand)]
    if isinstance(condition, expr.Expr):
        return _alone(condition)
    tested, value = condition
    bits = [tested] if isinstance(tested, Clbit) else list(tested)
    return [(bit, int(value) >> place & 1) for place, bit in enumerate(bits)]


def _alone(condition: expr.Expr) -> list[tuple[Clbit, int]]:
    if isinstance(condition, expr.Var) and isinstance(condition.var, Clbit):
        return [(condition.var, 1)]
    raise InvalidCircuit("there is a condition that is more than bits with certain values")


def _picoseconds(delay: Any) -> float:
    if delay.unit not in _PICO:
        raise InvalidCircuit(f"there is a delay in {delay.unit}")
    return float(delay.duration) * _PICO[delay.unit]
