"""Sessions: jobs that belong together, and run back to back on their target.

A session begins when the first of its jobs is claimed, in the order of the queue: to open one
brings nobody forward. From then on its jobs go first, until it has been idle for its idle limit, or
its whole time is over.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from quws.domain.errors import InvalidParameter
from quws.domain.times import format_instant
from quws.domain.words import counted


class SessionMode(StrEnum):
    """What becomes of the jobs of others while a session has nothing to run."""

    DEDICATED = "dedicated"
    """They wait until it is over, or has been idle for its idle limit."""
    BATCH = "batch"
    """They run."""


class SessionState(StrEnum):
    """What a session does."""

    OPEN = "open"
    """None of its jobs was claimed yet."""
    ACTIVE = "active"
    """Its jobs go first."""
    INACTIVE = "inactive"
    """It was idle for too long: its next job has its turn in the order of the queue."""
    CLOSED = "closed"


class SessionRules(BaseModel):
    """What the operator of a target allows of sessions. Times are in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    longest: int = Field(28_800, ge=1)
    """The whole time of one, counted from its first job: where none is asked for, and at most."""
    idle: int = Field(60, ge=0)
    """How long one may have nothing to run, where that is not asked for."""
    longest_idle: int = Field(300, ge=0)
    most: int = Field(5, ge=0)
    """How many that are not closed one owner may have."""
    modes: tuple[SessionMode, ...] = tuple(SessionMode)

    def check(
        self, mode: SessionMode, max_seconds: int | None, idle_seconds: int | None
    ) -> tuple[int, int]:
        """Return the limits of a session: of whole and of idle time, in seconds.

        Raises
        ------
        InvalidParameter

        """
        if mode not in self.modes:
            raise InvalidParameter(
                f"MODE must be {' or '.join(self.modes)} on this target, not '{mode}'",
                parameter="MODE",
            )
        whole = self.longest if max_seconds is None else max_seconds
        idle = min(self.idle, self.longest_idle) if idle_seconds is None else idle_seconds
        for name, value, low, high in (
            ("MAX_SECONDS", whole, 1, self.longest),
            ("IDLE_SECONDS", idle, 0, self.longest_idle),
        ):
            if not low <= value <= high:
                raise InvalidParameter(
                    f"{name} must be a whole number from {low} to {high} on this target, not"
                    f" {value}",
                    parameter=name,
                )
        return whole, idle


class SessionChanges(BaseModel):
    """What the list of targets says of the sessions of one target, in place of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    longest: int | None = Field(None, ge=1)
    idle: int | None = Field(None, ge=0)
    longest_idle: int | None = Field(None, ge=0)
    most: int | None = Field(None, ge=0)
    modes: tuple[SessionMode, ...] | None = None
    who: tuple[str, ...] = ()
    """Users, and groups of the list of quotas as ``@NAME``; empty for everybody."""

    def over(self, rules: SessionRules) -> SessionRules:
        """Return rules with these in place of what they say."""
        given = self.model_dump(exclude_none=True, exclude={"who"})
        return SessionRules.model_validate(rules.model_dump() | given)

    def allows(self, name: str | None, groups: Collection[str]) -> bool:
        """Whether somebody, who is in these groups, may open one."""
        return not self.who or name in self.who or any(f"@{group}" in self.who for group in groups)


@dataclass(frozen=True, slots=True)
class Session:
    """Jobs that run back to back, as they were at an instant. ``owner`` is None for no name."""

    id: str
    target: str
    owner: str | None
    mode: SessionMode
    created: datetime
    max_seconds: int
    """Its whole time, counted from when its first job was claimed."""
    idle_seconds: int
    """After how long without a job to run it is inactive."""
    at: datetime
    """The instant, by the clock of the database."""
    began: datetime | None = None
    ends: datetime | None = None
    """When its whole time is over."""
    active_since: datetime | None = None
    idle_at: datetime | None = None
    """Since when it is inactive, or when it will be if nothing comes."""
    closed: datetime | None = None
    """Since when it takes no new jobs."""
    cancelled: bool = False
    over: datetime | None = None
    """When the last of it was done."""
    last_started: datetime | None = None
    last_ended: datetime | None = None
    """When a job of it was claimed last, and when one came out of a worker's hands."""
    waiting: int = 0
    running: int = 0

    @property
    def busy(self) -> bool:
        """Whether it has something to run."""
        return bool(self.waiting or self.running)

    @property
    def expired(self) -> bool:
        """Whether its whole time is over, or it was not used for as long."""
        if self.ends is not None:
            return self.ends <= self.at
        return not self.busy and self.created + timedelta(seconds=self.max_seconds) <= self.at

    @property
    def accepting(self) -> bool:
        """Whether it takes new jobs."""
        return self.closed is None and self.over is None and not self.expired

    @property
    def done(self) -> bool:
        """Whether nothing more comes of it: it is expired, or was closed and has no more jobs."""
        return self.expired or (self.closed is not None and not self.busy)

    @property
    def idle(self) -> bool:
        """Whether it has nothing to run, and had not for its idle limit."""
        return not self.busy and (self.idle_at is None or self.idle_at <= self.at)

    @property
    def state(self) -> SessionState:
        """What it does."""
        if self.over is not None or self.done:
            return SessionState.CLOSED
        if self.began is None:
            return SessionState.OPEN
        if self.active_since is None or self.idle:
            return SessionState.INACTIVE
        return SessionState.ACTIVE

    @property
    def ended(self) -> datetime | None:
        """When it was over; None while it is not."""
        if self.over is not None or self.state is not SessionState.CLOSED:
            return self.over
        known = [item for item in (self.closed, self.last_ended) if item is not None]
        if self.expired or not known:
            return self.ends or self.created + timedelta(seconds=self.max_seconds)
        return max(known)

    @property
    def seconds(self) -> float:
        """How long it has lasted since its first job was claimed."""
        if self.began is None:
            return 0.0
        return max(0.0, ((self.ended or self.at) - self.began).total_seconds())


def closed_sentence(session_id: str) -> str:
    """Say that a session takes no jobs any more."""
    return f"session {session_id} is closed; open another one, or send the job without SESSION"


OVER = "the time of its session is over; it goes on as any other job"
"""What the timeline says of a job that still waits then."""


def why_not(session: Session, *, mine: bool) -> str:
    """Say why a job waits that is not of the session to which its target is dedicated.

    ``mine`` is whether that is a session of the job's owner.
    """
    whose = "this owner" if mine else "another owner"
    assert session.ends is not None, "it has begun"
    idle = counted(session.idle_seconds, "second")
    return (
        f"target {session.target} is dedicated to a session of {whose}: it starts when that is"
        f" closed or has been idle for {idle}, at {format_instant(session.ends)} at the latest"
    )
