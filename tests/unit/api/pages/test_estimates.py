"""Expectation values as people read them."""

from __future__ import annotations

import pytest

from quws.api.pages.estimates import MOST, Estimate, estimates_of, with_error
from quws.domain.outcomes import CircuitOutcome, Expectation


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.71345, 0.0218, "0.713 ± 0.022"),
        (-12.3456, 0.5, "-12.35 ± 0.50"),
        (0.0, 1.5, "0.0 ± 1.5"),
        (1234.5, 37.2, "1234 ± 37"),
        (123456.0, 700.0, "123456 ± 7e+02"),
        (0.1, 3e-13, "0.1 ± 3e-13"),
        (0.70710678118654, 0.0, "0.7071067812"),
        (-1.0, 0.0, "-1"),
        (1.0, None, "1 ± ?"),
    ],
)
def test_two_digits_of_the_error_count(value: float, error: float | None, text: str) -> None:
    assert with_error(value, error) == text


def test_a_page_shows_so_many_and_cuts_long_ones() -> None:
    many = [Expectation("Z0" * 400, 0.5, 0.1, 10)] * (MOST + 3)
    found = estimates_of(CircuitOutcome({}, expectations=many))
    assert found is not None
    assert (len(found.shown), found.rest) == (MOST, 3)
    assert found.shown[0] == Estimate("Z0" * 150 + "…", "0.50 ± 0.10", 10)


def test_counts_are_none() -> None:
    assert estimates_of(CircuitOutcome({"0": 1})) is None


def test_what_was_measured_stands_beside_what_was_mitigated() -> None:
    mitigated = Expectation("Z0", 0.9, 0.1, 30, raw_value=0.75, raw_error=0.05)
    found = estimates_of(CircuitOutcome({}, expectations=[mitigated]))
    assert found is not None
    assert found.shown == [Estimate("Z0", "0.90 ± 0.10", 30, "0.750 ± 0.050")]
