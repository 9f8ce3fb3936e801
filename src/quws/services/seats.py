"""Seats for what few can do at once, shared among those who ask."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class QueueFull(Exception):
    """The caller has as many requests waiting as one may have."""


class NoSeat(Exception):
    """There was none for the caller in time. ``alone`` if it waited for nobody but itself."""

    def __init__(self, *, alone: bool) -> None:
        super().__init__()
        self.alone = alone


class Seats:
    """Gives each caller one seat at a time, and seats callers who wait one after the other.

    However much one of them sends, the next seat is somebody else's.

    Parameters
    ----------
    count
        How many seats there are.
    queue
        How many requests of one caller may wait.
    seconds
        How long a request waits.

    """

    def __init__(self, count: int, *, queue: int, seconds: float) -> None:
        self._count = count
        self._queue = queue
        self._seconds = seconds
        self._seated: set[Hashable] = set()
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def seat(self, caller: Hashable) -> AsyncIterator[None]:
        """Wait for a seat, and have it while the block lasts.

        Raises
        ------
        QueueFull
            Too many requests of this caller wait already.
        NoSeat
            It took too long.

        """
        await self._wait(caller)
        try:
            yield
        finally:
            self._leave(caller)

    async def _wait(self, caller: Hashable) -> None:
        if len(self._waiting.get(caller, ())) >= self._queue:
            raise QueueFull
        seat: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(seat)
        self._fill()
        try:
            async with asyncio.timeout(self._seconds):
                await seat
        except BaseException as error:
            if seat.cancelled():
                alone = caller in self._seated
                self._forget(caller, seat)
            else:
                # It came in the moment in which nobody wanted it any more.
                alone = False
                self._leave(caller)
            if isinstance(error, TimeoutError):
                raise NoSeat(alone=alone) from None
            raise

    def _leave(self, caller: Hashable) -> None:
        self._seated.remove(caller)
        if caller in self._waiting:
            self._waiting.move_to_end(caller)
        self._fill()

    def _forget(self, caller: Hashable, seat: asyncio.Future[None]) -> None:
        queue = self._waiting.get(caller, deque())
        if seat in queue:
            queue.remove(seat)
            if not queue:
                del self._waiting[caller]

    def _fill(self) -> None:
        while len(self._seated) < self._count:
            # Only those who have a seat are passed over, and they are few.
            caller = next((item for item in self._waiting if item not in self._seated), self)
            if caller is self:
                return
            queue = self._waiting.pop(caller)
            seat = queue.popleft()
            if queue:
                self._waiting[caller] = queue
            if not seat.done():
                self._seated.add(caller)
                seat.set_result(None)
