"""What is done again and again beside everything else, whatever becomes of one time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from quws.store.database import StoreUnavailable

_log = structlog.get_logger(__name__)


async def repeat(turn: Callable[[], Awaitable[None]], pause: float, failed: str) -> None:
    """Take a turn, pause for so many seconds, and begin anew, until cancelled.

    A database that is away is a line in the log; any other failure is logged as ``failed``, with
    its traceback. Either way the next turn may do better, and nobody else would take it.
    """
    while True:
        try:
            await turn()
        except StoreUnavailable as error:
            _log.warning("database unavailable", error=str(error))
        except Exception:  # noqa: BLE001 - who stops would never do it again
            _log.exception(failed)
        await asyncio.sleep(pause)
