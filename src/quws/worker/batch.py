"""Which circuits of a job in hand get no result, and which one runs just now."""

from __future__ import annotations

from collections.abc import Container, Mapping

from quws.domain.batch import CircuitState, CircuitStatus, named, why_missing
from quws.domain.words import counted


def told_of(circuits: range, count: int, engine: str, failed: Mapping[int, str]) -> tuple[str, str]:
    """Return what the timeline says of circuits that are done: the status, and the sentence."""
    which = f"circuit {circuits[0]}"
    if len(circuits) > 1:
        which = f"circuits {circuits[0]} to {circuits[-1]}"
    sentence = f"{which} of {count}{f' on {engine}' if engine else ''}"
    if not failed:
        return "circuit done", sentence
    first = min(failed)
    status = "circuit done" if engine else "circuit failed"
    return status, f"{sentence}; failed: {named(failed)} ({first}: {failed[first]})"


class Batch:
    """The circuits of a job while a worker has it.

    Its child is told of those that get no result when it begins, and of no more. Where it comes to
    another one that was aborted meanwhile it is stopped, and another child goes on behind that.

    Parameters
    ----------
    circuits
        How many there are.

    """

    def __init__(self, circuits: int) -> None:
        self._circuits = circuits
        self._done: Container[int] = ()
        self._told: dict[int, str] = {}
        self._failed: dict[int, str] = {}
        self._aborted: dict[int, str] = {}
        self.aborted_known = 0
        """How many were aborted when somebody looked last."""
        self.aborted_told = 0
        """How many of them the child knows of."""
        self.running: int | None = None
        """The circuit that runs, as far as that is known: None before the first one, and where
        they do not run one after the other.
        """
        self.elsewhere = False
        """Whether another service has the circuits, which must hear of those that are aborted."""

    @property
    def missing(self) -> dict[int, str]:
        """Why circuits are over without a result."""
        return self._failed | self._aborted

    def learn(self, states: list[CircuitState]) -> None:
        """Take note of the circuits that are over without a result, by what is written of them."""
        for item in states:
            kind = self._failed if item.status is CircuitStatus.FAILED else self._aborted
            kind[item.index] = why_missing(item.status, item.message)
        self.aborted_known = len(self._aborted)

    def begin(self, done: Container[int]) -> dict[int, str]:
        """Return what a child is told that begins; ``done`` are circuits that have a result."""
        self._done = done
        self._told = self.missing
        self.running = None
        self.aborted_told = len(self._aborted)
        return self._told

    def started(self, index: int) -> None:
        """Take note that circuits run one after the other from now on, and this one first."""
        self.running = index

    def failed(self, index: int, sentence: str) -> None:
        """Take note that a circuit could not be run."""
        self._failed[index] = why_missing(CircuitStatus.FAILED, sentence)

    def ended(self, index: int) -> None:
        """Take note that a circuit is over: the next one runs that is to run."""
        if self.running is None:
            return
        done, told, failed = self._done, self._told, self._failed
        further = range(index + 1, self._circuits)
        coming = (i for i in further if i not in done and i not in told and i not in failed)
        self.running = next(coming, None)

    def is_stopped(self) -> bool:
        """Whether the child is to make way for one that knows what is not wanted any more."""
        if self.elsewhere:
            return self.aborted_known > self.aborted_told
        return self.running is not None and self.running in self._aborted

    def is_gap(self, circuits: range) -> bool:
        """Whether all of some circuits are over without a result."""
        return all(index in self._failed or index in self._aborted for index in circuits)

    def sentence(self) -> str | None:
        """Say which circuits have no result; None if all have one."""
        parts = [
            f"{counted(len(found), 'circuit')} {word}: {named(found)}"
            for word, found in (("failed", self._failed), ("aborted", self._aborted))
            if found
        ]
        return "; ".join(parts) or None
