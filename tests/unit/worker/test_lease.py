"""The lease: kept while the job is ours, and the child killed as soon as it is not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from scripted_children import Process, until
from store_helpers import NOW
from worker_bench import Bench

from quws.domain.phases import Phase
from quws.worker import lease
from quws.worker.held import HeldJob

pytestmark = pytest.mark.anyio


async def forever(process: Process) -> None:
    await process.killed.wait()


async def with_child(bench: Bench, held: HeldJob) -> Process:
    bench.children.scripts[0] = forever
    held.child = await bench.children.acquire()
    return bench.children.processes[-1]


@contextlib.asynccontextmanager
async def kept(bench: Bench, held: HeldJob) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(lease.keep(held, bench.place))
    try:
        yield task
    finally:
        await lease.let_go(held, task)


async def beats(held: HeldJob) -> None:
    """Wait for the next heartbeat."""
    before = held.claim
    await until(lambda: held.claim is not before)


async def test_it_is_renewed_long_before_it_ends(bench: Bench) -> None:
    bench = bench.with_place(lease_seconds=0.6)
    held = await bench.hold()
    async with kept(bench, held):
        async with asyncio.timeout(30):
            for _ in range(4):
                await beats(held)
        assert await bench.jobs.sweeps.abandoned() == []
    assert not held.lost.is_set()


async def test_a_job_that_was_taken_away_is_lost_and_its_child_killed(bench: Bench) -> None:
    held = await bench.hold()
    process = await with_child(bench, held)
    async with kept(bench, held) as task:
        await bench.take_away(held)
        held.changed.set()
        async with asyncio.timeout(30):
            await task
    assert held.lost.is_set()
    assert process.killed.is_set()


async def test_a_look_that_finds_it_still_ours_kills_nobody(bench: Bench) -> None:
    held = await bench.hold()
    process = await with_child(bench, held)
    async with kept(bench, held):
        held.changed.set()
        await beats(held)
        assert not held.changed.is_set()
        assert not held.lost.is_set()
        assert not process.killed.is_set()
    held.child.kill()  # type: ignore[union-attr]


async def test_the_deadline_aborts_the_job_in_time(bench: Bench) -> None:
    held = await bench.hold(execution_duration=1)
    process = await with_child(bench, held)
    async with kept(bench, held) as task, asyncio.timeout(30):
        await task
    assert process.killed.is_set()
    assert await bench.phase(held.id) is Phase.ABORTED
    over = bench.place.store_clock.now()
    assert held.claim.deadline is not None
    # Long before the next third of the lease, and not before its time.
    assert timedelta(0) <= over - held.claim.deadline < timedelta(seconds=10)


async def test_a_job_without_a_deadline_goes_on(bench: Bench) -> None:
    bench = bench.with_place(lease_seconds=0.3)
    held = await bench.hold(execution_duration=0)
    assert held.claim.deadline is None
    async with kept(bench, held):
        await beats(held)
        await beats(held)
    assert not held.lost.is_set()


async def test_the_deadline_of_a_job_that_waits_elsewhere_moves_ahead_of_time(
    bench: Bench,
) -> None:
    held = await bench.hold(execution_duration=1)
    process = await with_child(bench, held)
    held.waiting_since = held.began
    first = held.claim.deadline
    assert first is not None
    async with kept(bench, held):
        await until(
            lambda: (
                (held.claim.deadline or first) > first + timedelta(seconds=1) or held.lost.is_set()
            )
        )
    assert not process.killed.is_set()
    assert await bench.phase(held.id) is Phase.EXECUTING
    process.kill()


async def test_a_job_that_is_handed_back_has_its_child_killed_but_is_not_lost(
    bench: Bench,
) -> None:
    held = await bench.hold()
    process = await with_child(bench, held)
    before = held.claim
    async with kept(bench, held):
        held.handing_back = "the worker shuts down"
        held.changed.set()
        async with asyncio.timeout(30):
            await process.killed.wait()
            await until(lambda: held.claim is not before)
        assert not held.lost.is_set()


async def test_a_child_that_hands_over_is_not_killed_before_that_is_settled(
    bench: Bench,
) -> None:
    held = await bench.hold()
    process = await with_child(bench, held)
    held.submitting = True
    async with kept(bench, held):
        held.handing_back = "the worker shuts down"
        held.changed.set()
        await beats(held)
        assert not process.killed.is_set()
        held.submitting = False
        held.changed.set()
        async with asyncio.timeout(30):
            await process.killed.wait()


@contextlib.contextmanager
def sleeping() -> Iterator[int]:
    """A process that does nothing."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process.pid
        process.kill()


async def test_a_database_that_is_away_kills_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_RETRY_SECONDS", 0.01)
    bench = bench.with_place(lease_seconds=0.3)
    held = await bench.hold()
    process = await with_child(bench, held)
    bench.claims.away = True
    async with kept(bench, held):
        await asyncio.sleep(1)  # Longer than the lease: another may have the job by now.
        assert not held.lost.is_set()
        assert not process.killed.is_set()
        bench.claims.away = False
        await beats(held)
    process.kill()


