"""What quws refuses, as types: each with a stable code and one clear sentence."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar


class Refusal(Exception):
    """Something that a client asked for and will not get.

    ``code`` is stable and meant for programs; the sentence names the parameter
    and what is allowed, and is shown to the user as it stands.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, sentence: str, *, parameter: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.parameter = parameter


class InvalidParameter(Refusal):
    """A parameter is unknown, malformed or out of its range (at job creation or update)."""

    code = "invalid_parameter"


class KindNotSupported(InvalidParameter):
    """KIND asks for work that the target does not do."""

    code = "job_type_not_supported"


class InvalidFilter(Refusal):
    """A query parameter of a reading request (PHASE, AFTER, LAST, WAIT) is malformed."""

    code = "invalid_filter"


class InvalidCircuit(Refusal):
    """The circuit cannot be read, or is not one that the target can run.

    ``line`` and ``column`` count from 1 and are None where no place can be
    named; ``circuit`` is the index within a batch.
    """

    code = "invalid_payload"

    def __init__(
        self,
        sentence: str,
        *,
        line: int | None = None,
        column: int | None = None,
        circuit: int = 0,
    ) -> None:
        super().__init__(sentence, parameter="CIRCUIT")
        self.line = line
        self.column = column
        self.circuit = circuit


class UnknownTarget(Refusal):
    """TARGET names no target of this service."""

    code = "unknown_target"


class KeyUsed(Refusal):
    """The Idempotency-Key belongs to another request, or to one whose job is gone."""

    code = "idempotency_key_used"


class TooLarge(Refusal):
    """A request body or one of its parts is larger than the service takes."""

    code = "too_large"


class QuotaExceeded(Refusal):
    """The owner, or a group, has as much as they may have: 429 where that frees itself in time.

    ``limit`` says of what, ``most`` how much that is and ``used`` how much they have. ``frees`` is
    when it is free again by itself, ``seconds`` in how many seconds that is.
    """

    code = "quota_exceeded"

    def __init__(
        self,
        sentence: str,
        *,
        limit: str | None = None,
        group: str | None = None,
        most: int | None = None,
        used: int | None = None,
        frees: datetime | None = None,
        seconds: int | None = None,
    ) -> None:
        super().__init__(sentence)
        self.limit = limit
        self.group = group
        self.most = most
        self.used = used
        self.frees = frees
        self.seconds = seconds


class TimeslotRequired(Refusal):
    """The target runs jobs in booked timeslots only, and TIMESLOT=required does not say so."""

    code = "timeslot_required"


class NoBookedTimeslots(Refusal):
    """The job is to run in its owner's timeslots on the target, and none is booked."""

    code = "no_booked_timeslots"


class TimeslotTaken(Refusal):
    """The target is booked for that time, or a part of it."""

    code = "timeslot_taken"


class SessionClosed(Refusal):
    """The session of SESSION takes no jobs any more: it was closed, or its time is over."""

    code = "session_closed"


class NotFound(Refusal):
    """There is no such job, child, result or parameter."""

    code = "not_found"


class Forbidden(Refusal):
    """The job belongs to somebody else."""

    code = "forbidden"


class IllegalMove(Refusal):
    """The job's phase does not allow what was asked."""

    code = "illegal_in_phase"


class Unavailable(Refusal):
    """The service cannot do this right now; asking again later may work."""

    code = "unavailable"


class OutcomeUnknown(Unavailable):
    """The database went away while a job was written: it may be there or not."""

    code = "outcome_unknown"


class TooManyRequests(Unavailable):
    """The caller asks more than it may at once; `Retry-After` says when to ask again."""

    code = "too_many_requests"

    def __init__(self, sentence: str, *, parameter: str | None = None, seconds: int = 5) -> None:
        super().__init__(sentence, parameter=parameter)
        self.seconds = seconds


class StorageFull(Unavailable):
    """The disk is nearly full (``QUWS_MIN_FREE_SPACE``): new jobs must wait, all else goes on."""

    code = "insufficient_storage"


class Unauthenticated(Refusal):
    """No or wrong credentials where credentials are needed."""

    code = "unauthenticated"
