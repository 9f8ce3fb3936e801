"""Jobs that end well at the same time: one transaction, and each with its own guard."""

from __future__ import annotations

import asyncio
import sqlite3

import asyncpg
import pytest
from plans import Caught
from sqlalchemy import Row, select
from store_helpers import (
    FAILURE,
    NOW,
    a_result,
    claim,
    claimed,
    entry,
    everything,
    got,
    later,
    new_job,
    timeline_of,
)

from quws.domain.job import Claim, Result, Said
from quws.domain.phases import Phase
from quws.domain.quotas import Bound, Limit
from quws.domain.quotes import Quote, Told
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs import endings as endings_module
from quws.store.jobs.endings import Ending, Endings
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio
SECONDS = Bound(Limit.MONTH_SECONDS, 60, ("anna",))


def ending(held: Claim, *results: Result, seconds: float = 1.0, aborted: int = 0) -> Ending:
    said = Said([entry("note", message=f"of {held.id}")], calibration_id="c1")
    done = entry("completed", later(4))
    return Ending(held, results or (a_result(),), done, seconds, said, aborted)


async def charged(store: JobStore) -> Claim:
    job = new_job(phase=Phase.QUEUED, queued_time=NOW, cost_ms=2000)
    await store.creation.add(job, [entry("received")], bounds=[SECONDS])
    return await claim(store)


async def test_those_that_come_at_the_same_time_are_written_together(
    database: Database, store: JobStore
) -> None:
    endings = Endings(database)
    jobs = [await claimed(store, work=work) for work in (4, 2, 4)]
    with Caught("") as caught:
        ended = await asyncio.gather(
            *(endings.end(ending(held, seconds=number)) for number, held in enumerate(jobs))
        )
    assert ended == [True, True, True]
    sent = [statement.split("(")[0].strip() for statement, _ in caught.sent]
    assert [item.split(" SET")[0] for item in sent] == [
        *["UPDATE jobs"] * 3,
        "INSERT INTO timeline",
        "INSERT INTO outbox",
        "INSERT INTO results",
        *["INSERT INTO run_times"] * 3,
    ]
    for held in jobs:
        job = await got(store, held.id)
        assert (job.phase, job.end_time, job.circuits_done) == (Phase.COMPLETED, later(4), 1)
        assert (job.results, job.calibration_id) == ([a_result()], "c1")
        told = await timeline_of(store, held.id)
        assert [item.status for item in told] == ["received", "claimed", "note", "completed"]
        assert told[2].message == f"of {held.id}"
    last = [(row[3], row[5]) for row in (await everything(database))["outbox"][-3:]]
    assert sorted(last) == sorted((held.id, Phase.COMPLETED) for held in jobs)
    async with database.read() as connection:
        c = t.run_times.c
        learned = await connection.execute(select(c.size, c.count).order_by(c.size))
        assert [tuple(row) for row in learned] == [(2, 1), (4, 2)]


async def test_one_that_is_refused_or_fails_does_no_harm_to_the_others(
    database: Database, store: JobStore
) -> None:
    endings = Endings(database)
    good, lost, late, wrong, last = [await charged(store) for _ in range(5)]
    await store.control.abort(lost.id, entry("aborted"))
    await store.publishing.fail(late, FAILURE, entry("failed", later(1)))
    ended = await asyncio.gather(
        endings.end(ending(good)),
        endings.end(ending(lost)),
        endings.end(ending(late)),
        # Two results of one id.
        endings.end(ending(wrong, a_result(), a_result())),
        endings.end(ending(good, a_result("again"))),
        endings.end(ending(last, aborted=1)),
        return_exceptions=True,
    )
    (error,) = [item for item in ended if isinstance(item, BaseException)]
    assert isinstance(error, sqlite3.IntegrityError | asyncpg.IntegrityConstraintViolationError)
    assert ended == [True, False, False, error, False, False]
    jobs = [await got(store, held.id) for held in (good, lost, late, wrong, last)]
    assert [job.phase for job in jobs] == [
        Phase.COMPLETED,
        Phase.ABORTED,
        Phase.ERROR,
        Phase.EXECUTING,
        Phase.EXECUTING,
    ]
    assert [len(job.results) for job in jobs] == [1, 0, 0, 0, 0]
    statuses = [item.status for item in await timeline_of(store, wrong.id)]
    assert statuses == ["received", "claimed"]
    # What is told of each is told once, and what was charged for it is settled once.
    told = [row for row in (await everything(database))["outbox"] if row[3] == good.id]
    assert [row[5] for row in told] == [Phase.QUEUED, Phase.EXECUTING, Phase.COMPLETED]
    charges = sum(use.used for use in await store.quota_use.of([SECONDS], NOW))
    spent = [row.spent_ms for row in await ran(database) if row.id not in (wrong.id, last.id)]
    assert charges == sum(spent) + 2 * 2000
    assert await endings.end(ending(wrong))
    assert await endings.end(ending(last))


async def ran(database: Database) -> list[Row[tuple[str, int]]]:
    async with database.read() as connection:
        return list(await connection.execute(select(t.jobs.c.id, t.jobs.c.spent_ms)))


async def test_what_comes_while_others_are_written_is_written_next(
    database: Database, store: JobStore
) -> None:
    endings = Endings(database)
    first, unwanted, *others = [await claimed(store) for _ in range(4)]
    writing = asyncio.create_task(endings.end(ending(first)))
    async with database.write() as connection:
        # Nobody else writes meanwhile, and the first waits.
        if not database.is_sqlite:
            await connection.execute(
                select(t.jobs.c.id).where(t.jobs.c.id == first.id).with_for_update()
            )
        await turns()
        waiting = [asyncio.create_task(endings.end(ending(held))) for held in others]
        given_up = asyncio.create_task(endings.end(ending(unwanted)))
        await turns()
        given_up.cancel()
        assert not writing.done()
    with Caught("timeline") as caught:
        assert await asyncio.gather(writing, *waiting) == [True, True, True]
    assert len(caught.sent) == 2
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert (await got(store, unwanted.id)).phase is Phase.EXECUTING
    assert len(await timeline_of(store, first.id)) == 4


@pytest.mark.parametrize("dialect", ["postgresql"])  # The other one has one writer at a time.
async def test_one_that_waits_for_a_lock_or_has_many_circuits_does_not_keep_the_others(
    database: Database, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings_module, "_PATIENCE_SECONDS", 0.0)
    endings = Endings(database)
    stuck, batch, other, last = [await claimed(store, circuits=n) for n in (1, 2, 1, 1)]
    async with database.write() as connection:
        await connection.execute(
            select(t.jobs.c.id).where(t.jobs.c.id == stuck.id).with_for_update()
        )
        waiting = asyncio.create_task(endings.end(ending(stuck)))
        await turns()
        ended = await asyncio.gather(*(endings.end(ending(held)) for held in (batch, other, last)))
        assert ended == [True, True, True]
        assert not waiting.done()
    assert await waiting
    assert {row[2] for row in (await everything(database))["circuits"]} == {"completed"}


async def turns() -> None:
    """Let everything go on that need not wait for anything outside."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_an_end_is_judged_by_its_own_quote(store: JobStore, database: Database) -> None:
    quote = Quote(later(3), later(2), later(5))
    kept = await claimed(store, told=Told(NOW, quote))
    endings = Endings(database)
    assert await endings.end(ending(kept))
    async with database.read() as connection:
        (judged,) = await connection.scalars(select(t.run_times.c.judged))
    assert judged[10] == "+"
