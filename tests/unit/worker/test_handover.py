"""A job that is handed over to another queue: written down before the child goes on."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from scripted_children import Process, until
from store_helpers import NOW
from worker_bench import Bench

from quws.domain.failures import Failure
from quws.domain.phases import Phase
from quws.sandbox.messages import (
    Go,
    InDoubt,
    JobFailed,
    KnownHandover,
    NotSubmitted,
    ResultsWritten,
    RunJob,
    Submitted,
    Submitting,
    Waiting,
)
from quws.store.handovers import HandoverState
from quws.worker.held import HeldJob

pytestmark = pytest.mark.anyio


@pytest.fixture
def remote(bench: Bench) -> Bench:
    return bench.with_place(remote=True)


async def state(bench: Bench, held: HeldJob) -> tuple[HandoverState, str | None] | None:
    found = await bench.place.handovers.of(held.id)
    return None if found is None else (found.state, found.handle)


async def intended(bench: Bench, held: HeldJob) -> bool:
    return await bench.place.handovers.of(held.id) is not None


async def test_each_step_is_written_before_the_child_goes_on(remote: Bench) -> None:
    seen: list[object] = []
    held = await remote.hold()

    async def script(process: Process) -> None:
        request = await process.hear()
        seen.append(request.handover)
        process.say(Submitting(key=held.id))
        assert isinstance(await process.hear(), Go)
        seen.append(await state(remote, held))
        seen.append(held.submitting)
        process.say(Submitted(key=held.id, handle="theirs"))
        assert isinstance(await process.hear(), Go)
        seen.append(await state(remote, held))
        seen.append(held.submitting)
        process.say(ResultsWritten(files=[]))

    remote.children.scripts[0] = script
    await remote.run(held)
    assert seen == [
        KnownHandover(key=held.id),
        (HandoverState.INTENT, None),
        True,
        (HandoverState.ARRIVED, "theirs"),
        False,
    ]
    assert await remote.phase(held.id) is Phase.COMPLETED


async def test_the_next_attempt_knows_where_the_last_one_stopped(remote: Bench) -> None:
    held = await remote.hold()
    await held.intend(held.id)
    await held.retry("its process died")
    again = await remote.with_place(clock=lambda: NOW).claim()
    seen: list[RunJob] = []

    async def script(process: Process) -> None:
        seen.append(await process.hear())
        process.say(ResultsWritten(files=[]))

    remote.children.scripts[0] = script
    found = await remote.place.handovers.of(held.id)
    assert found is not None
    late = found.created + timedelta(seconds=8)
    await remote.with_place(clock=lambda: late).run(again)
    assert seen[0].handover == KnownHandover(key=held.id, begun=True, age=8.0)


async def test_the_next_attempt_knows_the_handle(remote: Bench) -> None:
    held = await remote.hold()
    await held.intend(held.id)
    await held.arrived(held.id, "theirs")
    await held.hand_back("the worker shuts down")
    again = await remote.claim()
    seen: list[RunJob] = []

    async def script(process: Process) -> None:
        seen.append(await process.hear())
        process.say(ResultsWritten(files=[]))

    remote.children.scripts[0] = script
    await remote.run(again)
    assert seen[0].handover is not None
    assert (seen[0].handover.begun, seen[0].handover.handle) == (True, "theirs")


async def test_a_local_target_hears_of_no_handover(bench: Bench) -> None:
    held = await bench.hold()
    seen: list[RunJob] = []

    async def script(process: Process) -> None:
        seen.append(await process.hear())
        process.say(ResultsWritten(files=[]))

    bench.children.scripts[0] = script
    await bench.run(held)
    assert seen[0].handover is None


async def test_doubt_is_written_before_the_child_goes_on(remote: Bench) -> None:
    held = await remote.hold()
    error = Failure.SUBMISSION_IN_DOUBT.error(why="no search")

    async def script(process: Process) -> None:
        await process.hear()
        process.say(Submitting(key=held.id))
        await process.hear()
        process.say(NotSubmitted(), InDoubt(key=held.id, sentence=error.message))
        assert isinstance(await process.hear(), Go)
        found = await state(remote, held)
        assert found == (HandoverState.DOUBT, None)
        process.say(JobFailed(error=error))

    remote.children.scripts[0] = script
    await remote.run(held)
    job = await remote.job(held.id)
    assert (job.phase, job.error) == (Phase.ERROR, error)
    assert error.message in await remote.sentences(held.id)


async def test_nothing_is_sent_once_the_worker_shuts_down(remote: Bench) -> None:
    held = await remote.hold()
    heard: list[object] = []

    async def script(process: Process) -> None:
        await process.hear()
        held.handing_back = "the worker shuts down"
        process.say(Submitting(key=held.id))
        heard.append(await process.hear())

    remote.children.scripts[0] = script
    running = asyncio.ensure_future(remote.run(held))
    await until(lambda: intended(remote, held))
    held.changed.set()
    await running
    assert heard == []
    assert await remote.phase(held.id) is Phase.SUSPENDED


async def test_what_is_under_way_is_settled_before_the_child_is_killed(remote: Bench) -> None:
    held = await remote.hold()

    async def script(process: Process) -> None:
        await process.hear()
        process.say(Submitting(key=held.id))
        await process.hear()
        held.handing_back = "the worker shuts down"
        held.changed.set()
        process.say(Submitted(key=held.id, handle="theirs"))
        await process.killed.wait()

    remote.children.scripts[0] = script
    async with asyncio.timeout(30):
        await remote.run(held)
    assert await state(remote, held) == (HandoverState.ARRIVED, "theirs")
    assert await remote.phase(held.id) is Phase.SUSPENDED


async def test_a_submission_that_came_to_nothing_lets_the_child_be_killed(remote: Bench) -> None:
    held = await remote.hold()

    async def script(process: Process) -> None:
        await process.hear()
        process.say(Submitting(key=held.id))
        await process.hear()
        held.handing_back = "the worker shuts down"
        process.say(NotSubmitted())
        await process.killed.wait()

    remote.children.scripts[0] = script
    async with asyncio.timeout(30):
        await remote.run(held)
    assert not held.submitting
    assert await remote.phase(held.id) is Phase.SUSPENDED


async def test_nobody_submits_a_job_that_is_not_theirs_any_more(remote: Bench) -> None:
    held = await remote.hold()
    heard: list[object] = []

    async def script(process: Process) -> None:
        await process.hear()
        await remote.take_away(held)
        process.say(Submitting(key=held.id))
        heard.append(await process.hear())

    remote.children.scripts[0] = script
    await remote.run(held)
    assert heard == []
    assert await state(remote, held) is None
    assert await remote.phase(held.id) is Phase.ABORTED


async def test_the_execution_duration_rests_while_the_job_waits(remote: Bench) -> None:
    held = await remote.hold(execution_duration=600)
    before = held.claim.deadline
    assert before is not None
    waited: list[bool] = []

    async def script(process: Process) -> None:
        await process.hear()
        process.say(Waiting(waiting=True))
        await until(lambda: held.waiting_since is not None)
        assert held.waiting_since is not None
        held.waiting_since -= 50
        process.say(Waiting(waiting=False))
        await until(lambda: held.waiting_since is None)
        waited.append(True)
        process.say(ResultsWritten(files=[]))

    remote.children.scripts[0] = script
    await remote.run(held)
    assert waited == [True]
    assert held.claim.deadline is not None
    assert timedelta(seconds=50) <= held.claim.deadline - before < timedelta(seconds=80)
