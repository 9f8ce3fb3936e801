"""What owners may have of the service, alone and together with their groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from math import ceil

from pydantic import BaseModel, ConfigDict, Field

from quws.domain.errors import QuotaExceeded
from quws.domain.policy import Policy
from quws.domain.times import format_instant
from quws.domain.words import counted

_REMEMBERED = 10_000


class Limit(StrEnum):
    """What is limited."""

    JOBS = "jobs"
    """Jobs that are there, in any phase but ARCHIVED."""
    PENDING = "pending"
    """Jobs that are PENDING or HELD."""
    QUEUED = "queued"
    """Jobs that wait or run."""
    RUNNING = "running"
    """Jobs that are EXECUTING."""
    JOB_SHOTS = "job_shots"
    """Shots of one job, in all its circuits."""
    DAY_SHOTS = "day_shots"
    """Shots of the jobs that are queued on one day (UTC)."""
    MONTH_SECONDS = "month_seconds"
    """Seconds that jobs run on targets, by the month (UTC) in which they are queued."""
    STORED_BYTES = "stored_bytes"
    """Bytes that are kept of parameters and results."""

    def ends(self, now: datetime) -> datetime | None:
        """Return when its period is over, and all is free again; None if it has none."""
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        match self:
            case Limit.DAY_SHOTS:
                return midnight + timedelta(days=1)
            case Limit.MONTH_SECONDS:
                return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
        return None

    @property
    def unit(self) -> int:
        """How many of what is counted are one of what the limit counts: seconds by the thousand."""
        return 1000 if self is Limit.MONTH_SECONDS else 1


COUNTED = (Limit.DAY_SHOTS, Limit.MONTH_SECONDS)
"""What is used up: it is free again when its period is over, and not when a job is."""


class Limits(BaseModel):
    """Limits of a user or a group: 0 for any number, nothing where none of its own is set."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    jobs: int | None = Field(None, ge=0)
    pending: int | None = Field(None, ge=0)
    queued: int | None = Field(None, ge=0)
    running: int | None = Field(None, ge=0)
    job_shots: int | None = Field(None, ge=0)
    day_shots: int | None = Field(None, ge=0)
    month_seconds: int | None = Field(None, ge=0)
    stored_bytes: int | None = Field(None, ge=0)

    def of(self, limit: Limit) -> int | None:
        """Return one of them."""
        found: int | None = getattr(self, limit.value)
        return found


class Group(Limits):
    """Users who have limits together, beside each one's own."""

    members: tuple[str, ...] = Field(min_length=1)


class QuotaRules(BaseModel):
    """The limits of single users, in place of the policy's, and those of groups."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    user: dict[str, Limits] = Field(default_factory=dict)
    group: dict[str, Group] = Field(default_factory=dict)


NO_RULES = QuotaRules()


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit that holds for an owner.

    ``owners`` are all of whom it counts, "" for who has no name. ``group`` is whose it is, None
    if it is the owner's own.
    """

    limit: Limit
    most: int
    owners: tuple[str, ...]
    group: str | None = None

    @property
    def subject(self) -> str:
        """Whose use is counted, as the database has it."""
        return f"user:{self.owners[0]}" if self.group is None else f"group:{self.group}"

    def exceeded(
        self, used: int, wanted: int, now: datetime, *, possible: bool = True
    ) -> QuotaExceeded:
        """Return the refusal of what would go beyond it.

        Parameters
        ----------
        used, wanted
            In what is counted: milliseconds where the limit is of seconds.
        possible
            Whether there will be room for it at the end of the period.

        """
        frees = self.limit.ends(now) if possible else None
        sentence = _SENTENCES[self.limit].format(
            there=_there(self, used),
            most=self.most,
            used=shown(self.limit, used),
            wanted=shown(self.limit, wanted),
            whose=_whose(self),
            then="ask for less"
            if frees is None
            else f"all of them are free again at {format_instant(frees)}",
        )
        return QuotaExceeded(
            sentence,
            limit=self.limit,
            group=self.group,
            most=self.most,
            used=shown(self.limit, used),
            frees=frees,
            seconds=None if frees is None else max(1, ceil((frees - now).total_seconds())),
        )


