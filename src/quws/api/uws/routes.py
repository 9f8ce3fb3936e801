"""The routes of the UWS tree (UWS 1.1, section 2.2)."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from quws.api.kit.body import parse_form, read_body, read_posted
from quws.api.kit.bytes import serve_payload
from quws.api.kit.filters import (
    FILTERS,
    IN_PAGES,
    check_names,
    query_of,
    read_filter,
    read_order,
    read_outcomes,
    read_page,
    read_phases,
    read_place,
    read_wait,
)
from quws.api.kit.idempotency import KEY_FILTER, read_key, read_key_filter
from quws.api.kit.negotiation import wants_json
from quws.api.kit.pages import ShownJob, pages_for
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import caller_of, jobs_of, specifications_of
from quws.api.kit.urls import Urls, see_other, urls_of
from quws.api.uws import json as as_json
from quws.api.uws import xml
from quws.api.uws.bundle import get_bundle, get_record
from quws.api.uws.circuits import get_circuit, get_circuits, post_circuit, post_circuits
from quws.api.uws.document import snapshot_document
from quws.api.uws.events import job_events
from quws.api.uws.job_error import error_response
from quws.api.uws.labels import get_labels, post_labels
from quws.api.uws.provenance import get_provenance
from quws.api.uws.results import get_result, get_results, joined_with_outcomes
from quws.api.uws.timeline import get_timeline
from quws.domain.errors import InvalidFilter, InvalidParameter, NotFound
from quws.domain.job import Job, JobRef
from quws.domain.labels import ListFilter, Place
from quws.domain.parameters.posted import Posted
from quws.domain.parameters.reading import read_control
from quws.domain.times import format_instant
from quws.domain.words import cut

XML = "application/xml"
JSON = "application/json"
_OF_PAGES = ("LIMIT", "PAST")


@cache
def make_router(mount: str, *, in_schema: bool) -> APIRouter:
    """Return the routes below a job list. ``HEAD`` goes wherever ``GET`` goes.

    They are made once in a process, as those of the other routers are: that takes long.
    """
    router = APIRouter(
        route_class=PlainRoute, prefix=mount, tags=["UWS"], include_in_schema=in_schema
    )

    def show(path: str, handler: Callable[..., Any], summary: str) -> None:
        router.add_api_route(path, handler, methods=["GET"], summary=summary, response_model=None)

    def head(path: str, handler: Callable[..., Any]) -> None:
        router.add_api_route(
            path, handler, methods=["HEAD"], include_in_schema=False, response_model=None
        )

    def get(path: str, handler: Callable[..., Any], summary: str) -> None:
        show(path, handler, summary)
        head(path, handler)

    def change(method: str, path: str, handler: Callable[..., Any], summary: str) -> None:
        router.add_api_route(
            path,
            handler,
            methods=[method],
            summary=summary,
            status_code=303,
            response_model=None,
        )

    # Routes are tried one after the other: those that are asked for most stand first.
    show("", get_list, "List jobs")
    show("/{job_id}", get_job, "Show a job, or wait for its phase to change")
    show("/{job_id}/phase", get_phase, "Show the phase")
    change("POST", "", create_job, "Create a job")
    head("", get_list)
    head("/{job_id}", get_job)
    head("/{job_id}/phase", get_phase)
    change("POST", "/{job_id}", change_job, "Delete a job, or change what belongs to it")
    change("DELETE", "/{job_id}", delete_job, "Delete a job")
    change("POST", "/{job_id}/phase", post_control("PHASE"), "Run or abort a job")
    get("/{job_id}/executionduration", get_duration, "Show the execution duration in seconds")
    change(
        "POST",
        "/{job_id}/executionduration",
        post_control("EXECUTIONDURATION"),
        "Change the execution duration",
    )
    get("/{job_id}/destruction", get_destruction, "Show the destruction time")
    change(
        "POST", "/{job_id}/destruction", post_control("DESTRUCTION"), "Change the destruction time"
    )
    change("POST", "/{job_id}/rerun", post_rerun, "Make a job with the parameters of this one")
    get("/{job_id}/events", job_events, "Follow a job by server-sent events")
    get("/{job_id}/labels", get_labels, "Show what the job is called")
    change("POST", "/{job_id}/labels", post_labels, "Change what the job is called")
    get("/{job_id}/circuits", get_circuits, "List the circuits")
    change("POST", "/{job_id}/circuits", post_circuits, "Abort circuits")
    get("/{job_id}/circuits/{index}", get_circuit, "Show a circuit")
    change("POST", "/{job_id}/circuits/{index}", post_circuit, "Abort a circuit")
    get("/{job_id}/timeline", get_timeline, "List what happened to the job")
    get("/{job_id}/quote", get_quote, "Show when the job will probably be done")
    get("/{job_id}/owner", get_owner, "Show the owner")
    get("/{job_id}/error", get_error, "Show why a job failed")
    get("/{job_id}/parameters", get_parameters, "List the parameters")
    change("POST", "/{job_id}/parameters", post_parameters, "Change parameters")
    get("/{job_id}/parameters/{name}", get_parameter, "Show the value of a parameter")
    change("PUT", "/{job_id}/parameters/{name}", put_parameter, "Change a parameter")
    get("/{job_id}/parameters/{name}/{position}", get_parameter, "Show a repeated parameter")
    get("/{job_id}/bundle.zip", get_bundle, "Download all of a job that is over")
    get("/{job_id}/record", get_record, "Show the signed record of a job that is over")
    get("/{job_id}/provenance", get_provenance, "Show where the results come from")
    get("/{job_id}/results", get_results, "List the results")
    get("/{job_id}/results/{result_id}", get_result, "Download a result")
    return router


# -- the list -----------------------------------------------------------------


async def get_list(request: Request) -> Response:
    """List the caller's jobs, newest first.

    PHASE (repeatable: any of them), AFTER and BEFORE (created later or earlier than this
    instant), LAST (the first so many), TAG (repeatable: all of them), RUNID, TARGET, SESSION and
    TEXT (in name, run id or a tag) restrict the list, all together where several are given;
    IDEMPOTENCY-KEY leaves the one job that was made with that key. ARCHIVED
    jobs are listed only when PHASE asks for them. As JSON the list may be ordered (SORT)
    and come in pages (LIMIT); the header Link then has the next one. As XML it is as UWS has it:
    whole, and newest first. Other parameters are refused.
    """
    urls = urls_of(request)
    if pages := pages_for(request):
        return await pages.jobs(request, urls)
    query = query_of(request)
    as_it_likes = wants_json(request)
    check_names(
        query,
        *(*FILTERS, KEY_FILTER, *(IN_PAGES if as_it_likes else ())),
        refused="" if as_it_likes else f"; as JSON it takes {', '.join(IN_PAGES)} as well",
    )
    wanted = replace(read_filter(query), key=read_key_filter(query))
    jobs, caller = jobs_of(request), caller_of(request)
    if not as_it_likes:
        write, media_type, refs = _list_xml, XML, jobs.reader.refs(caller, wanted)
    else:
        wanted, limit, past = replace(wanted, order=read_order(query)), *read_page(query)
        if limit is not None:
            return await _page(request, wanted, limit, past, urls)
        write, media_type, refs = _list_json, JSON, jobs.reader.refs(caller, wanted, past)
    # Read before the answer begins: a fault must not become a document that breaks off.
    first: list[JobRef] = await anext(refs, [])
    return StreamingResponse(write(first, refs, urls), media_type=media_type)


async def _page(
    request: Request, wanted: ListFilter, limit: int, past: Place | None, urls: Urls
) -> Response:
    """Write one page of the list, and say where the next one is."""
    most = limit + 1 if wanted.last is None else min(limit + 1, wanted.last)
    found = await jobs_of(request).reader.rows(caller_of(request), most, wanted, past)
    headers = {}
    if len(found) > limit:
        found = found[:limit]
        query = [
            (item.name, item.value)
            for item in parse_form(request.scope["query_string"])
            if item.name.upper() not in (*_OF_PAGES, *(["LAST"] if wanted.last else []))
        ]
        left = [] if wanted.last is None else [("LAST", wanted.last - limit)]
        following = urlencode(
            [*query, *left, ("LIMIT", limit), ("PAST", Place.of(found[-1]).written())]
        )
        headers["Link"] = f'<{urls.list}?{following}>; rel="next"'
    content = f"[{','.join(as_json.refs_json([row.ref for row in found], urls))}]"
    return Response(content, media_type=JSON, headers=headers)


async def _list_xml(
    first: list[JobRef], others: AsyncIterator[list[JobRef]], urls: Urls
) -> AsyncIterator[str]:
    yield xml.list_head(urls) + xml.list_entries(first, urls)
    async for chunk in others:
        yield xml.list_entries(chunk, urls)
    yield xml.LIST_END


async def _list_json(
    first: list[JobRef], others: AsyncIterator[list[JobRef]], urls: Urls
) -> AsyncIterator[str]:
    yield "[" + ",".join(as_json.refs_json(first, urls))
    async for chunk in others:
        yield "," + ",".join(as_json.refs_json(chunk, urls))
    yield "]"


async def create_job(request: Request) -> Response:
    """Create a job from a form. PHASE=RUN starts it at once, else it is PENDING.

    With the header Idempotency-Key there is one job however often the request is sent.
    """
    job = await jobs_of(request).submission.submit(
        caller_of(request), await read_posted(request, circuits=True), read_key(request)
    )
    return see_other(urls_of(request).job(job.id))


# -- one job --------------------------------------------------------------------


async def get_job(request: Request, job_id: str) -> Response:
    """Show a job.

    WAIT=seconds (-1: as long as the service allows) answers when the phase
    changes or the time is over; with PHASE at once if the job is not in that
    phase. Only PENDING, QUEUED and EXECUTING jobs are waited for. OUTCOMES=true adds to the JSON
    of a COMPLETED job what it gave, if that is small.
    """
    jobs, caller = jobs_of(request), caller_of(request)
    query = query_of(request)
    seconds, whole = read_wait(query), read_outcomes(query)
    if seconds is None:
        found = await jobs.reader.snapshot(caller, job_id)
    else:
        phases = read_phases(query)
        if len(phases) > 1:
            raise InvalidFilter("PHASE may be given once with WAIT", parameter="PHASE")
        found = await jobs.follower.wait(caller, job_id, seconds, next(iter(phases), None))
    urls = urls_of(request)
    if wants_json(request):
        told = as_json.snapshot_json(found, urls)
        told = await joined_with_outcomes(jobs.files, found.job, told) if whole else told
        return Response(told, media_type=JSON)
    document = snapshot_document(found, urls)
    if pages := pages_for(request):
        state = as_json.state_of(found, urls)
        return await pages.job(request, ShownJob(found, urls, document, state))
    return Response(document, media_type=XML)


async def change_job(request: Request, job_id: str) -> Response:
    """ACTION=DELETE deletes the job; control parameters and parameters are changed.

    Nothing else does anything, least of all delete.
    """
    jobs, caller = jobs_of(request), caller_of(request)
    await jobs.reader.authorise(caller, job_id)
    posted = await read_posted(request, circuits=True)
    actions = [item.value for item in posted if item.name.upper() == "ACTION"]
    if actions:
        if actions != [b"DELETE"]:
            raise InvalidParameter("ACTION must be DELETE", parameter="ACTION")
        return await delete_job(request, job_id)
    await _apply(request, job_id, posted)
    return see_other(urls_of(request).job(job_id))


async def post_rerun(request: Request, job_id: str) -> Response:
    """Make a job with the parameters of this one, byte for byte, and go to it.

    Control parameters may be sent: PHASE=RUN starts it at once, else it is PENDING. With the
    header Idempotency-Key there is one new job however often the request is sent.
    """
    jobs, caller = jobs_of(request), caller_of(request)
    job = await jobs.reader.get(caller, job_id)
    made = await jobs.again.rerun(caller, job, await read_posted(request), read_key(request))
    return see_other(urls_of(request).job(made.id))


async def delete_job(request: Request, job_id: str) -> Response:
    """Stop a job if it runs, and delete it with all its files."""
    await jobs_of(request).control.delete(caller_of(request), job_id)
    return see_other(urls_of(request).list)


def post_control(name: str) -> Callable[..., Any]:
    """Make the handler of a child that is set by one control parameter."""

    async def handler(request: Request, job_id: str) -> Response:
        jobs, caller = jobs_of(request), caller_of(request)
        await jobs.reader.authorise(caller, job_id)
        posted = await read_posted(request)
        if not any(item.name.upper() == name for item in posted):
            raise InvalidParameter(f"{name} is missing", parameter=name)
        control, rest = read_control(posted, specifications_of(request))
        if rest:
            raise InvalidParameter(
                f"only {name} can be set here, not '{rest[0].name[:60]}'",
                parameter=rest[0].name[:60],
            )
        await jobs.control.apply(caller, job_id, control)
        return see_other(urls_of(request).job(job_id))

    handler.__name__ = f"post_{name.lower()}"
    return handler


async def _apply(request: Request, job_id: str, posted: list[Posted]) -> None:
    jobs, caller = jobs_of(request), caller_of(request)
    specifications = specifications_of(request)
    control, rest = read_control(posted, specifications)
    if control.empty and not rest:
        raise InvalidParameter(
            "nothing to change: send ACTION=DELETE, one of"
            f" {', '.join(specifications.control)}, or a parameter"
        )
    await jobs.control.apply(caller, job_id, control, rest)


# -- single values ----------------------------------------------------------------


async def get_phase(request: Request, job_id: str) -> Response:
    """Show the phase as plain text."""
    head = await jobs_of(request).reader.authorise(caller_of(request), job_id)
    return _value(request, str(head.phase))


async def get_duration(request: Request, job_id: str) -> Response:
    """Show how many seconds the job may run, 0 for unlimited."""
    times = await jobs_of(request).reader.times(caller_of(request), job_id)
    if wants_json(request):
        return JSONResponse(times.execution_duration)
    return _value(request, str(times.execution_duration))


async def get_destruction(request: Request, job_id: str) -> Response:
    """Show the instant at which the job will be destroyed."""
    times = await jobs_of(request).reader.times(caller_of(request), job_id)
    instant = times.destruction_time
    return _value(request, None if instant is None else format_instant(instant))


async def get_quote(request: Request, job_id: str) -> Response:
    """Show the instant at which the job will probably be done; empty if nobody knows."""
    times = await jobs_of(request).reader.times(caller_of(request), job_id)
    return _value(request, None if times.quote is None else format_instant(times.quote))


async def get_owner(request: Request, job_id: str) -> Response:
    """Show who owns the job; empty if nobody is known."""
    head = await jobs_of(request).reader.authorise(caller_of(request), job_id)
    return _value(request, head.owner)


async def get_error(request: Request, job_id: str) -> Response:
    """Show why a job failed, as the VOTable that TAP clients read."""
    job = await _job(request, job_id)
    if job.error is None:
        raise NotFound(f"job {job_id} has no error; it is {job.phase}")
    return error_response(job.error, json=wants_json(request))


# -- parameters and results --------------------------------------------------------


async def get_parameters(request: Request, job_id: str) -> Response:
    """List the parameters, each with its value or a link to it."""
    job = await _job(request, job_id)
    urls = urls_of(request)
    if wants_json(request):
        return Response(as_json.parameters_json(job, urls), media_type=JSON)
    return Response(xml.parameters_document(job, urls), media_type=XML)


async def post_parameters(request: Request, job_id: str) -> Response:
    """Give existing parameters of a PENDING job new values."""
    await jobs_of(request).reader.authorise(caller_of(request), job_id)
    await _apply(request, job_id, await read_posted(request, circuits=True))
    return see_other(urls_of(request).job(job_id))


async def get_parameter(
    request: Request, job_id: str, name: str, position: str | None = None
) -> Response:
    """Show the value of a parameter, byte for byte as it was posted."""
    jobs = jobs_of(request)
    job = await _job(request, job_id)
    place = None if position is None else read_place(position)
    if position is not None and place is None:
        raise NotFound(f"job {job_id} has no parameter '{cut(name)}/{cut(position)}'")
    payload = await jobs.files.parameter(job, name, place)
    stamp = hashlib.sha256(repr((position, job.parameters)).encode()).hexdigest()[:16]
    return await serve_payload(request, payload, stamp)


async def put_parameter(request: Request, job_id: str, name: str) -> Response:
    """Give an existing parameter of a PENDING job a new value: the body, as it is."""
    jobs, caller = jobs_of(request), caller_of(request)
    await jobs.files.parameter(await jobs.reader.get(caller, job_id), name)
    await jobs.change.set_parameters(
        caller, job_id, [Posted(name, await read_body(request, circuits=True))]
    )
    return see_other(urls_of(request).job(job_id))


# -- helpers ----------------------------------------------------------------------


async def _job(request: Request, job_id: str) -> Job:
    return await jobs_of(request).reader.get(caller_of(request), job_id)


def _value(request: Request, value: str | None) -> Response:
    if wants_json(request):
        return JSONResponse(value)
    return PlainTextResponse(value or "")
