"""Refusals and faults as answers, in the format that the client asked for."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from quws.api.kit.body import EncodedBody, MalformedBody, UnsupportedMediaType
from quws.api.kit.door import door_of
from quws.api.kit.negotiation import wants_json
from quws.api.kit.pages import pages_for
from quws.api.kit.phrase import Worded
from quws.api.kit.refusals import note_refusal
from quws.domain.errors import (
    Forbidden,
    IllegalMove,
    InvalidCircuit,
    InvalidFilter,
    InvalidParameter,
    KeyUsed,
    KindNotSupported,
    NoBookedTimeslots,
    NotFound,
    QuotaExceeded,
    Refusal,
    SessionClosed,
    StorageFull,
    TimeslotRequired,
    TimeslotTaken,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnknownTarget,
)
from quws.schemas.problem import PROBLEM_TYPE, Problem

STATUS: dict[type[Refusal], int] = {
    # UWS 1.1, section 2.2.3.1: a job that is refused is a 403.
    InvalidParameter: 403,
    KindNotSupported: 403,
    InvalidCircuit: 403,
    UnknownTarget: 403,
    KeyUsed: 403,
    Forbidden: 403,
    IllegalMove: 403,
    QuotaExceeded: 403,
    TimeslotRequired: 403,
    NoBookedTimeslots: 403,
    TimeslotTaken: 409,
    SessionClosed: 403,
    InvalidFilter: 400,
    MalformedBody: 400,
    Unauthenticated: 401,
    NotFound: 404,
    TooLarge: 413,
    UnsupportedMediaType: 415,
    TooManyRequests: 429,
    Unavailable: 503,
    StorageFull: 507,
}
_log = structlog.get_logger(__name__)


async def refused(request: Request, refusal: Exception) -> Response:
    """Answer a refusal."""
    assert isinstance(refusal, Refusal)
    status = status_of(refusal)
    if status >= 500:
        _log.warning("unavailable", error=str(refusal), path=request.url.path)
    more: dict[str, Any] = {}
    if refusal.parameter is not None:
        more["parameter"] = refusal.parameter
    if isinstance(refusal, InvalidCircuit):
        more |= {
            "circuit": refusal.circuit,
            "line": refusal.line,
            "column": refusal.column,
        }
    if isinstance(refusal, QuotaExceeded):
        told_of = {
            "limit": refusal.limit,
            "group": refusal.group,
            "most": refusal.most,
            "used": refusal.used,
            "frees": refusal.frees,
        }
        more |= {name: value for name, value in told_of.items() if value is not None}
    told = problem(status, refusal.code, sentence_of(refusal), **more)
    return answer(request, told, headers_of(refusal))


async def http_error(request: Request, error: Exception) -> Response:
    """Answer what the router itself refuses: no such path, no such method."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    match error.status_code:
        case 404:
            code, sentence = "not_found", f"there is nothing at {request.url.path[:200]}"
        case 405:
            allowed = _allowed_methods(request)
            headers["Allow"] = ", ".join(allowed)
            code = "method_not_allowed"
            sentence = f"{request.method} is not possible here; allowed are {', '.join(allowed)}"
        case _:
            code, sentence = "http_error", str(error.detail)
    return answer(request, problem(error.status_code, code, sentence), headers)


def problem(status: int, code: str, sentence: str, **more: Any) -> Problem:
    """Make the description of an error; ``more`` are members of it that not every error has."""
    return Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=sentence,
        code=code,
        **more,
    )


def answer(request: Request, error: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Write an error: text for UWS clients, RFC 9457 for JSON clients, a page for browsers, and
    for those who come by a door what they read there.

    Its reason comes into the log.
    """
    note_refusal(request, error.code, error.detail)
    if door := door_of(request):
        return door.error(error, headers or {})
    if pages := pages_for(request):
        return pages.problem(request, error, headers or {})
    if wants_json(request):
        content = error.model_dump_json(exclude_unset=True)
        return Response(content, error.status, headers, media_type=PROBLEM_TYPE)
    return PlainTextResponse(
        f"{error.code}: {error.detail}\n", Worded(error.status, error.detail), headers
    )


async def answer_bare(scope: Scope, receive: Receive, send: Send, error: Problem) -> None:
    """Answer, in plain text, a request whose headers are not to be looked at."""
    response = answer(Request({**scope, "headers": []}, receive), error)
    await response(scope, receive, send)


def status_of(refusal: Refusal) -> int:
    """Return the HTTP status of a refusal."""
    if isinstance(refusal, QuotaExceeded) and refusal.seconds is not None:
        return 429  # It is free again by itself; of other quotas something has to go first.
    return next((STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS), 400)


def headers_of(refusal: Refusal) -> dict[str, str]:
    """Return what an answer says of a refusal beside its status, whatever it is written as."""
    match refusal:
        case TooManyRequests(seconds=seconds) | QuotaExceeded(seconds=int(seconds)):
            return {"Retry-After": str(seconds)}
        case Unavailable():
            return {"Retry-After": "5"}
        case EncodedBody():
            return {"Accept-Encoding": "identity"}
    return {}


def sentence_of(refusal: Refusal) -> str:
    """Write a refusal's sentence, with the place in the circuit where there is one."""
    if isinstance(refusal, InvalidCircuit) and refusal.line is not None:
        place = f"line {refusal.line}"
        if refusal.column is not None:
            place += f", column {refusal.column}"
        return f"CIRCUIT, {place}: {refusal.sentence}"
    if isinstance(refusal, InvalidCircuit):
        return f"CIRCUIT: {refusal.sentence}"
    return refusal.sentence


def _allowed_methods(request: Request) -> list[str]:
    allowed: set[str] = set()
    for route in request.app.router.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            allowed |= getattr(route, "methods", None) or set()
    return sorted(allowed)
