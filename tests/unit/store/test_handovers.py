"""What is handed over to targets with queues of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from store_helpers import NOW, TARGET, apply, claimed, entry

from quws.domain.job import Claim, ErrorType, JobError
from quws.domain.phases import Phase
from quws.store.database import Database
from quws.store.handovers import HandoverState, HandoverStore
from quws.store.jobs.store import JobStore
from quws.store.jobs.sweeps import Overdue

pytestmark = pytest.mark.anyio

INTENT, ARRIVED, DOUBT, CANCEL, OVER = HandoverState
ERROR = JobError(ErrorType.TRANSIENT, "x", "y")


@pytest.fixture
def handovers(database: Database) -> HandoverStore:
    return HandoverStore(database)


async def handed_over(store: JobStore, handovers: HandoverStore) -> Claim:
    held = await claimed(store)
    assert await handovers.intend(held, held.id, NOW)
    assert await handovers.arrived(held, held.id, "theirs", entry())
    return held


async def stands(handovers: HandoverStore, held: Claim) -> HandoverState | None:
    found = await handovers.of(held.id)
    return None if found is None else found.state


async def test_the_intent_comes_first_and_the_handle_after_it(
    store: JobStore, handovers: HandoverStore
) -> None:
    held = await claimed(store)
    assert await handovers.of(held.id) is None
    assert await handovers.intend(held, held.id, NOW)
    found = await handovers.of(held.id)
    assert found is not None
    assert (found.state, found.handle, found.created) == (INTENT, None, NOW)
    # Tried again, it is as old as the last try.
    assert await handovers.intend(held, held.id, NOW + timedelta(seconds=9))
    found = await handovers.of(held.id)
    assert found is not None
    assert found.created == NOW + timedelta(seconds=9)
    assert await handovers.arrived(held, held.id, "theirs", entry("handed over"))
    assert await handovers.arrived(held, held.id, "theirs", entry("handed over"))
    found = await handovers.of(held.id)
    assert found is not None
    assert (found.state, found.handle) == (ARRIVED, "theirs")
    whole = await store.reading.whole(held.id)
    assert whole is not None
    assert [item.status for item in whole[1]].count("handed over") == 1


async def test_who_has_lost_the_job_may_not_hand_it_over(
    store: JobStore, handovers: HandoverStore
) -> None:
    held = await claimed(store)
    assert not await handovers.intend(replace(held, lease="another"), held.id, NOW)
    assert await handovers.of(held.id) is None
    await store.control.abort(held.id, entry())
    assert not await handovers.intend(held, held.id, NOW)
    assert await handovers.of(held.id) is None
    assert await handovers.duties(TARGET) == []


async def fail(store: JobStore, held: Claim) -> None:
    assert await store.publishing.fail(held, ERROR, entry())


async def abort(store: JobStore, held: Claim) -> None:
    assert await store.control.abort(held.id, entry())


async def remove(store: JobStore, held: Claim) -> None:
    assert await store.control.delete(held.id, NOW)


async def destroy(store: JobStore, held: Claim) -> None:
    await apply(store, held.id, destruction=NOW)
    assert await store.sweeps.destroy(held.id, NOW)


async def give_up(store: JobStore, held: Claim) -> None:
    await store.claims.release(TARGET)
    found = Overdue(held.id, held.attempt, Phase.EXECUTING, TARGET)
    assert await store.sweeps.give_up(found, ERROR, entry())


async def refuse(store: JobStore, held: Claim) -> None:
    assert await store.publishing.hand_back(held, entry())
    assert await store.sweeps.refuse(held.id, ERROR, entry())


@pytest.mark.parametrize("end", [fail, abort, remove, destroy, give_up, refuse])
async def test_whatever_ends_a_job_makes_a_duty_of_its_handover(
    store: JobStore,
    handovers: HandoverStore,
    end: Callable[[JobStore, Claim], Awaitable[None]],
) -> None:
    held = await handed_over(store, handovers)
    await end(store, held)
    (duty,) = await handovers.duties(TARGET)
    assert (duty.job_id, duty.handle, duty.state) == (held.id, "theirs", CANCEL)
    assert await handovers.duties("another") == []
    await handovers.close(duty.key, entry("cancelled remotely"))
    assert await handovers.duties(TARGET) == []
    gone = await store.reading.get(held.id) is None
    assert await stands(handovers, held) is (None if gone else OVER)


async def complete(store: JobStore, held: Claim) -> None:
    assert await store.publishing.complete(held, [], entry(), 1.0)


async def retry(store: JobStore, held: Claim) -> None:
    assert await store.publishing.retry(held, entry())


async def hand_back(store: JobStore, held: Claim) -> None:
    assert await store.publishing.hand_back(held, entry())


@pytest.mark.parametrize(
    ("move", "state"), [(complete, OVER), (retry, ARRIVED), (hand_back, ARRIVED)]
)
async def test_what_goes_on_or_went_well_is_not_cancelled(
    store: JobStore,
    handovers: HandoverStore,
    move: Callable[[JobStore, Claim], Awaitable[None]],
    state: HandoverState,
) -> None:
    held = await handed_over(store, handovers)
    await move(store, held)
    assert await stands(handovers, held) is state
    assert await handovers.duties(TARGET) == []


async def test_a_handle_that_comes_after_the_abort_is_kept_for_the_duty(
    store: JobStore, handovers: HandoverStore
) -> None:
    held = await claimed(store)
    await handovers.intend(held, held.id, NOW)
    await store.control.abort(held.id, entry())
    assert not await handovers.arrived(held, held.id, "theirs", entry())
    (duty,) = await handovers.duties(TARGET)
    assert duty.handle == "theirs"


async def test_what_is_in_doubt_is_no_duty_and_goes_with_its_job(
    store: JobStore, handovers: HandoverStore
) -> None:
    held = await claimed(store)
    await handovers.intend(held, held.id, NOW)
    assert await handovers.doubt(held, held.id, entry("in doubt"))
    await store.publishing.fail(held, ERROR, entry())
    assert await stands(handovers, held) is DOUBT
    assert await handovers.duties(TARGET) == []
    await store.control.delete(held.id, NOW)
    assert await handovers.of(held.id) is None
