"""What every process opens: database, artifacts and bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from quws.artifacts import ArtifactStore
from quws.bus.announcer import Announcer
from quws.bus.connection import connect
from quws.bus.dispatcher import Dispatcher
from quws.bus.events import EventHub
from quws.services.health import Health
from quws.services.quotes import Quotes
from quws.services.sweeps import Sweeps
from quws.services.targets import TargetService
from quws.services.webhooks.sender import WebhookSender
from quws.settings import Settings
from quws.store.clock import StoreClock
from quws.store.database import Database, StoreUnavailable
from quws.store.jobs.store import JobStore
from quws.store.targets import TargetStore
from quws.store.webhook_queue import WebhookQueue

if TYPE_CHECKING:
    from quws.services.webhooks.post import Poster

_SCHEMA_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Backends:
    """What every process needs: database, artifacts and bus."""

    database: Database
    jobs: JobStore
    targets: TargetStore
    artifacts: ArtifactStore
    dispatcher: Dispatcher
    events: EventHub
    announcer: Announcer

    @property
    def folders(self) -> list[Path]:
        """Where jobs and their files are kept, as far as that is in folders."""
        files = [] if self.artifacts.folder is None else [self.artifacts.folder]
        return [*files, Path(self.database.name).parent] if self.database.is_sqlite else files


@asynccontextmanager
async def open_backends(settings: Settings) -> AsyncIterator[Backends]:
    """Connect to database, artifacts and bus.

    Raises
    ------
    StoreUnavailable
        The database does not answer or has another schema.

    """
    async with AsyncExitStack() as stack:
        database = Database(settings.resolved_database_url(), full_sync=settings.sqlite_full_sync)
        stack.push_async_callback(database.close)
        await _await_schema(database, settings.wait_for_schema)
        redis = connect(settings.resolved_redis_url())
        stack.push_async_callback(redis.aclose)
        events = EventHub(redis)
        dispatcher = Dispatcher(redis)
        yield Backends(
            database=database,
            jobs=JobStore(database, settings.policy.fairness, lanes=settings.short_slots > 0),
            targets=TargetStore(database),
            artifacts=ArtifactStore(settings.resolved_artifacts_url()),
            dispatcher=dispatcher,
            events=events,
            announcer=Announcer(dispatcher, events),
        )


async def check_database(settings: Settings) -> None:
    """Make sure that the database answers and has the schema of this code.

    Raises
    ------
    StoreUnavailable
        With a sentence that says what to run.

    """
    database = Database(settings.resolved_database_url())
    try:
        await _await_schema(database, settings.wait_for_schema)
    finally:
        await database.close()


async def _await_schema(database: Database, seconds: float) -> None:
    limit = monotonic() + seconds
    while True:
        try:
            return await database.probe()
        except StoreUnavailable:
            if monotonic() >= limit:
                raise
        await asyncio.sleep(_SCHEMA_POLL_SECONDS)


def make_health(
    backends: Backends, more: Mapping[str, Callable[[], Awaitable[None]]] | None = None
) -> Health:
    """Return what looks whether a process can do its work."""
    return Health(
        backends.database,
        backends.dispatcher,
        backends.artifacts,
        StoreClock(backends.database),
        more=more,
    )


def make_target_service(backends: Backends) -> TargetService:
    """Return the use cases of targets, for every process that has some."""
    return TargetService(backends.targets, Quotes(backends.jobs.quotes), backends.announcer)


@asynccontextmanager
async def open_target_service(settings: Settings) -> AsyncIterator[TargetService]:
    """Open the use cases of targets for a command, which needs no more than the database.

    Raises
    ------
    StoreUnavailable
        The database does not answer or has another schema.

    """
    if settings.redis_url is not None:
        async with open_backends(settings) as backends:
            yield make_target_service(backends)
        return
    database = Database(settings.resolved_database_url(), full_sync=settings.sqlite_full_sync)
    try:
        await _await_schema(database, settings.wait_for_schema)
        yield TargetService(TargetStore(database), Quotes(JobStore(database).quotes), None)
    finally:
        await database.close()


def make_sender(backends: Backends, settings: Settings) -> WebhookSender:
    """Return what sends to webhooks, for the sweeper."""

    def poster() -> Poster:
        # Loaded where there are webhooks only.
        from quws.services.webhooks.post import Poster  # noqa: PLC0415

        return Poster(settings.policy.webhook_networks)

    lease = timedelta(seconds=settings.lease)
    return WebhookSender(WebhookQueue(backends.database), poster, settings.public_url, lease=lease)


def make_sweeps(backends: Backends, settings: Settings) -> Sweeps:
    """Return the periodic duties, for the sweeper."""
    return Sweeps(
        store=backends.jobs,
        targets=backends.targets,
        artifacts=backends.artifacts,
        dispatcher=backends.dispatcher,
        announcer=backends.announcer,
        policy=settings.policy,
        store_clock=StoreClock(backends.database),
        lease_seconds=settings.lease,
        orphan_seconds=settings.orphan_age,
    )
