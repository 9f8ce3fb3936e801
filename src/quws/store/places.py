"""How many may use a database at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PATIENCE_SECONDS = 30.0
"""How long to wait for a connection that others use, or for a lock that another process has."""


class Places:
    """So many connections, each used by one at a time."""

    def __init__(self, size: int) -> None:
        self._free = asyncio.Semaphore(size)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Have one of them while the block lasts.

        Raises
        ------
        TimeoutError
            All are in use, and stay so.

        """
        # Whoever finds one free needs no alarm clock.
        async with asyncio.timeout(PATIENCE_SECONDS if self._free.locked() else None):
            await self._free.acquire()
        try:
            yield
        finally:
            self._free.release()
