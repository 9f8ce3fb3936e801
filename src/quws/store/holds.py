"""Which worker holds a target that only one at a time may drive."""

from __future__ import annotations

from sqlalchemy import delete, or_

from quws.store import tables as t
from quws.store.database import Database


class HoldStore:
    """Leases of whole targets, as jobs have leases: by the clock of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, target: str, holder: str, seconds: float) -> bool:
        """Take or renew the hold of a target. Return whether it is this holder's now.

        Parameters
        ----------
        holder
            A name that no other process has, and no other start of this one.
        seconds
            How long the hold lasts if it is not renewed.

        """
        until = self._database.now + int(seconds * 1000)
        wanted = self._database.insert(t.holds).values(target=target, holder=holder, until=until)
        async with self._database.write() as connection:
            taken = await connection.execute(
                wanted.on_conflict_do_update(
                    index_elements=["target"],
                    set_={"holder": holder, "until": until},
                    where=or_(t.holds.c.holder == holder, t.holds.c.until <= self._database.now),
                ).returning(t.holds.c.target)
            )
            return taken.first() is not None

    async def drop(self, target: str, holder: str) -> None:
        """Give a hold back, so that the next worker need not wait for its end."""
        async with self._database.write() as connection:
            await connection.execute(
                delete(t.holds).where(t.holds.c.target == target, t.holds.c.holder == holder)
            )
