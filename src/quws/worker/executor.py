"""Runs claimed jobs: a slot per job, a child per job, a lease that is kept alive.

The order of things is the design's: claim, run in a child, store results as
they come, end in one transaction. Every write is fenced by attempt and lease,
so an executor that lost its job can only kill the child and be silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic
from typing import Any, TypeVar

import structlog

from quws.artifacts import ArtifactMissing, ArtifactStore, ArtifactStoreUnavailable
from quws.artifacts.parameters import read_circuits
from quws.bus.announcer import Announcer
from quws.bus.events import JobEvent
from quws.domain.clock import Clock, utc_now
from quws.domain.failures import Failure
from quws.domain.job import REQUEUED, Claim, ErrorType, JobError, Result, TimelineEntry
from quws.domain.phases import Phase
from quws.domain.targets import Calibration, TargetDescription
from quws.sandbox import confine
from quws.sandbox.pool import Child, ChildLost, ChildPool, ChildrenUnavailable
from quws.store.clock import StoreClock
from quws.store.database import StoreUnavailable
from quws.store.handovers import HandoverStore
from quws.store.jobs.store import JobStore
from quws.store.targets import TargetStore
from quws.telemetry import logs, metrics, tracing

T = TypeVar("T")

_RETRY_SECONDS = 1.0
_SHORTEST_PAUSE = 0.005
_REST_SECONDS = 10.0
_log = structlog.get_logger(__name__)


class Fenced(Exception):
    """The job is not this worker's any more."""


class _NoRoom(Exception):
    """The child found no room for its files."""


@dataclass(eq=False)
class _Run:
    """A job in a slot."""

    claim: Claim
    shifted: float
    """How far the store's clock had been set when the deadline was last right."""
    began: float = field(default_factory=monotonic)
    started: bool = False
    """A circuit was begun."""
    child: Child | None = None
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    """The job was taken away: aborted, deleted, over its time or requeued."""
    check: asyncio.Event = field(default_factory=asyncio.Event)
    """Something happened to the job: look now rather than at the next heartbeat."""
    handing_back: str | None = None
    """Why the job is to be given back to the queue; the child is killed for it."""
    waiting_since: float | None = None
    """From when on it waits at the other side, as far as its deadline has not moved yet for it."""
    submitting: bool = False
    """The other side is getting the job: to be killed now would leave that in doubt."""


