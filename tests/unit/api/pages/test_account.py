"""Signing in and out by a form, and the tokens that one makes there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
from answers import expect, location_of, refusal_of
from in_process import Api, open_api
from lxml import html

from quws.api.kit.auth import AuthSettings
from quws.domain.caller import AuthMethod

pytestmark = pytest.mark.anyio
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ALICE = {"NAME": "alice", "PASSWORD": "alice-password"}


@pytest.fixture
async def api(tmp_path: Path, schema: Path) -> AsyncIterator[Api]:
    async with open_api(tmp_path, schema, AuthSettings(method=AuthMethod.USERS)) as opened:
        for name in ("alice", "bob"):
            await opened.services.accounts.add(name, f"{name}-password", operator=False)
        yield opened


@pytest.fixture
async def http(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with api.client(headers=BROWSER) as client:
        yield client


def cookie_of(answer: httpx.Response) -> SimpleCookie:
    return SimpleCookie(answer.headers["set-cookie"])


async def test_a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(
    http: httpx.AsyncClient,
) -> None:
    cookie = cookie_of(await http.post("/account/sign-in", data=ALICE))["quws_session"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert (cookie["path"], cookie["max-age"]) == ("/", str(7 * 24 * 3600))


async def test_below_a_prefix_the_cookie_goes_nowhere_else(tmp_path: Path, schema: Path) -> None:
    settings = AuthSettings(method=AuthMethod.USERS)
    url = "https://quws.test/lab"
    async with open_api(tmp_path, schema, settings, public_url=url) as opened:
        await opened.services.accounts.add("alice", "alice-password", operator=False)
        async with opened.client(headers=BROWSER) as http:
            answer = await http.post("/account/sign-in", data=ALICE | {"NEXT": "/jobs"})
    assert location_of(answer) == f"{url}/jobs"
    cookie = cookie_of(answer)["quws_session"]
    assert (cookie["path"], cookie["secure"]) == ("/lab", True)


async def test_signing_out_ends_the_session_also_for_who_has_copied_the_cookie(
    api: Api, http: httpx.AsyncClient
) -> None:
    secret = cookie_of(await http.post("/account/sign-in", data=ALICE))["quws_session"].value
    assert "You are signed in as alice." in words(expect(await http.get("/account")))
    left = await http.post("/account/sign-out")
    assert location_of(left) == "http://quws.test/account"
    assert cookie_of(left)["quws_session"]["max-age"] == "0"
    async with api.client(headers={"Cookie": f"quws_session={secret}"}) as copied:
        expect(await copied.get("/jobs"), 401)


@pytest.mark.parametrize(
    ("following", "place"),
    [
        ("/jobs?LAST=3", "/jobs?LAST=3"),
        ("/jobs\r\nX-Evil: 1", "/jobs%0D%0AX-Evil:%201"),
        ("", "/"),
        ("jobs", "/"),
        (".evil.example", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("\\/evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
async def test_signing_in_leads_nowhere_else_and_adds_no_header(
    http: httpx.AsyncClient, following: str, place: str
) -> None:
    answer = await http.post("/account/sign-in", data=ALICE | {"NEXT": following})
    assert location_of(answer) == f"http://quws.test{place}"
    assert "x-evil" not in answer.headers


async def test_a_wrong_password_leads_to_the_form_again(http: httpx.AsyncClient) -> None:
    form = ALICE | {"PASSWORD": "wrong", "NEXT": "/jobs?LAST=3"}
    answer = expect(await http.post("/account/sign-in", data=form), 401)
    assert 'name="NEXT" value="/jobs?LAST=3"' in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_token_is_shown_once_and_kept_by_nobody_on_the_way(
    api: Api, http: httpx.AsyncClient
) -> None:
    await http.post("/account/sign-in", data=ALICE)
    made = expect(await http.post("/account/tokens", data={"LABEL": "laptop", "DAYS": "3"}))
    assert made.headers["cache-control"] == "no-store"
    (secret,) = set(re.findall(r"quws_[\w-]{40,}", made.text))
    assert await api.services.accounts.by_token(secret) is not None
    again = expect(await http.get("/account"))
    assert "laptop" in again.text
    assert secret not in again.text


async def test_one_revokes_ones_own_tokens_only(api: Api, http: httpx.AsyncClient) -> None:
    accounts = api.services.accounts
    hers, his = [await accounts.create_token(name, "x", None) for name in ("alice", "bob")]
    await http.post("/account/sign-in", data=ALICE)
    form = {"LABEL": "x", "USER": "bob", "NAME": "bob"}
    location_of(await http.post("/account/tokens/revoke", data=form))
    assert await accounts.by_token(hers) is None
    assert await accounts.by_token(his) is not None


async def test_a_token_has_a_label_and_whole_days(api: Api, http: httpx.AsyncClient) -> None:
    await http.post("/account/sign-in", data=ALICE)
    for form in (
        *({"LABEL": label, "DAYS": "1"} for label in ("", " ", "x" * 101)),
        *({"LABEL": "x", "DAYS": days} for days in ("0", "36501", "1.5", "-1", "²", "9" * 1000)),
    ):
        told = expect(await http.post("/account/tokens", data=form), 403)
        assert "must" in html.fromstring(told.text).xpath("string(//*[@role='alert'])")
    assert await api.services.accounts.tokens("alice") == []
    for days in ("", "1", "36500"):
        expect(await http.post("/account/tokens", data={"LABEL": "x" * 100, "DAYS": days}))
    found = [item.expires is None for item in await api.services.accounts.tokens("alice")]
    assert sorted(found) == [False, False, True]


@pytest.mark.parametrize("method", [AuthMethod.NONE, AuthMethod.PROXY])
async def test_where_there_are_no_accounts_nobody_signs_in(
    tmp_path: Path, schema: Path, method: AuthMethod
) -> None:
    settings = AuthSettings(
        method=method, proxy_networks=(ip_network("127.0.0.0/8"),), proxy_secret="x" * 16
    )
    named = {"X-Forwarded-User": "alice", "X-Proxy-Secret": "x" * 16}
    async with open_api(tmp_path, schema, settings) as opened:
        await opened.services.accounts.add("alice", "alice-password", operator=False)
        async with opened.client(headers=named) as http:
            for path, form in (
                ("/account/sign-in", ALICE),
                ("/account/tokens", {"LABEL": "x"}),
                ("/account/tokens/revoke", {"LABEL": "x"}),
            ):
                answer = await http.post(path, data=form)
                refusal_of(answer, 403, "forbidden")
                assert "set-cookie" not in answer.headers
        assert await opened.services.accounts.tokens("alice") == []


def words(answer: httpx.Response) -> str:
    return " ".join(html.fromstring(answer.text).text_content().split())
