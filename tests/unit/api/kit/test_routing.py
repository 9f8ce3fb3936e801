"""The application around the routes."""

from __future__ import annotations

from typing import Any

import pytest
from in_process import Api

pytestmark = pytest.mark.anyio


async def test_what_opens_with_the_server_passes_through_all_that_requests_do(api: Api) -> None:
    told = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(told)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    state: dict[str, Any] = {}
    await api.app({"type": "lifespan", "state": state}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert state["services"] is api.services


async def test_a_method_that_a_route_has_not_is_answered_with_those_that_it_has(api: Api) -> None:
    async with api.client() as client:
        answer = await client.request("PATCH", "/jobs/x/phase")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"
