"""How much work jobs are, and how long such a one takes."""

from __future__ import annotations

import math
from typing import Any

import pytest
from store_helpers import NOW

from quws.domain.circuits import CircuitFacts, Language
from quws.domain.quotes import Judgement, QuoteRecord, predict, record_of, work_of


def facts(**known: Any) -> CircuitFacts:
    fields = {"language": Language.OPENQASM_2, "clbits": 0, "depth": 1}
    return CircuitFacts.model_validate(fields | known)


@pytest.mark.parametrize(
    ("circuits", "shots", "work"),
    [
        ([], 1000, 0),
        ([facts(qubits=10, operations=1)], 1, 10),
        ([facts(qubits=10, operations=64)], 1, 16),
        ([facts(qubits=10, operations=64)] * 2, 1, 17),
        # Reading the shots is work too.
        ([facts(qubits=1, operations=0, clbits=4)], 1024, 12),
        ([facts(qubits=1, operations=0, clbits=4)] * 4, 1024, 14),
        # Clifford circuits take the square of the qubits, and never more than the state has.
        ([facts(qubits=32, operations=1, clifford=True)], 1, 10),
        ([facts(qubits=2, operations=1, clifford=True)], 1, 2),
        # Few gates across any cut: qubits times 8 for each gate that crosses.
        ([facts(qubits=32, operations=1, crossing=1)], 1, 8),
        ([facts(qubits=32, operations=1, crossing=3)], 1, 14),
        ([facts(qubits=10, operations=1, crossing=10)], 1, 10),
        ([facts(qubits=32, operations=1, crossing=0)], 1, 5),
        # More than anybody can run.
        ([facts(qubits=500, operations=1)], 1, 64),
        ([facts(qubits=128, operations=1, crossing=500)], 1, 64),
    ],
)
def test_the_work_is_that_of_the_state(circuits: list[CircuitFacts], shots: int, work: int) -> None:
    assert work_of(circuits, shots) == work


KNOWN = {4: 2.0, 8: 32.0}


@pytest.mark.parametrize(
    ("work", "seconds"),
    [
        (4, 2.0),
        (8, 32.0),
        (6, 8.0),
        (5, 4.0),
        (7, 16.0),
        (3, 2.0),
        (0, 2.0),
        (9, 64.0),
        (11, 256.0),
    ],
)
def test_between_what_is_known_the_time_grows_evenly(work: int, seconds: float) -> None:
    assert predict(work, KNOWN) == pytest.approx(seconds)


def test_the_nearest_that_is_known_counts() -> None:
    known = {1: 1.0, 4: 1.0, 8: 16.0, 10: 1000.0}
    assert predict(6, known) == pytest.approx(4.0)
    assert predict(3, known) == pytest.approx(1.0)
    assert predict(9, known) == pytest.approx(math.sqrt(16_000))


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert predict(5, {}) is None


def test_what_took_no_time_can_be_used_as_well() -> None:
    assert predict(2, {1: 0.0, 3: 1.0}) == pytest.approx(1e-3)
    assert predict(2, {1: 1.0, 3: 0.0}) == pytest.approx(1e-3)
    assert predict(5000, {1: 1.0}) == 2.0**60


def test_a_quote_has_a_low_and_a_high() -> None:
    quote = QuoteRecord(low=0.5, high=2.0).quote(NOW, 9.8)
    assert quote is not None
    seconds = [(item - NOW).total_seconds() for item in (quote.at, quote.low, quote.high)]
    assert seconds == pytest.approx([9.8, 4.8, 19.8], abs=2e-3)
    assert QuoteRecord().quote(NOW, 31 * 86_400) is None, "that far ahead nobody knows"


def judged(ratio: float, kept: bool = True) -> Judgement:
    return Judgement(NOW, kept, ratio)


def test_a_target_learns_how_far_it_is_mistaken() -> None:
    few = record_of([judged(3.0, kept=False)] * 19)
    assert (few.judged, few.kept, few.low, few.high) == (19, 0, 0.5, 2.0)
    ratios = [1 + k / 100 for k in range(-50, 250)]
    record = record_of([judged(item, kept=item < 2) for item in ratios])
    assert (record.judged, record.kept) == (200, 50), "only the last 200"
    assert (record.low, record.high) == pytest.approx((1.0, 3.43))
    early = record_of([judged(0.3)] * 200)
    assert (early.low, early.high) == (0.3, 1.0), "the quote itself lies between"
    assert QuoteRecord().hit_rate is None
    assert record.hit_rate == 0.25
