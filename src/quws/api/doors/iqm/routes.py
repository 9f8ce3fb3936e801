"""The protocol of IQM's clients from their release 33 on: ``/api/v1``.

They insist on the root of the host, follow no redirects after a POST, and read errors as JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from quws import __version__
from quws.api.doors.iqm import architecture
from quws.api.doors.iqm.errors import error_response
from quws.api.doors.iqm.job import job_data
from quws.api.doors.iqm.measurements import counts_json, measurements_json
from quws.api.doors.iqm.names import target_id
from quws.api.doors.iqm.use import (
    IN_TIMESLOT,
    Write,
    calibration_of,
    gave,
    offered,
    sent,
    snapshot_of,
    submit,
    target_of,
)
from quws.api.kit.body import read_body
from quws.api.kit.door import Door
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import caller_of, jobs_of, targets_of
from quws.domain.errors import KindNotSupported, NotFound
from quws.domain.parameters.posted import Posted
from quws.domain.targets import Calibration, TargetDescription
from quws.services.snapshots import Snapshot

_PREFIX = "/api/v1"
_JSON = "application/json"
_ABOUT = "/about"
"""Where releases 34 and 35 ask what this is; later ones ask below the prefix."""
_YES = frozenset({"true", "1", "yes", "on"})

router = APIRouter(route_class=PlainRoute, prefix=_PREFIX, include_in_schema=False)
root = APIRouter(route_class=PlainRoute, include_in_schema=False)


# -- quantum computers -----------------------------------------------------------------------


@router.get("/quantum-computers")
async def get_quantum_computers(request: Request) -> Response:
    """List the targets that take IQM's circuits."""
    found = [
        {
            "id": str(target_id(record.name)),
            "alias": record.name,
            "display_name": record.description.title,
            "proxy_path": None,
        }
        for record in await offered(targets_of(request))
    ]
    return JSONResponse({"quantum_computers": found})


@router.get("/quantum-computers/{alias}/health")
async def get_health(request: Request, alias: str) -> Response:
    """Tell whether a target takes work."""
    record = await target_of(targets_of(request), alias)
    state = record.state
    return JSONResponse(
        {"healthy": state.takes_work, "status": state.status, "message": state.message}
    )


@root.get(_ABOUT)
@router.get(_ABOUT)
async def get_about(request: Request) -> Response:
    """Tell what this is."""
    return JSONResponse({"name": "quws", "version": __version__})


@router.get("/quantum-computers/{alias}/artifacts/{artifact}")
async def get_artifact(request: Request, alias: str, artifact: str) -> Response:
    """Tell what a target is built of, in one of the ways in which the clients ask."""
    target = (await target_of(targets_of(request), alias)).description
    match artifact:
        case "about":
            return JSONResponse({"version": __version__, "software_versions": {}})
        case "static-quantum-architectures":
            return JSONResponse([architecture.static_architecture(target)])
        case "duts":
            return JSONResponse([{"label": target.name, "dut_type": "chip"}])
        case "chip-design-records":
            return JSONResponse([architecture.chip_design(target)])
        case "channel-properties":
            # A message of theirs without any fields.
            return Response(b"", media_type="application/protobuf")
    raise NotFound(
        f"target {target.name} has no '{artifact[:60]}'; it has about, duts, chip-design-records,"
        " static-quantum-architectures, channel-properties"
    )


# -- calibrations ----------------------------------------------------------------------------


@router.get("/calibration-sets/{alias}/{set_id}/dynamic-quantum-architecture")
async def get_dynamic_architecture(request: Request, alias: str, set_id: str) -> Response:
    """Tell which gates a target has, and where."""
    record = await target_of(targets_of(request), alias)
    known = await calibration_of(targets_of(request), record, set_id)
    return JSONResponse(architecture.dynamic_architecture(record.description, known))


