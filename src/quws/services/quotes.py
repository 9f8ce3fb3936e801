"""Writes down when jobs that wait or run will probably be done."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from time import monotonic
from weakref import WeakValueDictionary

from quws.domain.clock import Clock, utc_now
from quws.domain.quotes import predict, remaining
from quws.domain.targets import TargetState
from quws.domain.times import to_millis
from quws.store.jobs.quotes import JobQuotes, QueueState

_WORTH_SECONDS = 1.0
_WORTH_PART = 0.1
_FAR_SECONDS = 30 * 86_400
"""Beyond this nobody knows: what is learned of jobs of seconds says nothing of one of months."""
_UNKNOWN_MS = 1000
_MOST_MS = 86_400_000
_FRESH_SECONDS = 1.0


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
        self._read = now
        self._free = _free_slots(state, now)
        self._unlisted = 0.0
        if self._free is None or not (state.known or not (state.running or state.waiting)):
            self._free = None
            return
        total = 0.0
        for _, work, _ in state.waiting:
            total += self.queue(work)
        # Those that are not listed are taken for as long as those that are.
        more = state.waiting_count - len(state.waiting)
        if more > 0:
            self._unlisted = total / len(state.waiting) * more / len(self._free)

    def queue(self, work: int) -> float:
        """Count one more job that waits, and return how many seconds it will probably run."""
        seconds = predict(work, self.known) or 0.0
        if self._free is not None:
            heappush(self._free, heappop(self._free) + seconds)
        return seconds

    def wait(self, now: datetime) -> float | None:
        """Return in how many seconds a job would start if it were queued now.

        None when nobody knows when the target takes work again, or how long what is before it
        takes, or when that is too far ahead to mean something.
        """
        if self._free is None:
            return None
        wait = self._free[0] + self._unlisted - (now - self._read).total_seconds()
        return max(wait, 0.0) if wait < _FAR_SECONDS else None

    def end(self, work: int, now: datetime) -> datetime | None:
        """Return the end of a job if it were queued now; None when nothing is known yet."""
        seconds, wait = predict(work, self.known), self.wait(now)
        return None if seconds is None or wait is None else _at(now, wait + seconds)

    def cost_ms(self, work: int) -> int:
        """Return how long this much work takes, for the fair share of its owner."""
        seconds = predict(work, self.known)
        return _UNKNOWN_MS if seconds is None else min(max(1, round(seconds * 1000)), _MOST_MS)


class Quotes:
    """Predicts the end of jobs from a target's queue and from what it has learned."""

    def __init__(self, store: JobQuotes, clock: Clock = utc_now) -> None:
        self._store = store
        self._clock = clock
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

    def of_new(self, state: QueueState, work: int) -> datetime | None:
        """Return the end of a job if it were queued now; None when nothing is known yet."""
        now = self._clock()
        return Outlook(state, now).end(work, now)

    def wait(self, state: QueueState) -> float | None:
        """Return in how many seconds a job would start if it were queued now; see `Outlook`."""
        now = self._clock()
        return Outlook(state, now).wait(now)

    async def refresh(self) -> int:
        """Renew the quotes of waiting and running jobs where they have moved.

        Returns how many did. One that is overtaken moves: what is still running then goes on for
        longer than was thought.
        """
        count = 0
        for target in await self._store.targets_with_work():
            state = await self._store.queue_of(target)
            now = self._clock()
            free = _free_slots(state, now)
            moved: dict[str, datetime | None] = {}
            for job_id, work, since, old in state.running:
                seconds = predict(work, state.known)
                if seconds is None:
                    break
                left = remaining(seconds, (now - since).total_seconds())
                _move(moved, job_id, old, _at(now, left), now)
            for job_id, work, old in state.waiting:
                seconds = predict(work, state.known)
                if free is None:
                    if old is not None:
                        moved[job_id] = None  # It was a promise that nobody can keep now.
                    continue
                if seconds is None:
                    break  # Nothing is known of this target.
                end = heappop(free) + seconds
                heappush(free, end)
                _move(moved, job_id, old, _at(now, end), now)
            if moved:
                await self._store.set_quotes(moved)
                count += len(moved)
        return count


def _free_slots(state: QueueState, now: datetime) -> list[float] | None:
    """Return in how many seconds each slot is free: as many slots as jobs run, at least one.

    None when the target takes no work and nobody knows until when.
    """
    back = 0.0
    if not state.state.takes_work:
        if state.state.until is None:
            return None
        back = max(0.0, (state.state.until - now).total_seconds())
    free = []
    for _, work, since, _ in state.running:
        seconds = predict(work, state.known) or 0.0
        free.append(max(back, remaining(seconds, (now - since).total_seconds())))
    free = free or [back]
    heapify(free)
    return free


def _at(now: datetime, seconds: float) -> datetime | None:
    return to_millis(now + timedelta(seconds=seconds)) if seconds < _FAR_SECONDS else None


def _move(
    moved: dict[str, datetime | None],
    job_id: str,
    old: datetime | None,
    new: datetime | None,
    now: datetime,
) -> None:
    if (old is None) != (new is None) or (old and new and _differs(old, new, now)):
        moved[job_id] = new


def _differs(old: datetime, new: datetime, now: datetime) -> bool:
    if old <= now:
        return True  # It was overtaken.
    apart = abs((new - old).total_seconds())
    return apart > max(_WORTH_SECONDS, _WORTH_PART * (new - now).total_seconds())
