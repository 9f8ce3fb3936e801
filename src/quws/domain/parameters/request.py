"""What a request asks for, once its parameters are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from quws.domain.bindings import Bindings
from quws.domain.circuits import Language
from quws.domain.options import RunOptions
from quws.domain.parameters.values import ResponseFormat


@dataclass(frozen=True, slots=True)
class Control:
    """The job-control parameters of one request; None where one was not given.

    ``execution_duration`` is in seconds, 0 for unlimited.
    """

    run_id: str | None = None
    phase: str | None = None
    destruction: datetime | None = None
    execution_duration: int | None = None
    name: str | None = None

    @property
    def empty(self) -> bool:
        """Whether the request controls nothing."""
        return self == Control()


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What a job is to do."""

    circuits: list[str]
    options: RunOptions
    bindings: Bindings | None = None
    language: Language | None = None
    target: str | None = None
    response_format: ResponseFormat = ResponseFormat.VOTABLE
    tags: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    webhook: str | None = None
    priority: int = 0
    timeslot: bool = False
    """Whether it is to run in the timeslots of its owner only."""
    session: str | None = None

    @property
    def count(self) -> int:
        """How many circuits the job has."""
        return len(self.circuits) if self.bindings is None else self.bindings.count
