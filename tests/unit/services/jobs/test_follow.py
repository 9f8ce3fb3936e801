"""Waiting for a job and following jobs, on a hub within the process."""

from __future__ import annotations

import asyncio

import pytest
from house import ANNA, BERT, House, soon

from quws.bus.events import Watch
from quws.domain.errors import NotFound, TooManyRequests
from quws.domain.job import Job
from quws.domain.phases import Phase
from quws.services.jobs import follow, lookout
from quws.services.jobs.lookout import Lookout
from quws.services.snapshots import Snapshot
from quws.store.database import StoreUnavailable
from quws.telemetry import metrics

pytestmark = pytest.mark.anyio


def waiter(house: House, job: Job, seconds: float = 60, **how: object) -> asyncio.Task[Snapshot]:
    waiting = house.jobs.follower.wait(ANNA, job.id, seconds, **how)  # type: ignore[arg-type]
    return asyncio.create_task(waiting)


async def asleep(house: House) -> None:
    """Return when a waiter has read its job and begins to wait for news of it."""
    await soon(house.hub.asleep.get())


# -- wait -----------------------------------------------------------------------------


async def test_a_waiter_gets_the_change_at_once(house: House) -> None:
    job = await house.submit()
    waiting = waiter(house, job)
    await asleep(house)
    assert not waiting.done()
    await house.jobs.control.run(ANNA, job.id)
    found = await soon(waiting)
    assert found.job.phase is Phase.QUEUED
    assert found.details.queue_position == 0


async def test_a_change_of_something_else_ends_no_wait(house: House) -> None:
    job = await house.submit()
    waiting = waiter(house, job)
    await asleep(house)
    await house.announcer.touched(job.id, Phase.PENDING)
    await asleep(house)
    assert not waiting.done()
    await house.jobs.control.abort(ANNA, job.id)
    assert (await soon(waiting)).job.phase is Phase.ABORTED


async def test_the_wait_ends_with_its_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await house.submit()
    for seconds in (0, 0.01):
        assert (await soon(waiter(house, job, seconds))).job.phase is Phase.PENDING
    follower = house.service(max_wait=0.01).follower
    for seconds in (-1, 3600):
        assert (await soon(follower.wait(ANNA, job.id, seconds))).job.phase is Phase.PENDING


async def test_what_does_not_block_is_answered_at_once(house: House) -> None:
    job = await house.submit()
    found = await soon(waiter(house, job, phase=Phase.QUEUED))
    assert found.job.phase is Phase.PENDING, "it is not in the phase to wait in"
    blocking = frozenset({Phase.QUEUED})
    assert (await soon(waiter(house, job, blocking=blocking))).job.phase is Phase.PENDING
    await house.jobs.control.abort(ANNA, job.id)
    assert (await soon(waiter(house, job))).job.phase is Phase.ABORTED


async def test_a_waiter_looks_by_itself_when_the_bus_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_REREAD_SECONDS", 0.01)
    job = await house.submit()
    house.hub.away = True
    waiting = waiter(house, job)
    await asleep(house)
    await house.jobs.control.run(ANNA, job.id)
    assert (await soon(waiting)).job.phase is Phase.QUEUED


async def test_an_abort_while_the_bus_is_away_wakes_who_waits_for_it_by_one_look_for_all(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout, "_LOOK_SECONDS", 0.01)
    jobs = [await house.submit() for _ in range(20)]
    house.hub.away = True
    waiting = [waiter(house, job) for job in jobs]
    for _ in jobs:
        await asleep(house)
    look = Lookout(house.store.outbox, house.hub)
    await look.look()  # Since they began to wait before anybody looked, all read once more.
    for _ in jobs:
        await asleep(house)
    reads: list[str] = []
    whole = house.store.reading.whole

    async def counted(job_id: str) -> object:
        reads.append(job_id)
        return await whole(job_id)

    monkeypatch.setattr(house.store.reading, "whole", counted)
    looking = asyncio.create_task(look.run())
    await house.jobs.control.abort(ANNA, jobs[3].id)
    assert (await soon(waiting[3])).job.phase is Phase.ABORTED
    await house.jobs.control.delete(ANNA, jobs[4].id)
    with pytest.raises(NotFound):
        await soon(waiting[4])
    assert reads.count(jobs[3].id) <= 2  # That of the abort itself, and the waiter's.
    assert set(reads) <= {jobs[3].id, jobs[4].id}
    assert sum(item.done() for item in waiting) == 2
    house.jobs.follower.stop_waiting()
    await asyncio.gather(*waiting, return_exceptions=True)
    looking.cancel()


