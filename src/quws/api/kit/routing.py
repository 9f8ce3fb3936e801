"""Routes whose handlers read their requests themselves, and answer them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import request_response


class PlainRoute(APIRoute):
    """A route that hands its handler the request and the parts of the path, all of them text.

    FastAPI knows it for the OpenAPI document. What it does for other handlers at each request, to
    fill in parameters and to make an answer of what is returned, takes longer than most of ours.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.app = request_response(self._answer)

    async def _answer(self, request: Request) -> Response:
        found: Response = await self.endpoint(request, **request.path_params)
        return found
