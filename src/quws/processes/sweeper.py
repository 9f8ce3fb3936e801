"""The periodic task: enforces execution duration and destruction, and mends what was lost.

A loop of its own rather than arq's cron: what repairs the queue must not hang
on it, and with Redis away the durations must still hold. Any number of
sweepers may run; every step is a guarded statement.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import TypeVar

import structlog

from quws.domain.errors import Unavailable
from quws.processes.backends import (
    Backends,
    make_health,
    make_sender,
    make_sweeps,
    make_target_service,
    open_backends,
)
from quws.processes.monitor import monitored
from quws.processes.runtime import stop_event
from quws.services.queues import Queues
from quws.services.quotes import Quotes
from quws.services.sweeps import Sweeps
from quws.services.targets import TargetService
from quws.services.webhooks.sender import WebhookSender
from quws.settings import Settings
from quws.store.queues import QueueStore
from quws.telemetry import metrics

_WAITING_SECONDS = 10.0
_QUOTES_SECONDS = 5.0
_LOAD_SECONDS = 300.0
_log = structlog.get_logger(__name__)
_T = TypeVar("_T")


async def sweeper(settings: Settings) -> None:
    """Run the periodic task until SIGTERM or SIGINT."""
    stop = stop_event()
    async with open_backends(settings) as backends:
        sweeps = make_sweeps(backends, settings)
        quotes = Quotes(backends.jobs.quotes, announcer=backends.announcer)
        targets = make_target_service(backends)
        health = make_health(backends)
        queues = Queues(QueueStore(backends.database))
        async with (
            monitored(settings.monitor_host, settings.monitor_port, health, queues.refresh),
            sending(backends, settings) as sender,
        ):
            await run_sweeper(
                sweeps, quotes, targets, stop, settings.sweep, settings.orphan_age, sender
            )


@asynccontextmanager
async def sending(backends: Backends, settings: Settings) -> AsyncIterator[WebhookSender]:
    """Send to webhooks while the block lasts."""
    sender = make_sender(backends, settings)
    task = asyncio.create_task(sender.run())
    try:
        yield sender
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def run_sweeper(
    sweeps: Sweeps,
    quotes: Quotes,
    targets: TargetService,
    stop: asyncio.Event,
    pause_seconds: float,
    orphan_seconds: float,
    sender: WebhookSender | None = None,
) -> None:
    """Sweep until told to stop."""
    next_waiting = next_orphans = next_quotes = next_load = 0.0
    while not stop.is_set():
        if (found := await _attempt("clock", sweeps.look)) is not None:
            metrics.swept("clock", 0)
            if found.webhooks and sender is not None:
                sender.wake()
            for name, due, sweep in (
                ("overrun", found.overrun, sweeps.overrun),
                ("lost", found.lost, sweeps.lost),
                ("destruction", found.destruction, sweeps.destruction),
                ("retired", found.retired, sweeps.retired),
                ("garbage", found.garbage, sweeps.garbage),
                ("sessions", found.sessions, sweeps.sessions),
            ):
                if due:
                    await _try(name, sweep)
                else:
                    metrics.swept(name, 0)
        if monotonic() >= next_quotes:
            next_quotes = monotonic() + _QUOTES_SECONDS
            await _try("quotes", quotes.refresh, quiet=True)
            await _try("judged", quotes.judge, quiet=True)
        if monotonic() >= next_waiting:
            next_waiting = monotonic() + _WAITING_SECONDS
            await _try("waiting", lambda: sweeps.waiting(_WAITING_SECONDS))
        if monotonic() >= next_orphans:
            next_orphans = monotonic() + orphan_seconds
            await _try("orphans", sweeps.orphans)
            await _try("keys", sweeps.keys)
            await _try("outbox", sweeps.outbox)
            await _try("webhooks", sweeps.webhooks)
            await _try("use", sweeps.use)
            await _try("quotas", sweeps.quotas)
        if monotonic() >= next_load:
            next_load = monotonic() + _LOAD_SECONDS
            await _try("load", targets.sample_load)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_seconds):
                await stop.wait()


async def _try(name: str, sweep: Callable[[], Awaitable[int]], *, quiet: bool = False) -> None:
    count = await _attempt(name, sweep)
    if count is None:
        return
    metrics.swept(name, 0 if quiet else count)
    if count and not quiet:
        _log.info("swept", sweep=name, count=count)


async def _attempt(name: str, work: Callable[[], Awaitable[_T]]) -> _T | None:
    """Return what comes of a sweep, or None: its fault must not keep others from their duty."""
    try:
        return await work()
    except Unavailable as error:
        metrics.sweep_failed(name)
        _log.warning("sweep failed", sweep=name, error=str(error))
    except Exception:  # noqa: BLE001 - whatever it is
        metrics.sweep_failed(name)
        _log.exception("sweep failed", sweep=name)
    return None
