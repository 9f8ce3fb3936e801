"""Following all that happens to a caller's jobs, on a hub within the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from time import monotonic

import pytest
from house import ANNA, BERT, OPERATOR, House, soon
from sqlalchemy import delete, insert, select
from store_helpers import TARGET

from quws.bus.events import JobEvent, Watch
from quws.domain.job import Job, JobRef
from quws.domain.phases import Phase
from quws.services.jobs import feeds
from quws.services.jobs.feeds import News
from quws.store import tables as t
from quws.store.jobs import outbox

pytestmark = pytest.mark.anyio


class Asleep(Exception):
    """Somebody begins to wait for news, and would look by themselves after so many seconds."""


async def test_a_feed_to_which_nothing_happens_sleeps(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def changed(_: Watch, seconds: float) -> bool:
        raise Asleep(seconds)

    monkeypatch.setattr(Watch, "changed", changed)
    monkeypatch.setattr(feeds, "monotonic", lambda: 1000.0)
    feed = house.jobs.follower.feed(ANNA, None)
    await anext(feed)
    with pytest.raises(Asleep) as caught:
        await anext(feed)
    assert caught.value.args == (15,)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_PAUSE_SECONDS", 0)


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
    monkeypatch.setattr(feeds, "_SPEAK_SECONDS", 0.02)
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
    monkeypatch.setattr(feeds, "LATE_ENTRIES", 2)
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
    monkeypatch.setattr(feeds, "LATE_ENTRIES", 0)
    monkeypatch.setattr(outbox, "CHUNK", 1)
    left = await house.store.outbox.newest()
    jobs = [await house.submit() for _ in range(3)]
    feed = house.jobs.follower.feed(ANNA, left)
    await told(feed)
    assert [changes(await told(feed)) for _ in jobs] == [[(job.id, Phase.PENDING)] for job in jobs]
    await feed.aclose()


# -- many at once -----------------------------------------------------------------------


async def test_one_look_serves_all_streams_of_an_owner(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [house.jobs.follower.feed(ANNA, None) for _ in range(30)]
    for stream in streams:
        await told(stream)
    looks, since = [], house.store.outbox.since

    async def counted(owner: str | None, *, everybody: bool, after: int) -> list[outbox.News]:
        looks.append(owner)
        return await since(owner, everybody=everybody, after=after)

    monkeypatch.setattr(house.store.outbox, "since", counted)
    waiting = [asyncio.create_task(told(stream)) for stream in streams]
    job = await house.submit()
    for news in await asyncio.gather(*waiting):
        assert changes(news) == [(job.id, Phase.PENDING)]
    assert len(looks) <= 3
    assert len(house.hub._feeds) == 1
    for stream in streams:
        await stream.aclose()
    assert not house.hub._feeds


@pytest.mark.usefixtures("fast")
async def test_who_goes_away_takes_no_news_with_them(house: House) -> None:
    first, second = [house.jobs.follower.feed(ANNA, None) for _ in range(2)]
    await told(first)
    await told(second)
    going, staying = asyncio.create_task(told(first)), asyncio.create_task(told(second))
    # What wakes the one that looks is lost with it.
    for _ in range(3):
        await house.hub.publish(JobEvent("another", Phase.QUEUED))
        await asyncio.sleep(0)
    going.cancel()
    job = await house.submit()
    assert changes(await staying) == [(job.id, Phase.PENDING)]
    await second.aclose()


@pytest.mark.usefixtures("fast")
async def test_who_catches_up_beside_others_hears_each_once(house: House) -> None:
    steady = house.jobs.follower.feed(ANNA, None)
    left = (await told(steady)).cursor
    first = await house.submit()
    assert changes(await told(steady)) == [(first.id, Phase.PENDING)]
    second = await house.submit()
    late = house.jobs.follower.feed(ANNA, left)
    assert await told(late) == News(left, [], [])
    assert changes(await told(late)) == [(job.id, Phase.PENDING) for job in (first, second)]
    third = await house.submit()
    assert {ref.id for ref in (await told(steady)).changed} == {second.id, third.id}
    assert changes(await told(late)) == [(third.id, Phase.PENDING)]
    newest = house.jobs.follower.feed(ANNA, None)
    await told(newest)
    await house.jobs.control.run(ANNA, third.id)
    for stream in (steady, late, newest):
        assert changes(await told(stream)) == [(third.id, Phase.QUEUED)]
        await stream.aclose()


@pytest.mark.usefixtures("fast")
async def test_who_takes_the_news_far_too_slowly_is_sent_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "_KEPT", 1)
    quick, slow = [house.jobs.follower.feed(ANNA, None) for _ in range(2)]
    await told(slow)
    await told(quick)
    for _ in range(2):
        await house.submit()
        await told(quick)
    assert [news async for news in slow] == []
    await house.submit()
    assert len((await told(quick)).changed) == 1
    await quick.aclose()
