"""Running one process of the service until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from quws.cli.configuration import read_settings
from quws.cli.options import stop
from quws.processes.allocator import give_back_large_blocks
from quws.processes.runtime import configure_telemetry
from quws.sandbox.confine import die_with_parent
from quws.settings import Settings
from quws.store.database import StoreUnavailable
from quws.telemetry import tracing


def run(name: str, process: Callable[[Settings], Awaitable[None]]) -> None:
    """Run a process to its end; a fault of its settings or its database is one sentence."""
    give_back_large_blocks()
    configure_telemetry(name)
    die_with_supervisor()

    async def whole() -> None:
        await process(read_settings())

    try:
        _run(whole())
    except (StoreUnavailable, ValueError) as error:
        stop(str(error))
    finally:
        tracing.shutdown()


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run it on the loop that the API has: half the work for what comes and goes."""
    if sys.platform == "win32":
        asyncio.run(work)
    else:
        import uvloop  # noqa: PLC0415

        uvloop.run(work)


def die_with_supervisor() -> None:
    """Let this process end with the ``quws serve`` that started it, if one did."""
    parent = os.environ.pop("QUWS_SUPERVISOR", None)
    if parent is not None:
        die_with_parent(int(parent))
