"""The worker of one target as a process."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import AsyncExitStack

from quws.domain.clock import utc_now
from quws.domain.lanes import has_lanes
from quws.domain.targets import TargetDescription
from quws.processes.backends import make_health, open_backends
from quws.processes.monitor import monitored
from quws.processes.runtime import stop_event
from quws.sandbox.pool import ChildPool, ChildrenUnavailable
from quws.services.quotas import Quotas
from quws.settings import Settings
from quws.store.clock import StoreClock
from quws.store.handovers import HandoverStore
from quws.store.target_locks import TargetLockStore
from quws.store.targets import TargetStore
from quws.targets import ConfigError
from quws.worker.admission import ensure_conformance
from quws.worker.cancellations import Cancellations
from quws.worker.children import children_of, readers_of
from quws.worker.conformance import FILE_BYTES
from quws.worker.health import TargetHealth
from quws.worker.hints import HintListener
from quws.worker.inspection import record_inspection
from quws.worker.lifecycle import run_worker
from quws.worker.reading import Readers
from quws.worker.scratch import Scratch
from quws.worker.slots import Slots
from quws.worker.target_lock import TargetLock
from quws.worker.workplace import Workplace

_INSPECT_AGAIN_SECONDS = 10.0


async def worker(settings: Settings, target_name: str, *, sole: bool) -> None:
    """Run a worker until SIGTERM or SIGINT.

    With ``sole`` it is the only one of its target: what is executing now was
    lost with its predecessor, and need not wait for the end of its lease.
    """
    config = settings.target_config(target_name)
    stop = stop_event()
    name = f"{socket.gethostname()}:{os.getpid()}"[:40]
    scratch = Scratch(settings.resolved_scratch())
    children = children_of(
        config,
        scratch.ready,
        spares=settings.spares,
        leash_seconds=settings.lease,
        file_bytes=max(settings.max_result, FILE_BYTES),
    )
    readers = readers_of(config, scratch.ready, leash_seconds=settings.lease)
    try:
        try:
            children.start()
        except ChildrenUnavailable as error:
            raise ConfigError(f"target {config.name}: {error}") from None
        async with AsyncExitStack() as stack:
            stack.enter_context(scratch)
            backends = await stack.enter_async_context(open_backends(settings))
            health = make_health(
                backends,
                {"the process for circuits": children.probe, "the scratch folder": scratch.probe},
            )
            await stack.enter_async_context(
                monitored(settings.monitor_host, settings.monitor_port, health)
            )
            if sole:
                await backends.jobs.claims.release(target_name)
            description = await _inspect(children, backends.targets, target_name, stop)
            if description is None:
                return
            if children.apart:
                readers.start()
            description = await _conform(children, readers, backends.targets, description, stop)
            if description is None:
                return
            store_clock = StoreClock(backends.database)
            await store_clock.look()
            place = Workplace(
                worker=name,
                target=target_name,
                remote=description.remote,
                jobs=backends.jobs,
                targets=backends.targets,
                handovers=HandoverStore(backends.database),
                artifacts=backends.artifacts,
                announcer=backends.announcer,
                children=children,
                readers=readers,
                store_clock=store_clock,
                lease_seconds=settings.lease,
                result_bytes=settings.max_result,
                results_bytes=settings.policy.max_results_bytes,
                quotas=Quotas(backends.jobs.usage, settings.policy, settings.quota_rules()),
                max_attempts=settings.policy.max_attempts,
            )
            lock = (
                TargetLock(TargetLockStore(backends.database), target_name, settings.lease)
                if description.exclusive
                else None
            )
            hints = HintListener(
                settings.resolved_redis_url(), target_name, backends.announcer, settings.poll_delay
            )
            lanes = has_lanes(description.kind)
            short_hints = HintListener(
                settings.resolved_redis_url(),
                target_name,
                backends.announcer,
                settings.poll_delay,
                short=True,
            )
            slots = Slots(
                place,
                description,
                slots=_slots(settings, description),
                idle_seconds=settings.idle_look,
                holder=None if lock is None else lock.holder,
                on_full=hints.set_full,
                short_slots=settings.short_slots if lanes else 0,
                on_packed=short_hints.set_full,
            )
            target_health = TargetHealth(
                place, description, slots, check_seconds=settings.health_check
            )
            await run_worker(
                slots,
                hints,
                target_health,
                backends.events,
                stop,
                settings.grace,
                cancellations=Cancellations(place) if description.remote else None,
                lock=lock,
                short_hints=short_hints if lanes else None,
            )
    finally:
        await readers.close()
        await children.close()


def _slots(settings: Settings, target: TargetDescription) -> int:
    # Two jobs at once would be two on a device that can hold one.
    if target.exclusive:
        return 1
    return settings.remote_slots if target.remote else settings.slots


async def _inspect(
    children: ChildPool, targets: TargetStore, name: str, stop: asyncio.Event
) -> TargetDescription | None:
    """Ask the target what it is, as often as it takes; None when there is no time left for it."""
    stopped = asyncio.create_task(stop.wait())
    while not stop.is_set():
        inspecting = asyncio.create_task(record_inspection(children, targets, name, utc_now))
        await asyncio.wait({inspecting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not inspecting.done():
            inspecting.cancel()
            await asyncio.gather(inspecting, return_exceptions=True)
            break
        if (description := inspecting.result()) is not None:
            stopped.cancel()
            return description
        await asyncio.wait({stopped}, timeout=_INSPECT_AGAIN_SECONDS)
    return None


async def _conform(
    children: ChildPool,
    readers: Readers,
    targets: TargetStore,
    description: TargetDescription,
    stop: asyncio.Event,
) -> TargetDescription | None:
    """Make sure that the target passes its conformance circuits before it gets a job.

    None when there is no time left for it.
    """
    stopped = asyncio.create_task(stop.wait())
    ensuring = asyncio.create_task(
        ensure_conformance(children, readers, targets, description, utc_now)
    )
    await asyncio.wait({ensuring, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if ensuring.done():
        return ensuring.result()
    ensuring.cancel()
    await asyncio.gather(ensuring, return_exceptions=True)
    return None
