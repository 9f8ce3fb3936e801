"""Hints of work over a real bus, and a worker from its first job to its last."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.constants import retry_key_prefix
from scripted_children import Process, until
from store_helpers import NOW, TARGET
from worker_bench import Bench

from quws.bus.announcer import Announcer
from quws.bus.connection import connect
from quws.bus.dispatcher import FUNCTION, Dispatcher, queue_name
from quws.bus.events import EventHub
from quws.bus.server import ValkeyServer
from quws.domain.lanes import lane_of_short
from quws.domain.phases import Phase
from quws.domain.targets import TargetState, TargetStatus
from quws.sandbox.messages import Cancel, CancelAnswer, Cancellation, ResultsWritten
from quws.store.database import Database
from quws.store.target_locks import TargetLockStore
from quws.worker import hints as module
from quws.worker.cancellations import Cancellations
from quws.worker.health import TargetHealth
from quws.worker.hints import HintListener
from quws.worker.lifecycle import run_worker
from quws.worker.slots import Slots
from quws.worker.target_lock import TargetLock

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def redis(valkey: ValkeyServer) -> AsyncIterator[ArqRedis]:
    opened = connect(valkey.url)
    await opened.flushall()
    yield opened
    await opened.aclose()
    await opened.connection_pool.disconnect()


@pytest.fixture
def dispatcher(redis: ArqRedis) -> Dispatcher:
    return Dispatcher(redis)


@pytest.fixture
def announcer(redis: ArqRedis, dispatcher: Dispatcher) -> Announcer:
    return Announcer(dispatcher, EventHub(redis))


@pytest.fixture
def hints(valkey: ValkeyServer, announcer: Announcer) -> HintListener:
    # So long that every hint below is heard because it has come.
    return HintListener(valkey.url, TARGET, announcer, 600)


@contextlib.asynccontextmanager
async def listening(hints: HintListener, slots: Slots) -> AsyncIterator[asyncio.Task[None]]:
    async with in_background(hints.run(slots)) as task:
        yield task


@contextlib.asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def completes(process: Process) -> None:
    await process.hear()
    process.say(ResultsWritten(files=[]))


async def forever(process: Process) -> None:
    await process.hear()
    await process.killed.wait()


def is_phase(bench: Bench, job_id: str, phase: Phase) -> Any:
    async def true() -> bool:
        return await bench.phase(job_id) is phase

    return true


def waits(dispatcher: Dispatcher, count: int) -> Any:
    async def true() -> bool:
        return await dispatcher.waiting(TARGET) == count

    return true


# -- hints ----------------------------------------------------------------------------------------


async def test_a_hint_is_a_job(bench: Bench, hints: HintListener, dispatcher: Dispatcher) -> None:
    bench.children.scripts[0] = completes
    slots = bench.slots(on_full=hints.set_full)
    async with listening(hints, slots):
        first, second = [await bench.queue() for _ in range(2)]
        await dispatcher.hint(TARGET)
        await until(is_phase(bench, first.id, Phase.COMPLETED))
        # Who is idle again takes the second without another hint.
        await until(is_phase(bench, second.id, Phase.COMPLETED))
        await until(waits(dispatcher, 0))
        assert await dispatcher.attended(TARGET)
        assert not await dispatcher.attended("other")
    await slots.drain(0)


async def test_a_hint_that_woke_nobody_is_found_by_looking(
    bench: Bench,
    valkey: ValkeyServer,
    announcer: Announcer,
    dispatcher: Dispatcher,
    redis: ArqRedis,
) -> None:
    bench.children.scripts[0] = completes
    hints = HintListener(valkey.url, TARGET, announcer, 0.05)
    slots = bench.slots(on_full=hints.set_full)
    async with listening(hints, slots):
        await until(lambda: dispatcher.attended(TARGET))
        job = await bench.queue()
        await redis.enqueue_job("work", _queue_name=f"quws:{TARGET}")
        await until(is_phase(bench, job.id, Phase.COMPLETED))
    await slots.drain(0)


async def test_a_hint_from_before_is_heard_at_once(
    bench: Bench, hints: HintListener, dispatcher: Dispatcher
) -> None:
    await dispatcher.hint(TARGET)
    async with listening(hints, bench.slots()):
        await until(waits(dispatcher, 0))


async def test_hints_without_jobs_are_used_up(
    bench: Bench, hints: HintListener, dispatcher: Dispatcher, redis: ArqRedis
) -> None:
    async with listening(hints, bench.slots()):
        for _ in range(3):
            await dispatcher.hint(TARGET)
        await until(waits(dispatcher, 0))

        # What arq keeps of each goes by itself.
        left = [key for key in await redis.keys("arq:*") if b"health" not in key]
        assert len(left) == 3
        for key in left:
            assert 0 < await redis.ttl(key) <= 60


async def test_while_no_slot_is_free_no_hint_is_taken(
    bench: Bench, hints: HintListener, dispatcher: Dispatcher
) -> None:
    bench.children.scripts[0] = forever
    slots = bench.slots(on_full=hints.set_full)
    async with listening(hints, slots):
        held, waiting = [await bench.queue() for _ in range(2)]
        await dispatcher.hint(TARGET)
        await until(is_phase(bench, held.id, Phase.EXECUTING))
        await until(waits(dispatcher, 0))
        await dispatcher.hint(TARGET)
        await asyncio.sleep(0.1)
        assert await dispatcher.waiting(TARGET) == 1
        assert await bench.phase(waiting.id) is Phase.QUEUED
        await slots.drain(0)
        assert await dispatcher.waiting(TARGET) == 1
        slots.resume()
        await until(waits(dispatcher, 0))
    await slots.drain(0)


async def test_of_short_jobs_it_is_heard_though_no_other_can_be_taken(
    bench: Bench, valkey: ValkeyServer, announcer: Announcer, dispatcher: Dispatcher
) -> None:
    bench.children.scripts[0] = forever
    hints = HintListener(valkey.url, TARGET, announcer, 600)
    short_hints = HintListener(valkey.url, TARGET, announcer, 600, short=True)
    slots = bench.slots(short_slots=1, on_full=hints.set_full, on_packed=short_hints.set_full)
    long = [await bench.queue(cost_ms=600_000) for _ in range(2)]
    async with listening(hints, slots), listening(short_hints, slots):
        await dispatcher.hint(TARGET)
        await until(is_phase(bench, long[0].id, Phase.EXECUTING))
        await dispatcher.hint(TARGET)
        short = await bench.queue(cost_ms=5)
        await dispatcher.hint(lane_of_short(TARGET))
        await until(is_phase(bench, short.id, Phase.EXECUTING))
        assert await dispatcher.waiting(TARGET) == 1
        assert await bench.phase(long[1].id) is Phase.QUEUED
    await slots.drain(0)


async def test_who_is_full_before_it_listens_takes_none(
    bench: Bench, hints: HintListener, dispatcher: Dispatcher
) -> None:
    hints.set_full(True)
    await dispatcher.hint(TARGET)
    async with listening(hints, bench.slots()):
        await until(lambda: dispatcher.attended(TARGET))
        await asyncio.sleep(0.1)
        assert await dispatcher.waiting(TARGET) == 1
        hints.set_full(False)
        await until(waits(dispatcher, 0))


async def test_a_hint_that_comes_too_late_is_given_to_another_worker(
    bench: Bench, hints: HintListener, dispatcher: Dispatcher
) -> None:
    bench.children.scripts[0] = forever
    # Not told of its slots, it goes on taking hints.
    slots = bench.slots()
    job = await bench.queue()
    assert await slots.hint()
    assert await bench.phase(job.id) is Phase.EXECUTING
    passed_on: list[str] = []

    class Other(Announcer):
        async def work(self, target: str) -> None:
            passed_on.append(target)

    hints._announcer = Other(dispatcher, None)  # type: ignore[arg-type]
    async with listening(hints, slots):
        await dispatcher.hint(TARGET)
        await until(lambda: passed_on == [TARGET])
    await slots.drain(0)


async def test_hints_for_which_one_has_looked_in_vain_are_used_up_together(
    bench: Bench, hints: HintListener, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[bool] = []
    slots = bench.slots(2, on_full=hints.set_full)
    take = slots.hint

    async def counted() -> bool:
        looks.append(await take())
        return looks[-1]

    monkeypatch.setattr(slots, "hint", counted)
    for _ in range(20):
        await dispatcher.hint(TARGET)
    async with listening(hints, slots):
        await until(waits(dispatcher, 0))
        await until(lambda: len(looks) == 2)
        # The next one is heard as the first was.
        bench.children.scripts[0] = completes
        job = await bench.queue()
        await dispatcher.hint(TARGET)
        await until(is_phase(bench, job.id, Phase.COMPLETED))
    assert looks == [False, False, True]
    await slots.drain(0)


async def test_of_hints_that_were_used_up_together_one_is_left_to_others(
    bench: Bench, hints: HintListener, dispatcher: Dispatcher
) -> None:
    bench.children.scripts[0] = forever
    slots = bench.slots(on_full=hints.set_full)
    await dispatcher.hint(TARGET)
    async with listening(hints, slots):
        await until(waits(dispatcher, 0))
        jobs = [await bench.queue() for _ in range(3)]
        for _ in jobs:
            await dispatcher.hint(TARGET)
        await until(is_phase(bench, jobs[0].id, Phase.EXECUTING))
        await until(lambda: slots.full)

        async def one_is_left() -> bool:
            return await dispatcher.waiting(TARGET) >= 1

        await until(one_is_left)
        assert await bench.phase(jobs[1].id) is Phase.QUEUED
    await slots.drain(0)


async def test_a_claim_that_fails_is_tried_again(
    bench: Bench,
    hints: HintListener,
    dispatcher: Dispatcher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_RECONNECT_SECONDS", 0.01)
    bench.children.scripts[0] = completes
    slots = bench.slots(on_full=hints.set_full)
    job = await bench.queue()
    bench.claims.away = True
    async with listening(hints, slots) as task:
        await dispatcher.hint(TARGET)
        await asyncio.sleep(0.1)
        assert not task.done()
        bench.claims.away = False
        await until(is_phase(bench, job.id, Phase.COMPLETED))
    await slots.drain(0)


async def test_a_hint_that_a_dead_worker_had_is_heard_without_a_complaint(
    bench: Bench,
    hints: HintListener,
    dispatcher: Dispatcher,
    redis: ArqRedis,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench.children.scripts[0] = completes
    slots = bench.slots()
    job = await bench.queue()
    hint = await redis.enqueue_job(FUNCTION, _queue_name=queue_name(TARGET))
    assert hint is not None
    # What arq leaves of a worker that is killed with the hint in its hand.
    await redis.set(retry_key_prefix + hint.job_id, 7)
    with caplog.at_level(logging.WARNING):
        async with listening(hints, slots):
            await until(is_phase(bench, job.id, Phase.COMPLETED))
            await until(waits(dispatcher, 0))
    assert caplog.messages == []
    await slots.drain(0)


async def test_a_hint_in_the_hand_of_a_worker_that_is_stopped_goes_to_another(
    hints: HintListener,
    dispatcher: Dispatcher,
    monkeypatch: pytest.MonkeyPatch,
    bench: Bench,
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard = asyncio.Event()

    async def never() -> bool:
        heard.set()
        await asyncio.Event().wait()
        return True

    slots = bench.slots()
    monkeypatch.setattr(slots, "hint", never)
    await dispatcher.hint(TARGET)
    with caplog.at_level(logging.WARNING):
        async with in_background(hints.run(slots)):
            await asyncio.wait_for(heard.wait(), 10)
    assert caplog.messages == []
    assert await dispatcher.waiting(TARGET) == 1


async def test_hints_of_other_targets_are_left_to_their_workers(
    bench: Bench, hints: HintListener, dispatcher: Dispatcher
) -> None:
    async with listening(hints, bench.slots()):
        await dispatcher.hint("other")
        await dispatcher.hint(TARGET)
        await until(waits(dispatcher, 0))
        assert await dispatcher.waiting("other") == 1


async def test_it_comes_back_when_the_bus_does(
    bench: Bench,
    hints: HintListener,
    dispatcher: Dispatcher,
    valkey: ValkeyServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_RECONNECT_SECONDS", 0.01)
    bench.children.scripts[0] = completes
    slots = bench.slots(on_full=hints.set_full)
    async with listening(hints, slots) as task:
        await until(lambda: dispatcher.attended(TARGET))
        await asyncio.to_thread(valkey.stop)
        await asyncio.sleep(0.1)
        assert not task.done()
        await asyncio.to_thread(valkey.start)
        job = await bench.queue()
        await dispatcher.hint(TARGET)
        await until(is_phase(bench, job.id, Phase.COMPLETED))
    await slots.drain(0)


# -- a worker -------------------------------------------------------------------------------------


@dataclass
class Running:
    """A worker as its process puts it together."""

    bench: Bench
    slots: Slots
    hints: HintListener
    events: EventHub
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    lock: TargetLock | None = None

    async def run(self, grace: float = 0.0, **more: Any) -> None:
        place = self.bench.place
        health = TargetHealth(place, self.bench.target, self.slots, check_seconds=60)
        async with asyncio.timeout(60):
            await run_worker(
                self.slots,
                self.hints,
                health,
                self.events,
                self.stop,
                grace,
                lock=self.lock,
                **more,
            )


@pytest.fixture
async def running(
    bench: Bench, hints: HintListener, announcer: Announcer, redis: ArqRedis
) -> Running:
    bench = bench.with_place(announcer=announcer)
    slots = bench.slots(2, on_full=hints.set_full)
    return Running(bench, slots, hints, EventHub(redis))


async def ended(bench: Bench) -> None:
    """Wait for readings of the clock that were cut off."""
    if bench.clock.readings:
        await asyncio.wait({*bench.clock.readings})


async def test_a_worker_takes_work_and_gives_it_back_when_it_is_told_to_stop(
    running: Running, dispatcher: Dispatcher
) -> None:
    bench = running.bench
    bench.children.scripts[0] = forever
    found = await bench.queue()
    async with in_background(running.run()) as task:
        await until(is_phase(bench, found.id, Phase.EXECUTING))
        hinted = await bench.queue()
        await dispatcher.hint(TARGET)
        await until(is_phase(bench, hinted.id, Phase.EXECUTING))
        running.stop.set()
        await task
    assert {await bench.phase(job.id) for job in (found, hinted)} == {Phase.SUSPENDED}
    assert running.slots.full
    await ended(bench)


async def test_jobs_may_end_within_the_grace_period_and_hear_of_an_abort(
    running: Running, announcer: Announcer
) -> None:
    bench = running.bench
    bench.children.scripts[0] = forever
    job = await bench.queue()
    async with in_background(running.run(grace=60.0)) as task:
        await until(is_phase(bench, job.id, Phase.EXECUTING))
        running.stop.set()
        await until(lambda: running.slots.full)
        assert await bench.phase(job.id) is Phase.EXECUTING
        (held,) = running.slots._held
        await bench.take_away(held)
        await announcer.changed(job.id, Phase.ABORTED)
        await task
    assert bench.children.processes[0].killed.is_set()
    await ended(bench)


async def test_a_worker_looks_after_its_target(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = running.bench
    bench.children.scripts[0] = forever
    job = await bench.queue()
    async with in_background(running.run()):
        await until(is_phase(bench, job.id, Phase.EXECUTING))
        state = TargetState(status=TargetStatus.OFFLINE, message="cold")
        await bench.place.targets.found(TARGET, state, NOW)
        await until(is_phase(bench, job.id, Phase.SUSPENDED))
    await ended(bench)


async def test_a_worker_that_must_hold_its_target_takes_nothing_before(
    running: Running, database: Database
) -> None:
    bench = running.bench
    bench.children.scripts[0] = forever
    locks = TargetLockStore(database)
    running.lock = TargetLock(locks, TARGET, 0.4)
    running.slots = bench.slots(holder=running.lock.holder, on_full=running.hints.set_full)
    job = await bench.queue()
    assert await locks.take(TARGET, "another", 60)
    async with in_background(running.run(grace=60.0)) as task:
        await asyncio.sleep(0.2)
        assert await bench.phase(job.id) is Phase.QUEUED
        await locks.drop(TARGET, "another")
        await until(is_phase(bench, job.id, Phase.EXECUTING))
        # Taken by another: the job goes back at once, and the worker stands by.
        await locks.drop(TARGET, running.lock.holder)
        assert await locks.take(TARGET, "another", 60)
        await until(is_phase(bench, job.id, Phase.SUSPENDED))
        assert not task.done()
        await locks.drop(TARGET, "another")
        await until(lambda: len(bench.children.processes) == 2)
        for process in bench.children.processes:
            process.end()
        running.stop.set()
        await task
    # Given back, so that the next need not wait for its end.
    assert await locks.take(TARGET, "another", 60)
    await ended(bench)


async def test_a_worker_that_stands_by_can_be_stopped(running: Running, database: Database) -> None:
    locks = TargetLockStore(database)
    running.lock = TargetLock(locks, TARGET, 60.0)
    assert await locks.take(TARGET, "another", 60)
    running.stop.set()
    await running.run()
    assert not await locks.take(TARGET, "third", 60)


async def test_a_worker_of_a_remote_target_cancels_what_is_left_there(running: Running) -> None:
    bench = running.bench
    cancelled: list[str] = []

    async def cancels(process: Process) -> None:
        request = await process.hear()
        assert isinstance(request, Cancel)
        cancelled.append(request.key)
        process.say(CancelAnswer(outcome=Cancellation.DONE, sentence="done"))

    bench.children.scripts[0] = cancels
    held = await bench.hold()
    await held.intend(held.id)
    await bench.take_away(held)
    async with in_background(running.run(cancellations=Cancellations(bench.place))):
        await until(lambda: cancelled == [held.id])
    await ended(bench)
