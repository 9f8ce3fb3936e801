"""The webhooks of an account, from Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from quws.client.transport import Transport
from quws.domain.webhooks import DeliveryState, EventType
from quws.schemas.webhook import (
    DeliveryJson,
    MadeWebhookJson,
    RetriedJson,
    SecretJson,
    WebhookJson,
)


class WebhookClient:
    """The webhooks of who is signed in.

    Every method raises ``ClientError`` where the service does not answer, or refuses.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def all(self) -> list[WebhookJson]:
        """Fetch all webhooks, those too that single jobs name."""
        return self._transport.get("webhooks", list[WebhookJson])

    def add(self, url: str, events: Sequence[EventType | str] | None = None) -> MadeWebhookJson:
        """Have a URL told of all jobs from now on, or of some events (``job.completed``, …).

        With the first one the secret is made with which messages are signed: it is told only here.
        """
        wanted: dict[str, Any] = {"url": url}
        if events:
            wanted["events"] = [str(item) for item in events]
        answer = self._transport.send("POST", "webhooks", json=wanted)
        return MadeWebhookJson.model_validate_json(answer.content)

    def remove(self, webhook_id: str) -> None:
        """Remove a webhook, with all messages that are on their way to it."""
        self._transport.send("DELETE", _path(webhook_id))

    def deliveries(self, webhook_id: str, state: DeliveryState | None = None) -> list[DeliveryJson]:
        """Fetch the newest messages to a webhook, or those in a state."""
        query = {} if state is None else {"STATE": str(state)}
        path = f"{_path(webhook_id)}/deliveries"
        return self._transport.get(path, list[DeliveryJson], **query)

    def retry(self, webhook_id: str) -> int:
        """Try the dead messages of a webhook once more, and return how many they are."""
        answer = self._transport.send("POST", f"{_path(webhook_id)}/retry")
        return RetriedJson.model_validate_json(answer.content).retried

    def renew_secret(self) -> str:
        """Make a new secret with which messages are signed; the one of before holds for a day."""
        answer = self._transport.send("POST", "webhooks/secret")
        return SecretJson.model_validate_json(answer.content).secret


def _path(webhook_id: str) -> str:
    return f"webhooks/{quote(webhook_id, safe='')}"
