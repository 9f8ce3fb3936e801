"""Hints to workers, carried by arq: *there is work for this target*."""

from __future__ import annotations

from arq.connections import ArqRedis
from arq.constants import health_check_key_suffix

from quws.bus.connection import BUS_ERRORS, BusUnavailable

FUNCTION = "work"
"""The name under which workers register what a hint starts."""


def queue_name(target: str) -> str:
    """Return the name of a target's arq queue."""
    return f"quws:{target}"


def wake_channel(target: str) -> str:
    """Return where a target's workers are told to look into their queue now."""
    return f"quws:work:{target}"


class Dispatcher:
    """Wakes the workers of a target when a job waits.

    A hint names no job: the worker asks the database for the best one. So a
    lost hint costs time and a doubled one nothing.
    """

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis

    async def hint(self, target: str) -> None:
        """Wake one worker of a target.

        Raises
        ------
        BusUnavailable
            The hint is lost; a sweep will send another.

        """
        try:
            await self._redis.enqueue_job(FUNCTION, _queue_name=queue_name(target))
            # arq asks; who waits for work should not have to ask all the time.
            await self._redis.publish(wake_channel(target), b"")
        except BUS_ERRORS as error:
            raise BusUnavailable(str(error)) from error

    async def waiting(self, target: str) -> int:
        """Return how many hints no worker has taken yet.

        Raises
        ------
        BusUnavailable
            Redis cannot be reached.

        """
        try:
            return int(await self._redis.zcard(queue_name(target)))
        except BUS_ERRORS as error:
            raise BusUnavailable(str(error)) from error

    async def attended(self, target: str) -> bool:
        """Return whether a worker of a target has listened within the last seconds.

        Raises
        ------
        BusUnavailable
            Redis cannot be reached.

        """
        try:
            # Where arq's workers say that they are well, each over the others.
            return bool(await self._redis.exists(f"{queue_name(target)}{health_check_key_suffix}"))
        except BUS_ERRORS as error:
            raise BusUnavailable(str(error)) from error

    async def probe(self) -> None:
        """Make sure that Redis answers.

        Raises
        ------
        BusUnavailable
            It does not.

        """
        try:
            await self._redis.ping()
        except BUS_ERRORS as error:
            raise BusUnavailable(str(error)) from error
