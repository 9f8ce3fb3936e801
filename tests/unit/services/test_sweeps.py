"""What sweeps decide: which jobs end, which are tried again, and which files may go."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
from house import ANNA, BERT, DESCRIPTION, House, posted
from sqlalchemy import insert, update
from store_helpers import NOW, TARGET, drive, entry
from structlog.testing import capture_logs
from uuid_utils import uuid7

from quws.artifacts import ArtifactMissing, ArtifactStoreUnavailable
from quws.bus.connection import BusUnavailable
from quws.bus.events import JobEvent
from quws.domain.job import Job, Result, TimelineEntry, new_job_id
from quws.domain.phases import Phase
from quws.domain.sessions import Session, SessionMode
from quws.domain.targets import TargetState, TargetStatus
from quws.services.sweeps import Sweeps, due
from quws.store import tables as t
from quws.store.database import StoreUnavailable
from quws.store.jobs.sweeps import Duties, Overdue

pytestmark = pytest.mark.anyio


async def running(house: House, **values: str) -> Job:
    job = await house.submit(**values)
    return (await house.queue_and_claim(job)).job


async def lose(house: House) -> None:
    """Have the leases of all workers end."""
    assert await house.store.claims.release(TARGET)


def id_of(instant: datetime) -> str:
    """Return a job id as one made at that instant has it."""
    millis = f"{int(instant.timestamp() * 1000):012x}"
    rest = str(uuid7())[13:]
    return f"{millis[:8]}-{millis[8:]}{rest}"


def monotonic_in(seconds: float) -> Callable[[], float]:
    """Return the clock that only counts, as it will be in so many seconds."""
    return lambda: monotonic() + seconds


# -- workers that are gone ------------------------------------------------------------


async def test_a_job_that_loses_its_workers_is_tried_again_and_then_given_up(house: House) -> None:
    job = await running(house)
    sweeps = house.sweeps(max_attempts=3)
    for attempt in (1, 2):
        assert await sweeps.lost() == 0, "a worker that renews its lease keeps its job"
        await lose(house)
        house.hints.sent.clear()
        assert await sweeps.lost() == 1
        found = await house.job(job.id)
        assert (found.phase, found.attempt) == (Phase.QUEUED, attempt)
        entry = (await house.timeline(job.id))[-1]
        assert entry.status == "requeued"
        assert entry.message == f"the worker of attempt {attempt} was lost; it is tried again"
        assert house.hub.told[-1] == JobEvent(job.id, Phase.QUEUED)
        assert house.hints.sent == [TARGET]
        await house.claim()
    await lose(house)
    house.hints.sent.clear()
    assert await sweeps.lost() == 1
    found = await house.job(job.id)
    assert (found.phase, found.attempt, found.end_time) == (Phase.ERROR, 3, NOW)
    assert found.error is not None
    assert found.error.code == "worker_lost"
    assert found.error.message == "the worker was lost 3 times while it ran this job"
    assert found.error.detail is not None
    assert found.error.detail.splitlines() == [
        "the worker of attempt 1 was lost; it is tried again",
        "the worker of attempt 2 was lost; it is tried again",
        "the worker of attempt 3 was lost",
    ]
    entry = (await house.timeline(job.id))[-1]
    assert (entry.status, entry.source, entry.message) == ("failed", "quws", found.error.message)
    assert (await house.timeline(job.id))[-1].message == found.error.message
    assert house.hub.told[-1] == JobEvent(job.id, Phase.ERROR)
    assert house.hints.sent == []
    assert await sweeps.lost() == 0


async def test_all_that_were_lost_are_tried_again_in_one_sweep(house: House) -> None:
    jobs = [await running(house) for _ in range(3)]
    again = await running(house)
    sweeps = house.sweeps(max_attempts=2)
    assert await sweeps.lost() == 0
    await lose(house)
    assert await sweeps.lost() == 4
    for _ in range(4):
        await house.claim()
    house.hub.told.clear()
    async with house.database.write() as connection:
        await connection.execute(update(t.jobs).where(t.jobs.c.id != again.id).values(attempt=1))
    await lose(house)
    assert await sweeps.lost() == 4, "one that ends keeps no other from its next attempt"
    phases = {job.id: Phase.QUEUED for job in jobs} | {again.id: Phase.ERROR}
    assert {event.job_id: event.phase for event in house.hub.told} == phases
    for job_id, phase in phases.items():
        assert (await house.job(job_id)).phase is phase
        assert (await house.timeline(job_id))[-1].source == "quws"


# -- execution duration -----------------------------------------------------------------


async def test_a_job_is_aborted_when_its_duration_is_over(house: House) -> None:
    job = await running(house, EXECUTIONDURATION="60")
    other = await running(house, EXECUTIONDURATION="600")
    sweeps = house.sweeps()
    await house.look_at_the_clock()
    assert await sweeps.overrun() == 0
    await house.look_at_the_clock(ahead=61)
    assert await sweeps.overrun() == 1
    found = await house.job(job.id)
    assert found.phase is Phase.ABORTED
    entry = (await house.timeline(job.id))[-1]
    assert (entry.status, entry.message) == ("aborted", "the execution duration is over")
    assert entry.source == "quws"
    assert house.hub.told[-1] == JobEvent(job.id, Phase.ABORTED)
    assert (await house.job(other.id)).phase is Phase.EXECUTING
    assert await sweeps.overrun() == 0


# -- destruction ------------------------------------------------------------------------


async def test_at_its_destruction_a_job_goes_with_its_files(house: House) -> None:
    job = await house.submit("x" * 5000)
    sweeps = house.sweeps()
    house.set_clock(NOW + timedelta(days=7, seconds=-1))
    assert await sweeps.destruction() == 0
    house.set_clock(NOW + timedelta(days=7))
    assert await sweeps.destruction() == 1
    assert await house.store.reading.get(job.id) is None
    assert house.hub.told[-1] == JobEvent(job.id, None)
    assert await house.artifacts.owners() == [job.id]
    assert await sweeps.garbage() == 1
    assert await house.artifacts.owners() == []
    assert await sweeps.garbage() == 0
    assert await sweeps.destruction() == 0


async def test_an_operator_may_keep_what_was_done(house: House) -> None:
    unfinished, done = await house.submit(), await house.submit()
    await house.complete(await house.queue_and_claim(done))
    sweeps = house.sweeps(keep_history=True)
    house.set_clock(NOW + timedelta(days=7))
    assert await sweeps.destruction() == 2
    for job in (unfinished, done):
        assert (await house.job(job.id)).phase is Phase.ARCHIVED
        assert JobEvent(job.id, Phase.ARCHIVED) in house.hub.told
    entries = await house.timeline(unfinished.id)
    told = [entry.status for entry in entries]
    assert told == ["received", "validated", "aborted", "archived"]
    assert entries[2].time == NOW + timedelta(days=7)
    assert {(entry.source, entry.message) for entry in entries[2:]} == {
        ("quws", "destruction time")
    }
    assert "aborted" not in [entry.status for entry in await house.timeline(done.id)]
    assert await sweeps.destruction() == 0


async def test_a_job_in_a_phase_that_nobody_knows_is_not_kept(house: House) -> None:
    job = await house.submit()
    await drive(house.database, job.id, phase="LATER")
    assert (await house.job(job.id)).phase is Phase.UNKNOWN
    house.set_clock(NOW + timedelta(days=7))
    sweeps = house.sweeps(keep_history=True)
    assert await sweeps.destruction() == 1
    assert await house.store.reading.get(job.id) is None


# -- what cannot be seen to -------------------------------------------------------------


async def test_a_job_that_cannot_be_seen_to_is_set_aside_and_the_rest_is_swept(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [await house.submit() for _ in range(3)]
    house.set_clock(NOW + timedelta(days=7))
    sweeps, tried, destroy = house.sweeps(), list[str](), house.store.sweeps.destroy

    async def fails(job_id: str, now: datetime) -> bool:
        tried.append(job_id)
        if job_id == jobs[0].id:
            raise RuntimeError("this one cannot be read")
        return await destroy(job_id, now)

    with monkeypatch.context() as patch:
        patch.setattr(house.store.sweeps, "destroy", fails)
        with capture_logs() as lines:
            assert await sweeps.destruction() == 2
            assert await sweeps.destruction() == 0
    assert sorted(tried) == sorted(job.id for job in jobs), "each once"
    (line,) = [line for line in lines if line["event"] == "set aside"]
    assert (line["sweep"], line["item"], line["log_level"]) == ("destruction", jobs[0].id, "error")
    assert await sweeps.destruction() == 0, "it is left alone for a minute"
    monkeypatch.setattr("quws.services.aside.monotonic", monotonic_in(61))
    assert await sweeps.destruction() == 1


async def test_what_is_away_for_one_is_asked_for_another_next_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [await running(house) for _ in range(2)]
    await lose(house)
    sweeps, tried, requeue = house.sweeps(), list[str](), house.store.sweeps.requeue

    async def fails(found: Overdue, entry: TimelineEntry) -> bool:
        tried.append(found.id)
        if found.id == tried[0]:
            raise StoreUnavailable("somebody holds its row")
        return await requeue(found, entry)

    monkeypatch.setattr(house.store.sweeps, "requeue", fails)
    with pytest.raises(StoreUnavailable):
        await sweeps.lost()
    assert await sweeps.lost() == 1
    assert sorted(tried) == sorted(job.id for job in jobs)


async def test_files_that_cannot_be_deleted_keep_no_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("x" * 5000, "y" * 5000):
        job = await house.submit(text)
        assert await house.store.control.delete(job.id, NOW)
    bad, *_ = await house.store.garbage.prefixes()
    sweeps, delete = house.sweeps(), house.artifacts.delete

    async def fails(prefix: str, keep: Collection[str] = ()) -> int:
        if prefix == bad:
            raise ArtifactStoreUnavailable("not this one")
        return await delete(prefix, keep=keep)

    monkeypatch.setattr(house.artifacts, "delete", fails)
    assert await sweeps.garbage() == 0
    assert await sweeps.garbage() == 1
    assert await house.store.garbage.prefixes() == [bad]


# -- files --------------------------------------------------------------------------------


async def test_of_an_attempt_that_was_lost_what_results_name_stays(house: House) -> None:
    claim = await house.queue_and_claim(await house.submit("a", "b"))
    for name in ("circuit-0", "half-done"):
        await house.artifacts.put(f"{claim.id}/1/{name}", b"1")
    result = Result("circuit-0", f"{claim.id}/1/circuit-0", 1, "application/json")
    assert await house.store.publishing.store_circuits(claim, range(1), [result], entry(), NOW)
    await lose(house)
    await house.sweeps().lost()
    assert await house.sweeps().garbage() == 1
    assert await house.artifacts.read(result.artifact) == b"1"
    with pytest.raises(ArtifactMissing):
        await house.artifacts.read(f"{claim.id}/1/half-done")


async def test_files_wait_for_a_store_that_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    async def fails(prefix: str, **_: object) -> int:
        tried.append(prefix)
        raise ArtifactStoreUnavailable("away")

    for text in ("x" * 5000, "y" * 5000):
        job = await house.submit(text)
        assert await house.store.control.delete(job.id, NOW)
    with monkeypatch.context() as patch:
        patch.setattr(house.artifacts, "delete", fails)
        assert await house.sweeps().garbage() == 0
    assert len(tried) == 1, "what is away for one is away for all"
    assert len(await house.store.garbage.prefixes()) == 2
    assert await house.sweeps().garbage() == 2


async def test_files_of_no_job_go_when_they_are_old_enough(house: House) -> None:
    """A job's files are written before its row: what is young may be on its way."""
    kept = await house.submit("x" * 5000)
    now = datetime.now(UTC)
    house.clock.now = now
    old, young = id_of(now - timedelta(seconds=3601)), id_of(now - timedelta(seconds=3500))
    for owner in (old, young, "health", "not-an-id"):
        await house.artifacts.put(f"{owner}/1/counts", b"1")
    found = await due(house.database, house.artifacts, 3600)
    assert found.orphans == [old]
    assert (await due(house.database, house.artifacts, 0, limit=1)).orphans in ([old], [young])
    assert await house.sweeps().orphans() == 1
    left = {kept.id, young, "health", "not-an-id"}
    assert set(await house.artifacts.owners()) == left
    house.clock.forward(seconds=101)
    assert await house.sweeps().orphans() == 1
    assert set(await house.artifacts.owners()) == left - {young}


