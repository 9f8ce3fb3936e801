"""Wait for a job, follow it, or follow all that happens to a caller's jobs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from time import monotonic

from quws.bus.events import EventHub
from quws.domain.caller import Caller
from quws.domain.job import JobRef
from quws.domain.phases import ACTIVE, FINAL, Phase
from quws.services.jobs.read import JobReader
from quws.services.snapshots import Snapshot
from quws.services.standing import Standing, gone
from quws.store.jobs.outbox import LATE_ENTRIES
from quws.store.jobs.store import JobStore
from quws.telemetry import metrics

_REREAD_SECONDS = 15.0
"""A waiter looks by itself this often, in case something was lost that the outbox has not."""
_QUEUE_SECONDS = 5.0
"""How often one who follows a waiting job looks: no event tells of its place in the queue."""
_FEED_PAUSE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class News:
    """What happened to a caller's jobs. ``cursor`` is the newest that is known of it."""

    cursor: int
    changed: list[JobRef]
    deleted: list[str]


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
        store: JobStore,
        events: EventHub,
        standing: Standing,
        max_wait: float,
    ) -> None:
        self._reader = reader
        self._store = store
        self._events = events
        self._standing = standing
        self._max_wait = max_wait
        self._closing = False

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

        """
        limit = self._max_wait
        deadline = monotonic() + (limit if seconds < 0 else min(seconds, limit))
        with self._standing.of(caller) as stay, self._events.watch(job_id) as watch, _counted():
            found = await self._reader.snapshot(caller, job_id)
            seen = found.job.phase if phase is None else phase
            while found.job.phase is seen and seen in blocking and not self._closing:
                left = deadline - monotonic()
                if left <= 0:
                    break
                await watch.changed(min(left, _REREAD_SECONDS))
                if stay.over:
                    raise gone()
                found = await self._reader.snapshot(caller, job_id)
            return found

    async def follow(self, caller: Caller, job_id: str) -> AsyncGenerator[Snapshot, None]:
        """Yield a job now, whenever it may have changed, and now and then besides.

        Ends with the first snapshot that is final, when the caller's credentials are gone, or
        when the process is about to end.

        Raises
        ------
        NotFound, Forbidden
            Also later, when the job was deleted.

        """
        with self._standing.of(caller) as stay, self._events.watch(job_id) as watch:
            while True:
                found = await self._reader.snapshot(caller, job_id)
                yield found
                if found.job.phase in FINAL:
                    return
                queued = found.job.phase is Phase.QUEUED
                if not self._closing:
                    await watch.changed(_QUEUE_SECONDS if queued else _REREAD_SECONDS)
                if self._closing or stay.over:
                    return

    async def feed(self, caller: Caller, cursor: int | None) -> AsyncGenerator[News, None]:
        """Yield what happens to the caller's jobs, from a cursor on or from now.

        Ends when the caller's credentials are gone, or the process is about to end. Where nothing
        happens, there are news without anything in them now and then.
        """
        with self._standing.of(caller) as stay, self._events.feed() as feed:
            start = cursor = await self._store.outbox.newest() if cursor is None else cursor
            told: dict[str, int] = {}
            yield News(cursor, [], [])
            spoken = monotonic()
            while not (self._closing or stay.over):
                late = max(cursor - LATE_ENTRIES, 0)
                found = await self._store.outbox.since(
                    caller.name, everybody=caller.operator, after=late
                )
                changed, gone = [], []
                for item in found:
                    if item.id <= told.get(item.job_id, start):
                        continue
                    told[item.job_id] = item.id
                    cursor = max(cursor, item.id)
                    if item.job is None:
                        gone.append(item.job_id)
                    else:
                        changed.append(item.job)
                told = {key: newest for key, newest in told.items() if newest > late}
                if changed or gone or monotonic() - spoken >= _REREAD_SECONDS:
                    yield News(cursor, changed, gone)
                    spoken = monotonic()
                if not (changed or gone):  # Else there may be more of them than one look finds.
                    await feed.changed(max(spoken + _REREAD_SECONDS - monotonic(), 0))
                if not self._closing:
                    await asyncio.sleep(_FEED_PAUSE_SECONDS)

    def stop_waiting(self) -> None:
        """Answer everybody who waits, as the standard allows: the process is about to end."""
        self._closing = True
        self._events.wake_all()


@contextlib.contextmanager
def _counted() -> Iterator[None]:
    metrics.waits(1)
    try:
        yield
    finally:
        metrics.waits(-1)
