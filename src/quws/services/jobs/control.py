"""Run, abort and delete a job; change its run id, destruction and execution duration."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from quws.bus.announcer import Announcer
from quws.domain.caller import Caller
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import NotFound
from quws.domain.job import TimelineEntry
from quws.domain.parameters.request import Control
from quws.domain.phases import Move, Phase, sources
from quws.domain.policy import Policy
from quws.services.jobs.files import JobFiles
from quws.services.jobs.plan import Planner
from quws.services.jobs.read import JobReader
from quws.store.jobs.store import JobStore


class JobControl:
    """What a caller may do to a job that is there."""

    def __init__(
        self,
        *,
        reader: JobReader,
        planner: Planner,
        files: JobFiles,
        store: JobStore,
        announcer: Announcer,
        policy: Policy,
        clock: Clock = utc_now,
    ) -> None:
        self._reader = reader
        self._planner = planner
        self._files = files
        self._store = store
        self._announcer = announcer
        self._policy = policy
        self._clock = clock

    async def run(self, caller: Caller, job_id: str) -> None:
        """Put a PENDING or HELD job into the queue.

        Raises
        ------
        NotFound, Forbidden
        IllegalMove
            It is in another phase.

        """
        job = await self._reader.get(caller, job_id)
        await self._planner.in_service(job.target)
        entry = queued(self._clock(), job.target)
        most = self._policy.max_queued
        if await self._store.control.queue(job, entry, most) is None:
            if not most or await self._store.control.active(job.owner) < most:
                await self._reader.refuse(caller, job_id, "RUN needs PENDING or HELD")
            await self._hold(caller, job_id, most)
            return
        await self._announcer.changed(job_id, Phase.QUEUED)
        await self._announcer.work(job.target)

    async def _hold(self, caller: Caller, job_id: str, most: int) -> None:
        entry = TimelineEntry(
            self._clock(),
            "held",
            "quws",
            f"quota_exceeded: {most} jobs of this owner wait or run already; send RUN again when"
            " one of them is done",
        )
        if await self._store.control.hold(job_id, entry) is None:
            await self._reader.refuse(caller, job_id, "RUN needs PENDING or HELD")
        await self._announcer.changed(job_id, Phase.HELD)

    async def abort(self, caller: Caller, job_id: str) -> None:
        """Abort a job that is not over; the worker that runs it kills it at once.

        Raises
        ------
        NotFound, Forbidden
        IllegalMove
            It is over.

        """
        await self._reader.authorise(caller, job_id)
        entry = TimelineEntry(self._clock(), "aborted", caller.name or "user", "abort requested")
        if await self._store.control.abort(job_id, entry) is None:
            await self._reader.refuse(caller, job_id, "ABORT needs a job that is not over")
        await self._announcer.changed(job_id, Phase.ABORTED)

    async def delete(self, caller: Caller, job_id: str) -> None:
        """Stop a job if it runs, and remove it with all its files.

        Raises
        ------
        NotFound, Forbidden

        """
        await self._reader.authorise(caller, job_id)
        if not await self._store.control.delete(job_id, self._clock()):
            raise NotFound(f"there is no job {job_id}")
        await self._announcer.deleted(job_id)
        await self._files.drop(job_id)

    async def apply(self, caller: Caller, job_id: str, control: Control) -> None:
        """Change run id, destruction, execution duration and phase, in this order.

        Raises
        ------
        NotFound, Forbidden, InvalidParameter
        IllegalMove
            The job's phase forbids it.

        """
        head = await self._reader.authorise(caller, job_id)
        move = {"RUN": Move.QUEUE, "ABORT": Move.ABORT}.get(control.phase or "")
        if move is not None and head.phase not in sources(move):
            # Before anything is changed: a request that is refused changes nothing.
            await self._reader.refuse(caller, job_id, f"{control.phase} is not possible now")
        if control.destruction is not None:
            instant = self._policy.destruction(control.destruction, self._clock())
            if not await self._store.control.set_destruction(job_id, instant):
                await self._reader.refuse(caller, job_id, "DESTRUCTION cannot be changed any more")
        if control.execution_duration is not None:
            seconds = self._policy.duration(control.execution_duration)
            if not await self._store.control.set_execution_duration(job_id, seconds):
                await self._reader.refuse(
                    caller, job_id, "EXECUTIONDURATION needs a job that is not over"
                )
        if control.run_id is not None and not await self._store.control.set_run_id(
            job_id, control.run_id or None
        ):
            await self._reader.refuse(caller, job_id, "RUNID cannot be changed any more")
        if replace(control, phase=None) != Control():
            await self._announcer.touched(
                job_id, (await self._reader.authorise(caller, job_id)).phase
            )
        match control.phase:
            case "RUN":
                await self.run(caller, job_id)
            case "ABORT":
                await self.abort(caller, job_id)


def queued(now: datetime, target: str) -> TimelineEntry:
    """Return the timeline entry of a job that begins to wait for its target."""
    return TimelineEntry(now, "queued", "quws", f"for target {target}")
