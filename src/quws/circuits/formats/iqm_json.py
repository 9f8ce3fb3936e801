"""IQM's circuits as JSON: ``{"name": …, "instructions": […], "metadata": …}``.

Each key of a measurement becomes a register, in the order in which the keys stand; bit ``k`` of it
is the qubit ``k`` of the measurement's locus.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from qiskit import QuantumCircuit
from qiskit.circuit import (
    Barrier,
    ClassicalRegister,
    Delay,
    Measure,
    Reset,
)
from qiskit.circuit.library import CZGate, RGate
from typing_extensions import override

from quws.circuits.count import finish
from quws.circuits.formats.feedback import done_where
from quws.circuits.formats.format import Format, Read
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

_QUBIT = re.compile(r"QB([1-9][0-9]{0,8})")
_WIDTHS = {"prx": 1, "cc_prx": 1, "cz": 2}
"""How many qubits an instruction is on, where that is not left to it."""
_KNOWN = frozenset([*_WIDTHS, "measure", "reset", "delay", "barrier"])
_KNOWN_ARE = "; there are prx, cz, measure, cc_prx, reset, delay and barrier"
_OLD_NAMES = {"phased_rx": "prx", "measurement": "measure"}
_ANGLES = (("angle", "phase", 1.0), ("angle_t", "phase_t", 2 * math.pi))
"""The fields that angles stand in, and what makes radians of them."""
_ARGUMENTS = frozenset(["angle", "phase", "angle_t", "phase_t"])


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
        self._keys = Keys(limits, LONGEST_KEY)
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
        fields = fields_of(document, "the circuit", ["instructions"], ["name", "metadata"])
        if "name" in fields:
            text_at(fields["name"], "name")
        if not isinstance(fields.get("metadata"), dict | None):
            refuse_at("metadata", "must be an object or null")
        for number, instruction in enumerate(list_at(fields["instructions"], "instructions")):
            self._instruction(instruction, f"instructions[{number}]")

    # -- instructions -----------------------------------------------------------------------

    def _instruction(self, value: Any, at: str) -> None:
        fields = fields_of(value, at, ["name"], ["locus", "qubits", "args", "implementation"])
        name = text_at(fields["name"], f"{at}.name")
        name = _OLD_NAMES.get(name, name)
        if name not in _KNOWN:
            refuse_at(f"{at}.name", f"is {shown(name)}{_KNOWN_ARE}")
        if ("locus" in fields) is ("qubits" in fields):
            refuse_at(at, "must have the field 'locus', or 'qubits' as it was called before")
        implementation = fields.get("implementation")
        if implementation is not None:
            text_at(implementation, f"{at}.implementation")
            self._implementations = True
        arguments = fields.get("args", {})
        if not isinstance(arguments, dict):
            refuse_at(f"{at}.args", "must be an object")
        where = "locus" if "locus" in fields else "qubits"
        names = list_at(fields[where], f"{at}.{where}")
        on = self._locus(names, f"{at}.{where}")
        width = _WIDTHS.get(name, len(on))
        if len(on) != width:
            refuse_at(f"{at}.{where}", f"must name {width} qubit{'s' if width > 1 else ''}")
        self._operation(name, names, on, arguments, f"{at}.args")

    def _operation(
        self, name: str, names: list[Any], on: list[int], arguments: dict[str, Any], at: str
    ) -> None:
        match name:
            case "prx":
                fields_of(arguments, at, [], _ARGUMENTS)
                self._add(_Step(_prx(arguments, at), on))
            case "cc_prx":
                self._conditional(arguments, on, at)
            case "measure":
                self._measure(arguments, names, on, at)
            case "delay":
                fields_of(arguments, at, ["duration"])
                seconds = number_at(arguments["duration"], f"{at}.duration")
                if seconds < 0:
                    refuse_at(f"{at}.duration", "must not be negative")
                self._add(*(_Step(Delay(seconds, "s"), [qubit]) for qubit in on))
            case _:
                fields_of(arguments, at)
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
            refuse_at(at, "must name a qubit")
        on = [self._qubit(name, at, place) for place, name in enumerate(names)]
        if len(set(on)) < len(on):
            refuse_at(at, "names a qubit twice")
        return on

    def _qubit(self, name: Any, at: str, place: int) -> int:
        if isinstance(name, str) and name in self._qubits:
            return self._qubits[name]
        found = _QUBIT.fullmatch(name) if isinstance(name, str) else None
        if found is None:
            refuse_at(f"{at}[{place}]", "must be the name of a qubit: 'QB1', 'QB2' and so on")
        index = int(found[1]) - 1
        if index >= self._limits.qubits:
            refuse_at(
                f"{at}[{place}]",
                f"is {shown(name)}, the target has {counted(self._limits.qubits, 'qubit')}",
            )
        self._qubits[name] = index
        return index

    def _measure(self, arguments: dict[str, Any], names: list[Any], on: list[int], at: str) -> None:
        fields_of(arguments, at, ["key"], ["feedback_key"])
        _, first = self._keys.add(arguments["key"], at, len(on))
        for place, qubit in enumerate(on):
            self._add(_Step(Measure(), [qubit], [first + place]))
        if arguments.get("feedback_key") is not None:
            feedback = text_at(arguments["feedback_key"], f"{at}.feedback_key")
            for place, name in enumerate(names):
                self._fed[name, feedback] = first + place

    def _conditional(self, arguments: dict[str, Any], on: list[int], at: str) -> None:
        own = ["feedback_qubit", "feedback_key"]
        fields_of(arguments, at, own, _ARGUMENTS)
        gate = _prx(arguments, at)
        qubit, key = (text_at(arguments[name], f"{at}.{name}") for name in own)
        bit = self._fed.get((qubit, key))
        if bit is None:
            refuse_at(
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
            size = max(self._qubits.values()) + 1
            made.add_register(qubit_register(size, registers.values()))
        for key, name in registers.items():
            made.add_register(ClassicalRegister(self._keys.sizes[key], name))
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
        return register_names(self._keys.sizes)

    def notes(self) -> list[str]:
        """Tell what was read in another way than it stands there."""
        notes = []
        renamed = renamed_keys(self._registers())
        if renamed is not None:
            notes.append(renamed)
        if self._implementations:
            notes.append("the field 'implementation' is ignored: the target chooses how")
        return notes


# Parts of the document --------------------------------------------------------------------


def _prx(arguments: dict[str, Any], at: str) -> RGate:
    given = _ARGUMENTS & set(arguments)
    found = [item for item in _ANGLES if given == set(item[:2])]
    if not found:
        refuse_at(at, "must have the fields 'angle' and 'phase', or 'angle_t' and 'phase_t'")
    angle, phase, unit = found[0]
    return RGate(*(unit * number_at(arguments[name], f"{at}.{name}") for name in (angle, phase)))
