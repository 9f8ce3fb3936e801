"""A job as these clients read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from quws.api.doors.ibm.errors import RAN_TOO_LONG
from quws.api.doors.ibm.names import PROGRAM_OF
from quws.domain.circuits import Language
from quws.domain.job import DURATION_OVER, Job, TimelineEntry
from quws.domain.phases import Phase
from quws.domain.times import format_instant
from quws.services.snapshots import Snapshot

METADATA = "ibm"
"""Under which name the metadata of a job has what the request said beside its circuits."""

STATUS = {
    Phase.PENDING: "Queued",
    Phase.HELD: "Queued",
    Phase.QUEUED: "Queued",
    Phase.SUSPENDED: "Queued",
    Phase.EXECUTING: "Running",
    Phase.COMPLETED: "Completed",
    Phase.ERROR: "Failed",
    Phase.ABORTED: "Cancelled",
}
"""Other words than these are no end for the clients: they would ask for ever."""
PENDING = frozenset(phase for phase, status in STATUS.items() if status in ("Queued", "Running"))
OVER = frozenset(STATUS) - PENDING


def said_of(job: Job) -> Mapping[str, Any]:
    """Return what the request of a job said beside its circuits; nothing if it came otherwise."""
    found = job.spec.metadata.get(METADATA)
    return found if isinstance(found, dict) else {}


def is_ours(job: Job) -> bool:
    """Whether a job was sent by one of these clients, and not otherwise."""
    return job.spec.language is Language.PUBS


def is_private(job: Job) -> bool:
    """Whether what was sent with a job is not to be shown again."""
    return said_of(job).get("private") is True


def ran_too_long(timeline: Iterable[TimelineEntry]) -> bool:
    """Whether a job was aborted since its execution duration was over."""
    return any(entry.status == "aborted" and entry.message == DURATION_OVER for entry in timeline)


def document(job: Job, *, too_long: bool = False) -> dict[str, Any]:
    """Return a job without what was sent with it.

    ``too_long`` is whether it was aborted since its execution duration was over.
    """
    status = STATUS[job.phase]
    state: dict[str, Any] = {"status": status}
    if too_long:
        state |= {"reason": "Ran too long", "reason_code": RAN_TOO_LONG}
    elif job.phase is Phase.ERROR and job.error is not None:
        state["reason"] = job.error.message
    found: dict[str, Any] = {
        "id": job.id,
        "backend": job.target,
        "status": status,
        "state": state,
        "program": {"id": said_of(job).get("program") or PROGRAM_OF[job.spec.kind]},
        "created": format_instant(job.creation_time),
        "tags": job.spec.tags,
        "cost": job.execution_duration,
        "private": is_private(job),
        "user_id": job.owner or "",
        "estimated_running_time_seconds": job.cost_ms / 1000,
        "usage": {"seconds": ran(job)},
    }
    if job.session is not None:
        found["session_id"] = job.session
    if job.end_time is not None:
        found["ended"] = format_instant(job.end_time)
    return found


def metrics(found: Snapshot) -> dict[str, Any]:
    """Return what is known of how a job waited and ran."""
    job = found.job
    over = job.phase in OVER
    # QRMI's client reads them as whole numbers. One that ran is not told to have cost nothing.
    seconds = max(round(ran(job)), 1) if ran(job) else 0
    quote = job.quoted
    waits = not over and job.start_time is None
    return {
        "timestamps": {
            "created": format_instant(job.creation_time),
            "running": _instant(job.start_time),
            "finished": _instant(job.end_time),
        },
        "usage": {
            "status": "final" if over else "pending",
            "quantum_seconds": seconds,
            "seconds": seconds,
            "qpu_charge_time_seconds": ran(job),
        },
        "bss": {"seconds": seconds},
        "num_circuits": job.circuits,
        # Of a large batch they lie elsewhere, and are not worth a look.
        "num_qubits": [item.qubits for item in job.spec.facts] if job.spec.artifact is None else [],
        "executions": job.shots,
        "position_in_queue": found.details.queue_position,
        "estimated_start_time": None,
        "estimated_completion_time": _instant(quote.at) if quote is not None and not over else None,
        "estimated_running_time_seconds": job.cost_ms / 1000 if waits else None,
    }


def logs(found: Snapshot) -> str:
    """Return what has happened to a job, a line each."""
    return "".join(
        f"{format_instant(entry.time)} {entry.source} {entry.status}"
        f"{': ' if entry.message else ''}{entry.message or ''}\n"
        for entry in found.details.timeline
    )


def failure(job: Job) -> str:
    """Return what stands in place of the results of a job that gave none."""
    if job.error is None:
        return f"job {job.id} was cancelled"
    return "\n".join(filter(None, (job.error.message, job.error.detail)))


def ran(job: Job) -> float:
    """Return how many seconds a job that has ended ran."""
    if job.start_time is None or job.end_time is None:
        return 0.0
    return max(0.0, (job.end_time - job.start_time).total_seconds())


def _instant(time: datetime | None) -> str | None:
    return None if time is None else format_instant(time)
