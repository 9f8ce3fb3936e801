"""One attempt at a job: what the child says is written, and every way in which it can end."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from scripted_children import Process, until
from sqlalchemy import select
from store_helpers import NOW, TARGET
from worker_bench import CIRCUIT, FACTS, Bench

from quws.domain.circuits import BatchFacts
from quws.domain.failures import Failure
from quws.domain.job import Claim, ErrorType, Parameter, Result, Said, TimelineEntry
from quws.domain.options import RunOptions
from quws.domain.parameters.values import ResponseFormat
from quws.domain.phases import Phase
from quws.domain.policy import Policy
from quws.domain.targets import Calibration
from quws.sandbox.child import Child, Owner
from quws.sandbox.messages import (
    Calibrated,
    CircuitFinished,
    CircuitsChecked,
    CircuitStarted,
    FromChild,
    JobFailed,
    MessageFault,
    NoRoom,
    Note,
    Progress,
    Ready,
    ResultFile,
    ResultsWritten,
    RunJob,
)
from quws.services.quotas import Quotas
from quws.store import tables as t
from quws.store.database import Database, StoreUnavailable
from quws.worker.end import sweep_up
from quws.worker.held import HeldJob
from quws.worker.publish import Finished
from quws.worker.run import Run

pytestmark = pytest.mark.anyio

Stored = Callable[[], Awaitable[set[str]]]


def write(request: RunJob, name: str, content: str = "{}") -> None:
    (Path(request.folder) / name).write_text(content)


def says(*messages: FromChild) -> Callable[[Process], Awaitable[None]]:
    async def script(process: Process) -> None:
        await process.hear()
        process.say(*messages)

    return script


async def published(bench: Bench, held: HeldJob) -> bool:
    return "published" in await bench.sentences(held.id)


async def forever(process: Process) -> None:
    await process.hear()
    await process.killed.wait()


async def completes(process: Process) -> None:
    request = await process.hear()
    write(request, "counts.json", '{"circuits": []}')
    process.say(CircuitStarted(circuit=0))
    process.say(CircuitFinished(circuit=0, engine="aer"))
    file = ResultFile(id="counts", file="counts.json", mime_type="application/json")
    table = ResultFile(id="result", file="result.csv", mime_type="text/csv", content="é")
    process.say(ResultsWritten(files=[file, table]))


async def test_a_job_is_run(bench: Bench, stored: Stored) -> None:
    bench.children.scripts[0] = completes
    held = await bench.hold()
    await bench.run(held)
    job = await bench.job(held.id)
    assert job.phase is Phase.COMPLETED
    result, told = job.results
    assert (result.id, result.mime_type) == ("counts", "application/json")
    assert await bench.place.artifacts.read(result.artifact) == b'{"circuits": []}'
    # One that was small came with the message, and never lay in the folder.
    assert (told.id, told.mime_type, told.size) == ("result", "text/csv", 2)
    assert await bench.place.artifacts.read(told.artifact) == "é".encode()
    assert bench.bus.phases[-1] is Phase.COMPLETED
    assert [path.name for path in bench.scratch.ready().iterdir()] == ["lock"]
    assert bench.children.processes[0].child.exited.done()
    assert bench.rests == []


def again_and_again(
    script: Callable[[Process], Awaitable[None]],
) -> Callable[[Process], Awaitable[None]]:
    """A child that is ready for another job after each."""

    async def played(process: Process) -> None:
        while True:
            await script(process)
            process.say(Ready())

    return played


@pytest.mark.parametrize("after", ["a result", "a refusal"])
async def test_the_next_job_of_an_owner_has_the_same_child(bench: Bench, after: str) -> None:
    refused = Failure.OUT_OF_MEMORY.error()
    first = completes if after == "a result" else says(JobFailed(error=refused))
    bench.children.scripts[0] = again_and_again(first)
    held = await bench.hold(owner="anna")
    await bench.run(held)
    phase = Phase.COMPLETED if after == "a result" else Phase.ERROR
    assert await bench.phase(held.id) is phase
    (process,) = bench.children.processes
    assert not process.killed.is_set()
    assert list(process.child.folder.path.iterdir()) == []
    held = await bench.hold(owner="bert")
    await bench.run(held)
    assert len(bench.children.processes) == 2
    held = await bench.hold(owner="anna")
    await bench.run(held)
    assert await bench.phase(held.id) is phase
    assert len(bench.children.processes) == 2
    requests = [item for item in process.heard if isinstance(item, RunJob)]
    assert [request.folder for request in requests] == [str(process.child.folder.path)] * 2


@pytest.mark.parametrize("why", ["too much", "nonsense", "taken away", "silence"])
async def test_a_child_whose_job_went_wrong_has_no_other(bench: Bench, why: str) -> None:
    script = three_circuits(1000) if why == "too much" else completes
    if why == "too much":
        bench = bench.with_place(results_bytes=1500)
    elif why == "nonsense":
        script = says(CircuitsChecked(facts=BatchFacts.of([])))
    elif why == "silence":
        script = says()
    bench.children.scripts[0] = again_and_again(script)
    held = await bench.hold(circuits=3)
    if why == "taken away":
        await bench.take_away(held)
    await bench.run(held)
    (process,) = bench.children.processes[:1]
    assert process.child.exited.done()
    assert not process.child.folder.path.exists()


async def test_the_child_gets_what_the_job_asks_for(bench: Bench) -> None:
    bench.children.scripts[0] = completes
    held = await bench.hold()
    await bench.run(held)
    (request,) = bench.children.processes[0].heard
    assert isinstance(request, RunJob)
    assert request == RunJob(
        job=held.id,
        circuits=[CIRCUIT],
        facts=BatchFacts.of([FACTS]),
        limits=bench.target.circuit_limits,
        options=RunOptions(shots=100, seed=7),
        response_format=ResponseFormat.JSON,
        folder=request.folder,
        file_bytes=1 << 20,
        results_bytes=1 << 22,
    )
    assert Path(request.folder).parent == bench.scratch.ready()


def three_circuits(bytes_each: int) -> Callable[[Process], Awaitable[None]]:
    async def script(process: Process) -> None:
        request = await process.hear()
        for index in range(3):
            write(request, f"circuit-{index}.json", "x" * bytes_each)
            process.say(CircuitFinished(circuit=index, engine="aer", file=f"circuit-{index}.json"))
        await process.killed.wait()

    return script


async def test_a_job_with_too_many_results_ends_and_keeps_those_that_it_may_have(
    bench: Bench, stored: Stored
) -> None:
    bench = bench.with_place(results_bytes=2500)
    bench.children.scripts[0] = three_circuits(1000)
    held = await bench.hold(circuits=3)
    await bench.run(held)
    job = await bench.job(held.id)
    assert job.phase is Phase.ERROR
    assert job.error == Failure.RESULTS_TOO_LARGE.error(bytes=2500)
    assert [item.id for item in job.results] == ["counts-0", "counts-1"]
    assert bench.children.processes[0].child.exited.done()
    assert held.id + "/1" in await bench.jobs.garbage.prefixes()


async def test_what_earlier_attempts_have_published_counts(bench: Bench) -> None:
    bench = bench.with_place(results_bytes=2500)
    held = await bench.hold(circuits=4)
    before = Result("counts-3", f"{held.id}/1/circuit-3.json", 1000, "application/json")
    await bench.place.artifacts.put(before.artifact, b"x" * 1000)
    await held.add_done(held.done(range(3, 4), [before], "aer", NOW))
    await held.hand_back("the worker shuts down")
    bench.children.scripts[0] = three_circuits(1000)
    held = await bench.claim()
    await bench.run(held)
    job = await bench.job(held.id)
    assert job.error == Failure.RESULTS_TOO_LARGE.error(bytes=2500)
    assert {item.id for item in job.results} == {"counts-3", "counts-0"}


async def test_an_owner_keeps_no_more_than_one_may(bench: Bench) -> None:
    policy = Policy(max_stored_bytes=2500)
    bench = bench.with_place(quotas=Quotas(bench.jobs.usage, policy))
    other = await bench.hold()
    await other.complete([Result("result", "somewhere", 2000, "application/json")])
    bench.children.scripts[0] = completes
    held = await bench.hold()
    await bench.run(held)
    assert await bench.phase(held.id) is Phase.COMPLETED, "there is room for a little"
    bench.children.scripts[0] = three_circuits(500)
    held = await bench.hold(circuits=3)
    await bench.run(held)
    job = await bench.job(held.id)
    assert job.phase is Phase.ERROR
    assert job.error is not None
    assert (job.error.code, job.error.type) == ("quota_exceeded", ErrorType.TRANSIENT)
    assert "2500 may be, too few for 500 more" in job.error.message


async def test_what_is_said_of_a_job_is_written(bench: Bench) -> None:
    calibration = Calibration(id="c1", time=NOW)
    bench.children.scripts[0] = says(
        Note(sentence="it is warm"),
        Progress(sentence="half of it"),
        Calibrated(calibration=calibration),
        JobFailed(error=Failure.OUT_OF_MEMORY.error(), versions={"qiskit": "2.2", "python": "3"}),
    )
    held = await bench.hold()
    await bench.run(held)
    job = await bench.job(held.id)
    assert (job.phase, job.error) == (Phase.ERROR, Failure.OUT_OF_MEMORY.error())
    assert job.calibration_id == "c1"
    # As the results of one that is completed do.
    assert "qiskit 2.2, python 3" in await bench.sentences(held.id)
    assert "it is warm" in await bench.sentences(held.id)
    assert bench.bus.phases[-1] is Phase.ERROR
    assert bench.rests == []


async def test_circuits_of_a_batch_are_published_as_they_come(bench: Bench) -> None:
    async def one_of_two(process: Process) -> None:
        request = await process.hear()
        write(request, "circuit-0.json", "[0]")
        write(request, "circuit-0.qasm", "text")
        process.say(
            CircuitStarted(circuit=0),
            CircuitFinished(
                circuit=0,
                engine="aer",
                file="circuit-0.json",
                compiled=ResultFile(id="circuit-0", file="circuit-0.qasm", mime_type="text/plain"),
            ),
            Note(sentence="published"),
        )
        await process.killed.wait()

    bench.children.scripts[0] = one_of_two
    held = await bench.hold(circuits=2)
    running = asyncio.ensure_future(bench.run(held))
    await until(lambda: published(bench, held))
    job = await bench.job(held.id)
    assert (job.phase, job.circuits_done) == (Phase.EXECUTING, 1)
    assert [item.id for item in job.results] == ["counts-0", "circuit-0"]
    assert await bench.place.artifacts.read(job.results[0].artifact) == b"[0]"
    assert await bench.place.artifacts.read(job.results[1].artifact) == b"text"
    assert "circuit 0 of 2 on aer" in await bench.sentences(held.id)
    held.handing_back = "the worker shuts down"
    held.changed.set()
    await running
    # Another worker goes on where this one stopped.
    seen: list[RunJob] = []

    async def goes_on(process: Process) -> None:
        request = await process.hear()
        seen.append(request)
        assert (Path(request.folder) / request.done[0]).read_text() == "[0]"
        process.say(ResultsWritten(files=[]))

    bench.children.scripts[0] = goes_on
    again = await bench.claim()
    await bench.run(again)
    assert list(seen[0].done) == [0]
    assert await bench.phase(held.id) is Phase.COMPLETED


async def test_when_each_circuit_began_and_ended_is_known(bench: Bench, database: Database) -> None:
    now = NOW
    bench = bench.with_place(clock=lambda: now)
    held = await bench.hold(circuits=2)

    async def two(process: Process) -> None:
        nonlocal now
        request = await process.hear()
        for index in range(2):
            now += timedelta(seconds=10)
            process.say(CircuitStarted(circuit=index), Note(sentence=f"begun {index}"))
            await until(lambda number=index: noted(bench, held, f"begun {number}"))
            now += timedelta(seconds=5)
            write(request, f"circuit-{index}.json")
            file = f"circuit-{index}.json"
            process.say(CircuitFinished(circuit=index, engine="aer", file=file))
            process.say(Note(sentence=f"done {index}"))
            await until(lambda number=index: noted(bench, held, f"done {number}"))
        process.say(ResultsWritten(files=[]))

    bench.children.scripts[0] = two
    before = counted("quws_job_claim_to_start_seconds_count")
    await bench.run(held)
    async with database.read() as connection:
        c = t.circuits.c
        rows = await connection.execute(select(c.start_time, c.end_time).order_by(c.index))
        seconds = [tuple((time - NOW).total_seconds() for time in row) for row in rows]
    assert seconds == [(10, 15), (25, 30)]
    # The job has begun with the first of them, and once.
    assert counted("quws_job_claim_to_start_seconds_count") == before + 1


async def noted(bench: Bench, held: HeldJob, sentence: str) -> bool:
    return sentence in await bench.sentences(held.id)


def counted(name: str, **labels: str) -> float:
    labels = {"target": TARGET} | labels if "role" not in labels else labels
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_how_attempts_end_is_counted(bench: Bench) -> None:
    def counts() -> dict[str, float]:
        return {
            "run": counted("quws_job_run_seconds_count", phase="COMPLETED"),
            "ended": counted("quws_jobs_taken_away_total", reason="ended"),
            "lost": counted("quws_jobs_taken_away_total", reason="lost"),
            "killed": counted("quws_child_kills_total", role="run"),
            "died": counted("quws_child_deaths_total", role="run"),
        }

    def seconds() -> float:
        """How long jobs waited, and ran, in all."""
        return counted("quws_job_claim_to_start_seconds_sum") + counted(
            "quws_job_run_seconds_sum", phase="COMPLETED"
        )

    async def grown(*names: str) -> None:
        nonlocal before
        now = counts()
        assert {name for name in now if now[name] == before[name] + 1} == {*names}
        assert {name for name in now if now[name] == before[name]} == before.keys() - {*names}
        before = now

    before, spent = counts(), seconds()
    bench.children.scripts[0] = completes
    await bench.run(await bench.hold(work=4))
    await grown("run")
    assert 0 < seconds() - spent < 600
    (learned,) = (await bench.jobs.quotes.queue_of(TARGET)).known.values()
    assert 0 < learned < 600
    bench.children.scripts[0] = dies(1)
    held = await bench.hold()
    await bench.run(held)
    await grown("died")
    bench.children.scripts[0] = forever
    held = await bench.claim()
    running = asyncio.ensure_future(bench.run(held))
    await until(lambda: held.child is not None)
    await bench.take_away(held)
    held.changed.set()
    await running
    await grown("ended", "killed")
    held = await bench.hold()
    running = asyncio.ensure_future(bench.run(held))
    await until(lambda: held.child is not None)
    await HeldJob(bench.place, held.claim, 0.0).retry("its lease was over")
    held.changed.set()
    await running
    await grown("lost", "killed")


RESULT = b'{"kind": "results_written", "files": [{"id": "r", "file": %s}]}\n'


def results(ids: list[str]) -> bytes:
    files = [{"id": name, "file": "counts.json", "mime_type": "a/b"} for name in ids]
    return json.dumps({"kind": "results_written", "files": files}).encode() + b"\n"


NONSENSE = [
    b"what?\n",
    b'{"kind": "dance"}\n',
    b'{"kind": "note"}\n',
    b'{"kind": "note", "sentence": "x", "more": 1}\n',
    b"[1, 2]\n",
    b'{"kind": "circuit_finished", "circuit": 0, "engine": "x", "file": "../../etc/passwd"}\n',
    b'{"kind": "circuit_finished", "circuit": 5, "engine": "x", "file": "circuit-5.json"}\n',
    b'{"kind": "circuit_finished", "circuit": 0, "engine": "x", "file": "never-written.json"}\n',
    RESULT % b'"/etc/passwd", "mime_type": "a/b"',
    RESULT % b'"a", "mime_type": "text/x\\ny: z"',
    results([f"r-{number}" for number in range(101)]),
]


@pytest.mark.parametrize("line", NONSENSE)
async def test_nonsense_ends_the_attempt_as_a_fault_of_ours(bench: Bench, line: bytes) -> None:
    async def script(process: Process) -> None:
        write(await process.hear(), "counts.json")
        process.say_raw(line)
        await process.killed.wait()

    bench.children.scripts[0] = script
    held = await bench.hold()
    await bench.run(held)
    job = await bench.job(held.id)
    assert job.error == Failure.INTERNAL_ERROR.error()
    assert bench.children.processes[0].killed.is_set()


async def test_two_results_of_one_name_are_nonsense(
    bench: Bench, stored: Stored, tmp_path: Path
) -> None:
    held = await bench.hold()
    file = ResultFile(id="counts", file="counts.json", mime_type="application/json")
    with pytest.raises(MessageFault, match="two results of one name"):
        await Finished(held, lambda _: io.BytesIO(), tmp_path).end(
            ResultsWritten(files=[file, file])
        )
    assert await stored() == set()


async def test_a_link_is_no_result(bench: Bench, stored: Stored, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of others")

    async def script(process: Process) -> None:
        request = await process.hear()
        (Path(request.folder) / "counts.json").symlink_to(tmp_path / "secret")
        file = ResultFile(id="counts", file="counts.json", mime_type="application/json")
        process.say(ResultsWritten(files=[file]))
        await process.killed.wait()

    bench.children.scripts[0] = script
    held = await bench.hold()
    await bench.run(held)
    job = await bench.job(held.id)
    assert (job.error, job.results) == (Failure.INTERNAL_ERROR.error(), [])
    assert await stored() == set()
    assert bench.children.processes[0].killed.is_set()


async def test_a_message_of_another_role_is_nonsense_too(bench: Bench) -> None:
    bench.children.scripts[0] = says(CircuitsChecked(facts=BatchFacts.of([])))
    held = await bench.hold()
    await bench.run(held)
    assert (await bench.job(held.id)).error == Failure.INTERNAL_ERROR.error()


async def test_half_a_message_is_the_end_of_the_child_and_no_nonsense(bench: Bench) -> None:
    async def script(process: Process) -> None:
        await process.hear()
        process.say_raw(b'{"kind": "no')
        process.end(-signal.SIGKILL)

    bench.children.scripts[0] = script
    held = await bench.hold()
    await bench.run(held)
    assert await bench.phase(held.id) is Phase.QUEUED


def dies(status: int) -> Callable[[Process], Awaitable[None]]:
    async def script(process: Process) -> None:
        await process.hear()
        process.end(status)

    return script


async def test_a_job_whose_child_dies_is_tried_again(bench: Bench, stored: Stored) -> None:
    bench.children.scripts[0] = dies(-signal.SIGSEGV)
    held = await bench.hold()
    await bench.run(held)
    job = await bench.job(held.id)
    assert (job.phase, job.attempt) == (Phase.QUEUED, 1)
    sentence = "the process of attempt 1 died: it was killed by SIGSEGV; the job is tried again"
    assert (await bench.sentences(held.id))[-1] == sentence
    assert bench.bus.hints == [bench.target.name]
    assert bench.rests == []


@pytest.mark.parametrize(
    ("status", "again", "hint"),
    [
        (-signal.SIGSEGV, ErrorType.FATAL, None),
        (1, ErrorType.FATAL, None),
        (-signal.SIGKILL, ErrorType.TRANSIENT, "It may have needed more memory than there is."),
        (-signal.SIGTERM, ErrorType.TRANSIENT, None),
        (
            -signal.SIGXCPU,
            ErrorType.FATAL,
            "It used more processor time than its execution duration allows.",
        ),
    ],
)
async def test_after_the_last_attempt_it_ends_in_error(
    bench: Bench, status: int, again: ErrorType, hint: str | None
) -> None:
    bench.children.scripts[0] = dies(status)
    held = await bench.hold()
    for _ in range(2):
        await bench.run(held)
        held = await bench.claim()
    await bench.run(held)
    job = await bench.job(held.id)
    assert job.phase is Phase.ERROR
    assert job.error is not None
    assert (job.error.code, job.error.type) == ("process_died", again)
    assert job.error.message.startswith(
        "the process that ran the circuits died in each of 3 attempts"
    )
    lines = (job.error.detail or "").splitlines()
    for attempt, line in enumerate(lines[:3], 1):
        assert line.startswith(f"the process of attempt {attempt} died: it ")
    assert lines[3:] == ([] if hint is None else [hint])


async def test_an_abort_kills_the_child_and_unpublished_files_go(
    bench: Bench, stored: Stored
) -> None:
    async def script(process: Process) -> None:
        request = await process.hear()
        write(request, "circuit-0.json", "[0]")
        process.say(CircuitFinished(circuit=0, engine="aer", file="circuit-0.json"))
        process.say(Note(sentence="published"))
        await process.killed.wait()

    bench.children.scripts[0] = script
    held = await bench.hold(circuits=2)
    await bench.place.artifacts.put(f"{held.id}/1/half-done.json", b"{}")
    running = asyncio.ensure_future(bench.run(held))
    await until(lambda: published(bench, held))
    await bench.take_away(held)
    held.changed.set()
    await running
    assert bench.children.processes[0].killed.is_set()
    job = await bench.job(held.id)
    assert (job.phase, job.circuits_done) == (Phase.ABORTED, 1)
    assert await stored() == {f"{held.id}/1/circuit-0.json"}
    assert bench.bus.hints == []


async def test_an_abort_before_the_child_is_there_kills_it(bench: Bench) -> None:
    bench.children.scripts[0] = forever
    held = await bench.hold()
    acquire = bench.children.acquire

    async def slowly(owner: Owner | None = None) -> Child:
        await bench.take_away(held)
        held.changed.set()
        await held.lost.wait()
        return await acquire(owner)

    bench.children.acquire = slowly  # type: ignore[method-assign]
    async with asyncio.timeout(30):
        await bench.run(held)
    assert bench.children.processes[0].killed.is_set()
    assert await bench.phase(held.id) is Phase.ABORTED


async def test_a_hand_back_before_the_child_is_there_kills_it(bench: Bench) -> None:
    bench.children.scripts[0] = forever
    held = await bench.hold()
    held.handing_back = "the worker shuts down"
    async with asyncio.timeout(30):
        await bench.run(held)
    assert bench.children.processes[0].killed.is_set()
    assert await bench.phase(held.id) is Phase.SUSPENDED
    assert (await bench.sentences(held.id))[-1] == "the worker shuts down"


@pytest.mark.parametrize("others_begin", ["before the files are looked at", "later"])
async def test_who_hands_a_job_back_unknowingly_deletes_no_file_of_the_next_holder(
    bench: Bench, stored: Stored, monkeypatch: pytest.MonkeyPatch, others_begin: str
) -> None:
    # An attempt that is handed back gives its number away, and with it the names of its files.
    monkeypatch.setattr("quws.worker.held._RETRY_SECONDS", 0.01)
    bench.children.scripts[0] = forever
    held = await bench.hold(circuits=2)
    held.handing_back = "the worker shuts down"
    hand_back = bench.jobs.publishing.hand_back
    successors: list[HeldJob] = []

    async def unheard(claim: Claim, entry: TimelineEntry, said: Said) -> bool:
        done = await hand_back(claim, entry, said)
        if not done:
            return False
        if others_begin != "later":
            successors.append(await bench.claim())
        await bench.place.artifacts.put(f"{held.id}/1/circuit-0.json", b"[0]")
        raise StoreUnavailable("lost in the commit")

    monkeypatch.setattr(bench.jobs.publishing, "hand_back", unheard)
    await bench.run(held)
    successor = successors[0] if successors else await bench.claim()
    assert successor.claim.attempt == held.claim.attempt
    assert await stored() == {f"{held.id}/1/circuit-0.json"}


async def test_files_of_an_attempt_whose_number_is_used_up_go(bench: Bench, stored: Stored) -> None:
    held = await bench.hold()
    await held.retry("the process died")
    for phase in (Phase.QUEUED, Phase.EXECUTING):
        assert await bench.phase(held.id) is phase
        await bench.place.artifacts.put(f"{held.id}/1/circuit-0.json", b"[0]")
        await sweep_up(held, bench.place)
        assert await stored() == set()
        if phase is Phase.QUEUED:
            assert (await bench.claim()).claim.attempt == 2


async def test_files_of_a_deleted_job_go(bench: Bench, stored: Stored) -> None:
    bench.children.scripts[0] = forever
    held = await bench.hold()
    running = asyncio.ensure_future(bench.run(held))
    await until(lambda: len(bench.children.processes) == 1)
    await bench.place.artifacts.put(f"{held.id}/parameters/0", b"x")
    assert await bench.jobs.control.delete(held.id, NOW)
    held.changed.set()
    await running
    assert await stored() == set()


async def test_a_job_with_a_file_that_is_gone_ends_in_error(bench: Bench) -> None:
    held = await bench.hold()
    job = held.claim.job
    job.parameters[:] = [Parameter("CIRCUIT", artifact="gone", size=3)]
    await bench.run(held)
    error = (await bench.job(held.id)).error
    assert error is not None
    assert (error.code, error.type) == ("not_started", ErrorType.TRANSIENT)
    assert error.message == "a file of the job is gone: gone"
    assert bench.children.processes == []


async def test_without_a_child_the_job_is_given_back_and_the_worker_rests(bench: Bench) -> None:
    bench.children.scarce = "the interpreter is gone"
    held = await bench.hold()
    await bench.run(held)
    assert await bench.phase(held.id) is Phase.SUSPENDED
    assert (await bench.sentences(held.id))[-1] == "the worker could not start a process for it"
    assert bench.rests == ["the interpreter is gone"]


async def test_a_child_without_room_gives_the_job_back_and_the_worker_rests(bench: Bench) -> None:
    bench.children.scripts[0] = says(NoRoom(sentence="the disk is full"))
    held = await bench.hold()
    await bench.run(held)
    assert await bench.phase(held.id) is Phase.SUSPENDED
    assert (await bench.sentences(held.id))[-1] == "the worker has no room for its files"
    assert bench.rests == ["the disk is full"]


async def test_a_scratch_folder_that_is_gone_is_made_again(bench: Bench) -> None:
    bench.children.scripts[0] = completes
    shutil.rmtree(bench.scratch.ready())
    held = await bench.hold()
    await bench.run(held)
    assert await bench.phase(held.id) is Phase.COMPLETED
    assert bench.rests == []


async def test_a_worker_without_room_gives_the_job_back_and_rests(bench: Bench) -> None:
    parent = bench.scratch.ready().parent
    shutil.rmtree(parent)
    parent.write_text("not a folder")
    held = await bench.hold()
    await bench.run(held)
    assert await bench.phase(held.id) is Phase.SUSPENDED
    assert (await bench.sentences(held.id))[-1] == "the worker has no room for its files"
    (why,) = bench.rests
    assert str(parent) in why


async def test_it_rests_before_it_gives_the_job_back(bench: Bench) -> None:
    # Else it would be the first to take the job again.
    bench.children.scarce = "the interpreter is gone"
    held = await bench.hold()
    rested: list[str] = []

    def rest(why: str) -> None:
        assert Phase.SUSPENDED not in bench.bus.phases
        rested.append(why)

    await Run(held, bench.place, bench.target, rest).run()
    assert rested == ["the interpreter is gone"]
    assert bench.bus.phases[-1] is Phase.SUSPENDED


async def test_a_fault_of_ours_leaves_no_job_executing(bench: Bench) -> None:
    held = await bench.hold()
    del held.claim.job.spec.stored_options["shots"]
    await bench.run(held)
    job = await bench.job(held.id)
    assert job.error == Failure.INTERNAL_ERROR.error()


async def test_a_child_that_ends_well_without_a_word_is_a_fault_of_ours(bench: Bench) -> None:
    bench.children.scripts[0] = says()
    held = await bench.hold()
    await bench.run(held)
    assert (await bench.job(held.id)).error == Failure.INTERNAL_ERROR.error()
