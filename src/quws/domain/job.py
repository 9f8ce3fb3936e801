"""A job and its parts, as the rooms hand them to each other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from uuid_utils import uuid7

from quws.domain.outcomes import DOCUMENT
from quws.domain.phases import Phase
from quws.domain.quotes import Quote, Told
from quws.domain.spec import JobSpec

_JOB_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_job_id() -> str:
    """Make a job id: a UUIDv7 as text.

    It sorts by time of creation, cannot be guessed (within one millisecond of one
    process 32 bits are new, else 74) and begins with a digit, which the ``uws``
    command needs.
    """
    return str(uuid7())


def is_job_id(text: str) -> bool:
    """Whether a path segment could be a job id at all."""
    return _JOB_ID.fullmatch(text) is not None


class ErrorType(StrEnum):
    """Whether the same job may work when it is sent again (UWS 1.1, section 2.1.7)."""

    TRANSIENT = "transient"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job ended in ERROR. ``detail`` is what ``/error`` adds to the message."""

    type: ErrorType
    code: str
    message: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as it was posted; a repeated one occurs repeatedly.

    A value lies either here as text, or as an artifact when it is large or
    when it is not text that XML can hold. The circuits of a large batch are one parameter.
    """

    name: str
    value: str | None = None
    artifact: str | None = None
    size: int = 0
    mime_type: str = "text/plain; charset=utf-8"
    is_post: bool = False
    count: int = 1
    """How many times it was posted: the values of a large batch lie in one artifact."""

    @property
    def by_reference(self) -> bool:
        """Whether the job document can only link to the value."""
        return self.value is None


@dataclass(frozen=True, slots=True)
class Result:
    """One file that a job made. ``artifact`` is its key in the artifact store."""

    id: str
    artifact: str
    size: int
    mime_type: str


LARGE_BATCH = 300
"""Of a batch with more circuits, what is known of each stands in files that many have in common."""
_PART = re.compile(rf"(?:{'|'.join(DOCUMENT.values())})-([0-9]{{1,9}})(?:-([0-9]{{1,9}}))?")


def part_id(document: str, circuits: range) -> str:
    """Return the id of the result that has the part of a document on circuits in a row."""
    if len(circuits) == 1:
        return f"{document}-{circuits[0]}"
    return f"{document}-{circuits[0]}-{circuits[-1]}"


def circuits_of(result_id: str) -> range:
    """Return of which circuits of a batch a result has what they gave, by its id."""
    found = _PART.fullmatch(result_id)
    if found is None:
        return range(0)
    first = int(found[1])
    return range(first, int(found[2] or first) + 1)


DURATION_OVER = "the execution duration is over"
"""What the timeline of a job says that was aborted for that."""
REQUEUED = "requeued"
"""The status of a timeline entry that tells of an attempt that failed and is repeated."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened to a job: when, what, who said it, and in which words.

    ``id`` grows with every entry that is written, whatever the job; None before that.
    """

    time: datetime
    status: str
    source: str
    message: str | None = None
    id: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Said:
    """What a running job has told of itself, to be written down together.

    ``message`` is what it is doing, ``calibration_id`` what it runs with; None if that is not new.
    """

    entries: Sequence[TimelineEntry] = ()
    message: str | None = None
    calibration_id: str | None = None


NOTHING_SAID = Said()


NONE_FAILED: Mapping[int, str] = MappingProxyType({})
"""Of circuits of which all could be run."""


@dataclass(frozen=True, slots=True)
class Done:
    """Circuits of a batch that follow each other and are over, and what is written of them.

    ``more`` are further files of the circuits, listed after the results of all circuits;
    ``failed`` says of those that could not be run why.
    """

    circuits: range
    results: Sequence[Result]
    entry: TimelineEntry
    started: datetime
    more: Sequence[Result] = ()
    failed: Mapping[int, str] = field(default_factory=dict)


class JobRef(NamedTuple):
    """What the job list says of a job."""

    id: str
    phase: Phase
    run_id: str | None
    owner: str | None
    creation_time: datetime


@dataclass(frozen=True, slots=True)
class JobTimes:
    """When a job is to be done, and to go: what has a resource of its own beside the phase."""

    ref: JobRef
    quote: datetime | None
    destruction_time: datetime | None
    execution_duration: int


@dataclass(frozen=True, slots=True)
class JobRow:
    """What a table of jobs says of a job, beyond the list of UWS."""

    ref: JobRef
    target: str
    tags: list[str]
    circuits: int
    circuits_done: int
    start_time: datetime | None
    end_time: datetime | None
    destruction_time: datetime | None
    quote: datetime | None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """A job in the hands of a worker."""

    ref: JobRef
    target: str
    worker: str
    attempt: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """A job: a batch of one or more circuits for one target.

    ``execution_duration`` is in seconds, 0 for unlimited. ``attempt`` counts
    the claims so far. ``circuits_done`` counts circuits that have a result,
    ``circuits_failed`` and ``circuits_aborted`` those of a batch that are over without one.
    """

    id: str
    owner: str | None
    run_id: str | None
    phase: Phase
    target: str
    creation_time: datetime
    queued_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    destruction_time: datetime | None
    execution_duration: int
    quote: datetime | None
    attempt: int
    circuits: int
    circuits_done: int
    message: str | None
    parameters: list[Parameter]
    spec: JobSpec
    error: JobError | None
    work: int = 0
    """How much a machine has to do for it, as quotes count it: a power of two."""
    calibration_id: str | None = None
    """The calibration of the target that it ran with."""
    cost_ms: int = 1000
    """How long it will probably run, for the fair share of its owner."""
    results: list[Result] = field(default_factory=list)
    name: str | None = None
    circuits_failed: int = 0
    circuits_aborted: int = 0
    quote_low: datetime | None = None
    quote_high: datetime | None = None
    priority: int = 0
    """As with nice: the smaller number goes first."""
    told: Told | None = None
    """The first quote that it got when it waited."""
    shots: int = 0
    """How many shots its circuits have together."""
    timeslot: bool = False
    """Whether it runs in the timeslots of its owner only."""
    session: str | None = None
    """The session of which it is."""

    @property
    def quoted(self) -> Quote | None:
        """When it will probably be done, and between what."""
        if self.quote is None:
            return None
        return Quote(self.quote, self.quote_low or self.quote, self.quote_high or self.quote)


@dataclass(frozen=True, slots=True)
class Claim:
    """A job in the hands of one worker: what every write of that worker must carry."""

    job: Job
    lease: str
    deadline: datetime | None
    """When the execution duration is over, by the store's clock; None if it is unlimited."""
    aborted: int = 0
    """How many circuits of the job were aborted when the lease was renewed last."""

    @property
    def id(self) -> str:
        """The job's id."""
        return self.job.id

    @property
    def attempt(self) -> int:
        """Which claim of the job this is, from 1."""
        return self.job.attempt
