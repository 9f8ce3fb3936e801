"""``quws doctor``: looks at everything that quws needs, and says what to do."""

from __future__ import annotations

import asyncio
import platform
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryFile

from quws import __version__
from quws.artifacts import ArtifactStore, ArtifactStoreUnavailable
from quws.bus.connection import BusUnavailable, connect
from quws.bus.dispatcher import Dispatcher
from quws.bus.server import ValkeyServer
from quws.domain.clock import Clock, utc_now
from quws.domain.words import counted
from quws.sandbox import confine
from quws.settings import Settings
from quws.store.clock import time_of
from quws.store.database import (
    Database,
    StoreUnavailable,
    WrongSchema,
    database_name,
    opened,
)
from quws.store.jobs.sweeps import JobSweeps
from quws.store.queues import QueueStore
from quws.store.revision import REVISION
from quws.store.targets import TargetStore
from quws.targets import ConfigError, check_options
from quws.telemetry import tracing

_LIMIT_SECONDS = 10.0
_LATE_SECONDS = 60.0
_LITTLE_BYTES = 1 << 30
_LIBRARIES = ("qiskit", "qiskit-aer", "sqlalchemy", "asyncpg", "redis", "arq", "obstore")


class Level(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "FAULT"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``advice`` says what to do about it."""

    part: str
    level: Level
    text: str
    advice: str = ""


class Doctor:
    """Looks at the parts of a service as its processes would use them."""

    def __init__(self, settings: Settings, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._clock = clock
        self._database: Database | None = None
        self._dispatcher: Dispatcher | None = None

    async def examine(self) -> AsyncIterator[Finding]:
        """Look at one part after the other; one that hangs does not keep the rest."""
        yield self._versions()
        async with self._backends():
            for part, look in (
                ("database", self._look_at_database),
                ("bus", self._look_at_bus),
                ("artifacts", self._look_at_artifacts),
                ("scratch", self._look_at_scratch),
                ("children", self._look_at_children),
                ("clock", self._look_at_clock),
                ("targets", self._look_at_targets),
                ("sweeps", self._look_at_sweeps),
                ("traces", self._look_at_traces),
            ):
                for finding in await _within_limit(part, look):
                    yield finding

    @asynccontextmanager
    async def _backends(self) -> AsyncIterator[None]:
        redis = connect(self._redis_url())
        self._dispatcher = Dispatcher(redis)
        try:
            yield
        finally:
            await redis.aclose(close_connection_pool=True)
            if self._database is not None:
                await self._database.close()

    def _redis_url(self) -> str:
        if self._settings.redis_url is not None:
            return self._settings.resolved_redis_url()
        return ValkeyServer(self._settings.data / "valkey").url

    def _versions(self) -> Finding:
        found = []
        for name in _LIBRARIES:
            try:
                found.append(f"{name} {version(name)}")
            except PackageNotFoundError:
                return Finding(
                    "versions",
                    Level.FAULT,
                    f"the package {name} is not installed",
                    "install quws anew, with its dependencies",
                )
        text = f"quws {__version__} (schema {REVISION}), Python {platform.python_version()}"
        return Finding("versions", Level.OK, f"{text}, {', '.join(found)}")

    async def _look_at_database(self) -> list[Finding]:
        url = self._settings.resolved_database_url()
        which = "see whether QUWS_DATABASE_URL or --data is right"
        try:
            database = await opened(url)
        except WrongSchema as error:
            advice = f"{which}, or run 'quws db upgrade'"
            return [Finding("database", Level.FAULT, error.state, advice)]
        except StoreUnavailable as error:
            text = f"{database_name(url)}: {error}"
            return [Finding("database", Level.FAULT, text, f"{which}, and whether it runs")]
        self._database = database
        kind = "SQLite" if database.is_sqlite else "PostgreSQL"
        revision = await database.revision()
        if revision != REVISION:
            return [
                Finding(
                    "database",
                    Level.WARNING,
                    f"{kind} has schema {revision} of a later release, with which this one works",
                    "go on with the upgrade: replace the processes of this release",
                )
            ]
        return [Finding("database", Level.OK, f"{kind}, schema {revision}")]

    async def _look_at_bus(self) -> list[Finding]:
        assert self._dispatcher is not None
        try:
            await self._dispatcher.probe()
        except BusUnavailable as error:
            if self._settings.redis_url is None:
                return [
                    Finding(
                        "bus",
                        Level.WARNING,
                        "the private Valkey does not run",
                        "start 'quws serve', or set QUWS_REDIS_URL",
                    )
                ]
            advice = "see whether it runs, and whether QUWS_REDIS_URL is right; jobs run meanwhile"
            return [Finding("bus", Level.FAULT, f"Redis does not answer: {error}", advice)]
        return [Finding("bus", Level.OK, "Redis answers")]

    async def _look_at_artifacts(self) -> list[Finding]:
        url = self._settings.resolved_artifacts_url()
        try:
            await ArtifactStore(url).probe()
        except ArtifactStoreUnavailable as error:
            advice = "see whether QUWS_ARTIFACTS_URL is right, and its credentials are set"
            return [Finding("artifacts", Level.FAULT, str(error), advice)]
        if url.startswith("file://"):
            folder = Path(url.removeprefix("file://"))
            return [_room("artifacts", folder, self._settings.min_free_space)]
        return [Finding("artifacts", Level.OK, "what is written can be read")]

    async def _look_at_scratch(self) -> list[Finding]:
        folder = self._settings.resolved_scratch()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=folder):
                pass
        except OSError as error:
            advice = "set QUWS_SCRATCH to a folder that can be written to"
            return [Finding("scratch", Level.FAULT, f"{folder}: {error.strerror}", advice)]
        return [_room("scratch", folder)]

    async def _look_at_children(self) -> list[Finding]:
        if missing := confine.missing():
            text = f"whoever breaks into a child can {', and '.join(missing)}"
            advice = "run workers and API on Linux 6.12 or newer, where it has Landlock"
            return [Finding("children", Level.WARNING, text, advice)]
        return [Finding("children", Level.OK, "are closed in by Landlock and seccomp")]

    async def _look_at_clock(self) -> list[Finding]:
        if self._database is None:
            return []
        before = self._clock()
        theirs = await time_of(self._database)
        here = before + (self._clock() - before) / 2
        apart = abs((theirs - here).total_seconds())
        text = f"this machine and the database are {apart:.1f} s apart"
        if apart > 1.0:
            advice = "let both keep their time by NTP; execution durations are off by so much"
            return [Finding("clock", Level.FAULT, text, advice)]
        return [Finding("clock", Level.OK, text)]

    async def _look_at_targets(self) -> list[Finding]:
        found = []
        try:
            configs = self._settings.target_configs()
        except ConfigError as error:
            return [Finding("targets", Level.FAULT, str(error), "mend the list of targets")]
        for config in configs:
            try:
                check_options(config)
            except ConfigError as error:
                found.append(
                    Finding("targets", Level.FAULT, str(error), "mend the list of targets")
                )
        if self._database is None or self._dispatcher is None:
            return found
        configured = {config.name for config in configs}
        known = {record.name: record for record in await TargetStore(self._database).records()}
        waiting = {item.target: item for item in await QueueStore(self._database).lengths()}
        for name in sorted(configured | known.keys()):
            jobs = waiting[name].waiting if name in waiting else 0
            state = known[name].state.sentence(name) if name in known else None
            text = (
                f"{name}: {counted(jobs, 'job waits', 'jobs wait')}{f', {state}' if state else ''}"
            )
            try:
                attended = await self._dispatcher.attended(name)
                unfit = await self._dispatcher.unfit(name)
            except BusUnavailable:
                found.append(Finding("targets", Level.OK, text))
                continue
            if attended:
                found.append(Finding("targets", Level.OK, f"{text}, a worker listens"))
            else:
                advice = f"start 'quws worker --target {name}', or 'quws serve'"
                level = Level.FAULT if jobs else Level.WARNING
                found.append(Finding("targets", level, f"{text}, no worker listens", advice))
            for item in unfit:
                text = f"{name}: the worker {item.worker} could not run its last job: {item.why}"
                advice = "mend that, or stop this worker: the job waits, or goes to another one"
                found.append(Finding("targets", Level.FAULT, text, advice))
        return found

    async def _look_at_sweeps(self) -> list[Finding]:
        if self._database is None:
            return []
        late = self._clock() - timedelta(seconds=_LATE_SECONDS)
        jobs = JobSweeps(self._database)
        due = len(await jobs.expired(late)) + len(await jobs.overdue(late))
        if due:
            return [
                Finding(
                    "sweeps",
                    Level.FAULT,
                    f"{counted(due, 'job is', 'jobs are')} past destruction or execution duration",
                    "start 'quws sweeper', and read its log if it runs",
                )
            ]
        return [Finding("sweeps", Level.OK, "nothing is overdue")]

    async def _look_at_traces(self) -> list[Finding]:
        if not tracing.wanted():
            return []
        try:
            version("opentelemetry-exporter-otlp-proto-http")
        except PackageNotFoundError:
            text = "OTEL_EXPORTER_OTLP_ENDPOINT is set, but quws[tracing] is not installed"
            advice = "pip install 'quws[tracing]', or unset it"
            return [Finding("traces", Level.WARNING, text, advice)]
        return [Finding("traces", Level.OK, "are sent")]


async def _within_limit(part: str, look: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            return await look()
    except TimeoutError:
        text = f"no answer within {_LIMIT_SECONDS:.0f} seconds"
        advice = "see whether a firewall or a wrong address is in the way"
        return [Finding(part, Level.FAULT, text, advice)]
    except StoreUnavailable as error:
        return [Finding(part, Level.FAULT, str(error), "see what the database says")]


def _room(part: str, folder: Path, least: int = 0) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"{folder}, {free / (1 << 30):.1f} GiB free"
    if free < least:
        advice = "make room, or lower QUWS_MIN_FREE_SPACE: no new jobs are taken"
        return Finding(part, Level.FAULT, text, advice)
    if free < _LITTLE_BYTES:
        return Finding(part, Level.WARNING, text, "make room: jobs fail when it is full")
    return Finding(part, Level.OK, text)
