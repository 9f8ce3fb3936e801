"""A worker from its first job to its last."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import structlog

from quws.bus.events import HELD_CHANNEL, EventHub
from quws.store.database import StoreUnavailable
from quws.worker.cancellations import Cancellations
from quws.worker.health import TargetHealth
from quws.worker.hints import HintListener
from quws.worker.slots import Slots
from quws.worker.target_lock import TargetLock

_log = structlog.get_logger(__name__)


async def run_worker(
    slots: Slots,
    hints: HintListener,
    health: TargetHealth,
    events: EventHub,
    stop: asyncio.Event,
    grace_seconds: float,
    *,
    cancellations: Cancellations | None = None,
    lock: TargetLock | None = None,
    short_hints: HintListener | None = None,
) -> None:
    """Work until told to stop, then let jobs end or hand them back.

    With a lock only while the target is this worker's: when it is lost, running
    jobs are handed back at once, and the worker stands by.
    """
    events.listen(slots.heard, slots.missed)
    # Events stay on while jobs end: an ABORT must still reach them.
    async with _in_background(events.run(HELD_CHANNEL)):
        while lock is None or await lock.acquire(stop):
            slots.resume()
            work = [hints.run(slots), slots.look(), slots.account(), health.run()]
            if short_hints is not None:
                work.append(short_hints.run(slots))
            if cancellations is not None:
                work.append(cancellations.run())
            async with _in_background(*work):
                await (stop.wait() if lock is None else lock.keep(stop))
                _log.info("worker stops taking jobs")
                await slots.drain(grace_seconds if stop.is_set() else 0.0)
            with contextlib.suppress(StoreUnavailable):
                await slots.tell_use()
            if lock is not None:
                await lock.release()
            if stop.is_set():
                return


@contextlib.asynccontextmanager
async def _in_background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(item) for item in work]
        yield
        for task in tasks:
            task.cancel()
