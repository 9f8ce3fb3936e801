"""The protocol of IQM's clients from their release 33 on: ``/api/v1``.

They insist on the root of the host, follow no redirects after a POST, and read errors as JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from quws import __version__
from quws.api.doors.iqm import architecture
from quws.api.doors.iqm.errors import error_response
from quws.api.doors.iqm.job import STATUS, job_data
from quws.api.doors.iqm.measurements import counts_json, keys_of, measurements_json
from quws.api.doors.iqm.names import calibration_set_id, target_id
from quws.api.doors.iqm.request import parameters_of, payload, read_request
from quws.api.kit.body import read_body
from quws.api.kit.door import Door
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import caller_of, jobs_of, targets_of
from quws.domain.circuits import Language
from quws.domain.errors import InvalidParameter, KindNotSupported, NotFound
from quws.domain.job import Job
from quws.domain.outcomes import CircuitOutcome, UnreadableOutcomes
from quws.domain.phases import Phase
from quws.domain.targets import Calibration, TargetDescription, TargetRecord, TargetStatus
from quws.services.jobs.outcomes import outcomes_of
from quws.services.snapshots import Snapshot

_PREFIX = "/api/v1"
_JSON = "application/json"
_DEFAULT = "default"
_YES = frozenset({"true", "1", "yes", "on"})

router = APIRouter(route_class=PlainRoute, prefix=_PREFIX, include_in_schema=False)


# -- quantum computers -----------------------------------------------------------------------


@router.get("/quantum-computers")
async def get_quantum_computers(request: Request) -> Response:
    """List the targets that take IQM's circuits."""
    reports = await targets_of(request).all()
    return JSONResponse(
        {
            "quantum_computers": [
                {
                    "id": str(target_id(item.record.name)),
                    "alias": item.record.name,
                    "display_name": item.record.description.title,
                    "proxy_path": None,
                }
                for item in reports
                if _is_offered(item.record)
            ]
        }
    )


@router.get("/quantum-computers/{alias}/health")
async def get_health(request: Request, alias: str) -> Response:
    """Tell whether a target takes work."""
    record = await _record(request, alias)
    state = record.state
    return JSONResponse(
        {"healthy": state.takes_work, "status": state.status, "message": state.message}
    )


@router.get("/about")
async def get_about(request: Request) -> Response:
    """Tell what this is."""
    return JSONResponse({"name": "quws", "version": __version__})


@router.get("/quantum-computers/{alias}/artifacts/{artifact}")
async def get_artifact(request: Request, alias: str, artifact: str) -> Response:
    """Tell what a target is built of, in one of the ways in which the clients ask."""
    target = (await _record(request, alias)).description
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
    record = await _record(request, alias)
    known = await _calibration_id(request, record, set_id)
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
    record = await _record(request, alias)
    known = await _calibration_id(request, record, set_id)
    found = None
    if known is not None:
        found = await targets_of(request).calibration(record.name, known)
    return JSONResponse(write(record.description, found))


async def _calibration_id(request: Request, record: TargetRecord, set_id: str) -> str | None:
    """Return which calibration of a target is meant; None where it has none."""
    if set_id in (_DEFAULT, str(calibration_set_id(record.name, record.calibration))):
        return record.calibration
    for known, _ in await targets_of(request).calibrations(record.name):
        if str(calibration_set_id(record.name, known)) == set_id:
            return known
    raise NotFound(f"target {record.name} has no calibration set '{set_id[:60]}'")


# -- jobs ------------------------------------------------------------------------------------


# Before what makes jobs, whose path has the same shape.
@router.post("/jobs/{job_id}/cancel")
async def cancel_job(request: Request, job_id: str) -> Response:
    """Stop a job that is not over."""
    await jobs_of(request).control.abort(caller_of(request), job_id)
    return JSONResponse({})


