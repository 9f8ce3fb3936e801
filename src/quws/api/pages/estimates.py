"""Expectation values as a page shows them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from quws.domain.outcomes import CircuitOutcome
from quws.domain.words import cut

MOST = 200
"""How many observables a page lists."""
_DIGITS = 10
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Estimate:
    """One observable, with its value for people."""

    observable: str
    value: str
    shots: int
    raw: str | None = None
    """As it was measured, where it was mitigated."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """What a page shows of the expectation values of one circuit."""

    shown: list[Estimate]
    rest: int
    """How many there are besides."""


def estimates_of(outcome: CircuitOutcome) -> Estimates | None:
    """Return a page's view of what one circuit gave; None if that is no expectation values."""
    if outcome.expectations is None:
        return None
    return Estimates(
        [
            Estimate(
                cut(item.observable, _LONGEST),
                with_error(item.value, item.error),
                item.shots,
                None if item.raw_value is None else with_error(item.raw_value, item.raw_error),
            )
            for item in outcome.expectations[:MOST]
        ],
        max(0, len(outcome.expectations) - MOST),
    )


def with_error(value: float, error: float | None) -> str:
    """Write a value with its standard error, of which two digits count: ``0.713 ± 0.022``."""
    if not error:
        known = "" if error is not None else " ± ?"
        return f"{value:.{_DIGITS}g}{known}"
    places = 1 - math.floor(math.log10(error))
    if not 0 <= places <= _DIGITS:
        return f"{value:.{_DIGITS}g} ± {error:.2g}"
    return f"{value:.{places}f} ± {error:.{places}f}"
