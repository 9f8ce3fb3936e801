"""The caller's webhooks. Only JSON is spoken here; what is posted may be a form."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter
from pydantic import BaseModel, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.body import read_form
from quws.api.kit.filters import check_names, query_of
from quws.api.kit.json_body import is_json, read_json
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import caller_of, jobs_of
from quws.domain.errors import InvalidFilter, InvalidParameter
from quws.domain.parameters.posted import text_of
from quws.domain.webhooks import DeliveryState, EventType, Webhook
from quws.schemas.webhook import (
    DeliveryJson,
    MadeWebhookJson,
    NewWebhookJson,
    RetriedJson,
    SecretJson,
    WebhookJson,
)
from quws.services.webhooks.hooks import Webhooks

router = APIRouter(route_class=PlainRoute, tags=["Webhooks"])
_WEBHOOKS = TypeAdapter(list[WebhookJson])
_DELIVERIES = TypeAdapter(list[DeliveryJson])
_JSON = "application/json"


@router.head("/webhooks", include_in_schema=False)
@router.get("/webhooks", summary="List one's webhooks")
async def get_webhooks(request: Request) -> Response:
    """List the caller's webhooks, those too that single jobs name."""
    found = await _webhooks(request).all(caller_of(request))
    return Response(_WEBHOOKS.dump_json([_document(item) for item in found]), media_type=_JSON)


@router.post("/webhooks", summary="Make a webhook", status_code=201)
async def post_webhook(request: Request) -> Response:
    """Have a URL told of all of the caller's jobs from now on, or of some events (EVENT, repeated).

    With the first one the secret is made with which messages are signed.
    """
    wanted = await _read(request)
    made = await _webhooks(request).add(caller_of(request), wanted.url, wanted.events)
    document = MadeWebhookJson(**_document(made.webhook).model_dump(), secret=made.secret)
    return _answer(document, 201)


@router.post("/webhooks/secret", summary="Make a new secret for signatures", status_code=201)
async def post_secret(request: Request) -> Response:
    """Make a new secret with which messages are signed; the one of before holds for a day."""
    return _answer(
        SecretJson(secret=await _webhooks(request).renew_secret(caller_of(request))), 201
    )


@router.head("/webhooks/{webhook_id}", include_in_schema=False)
@router.get("/webhooks/{webhook_id}", summary="Show a webhook")
async def get_webhook(request: Request, webhook_id: str) -> Response:
    """Show a webhook of the caller, and how it fares."""
    return _answer(_document(await _webhooks(request).get(caller_of(request), webhook_id)))


@router.delete("/webhooks/{webhook_id}", summary="Remove a webhook", status_code=204)
async def delete_webhook(request: Request, webhook_id: str) -> Response:
    """Remove a webhook, with all messages that are on their way to it."""
    await _webhooks(request).remove(caller_of(request), webhook_id)
    return Response(status_code=204)


@router.head("/webhooks/{webhook_id}/deliveries", include_in_schema=False)
@router.get("/webhooks/{webhook_id}/deliveries", summary="List the messages to a webhook")
async def get_deliveries(request: Request, webhook_id: str) -> Response:
    """List the newest hundred messages to a webhook, or those of a STATE: pending, done, dead."""
    query = query_of(request)
    check_names(query, "STATE")
    states = query.get("STATE", [])
    try:
        state = DeliveryState(states[-1]) if states else None
    except ValueError:
        raise InvalidFilter(
            f"STATE must be one of {', '.join(DeliveryState)}, not '{states[-1][:40]}'",
            parameter="STATE",
        ) from None
    found = await _webhooks(request).deliveries(caller_of(request), webhook_id, state)
    documents = [
        DeliveryJson(
            id=item.message,
            job=item.job_id,
            type=EventType(item.event),
            created=item.created,
            state=item.state,
            attempts=item.attempts,
            trouble=item.trouble,
        )
        for item in found
    ]
    return Response(_DELIVERIES.dump_json(documents), media_type=_JSON)


@router.post("/webhooks/{webhook_id}/retry", summary="Try dead messages once more")
async def post_retry(request: Request, webhook_id: str) -> Response:
    """Try the dead messages of a webhook once more, for a day."""
    count = await _webhooks(request).revive(caller_of(request), webhook_id)
    return _answer(RetriedJson(retried=count))


def _webhooks(request: Request) -> Webhooks:
    return jobs_of(request).webhooks


def _answer(document: BaseModel, status: int = 200) -> Response:
    return Response(document.model_dump_json(), status, media_type=_JSON)


def _document(item: Webhook) -> WebhookJson:
    return WebhookJson.model_validate(asdict(item))


async def _read(request: Request) -> NewWebhookJson:
    if is_json(request):
        return await read_json(request, NewWebhookJson)
    urls: list[str] = []
    events: list[EventType] = []
    for item in await read_form(request):
        text = text_of(item)
        match item.name.upper():
            case "URL":
                urls.append(text)
            case "EVENT":
                events.append(_event(text))
            case _:
                raise InvalidParameter(
                    f"there is no parameter '{item.name[:60]}'; a webhook takes URL and EVENT",
                    parameter=item.name[:60],
                )
    if len(urls) != 1:
        raise InvalidParameter("URL must be given once", parameter="URL")
    return NewWebhookJson(url=urls[0], events=events or None)


def _event(text: str) -> EventType:
    try:
        return EventType(text)
    except ValueError:
        raise InvalidParameter(
            f"EVENT must be one of {', '.join(EventType)}, not '{text[:40]}'", parameter="EVENT"
        ) from None
