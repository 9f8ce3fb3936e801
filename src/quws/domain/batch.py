"""The circuits of a batch, one by one: where each stands, and what becomes of the others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from quws.domain.errors import InvalidParameter
from quws.domain.phases import FINAL, Phase

MOST_NAMED = 20
"""Of so many circuits a sentence says which; of more it says the first ones."""
_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


class OnError(StrEnum):
    """What becomes of the other circuits when one cannot be run."""

    STOP = "stop"
    """The job ends in ERROR."""
    CONTINUE = "continue"
    """They run."""


class CircuitStatus(StrEnum):
    """Where one circuit of a job stands."""

    WAITING = "waiting"
    """It has no result yet."""
    COMPLETED = "completed"
    FAILED = "failed"
    ABORTED = "aborted"
    """Somebody wanted it to be left out, or the job was aborted before its turn."""
    SKIPPED = "skipped"
    """Its job ended in ERROR before its turn."""


LEFT_OUT = frozenset({CircuitStatus.FAILED, CircuitStatus.ABORTED})
"""In which a circuit is over and has no result."""


@dataclass(frozen=True, slots=True)
class CircuitState:
    """Where one circuit of a job stands.

    The times are those of the circuits that were done together with it.
    """

    index: int
    status: CircuitStatus
    message: str | None = None
    attempt: int | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None


def of_the_rest(phase: Phase, *, failed: bool) -> CircuitStatus:
    """Return where the circuits of a job stand that have neither a result nor an end of their own.

    They end with their job, which need not write that to each. ``failed`` says whether it has an
    error: an ARCHIVED one may have.
    """
    if phase not in FINAL:
        return CircuitStatus.WAITING
    return CircuitStatus.SKIPPED if failed else CircuitStatus.ABORTED


def why_missing(status: str, message: str | None) -> str:
    """Return why a circuit that is over has no result."""
    return f"{status}: {message}" if message else status


def read_indices(texts: Iterable[str], count: int) -> set[int]:
    """Return the circuits that are meant by indices and ranges, as in ``3,5-9``.

    Raises
    ------
    InvalidParameter
        It is something else, or the job has no such circuit.

    """
    wanted: set[int] = set()
    for text in texts:
        for part in text.split(","):
            found = _RANGE.fullmatch(part.strip())
            first = last = count
            if found is not None:
                first, last = int(found[1]), int(found[2] or found[1])
            if not first <= last < count:
                raise InvalidParameter(
                    f"INDEX must be indices of circuits from 0 to {count - 1}, as in 3,5-9, not"
                    f" '{part[:40]}'",
                    parameter="INDEX",
                )
            wanted.update(range(first, last + 1))
    if not wanted:
        raise InvalidParameter("INDEX is missing: which circuits, as in 3,5-9", parameter="INDEX")
    return wanted


def named(indices: Iterable[int]) -> str:
    """Write indices for people, as in ``3, 5 to 9``; of many the first ones."""
    runs: list[list[int]] = []
    for index in sorted(indices):
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    shown = [
        str(first) if first == last else f"{first} to {last}" for first, last in runs[:MOST_NAMED]
    ]
    return ", ".join([*shown, *(["…"] if len(runs) > MOST_NAMED else [])])
