"""What running circuits gave: the one model that is written, read and shown.

A result may have millions of outcomes, so nothing here looks at them one by one
in Python more often than it must: a target's own result is taken as it is, what
is read from a file is validated by compiled code, and what is written comes in
pieces that do not grow with the result.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from quws.domain.circuits import Register
from quws.domain.kinds import JobKind
from quws.domain.words import first_fault

T = TypeVar("T")

VERSION = 1
"""The format on disk. It counts up when a reader of before would misread a file, and only then:
a field that is added leaves it. A file without a version has this format, too.
"""

DOCUMENT = {
    JobKind.SAMPLE: "counts",
    JobKind.ESTIMATE: "expectation",
    JobKind.COMPILE: "compilation",
}
"""The result, as JSON, that holds what a job of each kind gave."""

BIT_ORDER = (
    "one group of bits per classical register, the register that was declared last first;"
    " within a group bit 0 is the last character"
)
"""How every bit string in a result is to be read; Qiskit's convention."""


NUMBERED_BITS = 10
"""The most bits of outcomes of which all may be listed."""


@cache
def numbered_outcomes(bits: int) -> dict[str, int]:
    """List all outcomes of some bits, at most ``NUMBERED_BITS``, with their numbers.

    To write them anew for each circuit of a batch takes longer than to run it.
    """
    return {f"{number:0{bits}b}": number for number in range(1 << bits)}


class UnreadableOutcomes(ValueError):
    """A file of outcomes has a format that is not known here. The text is for users."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """The expectation value of an observable in the state at the end of a circuit."""

    observable: str
    value: float
    error: float | None
    """Its standard error, 0 for an exact value; None where one shot tells nothing of it."""
    shots: int
    """In how many shots its terms were measured, 0 for an exact value."""
    raw_value: float | None = None
    """The value as it was measured, where that was mitigated."""
    raw_error: float | None = None
    at_factors: list[float] | None = None
    """What was found with the noise acting once, three and five times; None where it was not."""


@dataclass(frozen=True, slots=True)
class Compilation:
    """What a circuit was compiled to. The circuit itself is a file of its own."""

    depth: int
    operations: int
    joining: int
    """Gates that join qubits."""
    gates: dict[str, int]
    """How often each operation is in it, by Qiskit's names."""
    optimization: str | None = None
    """How hard the compiler tried, as OPTIMIZATION says it; None where nobody knows."""
    seed: int | None = None
    """What the compiler drew its random numbers from, the same for the same target."""
    shot_seconds: float | None = None
    """How long one run takes, by the target's calibration; None where it does not tell."""
    fidelity: float | None = None
    """How likely nothing goes wrong in a run: the product over all gates and measurements whose
    errors the target's calibration tells; None where it tells of none.
    """


@dataclass(frozen=True, slots=True)
class CircuitOutcome:
    """What running one circuit gave: counts, expectation values, or what it was compiled to.

    Keys of ``counts`` and entries of ``memory`` (one per shot) are bit
    strings, one group per classical register: the register that was declared
    last stands first, and in each group bit 0 stands last. Groups are
    separated by a blank.
    """

    counts: dict[str, int]
    memory: list[str] | None = None
    """The bits of each shot; None where nobody asked for them."""
    engine: str = ""
    """What ran it, for people."""
    seconds: float = 0.0
    """How long it took."""
    approximate: str | None = None
    """Why the counts are not exact even in the limit of many shots; None if they are."""
    index: int = field(default=0, kw_only=True)
    """The circuit's place in its job, from 0."""
    registers: list[Register] = field(default_factory=list, kw_only=True)
    layout: list[int] | None = field(default=None, kw_only=True)
    """For each qubit of the circuit the one of the target that carried it; None for the same."""
    expectations: list[Expectation] | None = field(default=None, kw_only=True)
    """Of each observable, in their order; None where nobody asked for them."""
    compilation: Compilation | None = field(default=None, kw_only=True)
    """What the target runs; None where nothing was compiled."""
    missing: str | None = field(default=None, kw_only=True)
    """Why the circuit has no result, and nothing of the above; None if it has one."""
    mitigation: list[str] | None = field(default=None, kw_only=True)
    """The ways in which errors were mitigated; None for none."""
    mitigated: dict[str, float] | None = field(default=None, kw_only=True)
    """Which part of the shots each outcome would have had without readout errors; may be below 0.
    None where that was not asked for, or there were too many outcomes.
    """

    @property
    def shots(self) -> int:
        """How many shots were counted. Adds up all counts: ask once."""
        return sum(self.counts.values())

    def of_circuit(
        self,
        index: int,
        registers: list[Register],
        layout: list[int] | None,
        *,
        memory: bool,
        compilation: Compilation | None = None,
    ) -> CircuitOutcome:
        """Return what a target gave as the outcome of a certain circuit.

        The most frequent outcome comes first, and equally frequent ones in the order of their
        bits.

        Parameters
        ----------
        memory
            Whether the bits of each shot are kept, if they are there.

        """
        bits = sorted(self.counts)
        bits.sort(key=self.counts.__getitem__, reverse=True)
        return CircuitOutcome(
            {key: self.counts[key] for key in bits},
            self.memory if memory else None,
            self.engine,
            round(self.seconds, 6),
            self.approximate,
            index=index,
            registers=registers,
            layout=self.layout if layout is None else layout,
            expectations=self.expectations,
            compilation=compilation or self.compilation,
            mitigation=self.mitigation,
            mitigated=self.mitigated,
        )

    def rows(self) -> Iterator[tuple[int, str, int, float]]:
        """List each outcome: the circuit's index, the bits, their count, and its part of all."""
        shots = self.shots
        return ((self.index, bits, count, count / shots) for bits, count in self.counts.items())


