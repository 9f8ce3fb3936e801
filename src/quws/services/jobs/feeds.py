"""What happens to a caller's jobs, read once for all in this process who follow them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic

from quws.bus.events import EventHub, Watch
from quws.domain.job import JobRef
from quws.services.standing import Stay
from quws.store.jobs import outbox
from quws.store.jobs.outbox import LATE_ENTRIES, Outbox

_SPEAK_SECONDS = 15.0
"""Whoever follows hears so often, though of nothing. It is looked then too, whatever is told."""
_PAUSE_SECONDS = 0.3
_KEPT = 100
"""How many looks are kept for those who take their news slowly."""


@dataclass(frozen=True, slots=True)
class News:
    """What happened to a caller's jobs. ``cursor`` is the newest that is known of it."""

    cursor: int
    changed: list[JobRef]
    deleted: list[str]


class Feeds:
    """Follows the jobs of callers: one look into the database serves all streams of an owner."""

    def __init__(self, entries: Outbox, events: EventHub) -> None:
        self._entries = entries
        self._events = events
        self._channels: dict[tuple[str | None, bool], _Channel] = {}
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End all streams, as soon as they are woken."""
        self._closing.set()

    async def stream(self, stay: Stay, cursor: int | None) -> AsyncGenerator[News, None]:
        """Yield what happens to a caller's jobs, from a cursor on or from now.

        Ends with the stay, when the process is about to end, or when the news are taken far too
        slowly. Where nothing happens, there are news without anything in them now and then.
        """
        with self._joined(stay) as channel:
            # Before the database is asked: what happens from here on is in a look.
            place = await channel.place()
            caught_up = cursor is None
            start = cursor = await self._entries.newest() if cursor is None else cursor
            told: dict[str, int] = {}
            yield News(cursor, [], [])
            while not (caught_up or stay.over or self._closing.is_set()):
                found = await channel.read(cursor)
                told |= {item.job_id: item.id for item in found}
                if found:
                    cursor = found[-1].id
                    yield _news(cursor, found)
                # There may be more of them than one look finds.
                caught_up = not found
            # Of these alone a look may tell once more.
            told = {job_id: newest for job_id, newest in told.items() if newest > channel.late}
            while (looked := await channel.after(place)) is not None and not stay.over:
                place += 1
                fresh = [item for item in looked if item.id > told.get(item.job_id, start)]
                cursor = max([cursor, *(item.id for item in fresh)])
                if fresh or not looked:
                    yield _news(cursor, fresh)

    @contextmanager
    def _joined(self, stay: Stay) -> Iterator[_Channel]:
        caller = stay.caller
        key = (None if caller.operator else caller.name, caller.operator)
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = _Channel(*key, self._entries, self._closing)
        channel.enter(stay, self._events)
        try:
            yield channel
        finally:
            if channel.leave(stay):
                del self._channels[key]


class _Channel:
    """The looks at what happens to the jobs of one owner, each kept for all who follow them.

    Whoever first needs the next look takes it, while the others wait for that.
    """

    def __init__(
        self, owner: str | None, everybody: bool, entries: Outbox, closing: asyncio.Event
    ) -> None:
        self._owner = owner
        self._everybody = everybody
        self._entries = entries
        self._closing = closing
        self._followers = 0
        self._stays: set[Stay] = set()
        """Of those who follow, and of whom nobody has noticed yet that they may not stay."""
        self._listening = ExitStack()
        self._watch = Watch()
        self._beginning = asyncio.Lock()
        self._start: int | None = None
        self._cursor = 0
        self._told: dict[str, int] = {}
        self._looking = asyncio.Lock()
        self._looks: deque[Sequence[outbox.News]] = deque(maxlen=_KEPT)
        self._count = 0
        self._looked = False
        self._idle = False
        """Whether the last look found nothing, and nobody has told of anything since."""
        self._spoken = 0.0

    def enter(self, stay: Stay, events: EventHub) -> None:
        """Count one more who follows."""
        if not self._followers:
            self._watch = self._listening.enter_context(events.feed())
        self._followers += 1
        self._stays.add(stay)

    def leave(self, stay: Stay) -> bool:
        """Count one less, and return whether it was the last."""
        self._stays.discard(stay)
        self._followers -= 1
        if not self._followers:
            self._listening.close()
        return not self._followers

    @property
    def late(self) -> int:
        """The id behind which looks begin: what is written late may lie before the newest."""
        return max(self._cursor - LATE_ENTRIES, 0)

    async def place(self) -> int:
        """Return behind how many looks the next one comes."""
        async with self._beginning:
            if self._start is None:
                newest = await self._entries.newest()
                self._start = self._cursor = newest
                self._spoken = monotonic()
        return self._count

    async def read(self, after: int) -> list[outbox.News]:
        """Read what happened after an id, for one alone."""
        return await self._entries.since(self._owner, everybody=self._everybody, after=after)

    async def after(self, place: int) -> Sequence[outbox.News] | None:
        """Return the look behind so many, once there is one.

        None when there will be none, or when it is so long ago that it is not kept any more.
        """
        async with self._looking:
            if place == self._count:
                await self._look()
        back = self._count - place
        return self._looks[-back] if 0 < back <= len(self._looks) else None

    async def _look(self) -> None:
        while not self._closing.is_set():
            over = {stay for stay in self._stays if stay.over}
            if over:
                # They wait for a look, as all do, and leave with this one.
                self._stays -= over
                self._found([])
                return
            if self._idle:
                await self._watch.changed(max(self._spoken + _SPEAK_SECONDS - monotonic(), 0))
                self._idle = False
                continue
            if self._looked:
                await asyncio.sleep(_PAUSE_SECONDS)
            found = self._new(await self.read(self.late))
            self._looked = True
            # If there were any, there may be more of them than one look finds.
            self._idle = not found
            if found or monotonic() - self._spoken >= _SPEAK_SECONDS:
                self._found(found)
                return

    def _found(self, found: Sequence[outbox.News]) -> None:
        self._spoken = monotonic()
        self._looks.append(found)
        self._count += 1

    def _new(self, found: Sequence[outbox.News]) -> list[outbox.News]:
        start, late = self._start or 0, self.late
        new = [item for item in found if item.id > self._told.get(item.job_id, start)]
        self._told |= {item.job_id: item.id for item in new}
        self._cursor = max([self._cursor, *(item.id for item in new)])
        self._told = {job_id: newest for job_id, newest in self._told.items() if newest > late}
        return new


def _news(cursor: int, found: Sequence[outbox.News]) -> News:
    return News(
        cursor,
        [item.job for item in found if item.job is not None],
        [item.job_id for item in found if item.job is None],
    )
