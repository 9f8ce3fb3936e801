"""``/sessions``: jobs that run back to back; opened, listed, closed and cancelled."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.body import UnsupportedMediaType, read_posted
from quws.api.kit.filters import check_names, query_of
from quws.api.kit.json_body import is_json, read_json
from quws.api.kit.negotiation import Rendering, rendering_of
from quws.api.kit.pages import pages_for
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import base_url, caller_of, jobs_of
from quws.api.kit.urls import see_other
from quws.domain.errors import InvalidParameter
from quws.domain.parameters.posted import text_of
from quws.domain.parameters.values import integer, one_of
from quws.domain.sessions import Session, SessionMode
from quws.domain.times import MAX_SECONDS
from quws.schemas.session import NewSessionJson, SessionJson, SessionPatchJson
from quws.services.sessions import Sessions

router = APIRouter(route_class=PlainRoute, tags=["Sessions"])
_LIST = TypeAdapter(list[SessionJson])
_JSON = "application/json"
_FIELDS = ("TARGET", "MODE", "MAX_SECONDS", "IDLE_SECONDS")
_ACTIONS = ("CLOSE", "CANCEL")


@router.head("/sessions", include_in_schema=False)
@router.get("/sessions", summary="List one's sessions")
async def get_sessions(request: Request) -> Response:
    """List the caller's sessions, the newest first, for operators those of all: JSON or a page.

    With TARGET as JSON those of one target; on the page it is that of the form, which is beside the
    list of all.
    """
    query = query_of(request)
    check_names(query, "TARGET")
    documents = _documents(request, await _sessions(request).list(caller_of(request)))
    if pages := pages_for(request):
        return await pages.sessions(request, documents)
    if wanted := query.get("TARGET"):
        documents = [item for item in documents if item.target in wanted]
    return Response(_LIST.dump_json(documents), media_type=_JSON)


@router.post("/sessions", summary="Open a session", status_code=201)
async def post_session(request: Request) -> Response:
    """Open a session of TARGET; its jobs are sent with SESSION=ID."""
    wanted = await _read(request)
    jobs = jobs_of(request)
    target = await jobs.planner.in_service(wanted.target or jobs.policy.target)
    made = await jobs.sessions.open(
        caller_of(request), target.name, wanted.mode, wanted.max_seconds, wanted.idle_seconds
    )
    if rendering_of(request) is Rendering.HTML:
        return see_other(_url(request))
    return _shown(request, made, 201)


@router.head("/sessions/{session_id}", include_in_schema=False)
@router.get("/sessions/{session_id}", summary="Show a session")
async def get_session(request: Request, session_id: str) -> Response:
    """Show what a session does, and how long it has; a browser is sent to all of one's own."""
    found = await _sessions(request).get(caller_of(request), session_id)
    if rendering_of(request) is Rendering.HTML:
        return see_other(_url(request))
    return _shown(request, found)


@router.patch("/sessions/{session_id}", summary="Close a session")
async def patch_session(request: Request, session_id: str) -> Response:
    """Close a session: it takes no new jobs, and is over when it has no more."""
    if "content-type" in request.headers and not is_json(request):
        raise UnsupportedMediaType(
            f"the body must be {_JSON}, with accepting_jobs, which is false; as a form send"
            " ACTION=CLOSE, by POST"
        )
    wanted = await read_json(request, SessionPatchJson)
    if wanted.accepting_jobs:
        raise InvalidParameter(
            "accepting_jobs must be false: a session can be closed, and is not opened again",
            parameter="accepting_jobs",
        )
    return _shown(request, await _sessions(request).close(caller_of(request), session_id))


@router.delete("/sessions/{session_id}", summary="Cancel a session")
async def delete_session(request: Request, session_id: str) -> Response:
    """Close a session, and abort its jobs that do not run."""
    return _shown(request, await _sessions(request).cancel(caller_of(request), session_id))


@router.post("/sessions/{session_id}", summary="Close or cancel a session")
async def post_action(request: Request, session_id: str) -> Response:
    """Close or cancel a session, by a form: ACTION=CLOSE or ACTION=CANCEL."""
    given = {item.name.upper(): text_of(item) for item in await read_posted(request)}
    if set(given) != {"ACTION"}:
        raise InvalidParameter(
            f"ACTION must be {' or '.join(_ACTIONS)}, and nothing else be sent", parameter="ACTION"
        )
    caller, sessions = caller_of(request), _sessions(request)
    action = one_of("ACTION", *_ACTIONS)(given["ACTION"])
    do = sessions.close if action == "CLOSE" else sessions.cancel
    found = await do(caller, session_id)
    if rendering_of(request) is Rendering.HTML:
        return see_other(_url(request))
    return _shown(request, found)


def _sessions(request: Request) -> Sessions:
    return jobs_of(request).sessions


def _url(request: Request) -> str:
    return f"{base_url(request)}/sessions"


def _shown(request: Request, session: Session, status: int = 200) -> Response:
    (document,) = _documents(request, [session])
    headers = {"Location": document.url} if status == 201 else None
    return Response(document.model_dump_json(), status, headers, media_type=_JSON)


def _documents(request: Request, sessions: Iterable[Session]) -> list[SessionJson]:
    return [
        SessionJson(
            id=found.id,
            url=f"{_url(request)}/{found.id}",
            target=found.target,
            owner=found.owner or "",
            mode=found.mode,
            state=found.state,
            accepting_jobs=found.accepting,
            max_seconds=found.max_seconds,
            idle_seconds=found.idle_seconds,
            creation_time=found.created,
            start_time=found.began,
            ends=found.ends,
            close_time=found.closed,
            end_time=found.ended,
            last_job_started=found.last_started,
            last_job_ended=found.last_ended,
            elapsed_seconds=round(found.seconds, 3),
            jobs_waiting=found.waiting,
            jobs_running=found.running,
            jobs_url=f"{base_url(request)}/jobs?SESSION={found.id}",
        )
        for found in sessions
    ]


async def _read(request: Request) -> NewSessionJson:
    given: dict[str, str] = {}
    for item in await read_posted(request):
        name = item.name.upper()
        if name not in _FIELDS or name in given:
            raise InvalidParameter(
                f"there is no parameter '{item.name[:60]}', or it is given twice; a session takes"
                f" {', '.join(_FIELDS)}",
                parameter=item.name[:60],
            )
        if text := text_of(item).strip():
            given[name] = text
    mode = one_of("MODE", *SessionMode)(given.get("MODE", SessionMode.DEDICATED))
    return NewSessionJson(
        target=given.get("TARGET"),
        mode=SessionMode(mode),
        max_seconds=_seconds(given, "MAX_SECONDS"),
        idle_seconds=_seconds(given, "IDLE_SECONDS"),
    )


def _seconds(given: dict[str, str], name: str) -> int | None:
    text = given.get(name)
    return None if text is None else integer(name, 0, MAX_SECONDS, "seconds")(text)
