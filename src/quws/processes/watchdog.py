"""Whether a process still answers, asked beside everything else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_PAUSE_SECONDS = 5.0
_FAILURES = 8


class Watchdog:
    """Asks a process now and then, in a thread of its own, whether it is still there.

    It counts questions without an answer and not the time since the last one: a machine that
    was suspended, or a supervisor that was, says nothing about the process.

    Parameters
    ----------
    answers
        Asks once, and waits for the answer no longer than some seconds.
    failures
        How many questions in a row without an answer mean that there is nobody.

    """

    def __init__(
        self,
        answers: Callable[[], bool],
        *,
        pause: float = _PAUSE_SECONDS,
        failures: int = _FAILURES,
    ) -> None:
        self._answers = answers
        self._pause = pause
        self._limit = failures
        self._failures = 0

    @property
    def silent(self) -> bool:
        """Whether the process has left too many questions in a row without an answer."""
        return self._failures >= self._limit

    def start(self) -> None:
        """Begin to ask, for as long as this process lives."""
        threading.Thread(target=self._ask, name="watchdog", daemon=True).start()

    def forget(self) -> None:
        """Begin to count anew, for a process that has just begun."""
        self._failures = 0

    def _ask(self) -> None:
        while True:
            self._failures = 0 if self._answers() else self._failures + 1
            time.sleep(self._pause)
