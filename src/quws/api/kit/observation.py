"""Every request gets an id, a line in the log, its numbers and its trace."""

from __future__ import annotations

from itertools import pairwise
from time import perf_counter
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quws.api.kit.heads import MAX_HEADERS
from quws.api.kit.refusals import REFUSAL
from quws.domain.job import is_job_id
from quws.telemetry import logs, metrics, tracing

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_QUIET = ("/health/", "/metrics", "/static/")
_REQUEST_ID = b"x-request-id"
_OTHERS = ("sessions", "timeslots")
"""What has ids that look like those of jobs."""
_log = structlog.get_logger(__name__)


class Observation:
    """Watches requests from outside all handlers.

    The id comes from ``X-Request-ID`` where a client or proxy sends a sane one; it
    is in the answer, on every line of the log, and kept with the jobs that the request makes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and log and count it when it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Of a head that is too long to be served only so much is looked at.
        headers = Headers(raw=scope["headers"][:MAX_HEADERS])
        request_id = logs.request_id(headers.get("x-request-id"))
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        job = job_in(scope["path"])
        # Of who goes away before there is an answer, as nginx writes it.
        status = 499
        refusal: dict[str, Any] = {}
        scope[REFUSAL] = refusal
        start = perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *(item for item in message.get("headers", ()) if item[0] != _REQUEST_ID),
                    (_REQUEST_ID, request_id.encode("ascii")),
                ]
            await send(message)

        with (
            logs.about(
                request=request_id, **({} if job is None else {"job": job}), **_asker(scope)
            ),
            tracing.span(
                method,
                {name: headers[name] for name in tracing.fields() if name in headers},
                server=True,
                request=request_id,
                job=job,
            ),
        ):
            try:
                await self._app(scope, receive, watched)
            finally:
                seconds = perf_counter() - start
                # The router leaves behind which of its routes it took.
                route = getattr(scope.get("route"), "path", None) or "none"
                metrics.answered(method, route, status, seconds)
                tracing.describe(f"{method} {route}", status=status)
                log = _log.debug if scope["path"].startswith(_QUIET) else _log.info
                log(
                    "request",
                    method=method,
                    path=scope["path"][:200],
                    status=status,
                    seconds=round(seconds, 4),
                    **refusal,
                )


def job_in(path: str) -> str | None:
    """Return the id of the job that a path names; those of others look alike."""
    parts = path.split("/")
    for before, part in pairwise(parts):
        if before not in _OTHERS and is_job_id(part):
            return part
    return None


def _asker(scope: Scope) -> dict[str, str]:
    client = scope.get("client")
    return {} if client is None else {"client": str(client[0])}
