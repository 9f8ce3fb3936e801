"""The clock of the database, which all processes share."""

from __future__ import annotations

from datetime import datetime, timedelta
from time import monotonic

import structlog
from sqlalchemy import select

from quws.domain.times import to_millis
from quws.store.database import Database
from quws.store.instants import from_stored

_TOLERANCE_SECONDS = 1.0
_TOLERANCE_PART = 0.001
"""A clock that is disciplined may run so much faster or slower than one that is not."""

_log = structlog.get_logger(__name__)


async def time_of(database: Database) -> datetime:
    """Return the time by the database's own clock.

    Raises
    ------
    StoreUnavailable
        The database does not answer.

    """
    async with database.read() as connection:
        return from_stored((await connection.execute(select(database.now))).scalar_one())


class StoreClock:
    """The clock of the database, which all processes share, carried on between two looks.

    Deadlines, leases and destruction go by it, so that the clocks of the hosts
    may differ. That it was set shows when it moves otherwise than a clock that
    only counts: by an operator, by a time service, or because the machine
    slept, while nothing ran either.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._told: datetime | None = None
        self._asked = 0.0
        self._answered = 0.0
        self.shifted = 0.0
        """By how many seconds it was set in all, since this process began to look."""

    async def look(self) -> float:
        """Read the database's clock, and return by how many seconds it was set since the last look.

        Raises
        ------
        StoreUnavailable
            The database does not answer.

        """
        asked = self.ask()
        return self.observe(await time_of(self._database), asked)

    def ask(self) -> float:
        """Return the instant, by the clock that only counts, for ``observe`` to be told."""
        return monotonic()

    def observe(self, told: datetime, asked: float) -> float:
        """Take in a time that the database told after ``ask``.

        Return by how many seconds it was set since the time that was taken in before.
        """
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
        """Return the time by the database's clock as it ran when it was last read."""
        assert self._told is not None
        since = monotonic() - (self._asked + self._answered) / 2
        return to_millis(self._told + timedelta(seconds=since))