_NOUNS = {
    Limit.JOBS: ("job of {} is there", "jobs of {} are there"),
    Limit.PENDING: ("job of {} is PENDING or HELD", "jobs of {} are PENDING or HELD"),
    Limit.QUEUED: ("job of {} waits or runs", "jobs of {} wait or run"),
    Limit.RUNNING: ("job of {} runs", "jobs of {} run"),
    Limit.STORED_BYTES: (
        "byte of parameters and results is kept of the jobs of {}",
        "bytes of parameters and results are kept of the jobs of {}",
    ),
}
_SENTENCES = {
    Limit.JOBS: "{there}, and {most} may be; delete some of them, or wait for the destruction of"
    " one",
    Limit.PENDING: "{there}, and {most} may be; run, abort or delete some of them",
    Limit.QUEUED: "{there} already, and {most} may; one more can when one of them is done",
    Limit.RUNNING: "{there} already, and {most} may; one more can when one of them is done",
    Limit.JOB_SHOTS: "the job has {wanted} shots in all its circuits, and {most} may be in one job"
    " of {whose}; ask for less",
    Limit.DAY_SHOTS: "{used} of the {most} shots that {whose} may have in a day (UTC) are used, too"
    " many for {wanted} more; {then}",
    Limit.MONTH_SECONDS: "{used} of the {most} seconds that {whose} may run in a month (UTC) are"
    " used or taken by jobs that wait, too many for {wanted} more; {then}",
    Limit.STORED_BYTES: "{there}, and {most} may be, too few for {wanted} more; delete some of the"
    " jobs, or wait for the destruction of one",
}


MEANINGS = {
    Limit.JOBS: "jobs that are there, finished ones too",
    Limit.PENDING: "jobs that are PENDING or HELD",
    Limit.QUEUED: "jobs that wait or run",
    Limit.RUNNING: "jobs that run at once; further ones wait",
    Limit.JOB_SHOTS: "shots of one job, in all its circuits",
    Limit.DAY_SHOTS: "shots of the jobs that are queued on one day (UTC)",
    Limit.MONTH_SECONDS: "seconds that the jobs run on targets that are queued in one month (UTC)",
    Limit.STORED_BYTES: "bytes that are kept of parameters and results",
}
"""What is limited, in words."""


def _whose(bound: Bound) -> str:
    return "this owner" if bound.group is None else f"group {bound.group}"


def _there(bound: Bound, used: int) -> str:
    one, others = _NOUNS.get(bound.limit, ("", ""))
    whose = _whose(bound)
    return counted(used, one.format(whose), others.format(whose))


def shown(limit: Limit, counted_use: int) -> int:
    """Return what is counted as it is told: whole seconds."""
    return -(-counted_use // limit.unit)


class Entitlements:
    """What each owner may have: the policy's limits or one's own, and those of one's groups."""

    def __init__(self, policy: Policy, rules: QuotaRules = NO_RULES) -> None:
        self._general = {limit: getattr(policy, f"max_{limit}") for limit in Limit}
        self._rules = rules
        self._groups: dict[str, list[str]] = {}
        for name, group in rules.group.items():
            for member in group.members:
                self._groups.setdefault(member, []).append(name)
        every = [*rules.user.values(), *rules.group.values()]
        self.limits_running = bool(
            self._general[Limit.RUNNING] or any(item.running for item in every)
        )
        """Whether anybody's jobs that run are limited in number."""
        self._of = lru_cache(_REMEMBERED)(self._find)

    def of(self, owner: str | None, *limits: Limit) -> tuple[Bound, ...]:
        """Return the limits of an owner, all or those of some kinds, as far as there are any."""
        found = self._of(owner or "")
        return tuple(bound for bound in found if bound.limit in limits) if limits else found

    def full(self, running: Mapping[str, int]) -> set[str]:
        """Return who may not run one more job, by how many of each owner's run."""
        found: set[str] = set()
        for owner in running:
            for bound in self.of(owner, Limit.RUNNING):
                if sum(running.get(name, 0) for name in bound.owners) >= bound.most:
                    found.update(bound.owners)
        return found

    def _find(self, owner: str) -> tuple[Bound, ...]:
        own = self._rules.user.get(owner)
        bounds = []
        for limit, general in self._general.items():
            mine = None if own is None else own.of(limit)
            bounds.append(Bound(limit, general if mine is None else mine, (owner,)))
            for name in self._groups.get(owner, ()):
                group = self._rules.group[name]
                bounds.append(Bound(limit, group.of(limit) or 0, group.members, name))
        return tuple(bound for bound in bounds if bound.most)


def check_shots(bounds: Iterable[Bound], shots: int, now: datetime) -> None:
    """Make sure that a job may have so many shots.

    Raises
    ------
    QuotaExceeded

    """
    for bound in bounds:
        if bound.limit is Limit.JOB_SHOTS and shots > bound.most:
            raise bound.exceeded(0, shots, now)


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a limit is used; ``frees`` is when all is free again, if time alone does that."""

    bound: Bound
    used: int
    frees: datetime | None
