"""When a job will probably be done: learned from how long others like it took.

UWS 1.1, section 2.1.6 wants an instant, and nothing where nobody knows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from quws.domain.circuits import CircuitFacts, kinds_of

_LATE_PART = 0.25
MEMORY = 20
"""A mean forgets: it weighs about so many of its last jobs."""


def work_of(circuits: Sequence[CircuitFacts], shots: int, runs: float = 1.0) -> int:
    """Return how much work a job is, as a power of two.

    That of a state vector: operations times amplitudes, and reading the
    shots. Circuits of Clifford gates alone, and those whose gates hardly join
    the two sides of any cut, need less. Jobs of as much work take about
    the same time on one target.

    Parameters
    ----------
    runs
        How often each circuit is run for so many shots, on the average.

    """
    work = 0.0
    for kind in kinds_of(circuits):
        item = kind.facts
        work += kind.circuits * (
            float(item.operations) * _amplitudes(item) + float(shots) * item.clbits
        )
    return math.floor(math.log2(work * runs + 1))


def _amplitudes(facts: CircuitFacts) -> float:
    """Return how many numbers describe the state on the way."""
    whole = 2.0 ** min(facts.qubits, 64)
    if facts.clifford:
        return min(whole, float(facts.qubits) ** 2)
    if facts.crossing is not None:
        return min(whole, facts.qubits * 8.0 ** min(facts.crossing, 64))
    return whole


def predict(work: int, known: Mapping[int, float]) -> float | None:
    """Return how many seconds a job takes, predicted from the mean seconds of others.

    Between what is known the logarithm is interpolated; beyond the most
    the time doubles with each step, below the least it stays. None when
    nothing is known.
    """
    if not known:
        return None
    if work in known:
        return known[work]
    below = max((item for item in known if item < work), default=None)
    above = min((item for item in known if item > work), default=None)
    if below is None:
        assert above is not None
        return known[above]
    if above is None:
        return known[below] * 2.0 ** min(work - below, 60)
    part = (work - below) / (above - below)
    low, high = max(known[below], 1e-6), max(known[above], 1e-6)
    return math.exp(math.log(low) * (1 - part) + math.log(high) * part)


def remaining(predicted: float, elapsed: float) -> float:
    """Return how many seconds a job still runs that has run for some.

    One that is late goes on for a quarter of the time it has taken: whoever has waited in vain
    believes in no end that is always now.
    """
    return max(predicted - elapsed, elapsed * _LATE_PART)
