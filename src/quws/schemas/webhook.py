"""Webhooks as JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from quws.domain.webhooks import DeliveryState, EventType
from quws.schemas.instant import Instant


class NewWebhookJson(BaseModel):
    """A webhook to be made."""

    model_config = ConfigDict(extra="forbid")

    url: str
    events: list[EventType] | None = Field(None, description="Of what it is told; null: of all.")


class WebhookJson(BaseModel):
    """A webhook of the caller. One that is not ``standing`` is told of jobs that name it."""

    id: str
    url: str
    standing: bool
    events: list[EventType] | None
    created: Instant
    failures: int = Field(description="How often it has failed since it took a message.")
    last_success: Instant | None
    last_failure: Instant | None
    trouble: str | None = Field(description="How the last message failed that did.")


class MadeWebhookJson(WebhookJson):
    """A webhook that was made."""

    secret: str | None = Field(
        description="The secret of the caller, if it was made now: it is not told again."
    )


class SecretJson(BaseModel):
    """With what messages are signed; it is told only here."""

    secret: str


class DeliveryJson(BaseModel):
    """A message to a webhook."""

    id: str = Field(description="The header webhook-id, the same at every try.")
    job: str
    type: EventType
    created: Instant
    state: DeliveryState
    attempts: int
    trouble: str | None


class RetriedJson(BaseModel):
    """How many dead messages are tried once more."""

    retried: int
