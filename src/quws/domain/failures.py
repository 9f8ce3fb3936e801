"""Why a job ends in ERROR. The table in docs/reference/errors.md is written from this."""

from __future__ import annotations

from enum import StrEnum

from quws.domain.errors import Refusal
from quws.domain.job import ErrorType, JobError


class Fault(StrEnum):
    """Whose fault a failure is, and so who can do something about it."""

    USER = "the user's"
    TARGET = "the target's"
    SERVICE = "the service's"


class Failure(StrEnum):
    """A reason for which a job ends in ERROR.

    The value is the code that clients get. ``transient`` says whether the same job may work when
    it is sent again; None where that depends on what happened. The names in braces in
    ``sentence`` are what ``error`` must be given.
    """

    fault: Fault
    transient: bool | None
    sentence: str

    def __new__(cls, code: str, fault: Fault, transient: bool | None, sentence: str) -> Failure:
        """Make a member of its code and what there is to know of it."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.fault = fault
        member.transient = transient
        member.sentence = sentence
        return member

    INVALID_PAYLOAD = "invalid_payload", Fault.USER, False, "{why}"
    INVALID_PARAMETER = "invalid_parameter", Fault.USER, False, "{why}"
    OUT_OF_MEMORY = (
        "out_of_memory",
        Fault.USER,
        False,
        "the job needs more memory than the target's limit allows",
    )
    RESULT_TOO_LARGE = (
        "result_too_large",
        Fault.USER,
        False,
        "a result is larger than the {bytes} bytes that a file may have",
    )
    PROCESS_DIED = (
        "process_died",
        Fault.USER,
        None,
        "the process that ran the circuits died in each of {attempts} attempts: {how}",
    )
    EXECUTION_FAILED = "execution_failed", Fault.TARGET, None, "{what} could not be run: {why}"
    TARGET_RETIRED = (
        "target_retired",
        Fault.TARGET,
        False,
        "{why}; send the job to another target",
    )
    REMOTE_FAILED = "remote_failed", Fault.TARGET, None, "it failed at the other side: {why}"
    REMOTE_CANCELLED = (
        "remote_cancelled",
        Fault.TARGET,
        True,
        "it was cancelled at the other side: {why}",
    )
    SUBMISSION_GONE = (
        "submission_gone",
        Fault.TARGET,
        True,
        "the other side has lost the job: {why}",
    )
    SUBMISSION_IN_DOUBT = (
        "submission_in_doubt",
        Fault.TARGET,
        True,
        "nobody can tell whether the other side has got the job ({why}); it is not sent again,"
        " lest it run twice",
    )
    DISK = "disk", Fault.SERVICE, True, "a result could not be written: {why}"
    NOT_STARTED = "not_started", Fault.SERVICE, True, "a file of the job is gone: {what}"
    WORKER_LOST = (
        "worker_lost",
        Fault.SERVICE,
        True,
        "the worker was lost {attempts} times while it ran this job",
    )
    INTERNAL_ERROR = (
        "internal_error",
        Fault.SERVICE,
        True,
        "the worker could not run the job; its log says why",
    )

    def error(
        self, *, transient: bool | None = None, detail: str | None = None, **words: object
    ) -> JobError:
        """Return the error of a job that failed for this reason.

        Parameters
        ----------
        transient
            Whether the same job may work when it is sent again; only, and always, for a reason
            that leaves it open.
        detail
            What ``/error`` adds to the sentence.
        words
            What stands in the sentence in place of the names in braces.

        """
        if (self.transient is None) == (transient is None):
            raise ValueError(f"{self.name}: transient must be said exactly where it is open")
        again = self.transient if transient is None else transient
        kind = ErrorType.TRANSIENT if again else ErrorType.FATAL
        return JobError(kind, self, self.sentence.format(**words), detail)


def refused(refusal: Refusal) -> JobError:
    """Return the error of a job that was refused only when it was to be run."""
    # Targets may refuse with these two only; should one do otherwise, its sentence says more.
    refused_circuit = refusal.code == Failure.INVALID_PAYLOAD
    failure = Failure.INVALID_PAYLOAD if refused_circuit else Failure.INVALID_PARAMETER
    return failure.error(why=refusal.sentence)
