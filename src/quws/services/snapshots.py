"""A job as it is at one moment, read once for all who ask at that moment.

When a job changes, everybody who waits for it looks again at once: that must
be one read and one rendering, not a thousand.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from quws.domain.job import Job, TimelineEntry
from quws.services.waiting import Waiting
from quws.store.jobs.reading import JobReading


@dataclass(frozen=True, slots=True)
class JobDetails:
    """What a whole job document says beyond the job itself."""

    timeline: list[TimelineEntry]
    queue_position: int | None
    status: str | None = None
    """Why the job is where it is, in words: its target's while that takes no work, its own, or its
    place in the queue."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job and its details. ``rendered`` keeps documents made of it, by whatever key."""

    job: Job
    details: JobDetails
    rendered: dict[object, bytes] = field(default_factory=dict)


class Snapshots:
    """Reads jobs for everybody who asks within one turn of the event loop."""

    def __init__(self, store: JobReading, waiting: Waiting) -> None:
        self._store = store
        self._waiting = waiting
        self._pending: dict[str, asyncio.Future[Snapshot | None]] = {}
        self._reads: set[asyncio.Task[None]] = set()

    async def read_alone(self, job_id: str) -> Snapshot | None:
        """Return a job as it is now, for one whom nothing has woken with others."""
        found = await self._store.whole(job_id)
        if found is None:
            return None
        job, timeline, position, state = found
        status = await self._waiting.why(job, position, state)
        return Snapshot(job, JobDetails(timeline, position, status))

    async def read(self, job_id: str) -> Snapshot | None:
        """Return a job as it is now: no earlier than this call."""
        pending = self._pending.get(job_id)
        if pending is None:
            loop = asyncio.get_running_loop()
            pending = self._pending[job_id] = loop.create_future()
            # After everybody who was woken in this turn has asked, and not before.
            loop.call_soon(self._start, job_id, pending)
        # Shielded: one client that goes away must not take the answer from the others.
        return await asyncio.shield(pending)

    def _start(self, job_id: str, pending: asyncio.Future[Snapshot | None]) -> None:
        del self._pending[job_id]
        task = asyncio.get_running_loop().create_task(self._read(job_id, pending))
        self._reads.add(task)
        task.add_done_callback(self._reads.discard)

    async def _read(self, job_id: str, pending: asyncio.Future[Snapshot | None]) -> None:
        try:
            pending.set_result(await self.read_alone(job_id))
        except Exception as error:  # noqa: BLE001 - it is for those who asked
            pending.set_exception(error)
