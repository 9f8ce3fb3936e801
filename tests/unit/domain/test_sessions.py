"""What a session does at an instant, and what its operator allows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quws.domain.errors import InvalidParameter
from quws.domain.sessions import (
    Session,
    SessionChanges,
    SessionMode,
    SessionRules,
    SessionState,
    why_not,
)

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


NEW = Session("s", "simulator", "anna", SessionMode.DEDICATED, NOW, 100, 10, NOW)
BEGUN = replace(NEW, began=NOW, ends=at(100), active_since=NOW, idle_at=at(10), last_started=NOW)


@pytest.mark.parametrize(
    ("session", "state", "accepting", "done"),
    [
        (NEW, SessionState.OPEN, True, False),
        (replace(NEW, at=at(99)), SessionState.OPEN, True, False),
        (replace(NEW, at=at(100)), SessionState.CLOSED, False, True),
        (replace(NEW, at=at(100), waiting=1), SessionState.OPEN, True, False),
        (replace(NEW, closed=NOW), SessionState.CLOSED, False, True),
        (replace(NEW, closed=NOW, waiting=1), SessionState.OPEN, False, False),
        (replace(BEGUN, at=at(9)), SessionState.ACTIVE, True, False),
        (replace(BEGUN, at=at(10)), SessionState.INACTIVE, True, False),
        (replace(BEGUN, at=at(10), running=1), SessionState.ACTIVE, True, False),
        (replace(BEGUN, at=at(10), waiting=1), SessionState.ACTIVE, True, False),
        (
            replace(BEGUN, at=at(10), waiting=1, active_since=None),
            SessionState.INACTIVE,
            True,
            False,
        ),
        (replace(BEGUN, at=at(5), closed=at(1)), SessionState.CLOSED, False, True),
        (replace(BEGUN, at=at(5), closed=at(1), running=1), SessionState.ACTIVE, False, False),
        (replace(BEGUN, at=at(100), running=1), SessionState.CLOSED, False, True),
        (replace(BEGUN, over=at(5), running=1), SessionState.CLOSED, False, False),
    ],
)
def test_its_state(session: Session, state: SessionState, accepting: bool, done: bool) -> None:
    assert (session.state, session.accepting) == (state, accepting)
    assert session.done == done


def test_how_long_it_lasted() -> None:
    assert NEW.seconds == 0
    assert replace(BEGUN, at=at(7)).seconds == 7
    assert replace(BEGUN, at=at(700)).seconds == 100
    assert replace(BEGUN, at=at(50), closed=at(1), last_ended=at(4)).seconds == 4
    assert replace(BEGUN, at=at(50), over=at(6)).seconds == 6


def test_the_operators_rules() -> None:
    general = SessionRules(longest=1000, idle=60, longest_idle=120)
    assert general.check(SessionMode.DEDICATED, None, None) == (1000, 60)
    assert general.check(SessionMode.BATCH, 10, 120) == (10, 120)
    for whole, idle, name in ((0, 1, "MAX_SECONDS"), (1001, 1, "MAX_SECONDS")):
        with pytest.raises(InvalidParameter, match=f"{name} must be a whole number from 1 to 1000"):
            general.check(SessionMode.BATCH, whole, idle)
    with pytest.raises(InvalidParameter, match="IDLE_SECONDS must be a whole number from 0 to 120"):
        general.check(SessionMode.BATCH, 1, 121)

    changes = SessionChanges(longest_idle=30, modes=(SessionMode.BATCH,), who=("anna", "@lab"))
    rules = changes.over(general)
    assert rules.check(SessionMode.BATCH, None, None) == (1000, 30)
    with pytest.raises(InvalidParameter, match="MODE must be batch on this target"):
        rules.check(SessionMode.DEDICATED, None, None)
    assert changes.allows("anna", [])
    assert changes.allows("bert", ["lab"])
    assert not changes.allows("carl", [])
    assert SessionChanges().allows(None, [])


def test_why_another_job_waits() -> None:
    assert why_not(BEGUN, mine=False) == (
        "target simulator is dedicated to a session of another owner: it starts when that is closed"
        " or has been idle for 10 seconds, at 2026-11-27T12:01:40.000Z at the latest"
    )
    assert "of this owner" in why_not(BEGUN, mine=True)
