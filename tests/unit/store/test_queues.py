"""How much each target has to do."""

from __future__ import annotations

import pytest
from store_helpers import NOW, TARGET, added, claim, later, queued

from quws.domain.targets import TargetDescription, TargetKind
from quws.store.database import Database
from quws.store.jobs.store import JobStore
from quws.store.queues import QueueLength, QueueStore
from quws.store.targets import TargetStore

pytestmark = pytest.mark.anyio


async def test_jobs_that_wait_and_run_are_counted_for_each_target(
    database: Database, store: JobStore
) -> None:
    idle = TargetDescription(name="idle", kind=TargetKind.SIMULATOR, title="It", qubits=1)
    await TargetStore(database).register([idle], NOW, replace=True)
    for second in (1, 2, 4, 3):
        await queued(store, later(second))
    for _ in range(2):
        await claim(store)
    await added(store)  # It does not wait: nobody has run it yet.
    await queued(store, later(9), target="unknown")
    await queued(store, later(9), target="busy")
    assert await store.claims.claim("busy", "worker-1", 60, NOW) is not None
    assert await QueueStore(database).lengths() == [
        QueueLength("busy", 0, None, 1),
        QueueLength("idle", 0, None, 0),
        QueueLength(TARGET, 2, later(3), 2),
        QueueLength("unknown", 1, later(9), 0),
    ]
