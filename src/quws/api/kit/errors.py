"""Refusals and faults as answers, in the format that the client asked for."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quws.api.kit.body import MalformedBody, UnsupportedMediaType
from quws.api.kit.negotiation import Rendering, rendering_of
from quws.api.pages.templates import render
from quws.domain.errors import (
    Forbidden,
    IllegalMove,
    InvalidCircuit,
    InvalidFilter,
    InvalidParameter,
    KeyUsed,
    NotFound,
    Refusal,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnknownTarget,
)

STATUS: dict[type[Refusal], int] = {
    # UWS 1.1, section 2.2.3.1: a job that is refused is a 403.
    InvalidParameter: 403,
    InvalidCircuit: 403,
    UnknownTarget: 403,
    KeyUsed: 403,
    Forbidden: 403,
    IllegalMove: 403,
    InvalidFilter: 400,
    MalformedBody: 400,
    Unauthenticated: 401,
    NotFound: 404,
    TooLarge: 413,
    UnsupportedMediaType: 415,
    Unavailable: 503,
}
_log = structlog.get_logger(__name__)


async def refused(request: Request, refusal: Exception) -> Response:
    """Answer a refusal."""
    assert isinstance(refusal, Refusal)
    status = status_of(refusal)
    if status >= 500:
        _log.warning("unavailable", error=str(refusal), path=request.url.path)
    extra: dict[str, Any] = {}
    if refusal.parameter is not None:
        extra["parameter"] = refusal.parameter
    if isinstance(refusal, InvalidCircuit):
        extra |= {
            "circuit": refusal.circuit,
            "line": refusal.line,
            "column": refusal.column,
        }
    headers = {}
    if status == 503:
        headers["Retry-After"] = "5"
    return answer(request, status, refusal.code, sentence_of(refusal), extra, headers)


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
    return answer(request, error.status_code, code, sentence, {}, headers)


def answer(
    request: Request,
    status: int,
    code: str,
    sentence: str,
    extra: dict[str, Any],
    headers: dict[str, str] | None = None,
) -> Response:
    """Write an error: text for UWS clients, RFC 9457 for JSON clients, a page for browsers."""
    match rendering_of(request):
        case Rendering.JSON:
            body = {
                "type": "about:blank",
                "title": HTTPStatus(status).phrase,
                "status": status,
                "detail": sentence,
                "code": code,
            }
            return JSONResponse(
                body | extra, status, headers, media_type="application/problem+json"
            )
        case Rendering.HTML:
            return render(
                request,
                "error.html",
                {"status": status, "title": HTTPStatus(status).phrase, "sentence": sentence},
                status=status,
                headers=headers,
            )
        case Rendering.XML:
            return PlainTextResponse(f"{code}: {sentence}\n", status, headers)


def status_of(refusal: Refusal) -> int:
    """Tell the HTTP status of a refusal."""
    return next((STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS), 400)


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


class FaultBarrier:
    """Turns a fault of ours into a 500 with a reference, and logs it with a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; answer what nobody else has answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            reference = secrets.token_hex(6)
            _log.exception("fault", reference=reference, path=scope["path"])
            if started:
                raise
            response = answer(
                Request(scope, receive),
                500,
                "internal_error",
                f"something went wrong in the service; its log has more under {reference}",
                {"reference": reference},
            )
            await response(scope, receive, send)


def _allowed_methods(request: Request) -> list[str]:
    allowed: set[str] = set()
    for route in request.app.router.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            allowed |= getattr(route, "methods", None) or set()
    return sorted(allowed)
