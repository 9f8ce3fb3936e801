"""The circuits that a target must get right before it is offered, and how they are judged.

They are asymmetric on purpose: each tells apart what is mixed up in practice
(bit order, registers, order within a batch, bits that were never measured).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from quws.domain.circuits import OPENQASM, Language
from quws.domain.outcomes import CircuitOutcome
from quws.domain.targets import Feature, TargetDescription, TargetKind
from quws.domain.words import counted

Judge = Callable[[dict[str, int]], str | None]
"""Says what is wrong with counts; None if nothing is."""

Registers = Sequence[tuple[str, int]]

_QUICK_WIDTH, _WIDTH, _DEVICE_WIDTH = 5, 10, 200
_WIDE_BITS = 70
_NOISY = 0.3
"""How often a bit of a noisy target may be wrong."""
_SIGMAS = 5.0


@dataclass(frozen=True, slots=True)
class Probe:
    """A circuit, and how to judge what comes out."""

    source: str
    judge: Judge


@dataclass(frozen=True, slots=True)
class Check:
    """Some circuits that belong together; none where the target does not claim what they need."""

    name: str
    title: str
    probes: tuple[Probe, ...] = ()
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """A statement: a gate with an angle or without, on qubits."""

    name: str
    qubits: tuple[int, ...]
    angle: float | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A statement: measure a qubit into a bit."""

    qubit: int
    register: str
    bit: int


@dataclass(frozen=True, slots=True)
class When:
    """A statement: do something if a register has a value."""

    register: str
    value: int
    then: Gate


Statement = Gate | Measure | When | str


class Writer:
    """Writes circuits in a language."""

    def __init__(self, language: Language) -> None:
        self._newer = language is Language.OPENQASM_3

    def circuit(self, qubits: int, registers: Registers, statements: Sequence[Statement]) -> str:
        """Write a circuit."""
        if self._newer:
            head = ["OPENQASM 3.0;", 'include "stdgates.inc";', f"qubit[{qubits}] q;"]
            head += [f"bit[{size}] {name};" for name, size in registers]
        else:
            head = ["OPENQASM 2.0;", 'include "qelib1.inc";', f"qreg q[{qubits}];"]
            head += [f"creg {name}[{size}];" for name, size in registers]
        return "\n".join([*head, *map(self._statement, statements)]) + "\n"

    def _statement(self, statement: Statement) -> str:
        match statement:
            case Gate(name, qubits, angle):
                places = ", ".join(f"q[{qubit}]" for qubit in qubits)
                value = "" if angle is None else f"({angle!r})"
                return f"{name}{value} {places};"
            case Measure(qubit, register, bit) if self._newer:
                return f"{register}[{bit}] = measure q[{qubit}];"
            case Measure(qubit, register, bit):
                return f"measure q[{qubit}] -> {register}[{bit}];"
            case When(register, value, then) if self._newer:
                return f"if ({register} == {value}) {{ {self._statement(then)} }}"
            case When(register, value, then):
                return f"if ({register} == {value}) {self._statement(then)}"
        return statement


def x(qubit: int) -> Gate:
    """Flip a qubit."""
    return Gate("x", (qubit,))


def checks(target: TargetDescription, *, quick: bool) -> Iterator[Check]:
    """List the checks that a target must pass.

    Parameters
    ----------
    quick
        Fewer positions, for targets that are checked at each start.

    """
    language = _written(target)[-1]
    write = Writer(language).circuit
    wrong = 0.0 if target.kind is TargetKind.SIMULATOR else _NOISY
    yield _flips(target, write, wrong, quick=quick)
    yield _languages(target, wrong)
    yield _partial(target, write, wrong)
    yield _entangled(target, write, wrong)
    yield _sweep(write, wrong)
    yield _wide(target, write, wrong)
    for feature, name, title, circuit, expected in _FEATURES:
        if feature not in target.features:
            yield Check(name, title, skipped=f"it does not claim {feature}")
        elif feature is Feature.DELAY and language is not Language.OPENQASM_3:
            yield Check(name, title, skipped="its language has no delay")
        elif _room(target) < circuit[0]:
            yield Check(name, title, skipped=f"it takes only {counted(_room(target), 'qubit')}")
        else:
            yield Check(name, title, (Probe(write(*circuit), expect(expected, wrong)),))


