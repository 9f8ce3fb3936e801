"""Keeps a target to one worker: hardware must not hear two voices."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from time import monotonic

import structlog

from quws.store.database import StoreUnavailable
from quws.store.target_locks import TargetLockStore

_log = structlog.get_logger(__name__)


class TargetLock:
    """The lock of a worker on its target.

    As long as another worker has it this one stands by, and takes over when
    the other gives it back or is not heard of any more. ``holder`` is new with
    every start, so that a restarted worker is not taken for its predecessor.
    """

    def __init__(self, store: TargetLockStore, target: str, seconds: float) -> None:
        self._store = store
        self._target = target
        self._seconds = seconds
        self._until = 0.0
        self.holder = str(uuid.uuid4())

    async def acquire(self, stop: asyncio.Event) -> bool:
        """Wait until the target is ours. Whether it is; if not, ``stop`` was set."""
        told = False
        while not stop.is_set():
            if await self._take():
                _log.info("target held", target=self._target)
                return True
            if not told:
                _log.info("standing by: another worker holds the target", target=self._target)
                told = True
            await self._wait(stop)
        return False

    async def keep(self, stop: asyncio.Event) -> None:
        """Renew the lock until it is lost, or until ``stop`` is set."""
        while not stop.is_set():
            await self._wait(stop)
            if not await self._take() and monotonic() >= self._until:
                _log.warning("target lost to another worker", target=self._target)
                return

    async def release(self) -> None:
        """Give the target free; if that fails, the lock ends by itself."""
        with contextlib.suppress(StoreUnavailable):
            await self._store.drop(self._target, self.holder)

    async def _take(self) -> bool:
        asked = monotonic()
        try:
            taken = await self._store.take(self._target, self.holder, self._seconds)
        except StoreUnavailable as error:
            _log.warning("database unavailable", error=str(error))
            return False
        # Refused, it is surely not ours, however long it might have been.
        self._until = asked + self._seconds if taken else 0.0
        return taken

    async def _wait(self, stop: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._seconds / 4):
                await stop.wait()
