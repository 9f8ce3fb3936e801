"""What a worker and its child say to each other: one union each way, one JSON object a line.

Children run code that reads what strangers have written, so whatever comes from one is held to its
model as if it came from the network. What fits none is a ``MessageFault`` and never passed over.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt

from quws.domain.bindings import Bindings
from quws.domain.circuits import BatchFacts, CircuitLimits, Language
from quws.domain.compiling import Native
from quws.domain.drawings import Drawing
from quws.domain.job import JobError
from quws.domain.options import RunOptions
from quws.domain.parameters.values import ResponseFormat
from quws.domain.rewritten import Rewritten
from quws.domain.targets import Calibration, TargetDescription, TargetState
from quws.domain.versions import Versions

FileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,99}$")]
"""A file in the folder of the job, and nowhere else."""
_MIME_TYPE = r"^[a-z]+/[a-z0-9.+-]+(; charset=utf-8)?$"
_MOST_FILES = 100
SMALL_OUTCOME = 16 * 1024
"""Characters of an outcome that need no file of their own."""
MOST_SAID = 2000
"""Characters of a sentence on a circuit."""
MOST_WANTED = 100
"""Circuits that are read at once for a child that must not read them itself."""


class MessageFault(Exception):
    """The other side said what nobody understands, or at the wrong time: a fault of ours."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# -- to a child ---------------------------------------------------------------------------------


class KnownHandover(_Message):
    """What is known of a job at the other side of a remote target.

    ``begun`` says whether it may have been sent, ``age`` how many seconds ago, ``left_out`` without
    which of its circuits; ``handle`` is the other side's name for it, where it has answered.
    """

    key: str
    begun: bool = False
    age: float = 0.0
    handle: str | None = None
    left_out: list[NonNegativeInt] = Field(default_factory=list)


class RunJob(_Message):
    """Run circuits, and write what comes out into a folder.

    Of circuits that are read apart, ``apart`` says how many there are, and ``circuits`` is empty:
    the child asks for them by ``CircuitsWanted`` when it needs them.
    ``bindings`` make a circuit each of the only one in ``circuits``.
    ``facts`` is None for circuits that nobody has read yet. ``done`` names, by index, the files of
    circuits that have their result from an attempt before this one; a file may be of several.
    ``missing`` says why others are not run: they have failed before, or are not wanted any more.
    ``handover`` is for remote targets.
    No file may have more than ``file_bytes``, nor all together more than ``results_bytes`` (0 for
    any number).
    """

    kind: Literal["run"] = "run"
    job: str
    circuits: list[str]
    apart: NonNegativeInt = 0
    bindings: Bindings | None = None
    facts: BatchFacts | None
    limits: CircuitLimits
    options: RunOptions
    response_format: ResponseFormat
    done: dict[int, str] = Field(default_factory=dict)
    missing: dict[int, str] = Field(default_factory=dict)
    folder: str
    file_bytes: int
    results_bytes: int = 0
    handover: KnownHandover | None = None

    @property
    def count(self) -> int:
        """How many circuits the job has."""
        return self.apart or (len(self.circuits) if self.bindings is None else self.bindings.count)

    def text(self, index: int) -> str:
        """Return the text of a circuit, which may be that of all."""
        return self.circuits[index if self.bindings is None else 0]


class CircuitsRead(_Message):
    """The circuits that were asked for lie in a file of the child's folder, one on each line."""

    kind: Literal["circuits_read"] = "circuits_read"
    file: FileName


class Go(_Message):
    """Go on: what was announced is written down."""

    kind: Literal["go"] = "go"


class Inspect(_Message):
    """Say what the target is, whether it takes work, and how it is calibrated."""

    kind: Literal["inspect"] = "inspect"


class Cancel(_Message):
    """Cancel what was handed over under a key."""

    kind: Literal["cancel"] = "cancel"
    key: str
    handle: str | None


class _Read(_Message):
    language: Language | None
    limits: CircuitLimits
    memory_bytes: int
    cpu_seconds: int


class CheckCircuits(_Read):
    """Find out what circuits are, and whether they are native where that is asked."""

    kind: Literal["check"] = "check"
    circuits: list[str]
    native: Native | None = None


class DrawCircuit(_Read):
    """Lay out a picture of a circuit."""

    kind: Literal["draw"] = "draw"
    circuit: str


class SplitCircuits(_Read):
    """Cut a file that has all circuits of a batch into one for each; there may be ``most``."""

    kind: Literal["split"] = "split"
    file: str
    most: int


class RewriteCircuits(_Read):
    """Write compiled circuits in the language of their sources, perhaps in one file."""

    kind: Literal["rewrite"] = "rewrite"
    circuits: list[str]
    sources: list[str]
    together: bool = False


class ReadCircuits(_Message):
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


ToChild = (
    RunJob
    | CircuitsRead
    | Go
    | Inspect
    | Cancel
    | CheckCircuits
    | DrawCircuit
    | SplitCircuits
    | RewriteCircuits
    | ReadCircuits
)


# -- from a child -------------------------------------------------------------------------------


class Ready(_Message):
    """The child can take its request."""

    kind: Literal["ready"] = "ready"


class CircuitsWanted(_Message):
    """Have circuits of the job read, in this order; the child waits for them."""

    kind: Literal["circuits_wanted"] = "circuits_wanted"
    circuits: Annotated[list[NonNegativeInt], Field(min_length=1, max_length=MOST_WANTED)]


class CircuitStarted(_Message):
    """A circuit is being compiled and run: the first one of an attempt.

    ``at`` says since when, by the clock that all processes of the machine have; else just now.
    """

    kind: Literal["circuit_started"] = "circuit_started"
    circuit: NonNegativeInt
    at: FiniteFloat | None = None