async def test_what_came_over_the_bus_wakes_nobody_twice(house: House) -> None:
    one, other = await house.submit(), await house.submit()
    look = Lookout(house.store.outbox, house.hub)
    with house.hub.watch(one.id) as watch, house.hub.feed() as feed:
        await look.look()
        assert await watch.changed(0)
        assert await feed.changed(0)
        await house.jobs.control.run(ANNA, one.id)
        assert await watch.changed(0)
        assert await feed.changed(0)
        await look.look()
        assert not await watch.changed(0)
        assert not await feed.changed(0)
        house.hub.away = True
        await house.jobs.control.abort(ANNA, other.id)
        await look.look()
        assert not await watch.changed(0)
        assert await feed.changed(0)
        # To where it was told to be before, by a way that nobody has told of.
        await house.jobs.control.abort(ANNA, one.id)
        await look.look()
        assert await watch.changed(0)
        await look.look()
        assert not await watch.changed(0)


async def test_nobody_looks_where_nobody_waits(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def looked(*_: object) -> int:
        raise StoreUnavailable("it is away")

    job = await house.submit()
    look = Lookout(house.store.outbox, house.hub)
    monkeypatch.setattr(house.store.outbox, "newest", looked)
    await look.look()
    with house.hub.watch(job.id), pytest.raises(StoreUnavailable):
        await look.look()
    await look.look()


async def test_a_burst_of_news_is_read_to_its_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout, "CHUNK", 2)
    monkeypatch.setattr(lookout, "LATE_ENTRIES", 3)
    look = Lookout(house.store.outbox, house.hub)
    house.hub.away = True
    job = await house.submit()
    tail = house.store.outbox.tail
    monkeypatch.setattr(house.store.outbox, "tail", lambda after: tail(after, limit=2))
    with house.hub.watch(job.id) as watch:
        await look.look()
        assert await watch.changed(0)
        for _ in range(7):
            await house.submit()
        await house.jobs.control.abort(ANNA, job.id)
        await look.look()
        assert await watch.changed(0)
        await look.look()
        assert not await watch.changed(0)


async def test_whoever_waits_is_counted_and_forgotten(house: House) -> None:
    def count() -> float:
        return metrics.WAITING._value.get()

    job, before = await house.submit(), count()
    waiting = waiter(house, job)
    await asleep(house)
    assert count() == before + 1
    await house.jobs.control.delete(ANNA, job.id)
    with pytest.raises(NotFound):
        await soon(waiting)
    assert count() == before
    assert not house.hub._watches


async def test_at_the_end_all_are_answered(house: House) -> None:
    job = await house.submit()
    waiting = waiter(house, job)
    following = house.jobs.follower.follow(ANNA, job.id)
    feed = house.jobs.follower.feed(ANNA, None)
    await asleep(house)
    await anext(following)
    await anext(feed)
    house.jobs.follower.stop_waiting()
    assert (await soon(waiting)).job.phase is Phase.PENDING
    assert [item async for item in following] == []
    assert [item async for item in feed] == []
    assert (await soon(waiter(house, job))).job.phase is Phase.PENDING


