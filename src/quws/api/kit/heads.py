"""The heads of requests and answers: how long the one may be, and what the other always says."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quws.api.kit.errors import answer_bare, problem
from quws.schemas.problem import Problem

MAX_URI = 32 * 1024
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024
_ALWAYS = ((b"x-content-type-options", b"nosniff"),)
_PRIVATE = (
    *_ALWAYS,
    # Of jobs and accounts nothing stays behind in a cache, not even in the browser's own.
    (b"cache-control", b"no-store"),
    # One URL has renderings, and each caller sees their own.
    (b"vary", b"Accept, Accept-Language, Authorization, Cookie"),
)
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
        usual = _ALWAYS if scope["path"].startswith(_FOR_ALL) else _PRIVATE

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                said = {name for name, _ in headers}
                headers += [item for item in usual if item[0] not in said]
                message["headers"] = headers
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