class ResultFile(_Message):
    """A file that is a result of the job: a small one is in ``content`` and not in the folder."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
    file: FileName
    mime_type: Annotated[str, Field(max_length=100, pattern=_MIME_TYPE)]
    content: Annotated[str, Field(max_length=SMALL_OUTCOME)] | None = None


class CircuitFinished(_Message):
    """A circuit has its result.

    ``outcome`` is it where it is small, else ``file`` holds it, and ``compiled`` the circuit as it
    ran; all in a batch only: those of a single circuit come with the other results of its job.
    """

    kind: Literal["circuit_finished"] = "circuit_finished"
    circuit: NonNegativeInt
    engine: str
    outcome: Annotated[str, Field(max_length=SMALL_OUTCOME)] | None = None
    file: FileName | None = None
    compiled: ResultFile | None = None


class CircuitFailed(_Message):
    """A circuit of a batch could not be run, and the job goes on."""

    kind: Literal["circuit_failed"] = "circuit_failed"
    circuit: NonNegativeInt
    sentence: Annotated[str, Field(max_length=MOST_SAID)]


class Note(_Message):
    """Something for the timeline."""

    kind: Literal["note"] = "note"
    sentence: str


class Progress(_Message):
    """How the job gets on just now."""

    kind: Literal["progress"] = "progress"
    sentence: str


class Calibrated(_Message):
    """The calibration that the job runs with."""

    kind: Literal["calibrated"] = "calibrated"
    calibration: Calibration


class ResultsWritten(_Message):
    """The job is done; these are its files, in the order in which they are listed."""

    kind: Literal["results_written"] = "results_written"
    files: Annotated[list[ResultFile], Field(max_length=_MOST_FILES)]


class JobFailed(_Message):
    """The job ends in ERROR, because of one of its circuits where that is known."""

    kind: Literal["job_failed"] = "job_failed"
    error: JobError
    circuit: NonNegativeInt | None = None
    versions: Versions = Field(default_factory=dict)


class NoRoom(_Message):
    """The disk is full, or the folder gone: no fault of the job's, which can go on elsewhere."""

    kind: Literal["no_room"] = "no_room"
    sentence: str


class Waiting(_Message):
    """The job waits in the other side's queue, or does so no longer."""

    kind: Literal["waiting"] = "waiting"
    waiting: bool


class Submitting(_Message):
    """The job is to be sent to the other side, but for some circuits, after a ``Go``."""

    kind: Literal["submitting"] = "submitting"
    key: str
    left_out: list[NonNegativeInt] = Field(default_factory=list)


class NotSubmitted(_Message):
    """Nothing is under way to the other side just now."""

    kind: Literal["not_submitted"] = "not_submitted"


class Submitted(_Message):
    """The other side has the job under its handle; a ``Go`` says that this is known."""

    kind: Literal["submitted"] = "submitted"
    key: str
    handle: str


class InDoubt(_Message):
    """Nobody can tell whether the other side has the job; a ``Go`` says that this is known."""

    kind: Literal["in_doubt"] = "in_doubt"
    key: str
    sentence: str


class Inspected(_Message):
    """What the target is, whether it takes work, and how it is calibrated."""

    kind: Literal["inspected"] = "inspected"
    description: TargetDescription
    state: TargetState
    calibration: Calibration | None
    versions: Versions = Field(default_factory=dict)


class NotInspected(_Message):
    """The target cannot say what it is."""

    kind: Literal["not_inspected"] = "not_inspected"
    why: str


class Cancellation(StrEnum):
    """How far a cancellation came."""

    DONE = "done"
    MISSING = "missing"
    """There is nothing at the other side, as far as that can be known now."""
    AGAIN = "again"


class CancelAnswer(_Message):
    """How far a cancellation came, and a sentence on it."""

    kind: Literal["cancel_answer"] = "cancel_answer"
    outcome: Cancellation
    sentence: str


class CircuitsChecked(_Message):
    """What the circuits are."""

    kind: Literal["circuits_checked"] = "circuits_checked"
    facts: BatchFacts


class CircuitsWritten(_Message):
    """The circuits that were to be read are written down, one on each line of a file."""

    kind: Literal["circuits_written"] = "circuits_written"
    file: FileName


class CircuitDrawn(_Message):
    """The picture of the circuit."""

    kind: Literal["circuit_drawn"] = "circuit_drawn"
    drawing: Drawing


class CircuitFiles(_Message):
    """A QPY file for each circuit, as the text that it travels as."""

    kind: Literal["circuit_files"] = "circuit_files"
    files: list[str]


class CircuitsRewritten(_Message):
    """Each circuit in the other language; None where it cannot be written in it."""

    kind: Literal["circuits_rewritten"] = "circuits_rewritten"
    circuits: list[Rewritten | None]


class CircuitRefused(_Message):
    """A circuit cannot be read, or asks for too much; which one, and where in it."""

    kind: Literal["circuit_refused"] = "circuit_refused"
    circuit: NonNegativeInt
    sentence: str
    line: int | None
    column: int | None


FromChild = (
    Ready
    | CircuitsWanted
    | CircuitStarted
    | CircuitFinished
    | CircuitFailed
    | Note
    | Progress
    | Calibrated
    | ResultsWritten
    | JobFailed
    | NoRoom
    | Waiting
    | Submitting
    | NotSubmitted
    | Submitted
    | InDoubt
    | Inspected
    | NotInspected
    | CancelAnswer
    | CircuitsChecked
    | CircuitsWritten
    | CircuitDrawn
    | CircuitFiles
    | CircuitsRewritten
    | CircuitRefused
)
