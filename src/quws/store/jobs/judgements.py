"""First quotes of jobs and what became of them, as columns have them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from quws.domain.quotes import JUDGED, Judgement, Quote, Told
from quws.store.instants import from_stored, to_stored

_LENGTH = 15
"""Of one judgement as text: when the job ended, in seconds, whether in time, and the ratio."""
KEPT = JUDGED * _LENGTH
"""How many characters of judgements are kept."""
_STEPS = 100
"""Of the logarithm of a ratio."""
_MOST = 999


def told_text(told: Told) -> str:
    """Return the first quote of a job as its column has it: four instants."""
    quote = told.quote
    return " ".join(str(to_stored(item)) for item in (told.time, quote.at, quote.low, quote.high))


def told_of(stored: str | None) -> Told | None:
    """Return the first quote of a job; None if it had none."""
    if stored is None:
        return None
    time, *quote = (from_stored(int(item)) for item in stored.split())
    return Told(time, Quote(*quote))


def judgement_text(found: Judgement) -> str:
    """Return a judgement as the column of a target's has it."""
    step = round(_STEPS * math.log(found.ratio))
    seconds = to_stored(found.end) // 1000
    return f"{seconds:010d}{'+' if found.kept else '-'}{max(-_MOST, min(step, _MOST)):+04d}"


def judgements_of(text: str) -> Iterator[Judgement]:
    """Yield the judgements of such a column, oldest first."""
    for start in range(0, len(text) - _LENGTH + 1, _LENGTH):
        item = text[start : start + _LENGTH]
        yield Judgement(
            from_stored(int(item[:10]) * 1000), item[10] == "+", math.exp(int(item[11:]) / _STEPS)
        )
