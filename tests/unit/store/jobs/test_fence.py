"""Who lost a job can change nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import text
from store_actions import ACTIONS, WORKER
from store_helpers import (
    EXPIRED,
    claim,
    claimed,
    entry,
    requeued,
    snapshot,
)

from quws.domain.job import (
    Claim,
)
from quws.domain.phases import Move
from quws.store.database import Database, StoreUnavailable
from quws.store.jobs import transition
from quws.store.jobs.clauses import held
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


async def requeued_and_claimed(store: JobStore, held: Claim) -> None:
    await requeued(store, held)
    assert (await claim(store, worker="worker-2")).attempt == held.attempt + 1


async def handed_back(store: JobStore, held: Claim) -> None:
    assert await store.publishing.hand_back(held, entry())


async def handed_back_and_claimed(store: JobStore, held: Claim) -> None:
    await handed_back(store, held)
    # The number of the attempt is the same again: only the lease tells them apart.
    assert (await claim(store, worker="worker-1")).attempt == held.attempt


async def retried_and_claimed(store: JobStore, held: Claim) -> None:
    assert await store.publishing.retry(held, entry())
    await claim(store)


async def aborted(store: JobStore, held: Claim) -> None:
    assert await store.control.abort(held.id, entry())


@pytest.mark.parametrize(
    "lost",
    [
        requeued,
        requeued_and_claimed,
        handed_back,
        handed_back_and_claimed,
        retried_and_claimed,
        aborted,
    ],
    ids=lambda lost: lost.__name__,
)
async def test_who_lost_a_job_can_change_nothing(
    database: Database, store: JobStore, lost: Callable[[JobStore, Claim], Awaitable[None]]
) -> None:
    held = await claimed(store, EXPIRED, circuits=2)
    await lost(store, held)
    before = await snapshot(database)
    for name in WORKER:
        assert not await ACTIONS[name].act(store, held), name
    assert await snapshot(database) == before


@pytest.mark.parametrize("name", WORKER)
async def test_who_has_it_now_can(store: JobStore, name: str) -> None:
    held = await claimed(store, EXPIRED)
    await requeued(store, held)
    assert await ACTIONS[name].act(store, await claim(store))


@pytest.mark.parametrize("name", WORKER)
async def test_another_lease_or_attempt_is_not_this_one(
    database: Database, store: JobStore, name: str
) -> None:
    held = await claimed(store)
    before = await snapshot(database)
    assert not await ACTIONS[name].act(store, replace(held, lease="another"))
    attempt = replace(held, job=replace(held.job, attempt=held.attempt + 1))
    assert not await ACTIONS[name].act(store, attempt)
    assert await snapshot(database) == before


async def test_between_the_look_and_the_write_of_a_worker_nobody_aborts_its_job(
    dialect: str, database: Database, store: JobStore
) -> None:
    """On PostgreSQL; SQLite has one writer at a time, who keeps all others out."""
    mine = await claimed(store)
    if dialect == "postgresql":
        async with database.write() as connection:
            assert await held(connection, mine)
            with pytest.raises(StoreUnavailable, match="lock timeout"):
                async with database.write() as other:
                    await other.execute(text("SET LOCAL lock_timeout = '50ms'"))
                    await transition.make(other, mine.id, Move.ABORT, entry())
    await aborted(store, mine)
