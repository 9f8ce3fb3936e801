"""The targets that these clients are offered, and what they ask of them."""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from quws.api.doors.ibm import backends
from quws.api.kit.services import targets_of
from quws.domain.circuits import Language
from quws.domain.errors import InvalidFilter, NotFound, UnknownTarget
from quws.domain.kinds import JobKind
from quws.domain.targets import Calibration, TargetRecord, TargetStatus
from quws.domain.times import EXPECTED, parse_instant
from quws.services.targets import TargetReport

_NAMES_ONLY_UNTIL = "2025-01-01"
"""Clients that ask for a version of the API before this get a list of names."""


def is_offered(record: TargetRecord) -> bool:
    """Whether a target runs what these clients send."""
    target = record.description
    return (
        record.state.status is not TargetStatus.RETIRED
        and record.objection is None
        and Language.PUBS in target.languages
        and JobKind.SAMPLE in target.job_kinds
    )


async def target_of(request: Request, name: str) -> TargetReport:
    """Find a target that is offered.

    Raises
    ------
    UnknownTarget

    """
    try:
        found = await targets_of(request).get(name)
        if is_offered(found.record):
            return found
    except NotFound:
        pass
    known = [item.record for item in await targets_of(request).all()]
    names = ", ".join(record.name for record in known if is_offered(record)) or "none yet"
    raise UnknownTarget(f"there is no backend '{name[:60]}'; there are: {names}")


async def get_backends(request: Request) -> Response:
    """List the targets that run what these clients send."""
    found = [item for item in await targets_of(request).all() if is_offered(item.record)]
    version = request.headers.get("ibm-api-version", _NAMES_ONLY_UNTIL)
    if version < _NAMES_ONLY_UNTIL:
        return JSONResponse({"devices": [item.record.name for item in found]})
    return JSONResponse({"devices": [backends.device(item) for item in found]})


async def get_configuration(request: Request, name: str) -> Response:
    """Tell what a target is."""
    report = await _there(request, name)
    return JSONResponse(backends.configuration(report.record))


async def get_properties(request: Request, name: str) -> Response:
    """Tell how good a target is, now or as it was at a time."""
    report = await _there(request, name)
    calibration = await _calibration(request, report.record)
    return JSONResponse(backends.properties(report.record.description, calibration))


async def get_status(request: Request, name: str) -> Response:
    """Tell whether a target takes work, and how many jobs wait for it."""
    return JSONResponse(backends.status(await _there(request, name)))


async def _there(request: Request, name: str) -> TargetReport:
    """Find a target; where the path names one that is not there, there is nothing."""
    try:
        return await target_of(request, name)
    except UnknownTarget as error:
        raise NotFound(error.sentence) from None


async def _calibration(request: Request, record: TargetRecord) -> Calibration | None:
    query = request.query_params
    wanted = query.get("calibration_id") or record.calibration
    before = query.get("updated_before")
    if wanted is None:
        return None
    if before and not query.get("calibration_id"):
        latest = read_instant("updated_before", before)
        known = await targets_of(request).calibrations(record.name)
        wanted = next((found for found, time in known if time <= latest), None)
        if wanted is None:
            return None
    return await targets_of(request).calibration(record.name, wanted)


def read_instant(name: str, text: str) -> datetime:
    """Read an instant of a query, whose plus sign may have become a space.

    Raises
    ------
    InvalidFilter

    """
    try:
        return parse_instant(text[:19] + text[19:].replace(" ", "+"))
    except ValueError:
        raise InvalidFilter(f"{name} must be {EXPECTED}", parameter=name) from None
