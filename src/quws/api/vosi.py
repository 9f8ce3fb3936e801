"""What the service offers and whether it works, as IVOA's VOSI 1.1 has it."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from quws.api.kit.negotiation import wants_json
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import base_url, health_of
from quws.api.kit.urls import stylesheet
from quws.api.kit.xml import head
from quws.domain.times import format_instant
from quws.schemas.health import AvailabilityJson

router = APIRouter(route_class=PlainRoute, tags=["Operation"])

_XML = "text/xml"
_UWS = "ivo://ivoa.net/std/UWS#rest-1.1"
_AVAILABILITY = "ivo://ivoa.net/std/VOSI#availability"
_CAPABILITIES = "ivo://ivoa.net/std/VOSI#capabilities"


@router.head("/capabilities", include_in_schema=False)
@router.get("/capabilities", summary="What the service offers")
async def get_capabilities(request: Request) -> Response:
    """List what the service offers: the job list, /sync and the VOSI resources."""
    base = base_url(request)
    entries = [
        (_UWS, "vs:ParamHTTP", f"{base}/jobs", "base"),
        (None, "vs:ParamHTTP", f"{base}/sync", "base"),
        (_AVAILABILITY, "vs:ParamHTTP", f"{base}/availability", "full"),
        (_CAPABILITIES, "vs:ParamHTTP", f"{base}/capabilities", "full"),
    ]
    capabilities = "".join(
        f"<capability{'' if standard is None else f' standardID={quoteattr(standard)}'}>"
        f'<interface xsi:type="{kind}" role="std" version="1.1">'
        f'<accessURL use="{use}">{escape(url)}</accessURL></interface></capability>'
        for standard, kind, url, use in entries
    )
    return Response(
        f'{head(stylesheet(base))}<vosi:capabilities xmlns:vosi="http://www.ivoa.net/xml/VOSICapabilities/v1.0"'
        ' xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"{capabilities}</vosi:capabilities>\n",
        media_type=_XML,
    )


@router.head("/availability", include_in_schema=False)
@router.get("/availability", summary="Whether the service works, and since when")
async def get_availability(request: Request) -> Response:
    """Write what works of database, message bus and artifact store."""
    report = await health_of(request).report()
    if wants_json(request):
        found = AvailabilityJson(
            available=report.available, up_since=report.since, notes=report.notes
        )
        return Response(found.model_dump_json(), media_type="application/json")
    since = None if report.since is None else format_instant(report.since)
    return Response(
        f'{head(stylesheet(base_url(request)))}<vosi:availability xmlns:vosi="http://www.ivoa.net/xml/VOSIAvailability/v1.0">'
        f"<vosi:available>{str(report.available).lower()}</vosi:available>"
        + ("" if since is None else f"<vosi:upSince>{since}</vosi:upSince>")
        + "".join(f"<vosi:note>{escape(note)}</vosi:note>" for note in report.notes)
        + "</vosi:availability>\n",
        media_type=_XML,
    )


@router.head("/health/live", include_in_schema=False)
@router.get("/health/live", summary="Whether the process answers")
async def get_live(request: Request) -> Response:
    """Answer that the process lives; restart it when it does not."""
    return PlainTextResponse("ok")


@router.head("/health/ready", include_in_schema=False)
@router.get(
    "/health/ready",
    summary="Whether requests can be served",
    responses={503: {"description": "Send requests elsewhere for now"}},
)
async def get_ready(request: Request) -> Response:
    """Answer whether requests can be served, and what does not work although they can."""
    found = (await health_of(request).report()).readiness()
    return Response(
        found.model_dump_json(), 200 if found.ready else 503, media_type="application/json"
    )
