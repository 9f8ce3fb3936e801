"""Timeslots in SQL. No two of one target overlap, whoever books at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.timeslots import Timeslot
from quws.store import tables as t
from quws.store.database import Database
from quws.store.owner_tables import timeslots
from quws.store.statements import Statement

_j = t.jobs.c
_s = timeslots.c
_COLUMNS = (_s.id, _s.target, _s.owner, _s.begins, _s.ends)


class TimeslotStore:
    """The timeslots of all targets."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._on = Statement(
            select(*_COLUMNS).where(
                _s.target == bindparam("its_target", type_=_s.target.type),
                _s.begins <= database.now,
                _s.ends > database.now,
            )
        )

    async def book(self, slot: Timeslot, now: datetime, most: int) -> Timeslot | int | None:
        """Book a timeslot, and return None.

        Nothing is booked if it overlaps another one, which is returned then, or if its owner has
        ``most`` that are not over, of which the number is returned.
        """
        overlapping = and_(_s.target == slot.target, _s.begins < slot.ends, _s.ends > slot.begins)
        owner = slot.owner or ""
        row: Select[Any] = select(
            literal(slot.id),
            literal(slot.target),
            literal(owner),
            literal(slot.begins, _s.begins.type),
            literal(slot.ends, _s.ends.type),
            literal(now, _s.created.type),
        ).where(~exists(select(_s.id).where(overlapping)))
        async with self._database.write() as connection:
            # On PostgreSQL two at once do not see each other's rows yet.
            await self._database.lock(connection, f"timeslots:{slot.target}")
            booked = await connection.scalar(
                select(func.count())
                .select_from(timeslots)
                .where(_s.owner == owner, _s.target == slot.target, _s.ends > now)
            )
            if booked is not None and booked >= most:
                return int(booked)
            columns = [*(column.name for column in _COLUMNS), "created"]
            made = await connection.execute(
                insert(timeslots).from_select(columns, row).returning(_s.id)
            )
            if made.first() is not None:
                return None
            found = await connection.execute(select(*_COLUMNS).where(overlapping).limit(1))
            return _slot(found.one())

    async def get(self, target: str, slot_id: str) -> Timeslot | None:
        """Find a timeslot of a target."""
        async with self._database.read() as connection:
            query = select(*_COLUMNS).where(_s.target == target, _s.id == slot_id)
            row = (await connection.execute(query)).first()
            return None if row is None else _slot(row)

    async def cancel(self, slot_id: str) -> bool:
        """Remove a timeslot."""
        async with self._database.write() as connection:
            gone = await connection.execute(delete(timeslots).where(_s.id == slot_id))
            return gone.rowcount > 0

    async def coming(
        self, now: datetime, *, target: str | None = None, owner: str | None = None
    ) -> list[Timeslot]:
        """Return the timeslots that are not over, first the next: of a target, an owner ("")."""
        query = select(*_COLUMNS).where(_s.ends > now).order_by(_s.begins, _s.id)
        if target is not None:
            query = query.where(_s.target == target)
        if owner is not None:
            query = query.where(_s.owner == owner)
        async with self._database.read() as connection:
            return [_slot(row) for row in await connection.execute(query)]

    async def on(self, target: str) -> Timeslot | None:
        """Return the timeslot of a target that is on, by the clock of the database."""

        def read(connection: Connection) -> Timeslot | None:
            row = self._on.first(connection, {"its_target": target})
            return None if row is None else _slot(row)

        return await self._database.look(read)

    async def forget(self, before: datetime) -> int:
        """Forget timeslots that ended before an instant. Returns how many."""
        async with self._database.write() as connection:
            gone = await connection.execute(delete(timeslots).where(_s.ends < before))
            return gone.rowcount


async def has_booked(connection: AsyncConnection, owner: str, target: str, now: datetime) -> bool:
    """Whether an owner has a timeslot of a target that is not over."""
    query = select(_s.id).where(_s.owner == owner, _s.target == target, _s.ends > now).limit(1)
    return await connection.scalar(query) is not None


def fits_now(
    database: Database, target: str | BindParameter[str], *, required: bool
) -> ColumnElement[bool]:
    """Return the condition that a job of a target may run by the timeslot that is on, or without.

    With ``required`` no job of the target may run without.
    """
    on = and_(_s.target == target, _s.begins <= database.now, _s.ends > database.now)
    of_owner = exists(select(_s.id).where(on, _s.owner == _j.owner).correlate(t.jobs))
    if required:
        return of_owner
    free = and_(_j.timeslot != true(), ~exists(select(_s.id).where(on)))
    return or_(of_owner, free)


def _slot(row: Any) -> Timeslot:
    return Timeslot(row.id, row.target, row.owner or None, row.begins, row.ends)
