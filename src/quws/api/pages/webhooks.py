"""The page of one's webhooks: made, removed, and what became of their messages."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.body import read_posted
from quws.api.kit.refusals import note_refusal
from quws.api.kit.services import base_url, caller_of, jobs_of
from quws.api.kit.urls import see_other
from quws.api.pages.templates import render
from quws.domain.errors import InvalidParameter, QuotaExceeded, Refusal
from quws.domain.parameters.posted import text_of
from quws.domain.webhooks import DeliveryState, EventType

_PATH = "/manage/webhooks"


async def webhooks_page(
    request: Request, *, secret: str | None = None, refusal: Refusal | None = None
) -> Response:
    """Show the caller's webhooks, with the messages that nobody took; a secret this once."""
    caller, webhooks = caller_of(request), jobs_of(request).webhooks
    found = await webhooks.all(caller)
    dead = {
        item.id: await webhooks.deliveries(caller, item.id, DeliveryState.DEAD) for item in found
    }
    context = {
        "webhooks": found,
        "dead": dead,
        "events": list(EventType),
        "secret": secret,
        "refusal": None if refusal is None else refusal.sentence,
    }
    response = render(request, "webhooks.html", context, status=403 if refusal else 200)
    if secret is not None:
        response.headers["Cache-Control"] = "no-store"
    return response


async def add_webhook(request: Request) -> Response:
    """Make a webhook; with the first one the secret is shown with which messages are signed."""
    url, events = "", []
    for item in await read_posted(request):
        match item.name.upper():
            case "URL":
                url = text_of(item)
            case "EVENT" if text_of(item) in list(EventType):
                events.append(EventType(text_of(item)))
    try:
        made = await jobs_of(request).webhooks.add(caller_of(request), url, events or None)
    except (InvalidParameter, QuotaExceeded) as refusal:
        note_refusal(request, refusal.code, refusal.sentence)
        return await webhooks_page(request, refusal=refusal)
    if made.secret is None:
        return see_other(f"{base_url(request)}{_PATH}")
    return await webhooks_page(request, secret=made.secret)


async def remove_webhook(request: Request) -> Response:
    """Remove a webhook, with all messages that are on their way to it."""
    await jobs_of(request).webhooks.remove(caller_of(request), await _id(request))
    return see_other(f"{base_url(request)}{_PATH}")


async def retry_webhook(request: Request) -> Response:
    """Try the dead messages of a webhook once more."""
    await jobs_of(request).webhooks.revive(caller_of(request), await _id(request))
    return see_other(f"{base_url(request)}{_PATH}")


async def renew_secret(request: Request) -> Response:
    """Make a new secret for signatures, and show it this once."""
    secret = await jobs_of(request).webhooks.renew_secret(caller_of(request))
    return await webhooks_page(request, secret=secret)


async def _id(request: Request) -> str:
    given = {item.name.upper(): text_of(item) for item in await read_posted(request)}
    return given.get("WEBHOOK", "")
