"""After a child that did not get ready the next one is asked for soon, and then less soon."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from quws.sandbox import stillborn
from quws.sandbox.stillborn import Stillborn

pytestmark = pytest.mark.anyio


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Timers that come at once, too early: how long each was to be."""
    seconds: list[float] = []

    async def sleep(delay: float) -> None:
        seconds.append(delay)

    monkeypatch.setattr(stillborn, "asyncio", SimpleNamespace(sleep=sleep))
    return seconds


async def test_each_rest_is_longer_up_to_a_fifth_of_a_second(slept: list[float]) -> None:
    found = Stillborn()
    for _ in range(5):
        await found.note()
    assert slept == [0.05, 0.1, 0.2, 0.2, 0.2]
    found.forget()
    await found.note()
    assert slept[-1] == 0.05


async def test_when_the_rest_is_over_others_may_be_asked_for_however_early_it_is(
    slept: list[float],
) -> None:
    found = Stillborn()
    first, second = found.note(), found.note()
    assert found.recent
    await first
    assert found.recent, "there was another one"
    await second
    assert not found.recent
