"""Routes whose handlers read their requests themselves, and the shortest way to them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.routing import APIRoute
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override


class PlainRoute(APIRoute):
    """A route that hands its handler the request and the parts of the path, all of them text.

    FastAPI knows it for the OpenAPI document. What it does for other handlers at each request, to
    fill in parameters and to make an answer of what is returned, takes longer than most of ours.
    """

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. What is raised meanwhile is answered by who handles errors for all."""
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive, send)
        response = await self.endpoint(request, **scope["path_params"])
        await response(scope, receive, send)


class Application(FastAPI):
    """FastAPI without what it does at each request for those who have nothing of their own.

    That is a limit of bodies, telemetry, and an answer to faults.
    """

    @override
    def build_middleware_stack(self) -> ASGIApp:
        """Put what each request passes through around the routes."""
        handlers: Any = self.exception_handlers
        app: ASGIApp = AsyncExitStackMiddleware(self.router)
        app = ExceptionMiddleware(app, handlers=handlers, debug=self.debug)
        for item in reversed(self.user_middleware):
            app = item.cls(app, *item.args, **item.kwargs)
        return app

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        await self.middleware_stack(scope, receive, send)
