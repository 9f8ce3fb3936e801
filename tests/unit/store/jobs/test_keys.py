"""Idempotency keys of requests that make jobs."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from store_helpers import NOW, entry, ids, new_job

from quws.store.jobs.keys import MadeBefore, Once
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


async def test_two_requests_of_one_key_at_once_make_one_job(store: JobStore) -> None:
    jobs = [new_job() for _ in range(8)]
    once = Once("key", "same")
    answers = await asyncio.gather(*(store.creation.add(job, [entry()], once) for job in jobs))
    (winner,) = [job for job, answer in zip(jobs, answers, strict=True) if answer is None]
    others = [answer for answer in answers if answer is not None]
    assert others == [MadeBefore(winner.id, "same")] * 7
    assert await store.reading.known(job.id for job in jobs) == {winner.id}


async def test_a_key_is_one_owners_and_outlives_its_job(store: JobStore) -> None:
    anna, bert = new_job(owner="anna"), new_job(owner="bert")
    for job in (anna, bert):
        assert await store.creation.add(job, [entry()], Once("key", "same")) is None
    assert await ids(store, owner="anna", key="key") == [anna.id]
    await store.control.delete(anna.id, NOW)
    assert await store.keys.made_before("anna", "key") == MadeBefore(anna.id, "same")
    assert await store.keys.forget(NOW) == 0
    assert await store.keys.forget(NOW + timedelta(seconds=1)) == 1
    assert await store.keys.made_before("anna", "key") is None
    assert await store.keys.made_before("bert", "key") is not None
