"""The worker of one target as a process."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import AsyncExitStack
from pathlib import Path

from quws.domain.clock import utc_now
from quws.domain.targets import TargetDescription
from quws.processes.backends import make_health, open_backends
from quws.processes.monitor import monitored
from quws.processes.runtime import stop_event
from quws.sandbox.pool import ChildPool, ChildrenUnavailable
from quws.settings import Settings
from quws.store.clock import StoreClock
from quws.store.handovers import HandoverStore
from quws.store.holds import HoldStore
from quws.store.targets import TargetStore
from quws.targets import ConfigError
from quws.worker.asking import check
from quws.worker.children import children_of
from quws.worker.conformance import ensure
from quws.worker.executor import Executor
from quws.worker.listen import HintListener, run_worker
from quws.worker.scratch import Scratch
from quws.worker.standby import Hold
from quws.worker.upkeep import Watch

_LOOK_AGAIN_SECONDS = 10.0


async def worker(settings: Settings, target_name: str, *, sole: bool) -> None:
    """Run a worker until SIGTERM or SIGINT.

    With ``sole`` it is the only one of its target: what is executing now was
    lost with its predecessor, and need not wait for the end of its lease.
    """
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
                await backends.jobs.claims.release(target_name)
            description = await _look(children, backends.targets, target_name, stop)
            if description is None:
                return
            description = await _conform(
                children, backends.targets, description, scratch.folder, stop
            )
            if description is None:
                return
            store_clock = StoreClock(backends.database)
            await store_clock.look()
            hold = (
                Hold(HoldStore(backends.database), target_name, settings.lease)
                if description.exclusive
                else None
            )
            hints = HintListener(
                settings.resolved_redis_url(), target_name, backends.announcer, settings.poll_delay
            )
            handovers = HandoverStore(backends.database)
            executor = Executor(
                worker=name,
                target=description,
                store=backends.jobs,
                targets=backends.targets,
                handovers=handovers,
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
                handovers=handovers,
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


async def _look(
    children: ChildPool, targets: TargetStore, name: str, stop: asyncio.Event
) -> TargetDescription | None:
    """Ask the target what it is, as often as it takes; None when there is no time left for it."""
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
    stopped = asyncio.create_task(stop.wait())
    ensuring = asyncio.create_task(ensure(children, targets, description, scratch, utc_now))
    await asyncio.wait({ensuring, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if ensuring.done():
        return ensuring.result()
    ensuring.cancel()
    await asyncio.gather(ensuring, return_exceptions=True)
    return None
