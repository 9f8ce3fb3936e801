"""Who has requests open that wait for news, and how many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from quws.domain.caller import Caller
from quws.domain.errors import TooManyRequests
from quws.domain.words import counted


class Listeners:
    """Counts the WAITs and event streams that are open, and refuses too many of one caller.

    A user is counted by name, wherever the requests come from; whoever has none by address.

    Parameters
    ----------
    most
        How many one caller may have, 0 for any number.

    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[Hashable] = Counter()

    @contextmanager
    def listening(self, caller: Caller) -> Iterator[None]:
        """Count a request while the block lasts.

        Raises
        ------
        TooManyRequests
            The caller has as many as one may have.

        """
        who = ("address", caller.address) if caller.name is None else ("user", caller.name)
        if self._most and self._open[who] >= self._most:
            raise TooManyRequests(
                f"no more than {counted(self._most, 'request')} of one caller may wait for news"
                " at once (WAIT, /sync, /events, the events of jobs); try again when one has ended"
            )
        self._open[who] += 1
        try:
            yield
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]
