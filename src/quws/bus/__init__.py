"""Wakes somebody up: hints to workers (arq) and news to waiters (pub/sub).

Nothing here is the truth. Everything may be lost or come twice.
"""

from quws.bus.connection import BusUnavailable, connect, redis_settings
from quws.bus.dispatcher import Dispatcher, queue_name
from quws.bus.events import EventHub, JobEvent, Watch

__all__ = [
    "BusUnavailable",
    "Dispatcher",
    "EventHub",
    "JobEvent",
    "Watch",
    "connect",
    "queue_name",
    "redis_settings",
]
