"""What an operator may say of an IQM machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from quws.targets.base import NotLoaded
from quws.targets.iqm.target import Iqm, ran_for


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "iqm.example.org"}, "https URL"),
        ({"url": "http://iqm.example.org"}, "must be https"),
        ({"url": "https://iqm.example.org/garnet"}, "no path"),
        ({"url": "https://h", "token": "a", "tokens_file": "b"}, "either token or tokens_file"),
        ({"url": "https://h", "compilation": {"heralding_mode": "zeros"}}, "heralding_mode"),
        ({"url": "https://h", "optimization": 4}, "optimization"),
        ({"url": "https://h", "calibration_set": "monday"}, "UUID"),
    ],
)
def test_what_it_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Iqm("lab", **options)


def test_it_is_described_in_a_process_that_has_the_client() -> None:
    with pytest.raises(NotLoaded):
        Iqm("lab", url="https://iqm.example.org").describe()


def test_how_long_a_job_ran() -> None:
    begun = datetime(2027, 1, 4, tzinfo=UTC)
    steps = ["created", "received", "execution_started", "execution_ended", "completed"]
    timeline = [
        SimpleNamespace(status=status, timestamp=begun + timedelta(seconds=number**2))
        for number, status in enumerate(steps)
    ]
    assert ran_for(timeline) == 5
    assert ran_for([item for item in timeline if "execution" not in item.status]) == 15
    assert ran_for(timeline[:1]) == 0
