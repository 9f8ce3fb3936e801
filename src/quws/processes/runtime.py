"""What every process is to the operating system: signals, and the telemetry of its kind."""

from __future__ import annotations

import asyncio
import signal

from quws import __version__
from quws.store.revision import REVISION
from quws.telemetry import logs, metrics, tracing


def stop_event() -> asyncio.Event:
    """Make an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, stop.set)
    return stop


def configure_telemetry(process: str) -> None:
    """Begin to log, count and trace, as the kind of process that this is."""
    logs.configure(process)
    metrics.runs(process, __version__, REVISION)
    tracing.configure(process, __version__)
