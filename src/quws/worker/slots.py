"""The slots of a worker: claims jobs of one target, and sees that each is looked after.

The order of things is the design's: claim, run in a child, store results as they come, end in one
transaction. Every write is fenced by attempt and lease, so a worker that lost its job can only kill
the child and be silent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Any, NamedTuple

import structlog

from quws.bus.events import JobEvent
from quws.domain.job import Claim
from quws.domain.lanes import OVERDUE_SECONDS, is_short
from quws.domain.targets import TargetDescription
from quws.domain.timeslots import Timeslot, TimeslotRules, may_run
from quws.services.aside import Aside
from quws.services.repeat import repeat
from quws.store.database import StoreUnavailable
from quws.store.jobs.claims import Taken
from quws.store.jobs.rows import UnreadableJob
from quws.telemetry import logs, metrics, tracing
from quws.worker.held import HeldJob
from quws.worker.run import Run
from quws.worker.workplace import Workplace

_REST_SECONDS = 10.0
_ACCOUNT_SECONDS = 5.0
_CLAIM = "claim"
_log = structlog.get_logger(__name__)


class _Room(NamedTuple):
    """For how many jobs of any kind there is room, and for how many short ones."""

    any: int
    short: int


class Slots:
    """Claims and runs jobs of one target.

    Parameters
    ----------
    target
        What the target is at present; ``describe`` tells of changes.
    slots
        How many jobs run at once.
    idle_seconds
        How often an idle slot looks for work by itself, without any hint.
    holder
        Who must hold the target so that a job can be claimed; None for anybody.
    short_slots
        How many short jobs run besides.
    on_full, on_packed
        Told whether there is no slot for any job, and none for a short one.

    """

    def __init__(
        self,
        place: Workplace,
        target: TargetDescription,
        *,
        slots: int,
        idle_seconds: float,
        holder: str | None = None,
        on_full: Callable[[bool], None] = lambda _: None,
        short_slots: int = 0,
        on_packed: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._place = place
        self._target = target
        self._slots = slots
        self._idle_seconds = idle_seconds
        self._holder = holder
        self._on_full = on_full
        self._short_slots = short_slots
        self._on_packed = on_packed
        self._held: set[HeldJob] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._takes: set[asyncio.Task[bool]] = set()
        self._claiming = asyncio.Lock()
        self._aside = Aside()
        self._used: Counter[str] = Counter()
        """How many milliseconds jobs of owners have run that is not written down yet."""
        self._stopping = False
        self._resting = False
        self.more = False
        """Whether further jobs waited when the last ones were claimed."""
        self._more_short = False
        """The same of short ones."""
        self.trouble: str | None = None
        """Why this worker could not run its last job."""

    @property
    def full(self) -> bool:
        """Whether no job can be taken now that is not short."""
        return self._room().any <= 0

    @property
    def packed(self) -> bool:
        """Whether no job at all can be taken now."""
        return self._room().short <= 0

    def _room(self) -> _Room:
        if self._stopping or self._resting:
            return _Room(0, 0)
        now = monotonic()
        running = len(self._held)
        # Those that are not short, or have been for too long.
        long = sum(
            not is_short(held.claim.job.cost_ms) or now - held.began > OVERDUE_SECONDS
            for held in self._held
        )
        lane = self._short_slots + max(0, self._slots - long) - (running - long)
        # What is not short any more goes on, but not without end beside ever more of its kind.
        short = min(lane, self._slots + 2 * self._short_slots - running)
        return _Room(min(self._slots - long, short), short)

    # -- taking work ------------------------------------------------------------

    async def hint(self) -> bool:
        """Take jobs, as long as there are some and slots are free. Whether one was taken."""
        # Shielded: who asks may be cancelled, but a claim that is committed must get its slot.
        take = asyncio.get_running_loop().create_task(self._take())
        self._takes.add(take)
        take.add_done_callback(self._takes.discard)
        return await asyncio.shield(take)

    async def _take(self) -> bool:
        async with self._claiming:
            found = False
            while not self.packed:
                only_short = self.full
                taken = await self._claim()
                self._start(taken)
                found = found or bool(taken)
                if not taken or not (self._more_short if only_short else self.more):
                    break
            return found

    async def look(self) -> None:
        """Take work without being told, every now and then, until cancelled.

        What is found here is a job whose hint was lost, or one that came back.
        """
        await repeat(self._look_once, self._idle_seconds, "looking for work failed")

    async def _look_once(self) -> None:
        await self._place.store_clock.look()
        while await self.hint():
            pass

    async def account(self) -> None:
        """Write down every now and then how much of the target each owner had, until cancelled.

        Together for many jobs. What is lost with this process was not much.
        """
        await repeat(self.tell_use, _ACCOUNT_SECONDS, "use of the target not written down")

    async def tell_use(self) -> None:
        """Write down how much of the target each owner had since this was done last."""
        if used := Counter(self._used):
            place = self._place
            await place.jobs.target_use.add(place.target, used, place.clock())
            self._used -= used

    def heard(self, event: JobEvent) -> None:
        """Look at a running job at once because somebody else changed it."""
        if event.by == self._place.worker:
            return
        for held in self._held:
            if held.id == event.job_id:
                held.changed.set()

    def missed(self) -> None:
        """Look at all running jobs: events may have been missed."""
        for held in self._held:
            held.changed.set()

    async def drain(self, grace_seconds: float) -> None:
        """Take no more work; let jobs end within the grace period, then hand back the rest."""
        self._stopping = True
        self._tell()
        async with self._claiming:
            pass  # A claim that is under way gets its slot, and is drained with the others.
        # What runs elsewhere goes on there; whoever comes next looks after it.
        if self._tasks and not self._place.remote:
            await asyncio.wait(self._tasks, timeout=grace_seconds)
        self.suspend("the worker shuts down; another one goes on")
        if self._tasks:
            await asyncio.wait(self._tasks)

    def resume(self) -> None:
        """Take work again after a drain."""
        self._stopping = False
        self._tell()

    def describe(self, target: TargetDescription) -> None:
        """Take note that the target has changed, for the jobs to come."""
        self._target = target

    @property
    def timeslots(self) -> TimeslotRules | None:
        """What can be booked of the target."""
        return self._target.timeslots

    def keep_to(self, rules: TimeslotRules, on: Timeslot | None) -> None:
        """Stop the jobs that may not run now, by the timeslot that is on, if one is."""
        for held in list(self._held):
            job = held.claim.job
            if not may_run(job.owner, only_in_own=job.timeslot, rules=rules, on=on):
                over = "the timeslot of its owner is over; it goes on in the next one"
                taken = "a timeslot of another owner has begun; it goes on after that"
                self._hand_back(held, over if on is None or job.timeslot else taken)

    def suspend(self, message: str) -> None:
        """Stop all jobs for now and give them back to the queue."""
        for held in list(self._held):
            self._hand_back(held, message)

    def _hand_back(self, held: HeldJob, message: str) -> None:
        held.handing_back = held.handing_back or message
        held.changed.set()

    def _free(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._tell()
        if not task.cancelled() and task.exception() is not None:
            _log.error("slot failed", exc_info=task.exception())

    def _tell(self) -> None:
        self._on_full(self.full)
        self._on_packed(self.packed)

    def _rest(self, why: str) -> None:
        """Take no job for a while: the trouble is this worker's, and the next job would have it
        too.
        """
        self._set_trouble(why)
        self._resting = True
        self._tell()
        asyncio.get_running_loop().call_later(_REST_SECONDS, self._wake)

    def _wake(self) -> None:
        self._resting = False
        self._tell()

    def _start(self, jobs: Iterable[HeldJob]) -> None:
        for held in jobs:
            task = asyncio.get_running_loop().create_task(self._slot(held))
            self._tasks.add(task)
            task.add_done_callback(self._free)

    async def _claim(self) -> list[HeldJob]:
        """Claim as many jobs as there is room for."""
        shifted = self._place.store_clock.shifted
        room = self._room()
        only_short = room.any <= 0
        taken = await self._next(room.short if only_short else room.any, short=only_short)
        self._more_short = taken.more
        if not only_short:
            self.more = taken.more
        jobs = [HeldJob(self._place, claim, shifted) for claim in taken.claims]
        # At once: who hands back all jobs must not miss one whose task has not begun.
        self._held.update(jobs)
        if jobs:
            self._tell()
            if self._short_slots:
                asyncio.get_running_loop().call_later(OVERDUE_SECONDS, self._tell)
        return jobs

    async def _next(self, most: int, *, short: bool) -> Taken:
        """Claim the next jobs that can be read; another worker may be able to read the others."""
        place = self._place
        while True:
            left = self._aside.of(_CLAIM)
            try:
                return await place.jobs.claims.take(
                    place.target,
                    place.worker,
                    place.lease_seconds,
                    place.clock(),
                    most=most,
                    holder=self._holder,
                    but=left,
                    entitlements=place.quotas.entitlements,
                    in_timeslots=None if (rules := self.timeslots) is None else rules.required,
                    short=short,
                )
            except UnreadableJob as unreadable:
                if unreadable.job_id in left:
                    return Taken([], more=False)
                with self._aside.guard(_CLAIM, unreadable.job_id):
                    raise

    async def _slot(self, held: HeldJob) -> None:
        # A slot that ends a job takes the next one by itself, if one waited when it took this one:
        # of those that have come since then there are hints. Of several that end at the same time
        # the first takes the next ones of all.
        while True:
            with self._told(held.claim):
                await self._run(held)
            try:
                async with self._claiming:
                    more = self._more_short if self.full else self.more
                    taken = await self._claim() if more and not self.packed else []
                    self._start(taken[1:])
            except StoreUnavailable as error:
                _log.warning("database unavailable", error=str(error))
                return
            if not taken:
                return
            held = taken[0]

    async def _run(self, held: HeldJob) -> None:
        unfit = False

        def rest(why: str) -> None:
            nonlocal unfit
            unfit = True
            self._rest(why)

        try:
            await Run(held, self._place, self._target, rest).run()
        finally:
            self._held.discard(held)
            ran = round(1000 * (monotonic() - held.began))
            self._used[held.claim.job.owner or ""] += max(1, ran)
        if held.child is not None and not unfit:
            self._set_trouble(None)

    def _set_trouble(self, why: str | None) -> None:
        self.trouble = why
        metrics.unfit(self._place.target, why is not None)

    @contextlib.contextmanager
    def _told(self, claim: Claim) -> Iterator[None]:
        """Say on every line of the log, and in the trace, which job it is about."""
        job = claim.job
        fields: dict[str, Any] = {
            "job": job.id,
            "owner": job.owner,
            "target": self._place.target,
            "attempt": claim.attempt,
            "request": job.spec.request,
        }
        now = self._place.clock()
        since = job.queued_time or job.creation_time
        metrics.claimed(self._place.target, max(0.0, (now - since).total_seconds()))
        with logs.about(**fields), tracing.span("job", job.spec.origin, **fields):
            _log.info("job claimed", worker=self._place.worker)
            yield
