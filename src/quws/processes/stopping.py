"""Being told to stop, or that a child has ended, for a process that has no event loop."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from queue import Empty, SimpleQueue


class StopSignal:
    """Hears signals that tell this process to stop, and wakes up when a child of it ends.

    Not a ``threading.Event``: a handler runs in the main thread between two of its steps, and
    setting the event while that thread is about to wait for it would wait for itself for ever.
    Putting something into a ``SimpleQueue`` is safe at any moment.
    """

    def __init__(self, signals: Iterable[signal.Signals]) -> None:
        self._heard: SimpleQueue[int] = SimpleQueue()
        for sig in signals:
            signal.signal(sig, lambda number, _frame: self._heard.put(number))
        signal.signal(signal.SIGCHLD, lambda number, _frame: self._heard.put(number))

    def wait(self, seconds: float) -> bool:
        """Wait for a signal, or the end of a child. Whether to stop, now or since the last time."""
        try:
            return self._heard.get(timeout=seconds) != signal.SIGCHLD
        except Empty:
            return False
