"""Why a job waits, in one sentence."""

from __future__ import annotations

import pytest

from quws.domain.waiting import why_queued


@pytest.mark.parametrize(
    ("ahead", "mine", "attended", "sentence"),
    [
        (0, 0, True, "it starts as soon as target t is free"),
        (0, 0, None, "it starts as soon as target t is free"),
        (0, 0, False, "no worker of target t is alive; it starts when one is"),
        (3, 3, False, "no worker of target t is alive; it starts when one is"),
        (1, 1, True, "1 job goes before it on target t, of the same owner"),
        (3, 3, True, "3 jobs go before it on target t, of the same owner"),
        (3, 2, None, "3 jobs go before it on target t: 2 of the same owner"),
        (3, 0, True, "3 jobs go before it on target t: the turn of other owners is first"),
    ],
)
def test_the_sentence(ahead: int, mine: int, attended: bool | None, sentence: str) -> None:
    assert why_queued("t", ahead, mine, attended=attended) == sentence
