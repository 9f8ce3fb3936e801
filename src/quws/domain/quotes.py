"""When a job will probably be done: learned from how long others like it took.

UWS 1.1, section 2.1.6 wants an instant, and nothing where nobody knows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from quws.domain.circuits import CircuitFacts, kinds_of
from quws.domain.times import to_millis

_LATE_PART = 0.25
FAR_SECONDS = 30 * 86_400
"""Beyond this nobody knows: what is learned of jobs of seconds says nothing of one of months."""
_SLACK_SECONDS = 0.2
"""What a job takes besides its run, and by how much nobody minds to be wrong."""
JUDGED = 200
"""By so many of its last quotes a target is judged, and learns how far it is mistaken."""
_ENOUGH = 20
_TAIL = 0.03
"""Which part of the quotes may be too early, and which too late: less than a tenth together,
since what comes need not be like what was."""
MEMORY = 20
"""A mean forgets: it weighs about so many of its last jobs."""
OUTLIER = 8.0
"""No job counts for more than so many times the mean."""
FEW = 3
"""Of so few jobs the mean is thrown away where the next one takes the eighth part of it."""


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
            float(item.operations) * _amplitudes(item)
            + float(shots if item.shots is None else item.shots) * item.clbits
        )
    return math.floor(math.log2(work * runs + 1))


def _amplitudes(facts: CircuitFacts) -> float:
    """Return how many numbers describe the state on the way."""
    qubits = facts.qubits if facts.active is None else len(facts.active)
    whole = 2.0 ** min(qubits, 64)
    if facts.clifford:
        return min(whole, float(qubits) ** 2)
    if facts.crossing is not None:
        return min(whole, qubits * 8.0 ** min(facts.crossing, 64))
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


@dataclass(frozen=True, slots=True)
class Quote:
    """When a job will probably be done: nine of ten end between ``low`` and ``high``."""

    at: datetime
    low: datetime
    high: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """The first quote of a job that waits, by which its target is judged, and when it was made."""

    time: datetime
    quote: Quote

    def judge(self, end: datetime) -> Judgement:
        """Say how good it was, when the job has ended."""
        ratio = _ratio(
            (end - self.time).total_seconds(), (self.quote.at - self.time).total_seconds()
        )
        return Judgement(end, self.quote.low <= end <= self.quote.high, ratio)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a job ended within its quote; and the time it took, in parts of the predicted."""

    end: datetime
    kept: bool
    ratio: float


def _ratio(took: float, predicted: float) -> float:
    return max(took + _SLACK_SECONDS, 1e-3) / max(predicted + _SLACK_SECONDS, 1e-3)


class QuoteRecord(BaseModel):
    """How a target has kept its last quotes, and so between what nine of ten jobs will end.

    ``low`` and ``high`` are parts of the predicted time. Before there is enough to learn from they
    are a guess.
    """

    model_config = ConfigDict(frozen=True)

    judged: int = 0
    kept: int = 0
    low: float = 0.5
    high: float = 2.0

    @property
    def hit_rate(self) -> float | None:
        """Which part of the judged quotes was kept; None before there is one."""
        return self.kept / self.judged if self.judged else None

    def quote(self, now: datetime, seconds: float) -> Quote | None:
        """Return the quote of a job that is predicted to end in some seconds.

        None if that is so far that nobody knows.
        """
        if seconds >= FAR_SECONDS:
            return None
        low, high = (
            max(0.0, (seconds + _SLACK_SECONDS) * part - _SLACK_SECONDS)
            for part in (self.low, self.high)
        )
        return Quote(*(to_millis(now + timedelta(seconds=item)) for item in (seconds, low, high)))


def record_of(judgements: Iterable[Judgement]) -> QuoteRecord:
    """Return what follows from the last judgements of a target's quotes, oldest first."""
    found = list(judgements)[-JUDGED:]
    counts = {"judged": len(found), "kept": sum(item.kept for item in found)}
    if len(found) < _ENOUGH:
        return QuoteRecord(**counts)
    ratios = sorted(item.ratio for item in found)
    # By order statistics: of jobs like these so many are beyond, whatever their distribution is.
    outside = int(_TAIL * (len(ratios) + 1))
    low, high = ratios[outside], ratios[-1 - outside]
    return QuoteRecord(**counts, low=min(low, 1.0), high=max(high, 1.0))
