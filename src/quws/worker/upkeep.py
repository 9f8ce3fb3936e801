"""What a worker does beside running jobs: look how its target fares, and tidy up behind it.

Looks are health checks in a child. Duties are what must be cancelled at the
other side of a remote target; they are in the database, so whoever dies, the
next worker carries them out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import monotonic

import structlog

from quws.bus.announcer import Announcer
from quws.domain.clock import Clock, utc_now
from quws.domain.job import TimelineEntry
from quws.domain.phases import Phase
from quws.domain.targets import TargetDescription, TargetKind, TargetStatus
from quws.sandbox.pool import ChildLost, ChildPool, ChildrenUnavailable
from quws.store.database import StoreUnavailable
from quws.store.handovers import Handover, HandoverStore
from quws.store.targets import TargetStore
from quws.worker.asking import check
from quws.worker.executor import Executor

_GLANCE_SECONDS = 1.0
_CANCEL_SECONDS = 60.0
_LONGEST_PAUSE = 30.0
_MISSING = timedelta(seconds=90)
"""How long something that was being handed over when its job ended may turn up late."""
_log = structlog.get_logger(__name__)


class Watch:
    """Keeps an eye on the target of a worker.

    Parameters
    ----------
    check_seconds
        Pause between two health checks.

    """

    def __init__(
        self,
        *,
        worker: str,
        target: TargetDescription,
        executor: Executor,
        children: ChildPool,
        targets: TargetStore,
        handovers: HandoverStore,
        announcer: Announcer,
        check_seconds: float,
        clock: Clock = utc_now,
    ) -> None:
        self._worker = worker
        self._target = target.name
        self._remote = target.remote
        self._steady = target.kind is TargetKind.SIMULATOR
        self._executor = executor
        self._children = children
        self._targets = targets
        self._handovers = handovers
        self._announcer = announcer
        self._check_seconds = check_seconds
        self._clock = clock
        self._online = True
        self._again: dict[str, tuple[float, float]] = {}
        """For duties that were tried in vain: when to try again, and the pause before that."""

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every_second(self._glance))
            if not self._steady:
                group.create_task(self._check_often())
            if self._remote:
                group.create_task(self._every_second(self._cancel_all))

    async def _every_second(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (StoreUnavailable, ChildrenUnavailable) as error:
                _log.warning("watch interrupted", error=str(error))
            except Exception:  # noqa: BLE001 - the next turn may do better
                _log.exception("watch failed")
            await asyncio.sleep(_GLANCE_SECONDS)

    # -- how the target fares -----------------------------------------------------

    async def _check_often(self) -> None:
        # The first look was before the first job.
        pause = self._check_seconds
        while True:
            await asyncio.sleep(pause)
            pause = self._check_seconds
            try:
                description = await check(self._children, self._targets, self._target, self._clock)
                if description is not None:
                    self._executor.describe(description)
                pause = await self._until_next()
            except StoreUnavailable as error:
                _log.warning("health check not written down", error=str(error))
            except Exception:  # noqa: BLE001 - the next look may do better
                _log.exception("health check failed")

    async def _until_next(self) -> float:
        """Look again when the target is expected back, if that is sooner."""
        record = await self._targets.record(self._target)
        if record is None or record.state.until is None:
            return self._check_seconds
        left = (record.state.until - self._clock()).total_seconds()
        return min(self._check_seconds, max(_GLANCE_SECONDS, left))

    async def _glance(self) -> None:
        """See whether the state has changed, by a check or by an operator."""
        record = await self._targets.record(self._target)
        if record is None:
            return
        was, self._online = self._online, record.state.takes_work
        if record.state.status is TargetStatus.OFFLINE and not self._remote:
            # What runs elsewhere goes on there; what runs here is ours to repeat.
            self._executor.suspend(record.state.sentence(self._target) or "")
        elif self._online and not was:
            await self._announcer.work(self._target)

    # -- what must be cancelled at the other side ---------------------------------

    async def _cancel_all(self) -> None:
        duties = await self._handovers.duties(self._target)
        self._again = {duty.key: self._again.get(duty.key, (0.0, 0.5)) for duty in duties}
        for duty in duties:
            due, pause = self._again[duty.key]
            if monotonic() >= due:
                pause = min(2 * pause, _LONGEST_PAUSE)
                self._again[duty.key] = monotonic() + pause, pause
                await self._cancel(duty)

    async def _cancel(self, duty: Handover) -> None:
        try:
            async with asyncio.timeout(_CANCEL_SECONDS):
                answer = await self._children.ask({"cancel": duty.key, "handle": duty.handle})
        except (ChildLost, TimeoutError) as error:
            answer = {"again": str(error) or "it took too long"}
        match answer:
            case {"done": str(sentence)}:
                await self._close(duty, sentence)
            case {"missing": str(sentence)} if self._clock() - duty.changed > _MISSING:
                await self._close(duty, sentence)
            case _:
                _log.info("not cancelled yet", job=duty.job_id, handle=duty.handle, answer=answer)

    async def _close(self, duty: Handover, sentence: str) -> None:
        entry = TimelineEntry(self._clock(), "cancelled remotely", self._worker, sentence)
        await self._handovers.close(duty.key, entry)
        # It was aborted, or deleted since: whoever looks at it looks again.
        await self._announcer.changed(duty.job_id, Phase.ABORTED)
