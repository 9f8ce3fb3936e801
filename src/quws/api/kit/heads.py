"""The heads of requests and answers: how long the one may be, and what the other always says."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quws.api.kit.errors import answer_bare, problem
from quws.schemas.problem import Problem

MAX_URI = 32 * 1024
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    # Of jobs and accounts nothing stays behind in a cache, not even in the browser's own.
    "Cache-Control": "no-store",
    # One URL has renderings, and each caller sees their own.
    "Vary": "Accept, Accept-Language, Authorization, Cookie",
}
_FOR_ALL = ("/static/",)


class HeadLimits:
    """Refuses requests whose URI or headers cannot be served, before anybody looks at them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        refusal = _objection(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        await answer_bare(scope, receive, send, refusal)


class UsualHeaders:
    """Adds to every answer what browsers and caches must know, where it does not say otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        private = not scope["path"].startswith(_FOR_ALL)

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    if private or name == "X-Content-Type-Options":
                        headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, completed)


def _objection(scope: Scope) -> Problem | None:
    uri = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
    if uri > MAX_URI:
        return problem(
            414,
            "uri_too_long",
            f"the URI is longer than the {MAX_URI} bytes that are allowed; send parameters in"
            " the body of a POST",
        )
    if "\0" in scope["path"]:
        return problem(404, "not_found", "there is nothing at a path with a NUL in it")
    headers = scope["headers"]
    size = sum(len(name) + len(value) for name, value in headers)
    if len(headers) > MAX_HEADERS or size > MAX_HEADER_BYTES:
        return problem(
            431,
            "headers_too_large",
            f"the request has more than the {MAX_HEADERS} headers or {MAX_HEADER_BYTES} bytes of"
            " them that are allowed",
        )
    return None