async def test_of_one_caller_only_so_many_may_wait(house: House) -> None:
    job = await house.submit()
    follower = house.service(max_listeners=3).follower
    following, feed = follower.follow(ANNA, job.id), follower.feed(ANNA, None)
    await anext(following)
    await anext(feed)
    waiting = asyncio.create_task(follower.wait(ANNA, job.id, 60))
    await asleep(house)
    for one_more in (
        follower.wait(ANNA, job.id, 60),
        anext(follower.follow(ANNA, job.id)),
        anext(follower.feed(ANNA, None)),
    ):
        with pytest.raises(TooManyRequests, match="no more than 3 requests of one caller"):
            await soon(one_more)
    others = follower.feed(BERT, None)
    await anext(others)
    await others.aclose()
    for ends in (following, feed):
        await ends.aclose()
        again = follower.feed(ANNA, None)
        await anext(again)
        await again.aclose()
    waiting.cancel()


# -- follow ---------------------------------------------------------------------------


async def test_who_follows_sees_every_phase_to_the_end(house: House) -> None:
    job = await house.submit()
    seen = []
    async for found in house.jobs.follower.follow(ANNA, job.id):
        seen.append(found.job.phase)
        if found.job.phase is Phase.PENDING:
            await house.jobs.control.run(ANNA, job.id)
        elif found.job.phase is Phase.QUEUED:
            claim = await house.claim()
            await house.announcer.changed(job.id, Phase.EXECUTING)
        elif found.job.phase is Phase.EXECUTING:
            await house.complete(claim)
            await house.announcer.changed(job.id, Phase.COMPLETED)
    assert seen == [Phase.PENDING, Phase.QUEUED, Phase.EXECUTING, Phase.COMPLETED]


async def test_who_follows_hears_that_the_job_is_deleted(house: House) -> None:
    job = await house.submit()
    following = house.jobs.follower.follow(ANNA, job.id)
    await anext(following)
    await house.jobs.control.delete(ANNA, job.id)
    with pytest.raises(NotFound):
        await soon(anext(following))


@pytest.mark.parametrize(
    ("phase", "constant"), [("RUN", "_QUEUE_SECONDS"), (None, "_REREAD_SECONDS")]
)
async def test_who_follows_looks_now_and_then(
    house: House, monkeypatch: pytest.MonkeyPatch, phase: str | None, constant: str
) -> None:
    monkeypatch.setattr(follow, constant, 0.01)
    job = await (house.submit(PHASE=phase) if phase else house.submit())
    following = house.jobs.follower.follow(ANNA, job.id)
    for _ in range(3):
        assert (await soon(anext(following))).job.id == job.id
    await following.aclose()


# -- how long each sleeps ---------------------------------------------------------------


class Asleep(Exception):
    """Somebody begins to wait for news, and would look by themselves after so many seconds."""


@pytest.fixture
def sleepers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def changed(_: Watch, seconds: float) -> bool:
        raise Asleep(seconds)

    monkeypatch.setattr(Watch, "changed", changed)
    monkeypatch.setattr(follow, "monotonic", lambda: 1000.0)


@pytest.mark.usefixtures("sleepers")
@pytest.mark.parametrize(("wanted", "seconds"), [(60, 15), (15.5, 15), (3, 3), (-1, 15)])
async def test_a_waiter_looks_by_itself_every_quarter_of_a_minute(
    house: House, wanted: float, seconds: float
) -> None:
    job = await house.submit()
    with pytest.raises(Asleep) as caught:
        await house.jobs.follower.wait(ANNA, job.id, wanted)
    assert caught.value.args == (seconds,)


@pytest.mark.usefixtures("sleepers")
async def test_nobody_waits_longer_than_the_operator_allows(house: House) -> None:
    job = await house.submit()
    follower = house.service(max_wait=7).follower
    for wanted in (-1, 8):
        with pytest.raises(Asleep) as caught:
            await follower.wait(ANNA, job.id, wanted)
        assert caught.value.args == (7,)
    assert (await follower.wait(ANNA, job.id, 0)).job.phase is Phase.PENDING


@pytest.mark.usefixtures("sleepers")
async def test_who_follows_looks_more_often_while_the_job_is_in_the_queue(house: House) -> None:
    for job, seconds in ((await house.submit(), 15), (await house.submit(PHASE="RUN"), 5)):
        following = house.jobs.follower.follow(ANNA, job.id)
        await anext(following)
        with pytest.raises(Asleep) as caught:
            await anext(following)
        assert caught.value.args == (seconds,)
