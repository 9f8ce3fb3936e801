"""The same resources as JSON: safir's field names (``SerializedJob``), and ours beside them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2s
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, PlainSerializer, TypeAdapter

from quws.api.kit.urls import Urls
from quws.domain.job import ErrorType, Job, JobError, JobRef, Result
from quws.domain.phases import Phase
from quws.domain.times import format_instant
from quws.services.snapshots import JobDetails, Snapshot

Instant = Annotated[datetime, PlainSerializer(format_instant, return_type=str)]
"""An instant, written as in XML: UTC, milliseconds, ``Z``."""


class ErrorJson(BaseModel):
    """Why a job failed."""

    type: ErrorType
    code: str
    message: str
    detail: str | None


class ResultJson(BaseModel):
    """A file that a job made. ``size`` is in bytes."""

    id: str
    url: str
    size: int
    mime_type: str


class EntryJson(BaseModel):
    """Something that happened to a job."""

    time: Instant
    status: str
    source: str
    message: str | None


class RefJson(BaseModel):
    """A job in the list."""

    id: str
    url: str
    phase: Phase
    run_id: str | None
    owner: str
    creation_time: Instant


class JobJson(RefJson):
    """A job. ``execution_duration`` is in seconds, null for unlimited."""

    service: Literal["quws"] = "quws"
    message_id: None = None
    json_parameters: dict[str, Any]
    queued_time: Instant | None
    start_time: Instant | None
    end_time: Instant | None
    destruction_time: Instant | None
    execution_duration: int | None
    quote: Instant | None
    errors: list[ErrorJson]
    results: list[ResultJson]
    target: str
    calibration_id: str | None = Field(description="The target's calibration that it ran with.")
    calibration_url: str | None
    status: str | None = Field(description="Why the job is where it is, in words.")
    attempt: int
    circuits: int
    circuits_done: int
    queue_position: int | None = Field(description="How many jobs go before this one.")
    tags: list[str]
    metadata: dict[str, Any]
    timeline: list[EntryJson]


_RESULTS = TypeAdapter(list[ResultJson])


def job_json(job: Job, details: JobDetails, urls: Urls) -> bytes:
    """Write a job."""
    document = JobJson(
        id=job.id,
        url=urls.job(job.id),
        owner=job.owner or "",
        phase=job.phase,
        run_id=job.run_id,
        json_parameters=parameters_json(job, urls),
        creation_time=job.creation_time,
        queued_time=job.queued_time,
        start_time=job.start_time,
        end_time=job.end_time,
        destruction_time=job.destruction_time,
        execution_duration=job.execution_duration or None,
        quote=job.quote,
        errors=[] if job.error is None else [_error(job.error)],
        results=_results(job.results, job.id, urls),
        target=job.target,
        calibration_id=job.calibration_id,
        calibration_url=(
            None if job.calibration_id is None else urls.calibration(job.target, job.calibration_id)
        ),
        status=details.status,
        attempt=job.attempt,
        circuits=job.circuits,
        circuits_done=job.circuits_done,
        queue_position=details.queue_position,
        tags=job.spec.get("tags", []),
        metadata=job.spec.get("metadata", {}),
        timeline=[
            EntryJson(
                time=entry.time, status=entry.status, source=entry.source, message=entry.message
            )
            for entry in details.timeline
        ],
    )
    return document.model_dump_json().encode()


def snapshot_json(found: Snapshot, urls: Urls) -> bytes:
    """Write a job, once for all who look at the same moment."""
    key = ("json", urls)
    content = found.rendered.get(key)
    if content is None:
        content = found.rendered[key] = job_json(found.job, found.details, urls)
    return content


def state_of(found: Snapshot, urls: Urls) -> str:
    """Name the state that a job's document tells of: its newest entry and a digest of all."""
    newest = max((entry.id or 0 for entry in found.details.timeline), default=0)
    digest = blake2s(snapshot_json(found, urls), digest_size=8).hexdigest()
    return f"{newest}-{digest}"


def parameters_json(job: Job, urls: Urls) -> dict[str, Any]:
    """Collect the parameters: name to value, or to a list where the name is repeated.

    A value that is kept by reference is ``{"href": URL}``.
    """
    values: dict[str, list[Any]] = {}
    for item in job.parameters:
        same = values.setdefault(item.name, [])
        if item.by_reference:
            same.append({"href": urls.parameter(job.id, item.name, len(same))})
        else:
            same.append(item.value)
    return {name: same[0] if len(same) == 1 else same for name, same in values.items()}


def results_json(job: Job, urls: Urls) -> bytes:
    """Write the list of results."""
    return _RESULTS.dump_json(_results(job.results, job.id, urls))


def error_json(error: JobError) -> bytes:
    """Write why a job failed."""
    return _error(error).model_dump_json().encode()


def ref_json(ref: JobRef, urls: Urls) -> str:
    """Write one entry of the job list."""
    return RefJson(
        id=ref.id,
        url=urls.job(ref.id),
        phase=ref.phase,
        run_id=ref.run_id,
        owner=ref.owner or "",
        creation_time=ref.creation_time,
    ).model_dump_json()


def _error(error: JobError) -> ErrorJson:
    return ErrorJson(type=error.type, code=error.code, message=error.message, detail=error.detail)


def _results(results: Sequence[Result], job_id: str, urls: Urls) -> list[ResultJson]:
    return [
        ResultJson(
            id=item.id,
            url=urls.result(job_id, item.id),
            size=item.size,
            mime_type=item.mime_type,
        )
        for item in results
    ]
