"""Paths are made the ones that were meant, and pages of other sites do nothing here."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from answers import expect, refusal_of
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from quws.api.kit.middleware import CleanPath, SameSite

pytestmark = pytest.mark.anyio

METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"]


def served(kind: Any, **options: Any) -> httpx.AsyncClient:
    """A client of an application that says which path it was asked for."""

    async def path(request: Request) -> Response:
        return PlainTextResponse(request.url.path)

    app = Starlette(routes=[Route("/{path:path}", path, methods=METHODS)])
    app.add_middleware(kind, **options)
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="https://inside:8000")


@pytest.mark.parametrize(
    ("prefix", "sent", "meant"),
    [
        ("", "/jobs", "/jobs"),
        ("", "/jobs/", "/jobs"),
        ("", "/jobs///", "/jobs"),
        ("", "/", "/"),
        ("/lab/quws", "/lab/quws/jobs/", "/jobs"),
        ("/lab/quws", "/lab/quws", "/"),
        ("/lab/quws", "/lab/quws/", "/"),
        # The proxy has taken it off.
        ("/lab/quws", "/jobs", "/jobs"),
        ("/lab/quws", "/lab/quwsx/jobs", "/lab/quwsx/jobs"),
        ("/jobs", "/jobs/jobs", "/jobs"),
    ],
)
async def test_a_path_is_the_one_that_was_meant(prefix: str, sent: str, meant: str) -> None:
    async with served(CleanPath, prefix=prefix) as http:
        assert expect(await http.get(sent)).text == meant


ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://inside:8001"},
    # What a browser says itself goes before what it says of the page.
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://inside:8000"},
]
HERE: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://inside:8000"},
    {"Origin": "https://public.example"},
]
CHANGING = [("POST", "/jobs"), ("DELETE", "/jobs/1"), ("PUT", "/jobs/1/parameters/SHOTS")]


@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
@pytest.mark.parametrize(("method", "path"), [*CHANGING, ("GET", "/sync"), ("PATCH", "/jobs")])
async def test_a_page_of_another_site_changes_nothing(
    method: str, path: str, headers: dict[str, str]
) -> None:
    async with served(SameSite, public="public.example") as http:
        refusal_of(await http.request(method, path, headers=headers), 403, "cross_site")


@pytest.mark.parametrize("headers", HERE, ids=str)
@pytest.mark.parametrize(("method", "path"), [*CHANGING, ("GET", "/sync")])
async def test_our_own_pages_and_programs_may(
    method: str, path: str, headers: dict[str, str]
) -> None:
    async with served(SameSite, public="public.example") as http:
        assert expect(await http.request(method, path, headers=headers)).text == path


@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
async def test_a_link_of_another_site_leads_here(headers: dict[str, str]) -> None:
    async with served(SameSite, public="") as http:
        for method in ("GET", "HEAD", "OPTIONS"):
            expect(await http.request(method, "/jobs/1", headers=headers))
