"""Keeps the metrics of the queues true, for whoever reads them."""

from __future__ import annotations

import asyncio
from time import monotonic

import structlog

from quws.domain.clock import Clock, utc_now
from quws.store.database import StoreUnavailable
from quws.store.queues import QueueStore
from quws.telemetry import metrics

_FRESH_SECONDS = 2.0
_LIMIT_SECONDS = 3.0
_log = structlog.get_logger(__name__)


class Queues:
    """Counts what waits, at most every two seconds however often it is asked."""

    def __init__(self, store: QueueStore, clock: Clock = utc_now) -> None:
        self._store = store
        self._clock = clock
        self._fresh_until = 0.0

    async def refresh(self) -> None:
        """Count again. With the database away the metrics stay as they were."""
        if monotonic() < self._fresh_until:
            return
        self._fresh_until = monotonic() + _FRESH_SECONDS
        try:
            async with asyncio.timeout(_LIMIT_SECONDS):
                found = await self._store.lengths()
        except (StoreUnavailable, TimeoutError) as error:
            _log.warning("queues not counted", error=str(error))
            return
        now = self._clock()
        for item in found:
            oldest = 0.0 if item.oldest is None else (now - item.oldest).total_seconds()
            metrics.queue(item.target, item.waiting, max(0.0, oldest), item.executing)
