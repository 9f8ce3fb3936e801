"""Sessions as JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from quws.domain.sessions import SessionMode, SessionState
from quws.schemas.instant import Instant


class NewSessionJson(BaseModel):
    """A session to be opened; what is left out is what the operator has set."""

    model_config = ConfigDict(extra="forbid")

    target: str | None = None
    mode: SessionMode = SessionMode.DEDICATED
    max_seconds: int | None = None
    idle_seconds: int | None = None


class SessionPatchJson(BaseModel):
    """What may be changed of a session: it can be closed."""

    model_config = ConfigDict(extra="forbid")

    accepting_jobs: bool


class SessionJson(BaseModel):
    """Jobs that run back to back on a target."""

    id: str
    url: str
    target: str
    owner: str = Field(description="Whose it is; empty for who has no name.")
    mode: SessionMode
    state: SessionState
    accepting_jobs: bool = Field(description="Whether it takes new jobs.")
    max_seconds: int = Field(description="Its whole time, from when its first job was claimed.")
    idle_seconds: int = Field(description="After how long without jobs it is inactive.")
    creation_time: Instant
    start_time: Instant | None = Field(description="When its first job was claimed.")
    ends: Instant | None = Field(description="When its whole time is over.")
    close_time: Instant | None = Field(description="Since when it takes no new jobs.")
    end_time: Instant | None = Field(description="When it was over.")
    last_job_started: Instant | None
    last_job_ended: Instant | None
    elapsed_seconds: float = Field(description="How long it lasts, or has lasted.")
    jobs_waiting: int
    jobs_running: int
    jobs_url: str = Field(description="The list of its jobs.")
