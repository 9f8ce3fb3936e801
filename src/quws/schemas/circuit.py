"""A circuit of a job as JSON."""

from __future__ import annotations

from pydantic import BaseModel, Field

from quws.domain.batch import CircuitStatus
from quws.schemas.instant import Instant


class CircuitJson(BaseModel):
    """Where one circuit of a job stands, and where what it gave is."""

    index: int = Field(description="Its place in the job, from 0.")
    url: str
    status: CircuitStatus
    message: str | None = Field(description="Why it has no result, in words.")
    attempt: int | None = Field(description="The attempt at the job in which it ended.")
    start_time: Instant | None = Field(
        description="When it began, with those that were done together with it."
    )
    end_time: Instant | None
    source_url: str = Field(description="Its text, as it was sent.")
    result_url: str | None = Field(description="What it gave: counts, or expectation values.")
    compiled_url: str | None = Field(description="The circuit as it ran, where that is kept.")
