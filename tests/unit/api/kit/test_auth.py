"""Who is believed to ask: nobody by accident, and nobody by a header that anybody can send."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import structlog
from answers import expect, json_of, location_of, refusal_of
from circuits import BELL2
from in_process import Api, open_api
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs

from quws.api.kit.auth import PROXY_SECRET, Authentication, AuthSettings
from quws.api.kit.services import caller_of
from quws.domain.caller import AuthMethod
from quws.services import guesses

pytestmark = pytest.mark.anyio

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PROXY = ("10.1.2.3", 41_000)
USER = "X-Forwarded-User"
SECRET = "it-is-not-told-anybody"


async def whoami(request: Request) -> Response:
    caller = caller_of(request)
    return JSONResponse({"name": caller.name, "operator": caller.operator})


def proxied(
    client: Any = PROXY, secrets: Sequence[str | bytes] = (SECRET,), **settings: Any
) -> httpx.AsyncClient:
    """A client of an application behind a proxy, which comes from an address."""
    known: dict[str, Any] = {
        "method": AuthMethod.PROXY,
        "proxy_networks": (ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
        "proxy_secret": SECRET,
        "operators": frozenset({"root"}),
    }
    middleware = Middleware(Authentication, settings=AuthSettings(**known | settings))
    # No pages: the kit refuses in words where there are none.
    app = Starlette(routes=[Route("/{path:path}", whoami)], middleware=[middleware])
    transport = httpx.ASGITransport(app, client=cast("tuple[str, int]", client))
    headers = [(PROXY_SECRET.encode(), as_bytes(item)) for item in secrets]
    return httpx.AsyncClient(transport=transport, base_url="http://quws.test", headers=headers)


def as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


async def test_the_proxy_says_who_asks() -> None:
    async with proxied() as http:
        answer = await http.get("/jobs", headers={USER: "carol"})
    assert json_of(answer) == {"name": "carol", "operator": False}


async def test_only_who_is_named_an_operator_is_one() -> None:
    async with proxied() as http:
        root = json_of(await http.get("/jobs", headers={USER: "root"}))
        others = [
            json_of(await http.get("/jobs", headers={USER: name}))
            for name in ("carol", "Root", "root,carol")
        ]
    assert root == {"name": "root", "operator": True}
    assert [item["operator"] for item in others] == [False, False, False]


@pytest.mark.parametrize(
    "names", [["carol", "root"], ["root", "carol"], ["carol", "carol"], ["carol", ""], ["", "root"]]
)
async def test_a_header_that_was_sent_twice_is_believed_in_neither(names: list[str]) -> None:
    async with proxied(anonymous=True) as http:
        answer = await http.get("/jobs", headers=[(USER, name) for name in names])
    assert "more than once" in refusal_of(answer, 401, "unauthenticated")


@pytest.mark.parametrize(
    "client",
    [
        pytest.param(None, id="unknown, as on a unix socket"),
        ("", 0),
        ("/run/quws.sock", 0),
        ("192.0.2.1", 41_000),
        ("11.0.0.1", 41_000),
        ("fe80::1", 41_000),
    ],
)
async def test_a_header_from_elsewhere_is_not_believed(client: Any) -> None:
    async with proxied(client) as http:
        refusal_of(await http.get("/jobs", headers={USER: "root"}), 401, "unauthenticated")
    async with proxied(client, anonymous=True) as http:
        # Who may come without a name comes without one.
        answer = await http.get("/jobs", headers={USER: "root"})
    assert json_of(answer) == {"name": None, "operator": False}


async def test_a_proxy_may_have_an_address_of_either_kind() -> None:
    async with proxied(("fd00::17", 41_000)) as http:
        assert json_of(await http.get("/jobs", headers={USER: "carol"}))["name"] == "carol"


@pytest.mark.parametrize(
    "secrets",
    [
        [],
        [""],
        ["wrong"],
        [SECRET[:-1]],
        [SECRET + "x"],
        [SECRET.upper()],
        [b"\xff" * 32],
        ["wrong", SECRET],
        [SECRET, SECRET],
    ],
    ids=str,
)
async def test_another_program_at_the_address_of_the_proxy_is_not_believed(
    secrets: list[str | bytes],
) -> None:
    async with proxied(secrets=secrets, anonymous=True) as http:
        with capture_logs() as logged:
            answer = await http.get("/jobs", headers={USER: "root"})
        # Who names nobody needs none.
        assert json_of(await http.get("/jobs"))["name"] is None
    assert "came without the secret of the proxy" in refusal_of(answer, 401, "unauthenticated")
    (told,) = [item for item in logged if item["event"] == "sign-in failed"]
    assert told["method"] == "proxy"
    assert SECRET not in str(logged) + answer.text


async def test_without_a_secret_that_is_set_nobody_is_believed() -> None:
    for secrets in ([], [""]):
        async with proxied(secrets=secrets, proxy_secret="") as http:
            expect(await http.get("/jobs", headers={USER: "root"}), 401)


@pytest.mark.parametrize(
    "name", ["carol", "c@lab.example", "CN=Carol Doe,O=Lab", "jürgen", "À. Ünal", "x" * 200]
)
async def test_a_name_is_taken_as_it_is(name: str) -> None:
    async with proxied(operators=frozenset({name})) as http:
        found = json_of(await http.get("/jobs", headers={USER.encode(): name.encode()}))
    assert found == {"name": name, "operator": True}


@pytest.mark.parametrize(
    "name",
    [
        "x" * 201,
        "x" * 100_000,
        "carol ",
        " carol",
        " ",
        "carol  doe",
        "carol\t",
        "carol\x01",
        "carol\u00a0doe",
        "carol\u200b",
        "\u202ecarol",
        b"j\xfcrgen",
    ],
)
async def test_a_name_that_could_pass_for_another_is_none(name: str | bytes) -> None:
    async with proxied(anonymous=True) as http:
        answer = await http.get("/jobs", headers={USER.encode(): as_bytes(name)})
    assert USER in refusal_of(answer, 401, "unauthenticated")
    assert len(answer.text) < 300


async def test_another_header_is_not_believed() -> None:
    async with proxied(proxy_header="X-Lab-User") as http:
        refusal_of(await http.get("/jobs", headers={USER: "carol"}), 401, "unauthenticated")
        found = json_of(await http.get("/jobs", headers={"x-lab-user": "carol"}))
    assert found["name"] == "carol"


@pytest.mark.parametrize("headers", [{}, {USER: ""}])
async def test_who_is_not_named_is_challenged(headers: dict[str, str]) -> None:
    async with proxied() as http:
        answer = expect(await http.get("/jobs", headers=headers), 401)
        for path in ("/health/live", "/static/quws.css", "/availability", "/account"):
            assert json_of(await http.get(path, headers=headers))["name"] is None, path
        for path in ("/healthy", "/jobs/health/", "/accounts", "/metrics"):
            expect(await http.get(path, headers=headers), 401)
    # Basic would make a browser ask for a password that nobody here knows.
    assert answer.headers.get_list("www-authenticate") == ['Bearer realm="quws"']


async def test_without_pages_a_browser_is_refused_in_words() -> None:
    async with proxied() as http:
        answer = await http.get("/jobs", headers=BROWSER)
    refusal_of(answer, 401, "unauthenticated")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


# -- users ----------------------------------------------------------------------------


@pytest.fixture
async def closed(tmp_path: Path, schema: Path) -> AsyncIterator[Api]:
    async with open_api(tmp_path, schema, AuthSettings(method=AuthMethod.USERS)) as opened:
        await opened.services.accounts.add("alice", "alice-password", operator=False)
        yield opened


def basic(text: bytes | str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(as_bytes(text)).decode()}"}


async def test_a_password_or_a_token_is_a_way_in(closed: Api) -> None:
    token = await closed.services.accounts.create_token("alice", "laptop", None)
    async with closed.client() as http:
        for headers in (basic("alice:alice-password"), {"Authorization": f"bearer {token}"}):
            expect(await http.get("/jobs", headers=headers))


@pytest.mark.parametrize(
    "headers",
    [
        basic("alice:wrong"),
        basic("alice:"),
        basic("alice"),
        basic(":alice-password"),
        basic("alice\0:alice-password"),
        basic(b"\xff:alice-password"),
        {"Authorization": "Basic alice:alice-password"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer alice-password"},
        {"Authorization": "Digest alice"},
        {"Authorization": "Bearer wrong", "Cookie": "quws_session=wrong"},
    ],
    ids=str,
)
async def test_wrong_credentials_are_no_way_in(closed: Api, headers: dict[str, str]) -> None:
    async with closed.client() as http:
        answer = expect(await http.get("/jobs", headers=headers), 401)
        # Not even where everybody may come in without any.
        refusal_of(await http.get("/availability", headers=headers), 401, "unauthenticated")
    assert [item.split()[0] for item in answer.headers.get_list("www-authenticate")] == [
        "Basic",
        "Bearer",
    ]


@pytest.mark.parametrize("headers", [basic(":"), {"Authorization": "Basic"}], ids=str)
async def test_a_user_without_name_and_password_is_none(
    closed: Api, headers: dict[str, str]
) -> None:
    async with closed.client() as http:
        refusal = refusal_of(await http.get("/jobs", headers=headers), 401, "unauthenticated")
        expect(await http.get("/availability", headers=headers))
    assert refusal.startswith("sign in")


async def test_a_session_is_a_way_in_until_it_ends(closed: Api) -> None:
    secret = await closed.services.accounts.sign_in("alice", "alice-password")
    assert secret is not None
    cookie = {"Cookie": f"quws_session={secret}"}
    async with closed.client() as http:
        expect(await http.get("/jobs", headers=cookie))
        # What else is sent counts, and not what a browser remembers.
        expect(await http.get("/jobs", headers=cookie | basic("alice:wrong")), 401)
        await closed.services.accounts.sign_out(secret)
        expect(await http.get("/jobs", headers=cookie), 401)


async def test_a_browser_is_asked_by_a_page_and_goes_on_to_where_it_wanted(closed: Api) -> None:
    async with closed.client(headers=BROWSER) as http:
        page = expect(await http.get("/jobs?LAST=3"), 401)
        posted = expect(await http.post("/bulk", data={"ACTION": "DELETE"}), 401)
        following = await http.post(
            "/account/sign-in",
            data={"NAME": "alice", "PASSWORD": "alice-password", "NEXT": "/jobs?LAST=3"},
        )
    assert page.headers.get_list("www-authenticate") == ['Bearer realm="quws"']
    assert 'name="NEXT" value="/jobs?LAST=3"' in page.text
    # A POST is not sent again by itself.
    assert "/bulk" not in posted.text
    assert location_of(following) == "http://quws.test/jobs?LAST=3"


@pytest.mark.parametrize(
    ("headers", "secure"),
    [
        ({}, False),
        ({"X-Forwarded-Proto": "https"}, True),
        ({"X-Forwarded-Proto": "http, https"}, False),
        ({"Origin": "https://quws.test"}, True),
        ({"Origin": "http://quws.test"}, False),
    ],
    ids=str,
)
async def test_the_cookie_is_for_https_where_the_browser_or_a_proxy_says_so(
    closed: Api, headers: dict[str, str], secure: bool
) -> None:
    form = {"NAME": "alice", "PASSWORD": "alice-password"}
    async with closed.client(headers=BROWSER | headers) as http:
        cookie = expect(await http.post("/account/sign-in", data=form), 303).headers["set-cookie"]
    assert ("secure" in cookie.lower()) is secure
    assert "httponly" in cookie.lower()


async def test_the_log_tells_who_signs_in_from_where_and_no_secret(closed: Api) -> None:
    form = {"NAME": "alice", "PASSWORD": "alice-password"}
    merge = structlog.contextvars.merge_contextvars
    with capture_logs(processors=[merge]) as logged:
        async with closed.client(("192.0.2.7", 40_000)) as http:
            expect(await http.post("/account/sign-in", data=form | {"PASSWORD": "hunter22"}), 401)
            expect(await http.get("/jobs", headers=basic("hunter22:alice")), 401)
            expect(await http.get("/jobs", headers={"Authorization": "Bearer hunter22"}), 401)
            expect(await http.post("/account/sign-in", data=form), 303)
            expect(await http.post("/account/sign-out"), 303)
    told = [item for item in logged if item["event"] != "request"]
    assert [(item["event"], item.get("method"), item.get("owner")) for item in told] == [
        ("sign-in failed", "form", None),
        ("sign-in failed", "basic", None),
        ("sign-in failed", "bearer", None),
        ("signed in", "form", "alice"),
        ("signed out", None, "alice"),
    ]
    assert {item["client"] for item in logged} == {"192.0.2.7"}
    assert "hunter22" not in str(logged)


# -- guessing -------------------------------------------------------------------------


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no time pass for those who guess."""
    monkeypatch.setattr(guesses, "monotonic", lambda: 1000.0)


