"""Timeslots: times for which a target is booked by one owner."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from quws.domain.errors import InvalidParameter
from quws.domain.times import format_instant
from quws.domain.words import counted

_DAY_MINUTES = 24 * 60


class TimeslotRules(BaseModel):
    """What the operator of a target allows to book. Lengths are in minutes."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    required: bool = False
    """Jobs run in the timeslots of their owners only."""
    shortest: int = Field(15, ge=1)
    longest: int = Field(240, ge=1)
    step: int = Field(15, ge=1, le=_DAY_MINUTES)
    """They begin and end at multiples of so many minutes, counted from midnight in UTC."""
    days_ahead: int = Field(14, ge=1, le=366)
    """How far ahead the end of one may lie."""
    most: int = Field(4, ge=1)
    """How many that are not over one owner may have."""
    who: tuple[str, ...] = ()
    """Users, and groups of the list of quotas as ``@NAME``; empty for everybody."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.shortest > self.longest:
            raise ValueError("shortest must not be more than longest")
        return self

    def check(self, begins: datetime, ends: datetime, now: datetime) -> None:
        """Make sure that somebody may book from one instant to another.

        Raises
        ------
        InvalidParameter

        """
        for name, instant in (("START", begins), ("END", ends)):
            midnight = instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            if (instant - midnight) % timedelta(minutes=self.step):
                raise InvalidParameter(
                    f"{name} must be a multiple of {counted(self.step, 'minute')} from midnight"
                    f" (UTC), not {format_instant(instant)}",
                    parameter=name,
                )
        if ends <= begins:
            raise InvalidParameter(
                f"END must be after START, and {format_instant(ends)} is not", parameter="END"
            )
        shortest, longest = timedelta(minutes=self.shortest), timedelta(minutes=self.longest)
        if not shortest <= ends - begins <= longest:
            raise InvalidParameter(
                f"a timeslot of this target is {self._lengths()} long, not"
                f" {counted((ends - begins) // timedelta(minutes=1), 'minute')}",
                parameter="END",
            )
        if ends <= now:
            raise InvalidParameter(
                f"END must lie in the future, and {format_instant(ends)} does not", parameter="END"
            )
        latest = now + timedelta(days=self.days_ahead)
        if ends > latest:
            raise InvalidParameter(
                f"timeslots of this target can be booked {counted(self.days_ahead, 'day')} ahead,"
                f" up to {format_instant(latest)}",
                parameter="END",
            )

    def _lengths(self) -> str:
        if self.shortest == self.longest:
            return counted(self.longest, "minute")
        return f"{self.shortest} to {self.longest} minutes"

    def allows(self, name: str | None, groups: Collection[str]) -> bool:
        """Whether somebody, who is in these groups, may book."""
        return not self.who or name in self.who or any(f"@{group}" in self.who for group in groups)


@dataclass(frozen=True, slots=True)
class Timeslot:
    """A time for which a target is booked. ``owner`` is None for who has no name."""

    id: str
    target: str
    owner: str | None
    begins: datetime
    ends: datetime

    def on(self, now: datetime) -> bool:
        """Whether it has begun and is not over."""
        return self.begins <= now < self.ends


def may_run(
    owner: str | None, *, only_in_own: bool, rules: TimeslotRules, on: Timeslot | None
) -> bool:
    """Whether a job may run now: ``on`` is the timeslot that is on, if one is.

    Parameters
    ----------
    only_in_own
        The job is to run in its owner's timeslots only.

    """
    if on is None:
        return not (only_in_own or rules.required)
    return on.owner == owner


def why_not(
    target: str,
    *,
    only_in_own: bool,
    on: Timeslot | None,
    following: Timeslot | None,
) -> str:
    """Say why a job waits that may not run now; ``following`` is its owner's next timeslot."""
    begins = "none is booked" if following is None else f"at {format_instant(following.begins)}"
    if only_in_own:
        return f"it runs in the timeslots of its owner on target {target}; next: {begins}"
    until = "" if on is None else f" until {format_instant(on.ends)}"
    return f"target {target} is booked by another owner{until}"
