"""Whether a process still answers."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from quws.processes.watchdog import Watchdog

SECONDS = 10


class Asked:
    """Answers as it is told to, question by question; lets the test wait for the next."""

    def __init__(self) -> None:
        self.answers: SimpleQueue[bool] = SimpleQueue()
        self._waits = threading.Semaphore(0)

    def __call__(self) -> bool:
        self._waits.release()
        return self.answers.get()

    def hears(self, *answers: bool) -> None:
        """Give these answers, each to a question, and wait until the next one is asked."""
        for answer in answers:
            self.answers.put(answer)
            self.next()

    def next(self) -> None:
        """Wait for a question: what was answered before is counted then."""
        assert self._waits.acquire(timeout=SECONDS)


def test_silence_is_several_questions_in_a_row_without_an_answer() -> None:
    asked = Asked()
    dog = Watchdog(asked, pause=0, failures=3)
    dog.start()
    asked.next()
    asked.hears(False, False, True, False, False, False)
    assert dog.silent
    dog.forget()
    asked.hears(False)
    assert not dog.silent


def test_one_answer_is_enough() -> None:
    asked = Asked()
    dog = Watchdog(asked, pause=0, failures=2)
    dog.start()
    asked.next()
    asked.hears(False, False, True, True)
    assert not dog.silent
