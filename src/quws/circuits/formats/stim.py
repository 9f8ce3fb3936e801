"""Stim's circuits: read by Stim, and written out gate by gate.

The record of measurements becomes one register, ``rec``, whose bit 0 is the first of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import stim
from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister, Measure, QuantumRegister, Reset
from qiskit.circuit.library import (
    CXGate,
    CYGate,
    CZGate,
    HGate,
    IGate,
    RXXGate,
    RYGate,
    RYYGate,
    RZZGate,
    SdgGate,
    SGate,
    SwapGate,
    SXdgGate,
    SXGate,
    XGate,
    YGate,
    ZGate,
    iSwapGate,
)
from typing_extensions import override

from quws.circuits.count import ENOUGH, finish
from quws.circuits.formats.feedback import done_where
from quws.circuits.formats.format import Format, Read
from quws.circuits.formats.stim_guard import FEEDBACK, IGNORED, alone, look
from quws.circuits.guard import check_text
from quws.circuits.messages import clean
from quws.circuits.tokens import quote, refuse
from quws.domain.circuits import CircuitLimits, Language
from quws.domain.errors import InvalidCircuit

WRITTEN = 300_000
"""Instructions that a circuit may become; to write out one takes about 10 µs."""

_CONDITION = 10
"""How many others take as long as one that depends on a measurement."""

_QUARTER = math.pi / 2
_GATES = {
    "I": IGate(),
    "X": XGate(),
    "Y": YGate(),
    "Z": ZGate(),
    "H": HGate(),
    "S": SGate(),
    "S_DAG": SdgGate(),
    "SQRT_X": SXGate(),
    "SQRT_X_DAG": SXdgGate(),
    "SQRT_Y": RYGate(_QUARTER),
    "SQRT_Y_DAG": RYGate(-_QUARTER),
}
_PAIRS = {
    "CX": CXGate(),
    "CY": CYGate(),
    "CZ": CZGate(),
    "XCZ": CXGate(),
    "YCZ": CYGate(),
    "SWAP": SwapGate(),
    "ISWAP": iSwapGate(),
    "SQRT_XX": RXXGate(_QUARTER),
    "SQRT_XX_DAG": RXXGate(-_QUARTER),
    "SQRT_YY": RYYGate(_QUARTER),
    "SQRT_YY_DAG": RYYGate(-_QUARTER),
    "SQRT_ZZ": RZZGate(_QUARTER),
    "SQRT_ZZ_DAG": RZZGate(-_QUARTER),
}
"""What is a gate of Qiskit's but for a phase; all others are decomposed by Stim."""

_SECOND_CONTROLS = frozenset(["XCZ", "YCZ"])
_OF_PAIRS = frozenset(["MXX", "MYY", "MZZ"])
_MEASURE, _RESET, _FLIP = Measure(), Reset(), XGate()
_TO_Z = {"X": (HGate(),), "Y": (SdgGate(), HGate()), "Z": ()}
_FROM_Z = {"X": (HGate(),), "Y": (HGate(), SGate()), "Z": ()}
_DISSIPATIVE = {
    word + basis.replace("Z", ""): (word, basis) for word in ("M", "R", "MR") for basis in "XYZ"
}


class Stim(Format):
    """Stim's circuits, without their noise."""

    @override
    def guard(self, source: str, said: Language | None, limits: CircuitLimits) -> Language:
        check_text(source, limits.bytes_stim, f"a circuit in {Language.STIM}")
        look(source, limits)
        return Language.STIM

    @override
    def read(self, source: str, language: Language, limits: CircuitLimits) -> Read:
        translation, steps = _translated(source)
        size = _size(steps)
        finish(size.operations, 0, limits)
        if size.work > WRITTEN:
            raise InvalidCircuit(
                f"the circuit has {size.operations} instructions once its REPEAT blocks are written"
                f" out; at most {WRITTEN} are allowed in {language}, and those that depend on a"
                f" measurement count {_CONDITION} times"
            )
        writer = _Writer(translation.qubits, size.record)
        writer.write(steps)
        names = ", ".join(sorted(translation.ignored))
        notes = [f"{names}: ignored, as nothing depends on it"] if names else []
        return Read(writer.circuit, language, size.operations, notes)


def _translated(source: str) -> tuple[_Translation, Sequence[_Step | _Repeat]]:
    try:
        return _steps(source)
    except (ValueError, IndexError) as error:
        said = error
    # It does not tell the place; the first line that is not taken by itself is it.
    for position, text in alone(source):
        try:
            _steps(text)
        except (ValueError, IndexError) as error:
            refuse(source, position, clean(str(error)))
    raise InvalidCircuit(clean(str(said)))


def _steps(source: str) -> tuple[_Translation, Sequence[_Step | _Repeat]]:
    translation = _Translation()
    return translation, translation.steps(stim.Circuit(source))


class _Step(NamedTuple):
    """An instruction on qubits by number.

    No operation at all is a bit of the record that stays 0. With ``back``, it is done where the
    measurement so far back in the record gave 1.
    """

    operation: Any
    qubits: tuple[int, ...]
    back: int = 0


class _Repeat(NamedTuple):
    times: int
    steps: Sequence[_Step | _Repeat]


