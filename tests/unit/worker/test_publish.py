"""Circuits of a batch are published together: in which files, when, and each once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest
from store_helpers import NOW, later
from worker_bench import FACTS, Bench

from quws.bus.events import JobEvent
from quws.domain.batch import CircuitStatus
from quws.domain.failures import Failure
from quws.domain.job import LARGE_BATCH, TimelineEntry, circuits_of
from quws.domain.outcome_texts import circuit_json
from quws.domain.outcomes import CircuitOutcome, read_circuits
from quws.domain.phases import Phase
from quws.domain.policy import Policy
from quws.sandbox.folder import ChildFolder
from quws.sandbox.messages import (
    CircuitFailed,
    CircuitFinished,
    MessageFault,
    ResultFile,
    ResultsWritten,
)
from quws.services.jobs.files import JobFiles
from quws.services.quotas import Quotas
from quws.worker import publish
from quws.worker.held import HeldJob
from quws.worker.interruptions import CircuitsAborted, Fenced, TooMuch
from quws.worker.publish import Finished

pytestmark = pytest.mark.anyio
LARGE = LARGE_BATCH + 1


class Hands:
    """Circuits as a child finishes them, and a clock that its test sets."""

    def __init__(self, folder: ChildFolder) -> None:
        self.folder = folder
        self.now = 0.0

    def finished(self, held: HeldJob) -> Finished:
        held.began = 0.0
        return Finished(held, partial(self.folder.open, most_bytes=9999), self.folder.path)

    def outcome(self, index: int) -> str:
        registers = FACTS.registers
        found = CircuitOutcome({"0": index, "1": 3}, index=index, registers=registers, engine="a")
        return "".join(circuit_json(found))

    def small(self, index: int) -> CircuitFinished:
        return CircuitFinished(circuit=index, engine="aer", outcome=self.outcome(index))

    def large(self, index: int) -> CircuitFinished:
        name = f"circuit-{index}.json"
        (self.folder.path / name).write_text(self.outcome(index))
        return CircuitFinished(circuit=index, engine="stim", file=name)


@pytest.fixture
def hands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
    hands = Hands(ChildFolder(tmp_path))
    monkeypatch.setattr(publish, "monotonic", lambda: hands.now)
    yield hands
    hands.folder.remove()


async def listed(bench: Bench, held: HeldJob) -> list[str]:
    return [item.id for item in (await bench.job(held.id)).results]


async def test_a_large_batch_has_files_in_common(bench: Bench, hands: Hands) -> None:
    held = await bench.hold(circuits=LARGE)
    finished = hands.finished(held)
    assert finished.wait_seconds() is None
    await finished.add(hands.small(0), NOW)
    await finished.add(hands.large(1), NOW)
    await finished.add(hands.small(2), NOW)
    assert finished.wait_seconds() == 0.5
    assert await listed(bench, held) == []
    hands.now = 0.5
    assert finished.wait_seconds() == 0
    await finished.add(hands.small(3), NOW)
    assert await listed(bench, held) == ["counts-0-3"]
    assert finished.wait_seconds() is None
    job = await bench.job(held.id)
    assert job.circuits_done == 4
    assert "circuits 0 to 3 of 301 on aer, stim" in await bench.sentences(held.id)
    content = await bench.place.artifacts.read(job.results[0].artifact)
    assert [item.index for item in read_circuits(content)] == [0, 1, 2, 3]
    assert json.loads(content)["job"] == held.id
    # Each of them is found as if it had a file of its own.
    files = JobFiles(bench.jobs, bench.place.artifacts)
    for index in range(4):
        found = await files.result(job, f"counts-{index}")
        for start, end in ((0, None), (0, found.size), (2, 9)):
            cut = b"".join([chunk async for chunk in found.read(start, end)])
            assert cut.decode() == hands.outcome(index)[start:end]
        assert found.size == len(hands.outcome(index))


async def test_what_takes_long_is_published_less_often(bench: Bench, hands: Hands) -> None:
    large, small = await bench.hold(circuits=LARGE), await bench.hold(circuits=LARGE_BATCH)
    hands.now = 1000.0
    for held, seconds in ((large, 20.0), (small, 0.5)):
        finished = hands.finished(held)
        await finished.add(hands.small(0), NOW)
        assert finished.wait_seconds() == seconds


async def test_a_hundred_are_published_at_once(bench: Bench, hands: Hands) -> None:
    held = await bench.hold(circuits=LARGE)
    finished = hands.finished(held)
    for index in range(250):
        await finished.add(hands.small(index), NOW)
    assert await listed(bench, held) == ["counts-0-99", "counts-100-199"]
    await finished.publish()
    assert await listed(bench, held) == ["counts-0-99", "counts-100-199", "counts-200-249"]
    assert (await bench.job(held.id)).circuits_done == 250


async def test_in_a_small_batch_each_circuit_has_its_file(bench: Bench, hands: Hands) -> None:
    held = await bench.hold(circuits=4)
    finished = hands.finished(held)
    await finished.add(hands.small(0), NOW)
    await finished.add(hands.small(1), NOW)
    assert await listed(bench, held) == []
    # A large one waits for nobody.
    await finished.add(hands.large(2), NOW)
    assert await listed(bench, held) == ["counts-0", "counts-1", "counts-2"]
    await finished.add(hands.small(3), NOW)
    await finished.publish()
    job = await bench.job(held.id)
    for index, result in enumerate(job.results):
        content = await bench.place.artifacts.read(result.artifact)
        assert content.decode() == hands.outcome(index)


async def test_circuits_that_do_not_follow_each_other_have_no_file_in_common(
    bench: Bench, hands: Hands
) -> None:
    held = await bench.hold(circuits=LARGE)
    finished = hands.finished(held)
    for index in (0, 1, 5, 6, 4):
        await finished.add(hands.small(index), NOW)
    await finished.publish()
    results = (await bench.job(held.id)).results
    assert [item.id for item in results] == ["counts-0-1", "counts-4", "counts-5-6"]
    # One that is alone is a file of its own.
    assert (await bench.place.artifacts.read(results[1].artifact)).decode() == hands.outcome(4)


async def test_a_worker_that_is_lost_leaves_what_is_published_and_each_circuit_once(
    bench: Bench, hands: Hands
) -> None:
    held = await bench.hold(circuits=LARGE)
    lost = hands.finished(held)
    for index in range(130):
        await lost.add(hands.small(index), NOW)
    assert await listed(bench, held) == ["counts-0-99"]
    await held.retry("its worker was lost")
    again = await bench.claim()
    files = await bench.jobs.reading.circuit_artifacts(held.id)
    assert sorted(files) == list(range(100))
    # It comes back, and must change nothing.
    with pytest.raises(Fenced):
        await lost.publish()
    finished = hands.finished(again)
    for index in range(100, LARGE):
        await finished.add(hands.small(index), NOW)
    await finished.publish()
    job = await bench.job(held.id)
    assert job.circuits_done == LARGE
    circuits = [index for item in job.results for index in circuits_of(item.id)]
    assert circuits == list(range(LARGE))


async def test_what_is_too_much_is_not_published(bench: Bench, hands: Hands) -> None:
    bench = bench.with_place(results_bytes=1000)
    held = await bench.hold(circuits=LARGE)
    finished = hands.finished(held)
    for index in range(20):
        await finished.add(hands.small(index), NOW)
    with pytest.raises(TooMuch) as caught:
        await finished.publish()
    assert caught.value.error == Failure.RESULTS_TOO_LARGE.error(bytes=1000)
    assert await listed(bench, held) == []


async def test_what_a_child_makes_up_is_refused(bench: Bench, hands: Hands) -> None:
    held = await bench.hold(circuits=LARGE)
    finished = hands.finished(held)
    with pytest.raises(MessageFault):
        await finished.add(hands.small(LARGE), NOW)
    await finished.add(CircuitFinished(circuit=0, engine="aer", file="none.json"), NOW)
    with pytest.raises(MessageFault):
        await finished.publish()
    # What comes of a single circuit is among the results of its job.
    await finished.add(CircuitFinished(circuit=0, engine="aer"), NOW)
    assert finished.wait_seconds() is None


async def test_circuits_without_a_result_have_their_place_in_a_file(
    bench: Bench, hands: Hands
) -> None:
    held = await bench.hold(circuits=LARGE)
    await bench.jobs.control.abort_circuits(held.id, {2, 3}, NOW, "anna")
    held.batch.learn(await bench.jobs.circuits.over(held.id))
    finished = hands.finished(held)
    await finished.add(hands.small(0), NOW)
    await finished.add(CircuitFailed(circuit=1, sentence="too wide"), NOW)
    # It was aborted while it ran.
    await finished.add(hands.small(2), NOW)
    await finished.add(hands.small(4), NOW)
    await finished.publish()
    job = await bench.job(held.id)
    (result,) = job.results
    assert (result.id, job.circuits_done, job.circuits_failed) == ("counts-0-4", 2, 1)
    circuits = read_circuits(await bench.place.artifacts.read(result.artifact))
    assert [item.index for item in circuits] == [0, 1, 2, 3, 4]
    assert [item.missing for item in circuits] == [
        None, "failed: too wide", "aborted", "aborted", None,
    ]  # fmt: skip
    files = JobFiles(bench.jobs, bench.place.artifacts)
    found = await files.result(job, "counts-4")
    cut = b"".join([chunk async for chunk in found.read(0, None)])
    assert cut.decode() == hands.outcome(4)


def done(*outcomes: str) -> ResultsWritten:
    """What a child says in the end."""
    files = [
        ResultFile(id=name, file=f"{name}.json", mime_type="application/json", content=content)
        for name, content in zip(("result", "counts"), outcomes, strict=True)
    ]
    return ResultsWritten(files=files)


async def test_what_is_gathered_goes_with_the_end(bench: Bench, hands: Hands) -> None:
    held = await bench.hold(circuits=4)
    finished = hands.finished(held)
    await finished.add(hands.large(0), NOW)
    for index in (1, 2, 3):
        await finished.add(hands.small(index), later(index))
    assert await listed(bench, held) == ["counts-0"]
    await finished.end(done("all", "every"))
    job = await bench.job(held.id)
    names = ["result", "counts", "counts-0", "counts-1", "counts-2", "counts-3"]
    assert [item.id for item in job.results] == names
    assert (job.phase, job.circuits_done) == (Phase.COMPLETED, 4)
    contents = [await bench.place.artifacts.read(item.artifact) for item in job.results]
    expected = ["all", "every", *map(hands.outcome, range(4))]
    assert [item.decode() for item in contents] == expected
    assert [item.size for item in job.results] == list(map(len, expected))
    states = await bench.jobs.circuits.page(held.id, 9)
    assert {item.status for item in states} == {CircuitStatus.COMPLETED}
    assert [item.start_time for item in states] == [NOW, *[later(1)] * 3]
    told = await bench.sentences(held.id)
    assert told[-2:] == ["circuits 1 to 3 of 4 on aer", None]
    # What nobody waits for is not written apart.
    assert bench.bus.phases == [Phase.EXECUTING, Phase.COMPLETED]
    assert len(await bench.jobs.garbage.named(held.id)) == 2


async def test_what_was_aborted_in_the_last_moment_has_no_result(
    bench: Bench, hands: Hands
) -> None:
    held = await bench.hold(circuits=3)
    finished = hands.finished(held)
    for index in range(3):
        await finished.add(hands.small(index), NOW)
    await bench.jobs.control.abort_circuits(held.id, {1}, NOW, "anna")
    with pytest.raises(CircuitsAborted):
        await finished.end(done("all", "every"))
    # What the others gave is not lost: who goes on begins behind it.
    job = await bench.job(held.id)
    assert (job.phase, job.circuits_done) == (Phase.EXECUTING, 2)
    assert await listed(bench, held) == ["counts-0", "counts-2"]
    assert sorted(await bench.jobs.reading.circuit_artifacts(held.id)) == [0, 2]


async def test_jobs_that_end_at_once_end_each_in_its_own_way(bench: Bench, tmp_path: Path) -> None:
    bench = bench.with_place(quotas=Quotas(bench.jobs.usage, Policy(max_stored_bytes=2000)))
    good, greedy, lost, empty, second = [await bench.hold(owner=name) for name in "abcde"]
    await bench.jobs.control.abort(lost.id, TimelineEntry(NOW, "aborted", "quws"))

    def of(content: str | None) -> ResultsWritten:
        file = ResultFile(id="counts", file="c.json", mime_type="application/json", content=content)
        return ResultsWritten(files=[file])

    def take(_: str) -> BinaryIO:
        raise FileNotFoundError("the folder is gone")

    ended = await asyncio.gather(
        Finished(good, take, tmp_path).end(of("{}")),
        Finished(greedy, take, tmp_path).end(of("x" * 2001)),
        Finished(lost, take, tmp_path).end(of("{}")),
        Finished(empty, take, tmp_path).end(of(None)),
        Finished(second, take, tmp_path).end(of("[]")),
        return_exceptions=True,
    )
    kinds = [type(None), TooMuch, Fenced, FileNotFoundError, type(None)]
    assert [type(item) for item in ended] == kinds
    jobs = [await bench.job(held.id) for held in (good, greedy, lost, empty, second)]
    assert [job.phase for job in jobs] == [
        Phase.COMPLETED,
        Phase.EXECUTING,
        Phase.ABORTED,
        Phase.EXECUTING,
        Phase.COMPLETED,
    ]
    assert [len(job.results) for job in jobs] == [1, 0, 0, 0, 1]
    assert bench.bus.events == [
        JobEvent(held.id, Phase.COMPLETED, by="worker-1") for held in (good, second)
    ]
