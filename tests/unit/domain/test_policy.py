"""What the operator allows."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from quws.domain.errors import InvalidParameter
from quws.domain.policy import Policy
from quws.domain.sessions import SessionMode
from quws.domain.times import MAX_SECONDS, format_instant

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine may be busy with other things."""


NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
SECONDS = st.integers(0, MAX_SECONDS)


@pytest.mark.parametrize(
    ("limit", "wanted", "granted"),
    [
        (0, None, 600),
        (0, 0, 0),
        (0, 1, 1),
        (0, MAX_SECONDS, MAX_SECONDS),
        (100, None, 100),
        (1000, None, 600),
        (1000, 0, 1000),
        (1000, 999, 999),
        (1000, 1000, 1000),
        (1000, 1001, 1000),
    ],
)
def test_execution_duration(limit: int, wanted: int | None, granted: int) -> None:
    policy = Policy(execution_duration=600, max_execution_duration=limit)
    assert policy.duration(wanted) == granted


def test_unlimited_is_for_the_operator_to_allow() -> None:
    assert Policy().duration(0) == 86_400
    assert Policy(execution_duration=0).duration(None) == 86_400
    assert Policy(max_execution_duration=0).duration(0) == 0


@unhurried
@given(SECONDS, SECONDS, st.none() | SECONDS)
def test_no_duration_is_over_the_limit_or_unlimited(
    default: int, limit: int, wanted: int | None
) -> None:
    granted = Policy(execution_duration=default, max_execution_duration=limit).duration(wanted)
    assert 0 <= granted <= MAX_SECONDS
    if limit:
        assert 0 < granted <= limit


def test_a_default_duration_that_cannot_be_printed_is_cut() -> None:
    policy = Policy(execution_duration=MAX_SECONDS + 1, max_execution_duration=0)
    assert policy.duration(None) == MAX_SECONDS


def test_destruction_by_default() -> None:
    assert Policy(lifetime=60).destruction(None, NOW) == NOW + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("wanted", "granted"),
    [
        (timedelta(milliseconds=1), timedelta(milliseconds=1)),
        (timedelta(seconds=100), timedelta(seconds=100)),
        (timedelta(seconds=101), timedelta(seconds=100)),
        (timedelta(days=365_000), timedelta(seconds=100)),
    ],
)
def test_destruction_up_to_the_limit(wanted: timedelta, granted: timedelta) -> None:
    assert Policy(max_lifetime=100).destruction(NOW + wanted, NOW) == NOW + granted


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(milliseconds=1), timedelta(days=700_000)])
def test_destruction_in_the_past_is_refused(ago: timedelta) -> None:
    with pytest.raises(InvalidParameter, match=r"^DESTRUCTION must be in the future; ") as caught:
        Policy().destruction(NOW - ago, NOW)
    assert caught.value.parameter == "DESTRUCTION"


def test_the_default_lifetime_obeys_the_limit() -> None:
    # As the default duration does; else whoever asks for nothing gets more than may be asked for.
    assert Policy(lifetime=1000, max_lifetime=100).destruction(None, NOW) == NOW + timedelta(
        seconds=100
    )


def test_what_holds_where_an_operator_says_nothing() -> None:
    assert Policy().model_dump() == {
        "target": "simulator",
        "shots": 1000,
        "execution_duration": 600,
        "max_execution_duration": 86_400,
        "lifetime": 604_800,
        "max_lifetime": 2_592_000,
        "max_attempts": 3,
        "keep_history": False,
        "inline_bytes": 4096,
        "max_wait": 50.0,
        "max_listeners": 200,
        "max_queued": 0,
        "max_running": 0,
        "max_pending": 0,
        "max_job_shots": 0,
        "max_day_shots": 0,
        "max_month_seconds": 0,
        "max_jobs": 1_000_000,
        "max_stored_bytes": 21_474_836_480,
        "max_results_bytes": 4_294_967_296,
        "max_webhooks": 20,
        "max_sessions": 5,
        "max_session_seconds": 28_800,
        "session_idle_seconds": 60,
        "max_session_idle_seconds": 300,
        "webhook_networks": (),
        "shares": {},
        "fair_hours": 24,
        "fair_memory": 3600,
        "priorities": {},
    }


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("shots", 1),
        ("execution_duration", 0),
        ("max_execution_duration", 0),
        ("lifetime", 1),
        ("max_lifetime", 1),
        ("max_attempts", 1),
        ("inline_bytes", 0),
        ("max_wait", 0),
        ("max_listeners", 0),
        ("max_queued", 0),
        ("max_running", 0),
        ("max_pending", 0),
        ("max_job_shots", 0),
        ("max_day_shots", 0),
        ("max_month_seconds", 0),
        ("max_jobs", 0),
        ("max_stored_bytes", 0),
        ("max_results_bytes", 0),
    ],
)
def test_the_least_that_a_setting_may_be(name: str, least: int) -> None:
    assert getattr(Policy.model_validate({name: least}), name) == least
    with pytest.raises(ValidationError):
        Policy.model_validate({name: least - 1})


def test_a_session_may_be_idle_by_default_for_no_longer_than_at_most() -> None:
    assert (
        Policy(max_session_idle_seconds=30).sessions.check(SessionMode.BATCH, None, None)[1] == 30
    )
    with pytest.raises(ValidationError, match="MAX_SESSION_IDLE_SECONDS, which is 300, not 301"):
        Policy(session_idle_seconds=301)


def test_what_is_cut_is_told() -> None:
    policy = Policy(max_execution_duration=60, max_lifetime=3600)
    hour = NOW + timedelta(hours=1)
    for wanted, seconds in ((None, None), (hour, 60), (NOW + timedelta(seconds=1), 0)):
        assert policy.cuts(wanted, seconds, NOW) == []
    assert policy.cuts(hour + timedelta(seconds=1), 61, NOW) == [
        f"it is kept until {format_instant(hour)} at most (DESTRUCTION)",
        "it may run for 60 seconds at most (EXECUTIONDURATION)",
    ]


def test_a_policy_does_not_change_while_a_request_is_served() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Policy().shots = 5  # type: ignore[misc]
