"""A worker process: arq hears the hints, the executor runs the jobs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import structlog
from arq.connections import ArqRedis
from arq.worker import Worker, func

from quws.bus.announcer import Announcer
from quws.bus.connection import BUS_ERRORS, connect, deserialize, serialize
from quws.bus.dispatcher import FUNCTION, queue_name
from quws.bus.events import EventHub
from quws.worker.executor import Executor
from quws.worker.standby import Hold
from quws.worker.upkeep import Watch

_RECONNECT_SECONDS = 0.5
_HINT_SECONDS = 60
_log = structlog.get_logger(__name__)


class HintListener:
    """Feeds an executor from a target's arq queue.

    arq carries hints only, so none of its job machinery is in play: a hint is
    done as soon as a job was claimed, is never tried twice and has no result.
    While no slot is free no hint is taken, so that an idle worker gets it.
    """

    def __init__(
        self, redis_url: str, target: str, announcer: Announcer, poll_delay: float
    ) -> None:
        self._redis_url = redis_url
        self._target = target
        self._announcer = announcer
        self._poll_delay = poll_delay
        self._worker: Worker | None = None
        self._full = False

    def set_full(self, full: bool) -> None:
        """Note whether the executor has no free slot."""
        self._full = full
        if self._worker is not None:
            self._worker.allow_pick_jobs = not full

    async def run(self, executor: Executor) -> None:
        """Hear hints until cancelled, and come back as often as Redis does."""

        async def work(ctx: dict[str, Any]) -> None:
            if not await executor.hint() and executor.full:
                # Taken in the moment when the last slot was filled: give it to another worker.
                await self._announcer.work(self._target)

        while True:
            redis = connect(self._redis_url)
            # A new one each time: after an error arq's count of running jobs may be off.
            self._worker = self._make(redis, work)
            self._worker.allow_pick_jobs = not self._full
            try:
                await self._worker.main()
            except BUS_ERRORS as error:
                _log.warning("bus lost", error=str(error))
            finally:
                await self._close(redis)
            await asyncio.sleep(_RECONNECT_SECONDS)

    def _make(self, redis: ArqRedis, work: Any) -> Worker:
        return Worker(
            functions=[
                func(work, name=FUNCTION, keep_result=0, max_tries=1, timeout=_HINT_SECONDS)
            ],
            queue_name=queue_name(self._target),
            redis_pool=redis,
            handle_signals=False,
            # One hint at a time, and no further one before its claim is made.
            max_jobs=1,
            queue_read_limit=1,
            poll_delay=self._poll_delay,
            keep_result=0,
            max_tries=1,
            retry_jobs=False,
            health_check_interval=15,
            job_serializer=serialize,
            job_deserializer=deserialize,
            log_results=False,
        )

    async def _close(self, redis: ArqRedis) -> None:
        assert self._worker is not None
        for task in self._worker.tasks.values():
            task.cancel()
        await asyncio.gather(*self._worker.tasks.values(), return_exceptions=True)
        self._worker = None
        with contextlib.suppress(*BUS_ERRORS):
            await redis.aclose()


async def run_worker(
    executor: Executor,
    hints: HintListener,
    watch: Watch,
    events: EventHub,
    stop: asyncio.Event,
    grace_seconds: float,
    hold: Hold | None = None,
) -> None:
    """Work until told to stop, then let jobs end or hand them back.

    With a hold only while the target is this worker's: when it is lost, running
    jobs are handed back at once, and the worker stands by.
    """
    events.listen(executor.heard, executor.missed)
    # Events stay on while jobs end: an ABORT must still reach them.
    async with _in_background(events.run()):
        while hold is None or await hold.acquire(stop):
            executor.resume()
            async with _in_background(hints.run(executor), executor.look(), watch.run()):
                await (stop.wait() if hold is None else hold.keep(stop))
                _log.info("worker stops taking jobs")
                await executor.drain(grace_seconds if stop.is_set() else 0.0)
            if hold is not None:
                await hold.drop()
            if stop.is_set():
                return


@contextlib.asynccontextmanager
async def _in_background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(item) for item in work]
        yield
        for task in tasks:
            task.cancel()
