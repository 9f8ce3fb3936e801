"""In a child: what the user is told of a job while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterable

from quws.domain.circuits import MOST_NOTES
from quws.sandbox.messages import Note, Progress
from quws.sandbox.roles import Connection


class Teller:
    """Tells the user how a job gets on, through the worker: briefly, and nothing twice."""

    _PAUSE_SECONDS = 0.5

    def __init__(self, connection: Connection, circuits: int) -> None:
        self._connection = connection
        self._circuits = circuits
        self._told: set[str] = set()
        self._next = time.monotonic() + self._PAUSE_SECONDS
        self.circuit = 0

    def notes(self, notes: Iterable[str], *, soon: bool = False) -> None:
        """Add to the timeline what has not been said of an earlier circuit of the job.

        ``soon`` says that more will be told within a moment: then it goes with that.
        """
        send = self._connection.send_soon if soon else self._connection.send
        for note in notes:
            if note not in self._told and len(self._told) < MOST_NOTES:
                self._told.add(note)
                send(Note(sentence=f"{self._which()}{note}"))

    def progress(self, part: float, sentence: str | None) -> None:
        """Say how far the circuit is. What comes too soon after the last word is left out."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._PAUSE_SECONDS
            text = sentence or f"{round(100 * part)} % done"
            self._connection.send(Progress(sentence=f"{self._which()}{text}"))

    def _which(self) -> str:
        return "" if self._circuits == 1 else f"circuit {self.circuit} of {self._circuits}: "
