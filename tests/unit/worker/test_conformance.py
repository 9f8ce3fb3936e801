"""The conformance circuits on a target: what is asked of it, and what is said of a wrong one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_children import Killed, Process
from store_helpers import NOW
from tiny_device import Counts, TinyDevice, right_counts
from worker_bench import Bench

from quws.domain.circuits import BatchFacts, CircuitLimits
from quws.domain.conformance import ConformanceReport, Verdict
from quws.domain.job import ErrorType, JobError
from quws.domain.options import RunOptions
from quws.domain.parameters.values import ResponseFormat
from quws.domain.targets import Feature, TargetDescription
from quws.sandbox.messages import (
    Cancel,
    Cancellation,
    CircuitsChecked,
    Go,
    InDoubt,
    JobFailed,
    KnownHandover,
    NoRoom,
    Note,
    NotSubmitted,
    Progress,
    ResultsWritten,
    RunJob,
)
from quws.sandbox.pool import ChildrenUnavailable
from quws.worker import conformance
from quws.worker.conformance import Conformance

pytestmark = pytest.mark.anyio

PASSED, FAILED, SKIPPED = Verdict.PASSED, Verdict.FAILED, Verdict.SKIPPED
CIRCUITS = {
    "flips": PASSED,
    "registers": PASSED,
    "partial": PASSED,
    "entangled": PASSED,
    "sweep": PASSED,
    "wide": PASSED,
    "mid-circuit": PASSED,
    "reset": PASSED,
    "control": PASSED,
    "delay": PASSED,
    "memory": PASSED,
}
JOBS = {"single": PASSED, "seed": PASSED, "cancel": PASSED, "re-attach": SKIPPED}


def described(bench: Bench, **changes: Any) -> TargetDescription:
    changes = {"features": list(Feature), "circuit_limits": CircuitLimits(qubits=5)} | changes
    return bench.target.model_copy(update=changes)


async def checked(
    bench: Bench, device: Any, *, quick: bool = True, **changes: Any
) -> ConformanceReport:
    bench.children.scripts[0] = device
    target = described(bench, **changes)
    check = Conformance(bench.children, bench.place.readers, target, quick=quick, clock=lambda: NOW)
    report = await check.run()
    assert [left.name for left in bench.scratch.ready().iterdir()] == ["lock"]
    assert all(process.child.exited.done() for process in bench.children.processes)
    return report


def verdicts(report: ConformanceReport) -> dict[str, Verdict]:
    return {item.name: item.outcome for item in report.checks}


def failures(report: ConformanceReport) -> dict[str, str | None]:
    return {item.name: item.message for item in report.checks if item.outcome is FAILED}


def message(report: ConformanceReport, name: str) -> str | None:
    return next(item.message for item in report.checks if item.name == name)


# -- what a right target is asked -----------------------------------------------------------------


@pytest.mark.parametrize("quick", [True, False])
async def test_a_right_target_passes(bench: Bench, quick: bool) -> None:
    report = await checked(bench, TinyDevice(), quick=quick)
    assert verdicts(report) == CIRCUITS | JOBS
    assert report.passed
    assert (report.target, report.time, report.quick) == (bench.target.name, NOW, quick)
    assert report.fingerprint == described(bench).fingerprint
    assert 0 <= report.seconds < 60
    assert report.seconds == round(report.seconds, 3)
    assert [item.message for item in report.checks if item.outcome is not PASSED] == [
        "it has no queue of its own"
    ]
    assert len({item.title for item in report.checks}) == len(report.checks)


@pytest.mark.parametrize(
    ("quick", "most", "shots"), [(True, 1000, 200), (False, 10_000, 1000), (False, 300, 300)]
)
async def test_jobs_of_the_check_are_as_those_of_users(
    bench: Bench, quick: bool, most: int, shots: int
) -> None:
    device = TinyDevice()
    await checked(bench, device, quick=quick, max_shots=most)
    first = device.jobs[0]
    assert first == RunJob(
        job="conformance",
        circuits=first.circuits,
        facts=None,
        limits=CircuitLimits(qubits=5),
        options=RunOptions(shots=shots, seed=20_261, memory=True),
        response_format=ResponseFormat.JSON,
        folder=first.folder,
        file_bytes=64 << 20,
    )
    assert Path(first.folder).parent == bench.scratch.ready()
    # All in one batch; then one alone, the same twice, and one after the one that is killed.
    assert [len(job.circuits) for job in device.jobs] == [len(first.circuits), 1, 1, 1, 1]
    lone, again, same, after = (job.circuits[0] for job in device.jobs[1:])
    assert again == same
    (zeros, ones) = sorted(right_counts(again, 100))
    assert (zeros, ones) == ("0", "1")
    assert lone == after
    (bits,) = right_counts(lone, 1)
    assert bits != bits[::-1]


@pytest.mark.parametrize("most", [1, 4])
async def test_no_batch_is_larger_than_the_target_takes(bench: Bench, most: int) -> None:
    all_at_once, some = TinyDevice(), TinyDevice()
    await checked(bench, all_at_once)
    assert verdicts(await checked(bench, some, max_circuits=most)) == CIRCUITS | JOBS
    sent = [job.circuits for job in some.jobs[:-4]]
    assert [source for circuits in sent for source in circuits] == all_at_once.jobs[0].circuits
    assert {len(circuits) for circuits in sent[:-1]} == {most}
    assert 1 <= len(sent[-1]) <= most


async def test_what_is_not_claimed_is_not_asked(bench: Bench) -> None:
    device = TinyDevice()
    report = await checked(bench, device, features=[])
    assert report.passed
    for name in ("mid-circuit", "reset", "control", "delay", "memory", "seed"):
        assert verdicts(report)[name] is SKIPPED
        assert "it does not claim" in (message(report, name) or "")
    assert message(report, "memory") == "it does not claim memory"
    assert message(report, "seed") == "it does not claim seed"
    assert device.jobs[0].options == RunOptions(shots=200, seed=None, memory=False)


async def test_a_target_with_one_qubit_can_pass(bench: Bench) -> None:
    report = await checked(bench, TinyDevice(), circuit_limits=CircuitLimits(qubits=1))
    assert report.passed
    assert verdicts(report)["registers"] is SKIPPED
    assert verdicts(report)["single"] is PASSED


# -- what is wrong with the others ----------------------------------------------------------------


async def test_wrong_bits_are_found_and_no_job_is_tried(bench: Bench) -> None:
    def reversed_bits(source: str, shots: int) -> Counts:
        return {bits[::-1]: count for bits, count in right_counts(source, shots).items()}

    device = TinyDevice(give=reversed_bits)
    report = await checked(bench, device)
    assert not report.passed
    assert verdicts(report)["sweep"] is PASSED
    assert message(report, "flips") == "it gives '10000' where '00001' is right"
    assert verdicts(report).keys() == CIRCUITS.keys()
    assert len(device.jobs) == 1


async def test_a_check_fails_by_any_of_its_circuits(bench: Bench) -> None:
    def third_is_wrong(source: str, shots: int) -> Counts:
        right = right_counts(source, shots)
        return {"00000": shots} if "00100" in right else right

    report = await checked(bench, TinyDevice(give=third_is_wrong))
    assert failures(report) == {"flips": "it gives '00000' where '00100' is right"}


async def test_the_shots_are_counted(bench: Bench) -> None:
    report = await checked(bench, TinyDevice(give=lambda source, shots: right_counts(source, 199)))
    assert failures(report)["flips"] == "it gives 199 shots, 200 were asked for"


@pytest.mark.parametrize(
    ("remember", "wrong"),
    [
        (lambda _: None, "it claims to give the bits of each shot, and gives none"),
        (
            lambda counts: ["1" * len(bits) for bits in counts],
            "the bits of single shots do not add up to the counts",
        ),
    ],
)
async def test_the_bits_of_each_shot_are_judged(
    bench: Bench, remember: Callable[[Counts], list[str] | None], wrong: str
) -> None:
    report = await checked(bench, TinyDevice(remember=remember))
    assert failures(report) == {"memory": wrong}


async def test_the_bits_of_each_shot_are_wrong_if_those_of_one_circuit_are(bench: Bench) -> None:
    wrong = [0, 1, 0]

    def once(counts: Counts) -> list[str] | None:
        shots = [bits for bits, count in counts.items() for _ in range(count)]
        return shots[1:] if wrong and wrong.pop(0) else shots

    report = await checked(bench, TinyDevice(remember=once))
    assert failures(report) == {"memory": "the bits of single shots do not add up to the counts"}


def has(name: str) -> Callable[[RunJob], str | None]:
    return lambda job: f"no {name}" if any(name in source for source in job.circuits) else None


async def test_a_circuit_that_cannot_be_run_is_found_by_running_each_alone(bench: Bench) -> None:
    device = TinyDevice(fails=has("reset"))
    report = await checked(bench, device)
    assert failures(report) == {"reset": "no reset"}
    batch, *alone = device.jobs
    assert [job.circuits for job in alone] == [[source] for source in batch.circuits]


async def test_where_none_can_be_run_not_all_are_tried(bench: Bench) -> None:
    device = TinyDevice(fails=lambda _: "it is cold")
    report = await checked(bench, device)
    assert failures(report) == {name: "it is cold" for name in CIRCUITS if name != "memory"}
    assert (verdicts(report)["memory"], message(report, "memory")) == (
        SKIPPED,
        "no circuit could be run",
    )
    assert [len(job.circuits) for job in device.jobs[1:]] == [1, 1, 1]


async def test_where_some_can_be_run_all_are_tried(bench: Bench) -> None:
    device = TinyDevice(fails=has("rx"))
    report = await checked(bench, device, max_circuits=8)
    assert failures(report) == {"sweep": "no rx"}
    assert verdicts(report)["memory"] is PASSED


# -- jobs that do not do what they should ---------------------------------------------------------


def dies(status: int) -> Callable[[Process], Any]:
    async def script(process: Process) -> None:
        await process.hear()
        process.end(status)

    return script


async def no_room(process: Process) -> None:
    await process.hear()
    process.say(NoRoom(sentence="the disk is full"))


async def nonsense(process: Process) -> None:
    await process.hear()
    process.say_raw(b"what?\n")
    await process.killed.wait()


async def of_another_role(process: Process) -> None:
    await process.hear()
    process.say(CircuitsChecked(facts=BatchFacts.of([])))
    await process.killed.wait()


async def silent(process: Process) -> None:
    await process.hear()


async def unreadable(process: Process) -> None:
    request = await process.hear()
    (Path(request.folder) / "counts.json").write_text("[]")
    process.say(ResultsWritten(files=[]))


@pytest.mark.parametrize(
    ("script", "wrong"),
    [
        (dies(3), "its process died: it ended with status 3"),
        (no_room, "the disk is full"),
        (nonsense, "a message that is no JSON"),
        (of_another_role, "a message at the wrong time: circuits_checked"),
        (silent, "its process ended without a result"),
        (unreadable, "the outcomes are no JSON object"),
    ],
)
async def test_a_job_that_fails_fails_the_check(bench: Bench, script: Any, wrong: str) -> None:
    report = await checked(bench, script)
    assert set(failures(report).values()) == {wrong}


async def test_a_job_must_give_as_many_results_as_it_has_circuits(bench: Bench) -> None:
    class OneShort(TinyDevice):
        async def _run(self, process: Process, request: RunJob) -> None:
            fewer = request.model_copy(update={"circuits": request.circuits[:-1]})
            await super()._run(process, fewer)

    report = await checked(bench, OneShort())
    assert failures(report)["flips"] == "it gives counts of 0 circuits, of 1 are right"


@pytest.mark.parametrize("remote", [False, True])
async def test_a_job_that_takes_too_long_is_not_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, remote: bool
) -> None:
    async def hangs(process: Process) -> None:
        await process.killed.wait()

    own, others = (
        ("_REMOTE_SECONDS", "_LOCAL_SECONDS")
        if remote
        else (
            "_LOCAL_SECONDS",
            "_REMOTE_SECONDS",
        )
    )
    monkeypatch.setattr(conformance, own, 0.01)
    monkeypatch.setattr(conformance, others, 60.0)
    report = await checked(bench, hangs, remote=remote)
    assert set(failures(report).values()) == {"it was not done within 0 seconds"}


async def test_what_is_said_meanwhile_does_not_matter(bench: Bench) -> None:
    said = [Note(sentence="warm"), Progress(sentence="half"), NotSubmitted()]
    assert (await checked(bench, TinyDevice(says=lambda _: [*said]))).passed


async def test_without_children_there_is_no_report(bench: Bench) -> None:
    bench.children.scarce = "the interpreter is gone"
    with pytest.raises(ChildrenUnavailable):
        await checked(bench, TinyDevice())


# -- what jobs do ---------------------------------------------------------------------------------


def from_job(number: int, then: Any) -> Any:
    """A device that is right until its jobs have come so far."""
    device = TinyDevice()

    async def script(process: Process) -> None:
        if len(device.jobs) >= number:
            device.jobs.append(None)  # type: ignore[arg-type]
            await then(process)
        else:
            await device(process)

    return script


@pytest.mark.parametrize(
    ("number", "wrong"),
    [
        (1, {"single", "seed", "cancel"}),
        (2, {"seed", "cancel"}),
        (3, {"seed", "cancel"}),
        (4, {"cancel"}),
    ],
)
async def test_jobs_of_one_circuit_are_judged_too(
    bench: Bench, number: int, wrong: set[str]
) -> None:
    report = await checked(bench, from_job(number, dies(1)))
    assert failures(report) == dict.fromkeys(wrong, "its process died: it ended with status 1")


async def test_a_circuit_alone_must_give_the_same_as_in_a_batch(bench: Bench) -> None:
    device = TinyDevice()

    def worse_alone(source: str, shots: int) -> Counts:
        alone = len(device.jobs[-1].circuits) == 1
        return {"0" * 5: shots} if alone and "rx" not in source else right_counts(source, shots)

    device.give = worse_alone
    report = await checked(bench, device)
    wrong = "it gives '00000' where '10000' is right"
    assert failures(report) == {"single": wrong, "cancel": wrong}


async def test_the_same_seed_must_give_the_same_counts(bench: Bench) -> None:
    device = TinyDevice()

    def other(source: str, shots: int) -> Counts:
        if len(device.jobs) == 4:
            return {"0": shots - 1, "1": 1}
        return right_counts(source, shots)

    device.give = other
    report = await checked(bench, device)
    assert failures(report) == {"seed": "two runs gave different counts"}


async def test_the_job_that_is_cancelled_is_killed(bench: Bench) -> None:
    assert (await checked(bench, TinyDevice())).passed
    killed = [process.killed.is_set() for process in bench.children.processes]
    assert killed == [False, False, False, False, True, False]


# -- a target with a queue of its own -------------------------------------------------------------


async def test_a_remote_target_passes(bench: Bench) -> None:
    device = TinyDevice()
    report = await checked(bench, device, remote=True)
    assert verdicts(report) == CIRCUITS | JOBS | {"re-attach": PASSED}
    handovers = [job.handover for job in device.jobs]
    keys = [item.key for item in handovers if item is not None]
    # One that is cancelled, and last one that is handed over and found again.
    *others, submitted, found = handovers
    assert submitted is not None
    assert found == KnownHandover(key=submitted.key, begun=True, handle=f"theirs-{submitted.key}")
    assert all(item == KnownHandover(key=item.key) for item in [*others, submitted] if item)
    assert len(set(keys)) == len(device.jobs) - 1
    cancelled = others[-1]
    assert cancelled is not None
    assert device.cancelled == [Cancel(key=cancelled.key, handle=f"theirs-{cancelled.key}")]


@pytest.mark.parametrize("outcome", [Cancellation.DONE, Cancellation.MISSING])
async def test_a_cancellation_may_take_more_than_one_try(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, outcome: Cancellation
) -> None:
    monkeypatch.setattr(conformance, "_CANCEL_PAUSES", (0.0, 0.0, 0.0))
    again = Cancellation.AGAIN
    device = TinyDevice(cancels=[again, again, outcome, again])
    assert (await checked(bench, device, remote=True)).passed
    assert len(device.cancelled) == 3


async def test_one_that_never_comes_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "_CANCEL_PAUSES", (0.0, 0.0))
    device = TinyDevice(cancels=[Cancellation.AGAIN])
    report = await checked(bench, device, remote=True)
    assert failures(report) == {"cancel": "it was not stopped: it is being looked for"}
    assert len(device.cancelled) == 2


class Cancelling(TinyDevice):
    """Is right, but does something else where it is asked to cancel."""

    def __init__(self, instead: Callable[[Process], Any]) -> None:
        super().__init__()
        self._instead = instead

    async def _cancel(self, process: Process) -> None:
        await self._instead(process)


async def dead(process: Process) -> None:
    process.end(1)


async def chats(process: Process) -> None:
    process.say(Note(sentence="hello"))


@pytest.mark.parametrize(
    ("instead", "wrong"),
    [
        (dead, "its process died: it ended with status 1"),
        (chats, "a message at the wrong time: note"),
    ],
)
async def test_who_cannot_cancel_fails_in_that_alone(
    bench: Bench, instead: Callable[[Process], Any], wrong: str
) -> None:
    report = await checked(bench, Cancelling(instead), remote=True)
    assert failures(report) == {"cancel": wrong}


async def test_who_takes_too_long_to_cancel_fails_in_that_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(process: Process) -> None:
        monkeypatch.setattr(conformance, "_REMOTE_SECONDS", 60.0)
        await process.killed.wait()

    device = Cancelling(hangs)

    async def hand_over(process: Process, key: str) -> None:
        if len(device.jobs) == 5:
            monkeypatch.setattr(conformance, "_REMOTE_SECONDS", 0.05)
        await Cancelling._hand_over(device, process, key)

    monkeypatch.setattr(device, "_hand_over", hand_over)
    report = await checked(bench, device, remote=True)
    assert failures(report) == {"cancel": "it was not stopped in time"}


class HandingOver(TinyDevice):
    """Is right, but does something else where it would hand over a job of one circuit."""

    def __init__(self, instead: Callable[[Process, RunJob], Any]) -> None:
        super().__init__()
        self._instead = instead

    async def _hand_over(self, process: Process, key: str) -> None:
        # The batch, the one alone, and two of a seed come before.
        if len(self.jobs) < 5:
            await super()._hand_over(process, key)
        else:
            await self._instead(process, self.jobs[-1])


async def refuses(process: Process, request: RunJob) -> None:
    process.say(JobFailed(error=JobError(ErrorType.FATAL, "test", "no licence")))
    raise Killed


async def dies_meanwhile(process: Process, request: RunJob) -> None:
    process.end(1)
    raise Killed


async def says_nothing(process: Process, request: RunJob) -> None:
    raise Killed


@pytest.mark.parametrize(
    ("instead", "wrong"),
    [
        (refuses, "no licence"),
        (dies_meanwhile, "its process died: it ended with status 1"),
        (says_nothing, "it was not handed over"),
    ],
)
async def test_who_cannot_hand_over_fails_in_what_needs_it(
    bench: Bench, instead: Callable[[Process, RunJob], Any], wrong: str
) -> None:
    report = await checked(bench, HandingOver(instead), remote=True)
    assert failures(report) == {"cancel": wrong, "re-attach": wrong}


async def test_who_never_hands_over_is_not_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(process: Process, request: RunJob) -> None:
        await process.killed.wait()
        raise Killed

    device = HandingOver(hangs)

    async def patient(process: Process, key: str) -> None:
        monkeypatch.setattr(conformance, "_REMOTE_SECONDS", 0.05 if len(device.jobs) >= 4 else 60)
        await HandingOver._hand_over(device, process, key)

    monkeypatch.setattr(device, "_hand_over", patient)
    report = await checked(bench, device, remote=True)
    wrong = "it was not handed over in time"
    assert failures(report) == {"cancel": wrong, "re-attach": wrong}


async def test_a_handover_in_doubt_goes_on(bench: Bench) -> None:
    class Doubts(TinyDevice):
        async def _hand_over(self, process: Process, key: str) -> None:
            await super()._hand_over(process, key)
            process.say(InDoubt(key=key, sentence="nobody can tell"))
            assert await process.hear() == Go()

    assert (await checked(bench, Doubts(), remote=True)).passed
