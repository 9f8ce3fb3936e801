"""Circuits that run here: what is said of them, what is written, and how they fail."""

from __future__ import annotations

import dataclasses
import errno
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from runner_bench import FACTS, RESULT, Line, Local, a_line, content, work

from quws.domain.batch import OnError
from quws.domain.circuits import BatchFacts, CircuitFacts
from quws.domain.errors import InvalidCircuit, InvalidParameter
from quws.domain.failures import Failure
from quws.domain.job import ErrorType
from quws.domain.options import RunOptions
from quws.domain.outcome_texts import END, NEXT, head_of_circuits
from quws.domain.outcomes import JobOutcomes, read_job
from quws.domain.targets import Calibration, TargetState, TargetStatus
from quws.runner import run as module
from quws.runner.inspection import inspect
from quws.runner.local import run_here
from quws.runner.run import RunRole, _disk_failure
from quws.runner.teller import Teller
from quws.runner.versions import begin
from quws.runner.work import Failed, one_line
from quws.sandbox.messages import (
    Calibrated,
    CircuitFailed,
    CircuitFinished,
    CircuitStarted,
    Inspected,
    JobFailed,
    NoRoom,
    Note,
    NotInspected,
    Progress,
    ResultsWritten,
)
from quws.targets import TargetConfig
from quws.targets.base import Compiled

CALIBRATION = Calibration(id="c1", time=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def line() -> Iterator[Line]:
    with a_line() as made:
        yield made


@pytest.fixture
def target() -> Local:
    return Local()


def test_what_only_hands_texts_on_reads_none(target: Local, line: Line) -> None:
    target.forwards = True
    given = dataclasses.replace(work(line, 1), circuits=None)  # type: ignore[arg-type]
    compiled = given.compiled(target, 0, given.options)
    assert (compiled.circuit, compiled.source) == (None, "circuit 0")


def test_circuits_are_run_one_after_the_other(target: Local, line: Line) -> None:
    target.on_calibration = [CALIBRATION]
    found = list(run_here(target, work(line, 3)))
    assert [index for index, _, _ in found] == [0, 1, 2]
    assert [item.source for item in target.compiled] == ["circuit 0", "circuit 1", "circuit 2"]
    assert line.heard() == [
        Calibrated(calibration=CALIBRATION),
        CircuitStarted(circuit=0),
    ]


def test_those_that_have_a_result_are_not_run_again(target: Local, line: Line) -> None:
    found = list(run_here(target, work(line, 3, done={0: "done-0.json", 2: "done-2.json"})))
    assert [index for index, _, _ in found] == [1]
    assert line.heard() == [CircuitStarted(circuit=1)]


def test_circuits_of_a_batch_have_random_numbers_of_their_own(target: Local, line: Line) -> None:
    list(run_here(target, work(line, 3, seed=7)))
    seeds = [item.seed for item in target.options]
    assert seeds[0] == 7  # As if it were alone.
    assert len(set(seeds)) == 3
    assert all(0 <= seed < 2**63 for seed in seeds if seed is not None)
    # And the same again for the same seed, whichever of them are left to be run.
    again = Local()
    list(run_here(again, work(line, 3, seed=7, done={0: "x"})))
    assert [item.seed for item in again.options] == seeds[1:]


def test_without_a_seed_there_is_none(target: Local, line: Line) -> None:
    list(run_here(target, work(line, 2)))
    assert [item.seed for item in target.options] == [None, None]


def test_a_job_runs_without_its_calibration(target: Local, line: Line) -> None:
    target.on_calibration = [RuntimeError("away")]
    assert len(list(run_here(target, work(line)))) == 1
    assert line.heard() == [CircuitStarted(circuit=0)]


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (InvalidCircuit("too wide"), "invalid_payload", "circuit 1: too wide"),
        (InvalidParameter("no such METHOD"), "invalid_parameter", "circuit 1: no such METHOD"),
        (RuntimeError("it broke\nin two"), "execution_failed", "circuit 1 could not be run: it br"),
        (RuntimeError(), "execution_failed", "circuit 1 could not be run: RuntimeError"),
        (OSError(errno.EFBIG, "File too large"), "execution_failed", "circuit 1 could not be run"),
    ],
)
@pytest.mark.parametrize("where", ["on_run", "on_compile"])
def test_a_circuit_that_cannot_be_run_ends_the_job(
    target: Local, line: Line, raised: Exception, code: str, message: str, where: str
) -> None:
    setattr(target, where, [RESULT if where == "on_run" else Compiled(None), raised])
    with pytest.raises(Failed) as failed:
        list(run_here(target, work(line, 2)))
    error = failed.value.error
    assert (error.code, error.type) == (code, ErrorType.FATAL)
    assert error.message.startswith(message)
    assert (error.detail is not None) == (code == "execution_failed")
    assert failed.value.circuit == 1
    assert failed.value.harmless == (code != "execution_failed")


