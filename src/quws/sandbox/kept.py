"""Children that have served, and wait for the next request of their owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from quws.sandbox.child import Child, Owner

_IDLE_SECONDS = 20.0
"""How long one waits before it goes, and its memory with it."""
_LIFE_SECONDS = 300.0
_MOST_REQUESTS = 500
"""After so many, or so long, what libraries lose bit by bit is given back."""


class KeptChildren:
    """Keeps children for their owners, each for one and for no other.

    Parameters
    ----------
    most
        How many wait at most; beyond it the one goes that has waited longest.
    let_go
        What ends one.

    """

    def __init__(self, most: int, let_go: Callable[[Child], None]) -> None:
        self._most = most
        self._let_go = let_go
        self._waiting: dict[Child, float] = {}
        """Since when each waits; the one that came last is the last."""
        self._timer: asyncio.TimerHandle | None = None

    def take(self, owner: Owner) -> Child | None:
        """Return a child of this owner that can take a request, if one waits."""
        for child in reversed(list(self._waiting)):
            if child.owner != owner:
                continue
            del self._waiting[child]
            if child.is_fit():
                return child
            self._let_go(child)
        return None

    def keep(self, child: Child) -> None:
        """Keep a child for its owner, or end it where it cannot serve again."""
        young = child.served < _MOST_REQUESTS and monotonic() - child.born < _LIFE_SECONDS
        if child.owner is None or not young or not child.is_fit():
            self._let_go(child)
            return
        self._waiting[child] = monotonic()
        if len(self._waiting) > self._most:
            self._end(next(iter(self._waiting)))
        if self._timer is None:
            self._look_later()

    def forget(self, child: Child) -> bool:
        """Let a child go that has ended; whether it was one of these."""
        return self._waiting.pop(child, None) is not None

    def clear(self) -> list[Child]:
        """Return those that wait, and keep them no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    def _look_later(self) -> None:
        first = next(iter(self._waiting.values()))
        due = max(0.0, first + _IDLE_SECONDS - monotonic())
        self._timer = asyncio.get_running_loop().call_later(due, self._look)

    def _look(self) -> None:
        self._timer = None
        for child, since in list(self._waiting.items()):
            if monotonic() - since >= _IDLE_SECONDS:
                self._end(child)
        if self._waiting:
            self._look_later()

    def _end(self, child: Child) -> None:
        del self._waiting[child]
        self._let_go(child)
