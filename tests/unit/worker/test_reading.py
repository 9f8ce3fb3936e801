"""Circuits that are read for a child that must not: by whom, and every way in which that ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_children import Process, until
from worker_bench import CIRCUIT, FACTS, Bench

from quws.domain.bindings import Bindings
from quws.domain.circuits import BatchFacts
from quws.domain.failures import Failure
from quws.domain.job import ErrorType
from quws.domain.phases import Phase
from quws.sandbox.messages import (
    CircuitRefused,
    CircuitsRead,
    CircuitsWanted,
    CircuitsWritten,
    FromChild,
    NoRoom,
    Note,
    ReadCircuits,
    ResultsWritten,
    RunJob,
)

pytestmark = pytest.mark.anyio

Script = Callable[[Process], Awaitable[None]]


def wants(*circuits: int) -> Script:
    async def script(process: Process) -> None:
        request = await process.hear()
        process.say(CircuitsWanted(circuits=list(circuits)))
        answer = await process.hear()
        assert isinstance(answer, CircuitsRead)
        text = (Path(request.folder) / answer.file).read_text()
        process.say(Note(sentence=f"got {text}"), ResultsWritten(files=[]))

    return script


def writes(text: str = "a transcript") -> Script:
    async def script(process: Process) -> None:
        request = await process.hear()
        (Path(request.folder) / "x.jsonl").write_text(text)
        process.say(CircuitsWritten(file="x.jsonl"))
        await process.killed.wait()

    return script


def answers(message: FromChild) -> Script:
    async def script(process: Process) -> None:
        await process.hear()
        process.say(message)
        await process.killed.wait()

    return script


async def dies(process: Process) -> None:
    await process.hear()
    process.end(-signal.SIGSEGV)


async def hangs(process: Process) -> None:
    await process.hear()
    await process.killed.wait()


async def ran(
    bench: Bench, child: Script, reader: Script, circuits: int = 1, bindings: str | None = None
) -> Any:
    bench.children.apart = True
    bench.children.scripts[0], bench.readers.scripts[0] = child, reader
    held = await bench.hold(circuits, bindings=bindings)
    await bench.run(held)
    return await bench.job(held.id)


async def test_a_child_that_must_not_read_never_gets_a_text(bench: Bench) -> None:
    job = await ran(bench, wants(2, 0), writes(), circuits=3)
    assert job.phase is Phase.COMPLETED
    assert "got a transcript" in await bench.sentences(job.id)
    first, second = bench.children.processes[0].heard
    assert isinstance(first, RunJob)
    assert (first.circuits, first.apart, first.count) == ([], 3, 3)
    assert first.facts == BatchFacts.of([FACTS] * 3)
    assert "OPENQASM 2" not in first.model_dump_json() + second.model_dump_json()
    (request,) = bench.readers.processes[0].heard
    assert isinstance(request, ReadCircuits)
    assert request.circuits == [CIRCUIT, CIRCUIT]
    assert request.languages == [FACTS.language] * 2
    assert request.limits == bench.target.circuit_limits
    assert request.folder != first.folder
    assert [left.name for left in bench.scratch.ready().iterdir()] == ["lock"]


async def test_one_text_with_values_is_read_for_those_that_are_wanted(bench: Bench) -> None:
    job = await ran(bench, wants(2, 0), writes(), circuits=3, bindings="a\n1\n2\n3\n")
    assert job.phase is Phase.COMPLETED
    (asked, _) = bench.children.processes[0].heard
    assert isinstance(asked, RunJob)
    assert (asked.circuits, asked.count, asked.bindings) == ([], 3, None)
    (request,) = bench.readers.processes[0].heard
    assert isinstance(request, ReadCircuits)
    assert (request.circuits, request.languages) == ([CIRCUIT], [FACTS.language])
    assert request.bindings == Bindings(names=["a"], rows=[[3.0], [1.0]])


async def test_who_reads_himself_gets_the_values_of_all(bench: Bench) -> None:
    async def done(process: Process) -> None:
        await process.hear()
        process.say(ResultsWritten(files=[]))

    bench.children.scripts[0] = done
    held = await bench.hold(2, bindings='{"a": [1, 2]}')
    await bench.run(held)
    (asked,) = bench.children.processes[0].heard
    assert isinstance(asked, RunJob)
    assert (asked.circuits, asked.count) == ([CIRCUIT], 2)
    assert asked.bindings == Bindings(names=["a"], rows=[[1.0], [2.0]])


async def test_who_reads_himself_cannot_have_it_done(bench: Bench) -> None:
    bench.children.scripts[0] = wants(0)
    held = await bench.hold()
    await bench.run(held)
    assert (await bench.job(held.id)).error == Failure.INTERNAL_ERROR.error()
    assert bench.readers.processes == []


async def test_a_circuit_that_cannot_be_read_ends_the_job(bench: Bench) -> None:
    refused = CircuitRefused(circuit=0, sentence="no such word", line=3, column=1)
    job = await ran(bench, wants(0), answers(refused))
    assert job.phase is Phase.ERROR
    assert (job.error.code, job.error.type) == ("invalid_payload", ErrorType.FATAL)
    assert "no such word" in job.error.message
    assert bench.children.processes[0].killed.is_set()


async def test_who_dies_of_a_circuit_is_tried_again_as_the_job_s_own_process_is(
    bench: Bench,
) -> None:
    job = await ran(bench, wants(0), dies)
    assert job.phase is Phase.QUEUED
    assert any("SIGSEGV" in (item or "") for item in await bench.sentences(job.id))
    assert bench.children.processes[0].killed.is_set()


@pytest.mark.parametrize(
    "answer", [CircuitsWritten(file="nothing.jsonl"), ResultsWritten(files=[])]
)
async def test_nonsense_is_a_fault_of_ours(bench: Bench, answer: FromChild) -> None:
    job = await ran(bench, wants(0), answers(answer))
    assert job.error == Failure.INTERNAL_ERROR.error()


async def test_so_is_a_circuit_that_the_job_has_not(bench: Bench) -> None:
    job = await ran(bench, wants(1), writes())
    assert job.error == Failure.INTERNAL_ERROR.error()
    assert bench.readers.processes == []


async def test_without_room_the_job_goes_on_elsewhere(bench: Bench) -> None:
    job = await ran(bench, wants(0), answers(NoRoom(sentence="the disk is full")))
    assert job.phase is Phase.SUSPENDED
    assert bench.rests == ["the disk is full"]


async def test_without_processes_it_does_so_too(bench: Bench) -> None:
    bench.readers.scarce = "no zygote"
    job = await ran(bench, wants(0), writes())
    assert job.phase is Phase.SUSPENDED
    assert bench.rests == ["no zygote"]


async def test_a_job_that_is_stopped_is_read_no_further(bench: Bench) -> None:
    bench.children.apart = True
    bench.children.scripts[0], bench.readers.scripts[0] = wants(0), hangs
    held = await bench.hold()
    running = asyncio.ensure_future(bench.run(held))
    await until(lambda: any(process.heard for process in bench.readers.processes))
    await bench.take_away(held)
    held.changed.set()
    await running
    assert await bench.phase(held.id) is Phase.ABORTED
    assert bench.readers.processes[0].killed.is_set()


async def test_nothing_is_written_over_or_through_what_a_child_has_made(
    bench: Bench, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("whole")

    async def sets_a_trap(process: Process) -> None:
        request = await process.hear()
        (Path(request.folder) / "transcripts-0.jsonl").symlink_to(victim)
        process.say(CircuitsWanted(circuits=[0]))
        await process.killed.wait()

    job = await ran(bench, sets_a_trap, writes())
    assert victim.read_text() == "whole"
    assert job.phase is Phase.SUSPENDED