@pytest.mark.usefixtures("still")
async def test_who_guesses_is_told_to_wait_whatever_they_read_and_others_are_served(
    closed: Api,
) -> None:
    async with closed.client(("192.0.2.7", 40_000)) as http:
        guessed = [http.get("/jobs", headers=basic(f"alice:guess {n}")) for n in range(150)]
        found = [answer.status_code for answer in await asyncio.gather(*guessed)]
        assert (found.count(401), found.count(429)) == (10, 140)
        right = basic("alice:alice-password")
        form = {"NAME": "alice", "PASSWORD": "alice-password"}
        with capture_logs() as logged:
            await http.get("/jobs", headers=right)
        slowed = [item for item in logged if item["event"] == "sign-in slowed"]
        assert [item["seconds"] for item in slowed] == [1]
        assert "alice" not in str(slowed), "it may be a password in the wrong field"
        for accept in ({}, {"Accept": "application/json"}, BROWSER):
            for answer in (
                await http.get("/jobs", headers=right | accept),
                await http.post("/account/sign-in", data=form, headers=accept),
            ):
                assert "too many wrong passwords" in expect(answer, 429).text
                assert answer.headers["retry-after"] == "1"
                assert "www-authenticate" not in answer.headers
                assert "set-cookie" not in answer.headers
    async with closed.client(("192.0.2.8", 40_000)) as http:
        expect(await http.get("/jobs", headers=right))
        expect(await http.post("/account/sign-in", data=form), 303)


