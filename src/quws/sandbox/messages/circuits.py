"""Circuits that are only read: checked, drawn, split, rewritten, written down."""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeInt

from quws.domain.bindings import Bindings
from quws.domain.circuits import BatchFacts, CircuitLimits, Language
from quws.domain.compiling import Native
from quws.domain.drawings import Drawing
from quws.domain.rewritten import Rewritten
from quws.sandbox.messages.parts import FileName, Message


class _Read(Message):
    language: Language | None
    limits: CircuitLimits
    memory_bytes: int
    cpu_seconds: int


class CheckCircuits(_Read):
    """Find out what circuits are, and whether they are native where that is asked."""

    kind: Literal["check"] = "check"
    circuits: list[str]
    native: Native | None = None


class CircuitsChecked(Message):
    """What the circuits are."""

    kind: Literal["circuits_checked"] = "circuits_checked"
    facts: BatchFacts


class CircuitRefused(Message):
    """A circuit cannot be read, or asks for too much; which one, and where in it."""

    kind: Literal["circuit_refused"] = "circuit_refused"
    circuit: NonNegativeInt
    sentence: str
    line: int | None
    column: int | None


class DrawCircuit(_Read):
    """Lay out a picture of a circuit."""

    kind: Literal["draw"] = "draw"
    circuit: str


class CircuitDrawn(Message):
    """The picture of the circuit."""

    kind: Literal["circuit_drawn"] = "circuit_drawn"
    drawing: Drawing


class SplitCircuits(_Read):
    """Cut a file that has all circuits of a batch into one for each; there may be ``most``."""

    kind: Literal["split"] = "split"
    file: str
    most: int


class CircuitFiles(Message):
    """A QPY file for each circuit, as the text that it travels as."""

    kind: Literal["circuit_files"] = "circuit_files"
    files: list[str]


class RewriteCircuits(_Read):
    """Write compiled circuits in the language of their sources, perhaps in one file."""

    kind: Literal["rewrite"] = "rewrite"
    circuits: list[str]
    sources: list[str]
    together: bool = False


class CircuitsRewritten(Message):
    """Each circuit in the other language; None where it cannot be written in it."""

    kind: Literal["circuits_rewritten"] = "circuits_rewritten"
    circuits: list[Rewritten | None]


class ReadCircuits(Message):
    """Read circuits, and write down what they are into a folder, for a child that must not read.

    ``languages`` has what is known of each one's language. ``bindings`` make a circuit each of the
    only one.
    """

    kind: Literal["read"] = "read"
    circuits: list[str]
    languages: list[Language | None]
    bindings: Bindings | None = None
    limits: CircuitLimits
    memory_bytes: int
    cpu_seconds: int
    file_bytes: int
    folder: str

    @property
    def count(self) -> int:
        """How many circuits are to be read."""
        return len(self.circuits) if self.bindings is None else self.bindings.count


class CircuitsWritten(Message):
    """The circuits that were to be read are written down, one on each line of a file."""

    kind: Literal["circuits_written"] = "circuits_written"
    file: FileName
