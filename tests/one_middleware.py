"""An application of one middleware: what it lets through is told back."""

from __future__ import annotations

from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"]


def served(kind: Any, **options: Any) -> httpx.AsyncClient:
    """Make a client of an application that says which path it was asked for."""

    async def path(request: Request) -> Response:
        return PlainTextResponse(request.url.path)

    app = Starlette(routes=[Route("/{path:path}", path, methods=METHODS)])
    app.add_middleware(kind, **options)
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="https://inside:8000")
