"""Timeslots as JSON."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from quws.schemas.instant import Instant


class NewTimeslotJson(BaseModel):
    """A timeslot to be booked: with its end, or so many minutes long."""

    model_config = ConfigDict(extra="forbid")

    start: datetime
    end: datetime | None = None
    minutes: int | None = None


class TimeslotJson(BaseModel):
    """A time for which a target is booked."""

    id: str
    target: str
    owner: str | None = Field(
        description="Whose it is, empty for who has no name; null for others than its owner and"
        " operators."
    )
    mine: bool
    start: Instant
    end: Instant
    url: str