@pytest.mark.usefixtures("still")
async def test_behind_a_proxy_those_who_guess_are_told_apart(tmp_path: Path, schema: Path) -> None:
    settings = AuthSettings(method=AuthMethod.USERS, proxy_networks=(ip_network("10.0.0.0/8"),))
    async with open_api(tmp_path, schema, settings) as opened:
        await opened.services.accounts.add("alice", "alice-password", operator=False)
        async with opened.client(PROXY) as http:
            for number in range(11):
                # What a client says of itself stands before what the proxy has seen.
                seen = {"X-Forwarded-For": f"192.0.2.{number}, 198.51.100.9"}
                wrong = basic(f"alice:guess {number}")
                last = await http.get("/jobs", headers=seen | wrong)
            expect(last, 429)
            right, elsewhere = basic("alice:alice-password"), {"X-Forwarded-For": "198.51.100.10"}
            merge = structlog.contextvars.merge_contextvars
            with capture_logs(processors=[merge]) as logged:
                expect(await http.get("/jobs", headers=right | seen), 429)
            assert {item["client"] for item in logged} == {"198.51.100.9"}
            expect(await http.get("/jobs", headers=right | elsewhere))


# -- what is taken away ---------------------------------------------------------------


async def test_what_is_taken_away_ends_requests_that_wait(closed: Api) -> None:
    accounts, standing = closed.services.accounts, closed.services.jobs.standing
    token = await accounts.create_token("alice", "laptop", None)
    async with closed.client(headers={"Authorization": f"Bearer {token}"}) as http:
        job = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2}))
        waiting = asyncio.create_task(http.get(f"{job}?WAIT=60"))
        streams = [asyncio.create_task(http.get(path)) for path in (f"{job}/events", "/events")]
        for _ in range(2):
            await asyncio.wait_for(closed.hub.asleep.get(), 10)
        await accounts.revoke("alice", "laptop")
        await standing.look()
        refusal_of(await asyncio.wait_for(waiting, 10), 401, "unauthenticated")
        for stream in streams:
            answer = expect(await asyncio.wait_for(stream, 10))
            assert answer.text.endswith("event: server_cancel\ndata: {}\n\n")
        expect(await http.get(f"{job}/events"), 401)


async def test_a_token_makes_no_tokens(closed: Api) -> None:
    token = await closed.services.accounts.create_token("alice", "laptop", 1)
    form = {"LABEL": "more", "DAYS": "1"}
    async with closed.client() as http:
        bearer = {"Authorization": f"Bearer {token}"}
        refused = await http.post("/account/tokens", data=form, headers=bearer)
        assert "they would outlive it" in refusal_of(refused, 403, "forbidden")
        right = basic("alice:alice-password")
        expect(await http.post("/account/tokens", data=form, headers=right))
    assert len(await closed.services.accounts.tokens("alice")) == 2