@router.post("/jobs/{alias}/circuit")
async def submit_circuits(request: Request, alias: str) -> Response:
    """Make a job of circuits, and queue it."""
    record = await _record(request, alias)
    if request.query_params.get("use_timeslot", "false").lower() in _YES:
        raise InvalidParameter("use_timeslot must be false: this service has no timeslots")
    body = await read_body(request, circuits=True)
    present = calibration_set_id(record.name, record.calibration)
    # Others are served meanwhile.
    posted = await asyncio.to_thread(
        lambda: parameters_of(read_request(body), record.name, present)
    )
    job = await jobs_of(request).submission.submit(caller_of(request), posted)
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
    jobs = jobs_of(request)
    job = (await _snapshot(request, job_id)).job
    circuits = await jobs.files.circuits(job)
    spec = job.spec

    def write() -> bytes | None:
        found = payload(circuits, spec.options.shots, spec.metadata)
        return None if found is None else JSONResponse(found).body  # type: ignore[return-value]

    content = await asyncio.to_thread(write)
    if content is None:
        raise NotFound(f"the circuits of job {job_id} were sent in another format")
    return Response(content, media_type=_JSON)


@router.get("/jobs/{job_id}/artifacts/measurements")
async def get_measurements(request: Request, job_id: str) -> Response:
    """Return the bits of each shot."""
    return await _gave(request, job_id, measurements_json)


@router.get("/jobs/{job_id}/artifacts/measurement_counts")
async def get_counts(request: Request, job_id: str) -> Response:
    """Return how often each outcome was counted."""
    return await _gave(request, job_id, counts_json)


async def _gave(
    request: Request, job_id: str, write: Callable[[CircuitOutcome, list[str]], str]
) -> Response:
    found = await _snapshot(request, job_id)
    if found.job.phase is not Phase.COMPLETED:
        raise NotFound(f"job {job_id} is {STATUS[found.job.phase]}, and has no results")
    pieces = aiter(_pieces(request, found.job, write))
    # What cannot be read is refused before the answer begins.
    try:
        first = await anext(pieces)
    except UnreadableOutcomes as error:
        raise NotFound(f"job {job_id}: {error}") from None

    async def body() -> AsyncIterator[str]:
        yield "["
        yield first
        async for piece in pieces:
            yield ","
            yield piece
        yield "]"

    return StreamingResponse(body(), media_type=_JSON)


async def _pieces(
    request: Request, job: Job, write: Callable[[CircuitOutcome, list[str]], str]
) -> AsyncIterator[str]:
    """Write what the circuits of a job gave, some at a time."""
    files = jobs_of(request).files
    async for outcomes in outcomes_of(files, job):
        wanted = range(outcomes[0].index, outcomes[-1].index + 1)
        texts = await files.circuits(job, wanted) or [""] * len(wanted)

        def written(outcomes: Any = outcomes, texts: Any = texts) -> str:
            pairs = zip(outcomes, texts, strict=True)
            return ",".join(write(item, keys_of(text, item)) for item, text in pairs)

        yield await asyncio.to_thread(written)


async def _told(request: Request, job_id: str) -> Response:
    return _model(job_data(await _snapshot(request, job_id)))


async def _snapshot(request: Request, job_id: str) -> Snapshot:
    """Read a job; one that is only kept for history is gone for these clients."""
    found = await jobs_of(request).reader.snapshot(caller_of(request), job_id)
    if found.job.phase not in STATUS:
        raise NotFound(f"there is no job {job_id}")
    return found


# -- targets ---------------------------------------------------------------------------------


async def _record(request: Request, alias: str) -> TargetRecord:
    """Find a target by its name or its id."""
    reports = await targets_of(request).all()
    offered = [item.record for item in reports if _is_offered(item.record)]
    for record in offered:
        if alias in (record.name, str(target_id(record.name))):
            return record
    known = ", ".join(record.name for record in offered) or "none yet"
    raise NotFound(f"there is no quantum computer '{alias[:60]}'; there are: {known}")


def _is_offered(record: TargetRecord) -> bool:
    return (
        record.state.status is not TargetStatus.RETIRED
        and record.objection is None
        and Language.IQM_JSON in record.description.languages
    )


def _model(document: BaseModel) -> Response:
    return Response(document.model_dump_json(), media_type=_JSON)


DOOR = Door((_PREFIX,), router, error_response)
