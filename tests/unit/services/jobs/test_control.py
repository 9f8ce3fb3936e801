"""Run, abort, delete, and change what may be changed; a refused request has changed nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from house import ANNA, BERT, CIRCUIT, DESCRIPTION, OPERATOR, House, posted
from store_helpers import NOW, TARGET

from quws.artifacts import ArtifactStoreUnavailable
from quws.bus.events import JobEvent
from quws.domain.caller import ANONYMOUS, Caller
from quws.domain.errors import Forbidden, IllegalMove, InvalidParameter, NotFound, UnknownTarget
from quws.domain.job import Job
from quws.domain.parameters.posted import Posted
from quws.domain.parameters.request import Control
from quws.domain.phases import Phase
from quws.domain.targets import TargetState, TargetStatus

pytestmark = pytest.mark.anyio
TOMORROW = NOW + timedelta(days=1)


async def over(house: House) -> Job:
    """Return a job that has ended well."""
    job = await house.submit()
    await house.complete(await house.queue_and_claim(job))
    return await house.job(job.id)


async def run_id_of(house: House, job: Job) -> str | None:
    return (await house.job(job.id)).run_id


# -- run ------------------------------------------------------------------------------


async def test_run_queues_a_job_and_wakes_a_worker(house: House) -> None:
    job = await house.submit()
    house.clock.forward(seconds=5)
    await house.jobs.control.run(ANNA, job.id)
    found = await house.job(job.id)
    assert (found.phase, found.queued_time) == (Phase.QUEUED, NOW + timedelta(seconds=5))
    entry = (await house.timeline(job.id))[-1]
    assert (entry.status, entry.message) == ("queued", f"for target {TARGET}")
    assert entry.source == "quws"
    assert house.hub.told[-1] == JobEvent(job.id, Phase.QUEUED)
    assert house.hints.sent == [TARGET]


async def test_run_of_what_runs_is_refused(house: House) -> None:
    job = await house.submit(PHASE="RUN")
    with pytest.raises(IllegalMove) as caught:
        await house.jobs.control.run(ANNA, job.id)
    assert caught.value.sentence == f"RUN needs PENDING or HELD; job {job.id} is QUEUED"
    assert caught.value.parameter == "PHASE"
    assert house.hints.sent == [TARGET]
    with pytest.raises(IllegalMove):
        await house.service(max_queued=5).control.run(ANNA, job.id)
    assert (await house.job(job.id)).phase is Phase.QUEUED, "nor is it held"
    with pytest.raises(IllegalMove):
        await house.service(max_queued=1).control.run(ANNA, job.id)
    assert (await house.job(job.id)).phase is Phase.QUEUED


async def test_without_room_for_results_a_job_is_held_and_the_timeline_says_why(
    house: House,
) -> None:
    jobs = house.service(max_stored_bytes=len(CIRCUIT))
    job = await jobs.submission.submit(ANNA, posted())
    await jobs.control.run(ANNA, job.id)
    entry = (await house.timeline(job.id))[-1]
    assert (entry.status, entry.source) == ("held", "quws")
    assert entry.message is not None
    assert entry.message.startswith(f"quota_exceeded: {len(CIRCUIT)} bytes of parameters and")
    assert entry.message.endswith("; then send RUN again")
    assert (await house.job(job.id)).phase is Phase.HELD
    assert house.hints.sent == []
    await house.jobs.control.run(ANNA, job.id)
    assert (await house.job(job.id)).phase is Phase.QUEUED


async def test_a_job_of_a_target_that_is_gone_is_not_queued(house: House) -> None:
    job = await house.submit()
    await house.targets.found(TARGET, TargetState(status=TargetStatus.RETIRED), NOW)
    with pytest.raises(UnknownTarget):
        await house.jobs.control.run(ANNA, job.id)
    assert (await house.job(job.id)).phase is Phase.PENDING


# -- abort ----------------------------------------------------------------------------


async def test_abort_ends_a_job_that_runs(house: House) -> None:
    job = await house.submit()
    claim = await house.queue_and_claim(job)
    house.clock.forward(seconds=7)
    await house.jobs.control.abort(ANNA, job.id)
    found = await house.job(job.id)
    assert (found.phase, found.end_time) == (Phase.ABORTED, NOW + timedelta(seconds=7))
    entry = (await house.timeline(job.id))[-1]
    assert (entry.status, entry.source, entry.message) == ("aborted", "anna", "abort requested")
    assert house.hub.told[-1] == JobEvent(job.id, Phase.ABORTED)
    assert await house.store.claims.renew(claim, 30) is None, "its worker has lost it"
    with pytest.raises(IllegalMove, match="ABORT needs a job that is not over"):
        await house.jobs.control.abort(ANNA, job.id)


async def test_where_nobody_signs_in_it_is_the_user_who_aborts(house: House) -> None:
    job = await house.submit(caller=ANONYMOUS)
    await house.jobs.control.abort(ANONYMOUS, job.id)
    assert (await house.timeline(job.id))[-1].source == "user"
    assert house.hints.sent == [], "there is nothing to do for a worker"


# -- delete ---------------------------------------------------------------------------


async def test_delete_removes_a_job_with_its_files(house: House) -> None:
    job = await house.submit("x" * 5000)
    assert await house.artifacts.owners() == [job.id]
    await house.jobs.control.delete(OPERATOR, job.id)
    assert await house.artifacts.owners() == []
    assert await house.store.garbage.prefixes() == [], "nothing is left to be done"
    assert house.hub.told[-1] == JobEvent(job.id, None)
    with pytest.raises(NotFound):
        await house.jobs.control.delete(ANNA, job.id)


async def test_files_that_cannot_go_now_go_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> int:
        raise ArtifactStoreUnavailable("away")

    job = await house.submit("x" * 5000)
    with monkeypatch.context() as patch:
        patch.setattr(house.artifacts, "delete", fails)
        await house.jobs.control.delete(ANNA, job.id)
    assert await house.store.reading.get(job.id) is None
    assert await house.store.garbage.prefixes() == [job.id]
    assert await house.sweeps().garbage() == 1
    assert await house.artifacts.owners() == []


# -- change ---------------------------------------------------------------------------


async def test_all_is_changed_at_once(house: House) -> None:
    job = await house.submit(RUNID="old")
    told = len(house.hub.told)
    await house.jobs.control.apply(
        ANNA, job.id, Control("new", "RUN", TOMORROW, execution_duration=9)
    )
    found = await house.job(job.id)
    assert (found.run_id, found.phase) == ("new", Phase.QUEUED)
    assert (found.destruction_time, found.execution_duration) == (TOMORROW, 9)
    assert {event.phase for event in house.hub.told[told:]} <= {Phase.PENDING, Phase.QUEUED}
    assert house.hub.told[-1] == JobEvent(job.id, Phase.QUEUED)


async def test_a_job_may_be_sent_elsewhere_and_run_in_one_request(house: House) -> None:
    await house.register(DESCRIPTION, DESCRIPTION.model_copy(update={"name": "other"}))
    job = await house.submit(TARGET=TARGET)
    elsewhere = [Posted("TARGET", b"other")]
    await house.jobs.control.apply(ANNA, job.id, Control(phase="RUN"), elsewhere)
    found = await house.job(job.id)
    assert (found.target, found.phase) == ("other", Phase.QUEUED)
    assert (await house.timeline(job.id))[-1].message == "for target other"
    assert house.hints.sent == ["other"]
    gone = TargetState(status=TargetStatus.RETIRED)
    await house.targets.found("other", gone, NOW)
    job = await house.submit(TARGET=TARGET)
    with pytest.raises(UnknownTarget):
        await house.jobs.control.apply(ANNA, job.id, Control(phase="RUN"), elsewhere)
    assert (await house.job(job.id)).target == TARGET


@pytest.mark.parametrize(
    "control",
    [Control(run_id="new"), Control(destruction=TOMORROW), Control(execution_duration=9)],
)
async def test_who_follows_hears_of_a_change_without_phase(house: House, control: Control) -> None:
    job = await house.submit()
    before = await house.job(job.id)
    house.hub.told.clear()
    await house.jobs.control.apply(ANNA, job.id, control)
    assert house.hub.told == [JobEvent(job.id, Phase.PENDING)]
    assert await house.job(job.id) != before
    await house.jobs.control.apply(ANNA, job.id, Control())
    assert len(house.hub.told) == 1


async def test_an_empty_run_id_is_none(house: House) -> None:
    job = await house.submit(RUNID="old")
    await house.jobs.control.apply(ANNA, job.id, Control(execution_duration=9))
    assert await run_id_of(house, job) == "old"
    await house.jobs.control.apply(ANNA, job.id, Control(run_id=""))
    assert await run_id_of(house, job) is None


async def test_limits_of_the_operator_hold_for_changes(house: House) -> None:
    jobs = house.service(max_execution_duration=60, max_lifetime=3600)
    job = await house.submit()
    await jobs.control.apply(ANNA, job.id, Control(destruction=TOMORROW, execution_duration=500))
    found = await house.job(job.id)
    assert found.destruction_time == NOW + timedelta(hours=1)
    assert found.execution_duration == 60
    entry = (await house.timeline(job.id))[-1]
    assert entry.status == "changed"
    assert entry.message is not None
    assert "at most (DESTRUCTION); it may run for 60 seconds at most" in entry.message
    await jobs.control.apply(ANNA, job.id, Control(execution_duration=50))
    assert (await house.timeline(job.id))[-1] == entry, "nothing was cut"
    made = await jobs.submission.submit(ANNA, posted(EXECUTIONDURATION="61"))
    assert made.execution_duration == 60
    received, validated = await house.timeline(made.id)
    assert (received.message, validated.status) == (None, "validated")
    assert validated.message == "it may run for 60 seconds at most (EXECUTIONDURATION)"


@pytest.mark.parametrize("phase", ["RUN", "ABORT"])
async def test_a_move_that_is_refused_changes_nothing_else(house: House, phase: str) -> None:
    job = await over(house)
    with pytest.raises(IllegalMove) as caught:
        await house.jobs.control.apply(ANNA, job.id, Control("new", phase, destruction=TOMORROW))
    assert f"job {job.id} is COMPLETED" in caught.value.sentence
    assert await house.job(job.id) == job


async def test_a_malformed_value_changes_nothing_else(house: House) -> None:
    job = await house.job((await house.submit(RUNID="old")).id)
    with pytest.raises(InvalidParameter, match="DESTRUCTION must be in the future"):
        await house.jobs.control.apply(
            ANNA, job.id, Control("new", destruction=NOW, execution_duration=9)
        )
    assert await house.job(job.id) == job


async def test_the_duration_of_what_is_over_stays(house: House) -> None:
    job = await over(house)
    with pytest.raises(IllegalMove, match="EXECUTIONDURATION needs a job that is not over"):
        await house.jobs.control.apply(ANNA, job.id, Control(execution_duration=9))
    await house.jobs.control.apply(ANNA, job.id, Control("kept", destruction=TOMORROW))
    found = await house.job(job.id)
    assert (found.run_id, found.destruction_time) == ("kept", TOMORROW)
    assert found.execution_duration == 600


# -- whose it is -----------------------------------------------------------------------


def actions(house: House) -> dict[str, Callable[[Caller, str], Awaitable[object]]]:
    jobs = house.jobs
    return {
        "get": jobs.reader.get,
        "authorise": jobs.reader.authorise,
        "snapshot": jobs.reader.snapshot,
        "wait": lambda caller, job_id: jobs.follower.wait(caller, job_id, 0),
        "follow": lambda caller, job_id: anext(jobs.follower.follow(caller, job_id)),
        "run": jobs.control.run,
        "abort": jobs.control.abort,
        "delete": jobs.control.delete,
        "control": lambda caller, job_id: jobs.control.apply(caller, job_id, Control("new")),
        "parameters": lambda caller, job_id: jobs.change.set_parameters(caller, job_id, []),
    }


async def test_what_is_somebody_elses_is_left_alone(house: House) -> None:
    job = await house.job((await house.submit()).id)
    for name, action in actions(house).items():
        for caller in (BERT, Caller(None)):
            try:
                await action(caller, job.id)
            except Forbidden as refusal:
                assert refusal.sentence == f"job {job.id} belongs to somebody else"
            else:
                pytest.fail(f"{name} did not ask whose it is")
    assert await house.job(job.id) == job


@pytest.mark.parametrize(
    "job_id", ["01a21882-319a-76b7-b2e1-f8b0b914da31", "no-id", "", "a\0b", "9" * 5000]
)
async def test_what_is_not_there_is_not_found(house: House, job_id: str) -> None:
    for action in actions(house).values():
        with pytest.raises(NotFound) as caught:
            await action(OPERATOR, job_id)
        assert len(caught.value.sentence) < 100


async def test_operators_may_do_what_owners_may(house: House) -> None:
    for action in actions(house).values():
        await action(OPERATOR, (await house.submit()).id)
