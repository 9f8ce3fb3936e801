"""Writes down when jobs that wait or run will probably be done."""

from __future__ import annotations

import asyncio
from copy import copy
from datetime import datetime
from heapq import heapify, heappop, heappush
from time import monotonic
from weakref import WeakValueDictionary

from quws.bus.announcer import Announcer
from quws.domain.clock import Clock, utc_now
from quws.domain.lanes import is_short
from quws.domain.quotes import FAR_SECONDS, Quote, predict, record_of, remaining
from quws.domain.targets import TargetState
from quws.store.jobs.quotes import JobQuotes, QueueState

_WORTH_SECONDS = 1.0
_WORTH_PART = 0.1
_UNKNOWN_MS = 1000
_MOST_MS = 86_400_000
_FRESH_SECONDS = 1.0


class _Slots:
    """In how many seconds each slot of a target is free: as many as jobs run, at least one.

    Where short jobs have slots of their own, there is at least one of these too. While a session
    has the target for itself, jobs of nobody else start: what runs and waits of it puts that off.

    Parameters
    ----------
    back
        In how many seconds the target takes work again.

    """

    def __init__(self, state: QueueState, now: datetime, back: float) -> None:
        self._free: list[float] = []
        self._short: list[float] = []
        self._hold = state.hold
        self._held = 0.0
        if state.hold is not None:
            self._held = max(0.0, min(state.hold.idle_left, state.hold.left))
        for job in state.running:
            left = predict(job.work, state.known) or 0.0
            left = max(back, remaining(left, (now - job.since).total_seconds()))
            lane = self._short if state.lanes and is_short(job.cost_ms) else self._free
            lane.append(left)
            if self.goes_first(job.session):
                self._keep(left)
        self._free = self._free or [back]
        if state.lanes:
            self._short = self._short or [back]
        heapify(self._free)
        heapify(self._short)
        # Of jobs of the session nobody else's are in front.
        self._own: _Slots | None = None
        if state.hold is not None:
            self._own = copy(self)
            self._own._free, self._own._short = self._free.copy(), self._short.copy()
            self._own._hold, self._own._held = None, 0.0

    def __len__(self) -> int:
        return len(self._free)

    def first(self, *, short: bool, session: str | None = None) -> float:
        """Return in how many seconds a job would start, one of a session perhaps."""
        if self._own is not None and self.goes_first(session):
            return self._own.first(short=short)
        return max(self._held, self._lane(short)[0])

    def take(self, seconds: float, *, short: bool, session: str | None = None) -> float:
        """Let the next job run for so long, and return in how many seconds it is done."""
        lane = self._lane(short)
        if self._own is not None and self.goes_first(session):
            end = self._own.take(seconds, short=short)
            self._keep(end)
            heappush(lane, heappop(lane) + seconds)
            return end
        end = max(self._held, heappop(lane)) + seconds
        heappush(lane, end)
        return end

    def goes_first(self, session: str | None) -> bool:
        """Whether jobs of this session, if it is one, start before all others."""
        return self._hold is not None and session == self._hold.session

    def _keep(self, end: float) -> None:
        if self._hold is not None:
            self._held = max(self._held, min(end + self._hold.idle_seconds, self._hold.left))

    def _lane(self, short: bool) -> list[float]:
        if short and self._short and self._short[0] < self._free[0]:
            return self._short
        return self._free


class Outlook:
    """When a new job of a target would start and end, by the target's queue as it was read.

    Parameters
    ----------
    now
        When that was.

    """

    def __init__(self, state: QueueState, now: datetime) -> None:
        self.known = state.known
        self.state = state.state
        """What the target was."""
        self.lanes = state.lanes
        """Whether short jobs have slots of their own."""
        self._record = state.record
        self._read = now
        self._slots = _slots(state, now)
        self._unlisted = 0.0
        if self._slots is None or not (state.known or not (state.running or state.waiting)):
            self._slots = None
            return
        total = 0.0
        for job in state.waiting:
            total += self.queue(job.work, job.cost_ms, job.session)
        # Those that are not listed are taken for as long as those that are.
        more = state.waiting_count - len(state.waiting)
        if more > 0:
            self._unlisted = total / len(state.waiting) * more / len(self._slots)

    def queue(self, work: int, cost_ms: int, session: str | None = None) -> float:
        """Count one more job that waits, and return how many seconds it will probably run."""
        seconds = predict(work, self.known) or 0.0
        if self._slots is not None:
            self._slots.take(seconds, short=is_short(cost_ms), session=session)
        return seconds

    def wait(
        self, now: datetime, *, short: bool = False, session: str | None = None
    ) -> float | None:
        """Return in how many seconds a job would start if it were queued now, one of a session
        perhaps.

        None when nobody knows when the target takes work again, or how long what is before it
        takes, or when that is too far ahead to mean something.
        """
        if self._slots is None:
            return None
        before_all = (short and self.lanes) or self._slots.goes_first(session)
        unlisted = 0.0 if before_all else self._unlisted
        wait = (
            self._slots.first(short=short, session=session)
            + unlisted
            - (now - self._read).total_seconds()
        )
        return max(wait, 0.0) if wait < FAR_SECONDS else None

    def end(
        self, work: int, cost_ms: int, now: datetime, session: str | None = None
    ) -> Quote | None:
        """Return the quote of a job if it were queued now; None when nothing is known yet."""
        seconds = predict(work, self.known)
        wait = self.wait(now, short=is_short(cost_ms), session=session)
        return None if seconds is None or wait is None else self._record.quote(now, wait + seconds)

    def cost_ms(self, work: int, computed: float | None = None) -> int:
        """Return how long this much work takes, for the fair share of its owner.

        ``computed`` is in how many seconds the target itself thinks to do it: that counts where
        only larger jobs have run here, or none.
        """
        seconds = predict(work, self.known)
        if computed is not None and work < min(self.known, default=work + 1):
            seconds = computed if seconds is None else min(seconds, computed)
        return _UNKNOWN_MS if seconds is None else min(max(1, round(seconds * 1000)), _MOST_MS)


