"""What a target is, as the service shows it and as the check of a job uses it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from quws.domain.circuits import CircuitLimits, Language


class TargetStatus(StrEnum):
    """Whether a target takes work right now."""

    ONLINE = "online"
    OFFLINE = "offline"


class TargetDescription(BaseModel):
    """A target: what it is, what it can run and how much of it.

    ``kind`` is ``simulator`` or ``hardware``.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: str
    title: str
    status: TargetStatus = TargetStatus.ONLINE
    circuit_limits: CircuitLimits = Field(default_factory=CircuitLimits)
    max_shots: int = 1_000_000
    max_circuits: int = 300
    languages: list[Language] = Field(default_factory=lambda: list(Language))
