"""IQM's circuits as JSON: ``{"name": …, "instructions": […], "metadata": …}``.

Each key of a measurement becomes a register, in the order in which the keys stand; bit ``k`` of it
is the qubit ``k`` of the measurement's locus.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, NoReturn

from qiskit import QuantumCircuit
from qiskit.circuit import (
    Barrier,
    ClassicalRegister,
    Delay,
    Measure,
    QuantumRegister,
    Reset,
)
from qiskit.circuit.library import CZGate, RGate
from typing_extensions import override

from quws.circuits.count import finish
from quws.circuits.formats.feedback import done_where
from quws.circuits.formats.format import Format, Read
from quws.circuits.formats.json_text import load, look, shown
from quws.circuits.guard import check_text
from quws.domain.circuits import CircuitLimits, Language
from quws.domain.errors import InvalidCircuit

LONGEST_KEY = 100
"""Characters of a measurement's key, which is the name of a register."""

_QUBIT = re.compile(r"QB([1-9][0-9]{0,8})")
_NAME = re.compile(r"[^\W\d]\w*")
_WIDTHS = {"prx": 1, "cc_prx": 1, "cz": 2}
"""How many qubits an instruction is on, where that is not left to it."""
_KNOWN = frozenset([*_WIDTHS, "measure", "reset", "delay", "barrier"])
_KNOWN_ARE = "; there are prx, cz, measure, cc_prx, reset, delay and barrier"
_OLD_NAMES = {"phased_rx": "prx", "measurement": "measure"}
_ANGLES = (("angle", "phase", 1.0), ("angle_t", "phase_t", 2 * math.pi))
"""The fields that angles stand in, and what makes radians of them."""
_ARGUMENTS = frozenset(["angle", "phase", "angle_t", "phase_t"])
_NAMED = 5
"""Renamed keys that a note tells of."""


class IqmJson(Format):
    """IQM's circuits, in the spelling of today and in those of before."""

    @override
    def guard(self, source: str, said: Language | None, limits: CircuitLimits) -> Language:
        check_text(source, limits.bytes_iqm_json, f"a circuit in {Language.IQM_JSON}")
        look(source, limits)
        return Language.IQM_JSON

    @override
    def read(self, source: str, language: Language, limits: CircuitLimits) -> Read:
        reading = _Reading(limits)
        reading.read(load(source))
        finish(reading.operations, 0, limits)
        return Read(reading.circuit(), language, reading.operations, reading.notes())


class _Step(NamedTuple):
    """An operation on qubits by number; with ``when``, it is done where that bit is 1."""

    operation: Any
    qubits: Sequence[int]
    clbits: Sequence[int] = ()
    when: int | None = None


