"""Waiting for a job and following jobs, on a hub within the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from time import monotonic
from typing import TypeVar

import pytest
from house import ANNA, BERT, OPERATOR, House
from sqlalchemy import delete, insert, select
from store_helpers import TARGET

from quws.bus.events import JobEvent, Watch
from quws.domain.errors import NotFound
from quws.domain.job import Job, JobRef
from quws.domain.phases import Phase
from quws.services.jobs import follow
from quws.services.jobs.follow import News
from quws.services.snapshots import Snapshot
from quws.store import tables as t
from quws.store.jobs import outbox
from quws.telemetry import metrics

pytestmark = pytest.mark.anyio
SECONDS = 10
T = TypeVar("T")


async def soon(awaitable: Awaitable[T]) -> T:
    async with asyncio.timeout(SECONDS):
        return await awaitable


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


@pytest.mark.usefixtures("sleepers")
async def test_a_feed_to_which_nothing_happens_sleeps(house: House) -> None:
    feed = house.jobs.follower.feed(ANNA, None)
    await anext(feed)
    with pytest.raises(Asleep) as caught:
        await anext(feed)
    assert caught.value.args == (15,)


# -- feed -----------------------------------------------------------------------------


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_FEED_PAUSE_SECONDS", 0)


async def told(feed: AsyncGenerator[News, None]) -> News:
    return await soon(anext(feed))


def changes(news: News) -> list[tuple[str, Phase]]:
    return [(ref.id, ref.phase) for ref in news.changed]


@pytest.mark.usefixtures("fast")
async def test_a_feed_tells_what_happens_from_now_on(house: House) -> None:
    before = await house.submit()
    feed = house.jobs.follower.feed(ANNA, None)
    first = await told(feed)
    assert first == News(await house.store.outbox.newest(), [], [])
    assert first.cursor > 0
    job = await house.submit()
    theirs = await house.submit(caller=BERT)
    news = await told(feed)
    assert changes(news) == [(job.id, Phase.PENDING)]
    assert news.cursor > first.cursor
    await house.jobs.control.run(ANNA, before.id)
    assert changes(await told(feed)) == [(before.id, Phase.QUEUED)]
    await house.jobs.control.delete(BERT, theirs.id)
    await house.jobs.control.delete(ANNA, job.id)
    news = await told(feed)
    assert (news.changed, news.deleted) == ([], [job.id])
    await feed.aclose()
    assert not house.hub._feeds


@pytest.mark.usefixtures("fast")
async def test_a_feed_goes_on_where_it_was_left(house: House) -> None:
    feed = house.jobs.follower.feed(ANNA, None)
    left = (await told(feed)).cursor
    await feed.aclose()
    first = await house.submit()
    second = await house.submit(PHASE="RUN")
    feed = house.jobs.follower.feed(ANNA, left)
    assert (await told(feed)).cursor == left
    news = await told(feed)
    assert changes(news) == [(first.id, Phase.PENDING), (second.id, Phase.QUEUED)]
    assert news.cursor == await house.store.outbox.newest()
    await feed.aclose()


@pytest.mark.usefixtures("fast")
async def test_operators_hear_of_everybodys_jobs(house: House) -> None:
    feed = house.jobs.follower.feed(OPERATOR, None)
    await told(feed)
    mine, theirs = await house.submit(), await house.submit(caller=BERT)
    assert {ref.id for ref in (await told(feed)).changed} == {mine.id, theirs.id}
    await house.jobs.control.delete(BERT, theirs.id)
    assert (await told(feed)).deleted == [theirs.id]
    await feed.aclose()


@pytest.mark.usefixtures("fast")
async def test_a_feed_tells_each_entry_once_and_says_now_and_then_that_it_lives(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = house.jobs.follower.feed(ANNA, None)
    await told(feed)
    job = await house.submit(TARGET=TARGET)
    assert len((await told(feed)).changed) == 1
    monkeypatch.setattr(follow, "_REREAD_SECONDS", 0.02)
    started = monotonic()
    await house.hub.publish(JobEvent(job.id, Phase.PENDING))
    news = await told(feed)
    assert (news.changed, news.deleted) == ([], [])
    assert monotonic() - started >= 0.01
    await feed.aclose()


@pytest.mark.usefixtures("fast")
async def test_what_is_written_late_is_told_late(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two transactions the one that drew its id first may commit last."""
    monkeypatch.setattr(follow, "_LATE_ENTRIES", 2)
    feed = house.jobs.follower.feed(ANNA, None)
    await told(feed)
    too_late, late, early = [await house.submit() for _ in range(3)]
    rows = t.outbox.c.job_id.in_((too_late.id, late.id))
    async with house.database.write() as connection:
        taken = [row._asdict() for row in await connection.execute(select(t.outbox).where(rows))]
        await connection.execute(delete(t.outbox).where(rows))
    news = await told(feed)
    assert changes(news) == [(early.id, Phase.PENDING)]
    async with house.database.write() as connection:
        await connection.execute(insert(t.outbox), taken)
    await house.hub.publish(JobEvent(late.id, Phase.PENDING))
    assert await told(feed) == News(news.cursor, [news_of(late)], [])
    await house.jobs.control.delete(ANNA, late.id)
    last = await told(feed)
    assert (last.changed, last.deleted) == ([], [late.id])
    assert last.cursor == news.cursor + 1
    await feed.aclose()


def news_of(job: Job) -> JobRef:
    return JobRef(job.id, job.phase, job.run_id, job.owner, job.creation_time)


@pytest.mark.usefixtures("fast")
async def test_more_than_one_look_finds_is_told_without_another_event(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_LATE_ENTRIES", 0)
    monkeypatch.setattr(outbox, "CHUNK", 1)
    left = await house.store.outbox.newest()
    jobs = [await house.submit() for _ in range(3)]
    feed = house.jobs.follower.feed(ANNA, left)
    await told(feed)
    assert [changes(await told(feed)) for _ in jobs] == [[(job.id, Phase.PENDING)] for job in jobs]
    await feed.aclose()
