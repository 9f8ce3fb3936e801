"""Hints to workers, carried by arq: *there is work for this target*."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import cast

from arq.connections import ArqRedis
from arq.constants import health_check_key_suffix, job_key_prefix
from arq.jobs import serialize_job
from arq.utils import timestamp_ms

from quws.bus.connection import serialize, telling
from quws.bus.line import Line

FUNCTION = "work"
"""The name under which workers register what a hint starts."""

_CONTENT_MILLIS = 60_000
"""How long what arq keeps of a hint lasts: nobody reads it, and nobody strikes it off."""

_TOLD_FOR_SECONDS = 15
"""How long a worker that is in trouble is believed to be so without saying it again."""


@dataclass(frozen=True, slots=True)
class UnfitWorker:
    """A worker that could not run its last job, and why."""

    target: str
    worker: str
    why: str


def queue_name(target: str) -> str:
    """Return the name of a target's arq queue."""
    return f"quws:{target}"


def _unfit_name(target: str) -> str:
    return f"quws:unfit:{target}"


class Dispatcher:
    """Wakes the workers of a target when a job waits.

    A hint names no job: the worker asks the database for the best one. So a
    lost hint costs time and a doubled one nothing.
    """

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis
        self._line = Line(redis)

    async def hint(self, target: str) -> None:
        """Wake one worker of a target.

        Raises
        ------
        BusUnavailable
            The hint is lost; a sweep will send another.

        """
        hint, now = uuid.uuid4().hex, timestamp_ms()
        job = serialize_job(FUNCTION, (), {}, None, now, serializer=serialize)
        # As arq's enqueue_job, which first asks whether there is a job of this id already.
        await self._line.say(
            ("PSETEX", job_key_prefix + hint, _CONTENT_MILLIS, job),
            ("ZADD", queue_name(target), now, hint),
        )

    async def waiting(self, target: str) -> int:
        """Return how many hints no worker has taken yet.

        Raises
        ------
        BusUnavailable
            Redis cannot be reached.

        """
        with telling():
            return int(await self._redis.zcard(queue_name(target)))

    async def attended(self, target: str) -> bool:
        """Return whether a worker of a target has listened within the last seconds.

        Raises
        ------
        BusUnavailable
            Redis cannot be reached.

        """
        with telling():
            # Where arq's workers say that they are well, each over the others.
            return bool(await self._redis.exists(f"{queue_name(target)}{health_check_key_suffix}"))

    async def tell_unfit(self, worker: UnfitWorker) -> None:
        """Tell operators that a worker cannot run jobs; believed for some seconds.

        Raises
        ------
        BusUnavailable
            Redis cannot be reached.

        """
        key = _unfit_name(worker.target)
        with telling():
            now, _ = await self._redis.time()
            told = json.dumps({"time": now, "why": worker.why})
            await cast("Awaitable[int]", self._redis.hset(key, worker.worker, told))
            await self._redis.expire(key, _TOLD_FOR_SECONDS)

    async def unfit(self, target: str) -> list[UnfitWorker]:
        """Return the workers of a target that said lately that they cannot run jobs.

        Raises
        ------
        BusUnavailable
            Redis cannot be reached.

        """
        with telling():
            reading = self._redis.hgetall(_unfit_name(target))
            found = await cast("Awaitable[dict[bytes, bytes]]", reading)
            # By the clock of Redis, since it was told by that.
            now, _ = await self._redis.time() if found else (0, 0)
        told = {worker.decode(): json.loads(text) for worker, text in sorted(found.items())}
        return [
            UnfitWorker(target, worker, item["why"])
            for worker, item in told.items()
            if now - item["time"] <= _TOLD_FOR_SECONDS
        ]

    async def probe(self) -> None:
        """Make sure that Redis answers.

        Raises
        ------
        BusUnavailable
            It does not.

        """
        with telling():
            await self._redis.ping()