class Executor:
    """Claims and runs jobs of one target.

    Parameters
    ----------
    slots
        How many jobs run at once.
    lease_seconds
        How long a job stays ours without a heartbeat; one comes every third of it.
    idle_seconds
        How often an idle slot looks for work by itself, without any hint.
    scratch
        Folder for the files that children write.
    holder
        Who must hold the target so that a job can be claimed; None for anybody.

    """

    def __init__(
        self,
        *,
        worker: str,
        target: TargetDescription,
        store: JobStore,
        targets: TargetStore,
        handovers: HandoverStore,
        artifacts: ArtifactStore,
        announcer: Announcer,
        children: ChildPool,
        store_clock: StoreClock,
        slots: int,
        lease_seconds: float,
        idle_seconds: float,
        scratch: Path,
        result_bytes: int,
        max_attempts: int,
        holder: str | None = None,
        on_full: Callable[[bool], None] = lambda _: None,
        clock: Clock = utc_now,
    ) -> None:
        self.worker = worker
        self._target = target
        self._store = store
        self._targets = targets
        self._handovers = handovers
        self._artifacts = artifacts
        self._announcer = announcer
        self._children = children
        self._store_clock = store_clock
        self._slots = slots
        self._lease_seconds = lease_seconds
        self._idle_seconds = idle_seconds
        self._scratch = scratch
        self._result_bytes = result_bytes
        self._max_attempts = max_attempts
        self._holder = holder
        self._on_full = on_full
        self._clock = clock
        self._runs: set[_Run] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._takes: set[asyncio.Task[bool]] = set()
        self._claiming = asyncio.Lock()
        self._stopping = False
        self._resting = False

    @property
    def full(self) -> bool:
        """Whether no job can be taken now."""
        return self._stopping or self._resting or len(self._tasks) >= self._slots

    # -- taking work ------------------------------------------------------------

    async def hint(self) -> bool:
        """Take one job, if there is one and a slot is free. Tells whether one was taken."""
        # Shielded: who asks may be cancelled, but a claim that is committed must get its slot.
        take = asyncio.get_running_loop().create_task(self._take())
        self._takes.add(take)
        take.add_done_callback(self._takes.discard)
        return await asyncio.shield(take)

    async def _take(self) -> bool:
        async with self._claiming:
            if self.full:
                return False
            run = await self._claim()
            if run is None:
                return False
            task = asyncio.get_running_loop().create_task(self._slot(run))
            self._tasks.add(task)
            task.add_done_callback(self._free)
            self._on_full(self.full)
            return True

    async def look(self) -> None:
        """Take work without being told, every now and then, until cancelled.

        What is found here is a job whose hint was lost, or one that came back.
        """
        while True:
            try:
                await self._store_clock.look()
                while await self.hint():
                    pass
            except StoreUnavailable as error:
                _log.warning("database unavailable", error=str(error))
            except Exception:  # noqa: BLE001 - who stops looking would never find lost jobs
                _log.exception("looking for work failed")
            await asyncio.sleep(self._idle_seconds)

    def heard(self, event: JobEvent) -> None:
        """Look at a running job at once because somebody changed it."""
        for run in self._runs:
            if run.claim.id == event.job_id:
                run.check.set()

    def missed(self) -> None:
        """Look at all running jobs: events may have been missed."""
        for run in self._runs:
            run.check.set()

    async def drain(self, grace_seconds: float) -> None:
        """Take no more work; let jobs end within the grace period, then hand back the rest."""
        self._stopping = True
        self._on_full(True)
        async with self._claiming:
            pass  # A claim that is under way gets its slot, and is drained with the others.
        # What runs elsewhere goes on there; whoever comes next looks after it.
        if self._tasks and not self._target.remote:
            await asyncio.wait(self._tasks, timeout=grace_seconds)
        self.suspend("the worker shuts down; another one goes on")
        if self._tasks:
            await asyncio.wait(self._tasks)

    def resume(self) -> None:
        """Take work again after a drain."""
        self._stopping = False
        self._on_full(self.full)

    def describe(self, target: TargetDescription) -> None:
        """Take note that the target has changed, for the jobs to come."""
        self._target = target

    def suspend(self, message: str) -> None:
        """Stop all jobs for now and give them back to the queue."""
        for run in list(self._runs):
            run.handing_back = run.handing_back or message
            run.check.set()

    def _free(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._on_full(self.full)
        if not task.cancelled() and task.exception() is not None:
            _log.error("slot failed", exc_info=task.exception())

    def _rest(self) -> None:
        """Take no job for a while: the trouble is this worker's, and the next job would have it
        too.
        """
        self._resting = True
        self._on_full(True)
        asyncio.get_running_loop().call_later(_REST_SECONDS, self._wake)

    def _wake(self) -> None:
        self._resting = False
        self._on_full(self.full)

    async def _claim(self) -> _Run | None:
        shifted = self._store_clock.shifted
        claim = await self._store.claims.claim(
            self._target.name,
            self.worker,
            self._lease_seconds,
            self._clock(),
            holder=self._holder,
        )
        return None if claim is None else _Run(claim, shifted)

    async def _slot(self, run: _Run | None) -> None:
        # A slot that ends a job takes the next one by itself: hints are for idle workers.
        while run is not None:
            with self._told(run.claim):
                await self._run(run)
            if self._stopping or self._resting:
                return
            try:
                run = await self._claim()
            except StoreUnavailable as error:
                _log.warning("database unavailable", error=str(error))
                return

    @contextlib.contextmanager
    def _told(self, claim: Claim) -> Iterator[None]:
        """Say on every line of the log, and in the trace, which job it is about."""
        job, origin = claim.job, logs.origin_of(claim.job.spec)
        fields: dict[str, Any] = {
            "job": job.id,
            "owner": job.owner,
            "target": self._target.name,
            "attempt": claim.attempt,
            "request": origin.get("request"),
        }
        now = self._clock()
        since = job.queued_time or job.creation_time
        metrics.claimed(self._target.name, max(0.0, (now - since).total_seconds()))
        with logs.about(**fields), tracing.span("job", origin, **fields):
            _log.info("job claimed", worker=self.worker)
            yield

    # -- one job ------------------------------------------------------------------

    async def _run(self, run: _Run) -> None:
        claim = run.claim
        self._runs.add(run)
        keeper = asyncio.get_running_loop().create_task(self._keep_lease(run))
        folder: Path | None = None
        try:
            await self._announcer.changed(claim.id, Phase.EXECUTING)
            folder = Path(await asyncio.to_thread(mkdtemp, prefix="job-", dir=self._scratch))
            await self._work(run, folder)
        except Fenced:
            _log.info("job taken away")
            await self._sweep_up(claim)
        except OSError as error:
            _log.error("worker cannot run jobs", error=str(error))
            await self._give_back(run, "the worker has no room for its files")
        except Exception:  # noqa: BLE001 - a fault of ours must not leave the job EXECUTING
            _log.exception("job could not be run")
            with contextlib.suppress(Fenced):
                await self._fail(run, Failure.INTERNAL_ERROR.error())
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            if run.child is not None:
                await run.child.close()
            self._runs.discard(run)
            if folder is not None:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _give_back(self, run: _Run, message: str) -> None:
        """Let another worker have the job: what is wrong is ours, not the job's."""
        self._rest()
        with contextlib.suppress(Fenced):
            await self._hand_back(run, message)

    async def _work(self, run: _Run, folder: Path) -> None:
        claim = run.claim
        try:
            request = await self._persistently(run, lambda: self._request(claim, folder))
            run.child = await self._children.acquire()
        except ArtifactMissing as error:
            await self._fail(run, Failure.NOT_STARTED.error(what=error))
            return
        except ChildrenUnavailable as error:
            _log.error("worker cannot run jobs", error=str(error))
            await self._give_back(run, "the worker could not start a process for it")
            return
        self._limit_cpu(run)
        if run.lost.is_set() or run.handing_back:
            # Came while there was no child to kill.
            run.child.kill()
        try:
            failure = await self._converse(run, run.child, request, folder)
        except ChildLost as lost:
            if run.lost.is_set():
                raise Fenced from None
            if run.handing_back:
                await self._hand_back(run, run.handing_back)
            else:
                await self._died(run, lost)
            return
        except _NoRoom as error:
            _log.error("worker cannot run jobs", error=str(error))
            await self._give_back(run, "the worker has no room for its files")
            return
        if failure is not None:
            await self._fail(run, failure)

    async def _request(self, claim: Claim, folder: Path) -> dict[str, Any]:
        spec = claim.job.spec
        done: dict[int, str] = {}
        if claim.job.circuits_done:
            for index, key in (await self._store.reading.circuit_artifacts(claim.id)).items():
                name = f"done-{index}.json"
                content = await self._artifacts.read(key)
                await asyncio.to_thread((folder / name).write_bytes, content)
                done[index] = name
        return {
            "submission": await self._submission(claim) if self._target.remote else None,
            "job": claim.id,
            "circuits": await read_circuits(self._artifacts, claim.job.parameters),
            "facts": spec["circuits"],
            "limits": self._target.circuit_limits.model_dump(),
            "shots": spec["shots"],
            "seed": spec["seed"],
            "memory": spec["memory"],
            # Jobs of before have neither.
            "method": spec.get("method"),
            "noise": spec.get("noise"),
            "response_format": spec["response_format"],
            "done": done,
            "folder": str(folder),
            "file_bytes": self._result_bytes,
        }

    async def _submission(self, claim: Claim) -> dict[str, Any]:
        """Tell what is known of the job at the other side. Its key is the job's id."""
        found = await self._handovers.of(claim.id)
        if found is None:
            return {"key": claim.id, "begun": False, "age": 0.0, "handle": None}
        age = (self._clock() - found.created).total_seconds()
        return {"key": found.key, "begun": True, "age": age, "handle": found.handle}

    async def _converse(
        self, run: _Run, child: Child, request: dict[str, Any], folder: Path
    ) -> JobError | None:
        """Let the child work and store what it makes. Gives what it says of a failure."""
        await child.send(request)
        started = self._clock()
        failure: JobError | None = None
        async for message in child.messages():
            self._watched(run, child, message, started)
            match message:
                case {"started": _}:
                    started = self._clock()
                case {"finished": index, "file": str(name), "compiled": text, "engine": engine}:
                    await self._store_circuit(run, index, folder / name, text, engine, started)
                case {"note": str(note)}:
                    await self._note(run, note)
                case {"progress": _, "message": str(sentence)}:
                    await self._progress(run, sentence)
                case {"calibration": dict(content)}:
                    await self._calibrated(run, Calibration.model_validate(content))
                case {"results": files}:
                    await self._complete(run, files, folder)
                case {"failed": {"type": type_, "code": code, "message": text, "detail": more}}:
                    failure = JobError(ErrorType(type_), code, text, more)
                case {"no_room": str(sentence)}:
                    raise _NoRoom(sentence)
                case _:
                    await self._hear_from_elsewhere(run, child, message)
        return failure

    async def _hear_from_elsewhere(self, run: _Run, child: Child, message: dict[str, Any]) -> None:
        """Write down how a job gets on that is handed over; ``remote_run`` says what is said."""
        match message:
            case {"waiting": waiting}:
                await self._waiting(run, waiting=waiting)
            case {"submitting": str(key)}:
                await self._submitting(run, child, key)
            case {"not_submitted": _}:
                run.submitting = False
                run.check.set()
            case {"submitted": str(handle), "key": str(key)}:
                await self._submitted(run, child, key, handle)
            case {"doubt": str(sentence), "key": str(key)}:
                await self._doubt(run, child, key, sentence)

    async def _waiting(self, run: _Run, *, waiting: bool) -> None:
        """Let the execution duration rest while the job waits at the other side."""
        if waiting:
            run.waiting_since = monotonic()
            return
        if not await self._persistently(run, lambda: self._rested(run)):
            raise Fenced
        run.waiting_since = None

    async def _rested(self, run: _Run) -> bool:
        """Move the deadline by what the job has waited. False when it is not ours any more."""
        since, now = run.waiting_since, monotonic()
        if since is None:
            return True
        run.waiting_since = now
        try:
            moved = await self._store.claims.shift(run.claim, now - since)
        except StoreUnavailable:
            run.waiting_since = since
            raise
        if moved is None:
            return False
        run.claim = moved
        return True

    async def _submitting(self, run: _Run, child: Child, key: str) -> None:
        now = self._clock()
        if not await self._persistently(run, lambda: self._handovers.intend(run.claim, key, now)):
            raise Fenced
        if run.handing_back:
            return  # It is killed at once, and nothing has been sent.
        run.submitting = True
        await child.send({"go": True})

    async def _submitted(self, run: _Run, child: Child, key: str, handle: str) -> None:
        entry = TimelineEntry(
            self._clock(),
            "handed over",
            self.worker,
            f"the target's own queue has it as {handle}"[:500],
        )
        if not await self._persistently(
            run, lambda: self._handovers.arrived(run.claim, key, handle, entry)
        ):
            raise Fenced
        run.submitting = False
        run.check.set()
        await self._announcer.changed(run.claim.id, Phase.EXECUTING)
        await child.send({"go": True})

    async def _doubt(self, run: _Run, child: Child, key: str, sentence: str) -> None:
        entry = TimelineEntry(self._clock(), "in doubt", self.worker, sentence)
        if not await self._persistently(run, lambda: self._handovers.doubt(run.claim, key, entry)):
            raise Fenced
        await child.send({"go": True})

    async def _calibrated(self, run: _Run, calibration: Calibration) -> None:
        claim = run.claim

        async def write() -> bool:
            # Before the job refers to it.
            await self._targets.calibrated(claim.job.target, calibration, present=False)
            return await self._store.publishing.set_calibration(claim, calibration.id)

        if not await self._persistently(run, write):
            raise Fenced

    async def _note(self, run: _Run, note: str) -> None:
        entry = TimelineEntry(self._clock(), "note", self.worker, note)
        if not await self._persistently(run, lambda: self._store.publishing.note(run.claim, entry)):
            raise Fenced

    async def _progress(self, run: _Run, sentence: str) -> None:
        if not await self._persistently(
            run, lambda: self._store.publishing.say(run.claim, sentence)
        ):
            raise Fenced
        await self._announcer.changed(run.claim.id, Phase.EXECUTING)

    def _watched(self, run: _Run, child: Child, message: dict[str, Any], started: datetime) -> None:
        """Count and trace what a child reports: it tells nobody but us."""
        match message:
            case {"started": _} if not run.started:
                run.started = True
                metrics.started(self._target.name, monotonic() - run.began)
            case {"finished": index, "engine": engine}:
                facts = {"circuit": index, "engine": engine, "pid": child.pid}
                tracing.tell("circuit", started, self._clock(), **facts)

    async def _store_circuit(
        self,
        run: _Run,
        index: int,
        path: Path,
        compiled: dict[str, str] | None,
        engine: str,
        started: datetime,
    ) -> None:
        claim = run.claim
        result = await self._put(run, f"counts-{index}", path, "application/json")
        more = []
        if compiled is not None:
            text = path.parent / compiled["file"]
            more.append(await self._put(run, compiled["id"], text, compiled["mime_type"]))
        entry = TimelineEntry(
            self._clock(),
            "circuit done",
            self.worker,
            f"circuit {index} of {claim.job.circuits} on {engine}",
        )
        stored = await self._persistently(
            run,
            lambda: self._store.publishing.store_circuit(
                claim, index, result, entry, started, more
            ),
        )
        if not stored:
            raise Fenced
        await self._announcer.changed(claim.id, Phase.EXECUTING)

    async def _complete(self, run: _Run, files: list[dict[str, str]], folder: Path) -> None:
        claim = run.claim
        results = await asyncio.gather(
            *(
                self._put(run, item["id"], folder / item["file"], item["mime_type"])
                for item in files
            )
        )
        entry = TimelineEntry(self._clock(), "completed", self.worker)
        seconds = monotonic() - run.began
        await self._end(
            run,
            Phase.COMPLETED,
            lambda: self._store.publishing.complete(claim, results, entry, seconds),
        )

    async def _put(self, run: _Run, result_id: str, path: Path, mime_type: str) -> Result:
        key = f"{run.claim.id}/{run.claim.attempt}/{path.name}"
        size = await self._persistently(run, lambda: self._artifacts.put(key, path))
        return Result(result_id, key, size, mime_type)

    async def _fail(self, run: _Run, error: JobError) -> None:
        entry = TimelineEntry(self._clock(), "failed", self.worker, error.message)
        await self._end(
            run, Phase.ERROR, lambda: self._store.publishing.fail(run.claim, error, entry)
        )

    async def _died(self, run: _Run, lost: ChildLost) -> None:
        attempt = run.claim.attempt
        metrics.child_died("run")
        _log.warning("child died", status=lost.status)
        reason = f"the process of attempt {attempt} died: {lost}"
        if attempt < self._max_attempts:
            entry = TimelineEntry(
                self._clock(), REQUEUED, self.worker, f"{reason}; the job is tried again"
            )
            await self._end(
                run, Phase.QUEUED, lambda: self._store.publishing.retry(run.claim, entry)
            )
            await self._announcer.work(self._target.name)
            return
        # What crashes by itself will crash again; what was killed may have been in the way.
        own_fault = lost.status is not None and -lost.status not in _FROM_OUTSIDE
        earlier = await self._persistently(run, lambda: self._store.reading.troubles(run.claim.id))
        error = Failure.PROCESS_DIED.error(
            attempts=attempt,
            how=lost,
            transient=not own_fault,
            detail="\n".join([*earlier, reason, *_hint(lost.status)]),
        )
        await self._fail(run, error)

    async def _hand_back(self, run: _Run, message: str) -> None:
        entry = TimelineEntry(self._clock(), "suspended", self.worker, message)
        await self._end(
            run, Phase.SUSPENDED, lambda: self._store.publishing.hand_back(run.claim, entry)
        )
        await self._announcer.work(self._target.name)

    async def _end(self, run: _Run, phase: Phase, write: Callable[[], Awaitable[bool]]) -> None:
        if not await self._persistently(run, write):
            raise Fenced
        metrics.ended(self._target.name, phase, monotonic() - run.began)
        await self._announcer.changed(run.claim.id, phase)

    async def _persistently(self, run: _Run, work: Callable[[], Awaitable[T]]) -> T:
        """Repeat what a database or artifact store that is away made fail.

        There is no limit but the job's own: when it is aborted, over its time,
        or somebody else's, the lease keeper says so as soon as it can know.
        """
        while True:
            try:
                return await work()
            except (StoreUnavailable, ArtifactStoreUnavailable) as error:
                _log.warning("store unavailable", error=str(error))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_RETRY_SECONDS):
                        await run.lost.wait()
                if run.lost.is_set():
                    raise Fenced from None

    async def _sweep_up(self, claim: Claim) -> None:
        # Results that were published belong to the job; what never was, to nobody.
        try:
            named = await self._store.garbage.named(claim.id)
            await self._artifacts.delete(f"{claim.id}/{claim.attempt}", keep=named)
            head = await self._store.reading.head(claim.id)
            ended = head is None or head.phase is Phase.ABORTED
            metrics.taken_away(self._target.name, "ended" if ended else "lost")
            if head is None:
                await self._artifacts.delete(claim.id)
        except (StoreUnavailable, ArtifactStoreUnavailable) as error:
            _log.warning("files of a lost job left to the sweep", error=str(error))

    # -- the lease ----------------------------------------------------------------

    async def _keep_lease(self, run: _Run) -> None:
        """Renew the lease; kill the child once the job is not ours or its time is over."""
        held_until = monotonic() + self._lease_seconds
        while not run.lost.is_set():
            pause = self._lease_seconds / 3
            if run.claim.deadline is not None:
                left = (run.claim.deadline - self._store_clock.now()).total_seconds()
                if run.waiting_since is not None:
                    left /= 2  # The deadline must have moved before it comes.
                pause = min(pause, max(_SHORTEST_PAUSE, left))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await run.check.wait()
            run.check.clear()
            if run.handing_back and run.child is not None and not run.submitting:
                run.child.kill()
            try:
                await self._beat(run)
                held_until = monotonic() + self._lease_seconds
            except Exception as error:  # noqa: BLE001 - nobody else keeps the lease
                # Another may take the job when the lease is over; the fence keeps us apart.
                _log.warning("heartbeat failed", error=repr(error))
                if run.handing_back and monotonic() > held_until:
                    run.lost.set()  # Who shuts down does not wait for a database for ever.
                    break
                await asyncio.sleep(_RETRY_SECONDS)
        if run.child is not None:
            metrics.child_killed("run")
            run.child.kill()

    async def _beat(self, run: _Run) -> None:
        asked = monotonic()
        renewed = await self._store.claims.renew(run.claim, self._lease_seconds)
        if renewed is None:
            run.lost.set()
            return
        held, now = renewed
        self._store_clock.observe(now, asked)
        shifted = self._store_clock.shifted
        if run.shifted != shifted:
            moved = await self._store.claims.shift(held, shifted - run.shifted)
            if moved is None:
                run.lost.set()
                return
            held = moved
            run.shifted = shifted
        changed = held.deadline != run.claim.deadline
        run.claim = held
        if changed:
            self._limit_cpu(run)
        if not await self._rested(run):
            run.lost.set()
            return
        held = run.claim
        if held.deadline is None or held.deadline > now:
            return
        entry = TimelineEntry(
            self._clock(), "aborted", self.worker, "the execution duration is over"
        )
        if await self._store.control.abort(held.id, entry, past_deadline=now) is not None:
            run.lost.set()
            await self._announcer.changed(held.id, Phase.ABORTED)

    def _limit_cpu(self, run: _Run) -> None:
        """Limit the processor time of a child to what its execution duration can take.

        The clock on the wall is what counts, and is kept above; this is for the
        case that nobody is there to keep it.
        """
        if run.child is None or run.child.pid is None:
            return
        seconds = None
        if run.claim.deadline is not None:
            left = (run.claim.deadline - self._store_clock.now()).total_seconds()
            wall = monotonic() - run.began + max(0.0, left) + self._lease_seconds
            seconds = int(wall * (os.cpu_count() or 1)) + 1
        confine.limit_cpu(run.child.pid, seconds)


_FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


def _hint(status: int | None) -> list[str]:
    match -(status or 0):
        case signal.SIGKILL:
            return ["It may have needed more memory than there is."]
        case signal.SIGXCPU:
            return ["It used more processor time than its execution duration allows."]
    return []
