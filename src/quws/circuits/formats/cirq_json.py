"""Cirq's circuits as JSON, as ``cirq.to_json`` writes them; Cirq itself is not needed.

Qubits are numbered in Cirq's order. Each key of a measurement becomes a register, in the order in
which the keys stand; bit ``k`` of it is the qubit ``k`` of the measurement.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister, Delay, Measure, Reset
from qiskit.circuit.library import IGate, XGate
from typing_extensions import override

from quws.circuits.count import finish
from quws.circuits.formats.cirq_gates import GATES, Steps, controlled, made_of
from quws.circuits.formats.cirq_matrix import made_of_matrix
from quws.circuits.formats.cirq_values import Values
from quws.circuits.formats.feedback import done_where
from quws.circuits.formats.format import Format, Input, Read
from quws.circuits.formats.json_fields import fields_of, list_at, number_at, refuse_at, text_at
from quws.circuits.formats.json_text import load, look, shown
from quws.circuits.formats.keys import (
    LONGEST_KEY,
    Keys,
    qubit_register,
    register_names,
    renamed_keys,
)
from quws.circuits.guard import check_text
from quws.domain.circuits import CircuitLimits, Language
from quws.domain.errors import InvalidCircuit
from quws.domain.words import counted

MOST_CONTROLS = 12
"""Of one gate; with so many it is written out with some thousand others."""
_BEGINS = re.compile(r'\ufeff?[ \t\r\n]*+\{[ \t\r\n]*+"cirq_type"')
_TYPE = "cirq_type"
_DIGITS = re.compile(r"([0-9]+)")
_LARGEST = 10**9
_LONGEST_KEY = 50_000
"""Without one of its own, a measurement's key has the names of all its qubits."""
_PICO = 1e-12
_KINDS = {"LineQubit": ["x"], "GridQubit": ["row", "col"], "NamedQubit": ["name"]}
_SHOWN = 8
"""Qubits that a note names."""


def is_cirq(source: str) -> bool:
    """Whether a text begins as Cirq writes circuits: an object with its type first."""
    return _BEGINS.match(source) is not None


class CirqJson(Format):
    """Cirq's circuits: the gates that its users have, measurements, controls, parameters."""

    @override
    def guard(self, source: str, said: Language | None, limits: CircuitLimits) -> Language:
        check_text(source, limits.bytes_cirq_json, f"a circuit in {Language.CIRQ_JSON}")
        look(source, limits)
        return Language.CIRQ_JSON

    @override
    def read(self, source: str, language: Language, limits: CircuitLimits) -> Read:
        reading = _Reading(limits)
        reading.read(load(source))
        finish(reading.operations, 0, limits)
        inputs = {name: Input(item) for name, item in reading.values.parameters.items()}
        return Read(reading.circuit(), language, reading.operations, reading.notes(), inputs)


class Asked(NamedTuple):
    """A circuit, with what Cirq calls its measurements and qubits, in their orders."""

    circuit: QuantumCircuit
    keys: list[str]
    qubits: str
    """As JSON."""


def asked_of(source: str, limits: CircuitLimits) -> Asked:
    """Read a circuit together with the names that it has in Cirq.

    Raises
    ------
    InvalidCircuit

    """
    CirqJson().guard(source, Language.CIRQ_JSON, limits)
    reading = _Reading(limits)
    reading.read(load(source))
    return Asked(reading.circuit(), reading.keys(), reading.qubits())


_Qubit = tuple[str, tuple[Any, ...]]
"""The kind of a qubit, and what Cirq orders those of a kind by."""


class _Step(NamedTuple):
    """An operation on qubits; with ``when``, it is done where the bit of that key is 1."""

    operation: Any
    qubits: Sequence[_Qubit]
    key: str | None = None
    """Of a measurement."""
    when: str | None = None


