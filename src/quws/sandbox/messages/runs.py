"""The run of a job: what is to be run, how it gets on, and what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, NonNegativeInt

from quws.domain.bindings import Bindings
from quws.domain.circuits import BatchFacts, CircuitLimits
from quws.domain.job import JobError
from quws.domain.options import RunOptions
from quws.domain.parameters.values import ResponseFormat
from quws.domain.targets import Calibration
from quws.domain.versions import Versions
from quws.sandbox.messages.handovers import KnownHandover
from quws.sandbox.messages.parts import FileName, Message

_MIME_TYPE = r"^[a-z]+/[a-z0-9.+-]+(; charset=utf-8)?$"
_MOST_FILES = 100
SMALL_OUTCOME = 16 * 1024
"""Characters of an outcome that need no file of their own."""
SmallText = Annotated[str, Field(max_length=SMALL_OUTCOME)]
MOST_TOGETHER = 100
"""Circuits that are told of in one message."""
MOST_SAID = 2000
"""Characters of a sentence on a circuit."""
MOST_WANTED = 100
"""Circuits that are read at once for a child that must not read them itself."""


class RunJob(Message):
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


class CircuitsWanted(Message):
    """Have circuits of the job read, in this order; the child waits for them."""

    kind: Literal["circuits_wanted"] = "circuits_wanted"
    circuits: Annotated[list[NonNegativeInt], Field(min_length=1, max_length=MOST_WANTED)]


class CircuitsRead(Message):
    """The circuits that were asked for lie in a file of the child's folder, one on each line."""

    kind: Literal["circuits_read"] = "circuits_read"
    file: FileName


class CircuitStarted(Message):
    """A circuit is being compiled and run: the first one of an attempt.

    ``at`` says since when, by the clock that all processes of the machine have; else just now.
    """

    kind: Literal["circuit_started"] = "circuit_started"
    circuit: NonNegativeInt
    at: FiniteFloat | None = None


class ResultFile(Message):
    """A file that is a result of the job: a small one is in ``content`` and not in the folder."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
    file: FileName
    mime_type: Annotated[str, Field(max_length=100, pattern=_MIME_TYPE)]
    content: SmallText | None = None


class CircuitFinished(Message):
    """A circuit has its result.

    ``outcome`` is it where it is small, else ``file`` holds it, and ``compiled`` the circuit as it
    ran; all in a batch only: those of a single circuit come with the other results of its job.
    """

    kind: Literal["circuit_finished"] = "circuit_finished"
    circuit: NonNegativeInt
    engine: str
    outcome: SmallText | None = None
    file: FileName | None = None
    compiled: ResultFile | None = None

    def is_small(self) -> bool:
        """Whether all that it says is a small outcome."""
        return self.outcome is not None and self.compiled is None

    def follows(self, before: CircuitFinished) -> bool:
        """Whether it can be said together with the one before, both of them small."""
        return self.circuit == before.circuit + 1 and self.engine == before.engine


class CircuitsFinished(Message):
    """Circuits of a batch that follow each other have their results, all of them small.

    So are said together those that are told of together: ``outcomes`` has one for each, from the
    ``first`` circuit on, and one engine has run them all.
    """

    kind: Literal["circuits_finished"] = "circuits_finished"
    first: NonNegativeInt
    engine: str
    outcomes: Annotated[list[SmallText], Field(min_length=1, max_length=MOST_TOGETHER)]

    @staticmethod
    def of(several: Sequence[CircuitFinished]) -> CircuitsFinished:
        """Return what says the same as several of which each follows the one before."""
        return CircuitsFinished(
            first=several[0].circuit,
            engine=several[0].engine,
            outcomes=[item.outcome or "" for item in several],
        )

    def each(self) -> Iterator[CircuitFinished]:
        """Say it of each circuit."""
        for circuit, outcome in enumerate(self.outcomes, self.first):
            # Looked at already.
            yield CircuitFinished.model_construct(
                circuit=circuit, engine=self.engine, outcome=outcome
            )


class CircuitFailed(Message):
    """A circuit of a batch could not be run, and the job goes on."""

    kind: Literal["circuit_failed"] = "circuit_failed"
    circuit: NonNegativeInt
    sentence: Annotated[str, Field(max_length=MOST_SAID)]


class Note(Message):
    """Something for the timeline."""

    kind: Literal["note"] = "note"
    sentence: str


class Progress(Message):
    """How the job gets on just now."""

    kind: Literal["progress"] = "progress"
    sentence: str


class Calibrated(Message):
    """The calibration that the job runs with."""

    kind: Literal["calibrated"] = "calibrated"
    calibration: Calibration


class ResultsWritten(Message):
    """The job is done; these are its files, in the order in which they are listed."""

    kind: Literal["results_written"] = "results_written"
    files: Annotated[list[ResultFile], Field(max_length=_MOST_FILES)]


class JobFailed(Message):
    """The job ends in ERROR, because of one of its circuits where that is known."""

    kind: Literal["job_failed"] = "job_failed"
    error: JobError
    circuit: NonNegativeInt | None = None
    versions: Versions = Field(default_factory=dict)


class NoRoom(Message):
    """The disk is full, or the folder gone: no fault of the job's, which can go on elsewhere."""

    kind: Literal["no_room"] = "no_room"
    sentence: str
