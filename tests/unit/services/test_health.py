"""Whether the service can do its work, and since when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest
from counter import Counter
from house import House

from quws.artifacts import ArtifactStoreUnavailable
from quws.domain.errors import Unavailable
from quws.schemas.health import ReadinessJson
from quws.services import health as module
from quws.services.health import Health, HealthReport

pytestmark = pytest.mark.anyio


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    made = Counter()
    monkeypatch.setattr(module, "monotonic", made)
    return made


@pytest.fixture
async def house(house: House) -> AsyncIterator[House]:
    house.clock.now = datetime.now(UTC)
    yield house


def health_of(house: House, **more: Callable[[], Awaitable[None]]) -> Health:
    return Health(
        house.database,
        house.hints,
        house.artifacts,
        house.store_clock,
        more=more,
        clock=house.clock,
    )


async def looked(health: Health, counter: Counter) -> HealthReport:
    """Return what a new look finds."""
    counter.now += 1
    return await health.report()


async def test_all_works(house: House, counter: Counter) -> None:
    began = house.clock()
    health = health_of(house)
    assert await looked(health, counter) == HealthReport(True, began, [], [], [])
    house.clock.forward(seconds=2)
    assert (await looked(health, counter)).since == began


async def test_what_does_not_answer_is_named(
    house: House, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> None:
        raise ArtifactStoreUnavailable("s3://a-host-that-users-need-not-know")

    async def broken() -> None:
        raise Unavailable("it broke")

    monkeypatch.setattr(house.artifacts, "probe", away)
    monkeypatch.setattr(house.database, "probe", away)
    house.hints.away = True
    health = health_of(house, child=broken)
    report = await looked(health, counter)
    assert not report.available
    assert report.since is None
    assert report.problems == ["the database does not answer", "child does not answer"]
    assert report.degraded == [
        "the message bus does not answer: jobs start, and waiting clients hear, seconds later",
        "the artifact store does not answer: results cannot be read, and new ones wait",
    ]
    assert report.notes == [*report.problems, *report.degraded]
    assert report.readiness() == ReadinessJson(
        ready=False, problems=report.problems, degraded=report.degraded
    )
    await house.database.close()


async def test_what_does_its_work_without_bus_and_artifacts_is_available(
    house: House, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> None:
        raise ArtifactStoreUnavailable("away")

    began = house.clock()
    monkeypatch.setattr(house.artifacts, "probe", away)
    house.hints.away = True
    report = await looked(health_of(house), counter)
    assert (report.available, report.since, report.problems) == (True, began, [])
    assert len(report.degraded) == 2
    assert report.readiness().ready


async def test_available_since_is_counted_anew(house: House, counter: Counter) -> None:
    broken = False

    async def child() -> None:
        if broken:
            raise Unavailable("it broke")

    health = health_of(house, child=child)
    first = (await looked(health, counter)).since
    broken = True
    assert not (await looked(health, counter)).available
    broken = False
    house.clock.forward(seconds=1)
    report = await looked(health, counter)
    assert report.available
    assert report.since == house.clock() != first


async def test_a_part_that_hangs_is_away(
    house: House, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(module, "_LIMIT_SECONDS", 0.05)
    report = await looked(health_of(house, child=hangs), counter)
    assert "child does not answer" in report.problems


async def test_one_look_serves_all_who_ask_within_a_second(house: House, counter: Counter) -> None:
    looks = 0

    async def counted() -> None:
        nonlocal looks
        looks += 1

    health = health_of(house, child=counted)
    await asyncio.gather(*(health.report() for _ in range(5)))
    counter.now += 0.9
    await health.report()
    assert looks == 1
    counter.now += 0.1
    await health.report()
    assert looks == 2


async def test_a_clock_that_was_set_is_told_of_for_ten_minutes(
    house: House, counter: Counter
) -> None:
    health = health_of(house)
    await house.look_at_the_clock(ahead=-3600)
    (notice,) = (await looked(health, counter)).notices
    assert notice.startswith("the clock was set at 20")
    assert notice.endswith("what is due by it may have been late or early")
    assert (await looked(health, counter)).available
    house.clock.forward(minutes=10, milliseconds=-1)
    assert len((await looked(health, counter)).notices) == 2, "and now this host's is early"
    house.clock.forward(milliseconds=2)
    (notice,) = (await looked(health, counter)).notices
    assert "was set" not in notice


@pytest.mark.parametrize(
    ("seconds", "told"), [(5.6, 6), (-5.6, 6), (5.001, 5), (5, None), (-5, None), (0, None)]
)
async def test_hosts_whose_clocks_differ_are_told_of(
    house: House,
    counter: Counter,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    told: int | None,
) -> None:
    async def still() -> float:
        return 0.0

    now = house.clock()
    monkeypatch.setattr(house.store_clock, "look", still)
    monkeypatch.setattr(house.store_clock, "now", lambda: now)
    house.clock.forward(seconds=seconds)
    notices = (await looked(health_of(house), counter)).notices
    sentence = f"the clock of this host differs from the database's by {told} seconds"
    assert notices == ([] if told is None else [sentence])


async def test_a_database_that_does_not_tell_its_time_is_told_of_once(
    house: House, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> None:
        raise Unavailable("away")

    monkeypatch.setattr(house.database, "probe", away)
    monkeypatch.setattr(house.store_clock, "look", away)
    report = await looked(health_of(house), counter)
    assert report.problems == ["the database does not answer"]
    assert report.notices == []
