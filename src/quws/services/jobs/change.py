"""Change the parameters of a job that was not run yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from quws.artifacts import ArtifactStore
from quws.artifacts.facts import keep_facts
from quws.artifacts.parameters import keep_parameters
from quws.bus.announcer import Announcer
from quws.domain.caller import Caller
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import InvalidParameter
from quws.domain.job import TimelineEntry, new_job_id
from quws.domain.parameters.posted import Posted, with_parts
from quws.domain.phases import Phase
from quws.domain.policy import Policy
from quws.services.jobs.files import JobFiles
from quws.services.jobs.plan import Planner
from quws.services.jobs.read import JobReader
from quws.services.quotas import Quotas
from quws.services.room import DiskRoom
from quws.services.webhooks.hooks import Webhooks
from quws.store.jobs.control import Change, Link, NewParameters, Refused
from quws.store.jobs.store import JobStore

PENDING_ONLY = "parameters can be changed while PENDING only"


class JobChange:
    """Changes the parameters of PENDING jobs."""

    def __init__(
        self,
        *,
        reader: JobReader,
        planner: Planner,
        files: JobFiles,
        store: JobStore,
        artifacts: ArtifactStore,
        announcer: Announcer,
        quotas: Quotas,
        room: DiskRoom,
        webhooks: Webhooks,
        policy: Policy,
        clock: Clock = utc_now,
    ) -> None:
        self._reader = reader
        self._planner = planner
        self._files = files
        self._store = store
        self._artifacts = artifacts
        self._announcer = announcer
        self._quotas = quotas
        self._room = room
        self._webhooks = webhooks
        self._clock = clock
        self._policy = policy

    async def set_parameters(self, caller: Caller, job_id: str, posted: Sequence[Posted]) -> None:
        """Set new values of parameters that a PENDING job has.

        SESSION that is empty takes it out of its session.

        Raises
        ------
        NotFound, Forbidden, InvalidCircuit, UnknownTarget
        InvalidParameter
            A value is malformed, or the job has no such parameter yet.
        QuotaExceeded, StorageFull
            There is no room for them.
        IllegalMove
            The job is not PENDING any more.

        """
        new = await self.prepare(caller, job_id, posted)
        try:
            change = Change(parameters=new, note=note_of(self._clock(), new.notes))
            await self._store.control.apply(job_id, change)
        except Refused:
            await self._reader.refuse(caller, job_id, PENDING_ONLY)
        await self._announcer.touched(job_id, Phase.PENDING)

    async def prepare(self, caller: Caller, job_id: str, posted: Sequence[Posted]) -> NewParameters:
        """Return what a PENDING job is to have when some of its parameters get new values.

        Only their artifacts are written yet.

        Raises
        ------
        NotFound, Forbidden, InvalidCircuit, UnknownTarget
        InvalidParameter
            A value is malformed, or the job has no such parameter yet.
        QuotaExceeded, StorageFull
            There is no room for them.
        IllegalMove
            The job is not PENDING any more.

        """
        job = await self._reader.get(caller, job_id)
        if job.phase is not Phase.PENDING:
            await self._reader.refuse(caller, job_id, PENDING_ONLY)
        posted = with_parts(posted, self._planner.specifications)
        present = {item.name.upper() for item in job.parameters}
        for item in posted:
            if item.name.upper() not in present:
                raise InvalidParameter(
                    f"the job has no parameter '{item.name[:60]}' to change; it has"
                    f" {', '.join(sorted(present))}",
                    parameter=item.name[:60],
                )
        renewed = {item.name.upper() for item in posted}
        merged = [
            value
            for item in job.parameters
            if item.name.upper() not in renewed
            for value in await self._files.posted(item)
        ]
        merged += posted
        if job.session is not None and "TARGET" not in {item.name.upper() for item in merged}:
            # Without its session it stays where it was.
            merged += [
                Posted("TARGET", job.target.encode())
                for item in posted
                if item.name.upper() == "SESSION" and not item.value.strip()
            ]
        size = sum(len(item.value) for item in merged)
        await self._room.check()
        await self._quotas.admit(job.owner, size=size)
        plan = await self._planner.plan(caller, merged, job)
        self._quotas.check_shots(job.owner, plan.shots)
        # Old values stay on disk until the job goes: a reader may hold a link to one.
        stamp = f"{job_id}/parameters/{new_job_id()}"
        parameters = await keep_parameters(
            self._artifacts,
            stamp,
            merged,
            self._policy.inline_bytes,
            self._planner.specifications,
        )
        circuits = plan.request.count
        spec = await keep_facts(self._artifacts, stamp, plan.spec, circuits)
        self._quotas.add(job.owner, size=size)
        changes: dict[str, Any] = {
            "circuits": circuits,
            "spec": spec.stored(),
            "target": plan.target.name,
            "size": plan.work,
            "cost_ms": plan.cost_ms,
            "priority": plan.request.priority,
            "quote": None if plan.quote is None else plan.quote.at,
            "quote_low": None if plan.quote is None else plan.quote.low,
            "quote_high": None if plan.quote is None else plan.quote.high,
            "shots": plan.shots,
            "timeslot": plan.request.timeslot,
            "session": plan.request.session,
        }
        tags = None
        # What was said of these later holds no more, and else does.
        if "TAG" in renewed:
            tags, changes["tags"] = plan.spec.tags, None
        if "METADATA" in renewed:
            changes["metadata"] = None
        hook = None
        if "WEBHOOK" in renewed and (url := plan.request.webhook) is not None:
            await self._webhooks.admit(job.owner, url)
            hook = Link(job.owner or "", url, self._clock())
        return NewParameters(parameters, changes, tags, hook, plan.notes)


def note_of(now: datetime, notes: Sequence[str]) -> TimelineEntry | None:
    """Return the timeline entry of what a change gives otherwise than it was meant, if it does."""
    return TimelineEntry(now, "changed", "quws", "; ".join(notes)) if notes else None
