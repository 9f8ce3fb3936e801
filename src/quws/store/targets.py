"""Targets as their workers described them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select

from quws.domain.targets import TargetDescription
from quws.store import tables as t
from quws.store.database import Database


class TargetStore:
    """What each target of this service is and can do."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        """List all targets by name."""
        async with self._database.read() as connection:
            rows = await connection.scalars(
                select(t.targets.c.description).order_by(t.targets.c.name)
            )
            return [TargetDescription.model_validate(row) for row in rows]

    async def get(self, name: str) -> TargetDescription | None:
        """Find one target by its name."""
        async with self._database.read() as connection:
            row = await connection.scalar(
                select(t.targets.c.description).where(t.targets.c.name == name)
            )
            return None if row is None else TargetDescription.model_validate(row)
