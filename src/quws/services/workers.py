"""Workers as operators look at them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog

from quws.bus.connection import BusUnavailable
from quws.bus.dispatcher import Dispatcher, UnfitWorker

_LIMIT_SECONDS = 2.0
_log = structlog.get_logger(__name__)


class Workers:
    """What workers say of themselves."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def unfit(self, targets: Iterable[str]) -> list[UnfitWorker]:
        """Return the workers of some targets that cannot run jobs; none while the bus is away."""
        found: list[UnfitWorker] = []
        try:
            async with asyncio.timeout(_LIMIT_SECONDS):
                for target in targets:
                    found += await self._dispatcher.unfit(target)
        except (BusUnavailable, TimeoutError) as error:
            _log.warning("workers not asked", error=str(error))
        return found
