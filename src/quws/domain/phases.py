"""The phases of a UWS job and the one table of legal moves between them.

Source: UWS 1.1, section 2.1.3 (figure 3 and the text around it).
"""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """The ten phases that UWS 1.1 knows, spelled as they are served."""

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    EXECUTING = "EXECUTING"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"
    ABORTED = "ABORTED"
    UNKNOWN = "UNKNOWN"
    HELD = "HELD"
    SUSPENDED = "SUSPENDED"
    ARCHIVED = "ARCHIVED"


class Move(StrEnum):
    """Something that is done to a job and may change its phase."""

    QUEUE = "queue"
    """RUN by the client, and there is room in the queue."""
    HOLD = "hold"
    """RUN by the client, but a quota or a missing timeslot forbids queueing."""
    CLAIM = "claim"
    """A worker takes the job."""
    COMPLETE = "complete"
    FAIL = "fail"
    ABORT = "abort"
    """By the client, by the operator or because the execution duration is over."""
    SUSPEND = "suspend"
    """The system stopped an executing job and will go on by itself."""
    REQUEUE = "requeue"
    """The worker was lost: the job goes back into the queue."""
    ARCHIVE = "archive"
    """The destruction time came, and the operator keeps history."""


INITIAL = frozenset({Phase.PENDING, Phase.QUEUED})
"""The phases in which a job may begin: QUEUED if it is to run at once."""

ACTIVE = frozenset({Phase.PENDING, Phase.QUEUED, Phase.EXECUTING})
"""The phases in which WAIT may block (UWS 1.1, section 2.2.1.2)."""

FINAL = frozenset({Phase.COMPLETED, Phase.ERROR, Phase.ABORTED, Phase.ARCHIVED})
"""The phases that a job does not leave again, save for ARCHIVED."""

MOVES: dict[Move, tuple[frozenset[Phase], Phase]] = {
    Move.QUEUE: (frozenset({Phase.PENDING, Phase.HELD}), Phase.QUEUED),
    Move.HOLD: (frozenset({Phase.PENDING, Phase.HELD}), Phase.HELD),
    Move.CLAIM: (frozenset({Phase.QUEUED, Phase.SUSPENDED}), Phase.EXECUTING),
    Move.COMPLETE: (frozenset({Phase.EXECUTING}), Phase.COMPLETED),
    Move.FAIL: (
        frozenset({Phase.PENDING, Phase.HELD, Phase.QUEUED, Phase.EXECUTING, Phase.SUSPENDED}),
        Phase.ERROR,
    ),
    Move.ABORT: (
        frozenset({Phase.PENDING, Phase.HELD, Phase.QUEUED, Phase.EXECUTING, Phase.SUSPENDED}),
        Phase.ABORTED,
    ),
    Move.SUSPEND: (frozenset({Phase.EXECUTING}), Phase.SUSPENDED),
    Move.REQUEUE: (frozenset({Phase.EXECUTING}), Phase.QUEUED),
    Move.ARCHIVE: (frozenset(FINAL - {Phase.ARCHIVED}), Phase.ARCHIVED),
}
"""For each move: the phases from which it is legal, and the phase it leads to."""


def sources(move: Move) -> frozenset[Phase]:
    """Return the phases from which a move is legal."""
    return MOVES[move][0]


def target(move: Move) -> Phase:
    """Return the phase that a move leads to."""
    return MOVES[move][1]