class _Reading:
    """What has been read of a circuit so far."""

    def __init__(self, limits: CircuitLimits) -> None:
        self._limits = limits
        self._qubits: dict[_Qubit, str] = {}
        """What people call each qubit."""
        self._keys = Keys(limits, _LONGEST_KEY)
        self._steps: list[_Step] = []
        self._flipped: set[_Qubit] = set()
        """Qubits that were turned to measure the opposite, and not back since."""
        self.values = Values()
        self.operations = 0

    def read(self, document: Any) -> None:
        fields = fields_of(document, "the circuit", [_TYPE], ["moments", "device", "tags"])
        kind = text_at(fields[_TYPE], _TYPE)
        if kind not in ("Circuit", "FrozenCircuit"):
            refuse_at(_TYPE, f"is {shown(kind)}, and must be Circuit")
        for place, moment in enumerate(list_at(fields.get("moments"), "moments")):
            at = f"moments[{place}]"
            fields_of(moment, at, [_TYPE, "operations"], ["tags"])
            for number, item in enumerate(list_at(moment["operations"], f"{at}.operations")):
                self._operation(item, f"{at}.operations[{number}]")

    # -- operations -------------------------------------------------------------------------

    def _operation(self, value: Any, at: str, when: str | None = None) -> None:
        if not isinstance(value, dict):
            refuse_at(at, "must be an object")
        match text_at(value.get(_TYPE), f"{at}.{_TYPE}"):
            case "GateOperation":
                fields_of(value, at, [_TYPE, "gate", "qubits"])
                on = self._on(value["qubits"], f"{at}.qubits")
                self._gate(value["gate"], on, f"{at}.gate", when)
            case "SingleQubitPauliStringGateOperation":
                fields_of(value, at, [_TYPE, "pauli", "qubit"])
                on = [self._qubit(value["qubit"], f"{at}.qubit")]
                self._gate(value["pauli"], on, f"{at}.pauli", when)
            case "TaggedOperation":
                fields_of(value, at, [_TYPE, "sub_operation"], ["tags"])
                self._operation(value["sub_operation"], f"{at}.sub_operation", when)
            case "ClassicallyControlledOperation":
                fields_of(value, at, [_TYPE, "conditions", "sub_operation"])
                if when is not None:
                    refuse_at(at, "has a condition under another, and may have one")
                key = self._condition(value["conditions"], f"{at}.conditions")
                self._operation(value["sub_operation"], f"{at}.sub_operation", key)
            case "ControlledOperation":
                self._controlled(value, at, when)
            case "CircuitOperation":
                refuse_at(at, "is a circuit in a circuit; cirq.unroll_circuit_op writes it out")
            case kind:
                refuse_at(f"{at}.{_TYPE}", f"is {shown(kind)}, which is not read here")

    def _gate(self, value: Any, on: list[_Qubit], at: str, when: str | None) -> None:
        if not isinstance(value, dict):
            refuse_at(at, "must be an object")
        kind = text_at(value.get(_TYPE), f"{at}.{_TYPE}")
        if kind in GATES:
            self._made(*made_of(kind, value, self.values, at), on, at, when)
            return
        match kind:
            case "ControlledGate":
                fields_of(
                    value,
                    at,
                    [_TYPE, "sub_gate"],
                    ["control_values", "control_qid_shape", "num_controls"],
                )
                sub = value["sub_gate"]
                states = self._states(value.get("control_values"), len(on) - 1, at)
                self._under_control(sub, states, on, f"{at}.sub_gate", when)
            case "IdentityGate":
                fields_of(value, at, [_TYPE], ["num_qubits", "qid_shape"])
                self._made(len(on), [(IGate(), (place,)) for place in range(len(on))], on, at, when)
            case "MatrixGate":
                self._made(*made_of_matrix(value, at), on, at, when)
            case "GlobalPhaseGate":
                if on:
                    refuse_at(at, "must have no qubits")
            case _ if when is not None:
                refuse_at(f"{at}.{_TYPE}", f"is {shown(kind)}, and only gates can have a condition")
            case "MeasurementGate":
                self._measure(value, on, at)
            case "ResetChannel":
                fields_of(value, at, [_TYPE], ["dimension"])
                self._add(*(_Step(Reset(), [qubit]) for qubit in on))
            case "WaitGate":
                fields_of(value, at, [_TYPE, "duration"], ["num_qubits", "qid_shape"])
                seconds = self._duration(value["duration"], f"{at}.duration")
                self._add(*(_Step(Delay(seconds, "s"), [qubit]) for qubit in on))
            case _:
                refuse_at(
                    f"{at}.{_TYPE}",
                    f"is {shown(kind)}, which is not read here; cirq.decompose may write it out",
                )

    def _made(self, qubits: int, steps: Steps, on: list[_Qubit], at: str, when: str | None) -> None:
        if len(on) != qubits:
            refuse_at(at, f"is on {counted(len(on), 'qubit')}, and must be on {qubits}")
        self._add(
            *(_Step(gate, [on[place] for place in places], when=when) for gate, places in steps)
        )

    def _controlled(self, value: dict[str, Any], at: str, when: str | None) -> None:
        fields_of(value, at, [_TYPE, "controls", "sub_operation"], ["control_values"])
        controls = self._on(value["controls"], f"{at}.controls")
        states = self._states(value.get("control_values"), len(controls), at)
        sub, where = value["sub_operation"], f"{at}.sub_operation"
        if not isinstance(sub, dict):
            refuse_at(where, "must be an object")
        if sub.get(_TYPE) == "SingleQubitPauliStringGateOperation":
            gate, own = sub.get("pauli"), [self._qubit(sub.get("qubit"), f"{where}.qubit")]
        else:
            fields_of(sub, where, [_TYPE, "gate", "qubits"])
            gate, own = sub["gate"], self._on(sub["qubits"], f"{where}.qubits")
        on = [*controls, *own]
        if len(set(on)) < len(on):
            refuse_at(at, "names a qubit twice")
        self._under_control(gate, states, on, f"{where}.gate", when)

    def _under_control(
        self, gate: Any, states: list[int], on: list[_Qubit], at: str, when: str | None
    ) -> None:
        if not isinstance(gate, dict):
            refuse_at(at, "must be an object")
        kind = text_at(gate.get(_TYPE), f"{at}.{_TYPE}")
        if len(on) != len(states) + 1:
            refuse_at(at, "must be on one qubit beside its controls")
        _, steps = controlled(kind, gate, states, self.values, at)
        self._made(len(on), steps, on, at, when)

    def _states(self, value: Any, count: int, at: str) -> list[int]:
        """Read at which value of each control a gate acts."""
        if not 1 <= count <= MOST_CONTROLS:
            refuse_at(at, f"must have 1 to {MOST_CONTROLS} controls")
        if value is None:
            return [1] * count
        at = f"{at}.control_values"
        if isinstance(value, dict):
            fields_of(value, at, [_TYPE, "data"])
            if value[_TYPE] != "ProductOfSums":
                refuse_at(at, "must be one value for each control")
            value = value["data"]
        states = [
            item[0] if isinstance(item, list) and len(item) == 1 else item
            for item in list_at(value, at)
        ]
        if len(states) != count or any(item not in (0, 1) for item in states):
            refuse_at(at, "must be 0 or 1 for each control")
        return [int(item) for item in states]

    def _condition(self, value: Any, at: str) -> str:
        conditions = list_at(value, at)
        if len(conditions) != 1:
            refuse_at(at, "must have one item")
        at = f"{at}[0]"
        fields_of(conditions[0], at, [_TYPE], ["key", "index"])
        if conditions[0][_TYPE] != "KeyCondition" or conditions[0].get("index", -1) != -1:
            refuse_at(at, "must be a measurement key")
        key = fields_of(conditions[0].get("key"), f"{at}.key", [_TYPE, "name"], ["path"])
        parts = [*list_at(key.get("path", []), f"{at}.key.path"), key["name"]]
        name = ":".join(text_at(part, f"{at}.key") for part in parts)
        if self._keys.sizes.get(name) != 1:
            refuse_at(at, f"is the key {shown(name)}, and must be one of one bit that was measured")
        return name

    def _measure(self, value: dict[str, Any], on: list[_Qubit], at: str) -> None:
        own = ["num_qubits", "invert_mask", "qid_shape", "confusion_map"]
        fields_of(value, at, [_TYPE, "key"], own)
        if value.get("confusion_map"):
            refuse_at(f"{at}.confusion_map", "is noise, which the parameter NOISE says")
        mask = list_at(value.get("invert_mask") or [], f"{at}.invert_mask")
        if len(mask) > len(on) or any(not isinstance(item, bool) for item in mask):
            refuse_at(f"{at}.invert_mask", "must be true or false for each qubit")
        key, _ = self._keys.add(value["key"], at, len(on))
        turned = [qubit for qubit, flip in zip(on, mask, strict=False) if flip]
        self._add(*(_Step(XGate(), [qubit]) for qubit in turned))
        self._add(_Step(Measure(), on, key=key), count=len(on))
        self._flipped.update(turned)

    def _add(self, *steps: _Step, count: int | None = None) -> None:
        for step in steps:
            for qubit in step.qubits:
                if qubit in self._flipped:
                    # Only now: what nothing comes after need not be turned back.
                    self._flipped.remove(qubit)
                    self._steps.append(_Step(XGate(), [qubit]))
                    self.operations += 1
        self._steps += steps
        self.operations += len(steps) if count is None else count

    def _duration(self, value: Any, at: str) -> float:
        fields_of(value, at, [_TYPE, "picos"])
        picos = self.values.read(value["picos"], f"{at}.picos")
        if not isinstance(picos, float) or picos < 0:
            refuse_at(f"{at}.picos", "must be a number, and not negative")
        return picos * _PICO

    # -- qubits -----------------------------------------------------------------------------

    def _on(self, value: Any, at: str) -> list[_Qubit]:
        on = [self._qubit(item, f"{at}[{n}]") for n, item in enumerate(list_at(value, at))]
        if len(set(on)) < len(on):
            refuse_at(at, "names a qubit twice")
        return on

    def _qubit(self, value: Any, at: str) -> _Qubit:
        kind = value.get(_TYPE) if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in _KINDS:
            refuse_at(at, f"must be a qubit: {', '.join(_KINDS)}")
        names = _KINDS[kind]
        fields_of(value, at, [_TYPE, *names])
        if kind == "NamedQubit":
            name = text_at(value["name"], f"{at}.name")
            if len(name) > LONGEST_KEY:
                refuse_at(f"{at}.name", f"must have at most {LONGEST_KEY} characters")
            found: _Qubit = (kind, (_natural(name), name))
            called = shown(name)
        else:
            numbers = [number_at(value[item], f"{at}.{item}") for item in names]
            if any(item != int(item) or abs(item) > _LARGEST for item in numbers):
                refuse_at(at, "must have whole numbers")
            found = (kind, tuple(int(item) for item in numbers))
            called = f"q({', '.join(str(int(item)) for item in numbers)})"
        self._qubits.setdefault(found, called)
        if len(self._qubits) > self._limits.qubits:
            raise InvalidCircuit(
                f"the circuit has more than {counted(self._limits.qubits, 'qubit')}, which is"
                " as many as the target has"
            )
        return found

    def _ordered(self) -> list[_Qubit]:
        """List the qubits in Cirq's order: by kind, and those of a kind by what they are."""
        return sorted(self._qubits)

    # -- the circuit ------------------------------------------------------------------------

    def circuit(self) -> QuantumCircuit:
        made = QuantumCircuit()
        registers = register_names(self._keys.sizes)
        ordered = self._ordered()
        if ordered:
            made.add_register(qubit_register(len(ordered), registers.values()))
        bits = {}
        for measured, own in registers.items():
            bits[measured] = ClassicalRegister(self._keys.sizes[measured], own)
            made.add_register(bits[measured])
        index = dict(zip(ordered, made.qubits, strict=True))
        for operation, qubits, key, when in self._steps:
            on = [index[qubit] for qubit in qubits]
            if key is not None:
                for qubit, bit in zip(on, bits[key], strict=True):
                    made.append(operation, [qubit], [bit])
            elif when is not None:
                bit = bits[when][0]
                made.append(done_where(bit, operation), on, [bit], copy=False)
            else:
                made.append(operation, on, copy=False)
        return made

    def keys(self) -> list[str]:
        """List the keys of the measurements in the order of their registers."""
        return list(self._keys.sizes)

    def qubits(self) -> str:
        """Write the qubits as Cirq does, in its order."""
        found = []
        for kind, place in self._ordered():
            fields = place[1:] if kind == "NamedQubit" else place
            found.append({_TYPE: kind, **dict(zip(_KINDS[kind], fields, strict=True))})
        return json.dumps(found, separators=(",", ":"))

    def notes(self) -> list[str]:
        """Tell what was read in another way than it stands there."""
        found = [renamed_keys(register_names(self._keys.sizes))]
        ordered = self._ordered()
        if ordered != [("LineQubit", (place,)) for place in range(len(ordered))]:
            some = ", ".join(
                f"{self._qubits[qubit]} is {n}" for n, qubit in enumerate(ordered[:_SHOWN])
            )
            more = ", …" if len(ordered) > _SHOWN else ""
            found.append(f"qubits are numbered in Cirq's order: {some}{more}")
        return [note for note in found if note is not None]


def _natural(name: str) -> tuple[Any, ...]:
    """Return what orders names as people do, numbers in them by their value."""
    parts = _DIGITS.split(name)
    return tuple(
        (part.rjust(8, "0"), len(part)) if place % 2 else (part, 0)
        for place, part in enumerate(parts)
    )
