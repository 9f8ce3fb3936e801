"""Pages of other sites do nothing here, whatever they make a browser send or call us."""

from __future__ import annotations

import httpx
import pytest
from answers import expect, refusal_of
from one_middleware import served

from quws.api.kit.origin import KnownHosts, SameSite

pytestmark = pytest.mark.anyio

OURS = "https://inside:8000"
BROWSER = {"User-Agent": "Mozilla/5.0 (X11) Firefox/140.0"}
ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "something new"},
    {"Origin": "https://evil.example"},
    {"Origin": "https://inside:8001"},
    # A sandboxed frame, a file, a page of no place, and what is no URL at all.
    {"Origin": "null"},
    {"Origin": "file://"},
    {"Origin": "about:blank"},
    {"Origin": ""},
    {"Origin": "http://["},
    {"Origin": "http://inside:8000x"},
    {"Origin": "ftp://inside:8000"},
    # What a browser says itself goes before what it says of the page.
    {"Sec-Fetch-Site": "cross-site", "Origin": OURS},
]
HERE: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    # A page that tells nobody where it is.
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    {"Origin": OURS},
    {"Origin": "https://public.example"},
]
CHANGING = [("POST", "/jobs"), ("DELETE", "/jobs/1"), ("PUT", "/jobs/1/parameters/SHOTS")]


def same_site(public: str = "public.example") -> httpx.AsyncClient:
    return served(SameSite, public=public)


@pytest.mark.parametrize("public", ["public.example", ""])
@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
async def test_a_page_of_another_site_changes_nothing(headers: dict[str, str], public: str) -> None:
    async with same_site(public) as http:
        for method, path in [*CHANGING, ("GET", "/sync"), ("PATCH", "/jobs"), ("POST", "/sync")]:
            refusal_of(await http.request(method, path, headers=headers), 403, "cross_site")


@pytest.mark.parametrize("headers", [*HERE, {"Sec-Fetch-Site": "none"}], ids=str)
async def test_our_own_pages_and_programs_may(headers: dict[str, str]) -> None:
    async with same_site() as http:
        for method, path in CHANGING:
            assert expect(await http.request(method, path, headers=headers)).text == path


@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
async def test_a_link_of_another_site_leads_here(headers: dict[str, str]) -> None:
    async with same_site("") as http:
        for method in ("GET", "HEAD", "OPTIONS"):
            expect(await http.request(method, "/jobs/1", headers=headers))


@pytest.mark.parametrize(
    "headers",
    [
        # What the user typed may have been sent on to us.
        {"Sec-Fetch-Site": "none"},
        # Over plain http there is no more than this.
        BROWSER,
        BROWSER | {"Referer": "https://evil.example/page"},
        BROWSER | {"Origin": "null"},
        BROWSER | {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="},
        {"Sec-Fetch-Site": "none", "Authorization": "Basic dXNlcjpwYXNzd29yZA=="},
        BROWSER | {"Cookie": "quws_session=1"},
    ],
    ids=str,
)
async def test_no_job_is_made_by_following_a_link(headers: dict[str, str]) -> None:
    async with same_site() as http:
        sentence = refusal_of(await http.get("/sync", headers=headers), 403, "cross_site")
        assert "POST" in sentence


@pytest.mark.parametrize(
    "headers",
    [
        *HERE,
        {"User-Agent": "Java/17.0.1"},
        {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="},
        BROWSER | {"Referer": f"{OURS}/new"},
        BROWSER | {"Origin": OURS},
        # No browser sends a token by itself.
        BROWSER | {"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer quws_1"},
    ],
    ids=str,
)
async def test_programs_and_our_pages_make_jobs_with_a_get(headers: dict[str, str]) -> None:
    async with same_site() as http:
        expect(await http.get("/sync", headers=headers))


# -- names ------------------------------------------------------------------------


def known_hosts(*names: str) -> httpx.AsyncClient:
    return served(KnownHosts, names=names)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8000",
        "localhost.",
        "127.0.0.1:8000",
        "10.244.0.7:8000",
        "[::1]:8000",
        "[fe80::1]",
        "lab.example.org",
        "LAB.example.org:443",
        "",
    ],
)
async def test_the_service_has_names_and_addresses(host: str) -> None:
    async with known_hosts("Lab.example.org", "") as http:
        expect(await http.get("/jobs", headers={"Host": host}))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "lab.example.org.evil.example",
        "127.0.0.1.evil.example",
        "evil.example@127.0.0.1",
        "127.0.0.1/evil",
        "localhost:80a",
        "localhost evil",
        "[::1",
        "[evil]",
        "[",
        ":8000",
        "2130706433x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nobody_else_names_the_service(host: str, method: str) -> None:
    async with known_hosts("lab.example.org") as http:
        answer = await http.request(method, "/jobs", headers={"Host": host})
        assert "QUWS_ALLOWED_HOSTS" in refusal_of(answer, 421, "unknown_host")


async def test_a_request_has_one_host() -> None:
    async with known_hosts() as http:
        two = [("Host", "localhost"), ("Host", "evil.example")]
        refusal_of(await http.get("/jobs", headers=two), 421, "unknown_host")


async def test_an_operator_may_allow_any_name() -> None:
    async with known_hosts("*") as http:
        expect(await http.get("/jobs", headers={"Host": "evil.example"}))
        refusal_of(await http.get("/jobs", headers={"Host": "a b"}), 421, "unknown_host")
