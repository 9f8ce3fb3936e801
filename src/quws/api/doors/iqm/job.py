"""A job as IQM's clients read it."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from quws.api.doors.iqm.errors import SOURCE
from quws.api.doors.iqm.names import calibration_set_id, target_id
from quws.api.doors.iqm.request import METADATA, CircuitsRequest
from quws.domain.job import TimelineEntry
from quws.domain.phases import FINAL, Phase
from quws.schemas.instant import Instant
from quws.services.snapshots import Snapshot

Status = Literal["waiting", "processing", "completed", "failed", "cancelled"]

STATUS: dict[Phase, Status] = {
    Phase.PENDING: "waiting",
    Phase.HELD: "waiting",
    Phase.QUEUED: "waiting",
    Phase.SUSPENDED: "waiting",
    Phase.EXECUTING: "processing",
    Phase.COMPLETED: "completed",
    Phase.ERROR: "failed",
    Phase.ABORTED: "cancelled",
}
_STEPS = {
    "received": ("iqm-server", "created"),
    "queued": ("iqm-server", "ready"),
    "claimed": ("iqm-station-control", "received"),
    "completed": ("iqm-station-control", "completed"),
}
"""What the clients call a step of a job, and who tells of it; others keep their own names."""
MEASUREMENTS, COUNTS = "measurements", "measurement_counts"


class Progress(BaseModel):
    """How far something is."""

    value: int
    max_value: int


class Execution(BaseModel):
    """How far the job is."""

    progress: dict[str, Progress]


class Compilation(BaseModel):
    """With which calibration the job was compiled."""

    calibration_set_id: UUID


class Message(BaseModel):
    """Something that users should know."""

    source: str = SOURCE
    message: str


class Error(Message):
    """Why a job failed."""

    error_code: str | None


class Step(BaseModel):
    """Something that happened to the job."""

    source: str
    status: str
    timestamp: Instant


class Artifact(BaseModel):
    """Something that can be had of the job."""

    type: str


class Machine(BaseModel):
    """The target that a job is for."""

    id: UUID
    alias: str
    display_name: str


class JobData(BaseModel):
    """A job."""

    id: UUID
    type: Literal["circuit"] = "circuit"
    qc: Machine
    status: Status
    queue_position: int | None = None
    execution: Execution | None = None
    compilation: Compilation | None = None
    messages: list[Message] = Field(default_factory=list)
    errors: list[Error] = Field(default_factory=list)
    timeline: list[Step] = Field(default_factory=list)
    artifacts: list[Artifact] = Field(default_factory=list)
    tag: str | None = None
    """What it is called for people; of several tags the first."""


def job_data(found: Snapshot) -> JobData:
    """Return a job that is there as its document."""
    job, details = found.job, found.details
    status = STATUS[job.phase]
    started = job.start_time is not None
    # One that has just begun may not have said yet what it runs with.
    settled = started and (job.calibration_id is not None or job.phase in FINAL)
    errors = []
    if job.error is not None:
        errors.append(Error(message=job.error.message, error_code=job.error.code))
    return JobData(
        id=UUID(job.id),
        # IQM's own clients do not look at it, QRMI insists on it.
        qc=Machine(id=target_id(job.target), alias=job.target, display_name=job.target),
        status=status,
        queue_position=details.queue_position if status == "waiting" else None,
        execution=Execution(
            progress={"circuits": Progress(value=job.circuits_done, max_value=job.circuits)}
        )
        if started
        else None,
        compilation=Compilation(
            calibration_set_id=calibration_set_id(job.target, job.calibration_id)
        )
        if settled
        else None,
        messages=_messages(found, status),
        errors=errors,
        timeline=[_step(entry) for entry in details.timeline],
        artifacts=[Artifact(type=name) for name in (MEASUREMENTS, COUNTS)]
        if status == "completed"
        else [],
        tag=next(iter(job.spec.tags), None),
    )


def _messages(found: Snapshot, status: Status) -> list[Message]:
    """Tell what the user should hear; the clients show each as a warning."""
    told = []
    kept = found.job.spec.metadata.get(METADATA)
    if isinstance(kept, dict):
        request = CircuitsRequest.model_construct(**kept)
        told += [f"without effect is {item}" for item in request.without_effect()]
    told += [
        entry.message
        for entry in found.details.timeline
        if entry.status == "validated" and entry.message
    ]
    if found.job.phase is Phase.HELD and found.details.status:
        told.append(found.details.status)
    return [Message(message=sentence) for sentence in told]


def _step(entry: TimelineEntry) -> Step:
    source, status = _STEPS.get(entry.status, (entry.source, entry.status))
    return Step(source=source, status=status, timestamp=entry.time)
