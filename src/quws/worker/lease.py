"""Keeps a job this worker's own, and kills its child once it is not."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
from time import monotonic

import structlog

from quws.domain.phases import Phase
from quws.sandbox import confine
from quws.store.database import StoreUnavailable
from quws.telemetry import metrics
from quws.worker.held import HeldJob
from quws.worker.interruptions import Fenced
from quws.worker.workplace import Workplace

_RETRY_SECONDS = 1.0
_SHORTEST_PAUSE = 0.005
_LAST_BEAT_SECONDS = 1.0
_CORES = os.cpu_count() or 1
_log = structlog.get_logger(__name__)


async def keep(held: HeldJob, place: Workplace) -> None:
    """Renew the lease until the job is not ours any more or its time is over; then kill the child.

    The child is killed too when the job is to be handed back. Ends as well when the attempt is
    over.
    """
    held_until = monotonic() + place.lease_seconds
    while not held.lost.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_pause(held, place)):
                await held.changed.wait()
        held.changed.clear()
        if held.over:
            return
        if held.handing_back and held.child is not None and not held.submitting:
            held.child.kill()
        try:
            await _beat(held, place)
            held_until = monotonic() + place.lease_seconds
        except Exception as error:  # noqa: BLE001 - nobody else keeps the lease
            # Another may take the job when the lease is over; the fence keeps us apart.
            _log.warning("heartbeat failed", error=repr(error))
            if held.handing_back and monotonic() > held_until:
                held.lost.set()  # Who shuts down does not wait for a database for ever.
                break
            await asyncio.sleep(_RETRY_SECONDS)
    await _let_finish(held, place)
    if held.child is not None and not held.over:
        metrics.child_killed("run")
        held.child.kill()


async def let_go(held: HeldJob, keeper: asyncio.Task[None]) -> None:
    """End the keeping of a lease, because the attempt is over."""
    held.over = True
    held.changed.set()
    # A heartbeat that is cut off would cost its connection to the database.
    await asyncio.wait({keeper}, timeout=_LAST_BEAT_SECONDS)
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)


async def _let_finish(held: HeldJob, place: Workplace) -> None:
    """Wait a while for the end of an attempt whose job is not ours any more since it has ended.

    Most often it is we who have just ended it, and the child is about to say that it is done: to
    kill it now would hit the next job that it takes.
    """
    with contextlib.suppress(StoreUnavailable, TimeoutError):
        found = await place.jobs.reading.head(held.id)
        if found is None or found.phase not in (Phase.COMPLETED, Phase.ERROR):
            return
        async with asyncio.timeout(place.lease_seconds / 3):
            while not held.over:
                held.changed.clear()
                await held.changed.wait()


def _pause(held: HeldJob, place: Workplace) -> float:
    """Return how long to wait for the next heartbeat, at most."""
    pause = place.lease_seconds / 3
    if held.claim.deadline is None:
        return pause
    left = (held.claim.deadline - place.store_clock.now()).total_seconds()
    if held.waiting_since is not None:
        left /= 2  # The deadline must have moved before it comes.
    return min(pause, max(_SHORTEST_PAUSE, left))


async def _beat(held: HeldJob, place: Workplace) -> None:
    deadline = held.claim.deadline
    try:
        now = await held.renew()
    except Fenced:
        held.lost.set()
        return
    if held.batch.aborted_known != held.claim.aborted:
        held.batch.learn(await place.jobs.circuits.over(held.id))
    stop_aborted(held)
    if held.claim.deadline != deadline:
        limit_cpu(held, place)
    due = held.claim.deadline
    if due is not None and due <= now and await held.abort_overdue(now):
        held.lost.set()


def stop_aborted(held: HeldJob) -> None:
    """Kill the child if the circuit that it runs was aborted; another one goes on behind that.

    Where the circuits run elsewhere the other one passes it on.
    """
    if held.batch.is_stopped() and held.child is not None and not held.submitting:
        held.again = True
        held.child.kill()


def limit_cpu(held: HeldJob, place: Workplace) -> None:
    """Limit the processor time of a child to what its execution duration can take.

    The clock on the wall is what counts, and is kept above; this is for the case that nobody is
    there to keep it.
    """
    if held.child is None or held.child.pid is None:
        return
    seconds = None
    if held.claim.deadline is not None:
        left = (held.claim.deadline - place.store_clock.now()).total_seconds()
        wall = monotonic() - held.began + max(0.0, left) + place.lease_seconds
        seconds = int(wall * _CORES) + 1
        # What it has used for others before is not this job's.
        seconds += math.ceil(held.child.cpu_before)
    confine.limit_cpu(held.child.pid, seconds)
