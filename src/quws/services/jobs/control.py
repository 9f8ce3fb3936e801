"""Run, abort and delete a job; change its run id, name, destruction and execution duration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from quws.bus.announcer import Announcer
from quws.domain.caller import Caller
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import NotFound, QuotaExceeded
from quws.domain.job import TimelineEntry
from quws.domain.parameters.posted import Posted
from quws.domain.parameters.request import Control
from quws.domain.phases import Move, Phase, sources
from quws.domain.policy import Policy
from quws.services.jobs.change import PENDING_ONLY, JobChange, note_of
from quws.services.jobs.files import JobFiles
from quws.services.jobs.plan import Planner
from quws.services.jobs.read import JobReader
from quws.services.quotas import Quotas
from quws.store.jobs.control import Change, Part, Refused, Run
from quws.store.jobs.store import JobStore

_RULES = {
    Part.PARAMETERS: PENDING_ONLY,
    Part.DESTRUCTION: "DESTRUCTION cannot be changed any more",
    Part.EXECUTION_DURATION: "EXECUTIONDURATION needs a job that is not over",
    Part.RUN_ID: "RUNID cannot be changed any more",
    Part.NAME: "NAME cannot be changed any more",
    Part.RUN: "RUN needs PENDING or HELD",
    Part.ABORT: "ABORT needs a job that is not over",
}
"""What a job's phase must be for each part of a request."""


class JobControl:
    """What a caller may do to a job that is there."""

    def __init__(
        self,
        *,
        reader: JobReader,
        planner: Planner,
        change: JobChange,
        files: JobFiles,
        store: JobStore,
        announcer: Announcer,
        quotas: Quotas,
        policy: Policy,
        clock: Clock = utc_now,
    ) -> None:
        self._reader = reader
        self._planner = planner
        self._change = change
        self._files = files
        self._store = store
        self._announcer = announcer
        self._quotas = quotas
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
        await self.apply(caller, job_id, Control(phase="RUN"))

    async def abort(self, caller: Caller, job_id: str) -> None:
        """Abort a job that is not over; the worker that runs it kills it at once.

        Raises
        ------
        NotFound, Forbidden
        IllegalMove
            It is over.

        """
        await self.apply(caller, job_id, Control(phase="ABORT"))

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

    async def apply(
        self, caller: Caller, job_id: str, control: Control, posted: Sequence[Posted] = ()
    ) -> None:
        """Change a job in all that a request wants of it, or in nothing.

        ``posted`` are parameters that get new values.

        Raises
        ------
        NotFound, Forbidden, InvalidParameter, InvalidCircuit, UnknownTarget
        IllegalMove
            The job's phase forbids it.

        """
        job = await self._reader.get(caller, job_id)
        now = self._clock()
        new = await self._change.prepare(caller, job_id, posted) if posted else None
        target = job.target if new is None else new.columns["target"]
        destruction, seconds = control.destruction, control.execution_duration
        notes = [*self._policy.cuts(destruction, seconds, now), *(() if new is None else new.notes)]
        change = Change(
            parameters=new,
            destruction=None if destruction is None else self._policy.destruction(destruction, now),
            execution_duration=None if seconds is None else self._policy.duration(seconds),
            run_id=control.run_id,
            name=control.name,
            note=note_of(now, notes),
            time=now,
        )
        match control.phase:
            case "RUN":
                if job.phase in sources(Move.QUEUE):
                    await self._planner.in_service(target)
                change = replace(change, run=await self.run_of(job.owner, target, now))
            case "ABORT":
                change = replace(change, abort=abort_requested(caller, now))
        if change == Change():
            return
        try:
            head = await self._store.control.apply(job_id, change)
        except Refused as refused:
            await self._reader.refuse(caller, job_id, _RULES[refused.part])
        if control.phase is None:
            await self._announcer.touched(job_id, head.phase)
            return
        self._planner.forget(target)
        await self._announcer.changed(job_id, head.phase)
        if head.phase is Phase.QUEUED:
            await self._announcer.work(target)

    async def run_of(self, owner: str | None, target: str, now: datetime) -> Run:
        """Return what RUN is to do: without room for any results the job is held."""
        hold = None
        try:
            await self._quotas.admit(owner, size=1)
        except QuotaExceeded as exceeded:
            hold = f"{QuotaExceeded.code}: {exceeded.sentence}; then send RUN again"
        return Run(queued(now, target), self._quotas.of_queueing(owner), hold)


def queued(now: datetime, target: str) -> TimelineEntry:
    """Return the timeline entry of a job that begins to wait for its target."""
    return TimelineEntry(now, "queued", "quws", f"for target {target}")


def abort_requested(caller: Caller, now: datetime) -> TimelineEntry:
    """Return the timeline entry of a job that is aborted because somebody wants it."""
    return TimelineEntry(now, "aborted", caller.name or "user", "abort requested")
