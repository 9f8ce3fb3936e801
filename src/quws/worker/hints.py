"""Hears hints of work: jobs of an arq queue, each of which stands for *there is work*."""

from __future__ import annotations

import asyncio
import contextlib
from time import monotonic
from typing import Any

import structlog
from arq.connections import ArqRedis
from arq.worker import Worker, func
from typing_extensions import override

from quws.bus.announcer import Announcer
from quws.bus.connection import BUS_ERRORS, connect, deserialize, serialize
from quws.bus.dispatcher import FUNCTION, queue_name
from quws.domain.lanes import lane_of_short
from quws.worker.slots import Slots

_RECONNECT_SECONDS = 0.5
_MANY = 10_000
_BEAT_SECONDS = 5.0
_log = structlog.get_logger(__name__)


class _Listener(Worker):
    """arq's worker, which waits for a hint instead of asking, and takes it out of the queue.

    arq marks a job as its own, runs it, and strikes it off in the end, nine exchanges with Redis
    in all. A hint may be lost, at the price of some time, so it is taken with the one that waits
    for it.
    """

    def __init__(self, hints: HintListener, slots: Slots, **options: Any) -> None:
        super().__init__(functions=[func(self._none, name=FUNCTION)], **options)
        self._hints = hints
        self._slots = slots
        self._next_beat = 0.0

    @override
    async def heart_beat(self) -> None:
        """Say that the worker is there, where arq says it, and for as long as it may wait."""
        now = monotonic()
        if now >= self._next_beat:
            self._next_beat = now + _BEAT_SECONDS
            believed = round(1000 * (2 * _BEAT_SECONDS + self.poll_delay_s))
            await self.pool.psetex(self.health_check_key, believed, b"listens")

    async def _none(self, ctx: dict[str, Any]) -> None:
        """Do nothing: what arq would call for a hint."""

    @override
    async def main(self) -> None:
        vain = False
        while True:
            await self.heart_beat()
            if not await self._hints.free(self.poll_delay_s):
                continue
            found = await self.pool.bzpopmin(self.queue_name, self.poll_delay_s)
            if found is None:
                continue
            # After one in vain there may be many: of jobs that a slot has taken by itself.
            more = await self.pool.zpopmin(self.queue_name, _MANY) if vain else []
            vain = not await self._hints.hear(self._slots, 1 + len(more))


class HintListener:
    """Fills the slots of a worker from a target's arq queue.

    arq carries hints only. One whose worker is stopped while it claims goes back to the queue,
    for another worker; one whose worker is killed then is lost, and the job is found by who looks
    by himself. While no slot is free no hint is taken, so that an idle worker gets it.

    Parameters
    ----------
    poll_delay
        How long to wait for a hint before a sign of life is given, in seconds.
    short
        Hear of short jobs only, which may have slots where others have none.

    """

    def __init__(
        self,
        redis_url: str,
        target: str,
        announcer: Announcer,
        poll_delay: float,
        *,
        short: bool = False,
    ) -> None:
        self._redis_url = redis_url
        self._target = lane_of_short(target) if short else target
        self._short = short
        self._announcer = announcer
        self._poll_delay = poll_delay
        self._free = asyncio.Event()
        self._free.set()

    def set_full(self, full: bool) -> None:
        """Note whether there is no free slot."""
        if full:
            self._free.clear()
        else:
            self._free.set()

    async def free(self, seconds: float) -> bool:
        """Wait so long for a free slot, and return whether there is one."""
        if not self._free.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._free.wait()
        return self._free.is_set()

    async def hear(self, slots: Slots, hints: int) -> bool:
        """Fill the slots because of so many hints. Whether a job was taken, or left to others."""
        try:
            taken = await slots.hint()
        except asyncio.CancelledError:
            await asyncio.shield(self._announcer.work(self._target))
            raise
        except Exception as error:  # noqa: BLE001 - the next hint may do better
            _log.warning("no job could be claimed", error=repr(error))
            await self._announcer.work(self._target)
            await asyncio.sleep(_RECONNECT_SECONDS)
            return True
        # Taken in the moment when the last slot was filled, or of jobs for which there is no slot.
        full = slots.packed if self._short else slots.full
        if full and (not taken or (hints > 1 and slots.more)):
            await self._announcer.work(self._target)
            return True
        return taken

    async def run(self, slots: Slots) -> None:
        """Hear hints until cancelled, and come back as often as Redis does."""
        while True:
            redis = connect(self._redis_url)
            try:
                await self._make(redis, slots).main()
            except BUS_ERRORS as error:
                _log.warning("bus lost", error=str(error))
            finally:
                await _close(redis)
            await asyncio.sleep(_RECONNECT_SECONDS)

    def _make(self, redis: ArqRedis, slots: Slots) -> Worker:
        return _Listener(
            self,
            slots,
            queue_name=queue_name(self._target),
            redis_pool=redis,
            handle_signals=False,
            poll_delay=self._poll_delay,
            job_serializer=serialize,
            job_deserializer=deserialize,
        )


async def _close(redis: ArqRedis) -> None:
    with contextlib.suppress(*BUS_ERRORS):
        await redis.aclose()
        # Its own, so that nobody else closes it. What arq is saying just now it may end.
        await redis.connection_pool.disconnect(inuse_connections=False)
