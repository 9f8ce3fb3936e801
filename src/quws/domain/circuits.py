"""A circuit as it is submitted, and what is known of it after it was checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from quws.domain.payloads import BINARY_TEXT, BINARY_TYPE, PUBS_TEXT, longest_text

MOST_NOTES = 50
"""How many notes the timeline of a job gets on how its circuits were read and compiled."""


class Language(StrEnum):
    """The circuit languages, by the names that the parameter LANG takes."""

    OPENQASM_2 = "OPENQASM-2"
    OPENQASM_3 = "OPENQASM-3"
    OPENQASM_3_QISKIT = "OPENQASM-3-QISKIT"
    """OpenQASM 3 whose U, u2 and u3 have Qiskit's global phase and not that of the standard."""
    QPY = "QPY"
    """Qiskit's binary format, which travels as text within the service; see ``payloads``."""
    STIM = "STIM"
    """Circuits of Clifford gates and Pauli measurements, as Stim writes them."""
    IQM_JSON = "IQM-JSON"
    """The circuits that IQM's clients send, each an object of JSON."""
    CIRQ_JSON = "CIRQ-JSON"
    """Circuits as ``cirq.to_json`` writes them."""
    QIR = "QIR"
    """QIR's base profile, as LLVM's text or its bitcode; the latter travels as QPY does."""
    PUBS = "PUBS"
    """What clients of Qiskit's primitives send: all circuits of a job in one text."""

    @property
    def grammar(self) -> Language:
        """What its text looks like, however that is read."""
        return Language.OPENQASM_3 if self is Language.OPENQASM_3_QISKIT else self


_ENDINGS = {
    Language.QPY: "qpy",
    Language.STIM: "stim",
    Language.IQM_JSON: "json",
    Language.CIRQ_JSON: "json",
    Language.PUBS: "json",
}


def ending(language: Language | None, mime_type: str) -> str:
    """Return how the name of a file with a circuit ends; ``mime_type`` is what it was sent as."""
    binary = mime_type == BINARY_TYPE
    if language is None:
        # Texts are sent as bytes, too, but most are short, and not asked about here.
        return "qpy" if binary else "qasm"
    if language is Language.QIR:
        return "bc" if binary else "ll"
    return _ENDINGS.get(language, "qasm")


OPENQASM = (Language.OPENQASM_2, Language.OPENQASM_3)
"""The languages that every target takes, from the first version of the service on."""


class CircuitLimits(BaseModel):
    """How much a circuit may ask for. Counts unless said otherwise."""

    model_config = ConfigDict(frozen=True)

    qubits: int = 28
    clbits: int = 4096
    operations: int = 10_000_000
    """Gates, measurements and resets after all definitions and loops are written out."""
    bytes_openqasm2: int = 8 * 1024 * 1024
    bytes_openqasm3: int = 512 * 1024
    bytes_qpy: int = 8 * 1024 * 1024
    bytes_stim: int = 2 * 1024 * 1024
    bytes_iqm_json: int = 4 * 1024 * 1024
    bytes_cirq_json: int = 4 * 1024 * 1024
    bytes_qir: int = 8 * 1024 * 1024
    bytes_pubs: int = 16 * 1024 * 1024
    tokens_openqasm3: int = 250_000
    """Its reference parser takes about 0.1 ms for each."""
    token_length: int = 1024
    number_length: int = 1300
    """As long as the largest number that 4096 classical bits can have."""
    nesting: int = 64
    unary_run: int = 64
    """Sign or negation operators in a row."""

    def characters(self, text: str) -> int:
        """Return the most characters that a circuit may have which travels as such a text."""
        if text.startswith(BINARY_TEXT):
            return longest_text(max(self.bytes_qpy, self.bytes_qir))
        if text.startswith(PUBS_TEXT):
            return self.bytes_pubs
        return max(
            self.bytes_openqasm2,
            self.bytes_openqasm3,
            self.bytes_stim,
            self.bytes_iqm_json,
            self.bytes_cirq_json,
            self.bytes_qir,
        )


class Register(BaseModel):
    """A classical register of a circuit.

    ``qubits`` names, for each bit from bit 0 up, the index of the qubit whose
    last measurement is stored there; None where no measurement writes the bit
    at the circuit's top level.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    size: int
    qubits: list[int | None] = Field(default_factory=list)


class CircuitFacts(BaseModel):
    """What the check of a circuit found out, before anything was run."""

    model_config = ConfigDict(frozen=True)

    language: Language
    qubits: int
    clbits: int
    operations: int
    depth: int
    registers: list[Register] = Field(default_factory=list)
    name: str | None = None
    delay_seconds: float = 0.0
    """The longest time that one qubit is told to wait, as far as it is given in seconds."""
    clifford: bool = False
    """Whether all of its gates surely are Clifford gates."""
    wide_gates: int | None = None
    """Gates on two or more qubits, written out; None where nobody has counted them."""
    crossing: int | None = None
    """The most of these gates that join qubits on both sides of any cut between neighbours."""
    measurements: int | None = None
    mid_circuit: bool = False
    """Whether something happens to a qubit after it was measured."""
    resets: bool = False
    sampled: bool = False
    """Whether all is measured at the end, so that a simulator can draw all shots from one state."""
    control_flow: bool = False
    delays: bool = False
    parameters: list[str] = Field(default_factory=list)
    """The names of its parameters, which have no values yet; what is told here holds for all."""
    active: list[int] | None = None
    """The qubits on which something happens, where there are others too; None for all."""
    shots: int | None = None
    """How often it is to be run, where that stands in the text of the circuits; None for what the
    job says.
    """
    notes: list[str] = Field(default_factory=list)
    """How the circuit was read, where its writer may have meant something else."""


class Kind(NamedTuple):
    """What some circuits of a batch are: all of them the same."""

    first: int
    """The index of the first of them."""
    circuits: int
    facts: CircuitFacts


def called(index: int, facts: Sequence[CircuitFacts]) -> str:
    """Return what a sentence calls one of the circuits of a job: its index counts among several."""
    return f"circuit {index}" if len(facts) > 1 else "the circuit"


def kinds_of(facts: Sequence[CircuitFacts]) -> list[Kind]:
    """Put the circuits together of which one object tells, in the order of the first of each."""
    found: dict[int, Kind] = {}
    for index, item in enumerate(facts):
        first, before, _ = found.get(id(item), (index, 0, item))
        found[id(item)] = Kind(first, before + 1, item)
    return list(found.values())


class BatchFacts(BaseModel):
    """The facts of many circuits, with what they have in common written once.

    ``which`` has, for each circuit, the place of its facts in ``kinds``.
    """

    model_config = ConfigDict(frozen=True)

    kinds: list[CircuitFacts]
    which: list[NonNegativeInt]

    @classmethod
    def of(cls, facts: Iterable[CircuitFacts]) -> Self:
        """Make one of the facts of each circuit; what is one object is written once."""
        places: dict[int, int] = {}
        kinds: list[CircuitFacts] = []
        which: list[int] = []
        for item in facts:
            place = places.setdefault(id(item), len(kinds))
            if place == len(kinds):
                kinds.append(item)
            which.append(place)
        return cls(kinds=kinds, which=which)

    @model_validator(mode="after")
    def _places(self) -> Self:
        if self.which and max(self.which) >= len(self.kinds):
            raise ValueError("which names a kind that there is not")
        return self

    def each(self) -> list[CircuitFacts]:
        """Return the facts of each circuit; those of one kind are one object."""
        return [self.kinds[place] for place in self.which]