_FEATURES: tuple[tuple[Feature, str, str, tuple[int, Registers, Sequence[Statement]], str], ...] = (
    (
        Feature.MID_CIRCUIT,
        "mid-circuit",
        "A measurement in the middle of a circuit",
        (1, [("c", 2)], [x(0), Measure(0, "c", 0), x(0), Measure(0, "c", 1)]),
        "01",
    ),
    (
        Feature.RESET,
        "reset",
        "Reset of a qubit",
        (
            2,
            [("c", 2)],
            [x(0), x(1), "reset q[0];", Measure(0, "c", 0), Measure(1, "c", 1)],
        ),
        "10",
    ),
    (
        Feature.CONTROL_FLOW,
        "control",
        "A gate that depends on a measurement",
        (
            3,
            [("a", 1), ("b", 2)],
            [
                x(0),
                Measure(0, "a", 0),
                When("a", 1, x(1)),
                When("a", 0, x(2)),
                Measure(1, "b", 0),
                Measure(2, "b", 1),
            ],
        ),
        "01 1",
    ),
    (
        Feature.DELAY,
        "delay",
        "A delay",
        (2, [("c", 2)], [x(1), "delay[100ns] q;", Measure(0, "c", 0), Measure(1, "c", 1)]),
        "10",
    ),
)


def _written(target: TargetDescription) -> list[Language]:
    """List the languages of a target that circuits are written in here."""
    return [item for item in OPENQASM if item in target.languages]


def _room(target: TargetDescription) -> int:
    return min(target.qubits, target.circuit_limits.qubits)


def registers_probe(language: Language, wrong: float) -> Probe:
    """Make the circuit with two registers of different sizes, measured crosswise."""
    source = Writer(language).circuit(
        2,
        [("a", 2), ("b", 3)],
        [x(1), Measure(1, "a", 1), Measure(0, "a", 0), Measure(1, "b", 0), Measure(0, "b", 1)],
    )
    return Probe(source, expect("001 10", wrong))


def _flips(
    target: TargetDescription, write: Callable[..., str], wrong: float, *, quick: bool
) -> Check:
    most = _DEVICE_WIDTH if target.kind is TargetKind.HARDWARE else _WIDTH
    width = min(_room(target), target.circuit_limits.clbits, _QUICK_WIDTH if quick else most)
    probes = []
    for place in range(width):
        measures = [Measure(qubit, "c", qubit) for qubit in range(width)]
        bits = "".join("1" if qubit == place else "0" for qubit in reversed(range(width)))
        source = write(width, [("c", width)], [x(place), *measures])
        probes.append(Probe(source, expect(bits, wrong)))
    return Check("flips", f"A flip of each one of {width} qubits", tuple(probes))


def _languages(target: TargetDescription, wrong: float) -> Check:
    title = "Two registers of different sizes"
    if _room(target) < 2:
        return Check("registers", title, skipped="it takes only one qubit")
    # Each qubit is measured twice.
    if Feature.MID_CIRCUIT not in target.features:
        return Check("registers", title, (_plain_registers(_written(target)[0], wrong),))
    probes = tuple(registers_probe(language, wrong) for language in _written(target))
    return Check("registers", title, probes)


def _plain_registers(language: Language, wrong: float) -> Probe:
    source = Writer(language).circuit(
        2, [("a", 2), ("b", 3)], [x(1), Measure(0, "a", 1), Measure(1, "b", 0)]
    )
    return Probe(source, expect("001 00", wrong))


def _partial(target: TargetDescription, write: Callable[..., str], wrong: float) -> Check:
    title = "Only one of several qubits measured"
    if _room(target) < 3:
        return Check("partial", title, skipped=f"it takes only {counted(_room(target), 'qubit')}")
    source = write(3, [("c", 4)], [x(2), x(0), Measure(2, "c", 1)])
    return Check("partial", title, (Probe(source, expect("0010", wrong)),))


