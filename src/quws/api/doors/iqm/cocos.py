"""The protocol of IQM's clients before their release 29: below ``/cocos``.

``/cocos`` is the target of jobs that name none, ``/cocos/NAME`` any other. A job that has not ended
is always 'pending execution': the one word for it that all of these clients know.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from quws.api.doors.iqm import architecture
from quws.api.doors.iqm.errors import error_response
from quws.api.doors.iqm.job import STATUS, Status, job_data
from quws.api.doors.iqm.measurements import counts_json, measurements_json
from quws.api.doors.iqm.names import calibration_set_id
from quws.api.doors.iqm.use import (
    calibration_of,
    gave,
    payload_of,
    snapshot_of,
    submit,
    target_of,
)
from quws.api.kit.body import read_body
from quws.api.kit.door import Door
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import caller_of, jobs_of, targets_of
from quws.domain.job import Job
from quws.domain.phases import Phase
from quws.domain.targets import TargetRecord
from quws.domain.times import format_instant
from quws.services.snapshots import Snapshot

_PREFIX = "/cocos"
_JSON = "application/json"
_STATUS: dict[Status, str] = {
    "waiting": "pending execution",
    "processing": "pending execution",
    "completed": "ready",
    "failed": "failed",
    "cancelled": "aborted",
}
_OLDEST, _NEWEST = "12.5", "28.99"
"""The releases of their client that speak like this."""


async def create_job(request: Request, alias: str = "") -> Response:
    """Make a job of circuits, and queue it."""
    record = await _target(request, alias)
    body = await read_body(request, circuits=True)
    job = await submit(jobs_of(request), caller_of(request), record, body)
    return JSONResponse({"id": job.id}, 201)


async def get_job(request: Request, job_id: str, alias: str = "") -> Response:
    """Show a job with the request that it was made of, and what it gave."""
    found = await _snapshot(request, job_id)
    job = found.job
    ran_with = None
    if job.start_time is not None:
        ran_with = str(calibration_set_id(job.target, job.calibration_id))
    sent = await payload_of(jobs_of(request).files, job)
    metadata = {"calibration_set_id": ran_with, "timestamps": _timestamps(job)}

    async def head() -> AsyncIterator[str]:
        yield f'{_open(_status(found))},"metadata":{_open(metadata)},"request":'
        if sent is None:
            yield json.dumps({"circuits": [], "shots": job.spec.options.shots})
        else:
            async for piece in sent:
                yield piece
        yield "}"

    return await _with(request, job, head(), "measurements", measurements_json)


async def get_status(request: Request, job_id: str, alias: str = "") -> Response:
    """Show how far a job is."""
    return JSONResponse(_status(await _snapshot(request, job_id)))


async def get_counts(request: Request, job_id: str, alias: str = "") -> Response:
    """Show how often each outcome was counted."""
    found = await _snapshot(request, job_id)

    async def head() -> AsyncIterator[str]:
        yield _open(_status(found))

    return await _with(request, found.job, head(), "counts_batch", counts_json)


async def abort_job(request: Request, job_id: str, alias: str = "") -> Response:
    """Stop a job that is not over."""
    await jobs_of(request).control.abort(caller_of(request), job_id)
    return JSONResponse({})


async def get_architecture(request: Request, alias: str = "") -> Response:
    """Tell what a target is built of, and which gates it has."""
    target = (await _target(request, alias)).description
    found = {
        "name": target.name,
        "operations": ["prx", "cz", "measure", "barrier"],
        "qubits": architecture.qubits_of(target),
        "qubit_connectivity": architecture.pairs_of(target),
    }
    return JSONResponse({"quantum_architecture": found})


async def get_gates(request: Request, set_id: str, alias: str = "") -> Response:
    """Tell which gates a target has with a calibration, and where."""
    record = await _target(request, alias)
    known = await calibration_of(targets_of(request), record, set_id)
    return JSONResponse(architecture.dynamic_architecture(record.description, known))


async def get_libraries(request: Request, alias: str = "") -> Response:
    """Tell which clients are served here."""
    client = {"name": "iqm-client", "min": _OLDEST, "max": _NEWEST}
    return JSONResponse({"iqm-client": client})


def _routes(prefix: str) -> APIRouter:
    router = APIRouter(route_class=PlainRoute, prefix=prefix, include_in_schema=False)

    def add(method: str, path: str, handler: Callable[..., Any]) -> None:
        router.add_api_route(path, handler, methods=[method], response_model=None)

    add("POST", "/jobs", create_job)
    add("GET", "/jobs/{job_id}", get_job)
    add("GET", "/jobs/{job_id}/status", get_status)
    add("GET", "/jobs/{job_id}/counts", get_counts)
    add("POST", "/jobs/{job_id}/abort", abort_job)
    add("GET", "/quantum-architecture", get_architecture)
    add("GET", "/api/v1/calibration/{set_id}/gates", get_gates)
    add("GET", "/info/client-libraries", get_libraries)
    return router


async def _target(request: Request, alias: str) -> TargetRecord:
    return await target_of(targets_of(request), alias or jobs_of(request).policy.target)


async def _snapshot(request: Request, job_id: str) -> Snapshot:
    return await snapshot_of(jobs_of(request), caller_of(request), job_id)


def _open(found: dict[str, Any]) -> str:
    """Write an object to which more is to come."""
    return json.dumps(found)[:-1]


def _status(found: Snapshot) -> dict[str, Any]:
    told = job_data(found)
    error = found.job.error
    return {
        "status": _STATUS[STATUS[found.job.phase]],
        "message": None if error is None else error.message,
        "warnings": [item.message for item in told.messages] or None,
    }


def _timestamps(job: Job) -> dict[str, str]:
    times = {
        "job_start": job.creation_time,
        "execution_start": job.start_time,
        "job_end": job.end_time,
    }
    return {name: format_instant(time) for name, time in times.items() if time is not None}


async def _with(
    request: Request, job: Job, head: AsyncIterator[str], name: str, write: Callable[..., str]
) -> Response:
    """Answer with an object that has what a job gave as well; null where it gave nothing.

    ``head`` writes what it has besides, but for the end of it.
    """
    pieces = None
    if job.phase is Phase.COMPLETED:
        pieces = await gave(jobs_of(request).files, job, write)

    async def body() -> AsyncIterator[str]:
        async for piece in head:
            yield piece
        yield f',"{name}":'
        if pieces is None:
            yield "null"
        else:
            async for piece in pieces:
                yield piece
        yield "}"

    return StreamingResponse(body(), media_type=_JSON)


router = APIRouter()
# What names no target first: a job is no target.
for _prefix in (_PREFIX, f"{_PREFIX}/{{alias}}"):
    router.routes.extend(_routes(_prefix).routes)

DOOR = Door((_PREFIX,), router, error_response)
