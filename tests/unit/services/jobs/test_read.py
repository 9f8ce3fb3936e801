"""Looking at jobs: whose they are, which of them, and what a document says of one."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from house import ANNA, BERT, OPERATOR, House, posted
from store_helpers import NOW, TARGET

from quws.domain.job import Job
from quws.domain.labels import ListFilter, Place
from quws.domain.phases import Phase
from quws.domain.targets import TargetState, TargetStatus
from quws.store.database import StoreUnavailable

pytestmark = pytest.mark.anyio


async def ids(house: House, caller: object, **wanted: object) -> list[str]:
    refs = house.jobs.reader.refs(caller, ListFilter(**wanted))  # type: ignore[arg-type]
    return [ref.id async for chunk in refs for ref in chunk]


async def three(house: House) -> list[Job]:
    """Return jobs of Anna, a second apart, of which the last is queued."""
    made = []
    for phase in (None, None, "RUN"):
        made.append(await (house.submit(PHASE=phase) if phase else house.submit()))
        house.clock.forward(seconds=1)
    return made


async def test_everybody_lists_their_own_newest_first(house: House) -> None:
    first, second, third = await three(house)
    theirs = await house.submit(caller=BERT)
    assert await ids(house, ANNA) == [third.id, second.id, first.id]
    assert await ids(house, BERT) == [theirs.id]
    assert await ids(house, OPERATOR) == [theirs.id, third.id, second.id, first.id]
    rows = await house.jobs.reader.rows(ANNA, 10)
    assert [row.ref.id for row in rows] == [third.id, second.id, first.id]
    assert [row.ref.id for row in await house.jobs.reader.rows(BERT, 10)] == [theirs.id]
    assert len(await house.jobs.reader.rows(OPERATOR, 10)) == 4


async def test_a_list_may_be_narrowed(house: House) -> None:
    first, second, third = await three(house)
    assert await ids(house, ANNA, phases=frozenset({Phase.QUEUED})) == [third.id]
    assert await ids(house, ANNA, after=NOW) == [third.id, second.id]
    assert await ids(house, ANNA, last=2) == [third.id, second.id]
    rows = house.jobs.reader.rows
    assert [row.ref.id for row in await rows(ANNA, 2)] == [third.id, second.id]
    assert [
        row.ref.id for row in await rows(ANNA, 2, past=Place(second.id, second.creation_time))
    ] == [first.id]
    found = await rows(ANNA, 5, ListFilter(phases=frozenset({Phase.QUEUED})))
    assert [row.ref.id for row in found] == [third.id]
    assert [row.ref.id for row in await rows(ANNA, 5, ListFilter(after=NOW, last=1))] == [third.id]
    assert [row.ref.id for row in await rows(ANNA, 5, ListFilter(after=NOW))] == [
        third.id,
        second.id,
    ]


async def test_a_job_is_found_by_the_key_that_made_it(house: House) -> None:
    job = await house.jobs.submission.submit(ANNA, posted(), "key")
    await house.jobs.submission.submit(BERT, posted(), "key")
    await house.submit()
    assert await ids(house, ANNA, key="key") == [job.id]
    assert await ids(house, ANNA, key="other") == []


async def test_operators_see_what_runs(house: House) -> None:
    job = await house.submit()
    assert await house.jobs.reader.running() == []
    await house.queue_and_claim(job)
    (found,) = await house.jobs.reader.running()
    assert (found.ref.id, found.worker, found.target) == (job.id, "worker", TARGET)


async def test_a_document_says_where_a_job_stands(house: House) -> None:
    first, second = await house.submit(PHASE="RUN"), await house.submit(PHASE="RUN")
    found = await house.jobs.reader.snapshot(ANNA, second.id)
    assert found.job.id == second.id
    assert found.details.queue_position == 1
    assert [entry.status for entry in found.details.timeline] == [
        *("received", "validated", "queued"),
    ]
    said = "1 job goes before it on target simulator, of the same owner"
    assert found.details.status == said
    state = TargetState(status=TargetStatus.OFFLINE, message="new fridge")
    await house.targets.found(TARGET, state, NOW)
    found = await house.jobs.reader.snapshot(ANNA, first.id)
    assert found.details.status == "target simulator is offline: new fridge"


async def test_those_woken_at_one_moment_share_one_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await house.submit()
    reads = 0
    whole = house.store.reading.whole

    async def counted(job_id: str) -> object:
        nonlocal reads
        reads += 1
        return await whole(job_id)

    monkeypatch.setattr(house.store.reading, "whole", counted)
    found = await asyncio.gather(
        *(house.jobs.reader.again(ANNA, job.id) for _ in range(5)), return_exceptions=True
    )
    assert reads == 1
    assert all(item is found[0] for item in found)
    await house.jobs.control.run(ANNA, job.id)
    assert (await house.jobs.reader.snapshot(ANNA, job.id)).job.phase is Phase.QUEUED
    assert reads == 2
    await asyncio.sleep(0)
    assert not house.jobs.reader._snapshots._reads, "and none is kept"


async def test_one_who_goes_away_takes_the_answer_from_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await house.submit()
    first, second = (
        asyncio.create_task(house.jobs.reader.snapshot(ANNA, job.id)) for _ in range(2)
    )
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).job.id == job.id

    async def fails(_: str) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(house.store.reading, "whole", fails)
    found = await asyncio.gather(
        *(house.jobs.reader.again(ANNA, job.id) for _ in range(2)), return_exceptions=True
    )
    assert [type(item) for item in found] == [StoreUnavailable] * 2


async def quoted(house: House, job: Job) -> datetime:
    found = await house.jobs.reader.quote(job)
    assert found is not None
    assert found.low < found.at < found.high
    return found.at


async def test_a_quote_is_as_if_it_ran_now_until_it_waits(house: House) -> None:
    job = await house.submit()
    assert await house.jobs.reader.quote(job) is None
    await house.complete(await house.queue_and_claim(await house.submit()), seconds=4)
    house.clock.forward(hours=1)
    assert await quoted(house, job) == house.clock() + timedelta(seconds=4)
    await house.jobs.control.run(ANNA, job.id)
    queued = await house.job(job.id)
    assert queued.quote is None
    assert await house.jobs.reader.quote(queued) is None, "its own, which is renewed by a sweep"
    await house.quotes.refresh()
    promised = house.clock() + timedelta(seconds=4)
    house.clock.forward(seconds=3)
    assert await quoted(house, await house.job(job.id)) == promised
