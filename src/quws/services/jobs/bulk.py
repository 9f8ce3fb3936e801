"""Run, abort, delete and label all jobs that a filter leaves.

It is done in chunks, each in one transaction. What is done is not found again, so the same
request goes on wherever the one before it ended, and be it by the end of its process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from time import monotonic

from quws.bus.announcer import Announcer
from quws.domain.caller import Caller
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import Refusal
from quws.domain.job import JobRef
from quws.domain.labels import ListFilter, Order, Relabel
from quws.domain.phases import Move, Phase, sources
from quws.services.jobs.control import JobControl, abort_requested
from quws.services.jobs.labels import JobLabels
from quws.services.jobs.plan import Planner
from quws.services.jobs.read import own
from quws.store.jobs.control import Run
from quws.store.jobs.store import JobStore

_CHUNK = 100
_SECONDS = 20.0
"""After so long a request says what it has done: proxies wait no longer for an answer."""
_LABELLED = frozenset(Phase) - {Phase.ARCHIVED}


class Action(StrEnum):
    """What is done with all of them."""

    RUN = "RUN"
    ABORT = "ABORT"
    DELETE = "DELETE"
    LABEL = "LABEL"

    @property
    def phases(self) -> frozenset[Phase]:
        """The phases of jobs with which it can be done."""
        match self:
            case Action.RUN:
                return sources(Move.QUEUE)
            case Action.ABORT:
                return sources(Move.ABORT)
            case Action.DELETE:
                return frozenset(Phase)
            case Action.LABEL:
                return _LABELLED


@dataclass(frozen=True, slots=True)
class Selection:
    """How many jobs a filter leaves now: what is created later is none of them."""

    before: datetime
    phases: dict[Phase, int]

    def of(self, action: Action) -> int:
        """Return with how many of them something can be done."""
        return sum(count for phase, count in self.phases.items() if phase in action.phases)


@dataclass(slots=True)
class Done:
    """What a request has done. ``left`` are those that it met and could do nothing with.

    Where it is not ``complete``, the same request goes on. ``why`` tells of those that are held
    or left.
    """

    action: Action
    done: int = 0
    held: int = 0
    left: int = 0
    complete: bool = True
    why: str | None = None


@dataclass(slots=True)
class _Request:
    caller: Caller
    change: Relabel
    now: datetime
    done: Done
    runs: dict[tuple[str | None, str], Run | str] = field(default_factory=dict)
    """What RUN is to do for an owner and a target, or why it cannot."""
    full: set[str | None] = field(default_factory=set)


class JobBulk:
    """Does something with all jobs of a filter that the caller may see."""

    def __init__(
        self,
        *,
        planner: Planner,
        control: JobControl,
        labels: JobLabels,
        store: JobStore,
        announcer: Announcer,
        clock: Clock = utc_now,
    ) -> None:
        self._planner = planner
        self._control = control
        self._labels = labels
        self._store = store
        self._announcer = announcer
        self._clock = clock

    async def preview(self, caller: Caller, wanted: ListFilter) -> Selection:
        """Return how many jobs a filter leaves."""
        before = wanted.before or _just_after(self._clock())
        found = await self._store.listing.count(replace(own(caller, wanted), before=before))
        return Selection(before, found)

    async def apply(
        self, caller: Caller, action: Action, wanted: ListFilter, change: Relabel | None = None
    ) -> Done:
        """Do something with all jobs that a filter leaves, and say with how many it was done.

        ``change`` is what LABEL changes.

        Raises
        ------
        InvalidParameter
            A job would have too many tags: those before it are changed.
        QuotaExceeded
            There is no room for the metadata.

        """
        now = self._clock()
        wanted = replace(
            own(caller, wanted),
            order=Order.OLDEST,
            before=wanted.before or _just_after(now),
            phases=(wanted.phases or _LABELLED) & action.phases,
        )
        request = _Request(caller, change or Relabel(), now, Done(action))
        do = {
            Action.RUN: self._run,
            Action.ABORT: self._abort,
            Action.DELETE: self._delete,
            Action.LABEL: self._label,
        }[action]
        if wanted.phases:
            await self._each(wanted, lambda refs: do(request, refs), request.done)
        return request.done

    async def _each(
        self, wanted: ListFilter, do: Callable[[Sequence[JobRef]], Awaitable[None]], done: Done
    ) -> None:
        until = monotonic() + _SECONDS
        async for refs in self._store.listing.refs(wanted):
            for start in range(0, len(refs), _CHUNK):
                if monotonic() >= until:
                    done.complete = False
                    return
                await do(refs[start : start + _CHUNK])
                # Others are served between two.
                await asyncio.sleep(0)

    async def _run(self, request: _Request, refs: Sequence[JobRef]) -> None:
        targets = await self._store.listing.targets([ref.id for ref in refs])
        jobs: list[tuple[str, str | None, Run]] = []
        for ref in refs:
            if ref.owner in request.full or (target := targets.get(ref.id)) is None:
                continue
            run = request.runs.get((ref.owner, target))
            if run is None:
                run = await self._plan(ref.owner, target, request.now)
                request.runs[ref.owner, target] = run
            if isinstance(run, str):
                request.done.why = request.done.why or run
            else:
                jobs.append((ref.id, ref.owner, run))
        moved = await self._store.control.run_all(jobs)
        queued = [ref for ref, _ in moved if ref.phase is Phase.QUEUED]
        for ref, why in moved:
            await self._announcer.changed(ref.id, ref.phase)
            if ref.phase is not Phase.QUEUED:
                request.full.add(ref.owner)
                request.done.why = request.done.why or why
        for target in {targets[ref.id] for ref in queued}:
            self._planner.forget(target)
            await self._announcer.work(target)
        request.done.done += len(queued)
        request.done.held += len(moved) - len(queued)
        request.done.left += len(refs) - len(moved)

    async def _plan(self, owner: str | None, target: str, now: datetime) -> Run | str:
        try:
            await self._planner.in_service(target)
            return await self._control.run_of(owner, target, now)
        except Refusal as refusal:
            return refusal.sentence

    async def _abort(self, request: _Request, refs: Sequence[JobRef]) -> None:
        entry = abort_requested(request.caller, request.now)
        aborted = await self._store.control.abort_all([ref.id for ref in refs], entry)
        for ref in aborted:
            await self._announcer.changed(ref.id, ref.phase)
        request.done.done += len(aborted)
        request.done.left += len(refs) - len(aborted)

    async def _delete(self, request: _Request, refs: Sequence[JobRef]) -> None:
        # Their files are garbage now, which a sweep removes.
        gone = await self._store.control.delete_all([ref.id for ref in refs], request.now)
        for job_id in gone:
            await self._announcer.deleted(job_id)
        request.done.done += len(gone)

    async def _label(self, request: _Request, refs: Sequence[JobRef]) -> None:
        request.done.done += await self._labels.change_all(refs, request.change, request.now)


def _just_after(now: datetime) -> datetime:
    """Return the first instant, as precise as instants are kept, that is after this one."""
    return now + timedelta(microseconds=1000 - now.microsecond % 1000)
