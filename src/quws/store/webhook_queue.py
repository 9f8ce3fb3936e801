"""Messages to webhooks on their way, in SQL.

What happened stands in the outbox. From there each message is taken once for every webhook that
it concerns; then it is the sender's who has claimed it, for as long as a lease.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Update,
    and_,
    bindparam,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    update,
)

from quws.domain.webhooks import DeliveryState, Due, EventType
from quws.store import tables as t
from quws.store.database import Database
from quws.store.instants import from_stored
from quws.store.jobs.clauses import CHUNK
from quws.store.jobs.outbox import Kind
from quws.store.jobs.rows import phase_of

_w, _d, _l = t.webhooks.c, t.webhook_deliveries.c, t.job_webhooks.c
_s = t.webhook_secrets.c
_PENDING = text(f"webhook_deliveries.state = '{DeliveryState.PENDING}'")
"""Written as in the indexes: only then do both databases see that those fit."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something that happened, for one webhook. The labels are None where the job is gone."""

    outbox: int
    webhook: str
    events: Sequence[str] | None
    kind: str
    job_id: str
    owner: str
    phase: str
    time: datetime
    run_id: str | None
    name: str | None

    @property
    def event(self) -> EventType | None:
        """What it is, for the receiver; None for what this release does not know."""
        if self.kind == Kind.DELETED:
            return EventType.DELETED
        return EventType.of(phase_of(self.phase))

    @property
    def wanted(self) -> bool:
        """Whether the webhook is to be told of it."""
        return self.event is not None and (self.events is None or self.event in self.events)


@dataclass(frozen=True, slots=True)
class Look:
    """What is new in the outbox, and how far that goes.

    On PostgreSQL a row with a smaller id may still be committed later. So ``cursor``, behind which
    everything is looked at again, moves on only once all transactions have ended that ran when
    ``seen`` was the newest: ``horizon`` is the first that did not.
    """

    cursor: int
    seen: int
    horizon: int
    messages: Sequence[Message]
    gone: Sequence[str]
    """The jobs that are no more."""
    moved: bool
    """Whether it goes further than was known."""
    due: bool
    """Whether there are messages to be sent now."""


