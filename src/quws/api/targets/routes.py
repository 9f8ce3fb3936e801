"""``/targets``: what can run circuits, how it fares, and how it was calibrated."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.body import read_posted
from quws.api.kit.negotiation import Rendering, rendering_of, wants_json
from quws.api.kit.pages import pages_for
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import base_url, caller_of, targets_of
from quws.api.kit.xml import VOTABLE_TYPE
from quws.api.targets import json as as_json
from quws.api.targets import votable
from quws.domain.errors import InvalidParameter
from quws.domain.parameters.posted import text_of
from quws.domain.targets import TargetStatus
from quws.domain.times import parse_instant
from quws.schemas.target import CalibrationRefJson, TargetJson

router = APIRouter(route_class=PlainRoute, tags=["Targets"])

_JSON = "application/json"
_LIST = TypeAdapter(list[TargetJson])
_REFS = TypeAdapter(list[CalibrationRefJson])


@router.head("/targets", include_in_schema=False)
@router.get("/targets", summary="List the targets")
async def get_targets(request: Request) -> Response:
    """List what can run circuits: JSON, a VOTable or a page."""
    reports = await targets_of(request).all()
    if pages := pages_for(request):
        return await pages.targets(request, reports)
    if wants_json(request):
        found = [as_json.target_json(item, _url(request, item.record.name)) for item in reports]
        return Response(_LIST.dump_json(found), media_type=_JSON)
    return Response(votable.targets_votable(reports), media_type=VOTABLE_TYPE)


@router.head("/targets/{name}", include_in_schema=False)
@router.get("/targets/{name}", summary="Show a target")
async def get_target(request: Request, name: str) -> Response:
    """Show a target: what it can run, whether it takes work, its queue, load and calibration.

    As a VOTable it is a table of qubits and one of gates.
    """
    targets = targets_of(request)
    report = await targets.get(name)
    if wants_json(request):
        load = await targets.load(name)
        content = as_json.whole_target_json(report, load, _url(request, name))
        return Response(content, media_type=_JSON)
    present = report.record.calibration
    calibration = None if present is None else await targets.calibration(name, present)
    if pages := pages_for(request):
        return await pages.target(request, report, await targets.load(name), calibration)
    return Response(votable.target_votable(report, calibration), media_type=VOTABLE_TYPE)


@router.post("/targets/{name}", status_code=303, summary="Set the status of a target")
async def post_target(request: Request, name: str) -> Response:
    """Take a target out of service, or open it again (STATUS=online); for operators.

    It goes before what health checks find, until UNTIL or until it is opened
    again. Jobs wait meanwhile. With offline, running ones are stopped and go on
    later; with retired, waiting ones end in ERROR.
    """
    given: dict[str, str] = {}
    for item in await read_posted(request):
        key = item.name.upper()
        if key not in ("STATUS", "MESSAGE", "UNTIL"):
            raise InvalidParameter(
                f"there is no parameter '{item.name[:60]}'; a target takes STATUS, MESSAGE, UNTIL",
                parameter=item.name[:60],
            )
        given[key] = text_of(item)
    try:
        status = TargetStatus(given.get("STATUS", "").strip().lower())
    except ValueError:
        raise InvalidParameter(
            f"STATUS must be one of {', '.join(TargetStatus)}, not"
            f" '{given.get('STATUS', '')[:40]}'",
            parameter="STATUS",
        ) from None
    try:
        until = parse_instant(given["UNTIL"]) if given.get("UNTIL") else None
    except ValueError as error:
        raise InvalidParameter(f"UNTIL: {error}", parameter="UNTIL") from None
    await targets_of(request).set_status(
        caller_of(request), name, status, given.get("MESSAGE"), until
    )
    return Response(status_code=303, headers={"Location": _url(request, name)})


@router.head("/targets/{name}/calibrations", include_in_schema=False)
@router.get("/targets/{name}/calibrations", summary="List the calibrations of a target")
async def get_calibrations(request: Request, name: str) -> Response:
    """List the calibrations that a target had, newest first."""
    found = await targets_of(request).calibrations(name)
    if rendering_of(request) is Rendering.XML:
        return Response(votable.calibrations_votable(found), media_type=VOTABLE_TYPE)
    url = f"{_url(request, name)}/calibrations"
    refs = [as_json.calibration_ref(item, url) for item in found]
    return Response(_REFS.dump_json(refs), media_type=_JSON)


@router.head("/targets/{name}/calibrations/{calibration_id}", include_in_schema=False)
@router.get("/targets/{name}/calibrations/{calibration_id}", summary="Show a calibration")
async def get_calibration(request: Request, name: str, calibration_id: str) -> Response:
    """Show a calibration of a target: what was known of each qubit and gate at that time."""
    found = await targets_of(request).calibration(name, calibration_id)
    if rendering_of(request) is Rendering.XML:
        return Response(votable.calibration_votable(found, name), media_type=VOTABLE_TYPE)
    url = as_json.calibration_url(f"{_url(request, name)}/calibrations", calibration_id)
    return Response(as_json.calibration_json(found, name, url), media_type=_JSON)


def _url(request: Request, name: str) -> str:
    return f"{base_url(request)}/targets/{quote(name, safe='')}"
