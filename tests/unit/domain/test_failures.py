"""The reasons for which jobs end in ERROR: each is used, told of in full, and made only here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quws.domain.errors import InvalidCircuit, InvalidParameter, TooLarge
from quws.domain.failures import Failure, refused
from quws.domain.job import ErrorType

ROOT = Path(__file__).parents[3]
SOURCES = {
    path.relative_to(ROOT / "src/quws"): path.read_text()
    for path in (ROOT / "src/quws").rglob("*.py")
    if path.name != "failures.py"
}


@pytest.mark.parametrize("failure", sorted(set(Failure) - {"invalid_payload", "invalid_parameter"}))
def test_every_failure_ends_some_job(failure: Failure) -> None:
    used = [path for path, text in SOURCES.items() if f"Failure.{failure.name}." in text]
    assert used, f"nothing makes the error {failure.name}"


def test_no_failure_is_made_but_of_the_enumeration() -> None:
    # The store and the worker read what somebody else has made.
    made = {str(path) for path, text in SOURCES.items() if re.search(r"\bJobError\(", text)}
    assert {path.split("/")[0] for path in made} <= {"store", "worker"}


def test_the_page_lists_exactly_the_failures() -> None:
    page = (ROOT / "docs/reference/errors.md").read_text()
    _, _, of_jobs = page.partition("## Of jobs that ended in ERROR")
    listed = re.findall(r"^\| `(\w+)` \| (yes|no|it depends) \|", of_jobs, re.MULTILINE)
    again = {True: "yes", False: "no", None: "it depends"}
    assert sorted(listed) == sorted((item.value, again[item.transient]) for item in Failure)


def test_the_page_says_of_each_what_to_do() -> None:
    page = (ROOT / "docs/reference/errors.md").read_text()
    _, _, advice = page.partition("### What to do")
    assert re.findall(r"^\*\*`(\w+)`\*\*: .{60}", advice, re.MULTILINE) == sorted(Failure)


def test_an_error_has_the_words_that_its_sentence_leaves_open() -> None:
    error = Failure.WORKER_LOST.error(times="3 times", detail="thrice")
    assert error.code == "worker_lost"
    assert error.message == "the worker was lost 3 times while it ran this job"
    assert error.detail == "thrice"
    assert error.type is ErrorType.TRANSIENT
    with pytest.raises(KeyError):
        Failure.WORKER_LOST.error()


@pytest.mark.parametrize("again", [True, False])
def test_whether_to_try_again_is_said_where_it_is_open(again: bool) -> None:
    error = Failure.REMOTE_FAILED.error(why="it broke", transient=again)
    assert error.type is (ErrorType.TRANSIENT if again else ErrorType.FATAL)
    with pytest.raises(ValueError, match="REMOTE_FAILED"):
        Failure.REMOTE_FAILED.error(why="it broke")
    with pytest.raises(ValueError, match="DISK"):
        Failure.DISK.error(why="it is full", transient=again)


def test_nothing_is_said_of_a_failure_but_its_sentence() -> None:
    error = Failure.EXECUTION_FAILED.error(what="circuit 3", why="it is cold", transient=False)
    assert error.message == "circuit 3 could not be run: it is cold"
    assert error.detail is None


def test_what_a_target_refuses_keeps_its_sentence() -> None:
    for sentence in ("it has {braces}", "100 %"):
        assert refused(InvalidCircuit(sentence)).message == sentence
    circuit = refused(InvalidCircuit("it has 3 qubits too many", line=2))
    assert (circuit.code, circuit.message) == ("invalid_payload", "it has 3 qubits too many")
    assert circuit.type is ErrorType.FATAL
    assert refused(InvalidParameter("no such METHOD")).code == "invalid_parameter"
    odd = refused(TooLarge("much too large"))
    assert (odd.code, odd.message) == ("invalid_parameter", "much too large")
