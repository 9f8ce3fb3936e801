"""How an attempt ends that did not complete its job."""

from __future__ import annotations

import signal

import structlog

from quws.artifacts import ArtifactStoreUnavailable
from quws.domain.batch import OnError
from quws.domain.failures import Failure
from quws.domain.job import Job
from quws.domain.phases import Phase
from quws.domain.words import counted
from quws.sandbox.child import ChildLost
from quws.store.database import StoreUnavailable
from quws.telemetry import metrics
from quws.worker.held import HeldJob
from quws.worker.workplace import Workplace

_FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_HINTS = {
    -signal.SIGKILL: ["It may have needed more memory than there is."],
    -signal.SIGXCPU: ["It used more processor time than its execution duration allows."],
}
_log = structlog.get_logger(__name__)


async def child_died(held: HeldJob, place: Workplace, lost: ChildLost) -> None:
    """Try the job again because its child died; after the last attempt it ends in ERROR.

    Raises
    ------
    Fenced

    """
    attempt = held.claim.attempt
    metrics.child_died("run")
    _log.warning("child died", status=lost.status)
    reason = f"the process of attempt {attempt} died: {lost}"
    if attempt < place.max_attempts:
        await held.retry(reason)
        return
    # What crashes by itself will crash again; what was killed may have been in the way.
    own_fault = lost.status is not None and -lost.status not in _FROM_OUTSIDE
    error = Failure.PROCESS_DIED.error(
        attempts=counted(attempt, "attempt"),
        how=lost,
        transient=not own_fault,
        detail="\n".join([*await held.troubles(), reason, *_hint(lost.status)]),
    )
    await held.fail(error)


async def leave_out_fatal(held: HeldJob, place: Workplace, lost: ChildLost) -> bool:
    """Leave out the circuit that the last process died of, if the job is to go on without it.

    Raises
    ------
    Fenced

    """
    index, attempt = held.batch.running, held.claim.attempt
    if index is None or held.circuits == 1 or attempt < place.max_attempts:
        return False
    if held.claim.job.spec.options.on_error is OnError.STOP:
        return False
    metrics.child_died("run")
    _log.warning("child died", status=lost.status, circuit=index)
    sentence = f"the process of attempt {attempt} died while it ran: {lost}"
    held.batch.failed(index, sentence)
    one = range(index, index + 1)
    await held.add_done(held.done(one, [], "", place.clock(), failed={index: sentence}))
    return True


async def sweep_up(held: HeldJob, place: Workplace) -> None:
    """Delete the files that this attempt made for a job which was taken away."""
    # Results that were published belong to the job; what never was, to nobody.
    try:
        job = await place.jobs.reading.get(held.id)
        ended = job is None or job.phase is Phase.ABORTED
        metrics.taken_away(place.target, "ended" if ended else "lost")
        if job is None:
            await place.artifacts.delete(held.id)
        elif not _may_go_on(job, held.claim.attempt):
            named = await place.jobs.garbage.named(held.id)
            await place.artifacts.delete(f"{held.id}/{held.claim.attempt}", keep=named)
    except (StoreUnavailable, ArtifactStoreUnavailable) as error:
        _log.warning("files of a lost job left to the sweep", error=str(error))


def _may_go_on(job: Job, attempt: int) -> bool:
    """Whether another worker writes, or may yet write, under the number of an attempt.

    An attempt that was handed back gives its number to the next one, and who handed it back need
    not know: the news of the commit may have been lost.
    """
    return job.attempt < attempt or (job.attempt == attempt and job.phase is Phase.EXECUTING)


def _hint(status: int | None) -> list[str]:
    return [] if status is None else _HINTS.get(status, [])
