"""Finds in the database what nobody has told over the bus, for all who wait in this process."""

from __future__ import annotations

from quws.bus.events import EventHub
from quws.services.repeat import repeat
from quws.store.jobs.clauses import CHUNK
from quws.store.jobs.outbox import LATE_ENTRIES, Outbox

_LOOK_SECONDS = 1.0


class Lookout:
    """Looks at the end of the outbox every second while anybody waits.

    One query serves all who wait, however many they are; those of jobs whose
    news came over the bus as well are left asleep.
    """

    def __init__(self, outbox: Outbox, events: EventHub) -> None:
        self._outbox = outbox
        self._events = events
        self._newest: int | None = None
        """The newest id that was seen; None while nobody looks."""
        self._seen: set[int] = set()

    async def run(self) -> None:
        """Look until cancelled."""
        await repeat(self.look, _LOOK_SECONDS, "looking for news failed")

    async def look(self) -> None:
        """Look once, and wake those whose jobs have changed.

        Raises
        ------
        StoreUnavailable

        """
        if not self._events.listened_to:
            self._newest = None
            return
        if self._newest is None:
            newest = await self._outbox.newest()
            found = await self._outbox.tail(newest - LATE_ENTRIES)
            self._seen = {entry.id for entry in found}
            self._newest = max([newest, *self._seen])
            # What happened since they read their jobs is not known to be anything new.
            self._events.wake_all()
            return
        newest, seen, phases = self._newest, set(self._seen), {}
        after = newest - LATE_ENTRIES
        while True:
            found = await self._outbox.tail(after)
            for entry in found:
                if entry.id not in seen:
                    seen.add(entry.id)
                    phases[entry.job_id] = entry.phase
            if found:
                after = found[-1].id
                newest = max(newest, after)
            if len(found) < CHUNK:
                break
        self._newest, self._seen = newest, {item for item in seen if item > newest - LATE_ENTRIES}
        self._events.catch_up(phases)