class Quotes:
    """Predicts the end of jobs from a target's queue and from what it has learned.

    ``announcer`` tells who follows a job that its quote has moved.
    """

    def __init__(
        self, store: JobQuotes, clock: Clock = utc_now, announcer: Announcer | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._announcer = announcer
        self._judged: dict[str, int] = {}
        """How many jobs of each target had ended when it was judged."""
        self._outlooks: dict[str, tuple[float, Outlook]] = {}
        """By target, and until when each is good."""
        self._reading: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def state(self, target: str) -> QueueState:
        """Return what a prediction on a target needs."""
        return await self._store.queue_of(target)

    async def outlook(self, target: str, state: TargetState | None) -> Outlook:
        """Return how a target's queue was a second ago at most, with what was added to it here.

        Where nothing can be said yet it is as it is now: there may be something to say soon. And so
        it is where the target has been something else than it is said to be (``state``).
        """
        found = self._fresh(target, state)
        if found is None:
            async with self._reading.setdefault(target, asyncio.Lock()):
                found = self._fresh(target, state) or await self._read(target)
        return found

    def forget(self, target: str) -> None:
        """Read a target's queue anew for the next one who asks: something has moved in it."""
        self._outlooks.pop(target, None)

    def _fresh(self, target: str, state: TargetState | None) -> Outlook | None:
        until, found = self._outlooks.get(target, (0.0, None))
        if found is None or monotonic() >= until:
            return None
        return found if state in (None, found.state) else None

    async def _read(self, target: str) -> Outlook:
        until = monotonic() + _FRESH_SECONDS
        found = Outlook(await self.state(target), self._clock())
        if found.known:
            self._outlooks[target] = until, found
        return found

    def of_new(
        self, state: QueueState, work: int, cost_ms: int, session: str | None = None
    ) -> Quote | None:
        """Return the quote of a job if it were queued now; None when nothing is known yet."""
        now = self._clock()
        return Outlook(state, now).end(work, cost_ms, now, session)

    def wait(self, state: QueueState) -> float | None:
        """Return in how many seconds a job would start if it were queued now; see `Outlook`."""
        now = self._clock()
        return Outlook(state, now).wait(now)

    async def refresh(self) -> int:
        """Renew the quotes of waiting and running jobs where they have moved.

        Returns how many did. One that is overtaken moves: what is still running then goes on for
        longer than was thought. Whoever follows a job is told that it did.
        """
        count = 0
        for target in await self._store.targets_with_work():
            state = await self._store.queue_of(target)
            now = self._clock()
            if moved := _moved(state, now):
                for job_id, phase in await self._store.set_quotes(moved, now):
                    count += 1
                    if self._announcer is not None:
                        await self._announcer.touched(job_id, phase)
        return count

    async def judge(self) -> int:
        """Learn from how targets have kept their quotes. Returns of how many there was news."""
        count = 0
        for target, ended in (await self._store.ended()).items():
            if self._judged.get(target) != ended:
                await self._store.set_record(target, record_of(await self._store.judged(target)))
                self._judged[target] = ended
                count += 1
        return count


def _moved(state: QueueState, now: datetime) -> dict[str, Quote | None]:
    """Return the new quotes of jobs of a queue whose old ones do not hold any more."""
    moved: dict[str, Quote | None] = {}

    def move(job_id: str, old: datetime | None, new: Quote | None) -> None:
        if (old is None) != (new is None) or (old and new and _differs(old, new.at, now)):
            moved[job_id] = new

    for job in state.running:
        seconds = predict(job.work, state.known)
        if seconds is None:
            break
        left = remaining(seconds, (now - job.since).total_seconds())
        move(job.id, job.quote, state.record.quote(now, left))
    slots = _slots(state, now)
    for waiting in state.waiting:
        seconds = predict(waiting.work, state.known)
        if slots is None:
            # It was a promise that nobody can keep now.
            move(waiting.id, waiting.quote, None)
            continue
        if seconds is None:
            break  # Nothing is known of this target.
        end = slots.take(seconds, short=is_short(waiting.cost_ms), session=waiting.session)
        move(waiting.id, waiting.quote, state.record.quote(now, end))
    return moved


def _slots(state: QueueState, now: datetime) -> _Slots | None:
    """Return when the slots of a target are free.

    None when the target takes no work and nobody knows until when.
    """
    back = 0.0
    if not state.state.takes_work:
        if state.state.until is None:
            return None
        back = max(0.0, (state.state.until - now).total_seconds())
    return _Slots(state, now, back)


def _differs(old: datetime, new: datetime, now: datetime) -> bool:
    if old <= now:
        return True  # It was overtaken.
    apart = abs((new - old).total_seconds())
    return apart > max(_WORTH_SECONDS, _WORTH_PART * (new - now).total_seconds())
