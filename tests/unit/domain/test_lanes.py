"""Which jobs have slots of their own."""

from __future__ import annotations

import pytest
from house import DESCRIPTION
from store_helpers import TARGET

from quws.domain.lanes import has_lanes, is_short, lane_of
from quws.domain.targets import TargetKind


def test_what_takes_less_than_a_second_is_short() -> None:
    assert is_short(999)
    assert not is_short(1000), "nor is what nobody knows anything of"


@pytest.mark.parametrize("kind", list(TargetKind))
def test_only_what_computes_has_slots_for_short_jobs(kind: TargetKind) -> None:
    computes = kind is TargetKind.SIMULATOR
    assert has_lanes(kind) is computes
    target = DESCRIPTION.model_copy(update={"kind": kind})
    assert (lane_of(target, 1) != TARGET) is computes
    assert lane_of(target, 5000) == TARGET
