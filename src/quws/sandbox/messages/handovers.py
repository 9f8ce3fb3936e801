"""A job on its way to the queue of a remote target, and there."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeInt

from quws.sandbox.messages.parts import Message


class KnownHandover(Message):
    """What is known of a job at the other side of a remote target.

    ``begun`` says whether it may have been sent, ``age`` how many seconds ago, ``left_out`` without
    which of its circuits; ``handle`` is the other side's name for it, where it has answered.
    """

    key: str
    begun: bool = False
    age: float = 0.0
    handle: str | None = None
    left_out: list[NonNegativeInt] = Field(default_factory=list)


class Go(Message):
    """Go on: what was announced is written down."""

    kind: Literal["go"] = "go"


class Waiting(Message):
    """The job waits in the other side's queue, or does so no longer."""

    kind: Literal["waiting"] = "waiting"
    waiting: bool


class Submitting(Message):
    """The job is to be sent to the other side, but for some circuits, after a ``Go``."""

    kind: Literal["submitting"] = "submitting"
    key: str
    left_out: list[NonNegativeInt] = Field(default_factory=list)


class NotSubmitted(Message):
    """Nothing is under way to the other side just now."""

    kind: Literal["not_submitted"] = "not_submitted"


class Submitted(Message):
    """The other side has the job under its handle; a ``Go`` says that this is known."""

    kind: Literal["submitted"] = "submitted"
    key: str
    handle: str


class InDoubt(Message):
    """Nobody can tell whether the other side has the job; a ``Go`` says that this is known."""

    kind: Literal["in_doubt"] = "in_doubt"
    key: str
    sentence: str
