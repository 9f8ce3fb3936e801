"""Hears hints of work by arq."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import structlog
from arq.connections import ArqRedis
from arq.worker import Worker, func
from typing_extensions import override

from quws.bus.announcer import Announcer
from quws.bus.connection import BUS_ERRORS, connect, deserialize, serialize
from quws.bus.dispatcher import FUNCTION, queue_name, wake_channel
from quws.worker.slots import Slots

_RECONNECT_SECONDS = 0.5
_HINT_SECONDS = 60
_log = structlog.get_logger(__name__)


class _Listener(Worker):
    """arq's worker, which looks into its queue when it is woken, and else now and then."""

    def __init__(self, woken: asyncio.Event, **options: Any) -> None:
        super().__init__(**options)
        self._woken = woken

    @override
    async def main(self) -> None:
        while True:
            self._woken.clear()
            await self._poll_iteration()
            for task in self.tasks.values():
                # There may be further hints, which it had no turn for.
                task.add_done_callback(lambda _: self._woken.set())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.poll_delay_s):
                    await self._woken.wait()


class HintListener:
    """Fills the slots of a worker from a target's arq queue.

    arq carries hints only, so none of its job machinery is in play: a hint is
    done as soon as a job was claimed, is never tried twice and has no result.
    While no slot is free no hint is taken, so that an idle worker gets it.

    Parameters
    ----------
    poll_delay
        How often the queue is looked into without being told, in seconds.

    """

    def __init__(
        self, redis_url: str, target: str, announcer: Announcer, poll_delay: float
    ) -> None:
        self._redis_url = redis_url
        self._target = target
        self._announcer = announcer
        self._poll_delay = poll_delay
        self._worker: Worker | None = None
        self._woken = asyncio.Event()
        self._full = False

    def set_full(self, full: bool) -> None:
        """Note whether there is no free slot."""
        self._full = full
        if self._worker is not None:
            self._worker.allow_pick_jobs = not full
        if not full:
            self._woken.set()

    async def run(self, slots: Slots) -> None:
        """Hear hints until cancelled, and come back as often as Redis does."""

        async def work(ctx: dict[str, Any]) -> None:
            if not await slots.hint() and slots.full:
                # Taken in the moment when the last slot was filled: give it to another worker.
                await self._announcer.work(self._target)

        while True:
            redis = connect(self._redis_url)
            # A new one each time: after an error arq's count of running jobs may be off.
            self._worker = self._make(redis, work)
            self._worker.allow_pick_jobs = not self._full
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._hear(redis))
                    group.create_task(self._worker.main())
            except* BUS_ERRORS as errors:
                _log.warning("bus lost", error=str(errors.exceptions[0]))
            finally:
                await self._close(redis)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _hear(self, redis: ArqRedis) -> None:
        async with redis.pubsub() as pubsub:
            await pubsub.subscribe(wake_channel(self._target))
            # The first message is that it listens: what came before was not heard.
            async for _ in pubsub.listen():
                self._woken.set()

    def _make(self, redis: ArqRedis, work: Any) -> Worker:
        return _Listener(
            self._woken,
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
            # Its own, so that nobody else closes it. What arq is saying just now it may end.
            await redis.connection_pool.disconnect(inuse_connections=False)
