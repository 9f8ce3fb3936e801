"""Targets as users look at them, and as operators open and close them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from house import ANNA, DESCRIPTION, OPERATOR, House
from store_helpers import NOW, TARGET

from quws.domain.caller import Caller
from quws.domain.errors import Forbidden, InvalidParameter, NotFound
from quws.domain.targets import Calibration, TargetStatus
from quws.services.targets import TargetService

pytestmark = pytest.mark.anyio
OTHER = DESCRIPTION.model_copy(update={"name": "other"})
MONDAY = Calibration(id="monday", time=NOW)
TUESDAY = Calibration(id="tuesday", time=NOW + timedelta(days=1))


@pytest.fixture
async def service(house: House) -> TargetService:
    await house.register(DESCRIPTION, OTHER)
    return TargetService(house.targets, house.quotes, house.announcer, house.clock)


async def status(house: House, name: str = TARGET) -> TargetStatus:
    record = await house.targets.record(name)
    assert record is not None
    return record.state.status


# -- looking ------------------------------------------------------------------------------


async def test_a_target_is_shown_with_its_queue(service: TargetService, house: House) -> None:
    await house.complete(await house.queue_and_claim(await house.submit()), seconds=10)
    for _ in range(3):
        await house.submit(PHASE="RUN")
    await house.submit(PHASE="RUN", TARGET="other")
    await house.claim()
    found = await service.get(TARGET)
    assert found.record.description == DESCRIPTION
    assert (found.waiting, found.running) == (2, 1)
    assert found.wait is not None
    assert found.wait >= 20
    assert found.calibration_time is None
    assert [item.record.name for item in await service.all()] == ["other", TARGET]
    assert [item.waiting for item in await service.all()] == [1, 2]
    with pytest.raises(NotFound) as caught:
        await service.get("nothing")
    assert caught.value.sentence == "there is no target 'nothing'; there are: other, simulator"


async def test_calibrations_are_kept(service: TargetService, house: House) -> None:
    for item in (MONDAY, TUESDAY):
        await house.targets.calibrated(TARGET, item, present=True)
    await house.targets.calibrated("other", MONDAY, present=False)
    assert (await service.get(TARGET)).calibration_time == TUESDAY.time
    assert (await service.get("other")).calibration_time is None
    found = await service.calibrations(TARGET)
    assert found == [("tuesday", TUESDAY.time), ("monday", MONDAY.time)]
    assert await service.calibration(TARGET, "monday") == MONDAY
    with pytest.raises(NotFound, match="target other has no calibration 'tuesday'"):
        await service.calibration("other", "tuesday")
    for asked in (service.calibrations("nothing"), service.calibration("nothing", "monday")):
        with pytest.raises(NotFound, match="there is no target 'nothing'"):
            await asked


async def test_the_load_of_a_week_is_kept(service: TargetService, house: House) -> None:
    await house.submit(PHASE="RUN")
    assert await service.sample_load() == 0
    house.clock.forward(days=1)
    await house.claim()
    await house.submit(PHASE="RUN")
    await house.submit(PHASE="RUN")
    await service.sample_load()
    found = await service.load(TARGET)
    assert [(item.waiting, item.running) for item in found] == [(1, 0), (2, 1)]
    assert found[0].time == NOW.replace(second=0, microsecond=0)
    house.clock.forward(days=6, minutes=1)
    assert [item.waiting for item in await service.load(TARGET)] == [2]
    await service.sample_load()
    house.clock.now = NOW + timedelta(days=1)
    assert [item.waiting for item in await service.load(TARGET)] == [2, 2], "the oldest is gone"


# -- setting ------------------------------------------------------------------------------


async def test_an_operator_closes_and_opens_a_target(service: TargetService, house: House) -> None:
    until = NOW + timedelta(days=30)
    await service.set_status(OPERATOR, TARGET, TargetStatus.OFFLINE, "new fridge", until)
    record = await house.targets.record(TARGET)
    assert record is not None
    assert (record.state.status, record.state.message) == (TargetStatus.OFFLINE, "new fridge")
    assert (record.state.until, record.set_by) == (until, "otto")
    assert await status(house, "other") is TargetStatus.ONLINE
    assert house.hints.sent == []
    await service.set_status(OPERATOR, TARGET, TargetStatus.ONLINE)
    assert await status(house) is TargetStatus.ONLINE
    assert house.hints.sent == [TARGET], "jobs may wait for it"
    await service.set_status(Caller(None, operator=True), TARGET, TargetStatus.MAINTENANCE, "")
    record = await house.targets.record(TARGET)
    assert record is not None
    assert (record.state.message, record.set_by) == (None, "operator")


@pytest.mark.parametrize(
    ("changed", "refusal", "said"),
    [
        ({"caller": ANNA}, Forbidden, "only operators may set the status of a target"),
        ({"name": "nothing"}, NotFound, "there is no target 'nothing'"),
        ({"until": NOW}, InvalidParameter, "UNTIL must lie in the future, and 2026-11-21T10:00"),
        ({"message": "x" * 501}, InvalidParameter, "MESSAGE must be text of at most 500"),
        ({"message": "a\0b"}, InvalidParameter, "MESSAGE must be text"),
    ],
)
async def test_what_is_refused_changes_nothing(
    service: TargetService,
    house: House,
    changed: dict[str, object],
    refusal: type[Exception],
    said: str,
) -> None:
    given = {"caller": OPERATOR, "name": TARGET, "status": TargetStatus.OFFLINE} | changed
    with pytest.raises(refusal, match=said):
        await service.set_status(**given)  # type: ignore[arg-type]
    assert await status(house) is TargetStatus.ONLINE
    assert house.hints.sent == []


async def test_the_longest_message_and_the_next_instant_are_taken(
    service: TargetService, house: House
) -> None:
    until = NOW + timedelta(days=3650)
    await service.set_status(OPERATOR, TARGET, TargetStatus.OFFLINE, "x" * 500, until)
    assert await status(house) is TargetStatus.OFFLINE
    next_instant = NOW + timedelta(milliseconds=1)
    await service.set_status(OPERATOR, TARGET, TargetStatus.OFFLINE, None, next_instant)