# -- hints --------------------------------------------------------------------------------


async def test_a_hint_that_was_lost_is_repeated(house: House) -> None:
    house.hints.away = True
    await house.submit(PHASE="RUN")
    house.clock.forward(seconds=1)
    await house.submit(PHASE="RUN")
    sweeps = house.sweeps()
    house.clock.forward(seconds=8.999)
    assert await sweeps.waiting(10) == 0, "it has not waited long"
    house.clock.forward(seconds=0.001)
    assert await sweeps.waiting(10) == 0, "and now the bus is away"
    assert house.hints.sent == []
    house.hints.away = False
    assert await sweeps.waiting(10) == 1
    assert await sweeps.waiting(10) == 0, "one hint is there for the one that has waited so long"
    house.clock.forward(seconds=1)
    assert await sweeps.waiting(10) == 1
    assert house.hints.sent == [TARGET, TARGET]


async def test_a_bus_that_is_away_is_asked_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.register(DESCRIPTION, DESCRIPTION.model_copy(update={"name": "other"}))
    for target in (TARGET, "other"):
        await house.submit(PHASE="RUN", TARGET=target)
    house.hints.sent.clear()
    asked = []

    async def away(target: str) -> int:
        asked.append(target)
        raise BusUnavailable("away")

    house.clock.forward(seconds=10)
    with monkeypatch.context() as patch:
        patch.setattr(house.hints, "waiting", away)
        assert await house.sweeps().waiting(10) == 0
    assert len(asked) == 1
    assert await house.sweeps().waiting(10) == 2
    assert sorted(house.hints.sent) == ["other", TARGET]


