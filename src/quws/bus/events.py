"""News of jobs: one Redis subscription per process, spread in memory to its listeners."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from arq.connections import ArqRedis

from quws.bus.connection import BUS_ERRORS
from quws.bus.line import Line
from quws.domain.phases import Phase

CHANNEL = "quws:events"
"""All news."""
HELD_CHANNEL = "quws:held"
"""Those of them that may be of a job that a worker has in hand, and does not know of yet."""

_RETRY_SECONDS = 0.5
_REMEMBERED = 10_000
_NOT_HELD = frozenset({Phase.PENDING, Phase.HELD, Phase.QUEUED})
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A job changed. ``phase`` is None when it was deleted.

    ``by`` is the worker that has the job and says so itself: it need not look.
    """

    job_id: str
    phase: Phase | None
    by: str | None = None

    @property
    def for_workers(self) -> bool:
        """Whether a worker may have the job and not know of it."""
        return self.by is None and self.phase not in _NOT_HELD


class Watch:
    """Wakes one listener whenever its job may have changed."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Make the listener look again."""
        self._changed.set()

    async def changed(self, seconds: float) -> bool:
        """Wait for the next change, at most so long, and return whether there was one."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True


class EventHub:
    """Publishes news of jobs, and hands the news of all processes to local listeners.

    Pub/sub forgets whatever is said while nobody listens. So a listener
    subscribes first and then reads the database, and every new connection
    wakes all listeners to read again. What was never said while the bus was
    away is found in the outbox: see ``Lookout``, which calls ``catch_up``.
    """

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis
        self._line = Line(redis)
        self._watches: dict[str, set[Watch]] = {}
        self._feeds: set[Watch] = set()
        self._callbacks: list[Callable[[JobEvent], None]] = []
        self._on_connect: list[Callable[[], None]] = []
        self._heard: OrderedDict[str, Phase | None] = OrderedDict()
        self.connected = asyncio.Event()

    async def publish(self, event: JobEvent) -> None:
        """Publish a change to all processes, after it was committed.

        Raises
        ------
        BusUnavailable
            Nobody was told; listeners find out when they next look.

        """
        message = json.dumps({"job": event.job_id, "phase": event.phase, "by": event.by})
        said = [("PUBLISH", CHANNEL, message)]
        if event.for_workers:
            said.append(("PUBLISH", HELD_CHANNEL, message))
        await self._line.say(*said)

    @contextmanager
    def watch(self, job_id: str) -> Iterator[Watch]:
        """Listen to one job while the block lasts."""
        watch = Watch()
        self._watches.setdefault(job_id, set()).add(watch)
        try:
            yield watch
        finally:
            self._watches[job_id].discard(watch)
            if not self._watches[job_id]:
                del self._watches[job_id]

    @contextmanager
    def feed(self) -> Iterator[Watch]:
        """Listen to all jobs while the block lasts."""
        feed = Watch()
        self._feeds.add(feed)
        try:
            yield feed
        finally:
            self._feeds.discard(feed)

    def listen(self, on_event: Callable[[JobEvent], None], on_connect: Callable[[], None]) -> None:
        """Hear of every event, and of every new connection (events may have been missed)."""
        self._callbacks.append(on_event)
        self._on_connect.append(on_connect)

    @property
    def listened_to(self) -> bool:
        """Whether anybody waits for news."""
        return bool(self._watches or self._feeds)

    def catch_up(self, phases: Mapping[str, Phase | None]) -> None:
        """Wake those whom no event has told that jobs are in these phases (None: deleted)."""
        missed = [job for job, phase in phases.items() if self._heard.get(job, self) is not phase]
        for job in missed:
            self._note(job, phases[job])
            self._wake(job)
        if missed:
            self._wake_feeds()

    def wake_all(self) -> None:
        """Make every listener look again."""
        for job in list(self._watches):
            self._wake(job)
        self._wake_feeds()

    async def run(self, channel: str = CHANNEL) -> None:
        """Receive until cancelled, and reconnect as often as it takes."""
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=False) as pubsub:
                    await pubsub.subscribe(channel)
                    async for message in pubsub.listen():
                        if message["type"] == "subscribe":
                            self._joined()
                        elif message["type"] == "message":
                            self._spread(message["data"])
            except BUS_ERRORS as error:
                if self.connected.is_set():
                    _log.warning("bus lost", error=str(error))
            self.connected.clear()
            await asyncio.sleep(_RETRY_SECONDS)

    def _joined(self) -> None:
        self.connected.set()
        for callback in self._on_connect:
            callback()
        self.wake_all()

    def _spread(self, data: bytes) -> None:
        try:
            body = json.loads(data)
            phase = body["phase"]
            event = JobEvent(
                str(body["job"]), None if phase is None else Phase(phase), body.get("by")
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            _log.warning("unreadable event", data=data[:100])
            return
        self._note(event.job_id, event.phase)
        self._wake(event.job_id)
        self._wake_feeds()
        for callback in self._callbacks:
            callback(event)

    def _note(self, job_id: str, phase: Phase | None) -> None:
        self._heard[job_id] = phase
        self._heard.move_to_end(job_id)
        if len(self._heard) > _REMEMBERED:
            self._heard.popitem(last=False)

    def _wake(self, job_id: str) -> None:
        for watch in list(self._watches.get(job_id, ())):
            watch.wake()

    def _wake_feeds(self) -> None:
        for feed in list(self._feeds):
            feed.wake()
