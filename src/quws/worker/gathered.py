"""What a job says of itself while it runs, gathered for a moment and written together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from quws.domain.job import NOTHING_SAID, Said, TimelineEntry

_TOGETHER_SECONDS = 0.1
"""For how long it is gathered: most jobs have ended by then, and it is written with their end."""
_log = structlog.get_logger(__name__)


class Gathered:
    """What is to be written of a job soon, or with what is written next.

    Parameters
    ----------
    write
        Writes it, and tells of it.

    """

    def __init__(self, write: Callable[[Said], Awaitable[None]]) -> None:
        self._write = write
        self._said = NOTHING_SAID
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def note(self, entry: TimelineEntry) -> None:
        """Gather an entry of the timeline."""
        self._gather(replace(self._said, entries=(*self._said.entries, entry)))

    def say(self, message: str) -> None:
        """Gather what the job is doing just now, in place of what it did before."""
        self._gather(replace(self._said, message=message))

    def calibrate(self, calibration_id: str) -> None:
        """Gather what the job runs with."""
        self._gather(replace(self._said, calibration_id=calibration_id))

    def soon(self) -> None:
        """Have written what there is by then, even if that is nothing but that the job runs."""
        if self._timer is None and self._writing is None:
            self._timer = asyncio.get_running_loop().call_later(_TOGETHER_SECONDS, self._begin)

    async def take(self) -> Said:
        """Return what is not written yet, for who writes it himself."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        said, self._said = self._said, NOTHING_SAID
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return said

    async def now(self) -> None:
        """Write at once what has been said, if anything has."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        if self._said is not NOTHING_SAID:
            await self._write(await self.take())

    def _gather(self, said: Said) -> None:
        self._said = said
        self.soon()

    def _begin(self) -> None:
        self._timer = None
        said, self._said = self._said, NOTHING_SAID
        self._writing = asyncio.get_running_loop().create_task(self._finish(said))

    async def _finish(self, said: Said) -> None:
        try:
            await self._write(said)
        except Exception:  # noqa: BLE001 - nothing hangs on it, and the job goes on
            _log.exception("what the job said is not written")
        finally:
            self._writing = None
            if self._said is not NOTHING_SAID:
                self.soon()
