"""Signing in and out, and one's tokens."""

from __future__ import annotations

from http.cookies import SimpleCookie
from urllib.parse import quote, urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.body import read_posted
from quws.api.kit.refusals import note_refusal
from quws.api.kit.services import (
    SESSION_COOKIE,
    accounts_of,
    address_of,
    auth_method,
    base_url,
    caller_of,
)
from quws.api.kit.urls import see_other
from quws.api.pages.templates import render, texts_of
from quws.domain.caller import AuthMethod
from quws.domain.errors import Forbidden, InvalidParameter, Unauthenticated
from quws.domain.parameters.posted import text_of
from quws.services.accounts import SESSION

_log = structlog.get_logger(__name__)
_IN_URLS = "/?&=%:+,;@!$'()*~"


async def account_page(
    request: Request,
    *,
    secret: str | None = None,
    wrong: bool = False,
    refusal: str | None = None,
    following: str = "",
    status: int = 200,
) -> Response:
    """Show who one is and which tokens one has, or ask to sign in."""
    caller = caller_of(request)
    tokens = []
    if auth_method(request) is AuthMethod.USERS and caller.name is not None:
        tokens = await accounts_of(request).tokens(caller.name)
    context = {
        "tokens": tokens,
        "secret": secret,
        "wrong": wrong,
        "refusal": refusal,
        "following": following,
        "needed": status == 401 and not wrong,
    }
    return render(request, "account.html", context, status=status)


async def sign_in_page(request: Request, following: str) -> Response:
    """Ask who one is, before one may see what is at ``following``."""
    return await account_page(request, following=following, status=401)


async def sign_in(request: Request) -> Response:
    """Begin a session, and go on to where one wanted to be."""
    form = await _form(request)
    following = form.get("NEXT", "")
    if auth_method(request) is not AuthMethod.USERS:
        raise Forbidden(texts_of(request).account["none"])
    secret = await accounts_of(request).sign_in(
        form.get("NAME", ""), form.get("PASSWORD", ""), address_of(request)
    )
    if secret is None:
        _log.warning("sign-in failed", method="form")
        note_refusal(request, Unauthenticated.code, "name or password is wrong")
        return await account_page(request, wrong=True, following=following, status=401)
    # It was taken, so it is a name and not a password in the wrong field.
    _log.info("signed in", method="form", owner=form.get("NAME", ""))
    response = see_other(_inside(request, following))
    response.headers.append("Set-Cookie", _cookie(request, secret, int(SESSION.total_seconds())))
    return response


async def sign_out(request: Request) -> Response:
    """End the session."""
    secret = request.cookies.get(SESSION_COOKIE)
    if secret:
        await accounts_of(request).sign_out(secret)
        _log.info("signed out")
    response = see_other(f"{base_url(request)}/account")
    response.headers.append("Set-Cookie", _cookie(request, "", 0))
    return response


async def create_token(request: Request) -> Response:
    """Make a token and show its secret, this once."""
    name = _user(request)
    form = await _form(request)
    try:
        label, days = _label(form), _days(form)
        secret = await accounts_of(request).create_token(
            name, label, days, by=caller_of(request).credential
        )
    except InvalidParameter as refusal:
        note_refusal(request, refusal.code, refusal.sentence)
        return await account_page(request, refusal=refusal.sentence, status=403)
    response = await account_page(request, secret=secret)
    response.headers["Cache-Control"] = "no-store"
    return response


async def revoke_token(request: Request) -> Response:
    """Revoke the tokens of a label."""
    form = await _form(request)
    await accounts_of(request).revoke(_user(request), form.get("LABEL", ""))
    return see_other(f"{base_url(request)}/account")


def _user(request: Request) -> str:
    name = caller_of(request).name
    if auth_method(request) is not AuthMethod.USERS:
        raise Forbidden(texts_of(request).account["none"])
    if name is None:
        raise Unauthenticated(texts_of(request).account["needed"])
    return name


def _label(form: dict[str, str]) -> str:
    label = form.get("LABEL", "").strip()
    if not 1 <= len(label) <= 100:
        raise InvalidParameter("LABEL must have 1 to 100 characters", parameter="LABEL")
    return label


def _days(form: dict[str, str]) -> int | None:
    text = form.get("DAYS", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= 36_500):
        raise InvalidParameter(
            "DAYS must be a whole number from 1 to 36500, or empty", parameter="DAYS"
        )
    return int(text)


async def _form(request: Request) -> dict[str, str]:
    return {item.name.upper(): text_of(item) for item in await read_posted(request)}


def _inside(request: Request, following: str) -> str:
    """Make sure that one goes on within this service, whatever the form says."""
    base = base_url(request)
    # Browsers take a backslash for a slash, and two of them for the name of a host.
    inside = following.startswith("/") and not following.replace("\\", "/").startswith("//")
    return f"{base}{quote(following, safe=_IN_URLS)}" if inside else f"{base}/"


def _cookie(request: Request, value: str, seconds: int) -> str:
    cookie: SimpleCookie = SimpleCookie()
    base = urlsplit(base_url(request))
    cookie[SESSION_COOKIE] = value
    morsel = cookie[SESSION_COOKIE]
    morsel["path"] = base.path or "/"
    morsel["max-age"] = str(seconds)
    morsel["httponly"] = True
    morsel["samesite"] = "Lax"
    if "https" in (base.scheme, *_schemes(request)):
        morsel["secure"] = True
    return morsel.OutputString()


def _schemes(request: Request) -> list[str]:
    """Return how the browser says that it came, and the proxies in front.

    Who lies here only keeps its own cookie from itself.
    """
    return [
        request.headers.get("origin", "").partition(":")[0].lower(),
        request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower(),
    ]
