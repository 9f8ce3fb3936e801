"""Heads of requests have an end, and those of answers say what browsers must know."""

from __future__ import annotations

import pytest
from answers import expect, refusal_of
from in_process import Api
from one_middleware import served

from quws.api.kit.heads import MAX_HEADER_BYTES, MAX_HEADERS, MAX_URI, HeadLimits

pytestmark = pytest.mark.anyio


async def test_a_head_of_a_sane_length_is_served() -> None:
    async with served(HeadLimits) as http:
        expect(await http.get("/" + "x" * (MAX_URI - 1)))
        own = len(http.headers.raw) + 1  # And the Host.
        expect(await http.get("/", headers={f"X-{n}": "1" for n in range(MAX_HEADERS - own)}))
        expect(await http.get("/", headers={"Cookie": "x" * (MAX_HEADER_BYTES - 1000)}))


@pytest.mark.parametrize(
    "path",
    ["/" + "x" * MAX_URI, "/jobs?" + "A=1&" * (MAX_URI // 4), "/" + "%20" * (MAX_URI // 3 + 1)],
    ids=len,
)
async def test_a_uri_that_is_too_long(path: str) -> None:
    async with served(HeadLimits) as http:
        answer = await http.get(path, headers={"Accept": "text/html,application/xhtml+xml"})
        assert f"{MAX_URI} bytes" in refusal_of(answer, 414, "uri_too_long")


@pytest.mark.parametrize(
    "headers",
    [
        [(f"X-{n}", "1") for n in range(MAX_HEADERS)],
        [("Accept", "text/html")] * MAX_HEADERS,
        [("Cookie", "x" * MAX_HEADER_BYTES)],
        [("x" * MAX_HEADER_BYTES, "1")],
    ],
    ids=["many", "the same", "a long one", "a long name"],
)
async def test_headers_that_are_too_many_or_too_long(headers: list[tuple[str, str]]) -> None:
    async with served(HeadLimits) as http:
        answer = await http.get("/jobs", headers=headers)
        assert "100 headers" in refusal_of(answer, 431, "headers_too_large")


async def test_a_head_that_is_too_long_is_refused_before_anything_else(api: Api) -> None:
    async with api.client() as http:
        many = [(f"X-{n}", "1") for n in range(500)]
        answer = await http.post("/jobs", headers=many, content=b"CIRCUIT=1")
        refusal_of(answer, 431, "headers_too_large")
        assert answer.headers["X-Request-ID"]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
@pytest.mark.parametrize(
    "path",
    ["/jobs", "/jobs/1", "/account", "/targets", "/nothing", "/openapi.json", "/capabilities"],
)
async def test_no_cache_keeps_or_mixes_up_answers(api: Api, path: str, accept: str) -> None:
    async with api.client() as http:
        headers = (await http.get(path, headers={"Accept": accept})).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in headers["Cache-Control"] or "no-cache" in headers["Cache-Control"]
    assert "Accept" in headers["Vary"]


async def test_static_files_may_be_kept(api: Api) -> None:
    async with api.client() as http:
        headers = expect(await http.get("/static/quws.css")).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Cache-Control" not in headers
