"""Jobs as their owners handle them: create, look, wait, change, run, abort, delete."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Any

import structlog

from quws.artifacts import ArtifactMissing, ArtifactStore, ArtifactStoreUnavailable
from quws.bus.events import EventHub
from quws.domain.caller import Caller
from quws.domain.circuits import CircuitFacts
from quws.domain.errors import (
    Forbidden,
    IllegalMove,
    InvalidParameter,
    KeyUsed,
    NotFound,
    Unavailable,
    UnknownTarget,
)
from quws.domain.job import (
    Job,
    JobRef,
    JobRow,
    Parameter,
    Result,
    Running,
    TimelineEntry,
    is_job_id,
    new_job_id,
)
from quws.domain.noise import Noise
from quws.domain.parameters import Control, JobRequest, Posted, read_control, read_job
from quws.domain.phases import ACTIVE, FINAL, Move, Phase, sources
from quws.domain.policy import Policy
from quws.domain.quotes import size_of
from quws.domain.targets import Feature, TargetDescription, TargetKind, TargetStatus
from quws.services import payload
from quws.services.announcer import Announcer
from quws.services.checking import Checker, Suits
from quws.services.clock import utc_now
from quws.services.quotes import Quotes
from quws.services.snapshots import Snapshot, Snapshots
from quws.store.database import StoreUnavailable
from quws.store.jobs import JobStore, ListFilter, MadeBefore, Once
from quws.store.targets import TargetStore
from quws.telemetry import logs, metrics, tracing

_CERTAINLY = 1000
"""No prediction is wrong by such a factor."""

_log = structlog.get_logger(__name__)
_REREAD_SECONDS = 15.0
"""A waiter looks by itself this often, in case that an event was lost."""
_QUEUE_SECONDS = 5.0
"""How often one who follows a waiting job looks: nobody tells of its place in the queue."""
_FEED_PAUSE_SECONDS = 0.3
_LATE_ENTRIES = 200
"""Two transactions that overlap may commit in the other order than they drew their ids."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The bytes of a result or a parameter: how many, what, and a way to read a part."""

    size: int
    mime_type: str
    read: Callable[[int, int | None], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class News:
    """What happened to a caller's jobs. ``cursor`` is the newest timeline entry that is known."""

    cursor: int
    changed: list[JobRef]
    deleted: list[str]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a job would be: where, of which circuits, and when it would be done if it ran now."""

    target: TargetDescription
    facts: list[CircuitFacts]
    quote: datetime | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What follows from a request: where it will run, what the worker gets, how large it is."""

    target: TargetDescription
    facts: list[CircuitFacts]
    spec: dict[str, Any]
    size: int
    cost_ms: int
    quote: datetime | None
    seconds: float | None = None
    """What the target predicts."""


class JobService:
    """What a caller may do to jobs. Every method checks that the job is theirs."""

    def __init__(
        self,
        *,
        store: JobStore,
        targets: TargetStore,
        artifacts: ArtifactStore,
        events: EventHub,
        announcer: Announcer,
        checker: Checker,
        quotes: Quotes,
        policy: Policy,
        expected: frozenset[str] = frozenset(),
        suits: Suits | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._snapshots = Snapshots(store)
        self._closing = False
        self._targets = targets
        self._artifacts = artifacts
        self._events = events
        self._announcer = announcer
        self._checker = checker
        self._quotes = quotes
        self._policy = policy
        self._expected = expected
        self._suits = suits
        self._clock = clock

    # -- reading --------------------------------------------------------------

    async def get(self, caller: Caller, job_id: str) -> Job:
        """Read a job.

        Raises
        ------
        NotFound
        Forbidden
            It is somebody else's.

        """
        job = await self._store.get(job_id) if is_job_id(job_id) else None
        if job is None:
            raise NotFound(f"there is no job {job_id[:60]}")
        _authorise(caller, job.id, job.owner)
        return job

    async def authorise(self, caller: Caller, job_id: str) -> JobRef:
        """Make sure that a job exists and is the caller's, without reading all of it.

        Raises
        ------
        NotFound
        Forbidden

        """
        head = await self._store.head(job_id) if is_job_id(job_id) else None
        if head is None:
            raise NotFound(f"there is no job {job_id[:60]}")
        _authorise(caller, head.id, head.owner)
        return head

    async def snapshot(self, caller: Caller, job_id: str) -> Snapshot:
        """Read a job with all that its document says.

        Raises
        ------
        NotFound, Forbidden

        """
        found = await self._snapshots.read(job_id) if is_job_id(job_id) else None
        if found is None:
            raise NotFound(f"there is no job {job_id[:60]}")
        _authorise(caller, found.job.id, found.job.owner)
        return found

    def refs(
        self,
        caller: Caller,
        *,
        phases: frozenset[Phase] = frozenset(),
        after: datetime | None = None,
        last: int | None = None,
        key: str | None = None,
    ) -> AsyncIterator[JobRef]:
        """List the caller's jobs, newest first; ARCHIVED ones only when asked for.

        With ``key`` only the one that a request of theirs made under it.
        """
        return self._store.refs(
            ListFilter(
                owner=caller.name,
                everybody=caller.operator,
                phases=phases,
                after=after,
                last=last,
                key=key,
            )
        )

    async def rows(
        self,
        caller: Caller,
        limit: int,
        *,
        older: str | None = None,
        phases: frozenset[Phase] = frozenset(),
        after: datetime | None = None,
        last: int | None = None,
    ) -> list[JobRow]:
        """Read one page of the caller's jobs, newest first, with what a table says of them."""
        wanted = ListFilter(caller.name, caller.operator, phases, after, last)
        return await self._store.rows(wanted, limit, older)

    async def running(self) -> list[Running]:
        """List the jobs that workers hold: everybody's, for operators."""
        return await self._store.running()

    async def preview(self, posted: Sequence[Posted]) -> Preview:
        """Check a job as its creation would, and make none.

        Raises
        ------
        InvalidParameter, InvalidCircuit, UnknownTarget, Unavailable

        """
        control, rest = read_control(posted)
        self._policy.destruction(control.destruction, self._clock())
        plan = await self._plan(read_job(rest, default_shots=self._policy.shots))
        return Preview(plan.target, plan.facts, plan.quote)

    async def quote(self, job: Job) -> datetime | None:
        """Tell when a job will probably be done; of one that may still be run, if it ran now."""
        if job.phase not in sources(Move.QUEUE):
            return job.quote
        return self._quotes.of_new(await self._quotes.state(job.target), job.size)

    @property
    def policy(self) -> Policy:
        """The defaults and limits of jobs."""
        return self._policy

    async def circuits(self, job: Job, only: int | None = None) -> list[str]:
        """Read the circuits of a job: all, or ``only`` the one of an index.

        Raises
        ------
        NotFound
            Their files are gone.

        """
        try:
            return await payload.circuits(self._artifacts, job.parameters, only)
        except ArtifactMissing:
            raise NotFound("the circuits are not there any more") from None

    async def wait(
        self,
        caller: Caller,
        job_id: str,
        seconds: float,
        phase: Phase | None = None,
        *,
        blocking: frozenset[Phase] = ACTIVE,
    ) -> Snapshot:
        """Wait until the phase of a job changes (UWS 1.1, section 2.2.1.2).

        Returns at once when the job is in none of the phases that block, or not in ``phase``.
        ``seconds`` may be negative for as long as the service allows. The
        database is not held while waiting.
        """
        limit = self._policy.max_wait
        deadline = monotonic() + (limit if seconds < 0 else min(seconds, limit))
        with self._events.watch(job_id) as watch, _counted():
            found = await self.snapshot(caller, job_id)
            seen = found.job.phase if phase is None else phase
            while found.job.phase is seen and seen in blocking and not self._closing:
                left = deadline - monotonic()
                if left <= 0:
                    break
                await watch.changed(min(left, _REREAD_SECONDS))
                found = await self.snapshot(caller, job_id)
            return found

    async def follow(self, caller: Caller, job_id: str) -> AsyncGenerator[Snapshot, None]:
        """Read a job now, whenever it may have changed, and now and then besides.

        Ends with the first snapshot that is final, or when the process is about to
        end. The database is not held while waiting.

        Raises
        ------
        NotFound, Forbidden
            Also later, when the job was deleted.

        """
        with self._events.watch(job_id) as watch:
            while True:
                found = await self.snapshot(caller, job_id)
                yield found
                if found.job.phase in FINAL:
                    return
                queued = found.job.phase is Phase.QUEUED
                if not self._closing:
                    await watch.changed(_QUEUE_SECONDS if queued else _REREAD_SECONDS)
                if self._closing:
                    return

    async def feed(self, caller: Caller, cursor: int | None) -> AsyncGenerator[News, None]:
        """Tell what happens to the caller's jobs, from a timeline entry on or from now.

        Ends when the process is about to end. Where nothing happens, there are news
        without anything in them now and then. Deletions are told as they happen, and
        never afterwards.
        """
        with self._events.feed() as feed:
            start = cursor = await self._store.newest_entry() if cursor is None else cursor
            told: dict[str, int] = {}
            yield News(cursor, [], [])
            spoken = monotonic()
            while not self._closing:
                late = max(cursor - _LATE_ENTRIES, 0)
                found = await self._store.news(caller.name, everybody=caller.operator, after=late)
                changed = []
                for entry, ref in found:
                    if entry > told.get(ref.id, start):
                        told[ref.id] = entry
                        cursor = max(cursor, entry)
                        changed.append(ref)
                told = {key: entry for key, entry in told.items() if entry > late}
                gone = [item.job_id for item in feed.deleted() if caller.may_see(item.owner)]
                if changed or gone or monotonic() - spoken >= _REREAD_SECONDS:
                    yield News(cursor, changed, gone)
                    spoken = monotonic()
                if not changed:  # Else there may be more of them than one look finds.
                    await feed.changed(max(spoken + _REREAD_SECONDS - monotonic(), 0))
                if not self._closing:
                    await asyncio.sleep(_FEED_PAUSE_SECONDS)

    def stop_waiting(self) -> None:
        """Answer everybody who waits, as the standard allows: the process is about to end."""
        self._closing = True
        self._events.wake_all()

    def result(self, job: Job, result_id: str) -> Payload:
        """Find one result of a job.

        Raises
        ------
        NotFound

        """
        for item in job.results:
            if item.id == result_id:
                return self._payload(item)
        known = ", ".join(item.id for item in job.results) or "none yet"
        raise NotFound(f"job {job.id} has no result '{result_id[:60]}'; it has: {known}")

    def parameter(self, job: Job, name: str, position: int = 0) -> Payload:
        """Find one parameter of a job; ``position`` counts the repetitions of the name.

        Raises
        ------
        NotFound

        """
        found = [item for item in job.parameters if item.name.upper() == name.upper()]
        if position >= len(found):
            raise NotFound(f"job {job.id} has no parameter '{name[:60]}'")
        return self._payload(found[position])

    # -- changing -------------------------------------------------------------

    async def create(self, caller: Caller, posted: Sequence[Posted], key: str | None = None) -> Job:
        """Make a job from its parameters; PHASE=RUN starts it at once.

        Everything is checked first: either there is a sound job, or nothing.
        With a ``key`` there is one job however often the request is sent.

        Raises
        ------
        InvalidParameter, InvalidCircuit, UnknownTarget, Unavailable
        KeyUsed
            The key stands for another request, or for a job that was deleted.

        """
        once = None if key is None else Once(key, _fingerprint(posted))
        if once is not None:
            before = await self._store.made_before(caller.name, once.key)
            if before is not None:
                return await self._again(caller, posted, once, before)
        control, rest = read_control(posted)
        if control.phase == "ABORT":
            raise InvalidParameter(
                "PHASE must be RUN when a job is created, not 'ABORT'", parameter="PHASE"
            )
        now = self._clock()
        destruction = self._policy.destruction(control.destruction, now)
        duration = self._policy.duration(control.execution_duration)
        request = read_job(rest, default_shots=self._policy.shots)
        plan = await self._plan(request)
        target = plan.target
        warning = _predicted(plan, duration)

        job_id = new_job_id()
        run = control.phase == "RUN"
        checked = self._clock()
        entries = [
            TimelineEntry(now, "received", "quws"),
            TimelineEntry(checked, "validated", "quws", warning),
        ]
        # Under a quota only the guarded move can tell whether there is room.
        queue = run and not self._policy.max_queued
        if queue:
            entries.append(_queued(checked, target.name))
        try:
            parameters = await payload.keep(
                self._artifacts, job_id, rest, self._policy.inline_bytes
            )
            job = Job(
                id=job_id,
                owner=caller.name,
                run_id=control.run_id or None,
                phase=Phase.QUEUED if queue else Phase.PENDING,
                target=target.name,
                creation_time=now,
                queued_time=checked if queue else None,
                start_time=None,
                end_time=None,
                destruction_time=destruction,
                execution_duration=duration,
                quote=plan.quote,
                attempt=0,
                circuits=len(request.circuits),
                circuits_done=0,
                message=None,
                parameters=parameters,
                spec=plan.spec,
                error=None,
                size=plan.size,
                cost_ms=plan.cost_ms,
            )
            before = await self._store.add(job, entries, once)
        except StoreUnavailable:
            raise  # It may have been written: then it needs its files, else a sweep finds them.
        except BaseException:
            await self._drop_artifacts(job_id)
            raise
        if once is not None and before is not None:
            # The same request, at the same time, was a little faster.
            await self._drop_artifacts(job_id)
            return await self._again(caller, posted, once, before)
        metrics.entered(job.phase)
        logs.note(job=job_id, target=target.name)
        tracing.describe(job=job_id, target=target.name)
        _log.info("job created", phase=job.phase, circuits=job.circuits)
        await self._announcer.touched(job_id, job.phase)
        if queue:
            await self._announcer.work(target.name)
        elif run:
            await self.run(caller, job_id)
        return job

    async def _again(
        self, caller: Caller, posted: Sequence[Posted], once: Once, before: MadeBefore
    ) -> Job:
        """Answer a request that has made its job already."""
        if before.fingerprint != once.fingerprint:
            raise KeyUsed("this Idempotency-Key was sent with another request before")
        job = await self._store.get(before.job_id)
        if job is None:
            raise KeyUsed("the job that was made with this Idempotency-Key is gone")
        if job.phase is Phase.PENDING and read_control(posted)[0].phase == "RUN":
            # Whoever made it was cut off before it could be queued.
            with contextlib.suppress(IllegalMove):
                await self.run(caller, job.id)
        return job

    async def run(self, caller: Caller, job_id: str) -> None:
        """Put a PENDING or HELD job into the queue.

        Raises
        ------
        NotFound, Forbidden
        IllegalMove
            It is in another phase.

        """
        job = await self.get(caller, job_id)
        await self._in_service(job.target)
        entry = _queued(self._clock(), job.target)
        most = self._policy.max_queued
        if await self._store.queue(job, entry, most) is None:
            if not most or await self._store.active(job.owner) < most:
                await self._refuse(caller, job_id, "RUN needs PENDING or HELD")
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
        if await self._store.hold(job_id, entry) is None:
            await self._refuse(caller, job_id, "RUN needs PENDING or HELD")
        await self._announcer.changed(job_id, Phase.HELD)

    async def abort(self, caller: Caller, job_id: str) -> None:
        """Abort a job that is not over; the worker that runs it kills it at once.

        Raises
        ------
        NotFound, Forbidden
        IllegalMove
            It is over.

        """
        await self.authorise(caller, job_id)
        entry = TimelineEntry(self._clock(), "aborted", caller.name or "user", "abort requested")
        if await self._store.abort(job_id, entry) is None:
            await self._refuse(caller, job_id, "ABORT needs a job that is not over")
        await self._announcer.changed(job_id, Phase.ABORTED)

    async def delete(self, caller: Caller, job_id: str) -> None:
        """Stop a job if it runs, and remove it with all its files.

        Raises
        ------
        NotFound, Forbidden

        """
        head = await self.authorise(caller, job_id)
        if not await self._store.delete(job_id, self._clock()):
            raise NotFound(f"there is no job {job_id}")
        await self._announcer.deleted(job_id, head.owner)
        await self._drop_artifacts(job_id)

    async def control(self, caller: Caller, job_id: str, control: Control) -> None:
        """Change run id, destruction, execution duration and phase, in this order.

        Raises
        ------
        NotFound, Forbidden, InvalidParameter
        IllegalMove
            The job's phase forbids it.

        """
        head = await self.authorise(caller, job_id)
        move = {"RUN": Move.QUEUE, "ABORT": Move.ABORT}.get(control.phase or "")
        if move is not None and head.phase not in sources(move):
            # Before anything is changed: a request that is refused changes nothing.
            await self._refuse(caller, job_id, f"{control.phase} is not possible now")
        if control.destruction is not None:
            instant = self._policy.destruction(control.destruction, self._clock())
            if not await self._store.set_destruction(job_id, instant):
                await self._refuse(caller, job_id, "DESTRUCTION cannot be changed any more")
        if control.execution_duration is not None:
            seconds = self._policy.duration(control.execution_duration)
            if not await self._store.set_execution_duration(job_id, seconds):
                await self._refuse(caller, job_id, "EXECUTIONDURATION needs a job that is not over")
        if control.run_id is not None and not await self._store.set_run_id(
            job_id, control.run_id or None
        ):
            await self._refuse(caller, job_id, "RUNID cannot be changed any more")
        if replace(control, phase=None) != Control():
            await self._announcer.touched(job_id, (await self.authorise(caller, job_id)).phase)
        match control.phase:
            case "RUN":
                await self.run(caller, job_id)
            case "ABORT":
                await self.abort(caller, job_id)

    async def set_parameters(self, caller: Caller, job_id: str, posted: Sequence[Posted]) -> None:
        """Give existing parameters of a PENDING job new values.

        Raises
        ------
        NotFound, Forbidden, InvalidCircuit, UnknownTarget
        InvalidParameter
            A value is malformed, or the job has no such parameter yet.
        IllegalMove
            The job is not PENDING any more.

        """
        job = await self.get(caller, job_id)
        if job.phase is not Phase.PENDING:
            await self._refuse(caller, job_id, "parameters can be changed while PENDING only")
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
            await self._posted(item) for item in job.parameters if item.name.upper() not in renewed
        ] + list(posted)
        request = read_job(merged, default_shots=self._policy.shots)
        plan = await self._plan(request)
        # Old values stay on disk until the job goes: a reader may hold a link to one.
        stamp = f"{job_id}/parameters/{new_job_id()}"
        parameters = await payload.keep(self._artifacts, stamp, merged, self._policy.inline_bytes)
        changes: dict[str, Any] = {
            "circuits": len(request.circuits),
            "spec": plan.spec,
            "target": plan.target.name,
            "size": plan.size,
            "cost_ms": plan.cost_ms,
            "quote": plan.quote,
        }
        if not await self._store.set_parameters(job_id, parameters, changes):
            await self._refuse(caller, job_id, "parameters can be changed while PENDING only")
        await self._announcer.touched(job_id, Phase.PENDING)

    # -- helpers ----------------------------------------------------------------

    async def _plan(self, request: JobRequest) -> _Plan:
        target = await self._in_service(request.target or self._policy.target)
        if request.shots > target.max_shots:
            raise InvalidParameter(
                f"SHOTS must be at most {target.max_shots} on target {target.name},"
                f" not {request.shots}",
                parameter="SHOTS",
            )
        if len(request.circuits) > target.max_circuits:
            raise InvalidParameter(
                f"CIRCUIT may be given at most {target.max_circuits} times on target"
                f" {target.name}, not {len(request.circuits)} times",
                parameter="CIRCUIT",
            )
        _check_features(request, target)
        facts, queue = await asyncio.gather(
            self._checker.check(request.circuits, request.language, target.circuit_limits),
            self._quotes.state(target.name),
        )
        target.check(facts, memory=request.memory)
        noise = None if request.noise is None else await self._noise(request.noise, target)
        seconds = None
        if self._suits is not None:
            seconds = self._suits(target.name, facts, request, noise)
        spec = {
            "language": request.language,
            "shots": request.shots,
            "seed": request.seed,
            "memory": request.memory,
            "method": request.method,
            "noise": noise,
            "response_format": request.response_format,
            "tags": request.tags,
            "metadata": request.metadata,
            "circuits": [item.model_dump(mode="json") for item in facts],
            "origin": logs.origin() | tracing.carrier(),
        }
        size = size_of(facts, request.shots)
        return _Plan(
            target,
            facts,
            spec,
            size,
            self._quotes.cost_ms(queue, size),
            self._quotes.of_new(queue, size),
            seconds,
        )

    async def _noise(self, noise: Noise, target: TargetDescription) -> dict[str, Any]:
        """Fill the present calibration of the device in, so that the job keeps it."""
        # Another service knows devices of its own.
        if noise.device is not None and target.kind is not TargetKind.REMOTE:
            name = noise.device.name
            record = await self._targets.record(name)
            calibration = None
            if record is not None and record.calibration is not None:
                calibration = await self._targets.calibration(name, record.calibration)
            if calibration is None:
                known = [item.name for item in await self._targets.records() if item.calibration]
                raise InvalidParameter(
                    f"NOISE names the device '{name[:60]}', of which no calibration is known; it"
                    f" may be a target that has one: {', '.join(known) or 'there is none'}",
                    parameter="NOISE",
                )
            device = noise.device.model_copy(update={"calibration": calibration})
            noise = noise.model_copy(update={"device": device})
        return noise.model_dump(mode="json", exclude_none=True)

    async def _in_service(self, name: str) -> TargetDescription:
        records = await self._targets.records()
        record = next((item for item in records if item.name == name), None)
        if record is None and name in self._expected:
            raise Unavailable(
                f"target {name} has not told yet what it is; its worker is starting, or cannot"
                " start: its log says why",
                parameter="TARGET",
            )
        if record is not None and record.state.status is not TargetStatus.RETIRED:
            if record.objection is not None:
                raise Unavailable(record.objection, parameter="TARGET")
            return record.description
        known = ", ".join(
            item.name for item in records if item.state.status is not TargetStatus.RETIRED
        )
        sentence = (
            f"there is no target '{name[:60]}'" if record is None else f"target {name} is retired"
        )
        raise UnknownTarget(f"{sentence}; TARGET may be: {known or 'none yet'}", parameter="TARGET")

    async def _posted(self, item: Parameter) -> Posted:
        return Posted(item.name, await payload.read(self._artifacts, item), item.mime_type)

    async def _refuse(self, caller: Caller, job_id: str, rule: str) -> None:
        job = await self.get(caller, job_id)
        raise IllegalMove(f"{rule}; job {job_id} is {job.phase}", parameter="PHASE")

    async def _drop_artifacts(self, job_id: str) -> None:
        try:
            await self._artifacts.delete(job_id)
        except ArtifactStoreUnavailable:
            return  # The prefix is on the list of garbage, or a sweep finds it as an orphan.
        await self._store.forget_garbage(job_id)

    def _payload(self, item: Result | Parameter) -> Payload:
        if item.artifact is None:
            assert isinstance(item, Parameter)
            content = (item.value or "").encode()

            async def inline(start: int, end: int | None) -> AsyncIterator[bytes]:
                yield content[start:end]

            return Payload(len(content), item.mime_type, inline)
        key = item.artifact

        async def stored(start: int, end: int | None) -> AsyncIterator[bytes]:
            try:
                async for chunk in self._artifacts.stream(key, start, end):
                    yield chunk
            except ArtifactMissing:
                raise NotFound("the file is not there any more") from None

        return Payload(item.size, item.mime_type, stored)


def _fingerprint(posted: Sequence[Posted]) -> str:
    found = hashlib.sha256()
    for item in posted:
        for part in (item.name.upper().encode(), item.value):
            found.update(len(part).to_bytes(8) + part)
    return found.hexdigest()


def _check_features(request: JobRequest, target: TargetDescription) -> None:
    methods = ["auto", *target.methods]
    if request.method is not None and request.method not in methods:
        raise InvalidParameter(
            f"METHOD must be one of {', '.join(methods)} on target {target.name},"
            f" not '{request.method[:40]}'",
            parameter="METHOD",
        )
    if request.noise is not None and Feature.NOISE not in target.features:
        raise InvalidParameter(
            f"NOISE must be none on target {target.name}, which has no noise models",
            parameter="NOISE",
        )


def _predicted(plan: _Plan, duration: int) -> str | None:
    """Compare the prediction with the execution duration (0: unlimited); say what is likely.

    Raises
    ------
    InvalidParameter
        The job certainly takes longer.

    """
    seconds = plan.seconds
    if seconds is None or not duration or seconds <= duration:
        return None
    if seconds > _CERTAINLY * duration:
        raise InvalidParameter(
            f"EXECUTIONDURATION is {duration} seconds, and the job would take about {seconds:.2g}"
            f" on target {plan.target.name}; allow more time, or ask for less",
            parameter="EXECUTIONDURATION",
        )
    return (
        f"it may take about {seconds:.0f} seconds, and would be stopped after {duration}"
        " (EXECUTIONDURATION)"
    )


@contextlib.contextmanager
def _counted() -> Iterator[None]:
    metrics.waits(1)
    try:
        yield
    finally:
        metrics.waits(-1)


def _queued(now: datetime, target: str) -> TimelineEntry:
    return TimelineEntry(now, "queued", "quws", f"for target {target}")


def _authorise(caller: Caller, job_id: str, owner: str | None) -> None:
    if not caller.may_see(owner):
        raise Forbidden(f"job {job_id} belongs to somebody else")
