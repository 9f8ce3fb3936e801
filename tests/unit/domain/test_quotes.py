"""Sizes of jobs, and what is learned from those that were run."""

from __future__ import annotations

import math
from typing import Any

import pytest

from quws.domain.circuits import CircuitFacts, Language
from quws.domain.quotes import learn, predict, size_of


def facts(**more: Any) -> CircuitFacts:
    given: dict[str, Any] = {"qubits": 10, "clbits": 0, "operations": 100, "depth": 5}
    return CircuitFacts(language=Language.OPENQASM_2, **(given | more))


@pytest.mark.parametrize(
    ("circuit", "work"),
    [
        (facts(), 100 * 2**10),
        (facts(qubits=20), 100 * 2**20),
        (facts(operations=7), 7 * 2**10),
        # Stabilizers are a table of n² bits, where that is less than the state.
        (facts(qubits=100, clifford=True), 100 * 100**2),
        (facts(qubits=3, clifford=True), 100 * 2**3),
        # Two gates across each cut: tensors with bonds of four.
        (facts(qubits=50, crossing=2), 100 * 50 * 8**2),
        (facts(qubits=50, crossing=0), 100 * 50),
        (facts(crossing=40), 100 * 2**10),
        (facts(qubits=5000, crossing=5000), 100 * 2**64),
    ],
)
def test_the_size_is_that_of_the_work(circuit: CircuitFacts, work: float) -> None:
    assert size_of([circuit], 0) == math.floor(math.log2(work + 1))


def test_shots_are_read_out_and_circuits_add_up() -> None:
    assert size_of([facts(operations=0, clbits=8)], 1000) == math.floor(math.log2(8001))
    assert size_of([facts()] * 8, 0) == size_of([facts()], 0) + 3
    assert size_of([], 1000) == 0


def test_of_nothing_nothing_follows() -> None:
    assert predict(7, {}) is None


@pytest.mark.parametrize(
    ("size", "known", "seconds"),
    [
        (7, {7: 3.0, 8: 100.0}, 3.0),
        # Between two, as far in the logarithm as in the size.
        (11, {10: 1.0, 12: 4.0}, 2.0),
        (11, {10: 1.0, 14: 16.0}, 2.0),
        (13, {10: 1.0, 14: 16.0}, 8.0),
        (11, {10: 4.0, 12: 1.0}, 2.0),
        # The next ones count, not those behind them.
        (11, {2: 50.0, 10: 1.0, 12: 4.0, 20: 0.1}, 2.0),
        # Beyond all each step doubles it; below all it stays.
        (9, {7: 3.0, 5: 1.0}, 12.0),
        (2, {7: 3.0, 9: 9.0}, 3.0),
        (1000, {7: 1.0}, 2.0**60),
    ],
)
def test_the_time_follows_from_the_sizes_around(
    size: int, known: dict[int, float], seconds: float
) -> None:
    assert predict(size, known) == pytest.approx(seconds)


def test_a_time_of_nothing_is_no_trouble() -> None:
    found = predict(2, {1: 0.0, 3: 1.0})
    assert found == pytest.approx(1e-3)


def test_the_mean_is_learned_and_forgets() -> None:
    assert learn(0, 0.0, 4.0) == (1, 4.0)
    assert learn(1, 4.0, 8.0) == (2, 6.0)
    assert learn(3, 6.0, 2.0) == (4, 5.0)
    # Of many jobs the last twenty count, about.
    assert learn(1000, 10.0, 30.0) == (1001, 11.0)
