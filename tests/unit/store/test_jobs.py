"""The job store: what may happen to a job in which phase, and to whom it belongs meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from quws.domain.job import (
    Claim,
    ErrorType,
    Job,
    JobError,
    JobRef,
    Parameter,
    Result,
    TimelineEntry,
    new_job_id,
)
from quws.domain.parameters import MAX_SECONDS
from quws.domain.phases import MOVES, Move, Phase
from quws.store import tables as t
from quws.store.clock import time_of
from quws.store.database import Database
from quws.store.holds import HoldStore
from quws.store.jobs.listing import ListFilter
from quws.store.jobs.store import JobStore
from quws.store.jobs.sweeps import Overdue

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 21, 10, 0, 0, 123_000, tzinfo=UTC)
TARGET = "simulator"
EXPIRED = -60.0
"""A lease of so many seconds is over before it begins."""
LONG = 3600.0
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def entry(
    status: str = "tested", time: datetime = NOW, message: str | None = None
) -> TimelineEntry:
    return TimelineEntry(time, status, "test", message)


def new_job(**changes: Any) -> Job:
    job = Job(
        id=new_job_id(),
        owner="anna",
        run_id=None,
        phase=Phase.PENDING,
        target=TARGET,
        creation_time=NOW,
        queued_time=None,
        start_time=None,
        end_time=None,
        destruction_time=later(86_400),
        execution_duration=600,
        quote=None,
        attempt=0,
        circuits=1,
        circuits_done=0,
        message=None,
        parameters=[Parameter("CIRCUIT", "OPENQASM 2.0;")],
        spec={"shots": 10},
        error=None,
    )
    return replace(job, **changes)


def a_result(name: str = "result") -> Result:
    return Result(name, f"job/1/{name}", 3, "application/json")


FAILURE = JobError(ErrorType.TRANSIENT, "worker_lost", "the worker was lost", "thrice")


async def added(store: JobStore, **changes: Any) -> Job:
    job = new_job(**changes)
    await store.creation.add(job, [entry("received")])
    return job


async def queued(store: JobStore, at: datetime = NOW, **changes: Any) -> Job:
    return await added(store, phase=Phase.QUEUED, queued_time=at, **changes)


async def claim(
    store: JobStore, lease_seconds: float = LONG, now: datetime = NOW, worker: str = "worker-1"
) -> Claim:
    found = await store.claims.claim(TARGET, worker, lease_seconds, now)
    assert found is not None
    return found


async def claimed(store: JobStore, lease_seconds: float = LONG, **changes: Any) -> Claim:
    await queued(store, **changes)
    return await claim(store, lease_seconds)


async def drive(database: Database, job_id: str, **values: Any) -> None:
    """Put a job into any state at all, whatever is legal."""
    async with database.write() as connection:
        await connection.execute(update(t.jobs).where(t.jobs.c.id == job_id).values(**values))


async def ran_for(database: Database, held: Claim, seconds: float) -> None:
    """Make a job one that was claimed so long ago."""
    then = await time_of(database) - timedelta(seconds=seconds)
    await drive(database, held.id, claimed_time=then)


@asynccontextmanager
async def runs_out_in(database: Database, seconds: float) -> AsyncIterator[list[Claim]]:
    """What is claimed in the block has so many seconds left.

    On a slow machine some more may be spent than the test says: far less than it says.
    """
    claims: list[Claim] = []
    before = await time_of(database)
    yield claims
    after = await time_of(database)
    (held,) = claims
    assert held.deadline is not None
    started = held.deadline - timedelta(seconds=seconds)
    assert before - timedelta(seconds=300) <= started <= after


async def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    found = {}
    async with database.read() as connection:
        for table in t.metadata.sorted_tables:
            rows = await connection.execute(select(table).order_by(*table.primary_key.columns))
            found[table.name] = [tuple(row) for row in rows]
    return found


async def got(store: JobStore, job_id: str) -> Job:
    job = await store.reading.get(job_id)
    assert job is not None
    return job


async def timeline_of(store: JobStore, job_id: str) -> list[TimelineEntry]:
    found = await store.reading.whole(job_id)
    assert found is not None
    return found[1]


async def position_of(store: JobStore, job_id: str) -> int | None:
    found = await store.reading.whole(job_id)
    assert found is not None
    return found[2]


async def listed(store: JobStore, **wanted: Any) -> list[JobRef]:
    return [ref async for ref in store.listing.refs(ListFilter(**wanted))]


async def ids(store: JobStore, **wanted: Any) -> list[str]:
    return [ref.id for ref in await listed(store, **wanted)]


# -- a new job ----------------------------------------------------------------


ODD = "CR\r LF\n tab\t é 量子 😀 ]]> <&>\"' \\u0000 %s :name"


async def test_a_job_comes_back_as_it_was_added(store: JobStore) -> None:
    job = new_job(
        owner=ODD,
        run_id=ODD,
        phase=Phase.QUEUED,
        target=ODD,
        queued_time=later(1),
        destruction_time=later(2),
        execution_duration=MAX_SECONDS,
        quote=later(3),
        circuits=3,
        message=ODD,
        parameters=[
            Parameter("CIRCUIT", ODD),
            Parameter("TAG", ""),
            Parameter("CIRCUIT", artifact="a/b/0", size=2**40, mime_type="text/x-qasm"),
            Parameter("TAG", "b"),
        ],
        spec={"a": [1, 0.1, None, True, {"é": ODD}], "seed": 2**63 - 1, "": {}, "\x00": "\x00"},
        size=40,
    )
    await store.creation.add(job, [entry("received"), entry("queued", later(1), ODD)])
    assert await got(store, job.id) == job
    assert await timeline_of(store, job.id) == [
        entry("received"),
        entry("queued", later(1), ODD),
    ]


async def test_a_job_with_nothing_comes_back_too(store: JobStore) -> None:
    job = new_job(
        owner=None, destruction_time=None, execution_duration=0, parameters=[], spec={}, size=0
    )
    await store.creation.add(job, [entry()])
    assert await got(store, job.id) == job


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
    assert await store.control.set_destruction(job.id, instant)
    assert (await got(store, job.id)).destruction_time == instant


async def test_what_is_stored_is_cut_to_milliseconds(store: JobStore) -> None:
    job = await added(store, creation_time=NOW.replace(microsecond=999_999))
    assert (await got(store, job.id)).creation_time == NOW.replace(microsecond=999_000)


async def test_a_new_job_has_a_row_for_each_circuit(database: Database, store: JobStore) -> None:
    job = await added(store, circuits=3)
    rows = (await everything(database))["circuits"]
    assert [row[:3] for row in rows] == [(job.id, k, "waiting") for k in range(3)]


async def test_what_is_not_there_is_none(store: JobStore) -> None:
    assert await store.reading.get(new_job_id()) is None
    assert await store.reading.whole(new_job_id()) is None
    assert await store.reading.head(new_job_id()) is None


async def test_head_says_what_the_list_says(store: JobStore) -> None:
    job = await added(store, run_id="r")
    assert await store.reading.head(job.id) == JobRef(job.id, Phase.PENDING, "r", "anna", NOW)


async def test_known(store: JobStore, database: Database) -> None:
    one, two, archived = [await added(store) for _ in range(3)]
    await drive(database, archived.id, phase=Phase.ARCHIVED)
    asked = [one.id, two.id, archived.id, new_job_id()]
    assert await store.reading.known(asked) == {one.id, two.id, archived.id}
    assert await store.reading.known([]) == set()


# -- the phases -----------------------------------------------------------------


EXECUTING = frozenset({Phase.EXECUTING})
NOT_OVER = frozenset(
    {Phase.PENDING, Phase.HELD, Phase.QUEUED, Phase.EXECUTING, Phase.SUSPENDED},
)


@dataclass(frozen=True)
class Action:
    """Something that the store does to one job that a worker holds or held."""

    act: Callable[[JobStore, Claim], Awaitable[Any]]
    legal: frozenset[Phase]
    leads_to: Phase | None = None
    """None if the phase stays."""
    removes: bool = False


def move(kind: Move, act: Callable[[JobStore, Claim], Awaitable[Any]], fenced: bool) -> Action:
    sources, target = MOVES[kind]
    # A worker can do to a job only what may be done while it executes.
    return Action(act, sources & EXECUTING if fenced else sources, target)


def overdue(held: Claim) -> Overdue:
    return Overdue(held.id, held.attempt, Phase.EXECUTING, TARGET)


async def act_claim(store: JobStore, held: Claim) -> bool:
    taken = await store.claims.claim(TARGET, "worker-2", LONG, later(5))
    assert taken is None or taken.id == held.id
    return taken is not None


ACTIONS = {
    "queue": move(Move.QUEUE, lambda s, c: s.control.queue(c.job, entry(), 0), False),
    "queue-quota": move(Move.QUEUE, lambda s, c: s.control.queue(c.job, entry(), 9), False),
    "hold": move(Move.HOLD, lambda s, c: s.control.hold(c.id, entry()), False),
    "claim": move(Move.CLAIM, act_claim, False),
    "complete": move(
        Move.COMPLETE, lambda s, c: s.publishing.complete(c, [a_result()], entry(), 1.0), True
    ),
    "fail": move(Move.FAIL, lambda s, c: s.publishing.fail(c, FAILURE, entry()), True),
    "abort": move(Move.ABORT, lambda s, c: s.control.abort(c.id, entry()), False),
    "retry": move(Move.REQUEUE, lambda s, c: s.publishing.retry(c, entry()), True),
    "hand_back": move(Move.SUSPEND, lambda s, c: s.publishing.hand_back(c, entry()), True),
    "requeue": move(Move.REQUEUE, lambda s, c: s.sweeps.requeue(overdue(c), entry()), False),
    "give_up": move(Move.FAIL, lambda s, c: s.sweeps.give_up(overdue(c), FAILURE, entry()), True),
    "archive": move(Move.ARCHIVE, lambda s, c: s.sweeps.archive(c.id, later(90_000)), False),
    "renew": Action(lambda s, c: s.claims.renew(c, LONG), EXECUTING),
    "note": Action(lambda s, c: s.publishing.note(c, entry("noted")), EXECUTING),
    "store_circuit": Action(
        lambda s, c: s.publishing.store_circuit(c, 0, a_result("counts-0"), entry(), NOW), EXECUTING
    ),
    "set_run_id": Action(
        lambda s, c: s.control.set_run_id(c.id, "new"), frozenset(Phase) - {Phase.ARCHIVED}
    ),
    "set_destruction": Action(
        lambda s, c: s.control.set_destruction(c.id, later(9)), frozenset(Phase) - {Phase.ARCHIVED}
    ),
    "set_execution_duration": Action(
        lambda s, c: s.control.set_execution_duration(c.id, 7), NOT_OVER | {Phase.UNKNOWN}
    ),
    "set_parameters": Action(
        lambda s, c: s.control.set_parameters(
            c.id, [Parameter("TAG", "x")], {"spec": {}, "circuits": 2}
        ),
        frozenset({Phase.PENDING}),
    ),
    "delete": Action(lambda s, c: s.control.delete(c.id, NOW), frozenset(Phase), removes=True),
    "destroy": Action(
        lambda s, c: s.sweeps.destroy(c.id, later(90_000)), frozenset(Phase), removes=True
    ),
}


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


async def test_queue(store: JobStore) -> None:
    job = await added(store, run_id="r")
    await store.control.hold(job.id, entry(message="no room"))
    assert (await got(store, job.id)).message == "no room"
    said = entry("queued", later(7), "for target simulator")
    ref = await store.control.queue(job, said, 0)
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
    before = await everything(database)
    assert held.deadline is not None
    past = held.deadline + timedelta(seconds=seconds)
    done = await store.control.abort(held.id, entry(), past_deadline=past)
    assert (done is not None) is aborted
    assert ((await everything(database)) == before) is not aborted


async def test_an_unlimited_job_is_never_over_its_time(store: JobStore) -> None:
    held = await claimed(store, execution_duration=0)
    assert held.deadline is None
    assert await store.control.abort(held.id, entry(), past_deadline=FAR) is None


async def test_complete(database: Database, store: JobStore) -> None:
    held = await claimed(store, circuits=2)
    results = [a_result("result"), a_result("counts"), a_result("log")]
    assert await store.publishing.complete(held, results, entry("completed", later(4)), 4.0)
    job = await got(store, held.id)
    assert (job.phase, job.end_time, job.circuits_done) == (Phase.COMPLETED, later(4), 2)
    assert job.results == results
    assert {row[2] for row in (await everything(database))["circuits"]} == {"completed"}
    assert not await store.publishing.complete(held, results, entry(), 4.0)


async def test_a_batch_lists_the_results_of_the_job_before_those_of_its_circuits(
    store: JobStore,
) -> None:
    held = await claimed(store, circuits=12)
    singles = [a_result(f"counts-{k}") for k in range(12)]
    for index in (11, 0, 3, 1, 2, 10, 4, 5, 6, 7, 8, 9):
        assert await store.publishing.store_circuit(
            held, index, singles[index], entry("circuit done"), later(1)
        )
    job = await got(store, held.id)
    assert (job.circuits_done, job.results) == (12, singles)
    assert await store.reading.circuit_artifacts(held.id) == {
        k: f"job/1/counts-{k}" for k in range(12)
    }
    assert await store.publishing.complete(held, [a_result()], entry("completed"), 1.0)
    assert (await got(store, held.id)).results == [a_result(), *singles]


async def test_a_circuit_is_stored_once(store: JobStore) -> None:
    # The answer to the first try may be lost; the worker then tries again.
    held = await claimed(store, circuits=2)
    for _ in range(2):
        assert await store.publishing.store_circuit(
            held, 0, a_result("counts-0"), entry("done"), NOW
        )
    job = await got(store, held.id)
    assert (job.circuits_done, job.results) == (1, [a_result("counts-0")])


async def test_fail(store: JobStore) -> None:
    held = await claimed(store)
    assert await store.publishing.fail(held, FAILURE, entry("failed", later(4)))
    job = await got(store, held.id)
    assert (job.phase, job.end_time, job.error) == (Phase.ERROR, later(4), FAILURE)


async def test_an_error_needs_no_detail(store: JobStore) -> None:
    held = await claimed(store)
    error = JobError(ErrorType.FATAL, "code", ODD)
    assert await store.publishing.fail(held, error, entry("failed"))
    assert (await got(store, held.id)).error == error


async def test_retry(store: JobStore) -> None:
    held = await claimed(store)
    assert await store.publishing.retry(held, entry("queued", later(4), "died"))
    job = await got(store, held.id)
    assert (job.phase, job.attempt, job.start_time, job.message) == (
        Phase.QUEUED,
        1,
        None,
        "died",
    )
    assert (await claim(store)).attempt == 2


async def test_hand_back(database: Database, store: JobStore) -> None:
    held = await claimed(store, circuits=2)
    await store.publishing.store_circuit(held, 0, a_result("counts-0"), entry(), NOW)
    assert await store.publishing.hand_back(held, entry("suspended", later(10), "shutdown"))
    job = await got(store, held.id)
    assert (job.phase, job.attempt, job.message) == (Phase.SUSPENDED, 0, "shutdown")
    again = await claim(store, now=later(100))
    assert (again.id, again.attempt) == (held.id, 1)
    # The batch goes on where it was.
    assert (again.job.start_time, again.job.circuits_done) == (NOW, 1)
    assert await store.reading.circuit_artifacts(held.id) == {0: "job/1/counts-0"}


async def test_time_that_was_spent_adds_up(database: Database, store: JobStore) -> None:
    held = await claimed(store, execution_duration=10_000)
    left = 10_000
    for spent in (1000, 2000):
        await ran_for(database, held, spent)
        await store.publishing.hand_back(held, entry())
        left -= spent
        async with runs_out_in(database, left) as again:
            again.append(await claim(store))
        held = again[0]


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
    await store.publishing.store_circuit(held, 0, a_result("counts-0"), entry(), NOW)
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
    before = await everything(database)
    assert not await store.sweeps.destroy(job.id, later(86_399.999))
    assert await everything(database) == before
    assert await store.sweeps.destroy(job.id, later(86_400))
    assert await store.reading.get(job.id) is None
    assert await store.garbage.prefixes() == [job.id]


async def test_a_job_without_destruction_is_never_destroyed(store: JobStore) -> None:
    job = await added(store, destruction_time=None)
    assert not await store.sweeps.destroy(job.id, later(10**9))
    assert await store.sweeps.expired(later(10**9)) == []


async def test_delete_takes_everything_and_leaves_garbage(
    database: Database, store: JobStore
) -> None:
    kept = await added(store)
    held = await claimed(store, circuits=2)
    await store.publishing.store_circuit(held, 0, a_result("counts-0"), entry(), NOW)
    await store.publishing.note(held, entry("noted"))
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


@pytest.mark.parametrize("how", ["retry", "requeue", "fail", "give_up", "abort"])
async def test_an_attempt_that_came_to_nothing_leaves_garbage(store: JobStore, how: str) -> None:
    held = await claimed(store, EXPIRED, circuits=2)
    await store.publishing.store_circuit(held, 0, a_result("counts-0"), entry(), NOW)
    assert await store.garbage.prefixes() == []
    assert await store.garbage.named(held.id) == {"job/1/counts-0"}
    assert await ACTIONS[how].act(store, held)
    expected = [f"{held.id}/1", f"{held.id}/2"] if how == "abort" else [f"{held.id}/1"]
    assert sorted(await store.garbage.prefixes()) == expected
    # What a circuit of the attempt has left is a result of the job all the same.
    assert await store.garbage.named(held.id) == {"job/1/counts-0"}


@pytest.mark.parametrize("how", ["complete", "hand_back"])
async def test_an_attempt_that_did_not_fail_leaves_none(store: JobStore, how: str) -> None:
    held = await claimed(store)
    assert await ACTIONS[how].act(store, held)
    assert await store.garbage.prefixes() == []


async def test_garbage_oldest_first(store: JobStore) -> None:
    jobs = [await added(store) for _ in range(3)]
    for job, second in zip(jobs, (3, 1, 2), strict=True):
        await store.control.delete(job.id, later(second))
    assert await store.garbage.prefixes() == [jobs[1].id, jobs[2].id, jobs[0].id]
    assert await store.garbage.prefixes(2) == [jobs[1].id, jobs[2].id]


async def test_a_pending_job_gets_new_parameters(database: Database, store: JobStore) -> None:
    job = await added(store, circuits=3)
    changes = {"spec": {"shots": 7}, "target": "other", "circuits": 2}
    renewed = [Parameter("TAG", "b"), Parameter("CIRCUIT", artifact="x", size=9)]
    assert await store.control.set_parameters(job.id, renewed, changes)
    after = await got(store, job.id)
    assert after == replace(job, parameters=renewed, **changes)
    assert len((await everything(database))["circuits"]) == 2


# -- the fence ------------------------------------------------------------------


WORKER = ("renew", "note", "store_circuit", "complete", "fail", "retry", "hand_back")


async def requeued(store: JobStore, held: Claim) -> None:
    assert await store.sweeps.requeue(overdue(held), entry())


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
    before = await everything(database)
    for name in WORKER:
        assert not await ACTIONS[name].act(store, held), name
    assert await everything(database) == before


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
    before = await everything(database)
    assert not await ACTIONS[name].act(store, replace(held, lease="another"))
    attempt = replace(held, job=replace(held.job, attempt=held.attempt + 1))
    assert not await ACTIONS[name].act(store, attempt)
    assert await everything(database) == before


@pytest.mark.parametrize("name", ["requeue", "give_up"])
async def test_a_lease_that_was_renewed_meanwhile_is_not_swept(
    database: Database, store: JobStore, name: str
) -> None:
    held = await claimed(store, EXPIRED)
    (found,) = await store.sweeps.abandoned()
    assert found == overdue(held)
    assert await store.claims.renew(held, LONG)
    assert await store.sweeps.abandoned() == []
    before = await everything(database)
    assert not await ACTIONS[name].act(store, held)
    assert await everything(database) == before


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


async def test_release_lets_all_leases_of_one_target_expire(store: JobStore) -> None:
    held = await claimed(store)
    await queued(store, target="other")
    assert await store.claims.claim("other", "worker", LONG, NOW) is not None
    await queued(store)
    assert await store.sweeps.abandoned() == []
    assert await store.claims.release(TARGET) == 1
    assert await store.sweeps.abandoned() == [overdue(held)]


# -- claiming -------------------------------------------------------------------


async def test_a_claim(database: Database, store: JobStore) -> None:
    job = await queued(store, at=later(-5), run_id="r", quote=later(9), message="waits")
    async with runs_out_in(database, 600) as claims:
        claims.append(await claim(store, now=later(1)))
    (held,) = claims
    assert held.job == await got(store, job.id)
    assert held.job == replace(
        job, phase=Phase.EXECUTING, attempt=1, start_time=later(1), message=None
    )
    timeline = await timeline_of(store, held.id)
    assert timeline[-1] == TimelineEntry(later(1), "claimed", "worker-1", "attempt 1")


async def test_nothing_to_claim(database: Database, store: JobStore) -> None:
    await added(store)
    await queued(store, target="other")
    before = await everything(database)
    assert await store.claims.claim(TARGET, "worker", LONG, NOW) is None
    assert await everything(database) == before


async def test_priority_goes_first_then_age_then_id(database: Database, store: JobStore) -> None:
    order = []
    for priority in (-1, 0, 5):
        for age in (3, 2, 2, 1):
            job = await added(store)
            order.append(((priority, later(-age), job.id), job.id))
            await drive(
                database,
                job.id,
                phase=Phase.SUSPENDED if age == 3 else Phase.QUEUED,
                queued_time=later(-age),
                priority=priority,
            )
    taken = [(await claim(store)).id for _ in order]
    assert taken == [job_id for _, job_id in sorted(order)]


async def test_a_requeued_job_keeps_its_place(store: JobStore) -> None:
    held = await claimed(store, EXPIRED)
    await queued(store, at=later(1))
    await store.sweeps.requeue(overdue(held), entry(time=later(100)))
    assert (await claim(store)).id == held.id


async def test_an_attempt_is_counted_before_it_starts(store: JobStore) -> None:
    await queued(store)
    for attempt in range(1, 4):
        held = await claim(store, EXPIRED)
        assert held.attempt == attempt
        assert (await got(store, held.id)).attempt == attempt
        await requeued(store, held)


async def test_every_claim_has_a_lease_of_its_own(store: JobStore) -> None:
    leases = {(await claimed(store)).lease for _ in range(5)}
    assert len(leases) == 5


@pytest.mark.parametrize("stores", [1, 2])
async def test_no_job_is_claimed_twice(url: str, stores: int) -> None:
    databases = [Database(url) for _ in range(stores)]
    try:
        several = [JobStore(item) for item in databases]
        jobs = {(await queued(several[0], at=later(k))).id for k in range(10)}
        found = await asyncio.gather(
            *(several[k % stores].claims.claim(TARGET, f"w{k}", LONG, NOW) for k in range(20))
        )
        taken = [item for item in found if item is not None]
        assert len(taken) == 10
        assert {item.id for item in taken} == jobs
        assert {item.attempt for item in taken} == {1}
    finally:
        for item in databases:
            await item.close()


async def test_claims_while_jobs_come_and_go(url: str) -> None:
    # Everything that moves a job at the same time: each ends in one way, and once.
    databases = [Database(url) for _ in range(2)]
    try:
        one, two = (JobStore(item) for item in databases)
        jobs = [await queued(one, at=later(k)) for k in range(12)]
        ended: list[tuple[str, str]] = []

        async def work(store: JobStore) -> None:
            while (held := await store.claims.claim(TARGET, "w", LONG, NOW)) is not None:
                if await store.publishing.complete(held, [], entry("completed"), 1.0):
                    ended.append((held.id, "completed"))

        async def stop(store: JobStore, job: Job) -> None:
            if await store.control.abort(job.id, entry("aborted")) is not None:
                ended.append((job.id, "aborted"))

        await asyncio.gather(
            *(work(store) for store in (one, two, one, two)),
            *(stop(two, job) for job in jobs[::2]),
            *(stop(one, job) for job in jobs[::2]),
        )
        assert sorted(job_id for job_id, _ in ended) == sorted(job.id for job in jobs)
        for job_id, how in ended:
            job = await got(one, job_id)
            assert job.phase == how.upper()
            ends = {"completed", "aborted"}
            timeline = await timeline_of(one, job.id)
            assert [item.status for item in timeline if item.status in ends] == [how]
    finally:
        for item in databases:
            await item.close()


# -- fair share --------------------------------------------------------------------


async def run_order(store: JobStore) -> list[str]:
    """Whose jobs are claimed, one after the other."""
    owners = []
    while (found := await store.claims.claim(TARGET, "worker", LONG, NOW)) is not None:
        owners.append(found.job.owner or "nobody")
    return owners


async def test_owners_take_turns_however_many_jobs_one_of_them_sends(store: JobStore) -> None:
    for second in range(6):
        await queued(store, at=later(second))
    for second in range(2):
        await queued(store, at=later(100 + second), owner="bob")
    await queued(store, at=later(200), owner=None)
    assert await run_order(store) == [
        *("anna", "bob", "nobody", "anna", "bob"),
        *("anna", "anna", "anna", "anna"),
    ]


async def test_who_comes_late_has_the_turn_that_is_on_and_not_all_that_went_before(
    store: JobStore,
) -> None:
    for _ in range(6):
        await queued(store)
    for _ in range(3):
        assert (await claim(store)).job.owner == "anna"
    for _ in range(3):
        await queued(store, at=later(1), owner="bob")
    assert await run_order(store) == ["anna", "bob"] * 3


async def test_turns_are_shared_by_run_time(store: JobStore) -> None:
    for _ in range(3):
        await queued(store, cost_ms=4000)
    for _ in range(8):
        await queued(store, at=later(1), owner="bob", cost_ms=1000)
    assert await run_order(store) == ["anna", *["bob"] * 4, "anna", *["bob"] * 4, "anna"]


async def test_run_gives_a_job_its_turn_at_the_end_of_its_owners_queue(store: JobStore) -> None:
    first = await added(store)
    for _ in range(2):
        await queued(store)
    await queued(store, owner="bob", at=later(1))
    assert await store.control.queue(first, entry(time=later(2)), 0) is not None
    assert await run_order(store) == ["anna", "bob", "anna", "anna"]


# -- holds ---------------------------------------------------------------------------


async def test_a_target_is_held_by_one_worker_until_the_hold_ends(
    database: Database, store: JobStore
) -> None:
    holds = HoldStore(database)
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


async def test_only_the_holder_can_claim(database: Database, store: JobStore) -> None:
    job = await queued(store)
    holds = HoldStore(database)
    await holds.take(TARGET, "one", LONG)
    assert await store.claims.claim(TARGET, "w", LONG, NOW, holder="two") is None
    await holds.take(TARGET, "one", EXPIRED)
    assert await store.claims.claim(TARGET, "w", LONG, NOW, holder="one") is None
    await holds.take(TARGET, "one", LONG)
    found = await store.claims.claim(TARGET, "w", LONG, NOW, holder="one")
    assert found is not None
    assert found.id == job.id


# -- quota ----------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["anna", None])
async def test_a_quota_counts_what_waits_and_runs(
    database: Database, store: JobStore, owner: str | None
) -> None:
    for phase in Phase:
        job = await added(store, owner=owner)
        await drive(database, job.id, phase=phase)
        await drive(database, (await added(store, owner="bob")).id, phase=phase)
    assert await store.control.active(owner) == 3
    full = await added(store, owner=owner)
    before = await everything(database)
    assert await store.control.queue(full, entry(), 3) is None
    assert await everything(database) == before
    assert await store.control.queue(full, entry(), 4) is not None
    assert await store.control.active(owner) == 4


async def test_two_at_once_do_not_both_get_the_last_place(store: JobStore) -> None:
    jobs = [await added(store) for _ in range(8)]
    others = [await added(store, owner="bob") for _ in range(8)]
    found = await asyncio.gather(
        *(store.control.queue(job, entry(), 3) for job in jobs),
        *(store.control.queue(job, entry(), 5) for job in others),
    )
    assert sum(ref is not None for ref in found[:8]) == 3
    assert sum(ref is not None for ref in found[8:]) == 5


# -- deadlines --------------------------------------------------------------------


async def test_a_new_duration_moves_the_deadline_of_a_running_job(
    database: Database, store: JobStore
) -> None:
    async with runs_out_in(database, 60) as claims:
        claims.append(await claimed(store, execution_duration=60))
    (held,) = claims
    assert held.deadline is not None
    for seconds in (120, 1, 0, MAX_SECONDS):
        assert await store.control.set_execution_duration(held.id, seconds)
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
        assert await store.control.set_execution_duration(held.id, 3000)
        renewed = await store.claims.renew(held, LONG)
        assert renewed is not None
        renewals.append(renewed[0])


async def test_a_renewal_tells_the_clock_of_the_database(
    database: Database, store: JobStore
) -> None:
    held = await claimed(store)
    before = await time_of(database)
    renewed = await store.claims.renew(held, LONG)
    assert renewed is not None
    assert before <= renewed[1] <= await time_of(database)


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
async def test_a_deadline_moves_with_a_clock_that_was_set(store: JobStore, seconds: float) -> None:
    held = await claimed(store, execution_duration=60)
    assert held.deadline is not None
    moved = await store.claims.shift(held, seconds)
    assert moved is not None
    assert moved.deadline == held.deadline + timedelta(seconds=seconds)
    # What the user sets afterwards counts from the start of the run as it is now.
    await store.control.set_execution_duration(held.id, 90)
    renewed = await store.claims.renew(held, LONG)
    assert renewed is not None
    assert renewed[0].deadline == moved.deadline + timedelta(seconds=30)


async def test_a_job_without_a_deadline_has_none_after_the_clock_was_set(store: JobStore) -> None:
    held = await claimed(store, execution_duration=0)
    moved = await store.claims.shift(held, 5)
    assert moved is not None
    assert moved.deadline is None


async def test_leases_that_reach_too_far_are_shortened(database: Database, store: JobStore) -> None:
    # As after a clock that was set back: the worker that died would hold its job for days.
    dead = await claimed(store, 10**6)
    alive = await claimed(store, 50.0)
    assert await store.claims.shorten(60.0) == 1
    assert await store.claims.renew(dead, LONG) is not None
    await drive(database, dead.id, lease_until=0)
    assert await store.sweeps.abandoned() == [overdue(dead)]
    assert await store.claims.renew(alive, LONG) is not None


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.HELD, Phase.QUEUED, Phase.SUSPENDED])
async def test_a_job_that_does_not_run_has_no_deadline(
    database: Database, store: JobStore, phase: Phase
) -> None:
    held = await claimed(store, execution_duration=60)
    await store.publishing.hand_back(held, entry())
    await drive(database, held.id, phase=phase)
    assert await store.control.set_execution_duration(held.id, 30)
    await drive(database, held.id, phase=Phase.EXECUTING)
    assert await store.sweeps.overdue(FAR) == []


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


# -- quotes -----------------------------------------------------------------------


async def test_what_a_quote_needs_to_know(store: JobStore) -> None:
    known = await claimed(store, size=4)
    await store.publishing.complete(known, [], entry(), 8.0)
    running = await claimed(store, size=5)
    late = await queued(store, at=later(9), size=6, quote=later(50))
    early = await queued(store, at=later(1), size=7, owner="bob")
    await queued(store, target="other")
    state = await store.quotes.queue_of(TARGET)
    assert state.known == {4: 8.0}
    assert [size for size, _ in state.running] == [running.job.size]
    assert state.waiting == [(early.id, 7, None), (late.id, 6, later(50))]
    assert sorted(await store.quotes.targets_with_work()) == ["other", TARGET]


async def test_only_waiting_jobs_get_quotes(database: Database, store: JobStore) -> None:
    jobs = {}
    for phase in Phase:
        jobs[phase] = await added(store)
        await drive(database, jobs[phase].id, phase=phase)
    await store.quotes.set_quotes({job.id: later(7) for job in jobs.values()})
    quoted = {p for p, job in jobs.items() if (await got(store, job.id)).quote == later(7)}
    assert quoted == {Phase.QUEUED, Phase.SUSPENDED}


# -- the whole of a job ----------------------------------------------------------------------


async def test_the_whole_of_a_job(store: JobStore) -> None:
    held = await claimed(store)
    await store.publishing.store_circuit(held, 0, a_result("counts-0"), entry("done"), NOW)
    found = await store.reading.whole(held.id)
    assert found is not None
    assert found[0] == await got(store, held.id)
    assert found[0].results == [a_result("counts-0")]
    assert [item.status for item in found[1]] == ["received", "claimed", "done"]
    assert found[2] is None


async def test_the_timeline_is_in_the_order_of_writing(store: JobStore) -> None:
    # Not of time: clocks of several hosts disagree.
    job = new_job(phase=Phase.QUEUED, queued_time=NOW)
    await store.creation.add(job, [entry("received", later(5)), entry("queued", later(5))])
    other = await added(store)
    held = await claim(store, now=later(1))
    await store.publishing.note(held, entry("first", later(9)))
    await store.publishing.note(held, entry("second", later(2)))
    await store.control.abort(held.id, entry("aborted", NOW))
    timeline = await timeline_of(store, job.id)
    assert [item.status for item in timeline] == [
        "received",
        "queued",
        "claimed",
        "first",
        "second",
        "aborted",
    ]
    assert len(await timeline_of(store, other.id)) == 1


async def test_queue_positions(database: Database, store: JobStore) -> None:
    # Of one owner each, so that it is nobody's second turn.
    jobs = [await queued(store, at=later(k), owner=f"{k}{i}") for i, k in enumerate((5, 1, 3, 3))]
    urgent = await queued(store, at=later(9))
    await drive(database, urgent.id, priority=-1)
    lazy = await queued(store, at=NOW, owner="lazy")
    await drive(database, lazy.id, priority=1)
    await queued(store, at=NOW, target="other")
    await added(store)
    suspended = await queued(store, at=later(2), owner="dora")
    await drive(database, suspended.id, phase=Phase.SUSPENDED)
    order = [urgent, jobs[1], suspended, *sorted(jobs[2:], key=lambda j: j.id), jobs[0], lazy]
    for position, job in enumerate(order):
        assert await position_of(store, job.id) == (None if job is suspended else position)


@pytest.mark.parametrize("phase", sorted(set(Phase) - {Phase.QUEUED}))
async def test_only_a_queued_job_has_a_position(
    database: Database, store: JobStore, phase: Phase
) -> None:
    job = await queued(store)
    await drive(database, job.id, phase=phase)
    assert await position_of(store, job.id) is None


# -- the list -----------------------------------------------------------------------


async def test_newest_first_and_ties_by_id(store: JobStore) -> None:
    jobs = [await added(store, creation_time=later(second)) for second in (1, 3, 2, 2, 2)]
    order = sorted(jobs, key=lambda job: (job.creation_time, job.id), reverse=True)
    assert await listed(store, owner="anna") == [
        JobRef(job.id, Phase.PENDING, None, "anna", job.creation_time) for job in order
    ]


async def test_everybody_sees_their_own(store: JobStore) -> None:
    jobs = {owner: await added(store, owner=owner) for owner in ("anna", "Anna", " ", None)}
    for owner, job in jobs.items():
        assert await ids(store, owner=owner) == [job.id]
    assert await ids(store, owner="nobody") == []
    everyone = {job.id for job in jobs.values()}
    assert set(await ids(store, everybody=True)) == everyone
    assert set(await ids(store, owner="anna", everybody=True)) == everyone


async def test_phases(database: Database, store: JobStore) -> None:
    jobs = {}
    for phase in Phase:
        jobs[phase] = (await added(store)).id
        await drive(database, jobs[phase], phase=phase)
    for phase in Phase:
        assert await ids(store, owner="anna", phases=frozenset({phase})) == [jobs[phase]]
    some = frozenset({Phase.ERROR, Phase.ARCHIVED, Phase.HELD})
    assert set(await ids(store, owner="anna", phases=some)) == {jobs[p] for p in some}
    assert set(await ids(store, owner="anna", phases=frozenset(Phase))) == set(jobs.values())
    seen = set(await ids(store, owner="anna"))
    assert set(jobs.values()) - seen == {jobs[Phase.ARCHIVED]}


async def test_after_is_strict_at_the_millisecond(store: JobStore) -> None:
    jobs = [await added(store, creation_time=later(k / 1000)) for k in range(4)]
    assert await ids(store, owner="anna", after=later(0.001)) == [jobs[3].id, jobs[2].id]
    assert await ids(store, owner="anna", after=later(0.003)) == []
    # What was cut when it was stored is not newer than itself.
    assert len(await ids(store, owner="anna", after=later(-0.001))) == 4


@pytest.mark.parametrize(("last", "count"), [(1, 1), (3, 3), (5, 5), (6, 5), (10**15, 5)])
async def test_last(store: JobStore, last: int, count: int) -> None:
    jobs = [(await added(store, creation_time=later(k))).id for k in range(5)]
    assert await ids(store, owner="anna", last=last) == jobs[::-1][:count]


async def test_all_filters_at_once(database: Database, store: JobStore) -> None:
    jobs = [(await added(store, creation_time=later(k))).id for k in range(10)]
    for job_id in jobs[::2]:
        await drive(database, job_id, phase=Phase.ERROR)
    await drive(database, jobs[9], owner="bob", phase=Phase.ERROR)
    found = await ids(store, owner="anna", phases=frozenset({Phase.ERROR}), after=later(2), last=2)
    assert found == [jobs[8], jobs[6]]


async def many(database: Database, count: int) -> list[str]:
    """Add many jobs by copying one; a hundred of each millisecond. Newest first."""
    store = JobStore(database)
    job = await added(store)
    async with database.write() as connection:
        row = (await connection.execute(select(t.jobs).where(t.jobs.c.id == job.id))).mappings()
        pattern = dict(row.one())
        rows = [
            pattern | {"id": new_job_id(), "creation_time": later(k // 100 / 1000)}
            for k in range(count)
        ]
        await connection.execute(insert(t.jobs), rows)
    await store.control.delete(job.id, NOW)
    rows.sort(key=lambda row: (row["creation_time"], row["id"]), reverse=True)
    return [row["id"] for row in rows]


async def test_a_list_of_several_chunks_is_complete_and_in_order(
    database: Database, store: JobStore
) -> None:
    jobs = await many(database, 2550)
    assert await ids(store, owner="anna") == jobs
    assert await ids(store, everybody=True) == jobs
    for last in (999, 1000, 1001, 2000, 2549, 2550, 9999):
        assert await ids(store, owner="anna", last=last) == jobs[:last]
    # A thousand exactly, and the chunk after them is empty.
    assert await ids(store, owner="anna", after=later(0.0145)) == jobs[:1050]


async def test_a_list_is_read_on_while_jobs_come_and_go(
    database: Database, store: JobStore
) -> None:
    jobs = await many(database, 2100)
    found = []
    async for ref in store.listing.refs(ListFilter(owner="anna")):
        found.append(ref.id)
        if len(found) == 500:
            for gone in (jobs[0], jobs[999], jobs[1000], jobs[1500]):
                await store.control.delete(gone, NOW)
            await added(store, creation_time=later(50))
    gone_before_they_were_read = {jobs[1000], jobs[1500]}
    assert found == [job_id for job_id in jobs if job_id not in gone_before_they_were_read]


# -- tables and news --------------------------------------------------------------


async def test_a_page_of_a_table_goes_on_where_the_last_one_ended(store: JobStore) -> None:
    spec = {"tags": ["a", "é"], "circuits": []}
    jobs = [
        new_job(owner="anna", creation_time=later(number // 2), spec=spec) for number in range(5)
    ]
    for job in [*jobs, new_job(owner="bert", creation_time=later(9))]:
        await store.creation.add(job, [TimelineEntry(NOW, "received", "quws")])
    wanted = ListFilter(owner="anna")
    seen = []
    older = None
    while page := await store.listing.rows(wanted, 2, older):
        assert len(page) <= 2
        seen += page
        older = page[-1].ref.id
    assert [row.ref.id for row in seen] == await ids(store, owner="anna")
    assert {row.ref.id for row in seen} == {job.id for job in jobs}
    assert all(row.tags == ["a", "é"] and row.target == jobs[0].target for row in seen)
    assert await store.listing.rows(wanted, 2, new_job().id) == []
    assert len(await store.listing.rows(ListFilter(owner="anna", last=1), 5)) == 1
    assert len(await store.listing.rows(ListFilter(everybody=True), 50)) == 6


async def test_news_are_the_jobs_with_newer_entries(store: JobStore) -> None:
    assert await store.news.newest() == 0
    first = await queued(store, owner="anna")
    seen = await store.news.newest()
    second, other = await queued(store, owner="anna"), await queued(store, owner="bert")
    found = await store.news.since("anna", everybody=False, after=seen)
    assert [ref.id for _, ref in found] == [second.id]
    assert found[0][0] > seen
    everybody = await store.news.since(None, everybody=True, after=seen)
    assert [ref.id for _, ref in everybody] == [second.id, other.id]
    assert await store.news.since("anna", everybody=False, after=everybody[-1][0]) == []
    await store.control.abort(first.id, TimelineEntry(NOW, "aborted", "anna"))
    ((entry, ref),) = await store.news.since("anna", everybody=False, after=everybody[-1][0])
    assert (ref.id, ref.phase) == (first.id, Phase.ABORTED)
    assert entry == await store.news.newest()


async def test_the_id_of_an_entry_never_comes_back(store: JobStore) -> None:
    job = await queued(store)
    seen = await store.news.newest()
    await store.control.delete(job.id, NOW)
    await queued(store)
    assert await store.news.newest() > seen


async def test_what_runs_is_listed_with_its_worker(store: JobStore) -> None:
    await queued(store)
    held = await claimed(store, owner="anna")
    (found,) = await store.listing.running()
    assert (found.ref.id, found.worker, found.attempt) == (held.id, "worker-1", 1)
    assert found.since.tzinfo is not None


async def test_a_frozen_writer_does_not_keep_its_rows_for_ever(
    dialect: str, database: Database, store: JobStore
) -> None:
    """On PostgreSQL; with SQLite there is one host, and one writer at a time."""
    if dialect == "postgresql":
        async with database.read() as connection:
            for name in ("idle_in_transaction_session_timeout", "lock_timeout"):
                found = await connection.scalar(text(f"SHOW {name}"))
                assert found not in (None, "0")
