"""The metrics of the queues: true when they are read, and not counted too often."""

from __future__ import annotations

import asyncio

import pytest
from house import House
from store_helpers import TARGET

from quws.services import queues as module
from quws.services.queues import Queues
from quws.store.database import StoreUnavailable
from quws.store.queues import QueueStore
from quws.telemetry import metrics

pytestmark = pytest.mark.anyio


def shown() -> tuple[float, float, float]:
    """Return how many jobs wait, how long the oldest has, and how many execute."""
    text = metrics.exposition().decode()
    found = {}
    for line in text.splitlines():
        if line.startswith("quws_") and f'target="{TARGET}"' in line:
            found[line.partition("{")[0]] = float(line.rpartition(" ")[2])
    return tuple(  # type: ignore[return-value]
        found[name]
        for name in ("quws_queue_jobs", "quws_queue_oldest_seconds", "quws_executing_jobs")
    )


async def test_the_queues_are_counted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    queues = Queues(QueueStore(house.database), house.clock)
    await house.submit(PHASE="RUN")
    house.clock.forward(seconds=5)
    await house.submit(PHASE="RUN")
    house.clock.forward(seconds=2)
    await queues.refresh()
    assert shown() == (2, 7, 0)
    await house.claim()
    now += 1.9
    await queues.refresh()
    assert shown() == (2, 7, 0), "they were counted a moment ago"
    now += 0.1
    await queues.refresh()
    assert shown() == (1, 2, 1)
    house.clock.forward(seconds=-100)
    now += 2
    await queues.refresh()
    assert shown() == (1, 0, 1), "a clock that was set makes nothing younger than new"
    await house.claim()
    now += 2
    await queues.refresh()
    assert shown() == (0, 0, 2)


async def test_without_the_database_they_stay_as_they_were(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = QueueStore(house.database)
    await house.submit(PHASE="RUN")
    await Queues(store, house.clock).refresh()
    before = shown()

    async def away() -> None:
        raise StoreUnavailable("away")

    async def hangs() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(module, "_LIMIT_SECONDS", 0.05)
    for lengths in (away, hangs):
        monkeypatch.setattr(store, "lengths", lengths)
        await Queues(store, house.clock).refresh()
        assert shown() == before