class _Reading:
    """What has been read of a circuit so far."""

    def __init__(self, limits: CircuitLimits) -> None:
        self._limits = limits
        self._qubits: dict[str, int] = {}
        """The index of each qubit that was named, by its name."""
        self._keys: dict[str, int] = {}
        """How many bits each key has, in the order of the keys."""
        self._clbits = 0
        self._fed: dict[tuple[str, str], int] = {}
        """The bit that a qubit was measured into, by its name and the feedback key."""
        self._steps: list[_Step] = []
        self._implementations = False
        self.operations = 0

    def read(self, document: Any) -> None:
        if isinstance(document, dict) and "circuits" in document:
            raise InvalidCircuit(
                "this is a job; send each of its 'circuits' as a CIRCUIT of its own, and its"
                " 'shots' as SHOTS"
            )
        fields = _object(document, "the circuit", ["instructions"], ["name", "metadata"])
        if "name" in fields:
            _text(fields["name"], "name")
        if not isinstance(fields.get("metadata"), dict | None):
            _refuse("metadata", "must be an object or null")
        for number, instruction in enumerate(_list(fields["instructions"], "instructions")):
            self._instruction(instruction, f"instructions[{number}]")

    # -- instructions -----------------------------------------------------------------------

    def _instruction(self, value: Any, at: str) -> None:
        fields = _object(value, at, ["name"], ["locus", "qubits", "args", "implementation"])
        name = _text(fields["name"], f"{at}.name")
        name = _OLD_NAMES.get(name, name)
        if name not in _KNOWN:
            _refuse(f"{at}.name", f"is {shown(name)}{_KNOWN_ARE}")
        if ("locus" in fields) is ("qubits" in fields):
            _refuse(at, "must have the field 'locus', or 'qubits' as it was called before")
        implementation = fields.get("implementation")
        if implementation is not None:
            _text(implementation, f"{at}.implementation")
            self._implementations = True
        arguments = fields.get("args", {})
        if not isinstance(arguments, dict):
            _refuse(f"{at}.args", "must be an object")
        where = "locus" if "locus" in fields else "qubits"
        names = _list(fields[where], f"{at}.{where}")
        on = self._locus(names, f"{at}.{where}")
        width = _WIDTHS.get(name, len(on))
        if len(on) != width:
            _refuse(f"{at}.{where}", f"must name {width} qubit{'s' if width > 1 else ''}")
        self._operation(name, names, on, arguments, f"{at}.args")

    def _operation(
        self, name: str, names: list[Any], on: list[int], arguments: dict[str, Any], at: str
    ) -> None:
        match name:
            case "prx":
                _object(arguments, at, [], _ARGUMENTS)
                self._add(_Step(_prx(arguments, at), on))
            case "cc_prx":
                self._conditional(arguments, on, at)
            case "measure":
                self._measure(arguments, names, on, at)
            case "delay":
                _object(arguments, at, ["duration"])
                seconds = _number(arguments["duration"], f"{at}.duration")
                if seconds < 0:
                    _refuse(f"{at}.duration", "must not be negative")
                self._add(*(_Step(Delay(seconds, "s"), [qubit]) for qubit in on))
            case _:
                _object(arguments, at)
                if name == "reset":
                    self._add(*(_Step(Reset(), [qubit]) for qubit in on))
                elif name == "cz":
                    self._add(_Step(CZGate(), on))
                else:
                    self._steps.append(_Step(Barrier(len(on)), on))

    def _add(self, *steps: _Step) -> None:
        self._steps += steps
        self.operations += len(steps)

    def _locus(self, names: list[Any], at: str) -> list[int]:
        if not names:
            _refuse(at, "must name a qubit")
        on = [self._qubit(name, at, place) for place, name in enumerate(names)]
        if len(set(on)) < len(on):
            _refuse(at, "names a qubit twice")
        return on

    def _qubit(self, name: Any, at: str, place: int) -> int:
        if isinstance(name, str) and name in self._qubits:
            return self._qubits[name]
        found = _QUBIT.fullmatch(name) if isinstance(name, str) else None
        if found is None:
            _refuse(f"{at}[{place}]", "must be the name of a qubit: 'QB1', 'QB2' and so on")
        index = int(found[1]) - 1
        if index >= self._limits.qubits:
            _refuse(
                f"{at}[{place}]", f"is {shown(name)}, the target has {self._limits.qubits} qubits"
            )
        self._qubits[name] = index
        return index

    def _measure(self, arguments: dict[str, Any], names: list[Any], on: list[int], at: str) -> None:
        _object(arguments, at, ["key"], ["feedback_key"])
        key = _text(arguments["key"], f"{at}.key")
        if not 1 <= len(key) <= LONGEST_KEY:
            _refuse(f"{at}.key", f"must have 1 to {LONGEST_KEY} characters")
        if key in self._keys:
            _refuse(f"{at}.key", f"is {shown(key)}, as that of a measurement before it")
        first = self._clbits
        self._keys[key] = len(on)
        self._clbits += len(on)
        if self._clbits > self._limits.clbits:
            raise InvalidCircuit(
                f"the circuit has more than {self._limits.clbits} classical bits, which is as many"
                " as the target takes"
            )
        for place, qubit in enumerate(on):
            self._add(_Step(Measure(), [qubit], [first + place]))
        if arguments.get("feedback_key") is not None:
            feedback = _text(arguments["feedback_key"], f"{at}.feedback_key")
            for place, name in enumerate(names):
                self._fed[name, feedback] = first + place

    def _conditional(self, arguments: dict[str, Any], on: list[int], at: str) -> None:
        own = ["feedback_qubit", "feedback_key"]
        _object(arguments, at, own, _ARGUMENTS)
        gate = _prx(arguments, at)
        qubit, key = (_text(arguments[name], f"{at}.{name}") for name in own)
        bit = self._fed.get((qubit, key))
        if bit is None:
            _refuse(
                at,
                f"names the feedback_key {shown(key)} of {shown(qubit)}, and no measurement before"
                " it does",
            )
        self._add(_Step(gate, on, when=bit))

    # -- the circuit ------------------------------------------------------------------------

    def circuit(self) -> QuantumCircuit:
        made = QuantumCircuit()
        registers = self._registers()
        if self._qubits:
            name = "q"
            while name in registers.values():
                name += "_"
            made.add_register(QuantumRegister(max(self._qubits.values()) + 1, name))
        for key, name in registers.items():
            made.add_register(ClassicalRegister(self._keys[key], name))
        qubits, clbits = made.qubits, made.clbits
        for operation, numbers, bits, when in self._steps:
            on = [qubits[number] for number in numbers]
            if when is None:
                made.append(operation, on, [clbits[bit] for bit in bits], copy=False)
                continue
            bit = clbits[when]
            made.append(done_where(bit, operation), on, [bit], copy=False)
        return made

    def _registers(self) -> dict[str, str]:
        """Give each key a name that a register can have: its own, where that is one."""
        found = {key: key for key in self._keys if _NAME.fullmatch(key)}
        taken = set(found)
        for key in self._keys:
            if key not in found:
                name = re.sub(r"\W", "_", key)
                name = name if _NAME.fullmatch(name) else f"m_{name}"
                while name in taken:
                    name += "_"
                taken.add(name)
                found[key] = name
        return {key: found[key] for key in self._keys}

    def notes(self) -> list[str]:
        """Tell what was read in another way than it stands there."""
        notes = []
        renamed = [item for item in self._registers().items() if item[0] != item[1]]
        if renamed:
            some = ", ".join(f"{shown(key)} is {name}" for key, name in renamed[:_NAMED])
            more = ", …" if len(renamed) > _NAMED else ""
            notes.append(f"measurement keys that are no names of registers: {some}{more}")
        if self._implementations:
            notes.append("the field 'implementation' is ignored: the target chooses how")
        return notes


