"""The held job: everything that is written of it, and that who has lost it writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
from scripted_children import until
from store_helpers import NOW, TARGET
from worker_bench import Bench

from quws.artifacts import ArtifactStore, ArtifactStoreUnavailable
from quws.bus.events import JobEvent
from quws.domain.failures import Failure
from quws.domain.job import Result
from quws.domain.phases import Phase
from quws.domain.targets import Calibration
from quws.store.database import StoreUnavailable
from quws.store.handovers import HandoverState
from quws.worker.held import HeldJob
from quws.worker.interruptions import Fenced

pytestmark = pytest.mark.anyio

RESULT = Result("counts-0", "somewhere", 3, "application/json")
CALIBRATION = Calibration(id="c1", time=NOW)


async def test_notes_and_words_are_seen(bench: Bench) -> None:
    held = await bench.hold()
    held.note("it is warm")
    held.say("a quarter of it")
    held.say("half of it")
    await until(lambda: bench.bus.events != [])
    job = await bench.job(held.id)
    assert job.message == "half of it"
    assert "it is warm" in await bench.sentences(held.id)
    assert bench.bus.events == [JobEvent(held.id, Phase.EXECUTING, by="worker-1")]
    # What is said later is written later.
    held.say("all of it")
    await until(lambda: len(bench.bus.events) == 2)
    assert (await bench.job(held.id)).message == "all of it"


async def test_that_it_runs_is_told_soon_and_not_of_a_job_that_has_ended_by_then(
    bench: Bench,
) -> None:
    held = await bench.hold()
    held.begins()
    assert bench.bus.events == []
    await until(lambda: bench.bus.phases == [Phase.EXECUTING])
    short = await bench.hold()
    short.begins()
    short.note("it is short")
    await short.complete([])
    await asyncio.sleep(0.15)  # Longer than what is said is gathered.
    assert bench.bus.phases == [Phase.EXECUTING, Phase.COMPLETED]
    assert (await bench.sentences(short.id))[-2:] == ["it is short", None]


async def test_what_is_said_while_something_is_written_is_written_next(bench: Bench) -> None:
    held = await bench.hold(circuits=2)
    bench.bus.gate.shut()
    held.note("first")
    await bench.bus.gate.reached.wait()
    held.note("second")
    bench.bus.gate.open()
    await held.add_done(held.done(range(1), [RESULT], "aer", NOW))
    sentences = await bench.sentences(held.id)
    assert sentences[-3:] == ["first", "second", "circuit 0 of 2 on aer"]
    held.note("third")
    await held.intend(held.id)
    assert (await bench.sentences(held.id))[-1] == "third"
    held.note("last")
    await held.close()
    await asyncio.sleep(0.15)
    assert "last" not in await bench.sentences(held.id)


async def test_the_calibration_is_written_before_the_job_refers_to_it(bench: Bench) -> None:
    held = await bench.hold()
    await held.calibrate(CALIBRATION)
    await until(lambda: bench.bus.events != [])
    assert (await bench.job(held.id)).calibration_id == "c1"
    assert await bench.place.targets.calibration(TARGET, "c1") == CALIBRATION
    record = await bench.place.targets.record(TARGET)
    assert record is not None
    assert record.calibration is None  # It is this job's, perhaps no more the present one.


async def test_files_of_two_attempts_do_not_meet(bench: Bench) -> None:
    name, mime_type = "counts.json", "application/json"
    first = await bench.hold()
    old = await first.files.put("counts", name, b"old", mime_type)
    await first.retry("the process died")
    second = await bench.claim()
    new = await second.files.put("counts", name, b"new!", mime_type)
    assert (old.artifact, new.artifact) == (
        f"{first.id}/1/counts.json",
        f"{first.id}/2/counts.json",
    )
    assert (new.id, new.size, new.mime_type) == ("counts", 4, "application/json")
    # The worker of the first attempt is late, and must not write over the second's.
    await first.files.put("counts", name, b"late", mime_type)
    assert await bench.place.artifacts.read(new.artifact) == b"new!"


async def test_a_circuit_is_published_with_what_came_of_it(bench: Bench) -> None:
    held = await bench.hold(circuits=2)
    text = Result("circuit-1", "elsewhere", 9, "text/plain")
    await held.add_done(held.done(range(1, 2), [RESULT], "aer", NOW, [text]))
    job = await bench.job(held.id)
    assert job.circuits_done == 1
    assert [item.id for item in job.results] == ["counts-0", "circuit-1"]
    assert "circuit 1 of 2 on aer" in await bench.sentences(held.id)
    assert bench.bus.phases == [Phase.EXECUTING]


async def test_a_job_is_completed(bench: Bench) -> None:
    held = await bench.hold()
    await held.complete([RESULT])
    job = await bench.job(held.id)
    assert job.phase is Phase.COMPLETED
    assert [item.artifact for item in job.results] == ["somewhere"]
    assert (await bench.statuses(held.id))[-1] == "completed"
    assert bench.bus.phases == [Phase.COMPLETED]
    assert bench.bus.hints == []


async def test_a_job_fails(bench: Bench) -> None:
    held = await bench.hold()
    error = Failure.OUT_OF_MEMORY.error()
    await held.fail(error)
    job = await bench.job(held.id)
    assert (job.phase, job.error) == (Phase.ERROR, error)
    assert (await bench.sentences(held.id))[-1] == error.message
    assert bench.bus.phases == [Phase.ERROR]


async def test_a_job_that_is_tried_again_is_hinted_at(bench: Bench) -> None:
    held = await bench.hold()
    await held.retry("the process of attempt 1 died")
    job = await bench.job(held.id)
    assert (job.phase, job.attempt) == (Phase.QUEUED, 1)
    assert (await bench.statuses(held.id))[-1] == "requeued"
    assert (await bench.sentences(held.id))[-1] == (
        "the process of attempt 1 died; the job is tried again"
    )
    assert bench.bus.phases == [Phase.QUEUED]
    assert bench.bus.hints == [TARGET]
    second = await bench.claim()
    assert await second.troubles() == ["the process of attempt 1 died; the job is tried again"]


async def test_a_job_that_is_handed_back_has_its_attempt_back(bench: Bench) -> None:
    held = await bench.hold()
    await held.hand_back("the worker shuts down")
    job = await bench.job(held.id)
    assert (job.phase, job.attempt) == (Phase.SUSPENDED, 0)
    assert (await bench.sentences(held.id))[-1] == "the worker shuts down"
    assert bench.bus.phases == [Phase.SUSPENDED]
    assert bench.bus.hints == [TARGET]


async def test_a_handover_is_written_down_step_by_step(bench: Bench) -> None:
    held = await bench.hold()
    await held.intend(held.id)
    found = await bench.place.handovers.of(held.id)
    assert found is not None
    assert (found.state, found.handle) == (HandoverState.INTENT, None)
    await held.arrived(held.id, "theirs")
    found = await bench.place.handovers.of(held.id)
    assert found is not None
    assert (found.state, found.handle) == (HandoverState.ARRIVED, "theirs")
    assert (await bench.statuses(held.id))[-1] == "handed over"
    assert (await bench.sentences(held.id))[-1] == "the target's own queue has it as theirs"
    assert bench.bus.phases == [Phase.EXECUTING]


async def test_a_handle_may_be_long(bench: Bench) -> None:
    held = await bench.hold()
    await held.intend(held.id)
    await held.arrived(held.id, "x" * 2000)
    assert len((await bench.sentences(held.id))[-1] or "") == 500


async def test_doubt_is_written_down(bench: Bench) -> None:
    held = await bench.hold()
    await held.intend(held.id)
    await held.doubt(held.id, "nobody can tell")
    found = await bench.place.handovers.of(held.id)
    assert found is not None
    assert found.state is HandoverState.DOUBT
    assert (await bench.statuses(held.id))[-1] == "in doubt"


WRITES: dict[str, Callable[[HeldJob], Awaitable[object]]] = {
    "circuit": lambda held: held.add_done(held.done(range(1), [RESULT], "aer", NOW)),
    "complete": lambda held: held.complete([RESULT]),
    "fail": lambda held: held.fail(Failure.OUT_OF_MEMORY.error()),
    "retry": lambda held: held.retry("x"),
    "hand back": lambda held: held.hand_back("x"),
    "intend": lambda held: held.intend(held.id),
    "arrived": lambda held: held.arrived(held.id, "theirs"),
    "doubt": lambda held: held.doubt(held.id, "x"),
    "renew": lambda held: held.renew(),
    "rest": lambda held: held.rest(),
}


@pytest.mark.parametrize("write", WRITES)
async def test_who_has_lost_the_job_writes_nothing(bench: Bench, write: str) -> None:
    held = await bench.hold()
    held.waiting_since = held.began
    await held.retry("its lease was over")
    other = await bench.claim()
    before = await bench.job(held.id), await bench.sentences(held.id)
    bench.bus.events.clear()
    with pytest.raises(Fenced):
        await WRITES[write](held)
    assert (await bench.job(held.id), await bench.sentences(held.id)) == before
    assert await bench.place.handovers.of(held.id) is None
    assert bench.bus.events == []
    await other.complete([])


@pytest.mark.parametrize("write", WRITES)
async def test_of_an_aborted_job_nothing_is_written(bench: Bench, write: str) -> None:
    held = await bench.hold()
    held.waiting_since = held.began
    await bench.take_away(held)
    with pytest.raises(Fenced):
        await WRITES[write](held)
    assert await bench.phase(held.id) is Phase.ABORTED


@pytest.mark.parametrize("taken", ["aborted", "claimed by another"])
async def test_what_a_job_says_that_was_lost_is_not_written(bench: Bench, taken: str) -> None:
    held = await bench.hold()
    if taken == "aborted":
        await bench.take_away(held)
    else:
        await held.retry("its lease was over")
        await bench.claim()
    before = await bench.job(held.id), await bench.sentences(held.id)
    bench.bus.events.clear()
    held.note("x")
    held.say("x")
    await held.calibrate(CALIBRATION)
    # Who keeps the lease is told to look.
    async with asyncio.timeout(20):
        await held.changed.wait()
    assert (await bench.job(held.id), await bench.sentences(held.id)) == before
    assert bench.bus.events == []


class Away(ArtifactStore):
    """An artifact store that does not answer for a while."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked = asyncio.Event()
        self.back = False

    async def put(self, key: str, content: bytes | BinaryIO) -> int:
        if not self.back:
            self.asked.set()
            await super().put("health/probe", content)
            raise ArtifactStoreUnavailable("it is away")
        return await super().put(key, content)


