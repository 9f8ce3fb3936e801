"""Circuits that are read elsewhere: how they are asked for, and that nothing of them is trusted."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from circuits import BELL2, BELL3
from runner_bench import Line, Local, a_line, work

from quws.circuits.transcript.building import build
from quws.domain.circuits import CircuitLimits, Language
from quws.domain.failures import Failure
from quws.runner import read as module
from quws.runner.circuits import Transcripts
from quws.runner.local import run_here
from quws.runner.read import ReadRole
from quws.runner.run import RunRole
from quws.runner.work import Failed, Work
from quws.sandbox.lines import encode
from quws.sandbox.messages import (
    CircuitRefused,
    CircuitsRead,
    CircuitsWanted,
    CircuitsWritten,
    FromChild,
    Go,
    MessageFault,
    NoRoom,
    ReadCircuits,
)
from quws.sandbox.roles import ParentGone

SECRET = "none of your business"


@pytest.fixture
def line() -> Iterator[Line]:
    with a_line() as made:
        yield made


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch) -> ReadRole:
    monkeypatch.setattr(module.confine, "limit", lambda **_: None)
    made = ReadRole()
    made.load()
    return made


@pytest.fixture
def reads(
    role: ReadRole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., FromChild]:
    """Reads circuits in a folder, and gives the answer."""
    monkeypatch.chdir(tmp_path)

    def answer(*circuits: str, **changes: Any) -> FromChild:
        request = ReadCircuits(
            **{
                "circuits": list(circuits),
                "languages": [None] * len(circuits),
                "limits": CircuitLimits(),
                "memory_bytes": 1 << 30,
                "cpu_seconds": 10,
                "file_bytes": 1 << 20,
                "folder": str(tmp_path),
            }
            | changes
        )
        with a_line() as line:
            role.handle(request, line.connection)
            (found,) = line.heard()
        return found

    return answer


def apart(line: Line, circuits: int, folder: Path, **changes: Any) -> Work:
    made = work(line, circuits, apart=circuits, folder=str(folder), **changes)
    made = dataclasses.replace(made, request=made.request.model_copy(update={"circuits": []}))
    read = Transcripts(made.request, build, line.connection, skipped=made.request.done)
    return dataclasses.replace(made, circuits=read)


# -- reading ------------------------------------------------------------------------------------


def test_who_reads_has_no_network_and_starts_nothing(role: ReadRole) -> None:
    assert (role.network, role.processes, role.files) == (False, False, ())


def test_who_may_reach_others_reads_nothing() -> None:
    role = RunRole({"name": "t", "adapter": "qiskit", "options": {"backend": "no.such:Thing"}})
    assert (role.network, role.apart) == (True, True)
    for options in (
        {"adapter": "simulator"},
        {"adapter": "remote", "options": {"url": "http://localhost", "token": SECRET}},
    ):
        assert not RunRole({"name": "t", **options}).apart


def test_what_is_read_is_written_down(reads: Callable[..., FromChild], tmp_path: Path) -> None:
    answer = reads(BELL2, BELL3 + f"// {SECRET}", languages=[Language.OPENQASM_2, None])
    assert answer == CircuitsWritten(file="transcripts.jsonl")
    text = (tmp_path / "transcripts.jsonl").read_text()
    assert SECRET not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["facts"]["language"] for line in lines] == ["OPENQASM-2", "OPENQASM-3"]
    assert [build(line["circuit"], CircuitLimits()).count_ops()["cx"] for line in lines] == [1, 1]


def test_what_cannot_be_read_is_named(reads: Callable[..., FromChild]) -> None:
    answer = reads(BELL2, "qreg q[2];\nnonsense")
    assert isinstance(answer, CircuitRefused)
    assert (answer.circuit, answer.line) == (1, 2)


def test_what_has_no_words_is_named(reads: Callable[..., FromChild]) -> None:
    loop = (
        'OPENQASM 3.0; include "stdgates.inc"; qubit q; bit c; '
        "for int i in [0:5] { rx(i * i) q; if (c) { break; } } c = measure q;"
    )
    answer = reads(loop)
    assert isinstance(answer, CircuitRefused)
    assert "cannot be handed to this target" in answer.sentence


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "takes more memory than there is"),
        (RecursionError(), "nests blocks or gates too deeply"),
    ],
)
def test_what_is_too_much_to_be_written_is_named(
    role: ReadRole, reads: Callable[..., FromChild], error: Exception, sentence: str
) -> None:
    def write(*_: object) -> Any:
        raise error

    role._write = write
    answer = reads(BELL2)
    assert isinstance(answer, CircuitRefused)
    assert sentence in answer.sentence


def test_a_full_disk_is_nobodys_fault(reads: Callable[..., FromChild]) -> None:
    assert isinstance(reads(BELL2, folder="/dev/full/no-such-folder"), NoRoom)


def test_who_reads_does_nothing_else(role: ReadRole, line: Line) -> None:
    with pytest.raises(MessageFault):
        role.handle(Go(), line.connection)


# -- having it read -----------------------------------------------------------------------------


def test_circuits_come_some_at_a_time_and_those_that_are_done_never(
    line: Line, reads: Callable[..., FromChild], tmp_path: Path
) -> None:
    reads(*[BELL2] * 100)
    text = (tmp_path / "transcripts.jsonl").read_bytes()
    for number in range(2):
        (tmp_path / f"part-{number}.jsonl").write_bytes(text)
        line.send(encode(CircuitsRead(file=f"part-{number}.jsonl")))
    target = Local()
    found = list(run_here(target, apart(line, 130, tmp_path, done={1: "x", 2: "y"})))
    assert [index for index, _, _ in found] == [0, *range(3, 130)]
    wanted = [item.circuits for item in line.heard() if isinstance(item, CircuitsWanted)]
    assert wanted == [[0, *range(3, 102)], list(range(102, 130))]
    assert {item.source for item in target.compiled} == {None}
    assert not list(tmp_path.glob("part-*"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[1]",
        "{}",
        '{"facts": {}, "circuit": {}}',
        '{"facts": null, "circuit": NaN}',
        "[" * 100_000,
        "1" * 10_000,
    ],
)
def test_what_is_no_transcript_ends_the_job(line: Line, tmp_path: Path, text: str) -> None:
    (tmp_path / "part.jsonl").write_text(text + "\n")
    line.send(encode(CircuitsRead(file="part.jsonl")))
    with pytest.raises(Failed) as failed:
        list(run_here(Local(), apart(line, 1, tmp_path)))
    assert failed.value.error == Failure.INTERNAL_ERROR.error()


def test_nor_is_a_circuit_that_is_none(
    line: Line, reads: Callable[..., FromChild], tmp_path: Path
) -> None:
    reads(BELL2)
    (written,) = (tmp_path / "transcripts.jsonl").read_text().splitlines()
    changed = json.loads(written)
    changed["circuit"]["body"][0][1] = [7]
    (tmp_path / "part.jsonl").write_text(json.dumps(changed))
    line.send(encode(CircuitsRead(file="part.jsonl")))
    with pytest.raises(Failed) as failed:
        apart(line, 1, tmp_path).circuits.of(0)
    assert failed.value.error == Failure.INTERNAL_ERROR.error()


def test_without_a_worker_there_is_nothing_to_be_had(line: Line, tmp_path: Path) -> None:
    line.hang_up()
    with pytest.raises(ParentGone):
        apart(line, 1, tmp_path).circuits.of(0)


def test_another_answer_is_a_fault(line: Line, tmp_path: Path) -> None:
    line.go()
    with pytest.raises(MessageFault):
        apart(line, 1, tmp_path).circuits.facts(0)


@pytest.mark.parametrize("reading", [True, False])
def test_texts_are_not_taken_by_who_must_not_read(line: Line, reading: bool) -> None:
    role = RunRole({"name": "t", "adapter": "simulator"})
    role.apart = not reading
    request = (work(line) if not reading else apart(line, 1, Path())).request
    with pytest.raises(MessageFault):
        role._job(request, line.connection)