def _entangled(target: TargetDescription, write: Callable[..., str], wrong: float) -> Check:
    title = "Two entangled qubits"
    if _room(target) < 2:
        return Check("entangled", title, skipped="it takes only one qubit")
    bell = [Gate("h", (0,)), Gate("cx", (0, 1)), Measure(0, "c", 0), Measure(1, "c", 1)]

    def judge(counts: dict[str, int]) -> str | None:
        shots = sum(counts.values())
        equal = (counts.get("00", 0) + counts.get("11", 0)) / shots
        if equal < 1 - wrong:
            return f"both bits are the same in {equal:.0%} of the shots only"
        return _near(counts.get("11", 0) / shots, 0.5, shots, wrong, "both bits are 1")

    return Check("entangled", title, (Probe(write(2, [("c", 2)], bell), judge),))


def _sweep(write: Callable[..., str], wrong: float) -> Check:
    def probe(angle: float) -> Probe:
        def judge(counts: dict[str, int]) -> str | None:
            shots = sum(counts.values())
            what = f"after a turn by {angle:.2f} the bit is 1"
            return _near(counts.get("1", 0) / shots, math.sin(angle / 2) ** 2, shots, wrong, what)

        source = write(1, [("c", 1)], [Gate("rx", (0,), angle), Measure(0, "c", 0)])
        return Probe(source, judge)

    angles = [0.0, 0.25 * math.pi, 0.5 * math.pi, 0.8 * math.pi]
    return Check("sweep", "The same circuit with several angles", tuple(map(probe, angles)))


def _wide(target: TargetDescription, write: Callable[..., str], wrong: float) -> Check:
    title = f"A register of {_WIDE_BITS} bits"
    if target.circuit_limits.clbits < _WIDE_BITS:
        return Check(
            "wide", title, skipped=f"it takes {counted(target.circuit_limits.clbits, 'bit')}"
        )
    if _room(target) < 2:
        return Check("wide", title, skipped="it takes only one qubit")
    last = _WIDE_BITS - 1
    source = write(2, [("c", _WIDE_BITS)], [x(0), Measure(0, "c", last), Measure(1, "c", 1)])
    return Check("wide", title, (Probe(source, expect("1" + "0" * last, wrong)),))


# -- judging ---------------------------------------------------------------------------------


def expect(bits: str, wrong: float) -> Judge:
    """Judge counts of a circuit that has one outcome, bit by bit.

    Parameters
    ----------
    wrong
        How often each bit may be another one; 0 for never.

    """

    def judge(counts: dict[str, int]) -> str | None:
        shots = sum(counts.values())
        shape = [len(group) for group in bits.split(" ")]
        for key in counts:
            if [len(group) for group in key.split(" ")] != shape:
                return f"it gives '{_short(key)}' where '{_short(bits)}' is right"
        for place, wanted in enumerate(bits):
            if wanted == " ":
                continue
            share = sum(count for key, count in counts.items() if key[place] != wanted) / shots
            if share > wrong:
                common = max(counts, key=lambda key: counts[key])
                if common == bits:
                    return f"a bit of '{_short(bits)}' is wrong in {share:.0%} of the shots"
                return f"it gives '{_short(common)}' where '{_short(bits)}' is right"
        return None

    return judge


def judge_memory(outcome: CircuitOutcome) -> str | None:
    """Judge the bits of single shots: they must be there and add up to the counts."""
    if outcome.memory is None:
        return "it claims to give the bits of each shot, and gives none"
    if Counter(outcome.memory) != Counter(outcome.counts):
        return "the bits of single shots do not add up to the counts"
    return None


def _near(share: float, right: float, shots: int, wrong: float, what: str) -> str | None:
    allowed = _SIGMAS * math.sqrt(0.25 / shots) + wrong / 2
    if abs(share - right) <= allowed:
        return None
    return f"{what} in {share:.0%} of the shots, {right:.0%} is right"


def _short(bits: str) -> str:
    return bits if len(bits) <= 40 else f"{bits[:18]}…{bits[-18:]}"
