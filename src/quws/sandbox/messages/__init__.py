"""What a worker and its child say to each other: one union each way, one JSON object a line.

Children run code that reads what strangers have written, so whatever comes from one is held to its
model as if it came from the network. What fits none is a ``MessageFault`` and never passed over.
"""

from __future__ import annotations

from typing import Literal

from quws.sandbox.messages.circuits import (
    CheckCircuits,
    CircuitDrawn,
    CircuitFiles,
    CircuitRefused,
    CircuitsChecked,
    CircuitsRewritten,
    CircuitsWritten,
    DrawCircuit,
    ReadCircuits,
    RewriteCircuits,
    SplitCircuits,
)
from quws.sandbox.messages.handovers import (
    Go,
    InDoubt,
    KnownHandover,
    NotSubmitted,
    Submitted,
    Submitting,
    Waiting,
)
from quws.sandbox.messages.parts import (
    FileName,
    Message,
    MessageFault,
)
from quws.sandbox.messages.runs import (
    MOST_SAID,
    MOST_TOGETHER,
    MOST_WANTED,
    SMALL_OUTCOME,
    Calibrated,
    CircuitFailed,
    CircuitFinished,
    CircuitsFinished,
    CircuitsRead,
    CircuitStarted,
    CircuitsWanted,
    JobFailed,
    NoRoom,
    Note,
    Progress,
    ResultFile,
    ResultsWritten,
    RunJob,
)
from quws.sandbox.messages.targets import (
    Cancel,
    CancelAnswer,
    Cancellation,
    Inspect,
    Inspected,
    NotInspected,
)

__all__ = [
    "MOST_SAID",
    "MOST_TOGETHER",
    "MOST_WANTED",
    "SMALL_OUTCOME",
    "Calibrated",
    "Cancel",
    "CancelAnswer",
    "Cancellation",
    "CheckCircuits",
    "CircuitDrawn",
    "CircuitFailed",
    "CircuitFiles",
    "CircuitFinished",
    "CircuitRefused",
    "CircuitStarted",
    "CircuitsChecked",
    "CircuitsFinished",
    "CircuitsRead",
    "CircuitsRewritten",
    "CircuitsWanted",
    "CircuitsWritten",
    "DrawCircuit",
    "FileName",
    "FromChild",
    "Go",
    "InDoubt",
    "Inspect",
    "Inspected",
    "JobFailed",
    "KnownHandover",
    "MessageFault",
    "NoRoom",
    "NotInspected",
    "NotSubmitted",
    "Note",
    "Progress",
    "ReadCircuits",
    "Ready",
    "ResultFile",
    "ResultsWritten",
    "RewriteCircuits",
    "RunJob",
    "SplitCircuits",
    "Submitted",
    "Submitting",
    "ToChild",
    "Waiting",
]


class Ready(Message):
    """The child can take its request."""

    kind: Literal["ready"] = "ready"


ToChild = (
    RunJob
    | CircuitsRead
    | Go
    | Inspect
    | Cancel
    | CheckCircuits
    | DrawCircuit
    | SplitCircuits
    | RewriteCircuits
    | ReadCircuits
)

FromChild = (
    Ready
    | CircuitsWanted
    | CircuitStarted
    | CircuitFinished
    | CircuitsFinished
    | CircuitFailed
    | Note
    | Progress
    | Calibrated
    | ResultsWritten
    | JobFailed
    | NoRoom
    | Waiting
    | Submitting
    | NotSubmitted
    | Submitted
    | InDoubt
    | Inspected
    | NotInspected
    | CancelAnswer
    | CircuitsChecked
    | CircuitsWritten
    | CircuitDrawn
    | CircuitFiles
    | CircuitsRewritten
    | CircuitRefused
)
