"""What is counted, in the names and units that Prometheus wants.

Metrics belong to the process, as its log does: each process has its own, and
Prometheus adds them up. A label never holds what a client made up, since each
new value is a new time series.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import structlog
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

P = ParamSpec("P")
CONTENT_TYPE = CONTENT_TYPE_LATEST
"""What ``exposition`` is written as."""

_SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LONG = (0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
_log = structlog.get_logger(__name__)
# A time series more for each, that nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]

INFO = Gauge("quws_info", "1; the labels say what runs.", ["version", "schema", "process"])
REQUESTS = Counter("quws_http_requests", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "quws_http_request_seconds",
    "From a request to the end of its answer; WAIT is part of it.",
    ["method", "route"],
    buckets=_SHORT,
)
CALLS = Counter("quws_grpc_calls", "Calls by gRPC answered.", ["method", "status"])
CALL_SECONDS = Histogram(
    "quws_grpc_call_seconds",
    "From a call by gRPC to the end of its answer, which may be a stream.",
    ["method"],
    buckets=_SHORT,
)
WAITING = Gauge("quws_waiting_clients", "Requests that wait for a job to change.")
PHASES = Counter("quws_job_phases", "Jobs that came into a phase.", ["phase"])
DELETED = Counter("quws_jobs_deleted", "Jobs that were deleted or destroyed.")
QUEUE_JOBS = Gauge("quws_queue_jobs", "Jobs that wait for a target.", ["target"])
QUEUE_OLDEST = Gauge(
    "quws_queue_oldest_seconds", "How long the oldest of them has waited.", ["target"]
)
EXECUTING_JOBS = Gauge("quws_executing_jobs", "Jobs that a target executes.", ["target"])
WAIT_SECONDS = Histogram(
    "quws_job_wait_seconds", "From QUEUED to the claim by a worker.", ["target"], buckets=_LONG
)
START_SECONDS = Histogram(
    "quws_job_claim_to_start_seconds",
    "From the claim to the first circuit, in a child process.",
    ["target"],
    buckets=_SHORT,
)
RUN_SECONDS = Histogram(
    "quws_job_run_seconds",
    "From the claim to the end of the attempt, by the phase it led to.",
    ["target", "phase"],
    buckets=_LONG,
)
TAKEN_AWAY = Counter(
    "quws_jobs_taken_away",
    "Jobs that a worker lost while it ran them: aborted, deleted, or lost with the lease.",
    ["target", "reason"],
)
LEASE_LOSSES = Counter("quws_lease_losses", "Leases that ended because a worker was not heard of.")
CHILD_KILLS = Counter("quws_child_kills", "Child processes killed in their work.", ["role"])
CHILD_DEATHS = Counter("quws_child_deaths", "Child processes that died by themselves.", ["role"])
UNFIT = Gauge(
    "quws_worker_unfit", "1 while a worker could not run its last job and gave it back.", ["target"]
)
SWEEPS = Counter(
    "quws_sweeps",
    "Sweeps, by how they went; claim: jobs that a worker could not read.",
    ["sweep", "outcome"],
)
SWEPT = Counter("quws_swept", "What sweeps changed: jobs, files, hints.", ["sweep"])
LAST_SWEEP = Gauge("quws_last_sweep_timestamp_seconds", "When a sweep last went well.", ["sweep"])
ARTIFACT_BYTES = Counter("quws_artifact_bytes", "Bytes of artifacts.", ["direction"])


def _harmless(function: Callable[P, None]) -> Callable[P, None]:
    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except Exception:  # noqa: BLE001 - what is not counted must still be done
            _log.exception("not counted", what=function.__name__)

    return wrapped


def exposition() -> bytes:
    """Write all metrics of this process as Prometheus reads them."""
    return generate_latest()


@_harmless
def runs(process: str, version: str, schema: str) -> None:
    """Note what this process is."""
    INFO.labels(version, schema, process).set(1)


@_harmless
def answered(method: str, route: str, status: int, seconds: float) -> None:
    """Note an answer. ``route`` is the template of the path, never the path."""
    REQUESTS.labels(method, route, status).inc()
    REQUEST_SECONDS.labels(method, route).observe(seconds)


@_harmless
def called(method: str, status: str, seconds: float) -> None:
    """Note an answer by gRPC. ``method`` is that of a service that is here."""
    CALLS.labels(method, status).inc()
    CALL_SECONDS.labels(method).observe(seconds)


@_harmless
def waits(change: int) -> None:
    """Note that one client more (1) or fewer (-1) waits."""
    WAITING.inc(change)


@_harmless
def entered(phase: str) -> None:
    """Note that a job came into a phase."""
    PHASES.labels(phase).inc()


@_harmless
def deleted() -> None:
    """Note that a job is gone."""
    DELETED.inc()


@_harmless
def queue(target: str, waiting: int, oldest_seconds: float, executing: int) -> None:
    """Note what a target has to do."""
    QUEUE_JOBS.labels(target).set(waiting)
    QUEUE_OLDEST.labels(target).set(oldest_seconds)
    EXECUTING_JOBS.labels(target).set(executing)


@_harmless
def claimed(target: str, waited_seconds: float) -> None:
    """Note that a worker took a job which had waited so long."""
    PHASES.labels("EXECUTING").inc()
    WAIT_SECONDS.labels(target).observe(waited_seconds)


@_harmless
def started(target: str, seconds: float) -> None:
    """Note that a child began with a job, so long after the claim."""
    START_SECONDS.labels(target).observe(seconds)


@_harmless
def unfit(target: str, is_unfit: bool) -> None:
    """Note whether this worker could not run its last job."""
    UNFIT.labels(target).set(is_unfit)


@_harmless
def ended(target: str, phase: str, seconds: float) -> None:
    """Note that an attempt ended in a phase, so long after the claim."""
    RUN_SECONDS.labels(target, phase).observe(seconds)


@_harmless
def taken_away(target: str, reason: str) -> None:
    """Note that a job that ran is not the worker's any more."""
    TAKEN_AWAY.labels(target, reason).inc()


@_harmless
def child_killed(role: str) -> None:
    """Note that a child was killed in its work."""
    CHILD_KILLS.labels(role).inc()


@_harmless
def child_died(role: str) -> None:
    """Note that a child died unbidden."""
    CHILD_DEATHS.labels(role).inc()


@_harmless
def swept(sweep: str, count: int) -> None:
    """Note a sweep that went well, and how much it changed."""
    SWEEPS.labels(sweep, "ok").inc()
    LAST_SWEEP.labels(sweep).set_to_current_time()
    SWEPT.labels(sweep).inc(count)
    if sweep == "lost":
        LEASE_LOSSES.inc(count)


@_harmless
def sweep_failed(sweep: str) -> None:
    """Note a sweep that did not go well."""
    SWEEPS.labels(sweep, "failed").inc()


@_harmless
def moved_bytes(direction: str, count: int) -> None:
    """Note bytes of artifacts that were ``written`` or ``read``."""
    ARTIFACT_BYTES.labels(direction).inc(count)