# -- targets that do not come back -----------------------------------------------------------


async def test_jobs_of_a_retired_target_end(house: House) -> None:
    other = DESCRIPTION.model_copy(update={"name": "other"})
    await house.register(DESCRIPTION, other)
    waiting = await house.submit(PHASE="RUN")
    pending = await house.submit()
    elsewhere = await house.submit(PHASE="RUN", TARGET="other")
    sweeps = house.sweeps()
    await house.targets.found(TARGET, TargetState(status=TargetStatus.OFFLINE), NOW)
    assert await sweeps.retired() == 0
    state = TargetState(status=TargetStatus.RETIRED, message="its successor is other")
    await house.targets.found(TARGET, state, NOW)
    assert await sweeps.retired() == 1
    found = await house.job(waiting.id)
    assert (found.phase, found.end_time) == (Phase.ERROR, NOW)
    assert found.error is not None
    assert found.error.code == "target_retired"
    assert found.error.message == (
        "target simulator is retired: its successor is other; send the job to another target"
    )
    entry = (await house.timeline(waiting.id))[-1]
    assert (entry.status, entry.source, entry.message) == ("failed", "quws", found.error.message)
    assert house.hub.told[-1] == JobEvent(waiting.id, Phase.ERROR)
    assert (await house.job(pending.id)).phase is Phase.PENDING
    assert (await house.job(elsewhere.id)).phase is Phase.QUEUED
    assert await sweeps.retired() == 0


