"""What happened to jobs, and who is told of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from store_actions import ACTIONS
from store_helpers import (
    EXPIRED,
    LONG,
    NOW,
    TARGET,
    a_result,
    added,
    claimed,
    drive,
    entry,
    everything,
    later,
    listed,
    queued,
)

from quws.domain.job import TimelineEntry
from quws.domain.phases import Phase
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.outbox import Kind
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


async def told(database: Database, after: int = 0) -> list[tuple[str, str, str, str]]:
    """What was written of each happening: its kind, the job, its owner and its phase."""
    c = t.outbox.c
    query = select(c.kind, c.job_id, c.owner, c.phase).where(c.id > after).order_by(c.id)
    async with database.read() as connection:
        return [tuple(row) for row in await connection.execute(query)]


async def test_news_are_the_jobs_with_newer_entries(store: JobStore) -> None:
    assert await store.outbox.newest() == 0
    first = await queued(store, owner="anna")
    seen = await store.outbox.newest()
    second, other = await queued(store, owner="anna"), await queued(store, owner="bert")
    found = await store.outbox.since("anna", everybody=False, after=seen)
    assert [item.job_id for item in found] == [second.id]
    assert found[0].id > seen
    everybody = await store.outbox.since(None, everybody=True, after=seen)
    assert [item.job_id for item in everybody] == [second.id, other.id]
    assert await store.outbox.since("anna", everybody=False, after=everybody[-1].id) == []
    await store.control.abort(first.id, TimelineEntry(NOW, "aborted", "anna"))
    (item,) = await store.outbox.since("anna", everybody=False, after=everybody[-1].id)
    assert item.job is not None
    assert (item.job.id, item.job.phase) == (first.id, Phase.ABORTED)
    assert item.id == await store.outbox.newest()


async def test_a_job_to_which_much_happened_is_told_of_once_and_as_it_is_now(
    store: JobStore,
) -> None:
    held = await claimed(store, circuits=2, run_id="r")
    other = await queued(store, owner=None)
    await store.publishing.store_circuits(held, range(1), [a_result("counts-0")], entry(), NOW)
    found = await store.outbox.since(None, everybody=True, after=0)
    assert [item.job for item in found] == [
        await store.reading.head(other.id),
        await store.reading.head(held.id),
    ]
    assert [item.job_id for item in await store.outbox.since(None, everybody=False, after=0)] == [
        other.id
    ]


async def test_a_phase_that_nobody_knows_is_told_as_unknown(
    database: Database, store: JobStore
) -> None:
    odd, other = await queued(store, owner="anna"), await queued(store, owner="anna")
    await drive(database, odd.id, phase="LATER")
    async with database.write() as connection:
        await connection.execute(
            update(t.outbox).where(t.outbox.c.job_id == odd.id).values(phase="LATER")
        )
    expected = [(odd.id, Phase.UNKNOWN), (other.id, Phase.QUEUED)]
    assert [(item.job_id, item.phase) for item in await store.outbox.tail(0)] == expected
    news = await store.outbox.since("anna", everybody=False, after=0)
    assert [(item.job_id, item.job and item.job.phase) for item in news] == expected
    assert [(ref.id, ref.phase) for ref in reversed(await listed(store, owner="anna"))] == expected


async def test_who_was_away_hears_of_deletions(store: JobStore) -> None:
    mine, theirs = await added(store), await added(store, owner="bert")
    seen = await store.outbox.newest()
    for job in (mine, theirs):
        assert await store.control.delete(job.id, NOW)
    (item,) = await store.outbox.since("anna", everybody=False, after=seen)
    assert (item.job_id, item.job) == (mine.id, None)
    everybody = await store.outbox.since(None, everybody=True, after=seen)
    assert [item.job_id for item in everybody] == [mine.id, theirs.id]
    assert all(item.job is None for item in everybody)


@pytest.mark.parametrize("name", [name for name, action in ACTIONS.items() if action.leads_to])
async def test_every_change_of_a_phase_is_written(
    database: Database, store: JobStore, name: str
) -> None:
    action = ACTIONS[name]
    held = await claimed(store, EXPIRED, owner="anna")
    await drive(database, held.id, phase=sorted(action.legal)[0])
    seen = await store.outbox.newest()
    assert await action.act(store, held)
    assert await told(database, seen) == [(Kind.PHASE, held.id, "anna", action.leads_to)]


async def test_new_jobs_circuits_and_ends_are_written(database: Database, store: JobStore) -> None:
    pending = await added(store, owner=None)
    held = await claimed(store, circuits=2)
    for _ in range(2):  # The second time nothing is new.
        await store.publishing.store_circuits(held, range(1), [a_result("counts-0")], entry(), NOW)
    await store.control.delete(held.id, NOW)
    assert await store.sweeps.destroy(pending.id, later(90_000))
    assert await told(database) == [
        (Kind.PHASE, pending.id, "", Phase.PENDING),
        (Kind.PHASE, held.id, "anna", Phase.QUEUED),
        (Kind.PHASE, held.id, "anna", Phase.EXECUTING),
        (Kind.CIRCUIT, held.id, "anna", Phase.EXECUTING),
        (Kind.DELETED, held.id, "anna", Phase.EXECUTING),
        (Kind.DELETED, pending.id, "", Phase.PENDING),
    ]


async def test_what_was_refused_did_not_happen(database: Database, store: JobStore) -> None:
    held = await claimed(store, LONG)
    await store.control.abort(held.id, entry())
    before = await told(database)
    assert await store.control.abort(held.id, entry()) is None
    assert not await store.publishing.complete(held, [], entry(), 1.0)
    assert not await store.sweeps.destroy(held.id, NOW)
    assert await store.claims.claim(TARGET, "w", LONG, NOW) is None
    assert await told(database) == before


async def test_the_id_of_an_entry_never_comes_back(store: JobStore) -> None:
    job = await queued(store)
    seen = await store.outbox.newest()
    await store.control.delete(job.id, NOW)
    await queued(store)
    assert await store.outbox.newest() > seen


async def test_old_rows_go_in_bounded_chunks_and_the_newest_stays(
    database: Database, store: JobStore
) -> None:
    for second in range(5):
        job = await added(store)
        await store.control.abort(job.id, entry(time=later(second)))
    newest = await store.outbox.newest()
    # Of each job there are two rows: that it is new, and that it was aborted.
    assert await store.outbox.prune(NOW) == 0
    assert await store.outbox.prune(later(2), limit=3) == 3
    assert await store.outbox.prune(later(2), limit=100) == 4
    assert len(await told(database)) == 3
    assert await store.outbox.prune(NOW + timedelta(days=9)) == 2
    assert await store.outbox.newest() == newest
    assert len((await everything(database))["jobs"]) == 5
