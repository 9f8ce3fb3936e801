"""How many connections a server may have, and which of them gives way to a new one."""

from __future__ import annotations

import resource
from typing import Protocol

import structlog

_RESERVE = 256
"""Files that a process opens besides: the database, the bus, uploads, children."""
_log = structlog.get_logger(__name__)


class Waiting(Protocol):
    """A connection, as far as it can be given up."""

    def give_way(self) -> None:
        """End, since another one needs the place."""


class Connections:
    """Counts the connections of a server, and knows which of them owe it a request.

    Whoever is answered keeps the place. Of those that have not sent a whole request the one
    that has taken longest gives way to a new connection, so that nobody can keep others out by
    holding connections open.

    Parameters
    ----------
    limit
        How many there may be at once.

    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._full = False
        self._owing: dict[Waiting, None] = {}

    def opened(self, connection: Waiting) -> None:
        """Count a new connection, and end another one if there are too many."""
        self._count += 1
        self._owing[connection] = None
        if self._count > self._limit:
            self._tell(full=True)
            oldest = next(iter(self._owing))
            del self._owing[oldest]
            oldest.give_way()

    def owes(self, connection: Waiting) -> None:
        """Note that a connection has its answer, and nothing else to wait for."""
        self._owing[connection] = None

    def asked(self, connection: Waiting) -> None:
        """Note that a connection has sent a whole request."""
        self._owing.pop(connection, None)

    def closed(self, connection: Waiting) -> None:
        """Forget a connection."""
        self._count -= 1
        self._owing.pop(connection, None)
        if self._count < self._limit // 2:
            self._tell(full=False)

    def _tell(self, *, full: bool) -> None:
        if full and not self._full:
            _log.warning("too many connections", limit=self._limit)
        self._full = full


def room_for(wanted: int) -> int:
    """Let this process have so many connections, and return how many the system grants it.

    A connection is an open file, and of these a process may have some 1,000 by default where
    the system would give it many more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _RESERVE
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    granted = wanted if soft == resource.RLIM_INFINITY else min(wanted, soft - _RESERVE)
    if granted < wanted:
        _log.warning("fewer connections than set", wanted=wanted, granted=granted, open_files=hard)
    return max(granted, 1)