class _Size(NamedTuple):
    """What steps become, written out."""

    operations: int
    record: int
    work: int


def _size(steps: Sequence[_Step | _Repeat]) -> _Size:
    operations = record = work = 0
    for step in steps:
        if isinstance(step, _Repeat):
            inner = _size(step.steps)
            operations = min(operations + step.times * inner.operations, ENOUGH)
            record = min(record + step.times * inner.record, ENOUGH)
            work = min(work + step.times * inner.work, ENOUGH)
            continue
        operations += step.operation is not None
        record += step.operation is None or step.operation is _MEASURE
        work += _CONDITION if step.back else 1
    return _Size(operations, record, work)


class _Translation:
    """From Stim's instructions to steps, with the blocks left as they are.

    What cannot be translated is a ``ValueError``, as what Stim cannot read.
    """

    def __init__(self) -> None:
        self.qubits = 0
        self.ignored: set[str] = set()
        self._steps: list[_Step | _Repeat] = []

    def steps(self, circuit: Any) -> Sequence[_Step | _Repeat]:
        outer, self._steps = self._steps, []
        for item in circuit:
            if isinstance(item, stim.CircuitRepeatBlock):
                inner = self.steps(item.body_copy())
                # To do nothing many times would take as long as to do something.
                if inner:
                    self._steps.append(_Repeat(item.repeat_count, inner))
            else:
                self._instruction(item)
        found, self._steps = self._steps, outer
        return found

    def _instruction(self, instruction: Any) -> None:
        name = instruction.name
        if name in IGNORED:
            self.ignored.add(name)
            return
        targets = instruction.targets_copy()
        if name in _GATES:
            for target in targets:
                self._add(_GATES[name], target.value)
        elif name in _PAIRS:
            for first, second in zip(targets[::2], targets[1::2], strict=True):
                self._pair(name, first, second)
        elif name in _DISSIPATIVE:
            for target in targets:
                self._dissipative(*_DISSIPATIVE[name], target)
        elif name == "MPAD":
            self._pad(targets)
        else:
            single = stim.Circuit(_as_product(name, targets) or str(instruction))
            parts = list(single.decomposed())
            if any(part.name == name for part in parts):
                raise ValueError(f"{quote(name)} is not supported")
            for part in parts:
                self._instruction(part)

    def _add(self, operation: Any, *qubits: int, back: int = 0) -> None:
        self.qubits = max(self.qubits, *(qubit + 1 for qubit in qubits))
        self._steps.append(_Step(operation, qubits, back))

    def _pair(self, name: str, first: Any, second: Any) -> None:
        if name in _SECOND_CONTROLS or not second.is_qubit_target:
            first, second = second, first
        if first.is_qubit_target:
            self._add(_PAIRS[name], first.value, second.value)
        elif second.is_qubit_target:
            self._add(_GATES[FEEDBACK[name]], second.value, back=-first.value)

    def _dissipative(self, word: str, basis: str, target: Any) -> None:
        qubit = target.value
        flip = target.is_inverted_result_target
        if "M" in word:
            for gate in _TO_Z[basis]:
                self._add(gate, qubit)
            if flip:
                self._add(_FLIP, qubit)
            self._add(_MEASURE, qubit)
        if "R" in word:
            self._add(_RESET, qubit)
        elif flip:
            self._add(_FLIP, qubit)
        for gate in _FROM_Z[basis]:
            self._add(gate, qubit)

    def _pad(self, targets: Sequence[Any]) -> None:
        if any(target.value for target in targets):
            raise ValueError("a product of Paulis that is -1 whatever the state cannot be measured")
        self._steps += [_Step(None, ())] * len(targets)


def _as_product(name: str, targets: Sequence[Any]) -> str | None:
    """Write a measurement of pairs as one of products, since Stim decomposes no inverted pair."""
    if name not in _OF_PAIRS:
        return None
    factors = [
        f"{'!' if item.is_inverted_result_target else ''}{name[-1]}{item.value}" for item in targets
    ]
    products = zip(factors[::2], factors[1::2], strict=True)
    return f"MPP {' '.join(map('*'.join, products))}"


class _Writer:
    """From steps to Qiskit's circuit, round after round."""

    def __init__(self, qubits: int, record: int) -> None:
        self.circuit = QuantumCircuit()
        if qubits:
            self.circuit.add_register(QuantumRegister(qubits, "q"))
        if record:
            self.circuit.add_register(ClassicalRegister(record, "rec"))
        self._record = 0

    def write(self, steps: Sequence[_Step | _Repeat]) -> None:
        circuit = self.circuit
        qubits, clbits = circuit.qubits, circuit.clbits
        for step in steps:
            if isinstance(step, _Repeat):
                for _ in range(step.times):
                    self.write(step.steps)
                continue
            operation, numbers, back = step
            on = [qubits[number] for number in numbers]
            if back:
                bit = clbits[self._record - back]
                circuit.append(done_where(bit, operation), on, [bit], copy=False)
            elif operation is None:
                self._record += 1
            elif operation is _MEASURE:
                circuit.append(operation, on, [clbits[self._record]], copy=False)
                self._record += 1
            else:
                circuit.append(operation, on, copy=False)