# Parts of the document --------------------------------------------------------------------


def _prx(arguments: dict[str, Any], at: str) -> RGate:
    given = _ARGUMENTS & set(arguments)
    found = [item for item in _ANGLES if given == set(item[:2])]
    if not found:
        _refuse(at, "must have the fields 'angle' and 'phase', or 'angle_t' and 'phase_t'")
    angle, phase, unit = found[0]
    return RGate(*(unit * _number(arguments[name], f"{at}.{name}") for name in (angle, phase)))


def _object(
    value: Any, at: str, required: Collection[str] = (), optional: Collection[str] = ()
) -> dict[str, Any]:
    """Return an object that has these fields and no others."""
    if not isinstance(value, dict):
        _refuse(at, "must be an object")
    for name in required:
        if name not in value:
            _refuse(at, f"must have the field {shown(name)}")
    for name in value:
        if name not in required and name not in optional:
            _refuse(at, f"has the field {shown(name)}, which is not known there")
    return value


def _list(value: Any, at: str) -> list[Any]:
    if not isinstance(value, list):
        _refuse(at, "must be a list")
    return value


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str):
        _refuse(at, "must be a text")
    return value


def _number(value: Any, at: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        _refuse(at, "must be a finite number")
    return float(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float is as large as
        return False


def _refuse(at: str, sentence: str) -> NoReturn:
    raise InvalidCircuit(f"{at} {sentence}")
