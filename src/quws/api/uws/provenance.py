"""Where the results of a job come from, as JSON and as a VOTable."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from quws import __version__
from quws.api.kit.filters import query_of, read_response_format
from quws.api.kit.negotiation import wants_json
from quws.api.kit.services import base_url, caller_of, jobs_of
from quws.api.kit.urls import Urls, urls_of
from quws.api.kit.xml import xml_safe
from quws.domain.errors import InvalidFilter
from quws.domain.formats import Format, named
from quws.domain.job import Job
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.times import format_instant
from quws.schemas.provenance import (
    PREFIX,
    Activity,
    Agent,
    Entity,
    Provenance,
    Statement,
    Used,
    WasAssociatedWith,
    WasAttributedTo,
    WasGeneratedBy,
)
from quws.schemas.votable import VOTABLE_TYPE

_PRIVATE = frozenset({"WEBHOOK"})


async def get_provenance(request: Request, job_id: str) -> Response:
    """Show where the results of a job come from, by W3C PROV and IVOA's provenance model.

    A VOTable, or PROV-JSON where JSON is asked for, by RESPONSEFORMAT or Accept.
    """
    job = await jobs_of(request).reader.get(caller_of(request), job_id)
    wanted = read_response_format(query_of(request))
    form = named(wanted) if wanted is not None else None
    if wanted is not None and form not in (Format.JSON, Format.VOTABLE):
        raise InvalidFilter(
            f"RESPONSEFORMAT must be one of votable, json, not '{wanted[:40]}'",
            parameter="RESPONSEFORMAT",
        )
    found = Provenance(base_url(request), list(_statements(job, urls_of(request), request)))
    if form is Format.JSON or (form is None and wants_json(request)):
        return JSONResponse(found.json())
    return Response(found.votable(), media_type=VOTABLE_TYPE)


def _statements(job: Job, urls: Urls, request: Request) -> Iterator[Statement]:
    base = base_url(request)

    def named_by(url: str) -> str:
        return f"{PREFIX}:{url.removeprefix(base).lstrip('/')}"

    activity = named_by(urls.job(job.id))
    started, ended = job.start_time, job.end_time
    yield Activity(
        activity,
        xml_safe(job.name or job.run_id or f"job {job.id}"),
        None if started is None else format_instant(started),
        None if ended is None else format_instant(ended),
        f"KIND={job.spec.kind}, {job.phase}, by quws {__version__}",
    )
    owner = Agent(
        f"{PREFIX}:owners/{quote(job.owner or 'anonymous', safe='')}",
        xml_safe(job.owner or "anonymous"),
        "prov:Person",
    )
    target = Agent(
        f"{PREFIX}:targets/{quote(job.target, safe='')}", job.target, "prov:SoftwareAgent"
    )
    yield from (owner, target)
    yield WasAssociatedWith(activity, owner.id, "owner")
    yield WasAssociatedWith(activity, target.id, "target")
    seen: dict[str, int] = {}
    for item, link in urls.parameters(job):
        place = seen.get(item.name.upper(), 0)
        seen[item.name.upper()] = place + 1
        if item.name in _PRIVATE:
            continue
        entity = named_by(urls.parameter(job.id, item.name, place))
        yield Entity(entity, xml_safe(item.name), link, item.value, comment=item.mime_type)
        is_circuit = item.name in SPECIFICATIONS["CIRCUIT"].names
        yield Used(activity, entity, "circuit" if is_circuit else "parameter")
    if job.calibration_id is not None:
        url = urls.calibration(job.target, job.calibration_id)
        yield Entity(named_by(url), "calibration", url)
        yield Used(activity, named_by(url), "calibration")
    made = None if ended is None else format_instant(ended)
    for result in job.results:
        url = urls.result(job.id, result.id)
        entity = named_by(url)
        yield Entity(entity, result.id, url, generatedAtTime=made, comment=result.mime_type)
        is_compiled = result.id.startswith("circuit-")
        yield WasGeneratedBy(entity, activity, "compiled circuit" if is_compiled else "result")
        yield WasAttributedTo(entity, owner.id, "owner")
