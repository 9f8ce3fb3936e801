"""The HTTP service as a process: its use cases, opened and closed with the server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import FrameType

import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from quws.api.kit.services import Services
from quws.domain.clock import utc_now
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Specifications
from quws.domain.policy import Policy
from quws.domain.quotas import NO_RULES, QuotaRules
from quws.domain.targets import TargetDescription
from quws.processes.backends import Backends, make_health, make_target_service, open_backends
from quws.processes.connections import Connections, room_for
from quws.processes.http import Protocol
from quws.processes.monitor import monitored
from quws.services.accounts import AccountService
from quws.services.batches import Batches
from quws.services.checker import CircuitChecker
from quws.services.jobs.lookout import Lookout
from quws.services.jobs.service import JobService
from quws.services.pictures import Pictures
from quws.services.queues import Queues
from quws.services.quotes import Quotes
from quws.services.room import DiskRoom
from quws.services.signing import NO_SIGNER, Signer
from quws.services.standing import Standing
from quws.services.suitability import Suitability
from quws.services.workers import Workers
from quws.settings import Settings
from quws.store.accounts import AccountStore
from quws.store.queues import QueueStore
from quws.targets import NotLoaded, Target, TargetConfig, create_target
from quws.telemetry import tracing

_SHUTDOWN_SECONDS = 10
_DATE_SECONDS = 1.0
"""How often the date in the heads of answers is renewed."""


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


@asynccontextmanager
async def open_services(
    settings: Settings,
    configs: Sequence[TargetConfig],
    known: Mapping[Target, TargetDescription],
    specifications: Specifications = SPECIFICATIONS,
    rules: QuotaRules = NO_RULES,
) -> AsyncIterator[Services]:
    """Open what the handlers work with, for as long as the application runs."""
    signer = Signer(settings.data.absolute() / "signing.key", settings.resolved_signing_key())
    async with open_backends(settings) as backends:
        checker = CircuitChecker(seconds=settings.check_seconds)
        await checker.start()
        # So that a job can be sent before the first worker is up.
        await backends.targets.register(known.values(), utc_now(), replace=False)
        services = make_services(
            backends,
            checker,
            policy=_policy(settings, configs),
            expected=frozenset(item.name for item in configs),
            known=known,
            specifications=specifications,
            room=DiskRoom(backends.folders, settings.min_free_space),
            rules=rules,
            signer=signer,
        )
        lookout = Lookout(backends.jobs.outbox, backends.events)
        listening = asyncio.gather(
            backends.events.run(), lookout.run(), services.jobs.standing.run()
        )
        try:
            async with monitored(
                settings.monitor_host,
                settings.monitor_port,
                services.health,
                services.queues.refresh,
            ):
                yield services
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await checker.close()
            # Here, since the server ends by the signal that it was sent.
            await asyncio.to_thread(tracing.shutdown)


def make_services(
    backends: Backends,
    checker: CircuitChecker,
    *,
    policy: Policy,
    expected: frozenset[str],
    known: Iterable[Target],
    specifications: Specifications = SPECIFICATIONS,
    room: DiskRoom | None = None,
    rules: QuotaRules = NO_RULES,
    signer: Signer = NO_SIGNER,
) -> Services:
    """Return what the handlers work with.

    Parameters
    ----------
    expected
        The names of targets that a job may name before their workers are up.
    known
        Targets that are installed here, and so can be asked what suits them.
    signer
        What signs records of jobs.
    room
        Whether the disks have room for new jobs; None where that is not asked.
    rules
        The quotas of single users and of groups.

    """
    accounts = AccountStore(backends.database)
    return Services(
        jobs=JobService(
            store=backends.jobs,
            targets=backends.targets,
            artifacts=backends.artifacts,
            events=backends.events,
            announcer=backends.announcer,
            checker=checker,
            quotes=Quotes(backends.jobs.quotes),
            policy=policy,
            specifications=specifications,
            expected=expected,
            room=room,
            rules=rules,
            signer=signer,
            suitability=Suitability({target.name: target for target in known}),
            standing=Standing(accounts, backends.events),
        ),
        accounts=AccountService(accounts),
        health=make_health(backends),
        targets=make_target_service(backends),
        queues=Queues(QueueStore(backends.database)),
        workers=Workers(backends.dispatcher),
        pictures=Pictures(checker),
        signer=signer,
        batches=Batches(checker),
    )


def run_server(app: FastAPI, host: str, port: int, max_connections: int) -> None:
    """Serve an application until SIGTERM or SIGINT."""
    connections = Connections(room_for(max_connections))

    class Server(uvicorn.Server):
        _tell_loop: Callable[[], object] = staticmethod(lambda: None)

        @override
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            # It lets requests end before it stops; who waits for a job would keep it.
            app.state.stop_waiting()
            # Not the inherited one, which raises the signal again in the end: a process
            # that stopped in order has ended well.
            self.force_exit = self.should_exit
            self.should_exit = True
            self._tell_loop()

        @override
        async def main_loop(self) -> None:
            # uvicorn's own looks ten times a second whether it is to end.
            told = asyncio.Event()
            loop = asyncio.get_running_loop()
            self._tell_loop = partial(loop.call_soon_threadsafe, told.set)
            while not await self.on_tick(counter=0):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_DATE_SECONDS):
                        await told.wait()

    config = uvicorn.Config(
        app,
        http=partial(Protocol, connections=connections),  # type: ignore[arg-type]
        ws="none",
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
