"""How many passwords may be guessed, by whom, and who is slowed down by it."""

from __future__ import annotations

import pytest
from counter import Counter

from quws.domain.errors import TooManyRequests
from quws.services import guesses as module
from quws.services.guesses import Guesses

HERE, THERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    made = Counter()
    monkeypatch.setattr(module, "monotonic", made)
    return made


@pytest.fixture
def guesses(counter: Counter) -> Guesses:
    return Guesses()


def wait_of(guesses: Guesses, name: str, address: str) -> int:
    """Guess wrong, and tell how long one has to wait before that; 0 if one need not."""
    try:
        guesses.begin(name, address)
    except TooManyRequests as refusal:
        unit = "second" if refusal.seconds == 1 else "seconds"
        assert refusal.sentence.endswith(f"in {refusal.seconds} {unit}")
        return refusal.seconds
    return 0


def test_one_name_is_guessed_ten_times_from_one_place_and_then_ever_more_slowly(
    guesses: Guesses, counter: Counter
) -> None:
    assert [wait_of(guesses, "anna", HERE) for _ in range(12)] == [0] * 10 + [1, 1]
    waits = []
    for _ in range(9):
        waits.append(wait_of(guesses, "anna", HERE))
        counter.now += waits[-1]
        # What was refused has not counted.
        assert wait_of(guesses, "anna", HERE) == 0
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert wait_of(guesses, "anna", THERE) == 0, "its owner is elsewhere"
    assert wait_of(guesses, "bert", HERE) == 0, "others are at the same address"


def test_many_names_are_guessed_thirty_times_from_one_place(guesses: Guesses) -> None:
    waits = [wait_of(guesses, f"name{number}", HERE) for number in range(31)]
    assert waits == [0] * 30 + [1]
    assert wait_of(guesses, "name0", THERE) == 0


def test_one_name_is_guessed_a_hundred_times_from_anywhere(guesses: Guesses) -> None:
    waits = [wait_of(guesses, "anna", f"192.0.2.{number}") for number in range(101)]
    assert waits == [0] * 100 + [1]
    assert wait_of(guesses, "bert", "192.0.2.250") == 0


def test_nobody_is_kept_out_of_where_they_have_been_by_what_others_guess(
    guesses: Guesses,
) -> None:
    guesses.was_right(guesses.begin("anna", HERE))
    for number in range(200):
        wait_of(guesses, "anna", f"192.0.2.{number + 2}")
        wait_of(guesses, f"name{number}", HERE)
    assert wait_of(guesses, "name", HERE) > 0
    assert wait_of(guesses, "anna", THERE) > 0
    assert wait_of(guesses, "anna", HERE) == 0
    # But guessed here it is slowly too.
    assert [wait_of(guesses, "anna", HERE) for _ in range(10)] == [0] * 9 + [1]


def test_who_is_right_has_not_guessed_and_forgives_others_nothing(guesses: Guesses) -> None:
    for number in range(29):
        assert wait_of(guesses, f"name{number}", HERE) == 0
    for _ in range(50):
        # An account of one's own gives no further guesses.
        guesses.was_right(guesses.begin("mallory", HERE))
    assert wait_of(guesses, "anna", HERE) == 0
    assert wait_of(guesses, "anna", HERE) == 1
    guesses.was_right(guesses.begin("mallory", HERE))
    assert wait_of(guesses, "anna", HERE) == 1


def test_guesses_count_from_when_they_begin_until_they_are_taken_back(guesses: Guesses) -> None:
    begun = [guesses.begin("anna", HERE) for _ in range(10)]
    assert wait_of(guesses, "anna", HERE) == 1, "as many are on their way"
    guesses.take_back(begun[-1])
    assert wait_of(guesses, "anna", HERE) == 0


def test_strangers_at_one_place_wait_in_one_line_and_who_is_known_there_in_none_of_theirs(
    guesses: Guesses,
) -> None:
    anna, bert = guesses.begin("anna", HERE), guesses.begin("bert", HERE)
    assert anna.seat == bert.seat
    assert guesses.begin("anna", THERE).seat != bert.seat
    guesses.was_right(anna)
    assert guesses.begin("anna", HERE).seat != bert.seat


def test_guesses_are_forgotten_after_a_while(guesses: Guesses, counter: Counter) -> None:
    for _ in range(10):
        guesses.begin("anna", HERE)
    counter.now += 900
    assert wait_of(guesses, "anna", HERE) == 0
    assert wait_of(guesses, "anna", HERE) > 0, "they were not forgotten yet"
    counter.now += 901
    assert [wait_of(guesses, "anna", HERE) for _ in range(10)] == [0] * 10


def test_a_name_may_be_as_long_as_it_likes(guesses: Guesses) -> None:
    waits = [wait_of(guesses, "x" * (100 + number), HERE) for number in range(11)]
    assert waits == [0] * 10 + [1]


def test_what_is_counted_is_bounded(guesses: Guesses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_MOST", 30)
    for number in range(100):
        guesses.was_right(guesses.begin(f"name{number}", f"192.0.2.{number}"))
        wait_of(guesses, f"other{number}", f"192.0.2.{number}")
        assert len(guesses._tries) <= 30
        assert len(guesses._known) <= 30
    assert wait_of(guesses, "name99", "192.0.2.99") == 0