def test_memory_that_is_used_up_is_the_end_of_the_process(target: Local, line: Line) -> None:
    target.on_run = [MemoryError()]
    with pytest.raises(Failed) as failed:
        list(run_here(target, work(line)))
    assert (failed.value.error.code, failed.value.harmless) == ("out_of_memory", False)


GOING_ON = RunOptions(shots=10, on_error=OnError.CONTINUE)


@pytest.mark.parametrize(
    ("raised", "sentence", "harmed"),
    [
        (InvalidCircuit("too wide"), "too wide", []),
        (RuntimeError("it broke\nin two"), "circuit 1 could not be run: it broke", [1]),
        (MemoryError(), "the job needs more memory than the target's limit allows", [1]),
    ],
)
@pytest.mark.parametrize("where", ["on_run", "on_compile"])
def test_the_others_run_where_the_job_is_to_go_on(
    target: Local, line: Line, raised: Exception, sentence: str, harmed: list[int], where: str
) -> None:
    good = RESULT if where == "on_run" else Compiled(None)
    setattr(target, where, [good, raised, good])
    given = work(line, 3, options=GOING_ON)
    assert [index for index, _, _ in run_here(target, given)] == [0, 2]
    assert given.missing == {1: f"failed: {sentence}"}
    assert given.harmed == harmed
    assert CircuitFailed(circuit=1, sentence=sentence) in line.heard()


def test_a_job_of_one_circuit_has_nothing_to_go_on_with(target: Local, line: Line) -> None:
    target.on_run = [InvalidCircuit("too wide")]
    with pytest.raises(Failed) as failed:
        list(run_here(target, work(line, options=GOING_ON)))
    assert (failed.value.error.message, failed.value.circuit) == ("too wide", None)


