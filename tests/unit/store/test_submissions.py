"""What is handed over to targets with queues of their own, and keys of requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from store_helpers import NOW, TARGET, a_claim, a_job, a_queued_job, an_entry

from quws.domain.job import Claim, ErrorType, JobError
from quws.domain.phases import Phase
from quws.store.database import Database
from quws.store.handovers import HandoverState, HandoverStore
from quws.store.jobs.keys import MadeBefore, Once
from quws.store.jobs.listing import ListFilter
from quws.store.jobs.store import JobStore
from quws.store.jobs.sweeps import Overdue

pytestmark = pytest.mark.anyio

INTENT, SUBMITTED, DOUBT, CANCEL, OVER = HandoverState
ERROR = JobError(ErrorType.TRANSIENT, "x", "y")


@pytest.fixture
def handovers(database: Database) -> HandoverStore:
    return HandoverStore(database)


async def submitted(store: JobStore, handovers: HandoverStore) -> Claim:
    held = await a_claim(store)
    assert await handovers.intend(held, held.id, NOW)
    assert await handovers.arrived(held, held.id, "theirs", an_entry())
    return held


async def stands(handovers: HandoverStore, held: Claim) -> HandoverState | None:
    found = await handovers.of(held.id)
    return None if found is None else found.state


async def test_the_intent_comes_first_and_the_handle_after_it(
    store: JobStore, handovers: HandoverStore
) -> None:
    held = await a_claim(store)
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
    assert await handovers.arrived(held, held.id, "theirs", an_entry("handed over"))
    assert await handovers.arrived(held, held.id, "theirs", an_entry("handed over"))
    found = await handovers.of(held.id)
    assert found is not None
    assert (found.state, found.handle) == (SUBMITTED, "theirs")
    whole = await store.reading.whole(held.id)
    assert whole is not None
    assert [item.status for item in whole[1]].count("handed over") == 1


async def test_who_has_lost_the_job_may_not_hand_it_over(
    store: JobStore, handovers: HandoverStore
) -> None:
    held = await a_claim(store)
    assert not await handovers.intend(replace(held, lease="another"), held.id, NOW)
    assert await handovers.of(held.id) is None
    await store.control.abort(held.id, an_entry())
    assert not await handovers.intend(held, held.id, NOW)
    assert await handovers.of(held.id) is None
    assert await handovers.duties(TARGET) == []


async def fail(store: JobStore, held: Claim) -> None:
    assert await store.publishing.fail(held, ERROR, an_entry())


async def abort(store: JobStore, held: Claim) -> None:
    assert await store.control.abort(held.id, an_entry())


async def remove(store: JobStore, held: Claim) -> None:
    assert await store.control.delete(held.id, NOW)


async def destroy(store: JobStore, held: Claim) -> None:
    await store.control.set_destruction(held.id, NOW)
    assert await store.sweeps.destroy(held.id, NOW)


async def give_up(store: JobStore, held: Claim) -> None:
    await store.claims.release(TARGET)
    found = Overdue(held.id, held.attempt, Phase.EXECUTING, TARGET)
    assert await store.sweeps.give_up(found, ERROR, an_entry())


async def refuse(store: JobStore, held: Claim) -> None:
    assert await store.publishing.hand_back(held, an_entry())
    assert await store.sweeps.refuse(held.id, ERROR, an_entry())


@pytest.mark.parametrize("end", [fail, abort, remove, destroy, give_up, refuse])
async def test_whatever_ends_a_job_makes_a_duty_of_its_submission(
    store: JobStore,
    handovers: HandoverStore,
    end: Callable[[JobStore, Claim], Awaitable[None]],
) -> None:
    held = await submitted(store, handovers)
    await end(store, held)
    (duty,) = await handovers.duties(TARGET)
    assert (duty.job_id, duty.handle, duty.state) == (held.id, "theirs", CANCEL)
    assert await handovers.duties("another") == []
    await handovers.close(duty.key, an_entry("cancelled remotely"))
    assert await handovers.duties(TARGET) == []
    gone = await store.reading.get(held.id) is None
    assert await stands(handovers, held) is (None if gone else OVER)


async def complete(store: JobStore, held: Claim) -> None:
    assert await store.publishing.complete(held, [], an_entry(), 1.0)


async def retry(store: JobStore, held: Claim) -> None:
    assert await store.publishing.retry(held, an_entry())


async def hand_back(store: JobStore, held: Claim) -> None:
    assert await store.publishing.hand_back(held, an_entry())


@pytest.mark.parametrize(
    ("move", "state"), [(complete, OVER), (retry, SUBMITTED), (hand_back, SUBMITTED)]
)
async def test_what_goes_on_or_went_well_is_not_cancelled(
    store: JobStore,
    handovers: HandoverStore,
    move: Callable[[JobStore, Claim], Awaitable[None]],
    state: HandoverState,
) -> None:
    held = await submitted(store, handovers)
    await move(store, held)
    assert await stands(handovers, held) is state
    assert await handovers.duties(TARGET) == []


async def test_a_handle_that_comes_after_the_abort_is_kept_for_the_duty(
    store: JobStore, handovers: HandoverStore
) -> None:
    held = await a_claim(store)
    await handovers.intend(held, held.id, NOW)
    await store.control.abort(held.id, an_entry())
    assert not await handovers.arrived(held, held.id, "theirs", an_entry())
    (duty,) = await handovers.duties(TARGET)
    assert duty.handle == "theirs"


async def test_what_is_in_doubt_is_no_duty_and_goes_with_its_job(
    store: JobStore, handovers: HandoverStore
) -> None:
    held = await a_claim(store)
    await handovers.intend(held, held.id, NOW)
    assert await handovers.doubt(held, held.id, an_entry("in doubt"))
    await store.publishing.fail(held, ERROR, an_entry())
    assert await stands(handovers, held) is DOUBT
    assert await handovers.duties(TARGET) == []
    await store.control.delete(held.id, NOW)
    assert await handovers.of(held.id) is None


# -- keys -----------------------------------------------------------------------------


async def test_two_requests_of_one_key_at_once_make_one_job(store: JobStore) -> None:
    jobs = [a_job() for _ in range(8)]
    once = Once("key", "same")
    answers = await asyncio.gather(*(store.creation.add(job, [an_entry()], once) for job in jobs))
    (winner,) = [job for job, answer in zip(jobs, answers, strict=True) if answer is None]
    others = [answer for answer in answers if answer is not None]
    assert others == [MadeBefore(winner.id, "same")] * 7
    assert await store.reading.known(job.id for job in jobs) == {winner.id}


async def test_a_key_is_one_owners_and_outlives_its_job(store: JobStore) -> None:
    anna, bert = a_job(owner="anna"), a_job(owner="bert")
    for job in (anna, bert):
        assert await store.creation.add(job, [an_entry()], Once("key", "same")) is None
    found = [item.id async for item in store.listing.refs(ListFilter(owner="anna", key="key"))]
    assert found == [anna.id]
    await store.control.delete(anna.id, NOW)
    assert await store.keys.made_before("anna", "key") == MadeBefore(anna.id, "same")
    assert await store.keys.forget(NOW) == 0
    assert await store.keys.forget(NOW + timedelta(seconds=1)) == 1
    assert await store.keys.made_before("anna", "key") is None
    assert await store.keys.made_before("bert", "key") is not None


async def test_jobs_that_wait_for_a_retired_target_are_found(store: JobStore) -> None:
    job = await a_queued_job(store)
    assert await store.sweeps.waiting_for(TARGET) == [job.id]
    assert await store.sweeps.refuse(job.id, ERROR, an_entry())
    assert not await store.sweeps.refuse(job.id, ERROR, an_entry())
    assert await store.sweeps.waiting_for(TARGET) == []
