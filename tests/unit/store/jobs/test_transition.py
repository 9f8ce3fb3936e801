"""What may happen to a job in which phase."""

from __future__ import annotations

import pytest
from store_actions import ACTIONS
from store_helpers import EXPIRED, NOW, claimed, drive, everything, got

from quws.domain.phases import Phase
from quws.store.database import Database
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", ACTIONS)
async def test_what_is_done_from_each_of_the_ten_phases(
    database: Database, store: JobStore, name: str
) -> None:
    action = ACTIONS[name]
    for phase in Phase:
        # The lease is over, so that sweeps may act; attempt and lease are the worker's.
        held = await claimed(store, EXPIRED)
        await drive(database, held.id, phase=phase)
        before = await everything(database)
        done = await action.act(store, held)
        if phase not in action.legal:
            assert not done, phase
            assert await everything(database) == before, phase
        else:
            assert done, phase
            assert await everything(database) != before, phase
            after = await store.reading.get(held.id)
            if action.removes:
                assert after is None
            else:
                assert after is not None
                assert after.phase is (action.leads_to or phase)
        await store.control.delete(held.id, NOW)


async def test_the_same_on_a_job_that_is_not_there(database: Database, store: JobStore) -> None:
    held = await claimed(store, EXPIRED)
    await store.control.delete(held.id, NOW)
    before = await everything(database)
    for name, action in ACTIONS.items():
        assert not await action.act(store, held), name
    assert await everything(database) == before


@pytest.mark.parametrize("name", ACTIONS)
async def test_what_is_done_to_one_job_leaves_the_others_alone(
    database: Database, store: JobStore, name: str
) -> None:
    action = ACTIONS[name]
    others = [await claimed(store, EXPIRED) for _ in range(2)]
    held = await claimed(store, EXPIRED)
    await drive(database, held.id, phase=sorted(action.legal)[0])
    before = [await got(store, other.id) for other in others]
    assert await action.act(store, held)
    assert [await got(store, other.id) for other in others] == before