def test_circuits_that_are_over_do_not_run_and_have_their_place_in_the_results(
    target: Local, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    missing = {0: "aborted", 2: "failed: too wide"}
    given = work(line, 4, missing=missing)
    a_role(target)._run(dataclasses.replace(given, missing=missing))
    said = line.heard()
    assert [item.circuit for item in said if isinstance(item, CircuitFinished)] == [1, 3]
    counts = read_job(content(said[-1], "counts.json"))
    assert [item.index for item in counts.circuits] == [0, 1, 2, 3]
    assert [item.missing for item in counts.circuits] == ["aborted", None, "failed: too wide", None]
    assert [item.counts for item in counts.circuits][::2] == [{}, {}]
    assert isinstance(said[-1], ResultsWritten)


def test_a_job_without_any_result_fails(
    target: Local, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target.on_run = [InvalidCircuit("too wide"), RuntimeError("broken")]
    missing = {0: "aborted"}
    given = work(line, 3, missing=missing, options=GOING_ON)
    with pytest.raises(Failed) as failed:
        a_role(target)._run(dataclasses.replace(given, missing=missing))
    assert (failed.value.error.code, failed.value.harmless) == ("circuits_failed", False)
    assert failed.value.error.message == (
        "no circuit of the job could be run; circuit 1 failed: too wide"
    )


@pytest.mark.parametrize("going_on", [False, True])
def test_a_circuit_that_the_target_takes_no_more_is_told_of_by_its_index(
    target: Local, line: Line, monkeypatch: pytest.MonkeyPatch, going_on: bool
) -> None:
    def check(facts: CircuitFacts, options: RunOptions) -> None:
        if facts.qubits > 1:
            raise InvalidCircuit("too wide")

    monkeypatch.setattr(target, "check", check)
    wide = FACTS.model_copy(update={"qubits": 2})
    facts = BatchFacts.of([FACTS, wide, wide, FACTS])
    options = GOING_ON if going_on else RunOptions(shots=10)
    given = work(line, 4, facts=facts, options=options)
    if going_on:
        assert a_role(target)._checked(given) == target.memory_bytes(FACTS, options)
        assert given.missing == {1: "failed: too wide", 2: "failed: too wide"}
    else:
        with pytest.raises(Failed, match="circuit 1: too wide") as failed:
            a_role(target)._checked(given)
        assert failed.value.circuit == 1


def a_role(target: Local) -> RunRole:
    role = RunRole({"name": "t", "adapter": "simulator"})
    role._target = target
    # What the tests have loaded has nothing to do with it.
    begin()
    return role


def test_a_single_circuit_comes_with_the_results(
    target: Local, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    a_role(target)._run(work(line))
    said = line.heard()
    assert said[:2] == [
        CircuitStarted(circuit=0),
        CircuitFinished(circuit=0, engine="a device"),
    ]
    assert isinstance(said[2], ResultsWritten)
    assert [item.id for item in said[2].files] == ["result", "counts"]
    assert read_job(content(said[2], "counts.json")).circuits[0].counts == {"0": 6, "1": 4}
    # Small ones need no files.
    assert list(tmp_path.iterdir()) == []


def test_what_circuits_of_a_batch_gave_is_told(
    target: Local, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    a_role(target)._run(work(line, 3))
    said = line.heard()
    told = [item for item in said if isinstance(item, CircuitFinished)]
    whole = json.loads(content(said[-1], "counts.json"))
    assert [item.file for item in told] == [None] * 3
    texts = [item.outcome or "" for item in told]
    assert [json.loads(text)["counts"] for text in texts] == [{"0": 6, "1": 4}] * 3
    # Another attempt goes on with what there is, of one or of several, and comes to the same.
    head = head_of_circuits(JobOutcomes("j", "t", 10, []))
    (tmp_path / "done-0.json").write_text(f"{head}{texts[0]}\n{NEXT}{texts[1]}\n{END}")
    a_role(target)._run(work(line, 3, done={0: "done-0.json", 1: "done-0.json"}))
    said = line.heard()
    assert [item.circuit for item in said if isinstance(item, CircuitFinished)] == [2]
    assert json.loads(content(said[-1], "counts.json")) == whole


def test_large_circuits_of_a_batch_have_files_of_their_own(
    target: Local, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "SMALL_OUTCOME", 10)
    first = work(line, 2)
    a_role(target)._run(first)
    said = line.heard()
    assert [item for item in said if isinstance(item, CircuitFinished)] == [
        CircuitFinished(circuit=index, engine="a device", file=f"circuit-{index}.json")
        for index in range(2)
    ]
    whole = json.loads((tmp_path / "counts.json").read_bytes())
    # Another attempt goes on with what there is, and comes to the same.
    (tmp_path / "done-0.json").write_bytes((tmp_path / "circuit-0.json").read_bytes())
    a_role(target)._run(work(line, 2, done={0: "done-0.json"}))
    assert json.loads((tmp_path / "counts.json").read_bytes()) == whole
    assert [type(item) for item in line.heard()].count(CircuitStarted) == 1


def test_a_batch_ends_with_the_circuit_that_makes_it_too_large(
    target: Local, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    a_role(target)._run(work(line, 3))
    (each,) = {len(x.outcome or "") for x in line.heard() if isinstance(x, CircuitFinished)}
    with pytest.raises(Failed) as failed:
        a_role(target)._run(work(line, 3, results_bytes=2 * each))
    assert failed.value.error == Failure.RESULTS_TOO_LARGE.error(bytes=2 * each)
    finished = [item for item in line.heard() if isinstance(item, CircuitFinished)]
    assert [item.circuit for item in finished] == [0, 1]


def test_the_files_of_the_whole_job_count_too(
    target: Local, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target.on_compile = [Compiled(None, changed=True)]
    monkeypatch.setattr(module, "write_compiled", lambda path, _: path.write_text("OPENQASM 3;"))
    a_role(target)._run(work(line))
    written = line.heard()[-1]
    assert isinstance(written, ResultsWritten)
    size = sum(len(content(written, item.file)) for item in written.files)
    a_role(target)._run(work(line, results_bytes=size))
    with pytest.raises(Failed):
        a_role(target)._run(work(line, results_bytes=size - 1))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_no_fault_of_the_job(number: int) -> None:
    assert _disk_failure(OSError(number, "x"), 5) == NoRoom(sentence="the disk is full")


def test_a_file_that_is_too_large_is_its_fault() -> None:
    error = Failure.RESULT_TOO_LARGE.error(bytes=5)
    assert _disk_failure(OSError(errno.EFBIG, "x"), 5) == JobFailed(error=error)


def test_another_trouble_with_the_disk_is_ours() -> None:
    failed = _disk_failure(OSError(errno.EIO, "Input/output error"), 5)
    assert failed == JobFailed(error=Failure.DISK.error(why="Input/output error"))


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_nor_is_a_folder_that_somebody_removes(
    target: Local, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module.confine, "limit", lambda **_: None)
    folder = tmp_path / "job-x"
    if when == "meanwhile":
        folder.mkdir()
        monkeypatch.setattr(module.documents, "write", lambda *_: write_elsewhere(folder))
    role = a_role(target)
    monkeypatch.setattr(role, "_circuits", lambda *_: work(line).circuits)
    role._job(work(line, folder=str(folder)).request, line.connection)
    assert line.heard()[-1] == NoRoom(sentence=f"the folder {folder} is gone")


def write_elsewhere(folder: Path) -> None:
    folder.rmdir()
    Path("counts.json").write_text("{}")


def test_notes_are_told_once(line: Line) -> None:
    teller = Teller(line.connection, 1)
    teller.notes(["warm", "cold"])
    teller.notes(["warm", "wet"])
    assert line.heard() == [Note(sentence="warm"), Note(sentence="cold"), Note(sentence="wet")]


def test_notes_of_a_batch_say_of_which_circuit(line: Line) -> None:
    teller = Teller(line.connection, 3)
    teller.circuit = 2
    teller.notes(["warm"])
    assert line.heard() == [Note(sentence="circuit 2 of 3: warm")]


def test_there_is_an_end_of_notes(line: Line) -> None:
    teller = Teller(line.connection, 1)
    teller.notes(str(number) for number in range(200))
    assert len(line.heard()) == 50


def test_progress_is_told_twice_a_second_at_most(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("quws.runner.teller.time.monotonic", lambda: now)
    teller = Teller(line.connection, 1)
    teller.progress(0.1, None)
    assert line.heard() == []  # Of a circuit that is done in a moment nobody needs to hear.
    now = 100.5
    teller.progress(0.254, None)
    teller.progress(0.3, None)
    now = 100.9
    teller.progress(0.4, None)
    now = 101.0
    teller.progress(0.5, "half of it")
    assert line.heard() == [Progress(sentence="25 % done"), Progress(sentence="half of it")]


def test_what_a_target_is_is_told(target: Local) -> None:
    config = TargetConfig.model_validate({"name": "local", "adapter": "simulator"})
    target.on_calibration = [CALIBRATION]
    found = inspect(target, config)
    assert isinstance(found, Inspected)
    assert found.description.name == "local"
    assert not found.description.remote
    assert found.state == TargetState()
    assert found.calibration == CALIBRATION


def test_a_device_that_does_not_answer_takes_no_work(target: Local) -> None:
    config = TargetConfig.model_validate({"name": "local", "adapter": "simulator"})
    target.on_calibration = [RuntimeError("away")]
    found = inspect(target, config)
    assert isinstance(found, Inspected)
    assert found.state == TargetState(status=TargetStatus.OFFLINE, message="away")
    assert found.calibration is None


def test_a_target_that_cannot_say_what_it_is_says_why(
    target: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks() -> None:
        raise RuntimeError("no licence\nat all")

    config = TargetConfig.model_validate({"name": "local", "adapter": "simulator"})
    monkeypatch.setattr(target, "describe", breaks)
    assert inspect(target, config) == NotInspected(why="no licence")


def test_what_an_exception_says_is_one_line_and_short() -> None:
    assert one_line(ValueError("a\nb")) == "a"
    assert one_line(ValueError("  ")) == "ValueError"
    assert len(one_line(ValueError("x" * 1000))) == 300
