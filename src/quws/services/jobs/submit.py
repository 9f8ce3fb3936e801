"""Make a job of what was posted, once however often it is sent."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import replace

import structlog

from quws.artifacts import ArtifactStore
from quws.artifacts.facts import keep_facts
from quws.artifacts.parameters import keep_parameters
from quws.bus.announcer import Announcer
from quws.domain.caller import Caller
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import IllegalMove, InvalidParameter, KeyUsed, OutcomeUnknown, QuotaExceeded
from quws.domain.job import Job, TimelineEntry, new_job_id
from quws.domain.lanes import lane_of
from quws.domain.parameters.posted import Posted, with_parts
from quws.domain.parameters.reading import read_control
from quws.domain.phases import Phase
from quws.domain.policy import Policy
from quws.domain.quotas import Bound, Limit
from quws.domain.quotes import Told
from quws.services.jobs.control import JobControl, queued
from quws.services.jobs.files import JobFiles
from quws.services.jobs.plan import Plan, Planner
from quws.services.quotas import Quotas
from quws.services.room import DiskRoom
from quws.services.timeslots import Timeslots
from quws.services.webhooks.hooks import Webhooks
from quws.store.database import StoreUnavailable
from quws.store.jobs.keys import MadeBefore, Once
from quws.store.jobs.store import JobStore
from quws.telemetry import logs, metrics, tracing

_log = structlog.get_logger(__name__)


class JobSubmission:
    """Makes jobs."""

    def __init__(
        self,
        *,
        planner: Planner,
        control: JobControl,
        files: JobFiles,
        store: JobStore,
        artifacts: ArtifactStore,
        announcer: Announcer,
        quotas: Quotas,
        room: DiskRoom,
        timeslots: Timeslots,
        webhooks: Webhooks,
        policy: Policy,
        clock: Clock = utc_now,
    ) -> None:
        self._planner = planner
        self._control = control
        self._files = files
        self._store = store
        self._artifacts = artifacts
        self._announcer = announcer
        self._quotas = quotas
        self._room = room
        self._timeslots = timeslots
        self._webhooks = webhooks
        self._policy = policy
        self._clock = clock

    async def submit(
        self,
        caller: Caller,
        posted: Sequence[Posted],
        key: str | None = None,
        note: str | None = None,
    ) -> Job:
        """Make a job of its parameters, and return it as it was made; PHASE=RUN queues it at once.

        Everything is checked first: either there is a sound job, or nothing.
        With a ``key`` there is one job however often the request is sent. Its timeline begins
        with the ``note``.

        Raises
        ------
        InvalidParameter, InvalidCircuit, UnknownTarget, Unavailable
            The job would not be sound; see ``Planner.plan``.
        OutcomeUnknown
            The database went away while the job was written.
        QuotaExceeded, StorageFull
            There is no room for it. Where only too many jobs of its owner wait and run, it is made
            and HELD.
        TimeslotRequired, NoBookedTimeslots
            It would run in timeslots of its owner only, and there is none.
        SessionClosed
            The session of SESSION takes no jobs any more.
        KeyUsed
            The key stands for another request, or for a job that was deleted.

        """
        once = None if key is None else Once(key, _fingerprint(posted))
        if once is not None:
            before = await self._store.keys.made_before(caller.name, once.key)
            if before is not None:
                return await self._again(caller, posted, once, before)
        specifications = self._planner.specifications
        control, rest = read_control(posted, specifications)
        if control.phase == "ABORT":
            raise InvalidParameter(
                "PHASE must be RUN when a job is created, not 'ABORT'", parameter="PHASE"
            )
        rest = with_parts(rest, specifications)
        now = self._clock()
        destruction = self._policy.destruction(control.destruction, now)
        duration = self._policy.duration(control.execution_duration)
        size = sum(len(item.value) for item in rest)
        await self._room.check()
        near = await self._quotas.admit(caller.name, jobs=1, size=size)
        plan = await self._planner.plan(caller, rest)
        run = control.phase == "RUN"
        await self._admit(caller, plan, run=run)
        target, facts = plan.target, plan.facts
        warning = plan.warning(duration)
        cuts = self._policy.cuts(control.destruction, control.execution_duration, now)
        notes = [*cuts, *plan.notes, *(() if warning is None else [warning])]

        job_id = new_job_id()
        checked = self._clock()
        entries = [
            TimelineEntry(now, "received", "quws", note),
            TimelineEntry(checked, "validated", "quws", "; ".join(notes) or None),
        ]
        bounds = [*near, *self._quotas.of_making(caller.name)]
        try:
            parameters = await keep_parameters(
                self._artifacts,
                job_id,
                rest,
                self._policy.inline_bytes,
                specifications,
            )
            job = Job(
                id=job_id,
                owner=caller.name,
                run_id=control.run_id or None,
                phase=Phase.QUEUED if run else Phase.PENDING,
                target=target.name,
                creation_time=now,
                queued_time=checked if run else None,
                start_time=None,
                end_time=None,
                destruction_time=destruction,
                execution_duration=duration,
                quote=None if plan.quote is None else plan.quote.at,
                quote_low=None if plan.quote is None else plan.quote.low,
                quote_high=None if plan.quote is None else plan.quote.high,
                told=Told(checked, plan.quote) if run and plan.quote is not None else None,
                attempt=0,
                circuits=len(facts),
                circuits_done=0,
                message=None,
                parameters=parameters,
                spec=await keep_facts(self._artifacts, job_id, plan.spec, len(facts)),
                error=None,
                name=control.name or None,
                work=plan.work,
                cost_ms=plan.cost_ms,
                priority=plan.request.priority,
                shots=plan.shots,
                timeslot=plan.request.timeslot,
                session=plan.request.session,
            )
            job, before = await self._add(job, entries, once, plan.request.webhook, bounds)
        except StoreUnavailable as error:
            # If it was written it needs its files, else a sweep finds them.
            raise _unknown(error) from error
        except BaseException:
            await self._files.drop(job_id)
            raise
        if once is not None and before is not None:
            # The same request, at the same time, was a little faster.
            await self._files.drop(job_id)
            return await self._again(caller, posted, once, before)
        self._quotas.add(caller.name, jobs=1, size=size)
        metrics.entered(job.phase)
        logs.note(job=job_id, target=target.name)
        tracing.describe(job=job_id, target=target.name)
        _log.info("job created", phase=job.phase, circuits=job.circuits)
        if job.phase is Phase.QUEUED:
            plan.outlook.queue(job.work, job.cost_ms, job.session)
            # First: a worker begins meanwhile.
            await self._announcer.work(lane_of(target, job.cost_ms))
        await self._announcer.touched(job_id, job.phase)
        if run and job.phase is not Phase.QUEUED:
            await self._hold(caller, job_id)
        return job

    async def _hold(self, caller: Caller, job_id: str) -> None:
        """Try to run a job that was made and for which there was no place: it is HELD, mostly."""
        try:
            await self._control.run(caller, job_id)
        except StoreUnavailable as error:
            raise _unknown(error) from error

    async def _admit(self, caller: Caller, plan: Plan, *, run: bool) -> None:
        """Make sure that the caller may have a job of this plan."""
        self._quotas.check_shots(caller.name, plan.shots)
        if run and plan.request.timeslot:
            await self._timeslots.admit(caller.name, plan.target.name)
        await self._webhooks.admit(caller.name, plan.request.webhook)

    async def _add(
        self,
        job: Job,
        entries: Sequence[TimelineEntry],
        once: Once | None,
        webhook: str | None,
        bounds: Sequence[Bound],
    ) -> tuple[Job, MadeBefore | None]:
        """Write a job: one that is to be queued, and for which there is no place, as PENDING."""
        add = self._store.creation.add
        if job.phase is Phase.QUEUED:
            assert job.queued_time is not None
            entry = queued(job.queued_time, job.target)
            try:
                return job, await add(job, [*entries, entry], once, webhook, bounds)
            except QuotaExceeded as exceeded:
                if exceeded.limit != Limit.QUEUED:
                    raise
                full = exceeded
            job = replace(job, phase=Phase.PENDING, queued_time=None, told=None)
            try:
                return job, await add(job, entries, once, webhook, bounds)
            except QuotaExceeded as exceeded:
                # It was to be queued: that it cannot even wait to be, is not the reason.
                raise full if exceeded.limit == Limit.PENDING else exceeded from None
        return job, await add(job, entries, once, webhook, bounds)

    async def _again(
        self, caller: Caller, posted: Sequence[Posted], once: Once, before: MadeBefore
    ) -> Job:
        """Return the job that a request has made already."""
        if before.fingerprint != once.fingerprint:
            raise KeyUsed("this Idempotency-Key was sent with another request before")
        job = await self._store.reading.get(before.job_id)
        if job is None:
            raise KeyUsed("the job that was made with this Idempotency-Key is gone")
        control, _ = read_control(posted, self._planner.specifications)
        if job.phase is Phase.PENDING and control.phase == "RUN":
            # Whoever made it was cut off before it could be queued.
            with contextlib.suppress(IllegalMove):
                await self._control.run(caller, job.id)
        return job


def _unknown(error: StoreUnavailable) -> OutcomeUnknown:
    _log.warning("job may have been made", error=str(error))
    return OutcomeUnknown(
        "the service lost its database while it wrote the job, which may be there or not: look at"
        " the list of jobs before you send it again, or send it with an Idempotency-Key"
    )


def _fingerprint(posted: Sequence[Posted]) -> str:
    found = hashlib.sha256()
    for item in posted:
        for part in (item.name.upper().encode(), item.value):
            found.update(len(part).to_bytes(8) + part)
    return found.hexdigest()