@dataclass(frozen=True, slots=True)
class JobOutcomes:
    """What all circuits of a job gave, in their order: also of those that have no result."""

    job: str
    target: str
    shots: int
    """Runs of each circuit, as they were asked for."""
    circuits: Sequence[CircuitOutcome]
    versions: dict[str, str] = field(default_factory=dict)
    """The version of each library that touched the job, as far as they are known."""

    @property
    def kind(self) -> JobKind:
        """What the job was."""
        first = next((item for item in self.circuits if item.missing is None), None)
        if first is None:
            return JobKind.SAMPLE
        if first.expectations is not None:
            return JobKind.ESTIMATE
        if first.counts or first.compilation is None:
            return JobKind.SAMPLE
        return JobKind.COMPILE

    @property
    def has_memory(self) -> bool:
        """Whether the bits of each shot are there, of any circuit."""
        return any(item.memory is not None for item in self.circuits)


@dataclass(frozen=True, slots=True)
class _Shots:
    index: int
    memory: list[str]


@dataclass(frozen=True, slots=True)
class _Memory:
    circuits: list[_Shots]


_CIRCUIT = TypeAdapter(CircuitOutcome)
_JOB = TypeAdapter(JobOutcomes)
_MEMORY = TypeAdapter(_Memory)


# -- reading -----------------------------------------------------------------------------------


def read_circuit(content: bytes) -> CircuitOutcome:
    """Read the file of one circuit, which is there while its job still runs.

    Raises
    ------
    UnreadableOutcomes

    """
    return _validated(_CIRCUIT, _object(content))


def read_circuits(content: bytes) -> Sequence[CircuitOutcome]:
    """Read a file of one circuit, or of some that were done together.

    Raises
    ------
    UnreadableOutcomes

    """
    found = _object(content)
    if "circuits" in found:
        return _validated(_JOB, found).circuits
    return [_validated(_CIRCUIT, found)]


def job_of(members: dict[str, Any]) -> JobOutcomes:
    """Return what the document of a job stands for.

    Raises
    ------
    UnreadableOutcomes

    """
    return _validated(_JOB, _known(members))


def circuit_of(members: dict[str, Any]) -> CircuitOutcome:
    """Return what the object of a circuit stands for.

    Raises
    ------
    UnreadableOutcomes

    """
    return _validated(_CIRCUIT, members)


def read_job(outcomes: bytes, memory: bytes | None = None) -> JobOutcomes:
    """Read the result files of a job.

    Parameters
    ----------
    outcomes
        The result ``counts``, ``expectation`` or ``compilation``.
    memory
        The result ``memory``, for the bits of each shot.

    Raises
    ------
    UnreadableOutcomes

    """
    found = _validated(_JOB, _object(outcomes))
    if memory is None:
        return found
    shots = {item.index: item.memory for item in _validated(_MEMORY, _object(memory)).circuits}
    circuits = [dataclasses.replace(item, memory=shots.get(item.index)) for item in found.circuits]
    return dataclasses.replace(found, circuits=circuits)


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = from_json(content)
    except ValueError as error:
        raise UnreadableOutcomes(f"the outcomes are no JSON: {error}") from None
    if not isinstance(found, dict):
        raise UnreadableOutcomes("the outcomes are no JSON object")
    return _known(found)


def _known(found: dict[str, Any]) -> dict[str, Any]:
    version = found.get("version", VERSION)
    if version != VERSION:
        raise UnreadableOutcomes(
            f"the outcomes have format {version!r}, and this version of quws reads {VERSION}"
        )
    return found


def _validated(adapter: TypeAdapter[T], content: Any) -> T:
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        place, why = first_fault(error)
        raise UnreadableOutcomes(f"the outcomes are not right at {place}: {why}") from None
