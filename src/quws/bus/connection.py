"""The one Redis connection pool that the dispatcher and the events share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from quws.domain.errors import Unavailable

BUS_ERRORS = (RedisError, OSError, TimeoutError)
"""What redis-py raises when the server is away, restarting or full."""

CONNECT_SECONDS = 2


class BusUnavailable(Unavailable):
    """Redis cannot be reached.

    ``str()`` is the reason, for operators; users are shown the sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("the service cannot reach its message bus right now; try again later")
        self.args = (reason,)


@contextmanager
def telling() -> Iterator[None]:
    """Tell what redis-py raises when the server is away as `BusUnavailable`."""
    try:
        yield
    except BUS_ERRORS as error:
        raise BusUnavailable(str(error)) from error


def connect(url: str) -> ArqRedis:
    """Make a pool for ``redis://``, ``rediss://`` or ``unix:///SOCKET``; connects when first used.

    A service must be able to start while its Redis is away, hence not arq's own
    ``create_pool``, which insists on an answer.
    """
    options: dict[str, Any] = {"health_check_interval": 30}
    if not url.startswith("unix"):
        options |= {"socket_connect_timeout": CONNECT_SECONDS, "socket_keepalive": True}
    pool = ConnectionPool.from_url(url, **options)
    return ArqRedis(pool, job_serializer=serialize, job_deserializer=deserialize)


def serialize(job: dict[str, Any]) -> bytes:
    """Write an arq job as JSON: pickle would let whoever can write to Redis run code here."""
    return json.dumps(job, default=str).encode()


deserialize: Callable[[bytes], dict[str, Any]] = json.loads
"""Read what ``serialize`` wrote."""
