"""Webhooks in SQL: which there are, with what they are signed, what became of their messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    and_,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.webhooks import Delivery, DeliveryState, EventType, Webhook
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.clauses import CHUNK

_w, _d, _l = t.webhooks.c, t.webhook_deliveries.c, t.job_webhooks.c
_s = t.webhook_secrets.c


class WebhookStore:
    """The webhooks of one database, as their owners see them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- secrets ------------------------------------------------------------------

    async def has_secret(self, owner: str) -> bool:
        """Whether messages of an owner can be signed."""
        async with self._database.read() as connection:
            found = select(_s.owner).where(_s.owner == owner)
            return await connection.scalar(found) is not None

    async def set_secret(self, owner: str, secret: str, until: datetime) -> None:
        """Give an owner a new secret; the one of before signs too until an instant."""
        new = self._database.insert(t.webhook_secrets).values(owner=owner, secret=secret)
        async with self._database.write() as connection:
            await connection.execute(
                new.on_conflict_do_update(
                    index_elements=[_s.owner],
                    set_={"secret": secret, "previous": _s.secret, "previous_until": until},
                )
            )

    async def make_secret(self, owner: str, secret: str) -> bool:
        """Give an owner a secret who has none, and return whether that was so."""
        new = self._database.insert(t.webhook_secrets).values(owner=owner, secret=secret)
        async with self._database.write() as connection:
            made = await connection.execute(new.on_conflict_do_nothing())
            return made.rowcount > 0

    # -- webhooks -----------------------------------------------------------------

    async def add(
        self, owner: str, url: str, events: Sequence[EventType] | None, now: datetime, most: int
    ) -> Webhook | None:
        """Make a standing webhook, or change which events one has; None if there are too many."""
        async with self._database.write() as connection:
            await self._database.lock(connection, f"webhooks:{owner}")
            standing = select(func.count()).where(_w.owner == owner, _w.standing.is_(True))
            others = await connection.scalar(standing.where(_w.url != url)) or 0
            if others >= most:
                return None
            webhook = await endpoint(connection, self._database, owner, url, now)
            newest = select(func.max(t.outbox.c.id)).scalar_subquery()
            await connection.execute(
                update(t.webhooks)
                .where(_w.id == webhook)
                .values(
                    events=None if events is None else list(events),
                    after=case((_w.standing, _w.after), else_=func.coalesce(newest, 0)),
                    standing=True,
                )
            )
            row = (await connection.execute(select(t.webhooks).where(_w.id == webhook))).one()
            return _webhook(row)

    async def of(self, owner: str) -> list[Webhook]:
        """List the webhooks of an owner, oldest first."""
        query = select(t.webhooks).where(_w.owner == owner).order_by(_w.created, _w.id)
        async with self._database.read() as connection:
            return [_webhook(row) for row in await connection.execute(query)]

    async def count(self, owner: str) -> int:
        """Return how many webhooks an owner has, those of single jobs too."""
        async with self._database.read() as connection:
            query = select(func.count()).where(_w.owner == owner)
            return int(await connection.scalar(query) or 0)

    async def get(self, owner: str, webhook_id: str) -> Webhook | None:
        """Return a webhook of an owner."""
        query = select(t.webhooks).where(_w.owner == owner, _w.id == webhook_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
            return None if row is None else _webhook(row)

    async def remove(self, owner: str, webhook_id: str) -> bool:
        """Remove a webhook with all its messages, and return whether it was there."""
        async with self._database.write() as connection:
            gone = delete(t.webhooks).where(_w.owner == owner, _w.id == webhook_id)
            return (await connection.execute(gone)).rowcount > 0

    async def deliveries(
        self, webhook_id: str, state: DeliveryState | None, limit: int
    ) -> list[Delivery]:
        """List messages of a webhook, newest first."""
        query = select(t.webhook_deliveries).where(_d.webhook == webhook_id)
        if state is not None:
            query = query.where(_d.state == state)
        query = query.order_by(_d.outbox.desc()).limit(limit)
        async with self._database.read() as connection:
            return [_delivery(row) for row in await connection.execute(query)]

    async def revive(self, webhook_id: str) -> int:
        """Try dead messages of a webhook once more, from now on for a day."""
        now = self._database.now
        async with self._database.write() as connection:
            revived = await connection.execute(
                update(t.webhook_deliveries)
                .where(_d.webhook == webhook_id, _d.state == DeliveryState.DEAD)
                .values(state=DeliveryState.PENDING, since=now, next_try=now, lease_until=None)
            )
            await connection.execute(
                update(t.webhooks).where(_w.id == webhook_id).values(not_before=None)
            )
            return revived.rowcount

    async def prune(self, done: datetime, dead: datetime) -> int:
        """Forget what was sent or has died before two instants, and webhooks that nobody needs."""
        old = or_(
            and_(_d.state == DeliveryState.DONE, _d.created < done),
            and_(_d.state == DeliveryState.DEAD, _d.created < dead),
        )
        some = select(_d.id).where(old).limit(CHUNK)
        unused = and_(
            _w.standing.is_(False),
            _w.created < done,
            ~exists(select(_l.job_id).where(_l.webhook == _w.id)),
            ~exists(select(_d.id).where(_d.webhook == _w.id)),
        )
        async with self._database.write() as connection:
            gone = await connection.execute(delete(t.webhook_deliveries).where(_d.id.in_(some)))
            await connection.execute(delete(t.webhooks).where(unused))
            return gone.rowcount


async def endpoint(
    connection: AsyncConnection, database: Database, owner: str, url: str, now: datetime
) -> str:
    """Return the webhook of an owner that has a URL; it is made if there is none."""
    # The first one of all is not told of what happened before.
    newest = func.coalesce(select(func.max(t.outbox.c.id)).scalar_subquery(), 0)
    place = database.insert(t.webhook_place).values(id=1, cursor=newest, seen=newest, horizon=0)
    await connection.execute(place.on_conflict_do_nothing())
    await connection.execute(
        update(t.webhook_place)
        .where(~exists(select(_w.id)), t.webhook_place.c.cursor < newest)
        .values(cursor=newest, seen=newest)
    )
    new = database.insert(t.webhooks).values(
        id=str(uuid4()), owner=owner, url=url, standing=False, after=0, created=now
    )
    await connection.execute(new.on_conflict_do_nothing())
    found = select(_w.id).where(_w.owner == owner, _w.url == url)
    return str(await connection.scalar(found))


async def link(
    connection: AsyncConnection,
    database: Database,
    job_id: str,
    owner: str,
    url: str,
    now: datetime,
) -> None:
    """Have a webhook told of one job."""
    webhook = await endpoint(connection, database, owner, url, now)
    new = database.insert(t.job_webhooks).values(job_id=job_id, webhook=webhook)
    await connection.execute(
        new.on_conflict_do_update(index_elements=[_l.job_id], set_={"webhook": webhook})
    )


def _webhook(row: Any) -> Webhook:
    return Webhook(
        id=row.id,
        owner=row.owner,
        url=row.url,
        standing=row.standing,
        events=None if row.events is None else [EventType(item) for item in row.events],
        created=row.created,
        failures=row.failures,
        last_success=row.last_success,
        last_failure=row.last_failure,
        trouble=row.trouble,
    )


def _delivery(row: Any) -> Delivery:
    return Delivery(
        id=row.id,
        message=row.message,
        job_id=row.job_id,
        event=row.event,
        created=row.created,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        trouble=row.trouble,
    )
