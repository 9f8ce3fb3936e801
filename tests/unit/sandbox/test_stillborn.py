"""After a child that did not get ready the next one is asked for soon, and then less soon."""

from __future__ import annotations

from quws.sandbox.stillborn import Stillborn


def test_each_pause_is_longer_up_to_a_fifth_of_a_second() -> None:
    found = Stillborn()
    assert [found.note() for _ in range(5)] == [0.05, 0.1, 0.2, 0.2, 0.2]
    found.forget()
    assert found.note() == 0.05


def test_others_may_be_asked_for_when_the_pauses_after_all_are_over() -> None:
    found = Stillborn()
    found.note()
    found.note()
    found.over()
    assert found.recent
    found.over()
    assert not found.recent
