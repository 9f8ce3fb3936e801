"""Targets and their calibrations as JSON.

The models know no request: whoever writes a document passes the URLs in.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from quws.domain.targets import Calibration, TargetDescription, TargetStatus
from quws.schemas.instant import Instant


class CalibrationRefJson(BaseModel):
    """A calibration in a list."""

    id: str
    time: Instant
    url: str


class CalibrationJson(Calibration):
    """A calibration. Times in seconds, frequencies in hertz, errors as probabilities."""

    time: Instant
    target: str
    url: str


class LoadJson(BaseModel):
    """How many jobs of a target waited and ran at one time."""

    model_config = ConfigDict(from_attributes=True)

    time: Instant
    waiting: int
    running: int


class QuotesJson(BaseModel):
    """How a target has kept its last 200 quotes."""

    judged: int = Field(description="How many of its jobs have ended that were quoted.")
    hit_rate: float | None = Field(
        description="Which part of them ended between low and high; null before there is one."
    )


class TargetJson(TargetDescription):
    """A target: what it is, whether it takes work, and its queue."""

    url: str
    status: TargetStatus
    message: str | None = Field(description="Why it is in that status, in words.")
    until: Instant | None = Field(description="When it is expected back, where somebody knows.")
    set_by: str | None = Field(
        description="The operator who has set the status; null if a health check found it."
    )
    checked: Instant | None = Field(description="When the last health check was.")
    queue_length: int = Field(description="How many jobs wait for it.")
    running: int = Field(description="How many jobs it runs.")
    expected_wait: float | None = Field(
        description="In how many seconds a new job would start; null where nobody knows."
    )
    quotes: QuotesJson
    calibration: CalibrationRefJson | None
    calibrations_url: str
    conformance: dict[str, Any] | None = Field(
        description="What the last run of the conformance circuits found."
    )
    conformance_time: Instant | None


class WholeTargetJson(TargetJson):
    """A target with the history of its load."""

    load: list[LoadJson]
