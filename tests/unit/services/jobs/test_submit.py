"""Making a job of what was posted: all of it or nothing, and once however often it is sent."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import structlog
from house import ANNA, BERT, CIRCUIT, FACTS, House, posted
from store_helpers import NOW, TARGET

from quws.bus.events import JobEvent
from quws.domain.caller import ANONYMOUS, Caller
from quws.domain.errors import (
    InvalidCircuit,
    InvalidParameter,
    KeyUsed,
    OutcomeUnknown,
    QuotaExceeded,
    StorageFull,
)
from quws.domain.job import Parameter
from quws.domain.parameters.posted import Posted
from quws.domain.phases import Phase
from quws.domain.quotas import Group, QuotaRules
from quws.services.room import DiskRoom
from quws.store.database import StoreUnavailable
from quws.telemetry import metrics

pytestmark = pytest.mark.anyio
RUN = {"PHASE": "RUN"}


async def files(house: House) -> list[str]:
    return await house.artifacts.owners()


# -- what is made -----------------------------------------------------------------


async def test_a_job_waits_for_run_and_is_its_owners(house: House) -> None:
    made = await house.submit(RUNID="night", SHOTS="5")
    job = await house.job(made.id)
    assert (job.phase, job.owner, job.run_id) == (Phase.PENDING, "anna", "night")
    assert (job.target, job.circuits, job.attempt) == (TARGET, 1, 0)
    assert job.creation_time == NOW
    assert job.queued_time is None
    assert job.destruction_time == NOW + timedelta(days=7)
    assert job.execution_duration == 600
    assert job.parameters == [
        Parameter("CIRCUIT", CIRCUIT),
        Parameter("SHOTS", "5"),
    ], "control parameters are not among them"
    assert (job.circuits_done, job.start_time, job.end_time, job.message) == (0, None, None, None)
    assert [(item.status, item.source) for item in await house.timeline(job.id)] == [
        ("received", "quws"),
        ("validated", "quws"),
    ]
    assert house.hub.told == [JobEvent(job.id, Phase.PENDING)]
    assert house.hints.sent == []
    assert await files(house) == []
    assert made == job


async def test_with_run_it_is_queued_at_once(house: House) -> None:
    made = await house.submit(PHASE="RUN")
    job = await house.job(made.id)
    assert (made.phase, job.phase, job.queued_time) == (Phase.QUEUED, Phase.QUEUED, NOW)
    entries = await house.timeline(job.id)
    assert [item.status for item in entries] == ["received", "validated", "queued"]
    assert entries[2].message == f"for target {TARGET}"
    assert house.hub.told == [JobEvent(job.id, Phase.QUEUED)]
    assert house.hints.sent == [TARGET]


async def test_a_job_is_counted_and_named_in_what_is_logged_after_it(house: House) -> None:
    def count(phase: Phase) -> float:
        return metrics.PHASES.labels(phase)._value.get()

    before = {phase: count(phase) for phase in Phase}
    await house.submit()
    job = await house.submit(PHASE="RUN")
    counted = {phase: count(phase) - before[phase] for phase in Phase}
    assert {phase: more for phase, more in counted.items() if more} == {
        Phase.PENDING: 1,
        Phase.QUEUED: 1,
    }
    fields = structlog.contextvars.get_contextvars()
    assert (fields["job"], fields["target"]) == (job.id, TARGET)


async def test_what_the_user_wants_of_times_is_kept(house: House) -> None:
    job = await house.submit(DESTRUCTION="2026-11-22T10:00:00Z", EXECUTIONDURATION="5", RUNID="")
    job = await house.job(job.id)
    assert job.destruction_time == NOW.replace(day=22, microsecond=0)
    assert job.execution_duration == 5
    assert job.run_id is None


async def test_anybody_may_own_a_job_where_nobody_signs_in(house: House) -> None:
    job = await house.submit(caller=ANONYMOUS)
    assert (await house.job(job.id)).owner is None
    assert (await house.jobs.reader.get(ANONYMOUS, job.id)).id == job.id


async def test_large_parameters_are_files_and_come_back_unchanged(house: House) -> None:
    large = CIRCUIT + "\r\n" * 3000
    house.checker.facts[large] = FACTS
    job = await house.job((await house.submit(large, CIRCUIT)).id)
    assert await files(house) == [job.id]
    assert [item.by_reference for item in job.parameters] == [True, False]
    assert await house.jobs.files.circuits(job) == [large, CIRCUIT]


async def test_a_quote_is_given_with_the_job(house: House) -> None:
    await house.complete(await house.queue_and_claim(await house.submit()), seconds=4)
    job = await house.job((await house.submit()).id)
    assert job.quote == NOW + timedelta(seconds=4)
    assert job.cost_ms == 4000


# -- no more than one may have --------------------------------------------------------


async def test_an_owner_has_so_many_jobs(house: House) -> None:
    jobs = house.service(max_jobs=2)
    first = await jobs.submission.submit(ANNA, posted())
    await jobs.submission.submit(ANNA, posted(PHASE="RUN"))
    with pytest.raises(QuotaExceeded, match=r"^2 jobs of this owner are there, and 2 may be;"):
        await jobs.submission.submit(ANNA, posted("x" * 5000))
    assert house.checker.asked == [[CIRCUIT], [CIRCUIT]], "it is refused before it is read"
    assert await files(house) == []
    await jobs.submission.submit(BERT, posted())
    await jobs.control.delete(ANNA, first.id)
    again = house.service(max_jobs=2)  # As it is when what was counted is old.
    await again.submission.submit(ANNA, posted())


async def test_a_key_is_answered_whatever_its_owner_has(house: House) -> None:
    jobs = house.service(max_jobs=1)
    job = await jobs.submission.submit(ANNA, posted(), "key")
    assert await jobs.submission.submit(ANNA, posted(), "key") == await house.job(job.id)


async def test_those_who_do_not_sign_in_are_one_owner(house: House) -> None:
    jobs = house.service(max_jobs=1)
    await jobs.submission.submit(ANONYMOUS, posted())
    with pytest.raises(QuotaExceeded):
        await jobs.submission.submit(Caller(address="10.0.0.9"), posted())


async def test_an_owner_keeps_so_many_bytes(house: House) -> None:
    jobs = house.service(max_stored_bytes=10_000)
    for _ in range(2):
        job = await jobs.submission.submit(ANNA, posted("x" * 4000))
    with pytest.raises(QuotaExceeded, match="8000 bytes of parameters and results are kept"):
        await jobs.submission.submit(ANNA, posted("x" * 4000))
    with pytest.raises(QuotaExceeded):
        await jobs.change.set_parameters(ANNA, job.id, posted("y" * 4000))
    assert (await house.job(job.id)).parameters[0].value == "x" * 4000
    await jobs.change.set_parameters(ANNA, job.id, posted("y" * 1500))
    with pytest.raises(QuotaExceeded):
        await jobs.submission.submit(ANNA, posted("x" * 501))
    await jobs.submission.submit(ANNA, posted("x" * 500))
    await jobs.submission.submit(BERT, posted("x" * 4000))


async def test_a_disk_that_is_nearly_full_takes_nothing_new_and_all_else_goes_on(
    house: House,
) -> None:
    job = await house.submit()
    house.room = DiskRoom([house.folder], 1 << 60)
    jobs = house.service()
    with pytest.raises(StorageFull):
        await jobs.submission.submit(ANNA, posted())
    with pytest.raises(StorageFull):
        await jobs.change.set_parameters(ANNA, job.id, posted("another"))
    assert [item.ref.id for item in await jobs.reader.rows(ANNA, 10)] == [job.id]
    await jobs.control.run(ANNA, job.id)
    await house.complete(await house.claim())
    await jobs.control.delete(ANNA, job.id)


# -- all or nothing -----------------------------------------------------------------


async def test_a_job_cannot_be_aborted_before_it_is_there(house: House) -> None:
    with pytest.raises(InvalidParameter, match="PHASE must be RUN when a job is created") as caught:
        await house.submit(PHASE="ABORT")
    assert caught.value.parameter == "PHASE"


@pytest.mark.parametrize("values", [{"DESTRUCTION": "2026-11-20"}, {"SHOTS": "0"}])
async def test_what_is_refused_leaves_nothing(house: House, values: dict[str, str]) -> None:
    with pytest.raises(InvalidParameter):
        await house.submit("x" * 5000, **values)
    with pytest.raises(InvalidCircuit):
        await house.submit("no circuit")
    assert await house.jobs.reader.rows(ANNA, 10) == []
    assert await files(house) == []
    assert house.hub.told == []


async def test_files_go_when_the_job_cannot_be_written(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise ValueError("a text that this database cannot hold")

    monkeypatch.setattr(house.store.creation, "add", fails)
    with pytest.raises(ValueError, match="cannot hold"):
        await house.submit("x" * 5000)
    assert await files(house) == []


async def test_files_stay_when_nobody_knows_whether_the_job_was_written(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise StoreUnavailable("lost in the commit")

    monkeypatch.setattr(house.store.creation, "add", fails)
    with pytest.raises(OutcomeUnknown, match="look at the list of jobs"):
        await house.submit("x" * 5000)
    assert len(await files(house)) == 1


async def test_a_bus_that_is_away_keeps_no_job_from_being_made(house: House) -> None:
    house.hub.away = house.hints.away = True
    job = await house.submit(PHASE="RUN")
    assert (await house.job(job.id)).phase is Phase.QUEUED


# -- once ---------------------------------------------------------------------------


async def test_the_same_request_makes_one_job(house: House) -> None:
    submit = house.jobs.submission.submit
    first = await submit(ANNA, posted(SHOTS="5"), "key")
    again = await submit(ANNA, posted(shots="5"), "key")
    assert again.id == first.id
    assert len(await house.jobs.reader.rows(ANNA, 10)) == 1
    other = await submit(ANNA, posted(SHOTS="5"), "another key")
    theirs = await submit(BERT, posted(SHOTS="5"), "key")
    assert len({first.id, other.id, theirs.id}) == 3


@pytest.mark.parametrize(
    "changed",
    [
        posted(SHOTS="6"),
        posted(),
        posted(SHOTS="5", TAG="blue"),
        [Posted("CIRCUIT", CIRCUIT.encode()[:-1]), Posted("SHOTS", b";5")],
        [Posted("CIRCUIT", CIRCUIT.encode() + b"SHOTS5")],
    ],
)
async def test_another_request_under_the_same_key_is_refused(
    house: House, changed: list[Posted]
) -> None:
    first = await house.jobs.submission.submit(ANNA, posted(SHOTS="5"), "key")
    with pytest.raises(KeyUsed, match="sent with another request before"):
        await house.jobs.submission.submit(ANNA, changed, "key")
    await house.jobs.control.delete(ANNA, first.id)
    with pytest.raises(KeyUsed, match="is gone"):
        await house.jobs.submission.submit(ANNA, posted(SHOTS="5"), "key")


async def test_a_repeated_run_queues_what_was_cut_off(house: House) -> None:
    """Under a quota the job is written first and queued then; between the two anything may end."""
    jobs = house.service(max_queued=1)
    busy = await house.submit(PHASE="RUN")
    first = await jobs.submission.submit(ANNA, posted(**RUN), "key")
    assert (await house.job(first.id)).phase is Phase.HELD
    cut = await jobs.submission.submit(ANNA, posted(), "cut off")
    assert cut.phase is Phase.PENDING
    await jobs.submission.submit(ANNA, posted(), "cut off")
    assert (await house.job(cut.id)).phase is Phase.PENDING, "nobody asked for RUN"

    async def cut_off(*_: object) -> None:
        raise ConnectionResetError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs.control, "run", cut_off)
        with pytest.raises(ConnectionResetError):
            await jobs.submission.submit(ANNA, posted(**RUN), "again")
    await house.jobs.control.abort(ANNA, busy.id)
    again = await jobs.submission.submit(ANNA, posted(**RUN), "again")
    assert (await house.job(again.id)).phase is Phase.QUEUED
    assert house.hints.sent[-1] == TARGET
    await jobs.submission.submit(ANNA, posted(**RUN), "again")
    assert len(await house.timeline(again.id)) == 3, "and then it is left alone"


async def test_two_at_once_make_one_job_and_leave_no_files(house: House) -> None:
    request = posted("x" * 5000, **RUN)
    made = await asyncio.gather(
        *(house.jobs.submission.submit(ANNA, request, "key") for _ in range(4))
    )
    assert len({job.id for job in made}) == 1
    assert await files(house) == [made[0].id]
    assert len(await house.jobs.reader.rows(ANNA, 10)) == 1


# -- quotas ---------------------------------------------------------------------------


async def test_under_a_quota_what_is_too_much_is_held(house: House) -> None:
    jobs = house.service(max_queued=2)
    made = [await jobs.submission.submit(ANNA, posted(**RUN)) for _ in range(3)]
    found = [await house.job(job.id) for job in made]
    assert [job.phase for job in found] == [Phase.QUEUED, Phase.QUEUED, Phase.HELD]
    assert house.hints.sent == [TARGET, TARGET]
    entry = (await house.timeline(made[2].id))[-1]
    assert (entry.status, entry.source) == ("held", "quws")
    assert entry.message is not None
    assert entry.message.startswith("quota_exceeded: 2 jobs of this owner wait or run already")
    assert house.hub.told[-1] == JobEvent(made[2].id, Phase.HELD)
    theirs = await jobs.submission.submit(BERT, posted(**RUN))
    assert (await house.job(theirs.id)).phase is Phase.QUEUED, "a quota is an owner's own"

    await jobs.control.run(ANNA, made[2].id)
    assert (await house.job(made[2].id)).phase is Phase.HELD
    await jobs.control.abort(ANNA, made[0].id)
    await jobs.control.run(ANNA, made[2].id)
    assert (await house.job(made[2].id)).phase is Phase.QUEUED


async def test_what_is_used_up_for_today_refuses_a_new_job_and_holds_an_old_one(
    house: House,
) -> None:
    rules = QuotaRules(group={"lab": Group(members=("anna", "bert"), day_shots=100)})
    jobs = house.service(rules)
    old = await jobs.submission.submit(BERT, posted(SHOTS="60"))
    first = await jobs.submission.submit(ANNA, posted(SHOTS="60", **RUN))
    assert first.phase is Phase.QUEUED, "in one transaction"
    with pytest.raises(QuotaExceeded, match="60 of the 100 shots that group lab may") as caught:
        await jobs.submission.submit(BERT, posted("x" * 5000, SHOTS="41", **RUN))
    midnight = house.clock.now.replace(day=22, hour=0, minute=0, second=0, microsecond=0)
    assert caught.value.frees == midnight
    assert len(await house.jobs.reader.rows(BERT, 10)) == 1
    assert await files(house) == []
    await jobs.control.run(BERT, old.id)
    held = await house.job(old.id)
    assert held.phase is Phase.HELD
    assert held.message is not None
    assert held.message.startswith("quota_exceeded: 60 of the 100 shots that group lab may")
    await jobs.submission.submit(BERT, posted(SHOTS="40", **RUN))
    house.clock.now = midnight
    await jobs.control.run(BERT, old.id)
    assert (await house.job(old.id)).phase is Phase.QUEUED


async def test_a_job_with_too_many_shots_is_refused_new_and_changed(house: House) -> None:
    jobs = house.service(max_job_shots=100)
    with pytest.raises(QuotaExceeded, match="the job has 120 shots in all its circuits") as caught:
        await jobs.submission.submit(ANNA, posted(CIRCUIT, CIRCUIT, SHOTS="60"))
    assert caught.value.frees is None
    job = await jobs.submission.submit(ANNA, posted(CIRCUIT, CIRCUIT, SHOTS="50"))
    with pytest.raises(QuotaExceeded):
        await jobs.change.set_parameters(ANNA, job.id, [Posted("SHOTS", b"51")])
    await jobs.change.set_parameters(ANNA, job.id, [Posted("SHOTS", b"30")])
    assert (await house.job(job.id)).shots == 60


async def test_what_somebody_leaves_behind_is_bounded(house: House) -> None:
    jobs = house.service(max_pending=2)
    first = await jobs.submission.submit(ANNA, posted())
    await jobs.submission.submit(ANNA, posted())
    with pytest.raises(QuotaExceeded, match="2 jobs of this owner are PENDING or HELD, and 2"):
        await jobs.submission.submit(ANNA, posted())
    await jobs.submission.submit(ANNA, posted(**RUN))
    await jobs.control.run(ANNA, first.id)
    await jobs.submission.submit(ANNA, posted())


async def test_who_would_run_is_told_why_not_rather_than_that_too_many_are_pending(
    house: House,
) -> None:
    jobs = house.service(max_pending=1, max_queued=1, max_day_shots=100)
    await jobs.submission.submit(ANNA, posted(SHOTS="60", **RUN))
    old = await jobs.submission.submit(ANNA, posted(SHOTS="60"))
    with pytest.raises(QuotaExceeded, match="1 job of this owner waits or runs already"):
        await jobs.submission.submit(ANNA, posted(SHOTS="40", **RUN))
    with pytest.raises(QuotaExceeded, match="60 of the 100 shots that this owner may have"):
        await jobs.submission.submit(ANNA, posted(SHOTS="41", **RUN))
    with pytest.raises(QuotaExceeded, match="too many for 101 more; ask for less"):
        await jobs.submission.submit(ANNA, posted(SHOTS="101", **RUN))
    await jobs.control.run(ANNA, old.id)
    held = await house.job(old.id)
    assert held.message is not None
    assert "60 of the 100 shots that this owner may have" in held.message
    assert await files(house) == []
