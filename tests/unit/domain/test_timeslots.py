"""What may be booked, and what may run in what is booked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from quws.domain.errors import InvalidParameter
from quws.domain.timeslots import Timeslot, TimeslotRules, may_run, why_not

NOW = datetime(2026, 11, 27, 10, 7, tzinfo=UTC)
TEN_15 = datetime(2026, 11, 27, 10, 15, tzinfo=UTC)
RULES = TimeslotRules(shortest=30, longest=60, step=15, days_ahead=2)
ANNAS = Timeslot("1", "simulator", "anna", TEN_15, TEN_15 + timedelta(hours=1))


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize("length", [30, 45, 60])
def test_what_is_within_the_rules_may_be_booked(length: int) -> None:
    RULES.check(TEN_15, TEN_15 + minutes(length), NOW)
    RULES.check(TEN_15 - minutes(15), TEN_15 + minutes(length - 15), NOW)
    ahead = NOW + timedelta(days=2) - minutes(length + 7)
    RULES.check(ahead, ahead + minutes(length), NOW)


@pytest.mark.parametrize(
    ("begins", "length", "said"),
    [
        (TEN_15, 15, "30 to 60 minutes long, not 15"),
        (TEN_15, 75, "30 to 60 minutes long, not 75"),
        (TEN_15, 9_000_000, "30 to 60 minutes long, not 9000000"),
        (TEN_15, -30, "END must be after START, and 2026-11-27T09:45:00.000Z is not"),
        (TEN_15, 0, "END must be after START"),
        (TEN_15 + minutes(1), 30, "START must be a multiple of 15 minutes"),
        (TEN_15, 31, "END must be a multiple of 15 minutes"),
        (TEN_15 - minutes(60), 30, "END must lie in the future"),
        (TEN_15 + timedelta(days=2), 30, "booked 2 days ahead, up to 2026-11-29T10:07:00.000Z"),
    ],
)
def test_what_is_not_is_refused(begins: datetime, length: int, said: str) -> None:
    with pytest.raises(InvalidParameter, match=said):
        RULES.check(begins, begins + minutes(length), NOW)


def test_who_may_book() -> None:
    rules = TimeslotRules(who=("anna", "@lab"))
    assert rules.allows("anna", [])
    assert rules.allows("bert", ["others", "lab"])
    assert not rules.allows("bert", ["anna"])
    assert not rules.allows(None, [])
    assert TimeslotRules().allows(None, [])


def test_the_rules_must_leave_something() -> None:
    with pytest.raises(ValidationError, match="shortest must not be more than longest"):
        TimeslotRules(shortest=61, longest=60)


@pytest.mark.parametrize("required", [False, True])
def test_what_may_run_now(required: bool) -> None:
    rules = TimeslotRules(required=required)
    for only_in_own in (False, True):
        assert may_run("anna", only_in_own=only_in_own, rules=rules, on=ANNAS)
        assert not may_run("bert", only_in_own=only_in_own, rules=rules, on=ANNAS)
    assert not may_run("anna", only_in_own=True, rules=rules, on=None)
    assert may_run("anna", only_in_own=False, rules=rules, on=None) is not required


def test_a_timeslot_is_on_from_its_first_instant_and_not_at_its_last() -> None:
    assert not ANNAS.on(TEN_15 - timedelta(milliseconds=1))
    assert ANNAS.on(TEN_15)
    assert not ANNAS.on(ANNAS.ends)


def test_why_a_job_waits() -> None:
    assert why_not("x", only_in_own=True, on=None, following=ANNAS) == (
        "it runs in the timeslots of its owner on target x; next: at 2026-11-27T10:15:00.000Z"
    )
    assert why_not("x", only_in_own=True, on=None, following=None).endswith("none is booked")
    assert why_not("x", only_in_own=False, on=ANNAS, following=None) == (
        "target x is booked by another owner until 2026-11-27T11:15:00.000Z"
    )
