"""How an attempt ends that did not complete its job."""

from __future__ import annotations

import signal

import structlog

from quws.artifacts import ArtifactStoreUnavailable
from quws.domain.failures import Failure
from quws.domain.phases import Phase
from quws.domain.words import counted
from quws.sandbox.child import ChildLost
from quws.store.database import StoreUnavailable
from quws.telemetry import metrics
from quws.worker.held import HeldJob
from quws.worker.workplace import Workplace

_FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
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


async def sweep_up(held: HeldJob, place: Workplace) -> None:
    """Delete the files that this attempt made for a job which was taken away."""
    # Results that were published belong to the job; what never was, to nobody.
    try:
        named = await place.jobs.garbage.named(held.id)
        await place.artifacts.delete(f"{held.id}/{held.claim.attempt}", keep=named)
        head = await place.jobs.reading.head(held.id)
        ended = head is None or head.phase is Phase.ABORTED
        metrics.taken_away(place.target, "ended" if ended else "lost")
        if head is None:
            await place.artifacts.delete(held.id)
    except (StoreUnavailable, ArtifactStoreUnavailable) as error:
        _log.warning("files of a lost job left to the sweep", error=str(error))


def _hint(status: int | None) -> list[str]:
    match -(status or 0):
        case signal.SIGKILL:
            return ["It may have needed more memory than there is."]
        case signal.SIGXCPU:
            return ["It used more processor time than its execution duration allows."]
    return []
