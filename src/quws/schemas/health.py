"""Whether the service works, as JSON."""

from __future__ import annotations

from pydantic import BaseModel, Field

from quws.schemas.instant import Instant


class AvailabilityJson(BaseModel):
    """Whether the service works, since when, and what is to be known of it."""

    available: bool
    up_since: Instant | None
    notes: list[str] = Field(description="What does not work, and what users should know.")


class ReadinessJson(BaseModel):
    """Whether a process can do its work, and what does not work beside it."""

    ready: bool
    problems: list[str] = Field(description="What keeps the process from its work.")
    degraded: list[str] = Field(description="What does not answer, while the work goes on.")