async def test_a_write_waits_for_a_store_that_is_away(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quws.worker.held._RETRY_SECONDS", 0.01)
    away = Away(f"file://{tmp_path / 'artifacts'}")
    held = await bench.with_place(artifacts=away).hold()
    putting = asyncio.create_task(
        held.files.put("counts", "counts.json", b"{}", "application/json")
    )
    await away.asked.wait()
    assert not putting.done()
    away.back = True
    result = await putting
    assert await away.read(result.artifact) == b"{}"


async def test_who_loses_the_job_meanwhile_waits_no_longer(bench: Bench, tmp_path: Path) -> None:
    away = Away(f"file://{tmp_path / 'artifacts'}")
    held = await bench.with_place(artifacts=away).hold()
    putting = asyncio.create_task(
        held.files.put("counts", "counts.json", b"{}", "application/json")
    )
    await away.asked.wait()
    held.lost.set()
    with pytest.raises(Fenced):
        async with asyncio.timeout(30):
            await putting


async def test_a_renewed_lease_lasts_as_long_as_it_should(bench: Bench) -> None:
    held = await bench.with_place(lease_seconds=0.05).hold()
    longer = HeldJob(bench.place, held.claim, 0.0)
    now = await longer.renew()
    assert abs((now - bench.place.store_clock.now()).total_seconds()) < 5
    await asyncio.sleep(0.1)  # Longer than the lease with which it was claimed.
    assert await bench.jobs.sweeps.abandoned() == []


async def test_the_deadline_moves_with_a_clock_that_was_set(bench: Bench) -> None:
    held = await bench.hold(execution_duration=600)
    before = held.claim.deadline
    assert before is not None
    bench.place.store_clock.shifted += 3600
    await held.renew()
    assert held.claim.deadline == before + timedelta(hours=1)
    # Once, and not with every heartbeat.
    await held.renew()
    assert held.claim.deadline == before + timedelta(hours=1)


async def test_a_heartbeat_sees_that_the_clock_was_set(bench: Bench) -> None:
    held = await bench.hold(execution_duration=600)
    before = held.claim.deadline
    assert before is not None
    clock = bench.place.store_clock
    # As if the database's clock had been an hour behind at the last look.
    clock.observe(clock.now() - timedelta(hours=1), clock.ask())
    held = HeldJob(bench.place, held.claim, clock.shifted)
    await held.renew()
    assert held.claim.deadline is not None
    moved = held.claim.deadline - before
    assert timedelta(minutes=55) < moved < timedelta(minutes=65)


async def test_what_a_job_waits_elsewhere_is_not_its_execution(bench: Bench) -> None:
    held = await bench.hold(execution_duration=600)
    before = held.claim.deadline
    assert before is not None
    held.waiting_since = held.began - 100
    await held.renew()
    assert held.claim.deadline is not None
    assert timedelta(seconds=100) <= held.claim.deadline - before < timedelta(seconds=160)
    moved = held.claim.deadline
    await held.rest()
    assert held.claim.deadline - moved < timedelta(seconds=60)


async def test_waiting_is_not_lost_while_the_database_is_away(bench: Bench) -> None:
    held = await bench.hold(execution_duration=600)
    held.waiting_since = since = held.began - 100
    bench.claims.away = True
    with pytest.raises(StoreUnavailable):
        await held.rest()
    assert held.waiting_since == since


async def test_a_job_over_its_time_is_aborted(bench: Bench) -> None:
    held = await bench.hold(execution_duration=600)
    now = await held.renew()
    assert not await held.abort_overdue(now)
    assert await bench.phase(held.id) is Phase.EXECUTING
    assert await held.abort_overdue(now + timedelta(seconds=601))
    assert await bench.phase(held.id) is Phase.ABORTED
    assert (await bench.statuses(held.id))[-1] == "aborted"
    assert (await bench.sentences(held.id))[-1] == "the execution duration is over"
    assert bench.bus.phases == [Phase.ABORTED]


async def test_entries_say_when_and_by_whom(bench: Bench) -> None:
    held = await bench.with_place(clock=lambda: NOW + timedelta(seconds=5)).hold()
    held.note("it is warm")
    await until(lambda: bench.bus.events != [])
    found = await bench.jobs.reading.whole(held.id)
    assert found is not None
    (entry,) = [item for item in found[1] if item.status == "note"]
    assert (entry.time, entry.source) == (NOW + timedelta(seconds=5), "worker-1")


async def test_one_claim_does_not_stand_for_another(bench: Bench) -> None:
    held = await bench.hold()
    stranger = HeldJob(bench.place, replace(held.claim, lease="another"), 0.0)
    with pytest.raises(Fenced):
        await stranger.complete([])
    assert await bench.phase(held.id) is Phase.EXECUTING
