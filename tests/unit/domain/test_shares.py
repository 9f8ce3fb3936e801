"""How the time of a target is shared, and which priorities may be asked for."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from quws.domain.errors import InvalidParameter
from quws.domain.policy import Policy
from quws.domain.shares import Fairness, Share


@pytest.mark.parametrize(
    ("owner", "weight"),
    [("anna", 2000), ("bert", 1250), ("carl", 2500), ("dora", 1000), (None, 1000), ("lab", 1000)],
)
def test_weights(owner: str | None, weight: int) -> None:
    shares = {
        "anna": Share(share=2),
        "lab": Share(share=5, members=("bert", "carl", "e", "f")),
        "few": Share(share=5, members=("carl", "g")),
    }
    assert Fairness(shares).weight(owner) == weight


def test_no_share_is_nothing() -> None:
    with pytest.raises(ValidationError):
        Share(share=0)
    assert Fairness({"anna": Share(share=0.0001)}).weight("anna") == 1


@pytest.mark.parametrize(
    ("priority", "owner", "operator", "refused"),
    [
        (0, "bert", False, False),
        (100, None, False, False),
        (-1, "bert", False, True),
        (-1, None, False, True),
        (-5, "anna", False, False),
        (-6, "anna", False, True),
        (9, "dora", False, True),
        (-100, "otto", True, False),
    ],
)
def test_priorities(priority: int, owner: str | None, operator: bool, refused: bool) -> None:
    policy = Policy(priorities={"anna": -5, "dora": 10})
    if not refused:
        policy.check_priority(priority, owner, operator=operator)
        return
    with pytest.raises(InvalidParameter, match="PRIORITY must be a whole number from") as caught:
        policy.check_priority(priority, owner, operator=operator)
    assert caught.value.parameter == "PRIORITY"
