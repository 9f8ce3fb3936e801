"""What the operator allows, as far as it decides about single jobs."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from quws.domain.errors import InvalidParameter
from quws.domain.parameters import MAX_SECONDS
from quws.domain.times import format_instant


class Policy(BaseModel):
    """Defaults and limits of a job. All times in seconds."""

    model_config = ConfigDict(frozen=True)

    target: str = "simulator"
    shots: int = 1000
    execution_duration: int = 600
    max_execution_duration: int = 0
    """0: no limit."""
    lifetime: int = 7 * 86_400
    max_lifetime: int = 30 * 86_400
    max_attempts: int = 3
    keep_history: bool = False
    """At destruction a job becomes ARCHIVED instead of being forgotten."""
    inline_bytes: int = 4096
    """A parameter longer than this is kept as an artifact."""
    max_wait: float = 50.0
    max_queued: int = 0
    """How many jobs of one owner may wait or run at once, 0 for any number; RUN of one more
    makes it HELD."""

    def duration(self, wanted: int | None) -> int:
        """Decide the execution duration: the default, or what is wanted up to the limit."""
        seconds = self.execution_duration if wanted is None else wanted
        if self.max_execution_duration and (seconds == 0 or seconds > self.max_execution_duration):
            return self.max_execution_duration
        return min(seconds, MAX_SECONDS)

    def destruction(self, wanted: datetime | None, now: datetime) -> datetime:
        """Decide the destruction time: the default, or what is wanted up to the limit.

        Raises
        ------
        InvalidParameter
            The wanted instant has passed.

        """
        if wanted is None:
            return now + timedelta(seconds=self.lifetime)
        if wanted <= now:
            raise InvalidParameter(
                f"DESTRUCTION must be in the future; {format_instant(wanted)} has passed",
                parameter="DESTRUCTION",
            )
        return min(wanted, now + timedelta(seconds=self.max_lifetime))
