"""A connection to Redis on which the same few things are said again and again."""

from __future__ import annotations

import asyncio
from typing import Any

from arq.connections import ArqRedis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as ConnectionLost

from quws.bus.connection import telling

Command = tuple[str | bytes | int, ...]


class Line:
    """Says commands on a connection of its own, as many as there are in one exchange.

    What a client of redis-py does at each command, to find a connection and to see whether it is
    sound, takes three times as long as to say it. Here one is kept, and what was said into one that
    the server has closed since is said again: so only what may come twice.
    """

    def __init__(self, redis: ArqRedis) -> None:
        self._pool = redis.connection_pool
        self._connection: AbstractConnection | None = None
        self._free = asyncio.Lock()

    async def say(self, *commands: Command) -> None:
        """Say commands, and wait until all of them are answered.

        Raises
        ------
        BusUnavailable
            Redis cannot be reached, or refuses one of them.

        """
        with telling():
            async with self._free:
                if self._connection is None:
                    self._connection = await self._pool.get_connection()
                known = self._connection.is_connected
                try:
                    await _exchange(self._connection, commands)
                except (ConnectionLost, OSError):
                    if not known:
                        raise
                    await _exchange(self._connection, commands)


async def _exchange(connection: AbstractConnection, commands: tuple[Command, ...]) -> None:
    packed: list[Any] = []
    for command in commands:
        packed += connection.pack_command(*command)
    # Either closes the connection when it is broken off, so that no answer is taken for another.
    await connection.send_packed_command(packed)
    for _ in commands:
        await connection.read_response()
