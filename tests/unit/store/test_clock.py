"""The clock of the database: carried on between two looks, and seen to be set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from quws.store.clock import StoreClock
from quws.store.database import Database

TOLD = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def clock(tmp_path: Path) -> StoreClock:
    return StoreClock(Database(f"sqlite:///{tmp_path / 'none.db'}"))


@pytest.mark.parametrize("seconds", [3600.0, -3600.0, 2.5, -2.5])
def test_a_clock_that_was_set_is_noticed(clock: StoreClock, seconds: float) -> None:
    assert clock.observe(TOLD, monotonic()) == 0.0
    step = clock.observe(TOLD + timedelta(seconds=seconds), monotonic())
    assert step == pytest.approx(seconds, abs=0.5)
    assert clock.shifted == step
    # From here on it runs as it is.
    assert clock.observe(TOLD + timedelta(seconds=seconds), monotonic()) == 0.0
    assert clock.observe(TOLD, monotonic()) == pytest.approx(-seconds, abs=0.5)
    assert clock.shifted == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize("seconds", [0.0, 0.9, -0.9])
def test_a_clock_that_is_disciplined_was_not_set(clock: StoreClock, seconds: float) -> None:
    clock.observe(TOLD, monotonic())
    assert clock.observe(TOLD + timedelta(seconds=seconds), monotonic()) == 0.0
    assert clock.shifted == 0.0


def test_an_answer_that_took_long_is_no_step(clock: StoreClock) -> None:
    clock.observe(TOLD, monotonic())
    # Asked 50 seconds ago; the statement ran at any time since.
    for moved in (0, 25, 50):
        late = StoreClock(clock._database)
        late.observe(TOLD, monotonic() - 60)
        assert late.observe(TOLD + timedelta(seconds=moved), monotonic() - 50) == 0.0


def test_between_two_looks_it_goes_on(clock: StoreClock) -> None:
    clock.observe(TOLD, monotonic())
    first = clock.now()
    assert TOLD <= first <= clock.now() < TOLD + timedelta(minutes=5)
