"""What every request passes through: paths made clean, other sites kept out, faults answered."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quws.api.kit.errors import answer, problem

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UNSAFE_PATHS = frozenset({"/sync"})
"""Where even a GET makes a job, as DALI wants it."""
_log = structlog.get_logger(__name__)


class CleanPath:
    """Makes a path the one that was meant.

    A slash at its end goes: old clients append one, and a redirect would turn
    their POST into a GET. So does the prefix of the public URL, if the proxy in
    front has not taken it off.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http":
            path = scope["path"]
            if self._prefix and f"{path}/".startswith(f"{self._prefix}/"):
                path = path[len(self._prefix) :]
            scope = {**scope, "path": path.rstrip("/") or "/"}
        await self._app(scope, receive, send)


class SameSite:
    """Refuses what a page of another site makes a browser send: it could run and delete jobs.

    Browsers say by themselves where a request comes from (Fetch Metadata, or
    Origin); other programs do not, and are not meant.
    """

    def __init__(self, app: ASGIApp, public: str) -> None:
        self._app = app
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and (
            scope["method"] not in _SAFE or scope["path"] in _UNSAFE_PATHS
        ):
            request = Request(scope, receive)
            if self._is_foreign(request):
                sentence = "this came from a page of another site; open the page of quws itself"
                response = answer(request, problem(403, "cross_site", sentence))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_foreign(self, request: Request) -> bool:
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site in ("cross-site", "same-site")
        # Over plain http, browsers leave that out and send where the page came from.
        origin = request.headers.get("origin")
        if origin is None:
            return False
        return urlsplit(origin).netloc not in (request.headers.get("host"), self._public)


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
                problem(
                    500,
                    "internal_error",
                    f"something went wrong in the service; its log has more under {reference}",
                    reference=reference,
                ),
            )
            await response(scope, receive, send)
