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


class Watch:
    """A clock that only counts, as far as the test lets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("quws.store.clock.monotonic", lambda: self.now)

    def ask(self, clock: StoreClock, seconds: float, *, took: float = 0.0) -> float:
        """Have the database tell its time, so many seconds after the first."""
        asked = self.now
        self.now += took
        return clock.observe(TOLD + timedelta(seconds=seconds), asked)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


@pytest.mark.parametrize(
    ("moved", "step"),
    [(101.09, 0.0), (98.91, 0.0), (101.2, 1.2), (98.8, -1.2), (160.0, 60.0), (0.0, -100.0)],
)
def test_a_step_is_what_is_beyond_a_second_and_a_thousandth(
    clock: StoreClock, watch: Watch, moved: float, step: float
) -> None:
    watch.ask(clock, 0)
    watch.now += 100
    assert watch.ask(clock, moved) == pytest.approx(step)
    assert clock.shifted == pytest.approx(step)


@pytest.mark.parametrize(
    ("moved", "step"),
    [(19.0, 0.0), (18.9, -16.1), (51.0, 0.0), (51.1, 16.1), (-10.0, -45.0)],
)
def test_a_statement_may_have_run_at_any_time_between_question_and_answer(
    clock: StoreClock, watch: Watch, moved: float, step: float
) -> None:
    # Between 20 and 50 seconds lie between the two.
    watch.ask(clock, 0, took=10)
    watch.now += 20
    # If it was set, it is taken to have run in the middle of that.
    assert watch.ask(clock, moved, took=20) == pytest.approx(step)


def test_steps_add_up(clock: StoreClock, watch: Watch) -> None:
    for seconds in (0, 60, 180):
        watch.ask(clock, seconds)
    assert clock.shifted == 180


def test_it_goes_on_from_the_middle_between_question_and_answer(
    clock: StoreClock, watch: Watch
) -> None:
    watch.ask(clock, 0, took=4)
    assert clock.now() == TOLD + timedelta(seconds=2)
    watch.now += 10.0004
    assert clock.now() == TOLD + timedelta(seconds=12)


@pytest.mark.anyio
async def test_it_looks_at_the_database(clock: StoreClock, tmp_path: Path) -> None:
    assert await clock.look() == 0.0
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 60
    assert abs(await clock.look()) == 0.0
    assert clock.shifted == 0.0
    await clock._database.close()
