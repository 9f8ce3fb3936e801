"""What clients do with their jobs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from store_helpers import (
    FAR,
    LONG,
    NOW,
    a_result,
    added,
    apply,
    claim,
    claimed,
    drive,
    entry,
    everything,
    got,
    later,
    queued,
    ran_for,
    run,
    runs_out_in,
    snapshot,
    timeline_of,
)

from quws.domain.job import (
    Job,
    JobRef,
    Parameter,
    Said,
    new_job_id,
)
from quws.domain.options import RunOptions
from quws.domain.phases import FINAL, Move, Phase, sources
from quws.domain.quotas import Bound, Limit
from quws.domain.spec import JobSpec
from quws.domain.times import MAX_SECONDS
from quws.store.database import Database
from quws.store.jobs.control import Change, NewParameters, Part, Refused, Run
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "instant",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 11, 21, 10, 0, 0, 1000, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    ],
)
async def test_any_instant_comes_back_exactly(store: JobStore, instant: datetime) -> None:
    job = await added(store)
    assert await apply(store, job.id, destruction=instant)
    assert (await got(store, job.id)).destruction_time == instant


async def test_queue(store: JobStore) -> None:
    job = await added(store, run_id="r")
    await run(store, job.id, entry(message="no room"), most=-1)
    assert (await got(store, job.id)).message == "no room"
    said = entry("queued", later(7), "for target simulator")
    ref = await run(store, job.id, said)
    assert ref == JobRef(job.id, Phase.QUEUED, "r", "anna", NOW)
    after = await got(store, job.id)
    assert (after.queued_time, after.message) == (later(7), None)
    assert (await timeline_of(store, after.id))[-1] == said


async def test_abort(store: JobStore) -> None:
    held = await claimed(store)
    ref = await store.control.abort(held.id, entry("aborted", later(3), "by the owner"))
    assert ref == JobRef(held.id, Phase.ABORTED, None, "anna", NOW)
    job = await got(store, held.id)
    assert (job.end_time, job.start_time, job.message) == (later(3), NOW, "by the owner")
    assert await store.sweeps.abandoned() == []
    assert await store.sweeps.overdue(FAR) == []


@pytest.mark.parametrize(("seconds", "aborted"), [(-0.001, False), (0, True), (1, True)])
async def test_abort_of_what_is_over_its_time(
    database: Database, store: JobStore, seconds: float, aborted: bool
) -> None:
    held = await claimed(store, execution_duration=600)
    before = await snapshot(database)
    assert held.deadline is not None
    past = held.deadline + timedelta(seconds=seconds)
    done = await store.control.abort(held.id, entry(), past_deadline=past)
    assert (done is not None) is aborted
    assert ((await snapshot(database)) == before) is not aborted


async def test_an_unlimited_job_is_never_over_its_time(store: JobStore) -> None:
    held = await claimed(store, execution_duration=0)
    assert held.deadline is None
    assert await store.control.abort(held.id, entry(), past_deadline=FAR) is None


async def test_delete_takes_everything_and_leaves_garbage(
    database: Database, store: JobStore
) -> None:
    kept = await added(store, circuits=2)
    held = await claimed(store, circuits=2)
    await store.publishing.store_circuits(held, range(1), [a_result("counts-0")], entry(), NOW)
    await store.publishing.say(held, Said([entry("noted")]))
    assert await store.control.delete(held.id, later(5))
    rows = await everything(database)
    assert [row[0] for row in rows["jobs"]] == [kept.id]
    assert {row[0] for row in rows["circuits"]} == {kept.id}
    assert rows["results"] == []
    assert {row[1] for row in rows["timeline"]} == {kept.id}
    assert rows["garbage"] == [(held.id, later(5))]
    assert not await store.control.delete(held.id, later(6))
    assert (await everything(database))["garbage"] == [(held.id, later(5))]
    await store.garbage.forget(held.id)
    assert await store.garbage.prefixes() == []
    await store.garbage.forget(held.id)


async def test_a_pending_job_gets_new_parameters(database: Database, store: JobStore) -> None:
    job = await added(store, circuits=3)
    spec = JobSpec.of(RunOptions(shots=7))
    changes = {"spec": spec.stored(), "target": "other", "circuits": 2}
    renewed = [Parameter("TAG", "b"), Parameter("CIRCUIT", artifact="x", size=9)]
    assert await apply(store, job.id, parameters=NewParameters(renewed, changes))
    after = await got(store, job.id)
    assert after == replace(job, parameters=renewed, **(changes | {"spec": spec}))
    assert len((await everything(database))["circuits"]) == 2


@pytest.mark.parametrize("owner", ["anna", None])
async def test_a_quota_counts_what_waits_and_runs(
    database: Database, store: JobStore, owner: str | None
) -> None:
    for phase in Phase:
        job = await added(store, owner=owner)
        await drive(database, job.id, phase=phase)
        await drive(database, (await added(store, owner="bob")).id, phase=phase)
    full = await added(store, owner=owner)
    assert await phase_after_run(store, full, 3) is Phase.HELD
    message = (await got(store, full.id)).message
    assert message is not None
    whose = "3 jobs of this owner wait or run already, and 3 may"
    assert message.startswith(f"quota_exceeded: {whose};")
    assert await phase_after_run(store, full, 4) is Phase.QUEUED
    next_one = await added(store, owner=owner)
    assert await phase_after_run(store, next_one, 4) is Phase.HELD
    assert await phase_after_run(store, next_one, 9, hold=True) is Phase.HELD
    assert await phase_after_run(store, next_one, 0) is Phase.QUEUED


async def phase_after_run(store: JobStore, job: Job, most: int, hold: bool = False) -> Phase:
    bounds = [Bound(Limit.QUEUED, most, (job.owner or "",))] if most else []
    wanted = Change(run=Run(entry(message="queued"), bounds, "no room" if hold else None))
    return (await store.control.apply(job.id, wanted)).phase


async def test_two_at_once_do_not_both_get_the_last_place(store: JobStore) -> None:
    jobs = [await added(store) for _ in range(8)]
    others = [await added(store, owner="bob") for _ in range(8)]
    found = await asyncio.gather(
        *(run(store, job.id, most=3) for job in jobs),
        *(run(store, job.id, most=5, owner="bob") for job in others),
    )
    assert sum(ref is not None and ref.phase is Phase.QUEUED for ref in found[:8]) == 3
    assert sum(ref is not None and ref.phase is Phase.QUEUED for ref in found[8:]) == 5


async def test_a_new_duration_moves_the_deadline_of_a_running_job(
    database: Database, store: JobStore
) -> None:
    async with runs_out_in(database, 60) as claims:
        claims.append(await claimed(store, execution_duration=60))
    (held,) = claims
    assert held.deadline is not None
    for seconds in (120, 1, 0, MAX_SECONDS):
        assert await apply(store, held.id, execution_duration=seconds)
        renewed = await store.claims.renew(held, LONG)
        assert renewed is not None
        expected = held.deadline + timedelta(seconds=seconds - 60) if seconds else None
        assert renewed[0].deadline == expected
        assert (await got(store, held.id)).execution_duration == seconds


async def test_the_deadline_counts_what_was_spent_before(
    database: Database, store: JobStore
) -> None:
    held = await claimed(store, execution_duration=60)
    await ran_for(database, held, 1000)
    await store.publishing.hand_back(held, entry())
    held = await claim(store)
    async with runs_out_in(database, 3000 - 1000) as renewals:
        assert await apply(store, held.id, execution_duration=3000)
        renewed = await store.claims.renew(held, LONG)
        assert renewed is not None
        renewals.append(renewed[0])


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.HELD, Phase.QUEUED, Phase.SUSPENDED])
async def test_a_job_that_does_not_run_has_no_deadline(
    database: Database, store: JobStore, phase: Phase
) -> None:
    held = await claimed(store, execution_duration=60)
    await store.publishing.hand_back(held, entry())
    await drive(database, held.id, phase=phase)
    assert await apply(store, held.id, execution_duration=30)
    await drive(database, held.id, phase=Phase.EXECUTING)
    assert await store.sweeps.overdue(FAR) == []


# -- all or nothing ---------------------------------------------------------------


WANTED: dict[Part, dict[str, Any]] = {
    Part.PARAMETERS: {
        "parameters": NewParameters(
            [Parameter("TAG", "x")], {"spec": JobSpec().stored(), "circuits": 2}
        )
    },
    Part.DESTRUCTION: {"destruction": later(9)},
    Part.EXECUTION_DURATION: {"execution_duration": 7},
    Part.RUN_ID: {"run_id": "new"},
    Part.NAME: {"name": "new"},
    Part.RUN: {"run": Run(entry("queued"))},
    Part.ABORT: {"abort": entry("aborted")},
}
ALLOWED = {
    Part.PARAMETERS: frozenset({Phase.PENDING}),
    Part.DESTRUCTION: frozenset(Phase) - {Phase.ARCHIVED},
    Part.EXECUTION_DURATION: frozenset(Phase) - FINAL,
    Part.RUN_ID: frozenset(Phase) - {Phase.ARCHIVED},
    Part.NAME: frozenset(Phase) - {Phase.ARCHIVED},
    Part.RUN: sources(Move.QUEUE),
    Part.ABORT: sources(Move.ABORT),
}


@pytest.mark.parametrize("phase", Phase)
async def test_a_request_is_granted_as_a_whole_or_changes_nothing(
    database: Database, store: JobStore, phase: Phase
) -> None:
    pairs = [pair for pair in combinations(Part, 2) if pair != (Part.RUN, Part.ABORT)]
    for pair in pairs:
        job = await added(store)
        await drive(database, job.id, phase=phase)
        before = await snapshot(database)
        wanted = Change(**WANTED[pair[0]], **WANTED[pair[1]])
        forbidden = [part for part in pair if phase not in ALLOWED[part]]
        if forbidden:
            with pytest.raises(Refused) as caught:
                await store.control.apply(job.id, wanted)
            assert caught.value.part is forbidden[0], pair
            assert await snapshot(database) == before, pair
        else:
            ref = await store.control.apply(job.id, wanted)
            assert ref == await store.reading.head(job.id), pair
            after = await snapshot(database)
            assert after["jobs"] != before["jobs"], pair
        await store.control.delete(job.id, NOW)


async def test_all_of_a_request_is_done(store: JobStore) -> None:
    job = await added(store, run_id="old", circuits=3)
    everything_wanted = {
        key: value for part in Part if part is not Part.ABORT for key, value in WANTED[part].items()
    }
    ref = await store.control.apply(job.id, Change(**everything_wanted))
    assert (ref.phase, ref.run_id) == (Phase.QUEUED, "new")
    found = await got(store, job.id)
    assert (found.phase, found.destruction_time, found.execution_duration) == (
        Phase.QUEUED,
        later(9),
        7,
    )
    assert (found.parameters, found.circuits) == ([Parameter("TAG", "x")], 2)
    assert [item.status for item in await timeline_of(store, job.id)] == ["received", "queued"]


async def test_an_empty_run_id_takes_it_away(store: JobStore) -> None:
    job = await added(store, run_id="old")
    assert (await store.control.apply(job.id, Change(run_id=""))).run_id is None


async def test_who_follows_events_is_told_of_another_run_id_or_name_once(store: JobStore) -> None:
    job = await added(store, run_id="old")
    for change in (Change(run_id="new"), Change(name="n"), Change(run_id="new", name="n")):
        before = await store.outbox.newest()
        await store.control.apply(job.id, change)
        told = await store.outbox.since("anna", everybody=False, after=before)
        # The last changes nothing any more.
        assert [item.job_id for item in told] == ([] if change.run_id and change.name else [job.id])
    assert await store.control.apply(job.id, Change()) == await store.reading.head(job.id)


@pytest.mark.parametrize("part", Part)
async def test_of_a_job_that_is_not_there_all_is_refused(store: JobStore, part: Part) -> None:
    with pytest.raises(Refused) as caught:
        await store.control.apply(new_job_id(), Change(**WANTED[part]))
    assert caught.value.part is part


async def test_a_job_runs_on_the_target_that_it_was_given_in_the_same_request(
    store: JobStore,
) -> None:
    # Its turn is that of the other target's queue.
    for _ in range(3):
        await queued(store, cost_ms=5000)
    job = await added(store)
    renewed = NewParameters([], {"circuits": 1, "target": "other"})
    change = Change(parameters=renewed, run=Run(entry()))
    assert (await store.control.apply(job.id, change)).phase is Phase.QUEUED
    first = await queued(store, target="other", owner="bob")
    claimed_first = await store.claims.claim("other", "w", LONG, NOW)
    assert claimed_first is not None
    assert claimed_first.id == job.id
    assert first.id != job.id