# -- what happened to jobs -------------------------------------------------------------------


async def test_what_happened_is_kept_for_a_day(house: House) -> None:
    for _ in range(2):
        await house.submit()
    house.clock.forward(days=1)
    newest = await house.submit()
    assert await house.sweeps().outbox() == 0
    house.clock.forward(milliseconds=1)
    assert await house.sweeps().outbox() == 2
    left = await house.store.outbox.since(None, everybody=True, after=0)
    assert [item.job_id for item in left] == [newest.id]
    assert await house.sweeps().outbox() == 0


# -- keys ------------------------------------------------------------------------------------


async def test_keys_of_jobs_that_are_long_gone_are_forgotten(house: House) -> None:
    submit = house.jobs.submission.submit
    gone, kept = await submit(ANNA, posted(), "gone"), await submit(BERT, posted(), "kept")
    await house.jobs.control.delete(ANNA, gone.id)
    sweeps = house.sweeps()
    house.clock.forward(days=7)
    assert await sweeps.keys() == 0
    house.clock.forward(seconds=1)
    assert await sweeps.keys() == 1
    assert (await submit(ANNA, posted(), "gone")).id != gone.id
    assert (await submit(BERT, posted(), "kept")).id == kept.id


# -- the clock ---------------------------------------------------------------------------------


