"""What a job says of why it waits."""

from __future__ import annotations

import pytest
from house import ANNA, BERT, DESCRIPTION, House

from quws.bus.connection import BusUnavailable
from quws.domain.lanes import lane_of_short
from quws.domain.quotas import Group, QuotaRules
from quws.domain.targets import TargetKind, TargetStatus

pytestmark = pytest.mark.anyio


async def status(house: House, job_id: str) -> str | None:
    # As another process would tell it.
    house.jobs = house.service()
    return (await house.jobs.reader.snapshot(ANNA, job_id)).details.status


async def test_the_queue_the_target_and_the_workers(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[bool | None] = [True]

    async def attended(target: str) -> bool:
        if alive[0] is None:
            raise BusUnavailable("it is away")
        return alive[0]

    monkeypatch.setattr(house.hints, "attended", attended)
    first = await house.submit(PHASE="RUN")
    assert await status(house, first.id) == "it starts as soon as target simulator is free"
    await house.submit(PHASE="RUN", caller=BERT)
    last = await house.submit(PHASE="RUN")
    said = "2 jobs go before it on target simulator: 1 of the same owner"
    assert await status(house, last.id) == said
    alive[0] = None
    assert await status(house, last.id) == said
    alive[0] = False
    none_alive = "no worker of target simulator is alive; it starts when one is"
    assert await status(house, last.id) == none_alive
    await house.targets.set_state("simulator", TargetStatus.MAINTENANCE, "cooling", None, "otto")
    assert "cooling" in (await status(house, last.id) or "")
    pending = await house.submit()
    assert await status(house, pending.id) is None


async def test_who_has_as_many_running_as_they_may(house: House) -> None:
    rules = QuotaRules(group={"lab": Group(members=("anna", "bert"), running=1)})
    await house.submit(PHASE="RUN", caller=BERT)
    mine = await house.submit(PHASE="RUN")
    claim = await house.claim()

    async def told() -> str | None:
        return (await house.service(rules).reader.snapshot(ANNA, mine.id)).details.status

    assert await told() == (
        "1 job of group lab runs, as many as may at once; it starts when one of them is done"
    )
    await house.complete(claim)
    assert "lab" not in (await told() or "")


async def test_a_short_job_waits_for_short_ones_only(house: House) -> None:
    for _ in range(2):
        await house.submit(PHASE="RUN", caller=BERT)
    claim = await house.claim()
    await house.complete(claim, seconds=0.01)
    first, second = [await house.submit(PHASE="RUN") for _ in range(2)]
    assert house.hints.sent[-1] == lane_of_short("simulator")
    assert await status(house, first.id) == "it starts as soon as target simulator is free"
    found = (await house.jobs.reader.snapshot(ANNA, second.id)).details
    assert found.queue_position == 1
    assert found.status == "1 job goes before it on target simulator, of the same owner"
    await house.register(DESCRIPTION.model_copy(update={"kind": TargetKind.HARDWARE}))
    found = (await house.jobs.reader.snapshot(ANNA, second.id)).details
    assert found.queue_position == 2, "hardware keeps its order"