@router.get("/calibration-sets/{alias}/{set_id}")
async def get_calibration_set(request: Request, alias: str, set_id: str) -> Response:
    """Tell how a target is set."""
    return await _observed(request, alias, set_id, architecture.calibration_set)


@router.get("/calibration-sets/{alias}/{set_id}/metrics")
async def get_metrics(request: Request, alias: str, set_id: str) -> Response:
    """Tell how good a target is."""
    return await _observed(request, alias, set_id, architecture.metric_set)


async def _observed(
    request: Request,
    alias: str,
    set_id: str,
    write: Callable[[TargetDescription, Calibration | None], dict[str, Any]],
) -> Response:
    record = await target_of(targets_of(request), alias)
    known = await calibration_of(targets_of(request), record, set_id)
    found = None
    if known is not None:
        found = await targets_of(request).calibration(record.name, known)
    return JSONResponse(write(record.description, found))


# -- jobs ------------------------------------------------------------------------------------


# Before what makes jobs, whose path has the same shape.
@router.post("/jobs/{job_id}/cancel")
async def cancel_job(request: Request, job_id: str) -> Response:
    """Stop a job that is not over."""
    await jobs_of(request).control.abort(caller_of(request), job_id)
    # IQM's own clients do not read it.
    return await _told(request, job_id)


@router.post("/jobs/{alias}/circuit")
async def submit_circuits(request: Request, alias: str) -> Response:
    """Make a job of circuits, and queue it."""
    record = await target_of(targets_of(request), alias)
    body = await read_body(request, circuits=True)
    more = []
    if tag := request.query_params.get("tag"):
        more.append(Posted("TAG", tag.encode()))
    if request.query_params.get("use_timeslot", "false").lower() in _YES:
        more.append(IN_TIMESLOT)
    job = await submit(jobs_of(request), caller_of(request), record, body, *more)
    return await _told(request, job.id)


@router.post("/jobs/{alias}/{job_type}")
async def submit_other(request: Request, alias: str, job_type: str) -> Response:
    """Refuse jobs of pulses."""
    raise KindNotSupported(f"jobs here are of circuits, not of the type '{job_type[:60]}'")


@router.get("/jobs/{job_id}")
async def get_job(request: Request, job_id: str) -> Response:
    """Show a job."""
    return await _told(request, job_id)


@router.delete("/jobs/{job_id}")
async def delete_job(request: Request, job_id: str) -> Response:
    """Stop a job if it runs, and remove it."""
    await jobs_of(request).control.delete(caller_of(request), job_id)
    return JSONResponse({})


@router.get("/jobs/{job_id}/payload")
async def get_payload(request: Request, job_id: str) -> Response:
    """Return the request that the job was made of."""
    job = (await _snapshot(request, job_id)).job
    return StreamingResponse(await sent(jobs_of(request).files, job), media_type=_JSON)


@router.get("/jobs/{job_id}/artifacts/measurements")
async def get_measurements(request: Request, job_id: str) -> Response:
    """Return the bits of each shot."""
    return await _gave(request, job_id, measurements_json)


@router.get("/jobs/{job_id}/artifacts/measurement_counts")
async def get_counts(request: Request, job_id: str) -> Response:
    """Return how often each outcome was counted."""
    return await _gave(request, job_id, counts_json)


async def _gave(request: Request, job_id: str, write: Write) -> Response:
    job = (await _snapshot(request, job_id)).job
    return StreamingResponse(await gave(jobs_of(request).files, job, write), media_type=_JSON)


async def _told(request: Request, job_id: str) -> Response:
    document = job_data(await _snapshot(request, job_id))
    return Response(document.model_dump_json(), media_type=_JSON)


async def _snapshot(request: Request, job_id: str) -> Snapshot:
    return await snapshot_of(jobs_of(request), caller_of(request), job_id)


root.routes.extend(router.routes)

DOOR = Door((_PREFIX, _ABOUT), root, error_response)
