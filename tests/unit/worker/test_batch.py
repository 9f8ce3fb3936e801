"""Circuits that are left out while a worker has their job."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
from scripted_children import Process, until
from store_helpers import NOW
from worker_bench import FACTS, Bench

from quws.domain.batch import OnError
from quws.domain.failures import Failure
from quws.domain.options import RunOptions
from quws.domain.outcome_texts import circuit_json
from quws.domain.outcomes import CircuitOutcome
from quws.domain.phases import Phase
from quws.domain.spec import JobSpec
from quws.sandbox.messages import (
    CircuitFailed,
    CircuitFinished,
    CircuitStarted,
    JobFailed,
    ResultFile,
    ResultsWritten,
    RunJob,
)
from quws.worker.batch import Batch, told_of
from quws.worker.held import HeldJob

pytestmark = pytest.mark.anyio
GOING_ON = JobSpec.of(RunOptions(shots=100, on_error=OnError.CONTINUE), [FACTS] * 3)


def done(index: int) -> CircuitFinished:
    outcome = CircuitOutcome({"0": 100}, index=index, engine="aer")
    return CircuitFinished(circuit=index, engine="aer", outcome="".join(circuit_json(outcome)))


def written(process: Process, request: RunJob) -> ResultsWritten:
    (Path(request.folder) / "counts.json").write_text("{}")
    file = ResultFile(id="counts", file="counts.json", mime_type="application/json")
    return ResultsWritten(files=[file])


async def statuses(bench: Bench, held: HeldJob) -> list[str]:
    return [item.status.value for item in await bench.jobs.circuits.page(held.id, None)]


async def abort(bench: Bench, held: HeldJob, *indices: int) -> None:
    assert await bench.jobs.control.abort_circuits(held.id, indices, NOW, "anna")
    held.changed.set()


async def test_a_circuit_that_runs_is_stopped_and_the_others_are_not_lost(bench: Bench) -> None:
    requests: list[RunJob] = []

    async def first(process: Process) -> None:
        requests.append(await process.hear())
        process.say(CircuitStarted(circuit=0), done(0))
        await process.killed.wait()

    async def second(process: Process) -> None:
        request = await process.hear()
        requests.append(request)
        process.say(CircuitStarted(circuit=2), done(2), written(process, request))

    bench.children.scripts.clear()
    bench.children.scripts.extend([first, second])
    held = await bench.hold(circuits=3)
    running = asyncio.ensure_future(bench.run(held))

    async def runs() -> bool:
        return held.batch.running == 1

    await until(runs)
    await abort(bench, held, 1)
    await running
    job = await bench.job(held.id)
    assert (job.phase, job.attempt, job.circuits_done) == (Phase.COMPLETED, 1, 2)
    assert await statuses(bench, held) == ["completed", "aborted", "completed"]
    assert job.message == "1 circuit aborted: 1"
    assert (requests[1].missing, list(requests[1].done)) == ({1: "aborted"}, [0])
    assert [item.id for item in job.results] == ["counts", "counts-0", "counts-2"]
    assert bench.rests == []


async def test_results_that_know_nothing_of_an_abort_are_made_anew(bench: Bench) -> None:
    requests: list[RunJob] = []

    async def script(process: Process) -> None:
        request = await process.hear()
        requests.append(request)
        if len(requests) == 1:
            # All of them ran, as far as it knows.
            await bench.jobs.control.abort_circuits(request.job, {1}, NOW, "anna")
            process.say(done(0), done(1))
        process.say(written(process, request))

    bench.children.scripts[0] = script
    held = await bench.hold(circuits=2)
    await bench.run(held)
    job = await bench.job(held.id)
    assert (job.phase, job.circuits_done, job.circuits_aborted) == (Phase.COMPLETED, 1, 1)
    assert [item.missing for item in requests] == [{}, {1: "aborted"}]
    assert [item.id for item in job.results] == ["counts", "counts-0"]


async def test_who_is_left_out_before_the_claim_is_not_run(bench: Bench) -> None:
    missing: list[dict[int, str]] = []

    async def script(process: Process) -> None:
        request = await process.hear()
        missing.append(request.missing)
        process.say(CircuitStarted(circuit=1), done(1), written(process, request))

    bench.children.scripts[0] = script
    queued = await bench.queue(circuits=2)
    await bench.jobs.control.abort_circuits(queued.id, {0}, NOW, "anna")
    held = await bench.claim()
    await bench.run(held)
    assert missing == [{0: "aborted"}]
    assert await statuses(bench, held) == ["aborted", "completed"]


async def test_a_failed_circuit_is_kept_for_the_next_attempt(bench: Bench) -> None:
    missing: list[dict[int, str]] = []

    async def script(process: Process) -> None:
        request = await process.hear()
        missing.append(request.missing)
        if len(missing) == 1:
            process.say(
                CircuitStarted(circuit=0), done(0), CircuitFailed(circuit=1, sentence="too wide")
            )
            process.end(-signal.SIGKILL)
            return
        process.say(CircuitStarted(circuit=2), done(2), written(process, request))

    bench.children.scripts[0] = script
    held = await bench.hold(circuits=3, spec=GOING_ON)
    await bench.run(held)
    held = await bench.claim()
    await bench.run(held)
    job = await bench.job(held.id)
    assert (job.phase, job.attempt, job.circuits_failed) == (Phase.COMPLETED, 2, 1)
    assert missing == [{}, {1: "failed: too wide"}]
    assert job.message == "1 circuit failed: 1"
    assert "circuits 0 to 1 of 3 on aer; failed: 1 (1: too wide)" in await bench.sentences(held.id)


async def test_a_circuit_that_kills_its_process_fails_and_the_others_go_on(bench: Bench) -> None:
    async def script(process: Process) -> None:
        request = await process.hear()
        if 1 not in request.missing:
            process.say(CircuitStarted(circuit=0), done(0))
            process.end(-signal.SIGSEGV)
            return
        process.say(CircuitStarted(circuit=2), done(2), written(process, request))

    bench.children.scripts[0] = script
    held = await bench.hold(circuits=3, spec=GOING_ON)
    for _ in range(bench.place.max_attempts - 1):
        await bench.run(held)
        held = await bench.claim()
    await bench.run(held)
    assert await statuses(bench, held) == ["completed", "failed", "completed"]
    (failed,) = await bench.jobs.circuits.over(held.id)
    assert failed.message == "the process of attempt 3 died while it ran: it was killed by SIGSEGV"
    assert await bench.phase(held.id) is Phase.COMPLETED


async def test_which_circuit_has_ended_the_job_is_known(bench: Bench) -> None:
    async def script(process: Process) -> None:
        await process.hear()
        error = Failure.INVALID_PAYLOAD.error(why="circuit 1: too wide")
        process.say(CircuitStarted(circuit=0), done(0), JobFailed(error=error, circuit=1))

    bench.children.scripts[0] = script
    held = await bench.hold(circuits=3)
    await bench.run(held)
    assert await bench.phase(held.id) is Phase.ERROR
    assert await statuses(bench, held) == ["completed", "failed", "waiting"]


def test_which_circuit_runs() -> None:
    batch = Batch(6)
    assert batch.begin({0: "f"}) == {}
    batch.ended(0)
    assert batch.running is None
    batch.started(1)
    batch.failed(2, "too wide")
    batch.ended(1)
    assert (batch.running, batch.is_stopped()) == (3, False)
    assert batch.is_gap(range(2, 3))
    assert not batch.is_gap(range(2, 4))
    batch.ended(5)
    assert batch.running is None
    assert batch.sentence() == "1 circuit failed: 2"


@pytest.mark.parametrize(
    ("engine", "failed", "told"),
    [
        ("aer", {}, ("circuit done", "circuits 3 to 5 of 9 on aer")),
        ("aer", {4: "no"}, ("circuit done", "circuits 3 to 5 of 9 on aer; failed: 4 (4: no)")),
        (
            "",
            {4: "no", 5: "no"},
            ("circuit failed", "circuits 3 to 5 of 9; failed: 4 to 5 (4: no)"),
        ),
    ],
)
def test_the_timeline_tells_of_circuits_together(
    engine: str, failed: dict[int, str], told: tuple[str, str]
) -> None:
    assert told_of(range(3, 6), 9, engine, failed) == told
