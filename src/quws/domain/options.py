"""How the circuits of a job are run, as the worker, its child and the targets hand it on."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, field_serializer

from quws.domain.noise import Noise


class RunOptions(BaseModel):
    """How to run a circuit. With the same seed a simulator gives the same counts.

    Each field is the value of a parameter whose role is ``OPTION``, under its keyword. What
    has no field yet goes along all the same, for targets that know it.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    shots: int
    seed: int | None = None
    memory: bool = False
    method: str | None = None
    """What METHOD says; None lets the target choose."""
    noise: Noise | None = None
    """What NOISE says, with the calibration of the device that it names; None for no noise beyond
    the target's own.
    """

    @field_serializer("noise", when_used="json")
    def _without_gaps(self, noise: Noise | None) -> dict[str, Any] | None:
        return None if noise is None else noise.model_dump(mode="json", exclude_none=True)
