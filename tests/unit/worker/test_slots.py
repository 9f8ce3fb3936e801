"""The slots of a worker: which jobs it takes, and when it takes none."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest
from scripted_children import Process, until
from sqlalchemy import select
from store_helpers import NOW, TARGET, drive, entry
from structlog.contextvars import get_contextvars
from structlog.testing import capture_logs
from worker_bench import Bench

from quws.bus.events import JobEvent
from quws.domain.phases import Phase
from quws.domain.targets import TargetState, TargetStatus
from quws.sandbox.messages import NoRoom, ResultsWritten
from quws.store.database import Database
from quws.store.owner_tables import target_use
from quws.store.target_locks import TargetLockStore
from quws.telemetry import metrics
from quws.worker import slots as module
from quws.worker.slots import Slots

pytestmark = pytest.mark.anyio


async def forever(process: Process) -> None:
    await process.hear()
    await process.killed.wait()


async def completes(process: Process) -> None:
    await process.hear()
    process.say(ResultsWritten(files=[]))


async def no_room(process: Process) -> None:
    await process.hear()
    process.say(NoRoom(sentence="the disk is full"))


@contextlib.asynccontextmanager
async def looking(bench: Bench, slots: Slots) -> AsyncIterator[None]:
    task = asyncio.create_task(slots.look())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task, *slots._takes, *bench.clock.readings})


async def drained(slots: Slots, grace: float = 0.0) -> None:
    async with asyncio.timeout(20):
        await slots.drain(grace)


def is_phase(bench: Bench, job_id: str, phase: Phase):  # type: ignore[no-untyped-def]
    async def true() -> bool:
        return await bench.phase(job_id) is phase

    return true


async def test_a_hint_takes_one_job_and_no_more_than_there_are_slots(bench: Bench) -> None:
    bench.children.scripts[0] = forever
    told: list[bool] = []
    slots = bench.slots(2, on_full=told.append)
    assert not await slots.hint()  # There is none.
    first = await bench.queue()
    assert await slots.hint()
    assert not slots.full
    assert not slots.more
    second, third = [await bench.queue() for _ in range(2)]
    assert await slots.hint()
    assert slots.full
    assert slots.more
    assert not await slots.hint()
    assert await bench.phase(third.id) is Phase.QUEUED
    assert told == [False, True]
    await drained(slots)
    assert {await bench.phase(job.id) for job in (first, second)} == {Phase.SUSPENDED}


async def test_a_slot_that_ends_a_job_takes_the_next_by_itself(bench: Bench) -> None:
    bench.children.scripts[0] = completes
    slots = bench.slots()
    jobs = [await bench.queue() for _ in range(3)]
    assert await slots.hint()
    for job in jobs:
        await until(is_phase(bench, job.id, Phase.COMPLETED))
    await until(lambda: not slots.full)
    assert not await slots.hint()
    assert slots._held == set(), "a worker that runs for months keeps none of its jobs"


async def test_every_line_of_the_log_says_which_job_it_is_about(bench: Bench) -> None:
    told: list[dict[str, Any]] = []

    async def script(process: Process) -> None:
        told.append(get_contextvars())
        await completes(process)

    bench.children.scripts[0] = script
    slots = bench.slots()
    job = await bench.queue()
    assert await slots.hint()
    await until(is_phase(bench, job.id, Phase.COMPLETED))
    about = {"job": job.id, "owner": "anna", "target": TARGET, "attempt": 1, "request": None}
    assert told == [about]


async def test_a_hint_fills_all_slots_that_are_free(bench: Bench) -> None:
    bench.children.scripts[0] = forever
    slots = bench.slots(3)
    jobs = [await bench.queue() for _ in range(4)]
    assert await slots.hint()
    assert slots.full
    assert [await bench.phase(job.id) for job in jobs] == [*[Phase.EXECUTING] * 3, Phase.QUEUED]
    await drained(slots)


async def test_a_slot_that_knows_of_no_further_job_waits_for_a_hint(bench: Bench) -> None:
    bench.children.scripts[0] = completes
    slots = bench.slots()
    await bench.queue()
    assert await slots.hint()
    later = await bench.queue()
    await until(lambda: not slots.full)
    assert await bench.phase(later.id) is Phase.QUEUED
    assert await slots.hint()
    await until(is_phase(bench, later.id, Phase.COMPLETED))


async def test_work_is_found_without_a_hint(bench: Bench) -> None:
    bench.children.scripts[0] = completes
    job = await bench.queue()
    async with looking(bench, bench.slots()):
        await until(is_phase(bench, job.id, Phase.COMPLETED))
        later = await bench.queue()
        await until(is_phase(bench, later.id, Phase.COMPLETED))


async def test_a_job_that_cannot_be_read_is_set_aside_and_the_next_one_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.children.scripts[0] = completes
    bad = [await bench.queue() for _ in range(2)]
    good = await bench.queue()
    for job in bad:
        await drive(bench.jobs.claims._database, job.id, spec={"language": "of a later release"})
    slots = bench.slots()
    with capture_logs() as lines:
        assert await slots.hint()
        await until(is_phase(bench, good.id, Phase.COMPLETED))
        await until(lambda: not slots.full)
        assert not await slots.hint()
    told = [line for line in lines if line["event"] == "set aside"]
    assert [(line["sweep"], line["item"]) for line in told] == [("claim", job.id) for job in bad]
    for job in bad:
        head = await bench.jobs.reading.head(job.id)
        assert head is not None
        assert head.phase is Phase.QUEUED
        await drive(bench.jobs.claims._database, job.id, spec={})
    assert not await slots.hint(), "each is left alone for a minute"
    monkeypatch.setattr("quws.services.aside.monotonic", lambda: monotonic() + 61)
    assert await slots.hint()
    await drained(slots, grace=20)


async def test_looking_outlives_a_database_that_is_away(bench: Bench) -> None:
    bench.children.scripts[0] = completes
    job = await bench.queue()
    bench.claims.away = True
    async with looking(bench, bench.slots()):
        await asyncio.sleep(0.1)
        assert await bench.phase(job.id) is Phase.QUEUED
        bench.claims.away = False
        await until(is_phase(bench, job.id, Phase.COMPLETED))


async def test_a_slot_outlives_a_database_that_is_away(bench: Bench) -> None:
    async def then_away(process: Process) -> None:
        await completes(process)
        bench.claims.away = True

    bench.children.scripts[0] = then_away
    slots = bench.slots()
    await bench.queue()
    assert await slots.hint()
    await until(lambda: not slots.full)
    bench.claims.away = False
    await bench.queue()
    assert await slots.hint()
    await drained(slots, 60)


async def test_a_full_disk_is_no_loop(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REST_SECONDS", 60.0)
    bench.children.scripts[0] = no_room
    told: list[bool] = []
    slots = bench.slots(on_full=told.append)
    job = await bench.queue()
    async with looking(bench, slots):
        await until(is_phase(bench, job.id, Phase.SUSPENDED))
        await asyncio.sleep(0.2)  # Some twenty looks.
        assert not await slots.hint()
    assert slots.full
    assert len(bench.children.processes) == 1
    assert (await bench.statuses(job.id)).count("suspended") == 1
    assert told[-1]


async def test_after_a_rest_it_takes_jobs_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REST_SECONDS", 0.3)
    bench.children.scripts.extend([completes])
    bench.children.scripts[0] = no_room
    told: list[bool] = []
    slots = bench.slots(on_full=told.append)
    job = await bench.queue()
    async with looking(bench, slots):
        await until(is_phase(bench, job.id, Phase.COMPLETED))
    assert len(bench.children.processes) == 2
    # It has room from the moment that the job is over, and says so when the slot has looked in
    # vain for another.
    await until(lambda: not told[-1])
    assert not slots.full


async def test_it_is_in_trouble_from_a_job_that_it_gave_back_to_one_that_it_ran(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REST_SECONDS", 3600.0)
    unfit = metrics.UNFIT.labels(bench.place.target)._value
    bench.children.scripts[0] = no_room
    slots = bench.slots()
    assert slots.trouble is None
    await bench.queue()
    assert await slots.hint()
    await until(lambda: slots.trouble == "the disk is full")
    assert unfit.get() == 1
    # Rested, it is so still: nothing has shown that it is mended.
    await until(lambda: not slots._tasks)
    assert slots.full
    slots._wake()
    assert not slots.full
    assert slots.trouble == "the disk is full"
    bench.children.scripts[0] = completes
    assert await slots.hint()
    await until(lambda: slots.trouble is None)
    assert unfit.get() == 0


async def test_an_event_makes_it_look_at_that_job_at_once(bench: Bench) -> None:
    bench.children.scripts[0] = forever
    slots = bench.slots(2)
    one, other = await bench.queue(), await bench.queue()
    assert await slots.hint()
    await until(lambda: len(bench.children.processes) == 2)
    for job in (one, other):
        assert await bench.jobs.control.abort(job.id, entry("aborted"))
    # What the worker itself has told is no reason to look.
    slots.heard(JobEvent(other.id, Phase.EXECUTING, by="worker-1"))
    slots.heard(JobEvent(one.id, Phase.ABORTED))
    # The next heartbeat by itself is 20 seconds away.
    await until(lambda: sum(item.killed.is_set() for item in bench.children.processes) == 1)
    await asyncio.sleep(0.1)
    assert sum(item.killed.is_set() for item in bench.children.processes) == 1
    slots.missed()
    await until(lambda: sum(item.killed.is_set() for item in bench.children.processes) == 2)
    await drained(slots)


async def test_a_drain_lets_jobs_end_within_the_grace_period(bench: Bench) -> None:
    go = asyncio.Event()

    async def waits(process: Process) -> None:
        await process.hear()
        await go.wait()
        process.say(ResultsWritten(files=[]))

    bench.children.scripts[0] = waits
    slots = bench.slots()
    job, waiting = await bench.queue(), await bench.queue()
    assert await slots.hint()
    draining = asyncio.create_task(drained(slots, 60))
    await until(lambda: slots.full)
    assert not await slots.hint()
    go.set()
    await draining
    assert await bench.phase(job.id) is Phase.COMPLETED
    assert await bench.phase(waiting.id) is Phase.QUEUED  # No further one was taken.
    assert slots.full


async def test_a_drain_hands_back_what_does_not_end(bench: Bench) -> None:
    bench.children.scripts[0] = forever
    slots = bench.slots()
    job = await bench.queue()
    assert await slots.hint()
    await drained(slots, 0.05)
    assert await bench.phase(job.id) is Phase.SUSPENDED
    assert (await bench.sentences(job.id))[-1] == "the worker shuts down; another one goes on"


async def test_a_drain_does_not_wait_for_what_runs_elsewhere(bench: Bench) -> None:
    bench = bench.with_place(remote=True)
    bench.children.scripts[0] = forever
    slots = bench.slots()
    job = await bench.queue()
    assert await slots.hint()
    await drained(slots, 3600)
    assert await bench.phase(job.id) is Phase.SUSPENDED


async def test_a_claim_that_is_under_way_is_drained_with_the_others(bench: Bench) -> None:
    bench.children.scripts[0] = forever
    slots = bench.slots()
    job = await bench.queue()
    bench.claims.gate.shut()
    hint = asyncio.create_task(slots.hint())
    await bench.claims.gate.reached.wait()
    drain = asyncio.create_task(drained(slots))
    await until(lambda: slots.full)
    bench.claims.gate.open()
    await drain
    assert await hint
    assert await bench.phase(job.id) is Phase.SUSPENDED


async def test_who_asks_may_go_but_the_job_gets_its_slot(bench: Bench) -> None:
    bench.children.scripts[0] = completes
    slots = bench.slots()
    job = await bench.queue()
    bench.claims.gate.shut()
    hint = asyncio.create_task(slots.hint())
    await bench.claims.gate.reached.wait()
    hint.cancel()
    await asyncio.gather(hint, return_exceptions=True)
    bench.claims.gate.open()
    await until(is_phase(bench, job.id, Phase.COMPLETED))


async def test_after_a_drain_it_can_go_on(bench: Bench) -> None:
    bench.children.scripts[0] = completes
    told: list[bool] = []
    slots = bench.slots(on_full=told.append)
    job = await bench.queue()
    await drained(slots)
    assert not await slots.hint()
    slots.resume()
    assert told[-1] is False
    assert await slots.hint()
    await until(is_phase(bench, job.id, Phase.COMPLETED))


async def test_a_target_that_is_gone_stops_all_jobs_for_now(bench: Bench) -> None:
    bench.children.scripts[0] = forever
    slots = bench.slots(2)
    jobs = [await bench.queue(), await bench.queue()]
    assert await slots.hint()
    offline = TargetState(status=TargetStatus.OFFLINE)
    await bench.place.targets.found(TARGET, offline, NOW)  # So nobody claims them again.
    slots.suspend("the target is offline")
    slots.suspend("another reason")
    for job in jobs:
        await until(is_phase(bench, job.id, Phase.SUSPENDED))
        assert "the target is offline" in await bench.sentences(job.id)
        assert "another reason" not in await bench.sentences(job.id)
    await drained(slots)


async def test_only_who_holds_the_target_gets_its_jobs(bench: Bench, database: Database) -> None:
    bench.children.scripts[0] = completes
    slots = bench.slots(holder="me")
    job = await bench.queue()
    assert not await slots.hint()
    assert await TargetLockStore(database).take(TARGET, "me", 60)
    assert await slots.hint()
    await until(is_phase(bench, job.id, Phase.COMPLETED))


async def test_jobs_to_come_hear_of_a_target_that_has_changed(bench: Bench) -> None:
    bench.children.scripts[0] = completes
    slots = bench.slots()
    limits = bench.target.circuit_limits.model_copy(update={"qubits": 3})
    slots.describe(bench.target.model_copy(update={"circuit_limits": limits}))
    job = await bench.queue()
    assert await slots.hint()
    await until(is_phase(bench, job.id, Phase.COMPLETED))
    assert bench.children.processes[0].heard[0].limits.qubits == 3  # type: ignore[union-attr]


async def test_the_best_job_is_taken_by_the_time_that_the_worker_has(bench: Bench) -> None:
    bench.children.scripts[0] = completes
    bench = bench.with_place(clock=lambda: NOW)
    job = await bench.queue()
    slots = bench.slots()
    assert await slots.hint()
    await until(is_phase(bench, job.id, Phase.COMPLETED))
    assert (await bench.job(job.id)).start_time == NOW


# -- short jobs ------------------------------------------------------------------------------


async def test_short_jobs_do_not_wait_behind_a_long_one(bench: Bench) -> None:
    """Ten minutes they did once, on a laptop, behind one."""
    bench.children.scripts = deque([forever, completes])
    told: list[bool] = []
    slots = bench.slots(short_slots=1, on_packed=told.append)
    long = await bench.queue(cost_ms=600_000)
    assert await slots.hint()
    assert slots.full
    assert not slots.packed
    another = await bench.queue(cost_ms=600_000)
    short = [await bench.queue(cost_ms=5) for _ in range(3)]
    assert await slots.hint()
    for job in short:
        await until(is_phase(bench, job.id, Phase.COMPLETED))
    assert await bench.phase(long.id) is Phase.EXECUTING
    assert await bench.phase(another.id) is Phase.QUEUED
    await until(lambda: not slots.packed)
    assert True in told
    await drained(slots)


async def test_a_long_job_that_waits_is_taken_when_the_one_before_it_ends(bench: Bench) -> None:
    """Though a short one was asked for last, of which no further one waited."""
    ends = asyncio.Event()

    async def script(process: Process) -> None:
        await process.hear()
        await ends.wait()
        process.say(ResultsWritten(files=[]))

    bench.children.scripts = deque([script, completes])
    slots = bench.slots(short_slots=1)
    first, second = [await bench.queue(cost_ms=600_000) for _ in range(2)]
    assert await slots.hint()
    short = await bench.queue(cost_ms=5)
    assert await slots.hint()
    await until(is_phase(bench, short.id, Phase.COMPLETED))
    assert await bench.phase(second.id) is Phase.QUEUED
    ends.set()
    for job in (first, second):
        await until(is_phase(bench, job.id, Phase.COMPLETED))


async def test_a_short_job_that_runs_on_loses_nothing_but_its_slot(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OVERDUE_SECONDS", 0.5)
    bench.children.scripts[0] = forever
    freed = asyncio.Event()
    slots = bench.slots(short_slots=1, on_packed=lambda full: None if full else freed.set())
    jobs = [await bench.queue(cost_ms=600_000), *[await bench.queue(cost_ms=5) for _ in range(4)]]
    assert await slots.hint()
    assert slots.packed
    freed.clear()
    async with asyncio.timeout(20):
        await freed.wait()
    assert await slots.hint()
    phases = [await bench.phase(job.id) for job in jobs]
    assert phases == [*[Phase.EXECUTING] * 3, *[Phase.QUEUED] * 2]
    await asyncio.sleep(0.51)  # The other one is late by now, too.
    assert slots.packed, "late ones are not let in without end"
    assert not await slots.hint()
    await drained(slots)


async def test_a_target_without_slots_for_short_jobs_keeps_its_order(bench: Bench) -> None:
    bench.children.scripts[0] = forever
    slots = bench.slots(2)
    jobs = [await bench.queue(cost_ms=cost) for cost in (600_000, 600_000, 5)]
    assert await slots.hint()
    assert slots.packed
    assert not await slots.hint()
    assert await bench.phase(jobs[2].id) is Phase.QUEUED
    await drained(slots)


async def test_what_owners_had_of_the_target_is_added_up(bench: Bench, database: Database) -> None:
    bench.children.scripts[0] = completes
    slots = bench.slots()
    await slots.tell_use()
    jobs = [await bench.queue(owner=owner) for owner in ("anna", "bert", "anna", None)]
    assert await slots.hint()
    for job in jobs:
        await until(is_phase(bench, job.id, Phase.COMPLETED))
    await until(lambda: not slots.full)
    await slots.tell_use()
    await slots.tell_use()
    async with database.read() as connection:
        rows = await connection.execute(select(target_use.c.owner, target_use.c.ms))
        used = {row.owner: row.ms for row in rows}
    assert set(used) == {"anna", "bert", ""}
    assert all(ms > 0 for ms in used.values())
