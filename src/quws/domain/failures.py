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
    ``sentence`` are what ``error`` must be given. ``advice`` says in the documentation what has
    happened and what to do.
    """

    fault: Fault
    transient: bool | None
    sentence: str
    advice: str

    def __new__(
        cls, code: str, fault: Fault, transient: bool | None, sentence: str, advice: str
    ) -> Failure:
        """Make a member of its code and what there is to know of it."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.fault = fault
        member.transient = transient
        member.sentence = sentence
        member.advice = advice
        return member

    INVALID_PAYLOAD = (
        "invalid_payload",
        Fault.USER,
        False,
        "{why}",
        "The target refused the circuit only when it was to be run: its rules, or what it can do,"
        " are others than when the job was made. The sentence says what is wrong: change the"
        " circuit, or send it to another target.",
    )
    INVALID_PARAMETER = (
        "invalid_parameter",
        Fault.USER,
        False,
        "{why}",
        "A parameter does not suit the circuit or the target as they turned out to be, NOISE or"
        " METHOD for one. The sentence names it: send the job with another value.",
    )
    OUT_OF_MEMORY = (
        "out_of_memory",
        Fault.USER,
        False,
        "the job needs more memory than the target's limit allows",
        "The circuits took more memory than was predicted for them. Fewer qubits, fewer gates"
        " between distant ones, or another METHOD need less; the operator may allow more.",
    )
    RESULT_TOO_LARGE = (
        "result_too_large",
        Fault.USER,
        False,
        "a result is larger than the {bytes} bytes that a file may have",
        "There are too many outcomes for one file. Ask for fewer SHOTS, leave MEMORY away, or send"
        " the circuits as several jobs; the operator may raise `QUWS_MAX_RESULT`.",
    )
    RESULTS_TOO_LARGE = (
        "results_too_large",
        Fault.USER,
        False,
        "the results are larger than the {bytes} bytes that those of one job may have together",
        "There are too many outcomes for one job. Ask for fewer SHOTS, leave MEMORY away, or send"
        " the circuits as several jobs; the operator may raise `QUWS_POLICY__MAX_RESULTS_BYTES`.",
    )
    QUOTA_EXCEEDED = (
        "quota_exceeded",
        Fault.USER,
        True,
        "{why}",
        "The results have no room beside what is kept of the owner's other jobs. Delete some of"
        " those, then send the job again; the operator may raise"
        " `QUWS_POLICY__MAX_STORED_BYTES`.",
    )
    PROCESS_DIED = (
        "process_died",
        Fault.USER,
        None,
        "the process that ran the circuits died in each of {attempts}: {how}",
        "What ran the circuits crashed, or was killed, as often as the job may be tried; `/error`"
        " tells how each attempt ended. Where it is transient the machine was short of memory or"
        " stopped it: send it again. Otherwise the circuit crashes the target: make it smaller or"
        " choose another METHOD, and tell the operator.",
    )
    EXECUTION_FAILED = (
        "execution_failed",
        Fault.TARGET,
        None,
        "{what} could not be run: {why}",
        "The target's software raised an error, which the sentence repeats and `/error` shows in"
        " full. Where it is transient send the job again; otherwise try another target or METHOD,"
        " and tell the operator.",
    )
    CIRCUITS_FAILED = (
        "circuits_failed",
        Fault.TARGET,
        False,
        "no circuit of the job could be run; circuit {index} {why}",
        "The job was to go on when circuits fail (ON_ERROR=continue), and all of them did."
        " `/circuits` says of each why. Mend them, or send them to another target.",
    )
    TARGET_RETIRED = (
        "target_retired",
        Fault.TARGET,
        False,
        "{why}; send the job to another target",
        "The operator has taken the target out of service for good while the job waited. `/targets`"
        " lists the others.",
    )
    REMOTE_FAILED = (
        "remote_failed",
        Fault.TARGET,
        None,
        "it failed at the other side: {why}",
        "The service to which the job was handed over says so; the reason is its own. Where it is"
        " transient send the job again; otherwise change what it complains of.",
    )
    REMOTE_CANCELLED = (
        "remote_cancelled",
        Fault.TARGET,
        True,
        "it was cancelled at the other side: {why}",
        "Somebody cancelled it there, or its time was over. Send it again, or ask whoever runs the"
        " other side.",
    )
    SUBMISSION_GONE = (
        "submission_gone",
        Fault.TARGET,
        True,
        "the other side has lost the job: {why}",
        "The job was handed over, and the other side does not know it any more. Send it again.",
    )
    SUBMISSION_IN_DOUBT = (
        "submission_in_doubt",
        Fault.TARGET,
        True,
        "nobody can tell whether the other side has got the job ({why}); it is not sent again,"
        " lest it run twice",
        "The connection broke while the job was handed over, and the other side cannot say whether"
        " it has it. Look there, if it matters that it runs once; then send it again.",
    )
    DISK = (
        "disk",
        Fault.SERVICE,
        True,
        "a result could not be written: {why}",
        "The disk of a worker is full or broken. The operator makes room"
        " ([disks](../operate/failures.md#what-happens-when)); then send the job"
        " again.",
    )
    NOT_STARTED = (
        "not_started",
        Fault.SERVICE,
        True,
        "a file of the job is gone: {what}",
        "What was uploaded with the job is not in the artifact store any more. Make a new job of"
        " it; the operator sees whether files were deleted, or the store is another one.",
    )
    WORKER_LOST = (
        "worker_lost",
        Fault.SERVICE,
        True,
        "the worker was lost {times} while it ran this job",
        "The worker was killed, frozen or cut off as often as a job may be tried. Send it again; if"
        " it happens again to the same job, that may be what kills the worker: tell the operator.",
    )
    INTERNAL_ERROR = (
        "internal_error",
        Fault.SERVICE,
        True,
        "the worker could not run the job; its log says why",
        "A fault of quws. Send the job again, and tell the operator its id: the worker's log has a"
        " traceback beside it.",
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
