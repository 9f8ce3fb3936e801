"""What is new since somebody looked."""

from __future__ import annotations

import pytest
from store_helpers import NOW, queued

from quws.domain.job import (
    TimelineEntry,
)
from quws.domain.phases import Phase
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


async def test_news_are_the_jobs_with_newer_entries(store: JobStore) -> None:
    assert await store.news.newest() == 0
    first = await queued(store, owner="anna")
    seen = await store.news.newest()
    second, other = await queued(store, owner="anna"), await queued(store, owner="bert")
    found = await store.news.since("anna", everybody=False, after=seen)
    assert [ref.id for _, ref in found] == [second.id]
    assert found[0][0] > seen
    everybody = await store.news.since(None, everybody=True, after=seen)
    assert [ref.id for _, ref in everybody] == [second.id, other.id]
    assert await store.news.since("anna", everybody=False, after=everybody[-1][0]) == []
    await store.control.abort(first.id, TimelineEntry(NOW, "aborted", "anna"))
    ((entry, ref),) = await store.news.since("anna", everybody=False, after=everybody[-1][0])
    assert (ref.id, ref.phase) == (first.id, Phase.ABORTED)
    assert entry == await store.news.newest()


async def test_the_id_of_an_entry_never_comes_back(store: JobStore) -> None:
    job = await queued(store)
    seen = await store.news.newest()
    await store.control.delete(job.id, NOW)
    await queued(store)
    assert await store.news.newest() > seen
