"""Which worker holds a target."""

from __future__ import annotations

import pytest
from store_helpers import EXPIRED, LONG, TARGET

from quws.store.database import Database
from quws.store.jobs.store import JobStore
from quws.store.target_locks import TargetLockStore

pytestmark = pytest.mark.anyio


async def test_a_target_is_held_by_one_worker_until_the_hold_ends(
    database: Database, store: JobStore
) -> None:
    holds = TargetLockStore(database)
    assert await holds.take(TARGET, "one", LONG)
    assert await holds.take(TARGET, "one", LONG)
    assert not await holds.take(TARGET, "two", LONG)
    assert await holds.take("other", "two", LONG)
    await holds.drop(TARGET, "two")
    assert not await holds.take(TARGET, "two", LONG)
    assert await holds.take(TARGET, "one", EXPIRED)
    assert await holds.take(TARGET, "two", LONG)
    await holds.drop(TARGET, "two")
    assert await holds.take(TARGET, "three", LONG)
    # Set back, the clock would make it last for days.
    await holds.take(TARGET, "three", 10**6)
    await store.claims.shorten(EXPIRED)
    assert await holds.take(TARGET, "four", LONG)
