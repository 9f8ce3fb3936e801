"""How much of targets owners had, by the hour: what the fair share remembers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete

from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.turns import hour_of

_u = t.target_use.c


class TargetUse:
    """Adds up what owners had of targets."""

    def __init__(self, database: Database, hours: int) -> None:
        self._database = database
        self._hours = hours

    async def add(self, target: str, used: Mapping[str, int], now: datetime) -> None:
        """Add milliseconds that owners' jobs have run on a target."""
        row = self._database.insert(t.target_use).values(
            [
                {"target": target, "owner": owner, "hour": hour_of(now), "ms": ms}
                for owner, ms in sorted(used.items())
            ]
        )
        async with self._database.write() as connection:
            await connection.execute(
                row.on_conflict_do_update(
                    index_elements=["target", "owner", "hour"],
                    set_={"ms": _u.ms + row.excluded.ms},
                )
            )

    async def forget(self, now: datetime) -> int:
        """Forget what is too long ago to count. Return how many rows that were."""
        before = hour_of(now - timedelta(hours=self._hours))
        async with self._database.write() as connection:
            gone = await connection.execute(delete(t.target_use).where(_u.hour <= before))
            return gone.rowcount
