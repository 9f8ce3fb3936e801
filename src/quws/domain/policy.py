"""What the operator allows, as far as it decides about single jobs."""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from quws.domain.errors import InvalidParameter
from quws.domain.sessions import SessionRules
from quws.domain.shares import Fairness, Share
from quws.domain.times import MAX_SECONDS, format_instant
from quws.domain.words import counted

LAST_PRIORITY = 100
PRIORITIES = "the smaller goes first; less than 0 only where the operator allows it"


class Policy(BaseModel):
    """Defaults and limits of a job, and of an owner's jobs. Times in seconds, sizes in bytes."""

    model_config = ConfigDict(frozen=True)

    target: str = Field("simulator", description="Where jobs run that name no TARGET.")
    shots: int = Field(1000, ge=1, description="SHOTS where it is not given.")
    execution_duration: int = Field(
        600, ge=0, description="Execution duration where it is not given, 0 for the longest."
    )
    max_execution_duration: int = Field(
        86_400,
        ge=0,
        description="The longest execution duration, which EXECUTIONDURATION=0 asks for; 0 for any,"
        " and then EXECUTIONDURATION=0 is without a limit.",
    )
    lifetime: int = Field(
        7 * 86_400, ge=1, description="From creation to destruction where it is not given."
    )
    max_lifetime: int = Field(
        30 * 86_400, ge=1, description="The latest destruction, counted from when it is set."
    )
    max_attempts: int = Field(
        3, ge=1, description="How often a job is tried whose worker or process is lost."
    )
    keep_history: bool = Field(
        False, description="At destruction a job becomes ARCHIVED instead of being forgotten."
    )
    inline_bytes: int = Field(
        4096, ge=0, description="A parameter longer than this is kept as an artifact."
    )
    max_wait: float = Field(50.0, ge=0, description="The longest WAIT.")
    max_listeners: int = Field(
        200,
        ge=0,
        description="How many WAITs and event streams one user may have open at once at one API"
        " process, 0 for any number. Who has no name is counted by address.",
    )
    max_queued: int = Field(
        0,
        ge=0,
        description="How many jobs of one owner may wait or run at once, 0 for any number; RUN of"
        " one more makes it HELD.",
    )
    max_running: int = Field(
        0,
        ge=0,
        description="How many jobs of one owner may run at once, on all targets, 0 for any number;"
        " further ones wait.",
    )
    max_pending: int = Field(
        0,
        ge=0,
        description="How many jobs of one owner may be PENDING or HELD, 0 for any number.",
    )
    max_job_shots: int = Field(
        0,
        ge=0,
        description="How many shots one job may have in all its circuits, 0 for any number.",
    )
    max_day_shots: int = Field(
        0,
        ge=0,
        description="How many shots the jobs of one owner may have that are queued on one day"
        " (UTC), 0 for any number.",
    )
    max_month_seconds: int = Field(
        0,
        ge=0,
        description="How many seconds the jobs of one owner may run on targets that are queued in"
        " one month (UTC), 0 for any number.",
    )
    max_jobs: int = Field(
        1_000_000,
        ge=0,
        description="How many jobs one owner may have, finished ones too but not archived ones, 0"
        " for any number. All who do not sign in are one owner.",
    )
    max_stored_bytes: int = Field(
        20 * 1024**3,
        ge=0,
        description="How many bytes of parameters and results may be kept of one owner's jobs, 0"
        " for any number.",
    )
    max_results_bytes: int = Field(
        4 * 1024**3,
        ge=0,
        description="How many bytes all results of one job may have together, 0 for any number.",
    )

    max_webhooks: int = Field(
        20, ge=0, description="How many standing webhooks one owner may have, 0 for none."
    )
    webhook_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        (),
        description="Networks that are not public, and to which webhooks may go all the same, as a"
        " JSON list.",
    )

    max_sessions: int = Field(
        5,
        ge=0,
        description="How many sessions of a target that are not closed one owner may have, 0 for"
        " none. This and what follows is said of single targets in the list of targets.",
    )
    max_session_seconds: int = Field(
        28_800,
        ge=1,
        description="The whole time of a session at most, and where none is asked for.",
    )
    session_idle_seconds: int = Field(
        60, ge=0, description="How long a session may have nothing to run where that is not given."
    )
    max_session_idle_seconds: int = Field(
        300, ge=0, description="How long it may have nothing to run at most."
    )

    shares: dict[str, Share] = Field(
        {},
        description="How much of a target users and groups get beside others, who have 1: a JSON"
        ' object such as {"anna": {"share": 2}, "lab": {"share": 5, "members": ["bert", "carl"]}}.'
        " Members divide the share of their group evenly.",
    )
    fair_hours: int = Field(
        24, ge=0, description="For how many hours it is remembered how much of a target one had."
    )
    fair_memory: int = Field(
        3600,
        ge=0,
        description="The most seconds by which one who had much of a target in these hours is put"
        " behind others; 0 forgets it at once.",
    )
    priorities: dict[str, int] = Field(
        {},
        description="The smallest PRIORITY that single users may ask for, as a JSON object of names"
        " and numbers; others may ask for 0 and more, and operators for any.",
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        idle, most = self.session_idle_seconds, self.max_session_idle_seconds
        if "session_idle_seconds" in self.model_fields_set and idle > most:
            raise ValueError(
                "SESSION_IDLE_SECONDS must be at most MAX_SESSION_IDLE_SECONDS, which is"
                f" {most}, not {idle}"
            )
        return self

    @property
    def sessions(self) -> SessionRules:
        """What is allowed of sessions where the list of targets says nothing else."""
        return SessionRules(
            longest=self.max_session_seconds,
            idle=self.session_idle_seconds,
            longest_idle=self.max_session_idle_seconds,
            most=self.max_sessions,
        )

    @property
    def fairness(self) -> Fairness:
        """How the time of targets is shared."""
        return Fairness(self.shares, self.fair_hours, self.fair_memory)

    def check_priority(self, priority: int, owner: str | None, *, operator: bool) -> None:
        """Refuse a priority that an owner may not ask for.

        Raises
        ------
        InvalidParameter

        """
        least = self.priorities.get(owner or "", 0)
        if priority < least and not operator:
            raise InvalidParameter(
                f"PRIORITY must be a whole number from {-LAST_PRIORITY} to {LAST_PRIORITY}"
                f" ({PRIORITIES}), and for this owner not less than {least}: it is {priority}",
                parameter="PRIORITY",
            )

    def duration(self, wanted: int | None) -> int:
        """Decide the execution duration: the default, or what is wanted up to the limit."""
        seconds = self.execution_duration if wanted is None else wanted
        if self.max_execution_duration and (seconds == 0 or seconds > self.max_execution_duration):
            return self.max_execution_duration
        return min(seconds, MAX_SECONDS)

    def cuts(self, destruction: datetime | None, duration: int | None, now: datetime) -> list[str]:
        """Return what to say of what is wanted and beyond the limits: less than it is given."""
        said = []
        if destruction is not None and (latest := self.destruction(destruction, now)) < destruction:
            said.append(f"it is kept until {format_instant(latest)} at most (DESTRUCTION)")
        if duration and (most := self.duration(duration)) < duration:
            said.append(f"it may run for {counted(most, 'second')} at most (EXECUTIONDURATION)")
        return said

    def destruction(self, wanted: datetime | None, now: datetime) -> datetime:
        """Decide the destruction time: the default, or what is wanted up to the limit.

        Raises
        ------
        InvalidParameter
            The wanted instant has passed.

        """
        if wanted is None:
            return now + timedelta(seconds=min(self.lifetime, self.max_lifetime))
        if wanted <= now:
            raise InvalidParameter(
                f"DESTRUCTION must be in the future; {format_instant(wanted)} has passed",
                parameter="DESTRUCTION",
            )
        return min(wanted, now + timedelta(seconds=self.max_lifetime))
