"""Wait for a job, follow it, or follow all that happens to a caller's jobs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from time import monotonic

from quws.bus.events import EventHub
from quws.domain.caller import Caller
from quws.domain.phases import ACTIVE, FINAL, Phase
from quws.services.jobs.feeds import Feeds, News
from quws.services.jobs.listeners import Listeners
from quws.services.jobs.read import JobReader
from quws.services.snapshots import Snapshot
from quws.services.standing import Standing, gone
from quws.telemetry import metrics

_REREAD_SECONDS = 15.0
"""A waiter looks by itself this often, in case something was lost that the outbox has not."""
_QUEUE_SECONDS = 5.0
"""How often one who follows a waiting job looks: no event tells of its place in the queue."""


class JobFollower:
    """Waits for changes of jobs, without holding the database meanwhile.

    Parameters
    ----------
    max_wait
        The longest time that one request may wait, in seconds.

    """

    def __init__(
        self,
        reader: JobReader,
        feeds: Feeds,
        events: EventHub,
        standing: Standing,
        listeners: Listeners,
        max_wait: float,
    ) -> None:
        self._reader = reader
        self._feeds = feeds
        self._events = events
        self._standing = standing
        self._listeners = listeners
        self._max_wait = max_wait
        self._closing = asyncio.Event()

    async def wait(
        self,
        caller: Caller,
        job_id: str,
        seconds: float,
        phase: Phase | None = None,
        *,
        blocking: frozenset[Phase] = ACTIVE,
    ) -> Snapshot:
        """Return a job once its phase has changed (UWS 1.1, section 2.2.1.2).

        Returns at once when the job is in none of the phases that block, or not in ``phase``.
        ``seconds`` may be negative for as long as the service allows.

        Raises
        ------
        NotFound, Forbidden
            Also later, when the job was deleted.
        Unauthenticated
            The caller's credentials are gone meanwhile.
        TooManyRequests
            Too many requests of the caller wait already.

        """
        limit = self._max_wait
        deadline = monotonic() + (limit if seconds < 0 else min(seconds, limit))
        with (
            self._listeners.listening(caller),
            self._standing.of(caller) as stay,
            self._events.watch(job_id) as watch,
            _counted(),
        ):
            found = await self._reader.snapshot(caller, job_id)
            seen = found.job.phase if phase is None else phase
            while found.job.phase is seen and seen in blocking and not self._closing.is_set():
                left = deadline - monotonic()
                if left <= 0:
                    break
                await watch.changed(min(left, _REREAD_SECONDS))
                if stay.over:
                    raise gone()
                found = await self._reader.again(caller, job_id)
            return found

    async def follow(self, caller: Caller, job_id: str) -> AsyncGenerator[Snapshot, None]:
        """Yield a job now, whenever it may have changed, and now and then besides.

        Ends with the first snapshot that is final, when the caller's credentials are gone, or
        when the process is about to end.

        Raises
        ------
        NotFound, Forbidden
            Also later, when the job was deleted.
        TooManyRequests
            Too many requests of the caller wait already.

        """
        with (
            self._listeners.listening(caller),
            self._standing.of(caller) as stay,
            self._events.watch(job_id) as watch,
        ):
            found = await self._reader.snapshot(caller, job_id)
            while True:
                yield found
                if found.job.phase in FINAL:
                    return
                queued = found.job.phase is Phase.QUEUED
                if not self._closing.is_set():
                    await watch.changed(_QUEUE_SECONDS if queued else _REREAD_SECONDS)
                if self._closing.is_set() or stay.over:
                    return
                found = await self._reader.again(caller, job_id)

    async def feed(self, caller: Caller, cursor: int | None) -> AsyncGenerator[News, None]:
        """Yield what happens to the caller's jobs, from a cursor on or from now.

        See ``Feeds.stream``.

        Raises
        ------
        TooManyRequests
            Too many requests of the caller wait already.

        """
        with self._listeners.listening(caller), self._standing.of(caller) as stay:
            async with contextlib.aclosing(self._feeds.stream(stay, cursor)) as stream:
                async for news in stream:
                    yield news

    @property
    def closing(self) -> asyncio.Event:
        """What is set once the process is about to end."""
        return self._closing

    def stop_waiting(self) -> None:
        """Answer everybody who waits, as the standard allows: the process is about to end."""
        self._closing.set()
        self._feeds.close()
        self._events.wake_all()


@contextlib.contextmanager
def _counted() -> Iterator[None]:
    metrics.waits(1)
    try:
        yield
    finally:
        metrics.waits(-1)