class WebhookQueue:
    """Messages on their way: taken from the outbox, claimed, sent or tried again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._state = _state(database)

    async def look(self) -> Look | None:
        """Look what is new; None if nothing is, and nothing is to be sent."""
        async with self._database.read() as connection:
            state = (await connection.execute(self._state)).first()
            if state is None:
                return None
            cursor, seen, horizon = state.cursor, state.seen, state.horizon
            if seen > cursor and state.oldest >= horizon:
                cursor = seen
            top = state.cursor if state.top is None else state.top
            if top > seen and cursor == seen:
                # What is seen now is sure when these have ended; on SQLite they have.
                seen, horizon = top, state.following
                if self._database.is_sqlite:
                    cursor = seen
            moved = (cursor, seen) != (state.cursor, state.seen)
            if not (moved or top > state.cursor or state.due):
                return None
            messages: list[Message] = []
            gone: list[str] = []
            if top > state.cursor:
                # What was committed late may have moved the end of a chunk back.
                behind = {"after": state.cursor, "upto": max(top, state.seen)}
                rows = await connection.execute(_NEW, behind)
                messages = [Message(*row) for row in rows]
                rows = await connection.execute(_GONE, behind)
                gone = [row.job_id for row in rows]
        return Look(cursor, seen, horizon, messages, gone, moved, bool(state.due))

    async def take(self, look: Look, bodies: Mapping[int, str]) -> int:
        """Write down messages that are to be sent, each once, and how far the outbox was read.

        ``bodies`` are those that shall be sent, by their places in ``look.messages``.
        """
        values = [
            {
                "webhook": item.webhook,
                "outbox": item.outbox,
                "message": f"msg_{item.outbox}_{item.webhook}",
                "job_id": item.job_id,
                "event": item.event,
                "body": bodies[place],
                "created": item.time,
            }
            for place, item in enumerate(look.messages)
            if place in bodies
        ]
        now = self._database.now
        new = self._database.insert(t.webhook_deliveries).values(
            state=DeliveryState.PENDING, attempts=0, since=now, next_try=now
        )
        p = t.webhook_place.c
        async with self._database.write() as connection:
            if values:
                await connection.execute(new.on_conflict_do_nothing(), values)
            if look.gone:
                await connection.execute(delete(t.job_webhooks).where(_l.job_id.in_(look.gone)))
            # Another sender may have come further meanwhile.
            await connection.execute(
                update(t.webhook_place)
                .where(or_(p.cursor < look.cursor, p.seen < look.seen))
                .values(cursor=look.cursor, seen=look.seen, horizon=look.horizon)
            )
        return len(values)

    async def claim(
        self, limit: int, each: int, lease: timedelta, *, but: Collection[str] = ()
    ) -> list[Due]:
        """Claim messages that are to be sent now: the first of each job, few of each webhook.

        ``but`` are webhooks that get none.
        """
        now = self._database.now
        ready = select(_w.id).where(_rested(now), _w.id.not_in(but), exists(_due(now)))
        # Whoever else is ready has the next turn.
        ready = ready.order_by(func.random()).limit(max(limit // each, 1))
        lease_until = _after(now, lease)
        ids: list[int] = []
        async with self._database.write() as connection:
            for webhook in list(await connection.scalars(ready)):
                chosen = (
                    select(_d.id)
                    .where(_d.webhook == webhook, *_ready(now), _first_of_its_job())
                    .order_by(_d.next_try, _d.outbox)
                    .limit(each)
                )
                claimed = await connection.execute(
                    update(t.webhook_deliveries)
                    .where(_d.id.in_(chosen), *_ready(now))
                    .values(lease_until=lease_until, attempts=_d.attempts + 1)
                    .returning(_d.id)
                )
                ids += (row.id for row in claimed)
            if not ids:
                return []
            rows = await connection.execute(
                select(
                    t.webhook_deliveries,
                    _w.url,
                    _w.failures,
                    _s.secret,
                    _s.previous,
                    _s.previous_until,
                    now.label("now"),
                )
                .join(t.webhooks, _w.id == _d.webhook)
                .join(t.webhook_secrets, _s.owner == _w.owner)
                .where(_d.id.in_(ids))
            )
            return [_due_of(row) for row in rows]

    async def done(self, due: Due) -> None:
        """Note that a message was taken; where its webhook had failed, the others go at once."""
        now = self._database.now
        async with self._database.write() as connection:
            await connection.execute(_held(due).values(state=DeliveryState.DONE, lease_until=None))
            if due.failures:
                await connection.execute(
                    update(t.webhook_deliveries)
                    .where(_d.webhook == due.webhook, _PENDING, _d.next_try > now)
                    .values(next_try=now)
                )
            await connection.execute(
                update(t.webhooks)
                .where(_w.id == due.webhook)
                .values(failures=0, not_before=None, last_success=now)
            )

    async def failed(
        self, due: Due, trouble: str, again: timedelta | None, rest: timedelta
    ) -> None:
        """Note that a message was not taken, and when it is tried again; None: it is dead.

        Its webhook gets nothing for as long as it is to ``rest``. What fails at once counts as one
        failure of the webhook: it says no more of the receiver than one message does.
        """
        now = self._database.now
        values: dict[str, Any] = {"lease_until": None, "trouble": trouble}
        if again is None:
            values["state"] = DeliveryState.DEAD
        else:
            values["next_try"] = _after(now, again)
        async with self._database.write() as connection:
            noted = await connection.execute(
                _held(due).values(**values).returning(_d.job_id, _d.outbox)
            )
            row = noted.first()
            if row is None:
                return  # Somebody else has it.
            if again is not None:
                # What waits behind it need not be looked at before.
                await connection.execute(
                    update(t.webhook_deliveries)
                    .where(_d.webhook == due.webhook, _d.job_id == row.job_id, _PENDING)
                    .where(_d.outbox > row.outbox)
                    .values(next_try=values["next_try"])
                )
            await connection.execute(
                update(t.webhooks)
                .where(_w.id == due.webhook)
                .values(
                    # Another that was sent later may have failed before.
                    failures=self._database.greatest(_w.failures, literal(due.failures + 1)),
                    last_failure=now,
                    trouble=trouble,
                    not_before=self._database.greatest(
                        func.coalesce(_w.not_before, 0), _after(now, rest)
                    ),
                )
            )


def _after(now: ColumnElement[int], pause: timedelta) -> ColumnElement[int]:
    return now + int(pause.total_seconds() * 1000)


def _rested(now: ColumnElement[int]) -> ColumnElement[bool]:
    return or_(_w.not_before.is_(None), _w.not_before <= now)


def _ready(now: ColumnElement[int]) -> tuple[Any, ...]:
    return (_PENDING, _d.next_try <= now, or_(_d.lease_until.is_(None), _d.lease_until <= now))


def _due(now: ColumnElement[int]) -> Select[Any]:
    """Return the query of what a webhook gets now."""
    return select(_d.id).where(_d.webhook == _w.id, *_ready(now))


def _first_of_its_job() -> ColumnElement[bool]:
    earlier = t.webhook_deliveries.alias()
    return ~exists(
        select(earlier.c.id).where(
            earlier.c.webhook == _d.webhook,
            earlier.c.job_id == _d.job_id,
            earlier.c.outbox < _d.outbox,
            earlier.c.state == DeliveryState.PENDING,
        )
    )


def _state(database: Database) -> Select[Any]:
    """Return the query of how far the outbox was read, and what there is to do."""
    p, o = t.webhook_place.c, t.outbox.c
    chunk = (
        select(o.id).where(o.id > p.cursor).order_by(o.id).limit(CHUNK).correlate(t.webhook_place)
    )
    top = select(func.max(chunk.subquery().c.id)).scalar_subquery()
    oldest: Any = literal(0, BigInteger)
    following: Any = literal(0, BigInteger)
    if not database.is_sqlite:
        oldest = text("pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest")
        following = text("pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS following")
    else:
        oldest, following = oldest.label("oldest"), following.label("following")
    due = select(_w.id).where(_rested(database.now), exists(_due(database.now)))
    return select(
        p.cursor,
        p.seen,
        p.horizon,
        top.label("top"),
        exists(due).label("due"),
        oldest,
        following,
    )


def _new() -> Select[Any]:
    o, j = t.outbox.c, t.jobs.c
    linked = exists(select(_l.job_id).where(_l.job_id == o.job_id, _l.webhook == _w.id))
    return (
        select(
            o.id,
            _w.id.label("webhook"),
            _w.events,
            o.kind,
            o.job_id,
            o.owner,
            o.phase,
            o.time,
            j.run_id,
            j.name,
        )
        .join(t.webhooks, _w.owner == o.owner)
        .outerjoin(t.jobs, j.id == o.job_id)
        .where(
            o.id > bindparam("after", type_=BigInteger),
            o.id <= bindparam("upto", type_=BigInteger),
            o.kind.in_([Kind.PHASE, Kind.DELETED]),
            or_(and_(_w.standing.is_(True), o.id > _w.after), linked),
        )
        .order_by(o.id)
    )


_NEW = _new()
_GONE = (
    select(t.outbox.c.job_id)
    .join(t.job_webhooks, _l.job_id == t.outbox.c.job_id)
    .where(
        t.outbox.c.id > bindparam("after", type_=BigInteger),
        t.outbox.c.id <= bindparam("upto", type_=BigInteger),
        t.outbox.c.kind == Kind.DELETED,
    )
)


def _held(due: Due) -> Update:
    """Return a change of a message that is still in the hands of who claimed it."""
    return update(t.webhook_deliveries).where(_d.id == due.id, _d.attempts == due.attempt, _PENDING)


def _due_of(row: Any) -> Due:
    secrets = [row.secret]
    if row.previous is not None and row.previous_until > from_stored(row.now):
        secrets.append(row.previous)
    return Due(
        id=row.id,
        message=row.message,
        webhook=row.webhook,
        url=row.url,
        body=row.body,
        secrets=secrets,
        attempt=row.attempts,
        age=timedelta(milliseconds=row.now - row.since),
        failures=row.failures,
    )
