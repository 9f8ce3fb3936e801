"""What a target is asked without a job."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from quws.domain.targets import Calibration, TargetDescription, TargetState
from quws.domain.versions import Versions
from quws.sandbox.messages.parts import Message


class Inspect(Message):
    """Say what the target is, whether it takes work, and how it is calibrated."""

    kind: Literal["inspect"] = "inspect"


class Inspected(Message):
    """What the target is, whether it takes work, and how it is calibrated."""

    kind: Literal["inspected"] = "inspected"
    description: TargetDescription
    state: TargetState
    calibration: Calibration | None
    versions: Versions = Field(default_factory=dict)


class NotInspected(Message):
    """The target cannot say what it is."""

    kind: Literal["not_inspected"] = "not_inspected"
    why: str


class Cancel(Message):
    """Cancel what was handed over under a key."""

    kind: Literal["cancel"] = "cancel"
    key: str
    handle: str | None


class Cancellation(StrEnum):
    """How far a cancellation came."""

    DONE = "done"
    MISSING = "missing"
    """There is nothing at the other side, as far as that can be known now."""
    AGAIN = "again"


class CancelAnswer(Message):
    """How far a cancellation came, and a sentence on it."""

    kind: Literal["cancel_answer"] = "cancel_answer"
    outcome: Cancellation
    sentence: str
