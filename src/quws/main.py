"""Wiring: the only place that knows every room. One function per kind of process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING

from typing_extensions import override

from quws import __version__
from quws.artifacts import ArtifactStore
from quws.bus.connection import connect
from quws.bus.dispatcher import Dispatcher
from quws.bus.events import EventHub
from quws.jobs import Health, Queues
from quws.jobs.announcing import Announcer
from quws.jobs.clock import StoreClock, utc_now
from quws.jobs.quoting import Quotes
from quws.jobs.sweeps import Sweeps
from quws.jobs.targets import TargetService
from quws.schema_version import REVISION
from quws.settings import Settings
from quws.store import (
    Database,
    HoldStore,
    JobStore,
    QueueStore,
    StoreUnavailable,
    SubmissionStore,
    TargetStore,
)
from quws.targets import ConfigError, NotLoaded, TargetConfig, create_target
from quws.telemetry import logs, metrics, tracing

if TYPE_CHECKING:
    from fastapi import FastAPI

    from quws.domain.policy import Policy
    from quws.domain.targets import TargetDescription
    from quws.execution.children import ChildPool
    from quws.targets import Target

_LOOK_AGAIN_SECONDS = 10.0
_SHUTDOWN_SECONDS = 10
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
            jobs=JobStore(database),
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
            return await database.check()
        except StoreUnavailable:
            if monotonic() >= limit:
                raise
        await asyncio.sleep(_SCHEMA_POLL_SECONDS)


def known_targets(configs: Sequence[TargetConfig]) -> dict[Target, TargetDescription]:
    """Make the targets that can tell here what they are, without their libraries and secrets.

    The others are known from when their workers have looked at them.

    Raises
    ------
    ConfigError
        An adapter is not installed here or does not take its options.

    """
    found = {}
    for config in configs:
        # In an environment of its own may be what this one has not; and a secret is for its
        # worker only.
        if config.interpreter is None and not config.secrets:
            with contextlib.suppress(NotLoaded):
                target = create_target(config.revealed())
                found[target] = config.apply(target.describe())
    return found


def _policy(settings: Settings, configs: Sequence[TargetConfig]) -> Policy:
    policy = settings.policy
    if "target" in policy.model_fields_set or any(item.name == policy.target for item in configs):
        return policy
    # The default's default is not among them: then it is whichever stands first.
    return policy.model_copy(update={"target": configs[0].name})


def create_app(settings: Settings) -> FastAPI:
    """Make the HTTP application. Nothing is opened before it starts."""
    from quws.api.app import build_app  # noqa: PLC0415
    from quws.api.auth import AuthSettings  # noqa: PLC0415
    from quws.api.services import Services  # noqa: PLC0415
    from quws.execution.checker import ChildChecker  # noqa: PLC0415
    from quws.execution.suiting import TargetChecks  # noqa: PLC0415
    from quws.jobs import AccountService, JobService, Pictures  # noqa: PLC0415
    from quws.monitor import monitored  # noqa: PLC0415
    from quws.store import AccountStore  # noqa: PLC0415

    configs = settings.target_configs()
    known = known_targets(configs)

    @asynccontextmanager
    async def services() -> AsyncIterator[Services]:
        async with open_backends(settings) as backends:
            checker = ChildChecker(seconds=settings.check_seconds)
            await checker.start()
            # So that a job can be sent before the first worker is up.
            await backends.targets.register(known.values(), utc_now(), replace=False)
            health = make_health(backends)
            queues = Queues(QueueStore(backends.database))
            listening = asyncio.create_task(backends.events.run())
            quotes = Quotes(backends.jobs)
            try:
                async with monitored(
                    settings.monitor_host, settings.monitor_port, health, queues.refresh
                ):
                    yield Services(
                        jobs=JobService(
                            store=backends.jobs,
                            targets=backends.targets,
                            artifacts=backends.artifacts,
                            events=backends.events,
                            announcer=backends.announcer,
                            checker=checker,
                            quotes=quotes,
                            policy=_policy(settings, configs),
                            expected=frozenset(item.name for item in configs),
                            suits=TargetChecks({target.name: target for target in known}),
                        ),
                        accounts=AccountService(AccountStore(backends.database)),
                        health=health,
                        targets=TargetService(backends.targets, quotes, backends.announcer),
                        queues=queues,
                        pictures=Pictures(checker),
                    )
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
                await checker.close()
                # Here, since the server ends by the signal that it was sent.
                await asyncio.to_thread(tracing.shutdown)

    return build_app(
        services,
        auth=AuthSettings(
            method=settings.auth,
            anonymous=settings.anonymous,
            proxy_header=settings.proxy_header,
            proxy_networks=tuple(settings.proxy_networks),
            operators=frozenset(settings.operators),
        ),
        public_url=settings.public_url,
        max_body=settings.max_body,
    )


def run_server(app: FastAPI, host: str, port: int) -> None:
    """Serve an application until SIGTERM or SIGINT."""
    import uvicorn  # noqa: PLC0415

    class Server(uvicorn.Server):
        @override
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            # It lets requests end before it stops; who waits for a job would keep it.
            app.state.stop_waiting()
            # Not the inherited one, which raises the signal again in the end: a process
            # that stopped in order has ended well.
            self.force_exit = self.should_exit
            self.should_exit = True

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        log_config=None,
        server_header=False,
        # Who asks is told by the connection, not by a header that anybody can send; the
        # public URL is a setting.
        proxy_headers=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    server = Server(config)
    server.run()
    if not server.started:
        raise SystemExit(1)


async def worker(settings: Settings, target_name: str, *, sole: bool) -> None:
    """Run a worker until SIGTERM or SIGINT.

    With ``sole`` it is the only one of its target: what is executing now was
    lost with its predecessor, and need not wait for the end of its lease.
    """
    from quws.execution.children import ChildrenUnavailable  # noqa: PLC0415
    from quws.execution.executor import Executor  # noqa: PLC0415
    from quws.execution.hold import Hold  # noqa: PLC0415
    from quws.execution.scratch import Scratch  # noqa: PLC0415
    from quws.execution.watch import Watch  # noqa: PLC0415
    from quws.execution.worker import HintListener, run_worker  # noqa: PLC0415
    from quws.monitor import monitored  # noqa: PLC0415

    config = settings.target_config(target_name)
    stop = stop_event()
    name = f"{socket.gethostname()}:{os.getpid()}"[:40]
    children = children_of(config, spares=settings.spares, leash_seconds=settings.lease)
    try:
        try:
            children.start()
        except ChildrenUnavailable as error:
            raise ConfigError(f"target {config.name}: {error}") from None
        async with AsyncExitStack() as stack:
            scratch = stack.enter_context(Scratch(settings.resolved_scratch()))
            backends = await stack.enter_async_context(open_backends(settings))
            health = make_health(backends, {"the process for circuits": children.check})
            await stack.enter_async_context(
                monitored(settings.monitor_host, settings.monitor_port, health)
            )
            if sole:
                await backends.jobs.release(target_name)
            description = await _look(children, backends.targets, target_name, stop)
            if description is None:
                return
            description = await _conform(
                children, backends.targets, description, scratch.folder, stop
            )
            if description is None:
                return
            store_clock = StoreClock(backends.jobs)
            await store_clock.look()
            hold = (
                Hold(HoldStore(backends.database), target_name, settings.lease)
                if description.exclusive
                else None
            )
            hints = HintListener(
                settings.resolved_redis_url(), target_name, backends.announcer, settings.poll_delay
            )
            submissions = SubmissionStore(backends.database)
            executor = Executor(
                worker=name,
                target=description,
                store=backends.jobs,
                targets=backends.targets,
                submissions=submissions,
                artifacts=backends.artifacts,
                announcer=backends.announcer,
                children=children,
                store_clock=store_clock,
                slots=_slots(settings, description),
                lease_seconds=settings.lease,
                idle_seconds=settings.idle_look,
                scratch=scratch.folder,
                result_bytes=settings.max_result,
                max_attempts=settings.policy.max_attempts,
                holder=None if hold is None else hold.holder,
                on_full=hints.set_full,
            )
            watch = Watch(
                worker=name,
                target=description,
                executor=executor,
                children=children,
                targets=backends.targets,
                submissions=submissions,
                announcer=backends.announcer,
                check_seconds=settings.health_check,
            )
            await run_worker(executor, hints, watch, backends.events, stop, settings.grace, hold)
    finally:
        await children.close()


def _slots(settings: Settings, target: TargetDescription) -> int:
    # Two jobs at once would be two on a device that can hold one.
    if target.exclusive:
        return 1
    return settings.remote_slots if target.remote else settings.slots


def children_of(
    config: TargetConfig, *, spares: int, leash_seconds: float | None = None
) -> ChildPool:
    """Make the processes of a target, in the environment that it names.

    Raises
    ------
    ConfigError
        A secret cannot be read.

    """
    from quws.execution.children import ChildPool  # noqa: PLC0415

    return ChildPool(
        {"role": "run", "target": config.revealed().model_dump(mode="json")},
        spares=spares,
        interpreter=str(config.interpreter or sys.executable),
        leash_seconds=leash_seconds,
    )


async def _look(
    children: ChildPool, targets: TargetStore, name: str, stop: asyncio.Event
) -> TargetDescription | None:
    """Ask the target what it is, as often as it takes; None when there is no time left for it."""
    from quws.execution.looking import check  # noqa: PLC0415

    stopped = asyncio.create_task(stop.wait())
    while not stop.is_set():
        looking = asyncio.create_task(check(children, targets, name, utc_now))
        await asyncio.wait({looking, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not looking.done():
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            break
        if (description := looking.result()) is not None:
            stopped.cancel()
            return description
        await asyncio.wait({stopped}, timeout=_LOOK_AGAIN_SECONDS)
    return None


async def _conform(
    children: ChildPool,
    targets: TargetStore,
    description: TargetDescription,
    scratch: Path,
    stop: asyncio.Event,
) -> TargetDescription | None:
    """Make sure that the target passes its conformance circuits before it gets a job.

    None when there is no time left for it.
    """
    from quws.execution.conforming import ensure  # noqa: PLC0415

    stopped = asyncio.create_task(stop.wait())
    ensuring = asyncio.create_task(ensure(children, targets, description, scratch, utc_now))
    await asyncio.wait({ensuring, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if ensuring.done():
        return ensuring.result()
    ensuring.cancel()
    await asyncio.gather(ensuring, return_exceptions=True)
    return None


async def sweeper(settings: Settings) -> None:
    """Run the periodic task until SIGTERM or SIGINT."""
    from quws.execution.sweeper import run_sweeper  # noqa: PLC0415
    from quws.monitor import monitored  # noqa: PLC0415

    stop = stop_event()
    async with open_backends(settings) as backends:
        sweeps = make_sweeps(backends, settings)
        quotes = Quotes(backends.jobs)
        targets = TargetService(backends.targets, quotes, backends.announcer)
        health = make_health(backends)
        queues = Queues(QueueStore(backends.database))
        async with monitored(settings.monitor_host, settings.monitor_port, health, queues.refresh):
            await run_sweeper(sweeps, quotes, targets, stop, settings.sweep, settings.orphan_age)


def make_health(
    backends: Backends, more: Mapping[str, Callable[[], Awaitable[None]]] | None = None
) -> Health:
    """Make what looks whether a process can do its work."""
    return Health(
        backends.database,
        backends.dispatcher,
        backends.artifacts,
        StoreClock(backends.jobs),
        more=more,
    )


def make_sweeps(backends: Backends, settings: Settings) -> Sweeps:
    """Make the periodic duties, for the sweeper and for those who want to see what is due."""
    return Sweeps(
        store=backends.jobs,
        targets=backends.targets,
        artifacts=backends.artifacts,
        dispatcher=backends.dispatcher,
        announcer=backends.announcer,
        policy=settings.policy,
        clock=StoreClock(backends.jobs),
        lease_seconds=settings.lease,
        orphan_seconds=settings.orphan_age,
    )


def stop_event() -> asyncio.Event:
    """Make an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, stop.set)
    return stop


def configure_telemetry(process: str) -> None:
    """Begin to log, count and trace, as the kind of process that this is."""
    logs.configure(process)
    metrics.runs(process, __version__, REVISION)
    tracing.configure(process, __version__)
