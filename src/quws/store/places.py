"""How many may use a database at once."""

from __future__ import annotations

import asyncio

PATIENCE_SECONDS = 30.0
"""How long to wait for a connection that others use, or for a lock that another process has."""


class Places:
    """So many connections, each used by one at a time."""

    def __init__(self, size: int) -> None:
        self._free = asyncio.Semaphore(size)

    async def take(self) -> None:
        """Take one of them, which is to be given back.

        Raises
        ------
        TimeoutError
            All are in use, and stay so.

        """
        if not self._free.locked():
            await self._free.acquire()  # Whoever finds one free needs no alarm clock.
            return
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._free.acquire()

    def give(self) -> None:
        """Give one back."""
        self._free.release()
