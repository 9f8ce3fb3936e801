"""Spreading what was committed: told to all, and in nobody's way when the bus is away."""

from __future__ import annotations

import asyncio

import pytest
from house import Hints, LocalHub

from quws.bus import announcer as module
from quws.bus.announcer import Announcer
from quws.bus.dispatcher import UnfitWorker
from quws.bus.events import JobEvent
from quws.domain.phases import Phase
from quws.telemetry import metrics

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def entered(phase: Phase) -> float:
    return float(metrics.PHASES.labels(phase)._value.get())


async def test_a_change_is_spread_and_counted() -> None:
    hub, hints = LocalHub(), Hints()
    announcer = Announcer(hints, hub)
    aborted, executing, gone = (
        entered(Phase.ABORTED),
        entered(Phase.EXECUTING),
        metrics.DELETED._value.get(),
    )
    await announcer.changed("a", Phase.ABORTED)
    await announcer.changed("a", Phase.EXECUTING)
    await announcer.touched("a", Phase.ABORTED)
    await announcer.deleted("a")
    await announcer.work("simulator")
    assert hub.told == [
        JobEvent("a", Phase.ABORTED),
        JobEvent("a", Phase.EXECUTING),
        JobEvent("a", Phase.ABORTED),
        JobEvent("a", None),
    ]
    assert hints.sent == ["simulator"]
    unfit = UnfitWorker("simulator", "w", "the disk is full")
    await announcer.unfit(unfit)
    assert hints.told == [unfit]
    assert entered(Phase.ABORTED) == aborted + 1
    assert entered(Phase.EXECUTING) == executing, "that is counted where it is claimed"
    assert metrics.DELETED._value.get() == gone + 1


async def test_a_bus_that_is_away_or_hangs_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(*_: object) -> None:
        await asyncio.Event().wait()

    hub, hints = LocalHub(), Hints()
    hub.away = hints.away = True
    announcer = Announcer(hints, hub)
    monkeypatch.setattr(module, "_SECONDS", 0.01)
    for _ in range(2):
        await announcer.changed("a", Phase.QUEUED)
        await announcer.deleted("a")
        await announcer.work("simulator")
        monkeypatch.setattr(hub, "publish", hangs)
        monkeypatch.setattr(hints, "hint", hangs)