@pytest.mark.parametrize("renewed", [False, True])
async def test_who_shuts_down_waits_for_a_database_as_long_as_the_lease_lasts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, renewed: bool
) -> None:
    monkeypatch.setattr(lease, "_RETRY_SECONDS", 0.01)
    now = 1000.0
    monkeypatch.setattr(lease, "monotonic", lambda: now)
    bench = bench.with_place(lease_seconds=0.03)
    held = await bench.hold()
    process = await with_child(bench, held)
    async with kept(bench, held) as task, asyncio.timeout(30):
        if renewed:
            now += 0.02
            await beats(held)
        bench.claims.away = True
        held.handing_back = "the worker shuts down"
        await process.killed.wait()
        now += 0.03
        await asyncio.sleep(0.1)  # Some tries.
        assert not held.lost.is_set()
        now += 0.01
        await task
    assert held.lost.is_set()


async def test_a_heartbeat_that_hangs_is_cut_off_at_the_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_LAST_BEAT_SECONDS", 0.01)
    hangs = asyncio.Event()

    async def never(*_: object) -> None:
        hangs.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(bench.claims, "renew", never)
    held = await bench.hold()
    async with kept(bench, held) as task, asyncio.timeout(30):
        held.changed.set()
        await hangs.wait()
    assert task.done()


async def test_the_next_heartbeat_is_in_a_third_of_the_lease_or_when_the_time_is_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await bench.hold()
    monkeypatch.setattr(bench.clock, "now", lambda: NOW)

    def pause(left: float | None, *, waits: bool = False) -> float:
        deadline = None if left is None else NOW + timedelta(seconds=left)
        held.claim = replace(held.claim, deadline=deadline)
        held.waiting_since = held.began if waits else None
        return lease._pause(held, bench.place)

    assert pause(None) == pause(600) == 20
    assert pause(15) == 15
    # The deadline moves while the job waits elsewhere, and must have moved before it comes.
    assert pause(15, waits=True) == 7.5
    assert pause(-1) == 0.005


@pytest.mark.skipif(sys.platform != "linux", reason="there is no prlimit")
async def test_a_child_may_use_the_processor_as_long_as_its_job_may_run(bench: Bench) -> None:
    held = await bench.hold(execution_duration=100)
    await with_child(bench, held)
    assert held.child is not None
    with sleeping() as pid:
        stand_in, held.child.pid = held.child.pid, pid
        try:
            lease.limit_cpu(held, bench.place)
            soft, _ = resource.prlimit(pid, resource.RLIMIT_CPU)
            # Its duration and a lease, on every core.
            cores = os.cpu_count() or 1
            assert 150 * cores <= soft <= 162 * cores + 1
            # More time is more processor time.
            assert await bench.jobs.claims.shift(held.claim, 1000)
            async with kept(bench, held):
                held.changed.set()
                await beats(held)
            soft, _ = resource.prlimit(pid, resource.RLIMIT_CPU)
            assert 1150 * cores <= soft <= 1162 * cores + 1
            # What its child has used for other jobs is none of it.
            held.child.cpu_before = 5000.0
            lease.limit_cpu(held, bench.place)
            soft, _ = resource.prlimit(pid, resource.RLIMIT_CPU)
            assert 1150 * cores <= soft - 5000 <= 1162 * cores + 1
        finally:
            held.child.pid = stand_in
    held.child.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="there is no prlimit")
async def test_a_job_without_a_deadline_has_no_limit_of_processor_time(bench: Bench) -> None:
    held = await bench.hold(execution_duration=0)
    await with_child(bench, held)
    assert held.child is not None
    with sleeping() as pid:
        stand_in, held.child.pid = held.child.pid, pid
        try:
            resource.prlimit(pid, resource.RLIMIT_CPU, (77, resource.RLIM_INFINITY))
            lease.limit_cpu(held, bench.place)
            soft, _ = resource.prlimit(pid, resource.RLIMIT_CPU)
            assert soft == resource.RLIM_INFINITY
        finally:
            held.child.pid = stand_in
    held.child.kill()


async def test_the_end_of_an_attempt_is_no_reason_to_kill(bench: Bench) -> None:
    held = await bench.hold()
    process = await with_child(bench, held)
    async with kept(bench, held) as task:
        await held.complete([])
    assert task.done()
    assert not task.cancelled()
    assert not process.killed.is_set()
    process.kill()


async def test_the_child_of_a_job_that_we_have_just_completed_is_not_killed(bench: Bench) -> None:
    held = await bench.hold()
    process = await with_child(bench, held)
    async with kept(bench, held) as task:
        await held.complete([])
        held.changed.set()  # A heartbeat, before the child has said that it is done.
        await until(held.lost.is_set)
        held.changed.set()  # Whatever else there is news of.
    assert task.done()
    assert not task.cancelled()
    assert not process.killed.is_set()
    process.kill()


async def test_a_child_that_never_says_that_it_is_done_is_killed(bench: Bench) -> None:
    bench = bench.with_place(lease_seconds=0.3)
    held = await bench.hold()
    process = await with_child(bench, held)
    async with kept(bench, held) as task:
        await held.complete([])
        async with asyncio.timeout(30):
            await task
    assert process.killed.is_set()
