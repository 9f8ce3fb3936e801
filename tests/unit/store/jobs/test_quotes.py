"""What quotes are made of."""

from __future__ import annotations

import pytest
from store_helpers import TARGET, added, claimed, drive, entry, got, later, queued

from quws.domain.phases import Phase
from quws.store.database import Database
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


async def test_what_a_quote_needs_to_know(store: JobStore) -> None:
    known = await claimed(store, work=4)
    await store.publishing.complete(known, [], entry(), 8.0)
    running = await claimed(store, work=5)
    late = await queued(store, at=later(9), work=6, quote=later(50))
    early = await queued(store, at=later(1), work=7, owner="bob")
    await queued(store, target="other")
    state = await store.quotes.queue_of(TARGET)
    assert state.known == {4: 8.0}
    assert [work for work, _ in state.running] == [running.job.work]
    assert state.waiting == [(early.id, 7, None), (late.id, 6, later(50))]
    assert sorted(await store.quotes.targets_with_work()) == ["other", TARGET]


async def test_only_waiting_jobs_get_quotes(database: Database, store: JobStore) -> None:
    jobs = {}
    for phase in Phase:
        jobs[phase] = await added(store)
        await drive(database, jobs[phase].id, phase=phase)
    await store.quotes.set_quotes({job.id: later(7) for job in jobs.values()})
    quoted = {p for p, job in jobs.items() if (await got(store, job.id)).quote == later(7)}
    assert quoted == {Phase.QUEUED, Phase.SUSPENDED}
