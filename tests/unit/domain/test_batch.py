"""Circuits of a batch: which are meant, how they are named, where they stand."""

from __future__ import annotations

import pytest

from quws.domain.batch import CircuitStatus, named, of_the_rest, read_indices, why_missing
from quws.domain.errors import InvalidParameter
from quws.domain.phases import Phase


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["3"], {3}),
        (["3,5-7", " 9 "], {3, 5, 6, 7, 9}),
        (["0-9"], set(range(10))),
        (["4-4", "4"], {4}),
    ],
)
def test_indices_and_ranges_are_read(texts: list[str], wanted: set[int]) -> None:
    assert read_indices(texts, 10) == wanted


@pytest.mark.parametrize("text", ["10", "0-10", "5-3", "-1", "x", "", "1,", "1;2", "1 2", "²"])
def test_other_circuits_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="INDEX must be indices of circuits from 0 to 9"):
        read_indices([text], 10)


def test_none_is_none() -> None:
    with pytest.raises(InvalidParameter, match="INDEX is missing"):
        read_indices([], 10)


def test_circuits_that_follow_each_other_are_named_together() -> None:
    assert named({3, 5, 6, 7, 9}) == "3, 5 to 7, 9"
    assert named([]) == ""
    many = named(range(0, 100, 2))
    assert many.startswith("0, 2, 4")
    assert many.endswith("38, …")


@pytest.mark.parametrize(
    ("phase", "failed", "status"),
    [
        (Phase.PENDING, False, CircuitStatus.WAITING),
        (Phase.EXECUTING, False, CircuitStatus.WAITING),
        (Phase.ERROR, True, CircuitStatus.SKIPPED),
        (Phase.ABORTED, False, CircuitStatus.ABORTED),
        (Phase.ARCHIVED, True, CircuitStatus.SKIPPED),
        (Phase.ARCHIVED, False, CircuitStatus.ABORTED),
    ],
)
def test_what_never_ran_ends_with_its_job(phase: Phase, failed: bool, status: str) -> None:
    assert of_the_rest(phase, failed=failed) is status


def test_why_a_circuit_has_no_result() -> None:
    assert why_missing("failed", "too wide") == "failed: too wide"
    assert why_missing("aborted", None) == "aborted"
