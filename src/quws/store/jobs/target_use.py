"""How much of targets owners had, by the hour: what the fair share remembers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.store.database import Database
from quws.store.jobs.turns import hour_of
from quws.store.owner_tables import target_use

_u = target_use.c


class TargetUse:
    """Adds up what owners had of targets."""

    def __init__(self, database: Database, hours: int) -> None:
        self._database = database
        self._hours = hours

    async def add(self, target: str, used: Mapping[str, int], now: datetime) -> None:
        """Add milliseconds that owners' jobs have run on a target."""
        async with self._database.write() as connection:
            await add_use(connection, self._database, target, used, now)

    async def forget(self, now: datetime) -> int:
        """Forget what is too long ago to count. Return how many rows that were."""
        before = hour_of(now - timedelta(hours=self._hours))
        async with self._database.write() as connection:
            gone = await connection.execute(delete(target_use).where(_u.hour <= before))
            return gone.rowcount


async def add_use(
    connection: AsyncConnection,
    database: Database,
    target: str,
    used: Mapping[str, int],
    now: datetime,
) -> None:
    """Add milliseconds that owners had of a target, in the caller's transaction."""
    row = database.insert(target_use).values(
        [
            {"target": target, "owner": owner, "hour": hour_of(now), "ms": ms}
            for owner, ms in sorted(used.items())
        ]
    )
    await connection.execute(
        row.on_conflict_do_update(
            index_elements=["target", "owner", "hour"], set_={"ms": _u.ms + row.excluded.ms}
        )
    )