async def test_after_a_clock_was_set_nothing_is_due_for_a_lease(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps = await with_something_due(house)
    assert due_by_the_clock(await sweeps.look())
    await house.look_at_the_clock(ahead=-100_000)
    for _ in range(2):
        found = await sweeps.look()
        assert not due_by_the_clock(found)
        assert found.garbage, "which no clock makes due"
    monkeypatch.setattr("quws.services.sweeps.monotonic", monotonic_in(31))
    assert due_by_the_clock(await sweeps.look())


async def test_after_the_database_was_away_nothing_is_due_for_a_lease(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails() -> Duties:
        raise StoreUnavailable("away")

    sweeps = await with_something_due(house)
    assert due_by_the_clock(await sweeps.look())
    with monkeypatch.context() as patch:
        patch.setattr(house.store.sweeps, "duties", fails)
        with pytest.raises(StoreUnavailable):
            await sweeps.look()
    assert not due_by_the_clock(await sweeps.look())
    monkeypatch.setattr("quws.services.sweeps.monotonic", monotonic_in(29))
    assert not due_by_the_clock(await sweeps.look())
    monkeypatch.setattr("quws.services.sweeps.monotonic", monotonic_in(31))
    assert due_by_the_clock(await sweeps.look())


async def with_something_due(house: House) -> Sweeps:
    """Return sweeps of a house in which a job's destruction has come, and files may go."""
    job = await house.submit()
    past = datetime(2020, 1, 1, tzinfo=UTC)
    async with house.database.write() as connection:
        due = update(t.jobs).where(t.jobs.c.id == job.id).values(destruction_time=past)
        await connection.execute(due)
        await connection.execute(insert(t.garbage).values(prefix="gone", since=past))
    return house.sweeps()


def due_by_the_clock(found: Duties) -> bool:
    return found.destruction


async def test_a_lease_of_a_clock_that_ran_ahead_is_cut(house: House) -> None:
    job = await house.submit()
    await house.queue_and_claim(job)  # for an hour
    sweeps = house.sweeps()
    await sweeps.look()
    await house.look_at_the_clock(ahead=-100_000)
    await sweeps.look()
    assert await house.store.claims.shorten(30) == 0, "it is cut already"


# -- what is due ---------------------------------------------------------------------------------


async def test_what_is_due_is_shown_and_not_done(house: House) -> None:
    house.clock.now = datetime.now(UTC) - timedelta(days=8)
    destroyed = await house.submit()
    lost = await running(house, DESTRUCTION="2100-01-01")
    await lose(house)
    removed = await house.submit("x" * 5000)
    assert await house.store.control.delete(removed.id, house.clock())
    found = await due(house.database, house.artifacts, 3600)
    assert [item.id for item in found.destruction] == [destroyed.id]
    assert [item.id for item in found.lost] == [lost.id]
    assert found.garbage == [removed.id]
    assert found.overrun == []
    assert found.orphans == []
    assert (await due(house.database, house.artifacts, 3600, limit=0)).destruction == []
    assert await house.store.reading.get(destroyed.id) is not None
    assert (await house.job(lost.id)).phase is Phase.EXECUTING


# -- sessions -------------------------------------------------------------------------


async def test_a_session_whose_cancelling_was_broken_off_is_cancelled(house: House) -> None:
    made = Session(new_job_id(), TARGET, ANNA.name, SessionMode.BATCH, NOW, 600, 60, NOW)
    assert await house.store.sessions.open(made, 9) is None
    job = await house.submit(SESSION=made.id)
    assert job.phase is Phase.PENDING
    # Whoever did it got so far.
    assert await house.store.sessions.close(made.id, cancel=True)
    assert await house.sweeps().sessions() == 1
    assert (await house.job(job.id)).phase is Phase.ABORTED
    found = await house.store.sessions.get(made.id)
    assert found is not None and found.over is not None
