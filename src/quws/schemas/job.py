"""A job as JSON: the field names of safir's ``SerializedJob``, and ours beside them.

The models know no request: whoever writes a document passes the URLs in.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from quws.domain.job import ErrorType
from quws.domain.phases import Phase
from quws.schemas.instant import Instant


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


class LinkJson(BaseModel):
    """Where the value of a parameter is that is kept by reference."""

    href: str


ParameterJson = str | LinkJson | list[str | LinkJson]
"""The value of a parameter; a list of values where its name is repeated."""


class RefJson(BaseModel):
    """A job in the list."""

    id: str
    url: str
    phase: Phase
    run_id: str | None
    owner: str = Field(description="Whose it is; empty for who has no name.")
    creation_time: Instant


class JobJson(RefJson):
    """A job. ``execution_duration`` is in seconds, null for unlimited."""

    service: Literal["quws"] = "quws"
    message_id: None = None
    json_parameters: dict[str, ParameterJson]
    queued_time: Instant | None
    start_time: Instant | None
    end_time: Instant | None
    destruction_time: Instant | None
    execution_duration: int | None
    quote: Instant | None = Field(description="When it will probably be done.")
    quote_low: Instant | None = Field(
        None, description="Nine of ten jobs end between this and quote_high."
    )
    quote_high: Instant | None = None
    errors: list[ErrorJson]
    results: list[ResultJson]
    target: str
    calibration_id: str | None = Field(description="The target's calibration that it ran with.")
    calibration_url: str | None
    status: str | None = Field(description="Why the job is where it is, in words.")
    attempt: int
    circuits: int
    circuits_done: int
    circuits_failed: int = 0
    circuits_aborted: int = 0
    circuits_url: str | None = Field(None, description="Where each of them stands.")
    queue_position: int | None = Field(description="How many jobs go before this one.")
    name: str | None = Field(None, description="What the owner calls it.")
    tags: list[str]
    metadata: dict[str, Any]
    session: str | None = Field(None, description="The session of which it is.")
    timeline: list[EntryJson]


class WholeJobJson(JobJson):
    """A job with what it gave, as it is had for OUTCOMES=true."""

    outcomes: dict[str, Any] | None = Field(
        None, description="What its document of outcomes says, if the job has a small one."
    )


class DeletedJson(BaseModel):
    """A job that is gone, as the events ``job_deleted`` tell it."""

    id: str
    url: str
