"""The clocks of the service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic

import structlog

from quws.domain.times import to_millis
from quws.store.jobs import JobStore

_TOLERANCE_SECONDS = 1.0
_TOLERANCE_PART = 0.001
"""A clock that is disciplined may run so much faster or slower than one that is not."""

_log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """Tell the time, at the precision that is stored."""
    return to_millis(datetime.now(UTC))


class StoreClock:
    """The clock of the database, which all processes share, carried on between two looks.

    Deadlines, leases and destruction go by it, so that the clocks of the hosts
    may differ. That it was set shows when it moves otherwise than a clock that
    only counts: by an operator, by a time service, or because the machine
    slept, while nothing ran either.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._told: datetime | None = None
        self._asked = 0.0
        self._answered = 0.0
        self.shifted = 0.0
        """By how many seconds it was set in all, since this process began to look."""

    async def look(self) -> float:
        """Read the database's clock. Tells by how many seconds it was set since the last look.

        Raises
        ------
        StoreUnavailable

        """
        asked = monotonic()
        return self.observe(await self._store.time(), asked)

    def observe(self, told: datetime, asked: float) -> float:
        """Take in a time that the database told, after it was asked at a monotonic time."""
        answered = monotonic()
        step = 0.0
        if self._told is not None:
            moved = (told - self._told).total_seconds()
            # When the statements ran is known only as far as when they were sent and answered.
            least, most = asked - self._answered, answered - self._asked
            slack = _TOLERANCE_SECONDS + _TOLERANCE_PART * most
            if not least - slack <= moved <= most + slack:
                step = moved - (least + most) / 2
                self.shifted += step
                _log.warning("the clock of the database was set", seconds=round(step, 3))
        self._told, self._asked, self._answered = told, asked, answered
        return step

    def now(self) -> datetime:
        """Tell the time by the database's clock as it ran when it was last looked at."""
        assert self._told is not None
        since = monotonic() - (self._asked + self._answered) / 2
        return to_millis(self._told + timedelta(seconds=since))
