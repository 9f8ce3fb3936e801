"""What is remembered of circuits, and what not."""

from __future__ import annotations

import pytest
from house import ANNA, FACTS

from quws.domain.circuits import CircuitLimits, Language
from quws.services.verdicts import Verdicts

LIMITS = CircuitLimits()
TEXT = "OPENQASM 2.0;"


def test_what_was_found_last_is_remembered_longest() -> None:
    verdicts = Verdicts()
    keys = [verdicts.key(ANNA, [f"{TEXT} {number}"], None, LIMITS) for number in range(501)]
    for key in keys[:500]:
        verdicts.put(key, [FACTS])
    assert verdicts.get(keys[0]) == [FACTS]
    verdicts.put(keys[500], [FACTS])
    assert verdicts.get(keys[0]) == [FACTS]
    assert verdicts.get(keys[1]) is None
    assert verdicts.get(keys[500]) == [FACTS]


def test_what_takes_much_room_is_not_remembered() -> None:
    verdicts = Verdicts()
    assert verdicts.key(ANNA, [TEXT, TEXT], None, LIMITS) is None
    assert verdicts.key(ANNA, ["x" * (16 * 1024 + 1)], None, LIMITS) is None
    for clbits, found in ((256, True), (257, False)):
        facts = FACTS.model_copy(update={"clbits": clbits})
        key = verdicts.key(ANNA, [f"{TEXT} {clbits}"], None, LIMITS)
        verdicts.put(key, [facts])
        assert (verdicts.get(key) == [facts]) is found
    verdicts.put(None, [FACTS])
    assert verdicts.get(None) is None


@pytest.mark.parametrize("text", ["\ud800", "x" * (16 * 1024)])
def test_any_text_can_be_remembered(text: str) -> None:
    verdicts = Verdicts()
    key = verdicts.key(ANNA, [text], Language.OPENQASM_2, LIMITS)
    verdicts.put(key, [FACTS])
    assert verdicts.get(key) == [FACTS]
    assert verdicts.key(ANNA, [text], None, LIMITS) != key
