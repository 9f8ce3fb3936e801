"""Targets as their workers described them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from time import monotonic

from sqlalchemy import select

from quws.domain.targets import TargetDescription
from quws.store import tables as t
from quws.store.database import Database

_FRESH_SECONDS = 1.0


class TargetStore:
    """What each target of this service is and can do."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: list[TargetDescription] = []
        self._fresh_until = 0.0

    async def register(
        self, descriptions: Iterable[TargetDescription], now: datetime, *, replace: bool
    ) -> None:
        """Write down what targets are.

        With ``replace`` the new description wins (a worker speaks of what it
        holds); without, one that is there stays.
        """
        async with self._database.write() as connection:
            for description in descriptions:
                values = {"description": description.model_dump(mode="json"), "updated": now}
                row = self._database.insert(t.targets).values(name=description.name, **values)
                await connection.execute(
                    row.on_conflict_do_update(index_elements=["name"], set_=values)
                    if replace
                    else row.on_conflict_do_nothing()
                )

    async def all(self) -> list[TargetDescription]:
        """List all targets by name; as they were at most a second ago."""
        if monotonic() < self._fresh_until:
            return self._known
        async with self._database.read() as connection:
            rows = await connection.scalars(
                select(t.targets.c.description).order_by(t.targets.c.name)
            )
            self._known = [TargetDescription.model_validate(row) for row in rows]
        self._fresh_until = monotonic() + _FRESH_SECONDS if self._known else 0.0
        return self._known

    async def get(self, name: str) -> TargetDescription | None:
        """Find one target by its name."""
        return next((item for item in await self.all() if item.name == name), None)
