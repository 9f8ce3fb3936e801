"""Timeslots do not overlap, and a claim keeps to them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from store_helpers import LONG, NOW, TARGET, added, apply, entry, got, queued

from quws.domain.job import new_job_id
from quws.domain.phases import Phase
from quws.domain.timeslots import Timeslot
from quws.store.clock import time_of
from quws.store.database import Database
from quws.store.jobs.control import Run
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


def slot(
    begins: float, ends: float, owner: str | None = "anna", target: str = TARGET, at: datetime = NOW
) -> Timeslot:
    first, last = at + timedelta(minutes=begins), at + timedelta(minutes=ends)
    return Timeslot(new_job_id(), target, owner, first, last)


async def test_two_of_one_target_do_not_overlap(store: JobStore) -> None:
    first = slot(10, 20)
    assert await store.timeslots.book(first, NOW, 9) is None
    for begins, ends in ((5, 11), (19, 30), (12, 18), (10, 20), (0, 60)):
        assert await store.timeslots.book(slot(begins, ends, "bert"), NOW, 9) == first
    other = slot(10, 20, "bert", "other")
    for free in (slot(0, 10), slot(20, 30), other):
        assert await store.timeslots.book(free, NOW, 9) is None
    found = await store.timeslots.coming(NOW, target=TARGET)
    assert [(item.begins - NOW).seconds // 60 for item in found] == [0, 10, 20]
    assert await store.timeslots.coming(NOW, owner="bert") == [other]
    assert await store.timeslots.get(TARGET, first.id) == first
    assert await store.timeslots.get("other", first.id) is None
    assert await store.timeslots.cancel(first.id)
    assert not await store.timeslots.cancel(first.id)
    assert await store.timeslots.book(slot(12, 18, None), NOW, 9) is None


async def test_of_many_at_once_one_gets_it(store: JobStore) -> None:
    wanted = [slot(place % 5, 30, f"owner-{place}") for place in range(12)]
    done = await asyncio.gather(*(store.timeslots.book(item, NOW, 9) for item in wanted))
    assert done.count(None) == 1
    assert len(await store.timeslots.coming(NOW)) == 1


async def test_an_owner_has_no_more_than_so_many(store: JobStore) -> None:
    done = await asyncio.gather(
        *(store.timeslots.book(slot(place, place + 1), NOW, 3) for place in range(6))
    )
    assert sorted(map(str, done)) == ["3", "3", "3", "None", "None", "None"]
    later = NOW + timedelta(minutes=10)
    assert await store.timeslots.book(slot(20, 21), later, 3) is None, "those are over"
    assert await store.timeslots.forget(later) == 3
    assert len(await store.timeslots.coming(NOW)) == 1


async def claimed_by(store: JobStore, *, required: bool) -> list[str | None]:
    taken = await store.claims.take(TARGET, "w", LONG, NOW, most=9, in_timeslots=required)
    for claim in taken.claims:
        await store.publishing.hand_back(claim, entry("suspended"))
    return sorted((claim.job.owner or "", claim.job.timeslot) for claim in taken.claims)


async def test_a_claim_keeps_to_the_timeslot_that_is_on(
    database: Database, store: JobStore
) -> None:
    for owner in ("anna", "bert"):
        for only_in_own in (False, True):
            await queued(store, owner=owner, timeslot=only_in_own)
    anna, bert = ("anna", False), ("bert", False)
    assert await claimed_by(store, required=False) == [anna, bert]
    assert await claimed_by(store, required=True) == []
    now = await time_of(database)
    assert await store.timeslots.on(TARGET) is None
    for other in (slot(-5, 5, "bert", "other", at=now), slot(-9, -1, at=now), slot(9, 10, at=now)):
        assert await store.timeslots.book(other, NOW, 9) is None
    assert await claimed_by(store, required=False) == [anna, bert], "none of these is on"
    on = slot(-1, 5, at=now)
    await store.timeslots.book(on, now, 9)
    found = await store.timeslots.on(TARGET)
    assert found is not None
    assert found.id == on.id
    for required in (False, True):
        assert await claimed_by(store, required=required) == [anna, ("anna", True)]


async def test_run_of_a_job_without_a_timeslot_holds_it(store: JobStore) -> None:
    job = await added(store, timeslot=True)
    await apply(store, job.id, run=Run(entry("queued")))
    held = await got(store, job.id)
    assert held.phase is Phase.HELD
    assert held.message == (
        "no_booked_timeslots: no timeslot of target simulator is booked for this owner; book one,"
        " then send RUN again"
    )
    await store.timeslots.book(slot(5, 10), NOW, 9)
    await apply(store, job.id, run=Run(entry("queued")))
    assert (await got(store, job.id)).phase is Phase.QUEUED
