"""The webhooks of an owner: made, listed and removed, and what became of their messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from quws.domain.caller import Caller
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import InvalidParameter, NotFound, QuotaExceeded
from quws.domain.policy import Policy
from quws.domain.webhooks import (
    Delivery,
    DeliveryState,
    EventType,
    Webhook,
    check_host,
    new_secret,
    read_url,
)
from quws.store.webhooks import WebhookStore

_BOTH = timedelta(days=1)
"""How long the secret of before signs beside a new one."""
_MOST_URLS = 200
"""How many webhooks an owner may have with those that single jobs name."""
_LISTED = 100


@dataclass(frozen=True, slots=True)
class Made:
    """A webhook that was made; with the secret of its owner, if that was made too."""

    webhook: Webhook
    secret: str | None = field(repr=False)


class Webhooks:
    """Looks after the webhooks of each owner."""

    def __init__(self, store: WebhookStore, policy: Policy, clock: Clock = utc_now) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock

    async def renew_secret(self, caller: Caller) -> str:
        """Make a new secret with which the caller's messages are signed: it is told only here.

        The one of before signs too, for a day.
        """
        secret = new_secret()
        await self._store.set_secret(caller.name or "", secret, self._clock() + _BOTH)
        return secret

    async def add(self, caller: Caller, url: str, events: Sequence[EventType] | None) -> Made:
        """Have a webhook told of all of the caller's jobs, from now on.

        Raises
        ------
        InvalidParameter
            The URL is not one to which messages may go.
        QuotaExceeded
            The caller has as many as one may have.

        """
        owner, most = caller.name or "", self._policy.max_webhooks
        check_host(read_url(url, "URL"), self._policy.webhook_networks, "URL")
        secret = new_secret()
        webhook = await self._store.add(owner, url, events, self._clock(), most)
        if webhook is None:
            raise QuotaExceeded(f"an owner may have {most} webhooks; remove one first")
        made = await self._store.make_secret(owner, secret)
        return Made(webhook, secret if made else None)

    async def admit(self, owner: str | None, url: str | None) -> None:
        """Make sure that a job of an owner may name a webhook.

        Raises
        ------
        InvalidParameter
            Messages may not go there, or could not be signed.
        QuotaExceeded
            The owner's jobs name as many as they may.

        """
        if url is None:
            return
        owner = owner or ""
        check_host(url, self._policy.webhook_networks)
        if not await self._store.has_secret(owner):
            raise InvalidParameter(
                "WEBHOOK needs a secret with which messages are signed; make one first:"
                " POST webhooks/secret",
                parameter="WEBHOOK",
            )
        if await self._store.count(owner) >= _MOST_URLS and not await self._knows(owner, url):
            raise QuotaExceeded(
                f"the jobs of an owner may name {_MOST_URLS} different webhooks, and do;"
                " use one of them, or wait for a day"
            )

    async def all(self, caller: Caller) -> list[Webhook]:
        """Return the caller's webhooks, those too that single jobs name."""
        return await self._store.of(caller.name or "")

    async def get(self, caller: Caller, webhook_id: str) -> Webhook:
        """Return a webhook of the caller.

        Raises
        ------
        NotFound

        """
        found = await self._store.get(caller.name or "", webhook_id)
        if found is None:
            raise NotFound(f"there is no webhook {webhook_id[:60]}")
        return found

    async def remove(self, caller: Caller, webhook_id: str) -> None:
        """Remove a webhook, and all messages that are on their way to it.

        Raises
        ------
        NotFound

        """
        if not await self._store.remove(caller.name or "", webhook_id):
            raise NotFound(f"there is no webhook {webhook_id[:60]}")

    async def deliveries(
        self, caller: Caller, webhook_id: str, state: DeliveryState | None
    ) -> list[Delivery]:
        """Return the newest messages of a webhook.

        Raises
        ------
        NotFound

        """
        await self.get(caller, webhook_id)
        return await self._store.deliveries(webhook_id, state, _LISTED)

    async def revive(self, caller: Caller, webhook_id: str) -> int:
        """Try the dead messages of a webhook once more, and return how many they are.

        Raises
        ------
        NotFound

        """
        await self.get(caller, webhook_id)
        return await self._store.revive(webhook_id)

    async def _knows(self, owner: str, url: str) -> bool:
        return any(item.url == url for item in await self._store.of(owner))
