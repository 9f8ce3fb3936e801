"""Spread what has changed to workers and waiters, after it was committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import structlog

from quws.bus.connection import BusUnavailable
from quws.bus.dispatcher import Dispatcher, UnfitWorker
from quws.bus.events import EventHub, JobEvent
from quws.domain.phases import Phase
from quws.telemetry import metrics

_SECONDS = 1.0
_ASK_SECONDS = 0.2
_log = structlog.get_logger(__name__)


class Announcer:
    """Spreads news of committed changes over the bus.

    The bus may be away: a sweep then repeats the hint, and waiters look again by
    themselves. So nothing is raised, and nobody waits for it longer than a second.
    """

    def __init__(self, dispatcher: Dispatcher, events: EventHub) -> None:
        self._dispatcher = dispatcher
        self._events = events

    async def changed(self, job_id: str, phase: Phase, *, by: str | None = None) -> None:
        """Spread that a job is in a new phase, and count it; ``by`` is the worker that says so."""
        if phase is not Phase.EXECUTING:
            # Jobs that execute are counted where they are claimed: they change often.
            metrics.entered(phase)
            _log.info("job moved", job=job_id, phase=phase)
        await self._publish(JobEvent(job_id, phase, by))

    async def touched(self, job_id: str, phase: Phase) -> None:
        """Spread that something of a job changed, but not its phase."""
        await self._publish(JobEvent(job_id, phase))

    async def deleted(self, job_id: str) -> None:
        """Spread that a job was deleted, and count it."""
        metrics.deleted()
        await self._publish(JobEvent(job_id, None))

    async def attended(self, target: str) -> bool | None:
        """Return whether a worker of a target is alive; None while the bus does not tell."""
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                return await self._dispatcher.attended(target)
        except (BusUnavailable, TimeoutError):
            return None

    async def work(self, target: str) -> None:
        """Wake a worker of a target: a job waits for it."""
        await _said(self._dispatcher.hint(target), "hint lost", target=target)

    async def unfit(self, worker: UnfitWorker) -> None:
        """Tell operators that a worker cannot run jobs, for as long as it says so."""
        await _said(self._dispatcher.tell_unfit(worker), "trouble not told", target=worker.target)

    async def _publish(self, event: JobEvent) -> None:
        saying = self._events.publish(event)
        await _said(saying, "event lost", job=event.job_id, phase=event.phase)


async def _said(saying: Awaitable[None], lost: str, **about: Any) -> None:
    """Wait for something to be said; log what is ``lost`` if it was not, or not in time."""
    try:
        async with asyncio.timeout(_SECONDS):
            await saying
    except (BusUnavailable, TimeoutError) as error:
        _log.warning(lost, **about, error=str(error))
