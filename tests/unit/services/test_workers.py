"""Workers that cannot run jobs: told by them, and known to whoever asks."""

from __future__ import annotations

import pytest
from house import Hints

from quws.bus.dispatcher import UnfitWorker
from quws.services.workers import Workers

pytestmark = pytest.mark.anyio
FULL = UnfitWorker("simulator", "host:7", "the disk is full")


async def test_those_of_the_targets_are_returned() -> None:
    hints = Hints()
    await hints.tell_unfit(FULL)
    await hints.tell_unfit(UnfitWorker("star", "host:8", "no process"))
    assert await Workers(hints).unfit(["simulator", "other"]) == [FULL]


async def test_without_the_bus_nobody_is_known() -> None:
    hints = Hints()
    await hints.tell_unfit(FULL)
    hints.away = True
    assert await Workers(hints).unfit(["simulator"]) == []
