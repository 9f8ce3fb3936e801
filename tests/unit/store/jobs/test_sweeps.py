"""What is due is found and done, once."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from store_actions import ACTIONS
from store_helpers import (
    EXPIRED,
    FAILURE,
    FAR,
    LONG,
    NOW,
    TARGET,
    a_result,
    added,
    claim,
    claimed,
    drive,
    entry,
    got,
    later,
    overdue,
    queued,
    ran_for,
    requeued,
    runs_out_in,
    snapshot,
    spoil,
    timeline_of,
)

from quws.domain.phases import Phase
from quws.domain.spec import JobSpec
from quws.domain.targets import TargetDescription, TargetKind
from quws.store import tables as t
from quws.store.clock import time_of
from quws.store.database import Database
from quws.store.jobs.store import JobStore
from quws.store.jobs.sweeps import Overdue
from quws.store.targets import TargetStore

pytestmark = pytest.mark.anyio


async def test_an_attempt_that_failed_starts_the_clock_anew(
    database: Database, store: JobStore
) -> None:
    held = await claimed(store, EXPIRED, execution_duration=100)
    await ran_for(database, held, 50)
    await store.sweeps.requeue(overdue(held), entry(time=later(90)))
    async with runs_out_in(database, 100) as again:
        again.append(await claim(store, now=later(200)))
    assert again[0].job.start_time == later(200)


async def test_give_up(store: JobStore) -> None:
    held = await claimed(store, EXPIRED)
    assert await store.sweeps.give_up(overdue(held), FAILURE, entry("failed", later(4)))
    job = await got(store, held.id)
    assert (job.phase, job.end_time, job.error) == (Phase.ERROR, later(4), FAILURE)


async def test_archive(database: Database, store: JobStore) -> None:
    held = await claimed(store)
    await store.publishing.store_circuits(held, range(1), [a_result("counts-0")], entry(), NOW)
    await store.publishing.complete(held, [a_result()], entry("completed"), 1.0)
    assert not await store.sweeps.archive(held.id, later(86_399.999))
    assert (await got(store, held.id)).phase is Phase.COMPLETED
    assert await store.sweeps.archive(held.id, later(86_400))
    job = await got(store, held.id)
    assert (job.phase, job.results, job.end_time) == (Phase.ARCHIVED, [], NOW)
    assert await store.reading.circuit_artifacts(held.id) == {}
    assert (await timeline_of(store, job.id))[-1].status == "archived"


async def test_archiving_gives_up_the_files_of_all_attempts_and_no_parameters(
    store: JobStore,
) -> None:
    held = await claimed(store, EXPIRED)
    await requeued(store, held)
    await store.publishing.hand_back(await claim(store), entry())
    held = await claim(store)
    await store.publishing.hand_back(held, entry())
    # Files of the attempt that was given back may be there still.
    await store.control.abort(held.id, entry())
    assert await store.sweeps.archive(held.id, later(86_400))
    assert sorted(await store.garbage.prefixes()) == [f"{held.id}/1", f"{held.id}/2"]


async def test_destroy_waits_for_its_time(database: Database, store: JobStore) -> None:
    job = await added(store)
    before = await snapshot(database)
    assert not await store.sweeps.destroy(job.id, later(86_399.999))
    assert await snapshot(database) == before
    assert await store.sweeps.destroy(job.id, later(86_400))
    assert await store.reading.get(job.id) is None
    assert await store.garbage.prefixes() == [job.id]


async def test_a_job_without_destruction_is_never_destroyed(store: JobStore) -> None:
    job = await added(store, destruction_time=None)
    assert not await store.sweeps.destroy(job.id, later(10**9))
    assert await store.sweeps.expired(later(10**9)) == []


@pytest.mark.parametrize("name", ["requeue", "give_up"])
async def test_a_lease_that_was_renewed_meanwhile_is_not_swept(
    database: Database, store: JobStore, name: str
) -> None:
    held = await claimed(store, EXPIRED)
    (found,) = await store.sweeps.abandoned()
    assert found == overdue(held)
    assert await store.claims.renew(held, LONG)
    assert await store.sweeps.abandoned() == []
    before = await snapshot(database)
    assert not await ACTIONS[name].act(store, held)
    assert await snapshot(database) == before


@pytest.mark.parametrize("name", ["requeue", "give_up"])
async def test_a_sweep_does_not_take_the_next_attempt_for_the_last(
    store: JobStore, name: str
) -> None:
    held = await claimed(store, EXPIRED)
    await requeued(store, held)
    again = await claim(store, EXPIRED)
    assert not await ACTIONS[name].act(store, held)
    assert await ACTIONS[name].act(store, again)


async def test_two_sweeps_at_once_requeue_once(database: Database, store: JobStore) -> None:
    held = await claimed(store, EXPIRED)
    done = await asyncio.gather(
        *(store.sweeps.requeue(overdue(held), entry("lost")) for _ in range(5))
    )
    assert sorted(done) == [False, False, False, False, True]
    timeline = await timeline_of(store, held.id)
    assert [item.status for item in timeline].count("lost") == 1


NOTHING = {
    "overrun": False,
    "lost": False,
    "destruction": False,
    "retired": False,
    "garbage": False,
}


async def duties(store: JobStore) -> dict[str, bool]:
    found = asdict(await store.sweeps.duties())
    return {name: bool(found[name]) for name in NOTHING}


async def test_the_time_is_told_with_the_duties(database: Database, store: JobStore) -> None:
    before = await time_of(database)
    told = (await store.sweeps.duties()).time
    assert before <= told <= await time_of(database)


async def test_there_is_nothing_to_do_for_jobs_whose_time_has_not_come(
    database: Database, store: JobStore
) -> None:
    far = datetime.now(UTC) + timedelta(days=1)
    held = await claimed(store)
    await drive(database, held.id, deadline=far, destruction_time=far)
    await queued(store, destruction_time=None)
    assert await duties(store) == NOTHING


async def test_what_there_is_to_do_is_told_apart(database: Database, store: JobStore) -> None:
    far, past = datetime.now(UTC) + timedelta(days=1), datetime.now(UTC) - timedelta(seconds=1)
    overrun = await claimed(store, destruction_time=None)
    await drive(database, overrun.id, deadline=past)
    assert await duties(store) == NOTHING | {"overrun": True}
    await drive(database, overrun.id, deadline=None, lease_until=1)
    assert await duties(store) == NOTHING | {"lost": True}
    await drive(database, overrun.id, lease_until=None, destruction_time=past)
    assert await duties(store) == NOTHING | {"destruction": True}
    await drive(database, overrun.id, destruction_time=far)
    assert await duties(store) == NOTHING
    await store.control.delete(overrun.id, NOW)
    assert await duties(store) == NOTHING | {"garbage": True}


@pytest.mark.parametrize("column", ["status", "hold"])
async def test_jobs_of_a_target_that_is_retired_are_something_to_do(
    database: Database, store: JobStore, column: str
) -> None:
    await queued(store, destruction_time=None)
    assert await duties(store) == NOTHING
    targets = TargetStore(database)
    description = TargetDescription(name=TARGET, kind=TargetKind.HARDWARE, title="It", qubits=3)
    await targets.register([description], NOW, replace=True)
    async with database.write() as connection:
        await connection.execute(update(t.targets).values({column: "retired"}))
    assert await duties(store) == NOTHING | {"retired": True}


async def test_overdue(store: JobStore) -> None:
    short, long, unlimited = [
        await claimed(store, execution_duration=seconds) for seconds in (10, 1000, 0)
    ]
    assert short.deadline is not None
    assert await store.sweeps.overdue(short.deadline - timedelta(milliseconds=1)) == []
    assert await store.sweeps.overdue(short.deadline) == [overdue(short)]
    assert await store.sweeps.overdue(FAR) == [overdue(short), overdue(long)]
    assert await store.sweeps.overdue(FAR, limit=1) == [overdue(short)]
    assert await store.claims.renew(unlimited, LONG) is not None


async def test_expired(database: Database, store: JobStore) -> None:
    found = []
    for number, phase in enumerate(Phase):
        job = await added(store, destruction_time=later(number))
        await drive(database, job.id, phase=phase)
        found.append(Overdue(job.id, 0, phase, TARGET))
    wanted = [item for item in found if item.phase is not Phase.ARCHIVED]
    assert await store.sweeps.expired(later(100)) == wanted
    assert await store.sweeps.expired(later(0)) == wanted[:1]
    assert await store.sweeps.expired(later(-0.001)) == []
    assert await store.sweeps.expired(later(100), limit=3) == wanted[:3]


async def test_forgotten(database: Database, store: JobStore) -> None:
    for second in range(3):
        await queued(store, at=later(second))
    await queued(store, target="other")
    suspended = await claimed(store, target=TARGET)
    await store.publishing.hand_back(suspended, entry())
    await added(store)
    assert sorted(await store.sweeps.forgotten(later(1))) == [("other", 1), (TARGET, 3)]
    assert await store.sweeps.forgotten(later(-1)) == []


async def test_jobs_that_wait_for_a_retired_target_are_found(store: JobStore) -> None:
    job = await queued(store)
    assert await store.sweeps.waiting_for(TARGET) == [job.id]
    assert await store.sweeps.refuse(job.id, FAILURE, entry())
    assert not await store.sweeps.refuse(job.id, FAILURE, entry())
    assert await store.sweeps.waiting_for(TARGET) == []


async def test_a_sweep_knows_whose_a_job_is_and_which_request_made_it(store: JobStore) -> None:
    spec = JobSpec(origin={"request": "r-1"})
    await added(store, spec=spec, owner="bert", destruction_time=NOW)
    await added(store, owner=None, destruction_time=later(1))
    found = await store.sweeps.expired(later(9))
    assert [item.owner for item in found] == ["bert", None]
    assert await store.sweeps.requests_of(found) == {found[0].id: "r-1"}
    assert await store.sweeps.requests_of([]) == {}


async def test_a_job_that_cannot_be_read_is_swept_with_the_others(
    database: Database, store: JobStore
) -> None:
    spoiled = await claimed(store, EXPIRED, destruction_time=NOW)
    other = await claimed(store, EXPIRED, destruction_time=later(1))
    unknown = await added(store, destruction_time=later(2))
    await drive(database, unknown.id, phase="LATER")  # As a later release may have written it.
    await spoil(database, spoiled.id)
    ids = [spoiled.id, other.id]
    assert sorted(item.id for item in await store.sweeps.abandoned()) == sorted(ids)
    found = await store.sweeps.expired(later(9))
    assert [item.id for item in found] == [*ids, unknown.id]
    assert await store.sweeps.requests_of(found) == {}
    await requeued(store, spoiled)
    for job_id in [*ids, unknown.id]:
        assert await store.sweeps.destroy(job_id, later(9))
    assert await store.sweeps.expired(later(9)) == []


async def test_what_is_set_aside_is_not_found(store: JobStore) -> None:
    one, other = [await claimed(store, EXPIRED, destruction_time=NOW) for _ in range(2)]
    sweeps, but = store.sweeps, [one.id, "another"]
    assert [item.id for item in await sweeps.overdue(FAR, but=but)] == [other.id]
    assert [item.id for item in await sweeps.abandoned(but=but)] == [other.id]
    assert [item.id for item in await sweeps.expired(NOW, but=but)] == [other.id]
    await requeued(store, one)
    assert await sweeps.waiting_for(TARGET, but=but) == []
    await store.control.delete(one.id, NOW)
    await store.control.delete(other.id, NOW)
    assert one.id not in await store.garbage.prefixes(but=but)
    assert other.id in await store.garbage.prefixes(but=but)
