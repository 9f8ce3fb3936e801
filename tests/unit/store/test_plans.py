"""The databases use the indexes that were made for a query, on a table of some size.

The statements are those that the store really sends: they are caught on their
way to the driver and explained as they are.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from harness import Postgres
from plans import Caught, assert_reads_in_order, assert_uses, connected
from sqlalchemy import insert, select, text
from store_helpers import run

from quws.domain.job import TimelineEntry, new_job_id
from quws.domain.labels import ListFilter, Order, Place
from quws.domain.phases import Phase
from quws.domain.sessions import Session, SessionMode
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.store import JobStore
from quws.store.queues import QueueStore
from quws.store.schema import upgrade

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
ROWS = 20_000
TARGET = "simulator"
BUSY, OTHER = "busy", "user13"
"""One owner has as many jobs as fifty others, and as many are nobody's."""
KINDS = ("sqlite", "sqlite without statistics", "postgresql")
"""Nobody runs ANALYZE on the SQLite of the embedded form."""


def rows() -> list[dict[str, Any]]:
    """Make what a service holds that has run for a week: most jobs are over."""
    made = []
    for k in range(ROWS):
        phase = Phase.COMPLETED
        if k % 1000 == 0:
            phase = Phase.EXECUTING
        elif k % 100 == 1:
            phase = Phase.QUEUED
        elif k % 1000 == 2:
            phase = Phase.SUSPENDED
        elif k % 20 == 3:
            phase = Phase.ERROR
        elif k % 10 == 4:
            phase = Phase.ARCHIVED
        elif k % 50 == 5:
            phase = Phase.PENDING
        running = phase is Phase.EXECUTING
        created = NOW - timedelta(seconds=30 * k)
        made.append(
            {
                "id": new_job_id(),
                "owner": ("", BUSY, f"user{k % 50}")[k % 3],
                "run_id": f"run {k % 7}" if k % 11 == 0 else None,
                "end_time": None if k % 50 == 5 else created,
                "phase": phase,
                "target": TARGET if k % 4 else "other",
                "creation_time": created,
                "queued_time": None if phase is Phase.PENDING else created,
                "destruction_time": created + timedelta(days=6.9),
                "execution_duration": 600,
                "claimed_time": NOW if running else None,
                "deadline": NOW + timedelta(seconds=k) if running else None,
                "lease": "lease" if running else None,
                "lease_until": NOW_MS + k if running else None,
                "attempt": int(running),
                "circuits": 1,
                "parameters": [{"name": "CIRCUIT", "value": "OPENQASM 2.0;" * 20}],
                "spec": {"shots": 1000},
            }
        )
    return made


@pytest.fixture(scope="module", params=KINDS)
def full_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        url = filled(server.database())
    else:
        path: Path = tmp_path_factory.mktemp("plans") / "quws.db"
        shutil.copy(request.getfixturevalue("full_file"), path)
        url = f"sqlite:///{path}"
    if request.param != "sqlite without statistics":
        with connected(url) as connection:
            connection.execute(text("ANALYZE"))
    return url


@pytest.fixture(scope="module")
def full_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "quws.db"
    filled(f"sqlite:///{path}")
    return path


def filled(url: str) -> str:
    """Give a new database the schema and the rows, and its URL back."""
    upgrade(url)
    with connected(url) as connection:
        made = rows()
        for start in range(0, ROWS, 2000):
            connection.execute(insert(t.jobs), made[start : start + 2000])
        tags = [
            {
                "job_id": job["id"],
                "tag": tag,
                "owner": job["owner"],
                "creation_time": job["creation_time"],
            }
            for k, job in enumerate(made)
            for tag in (f"tag{k % 5}", "seldom" if k % 200 < 3 else f"number {k}")
        ]
        connection.execute(insert(t.job_tags), tags)
    return url


@pytest.fixture
async def full(full_url: str) -> AsyncIterator[JobStore]:
    opened = Database(full_url)
    yield JobStore(opened)
    await opened.close()


async def plan_of_list(
    full: JobStore, url: str, wanted: ListFilter, *, rows: int = 10, skip: int = 0
) -> str:
    """Explain the first statement of a list, or a later one."""
    count = 0
    with Caught() as caught:
        async for chunk in full.listing.refs(wanted):
            count += len(chunk)
            if count >= rows:
                break
    assert count >= rows
    # What took long on a busy machine was sent twice.
    sent = [item for item, before in pairwise([*caught.sent, None]) if item != before]
    caught.sent = [item for item in sent if item is not None][skip:]
    return caught.plan(url)


MANY = pytest.mark.parametrize("owner", [BUSY, None], ids=["busy", "anonymous"])
NEWEST = "ix_jobs_owner_creation"
NEWEST_IN_PHASE = "ix_jobs_owner_phase_creation"
OF_TARGET = "ix_jobs_owner_target_creation"


async def test_a_whole_job(full: JobStore, full_url: str) -> None:
    ended = await anext(
        full.listing.refs(ListFilter(owner=OTHER, phases=frozenset({Phase.COMPLETED}), last=1))
    )
    with Caught() as caught:
        found = await full.reading.whole(ended[0].id)
    assert found is not None
    # On PostgreSQL nothing else is sent.
    assert_uses(caught.plan(full_url), "pk_jobs", "sqlite_autoindex_jobs_1")


@MANY
async def test_the_newest_of_my_jobs(full: JobStore, full_url: str, owner: str | None) -> None:
    plan = await plan_of_list(full, full_url, ListFilter(owner=owner, last=10))
    assert_reads_in_order(plan, NEWEST)


@MANY
async def test_all_my_jobs(full: JobStore, full_url: str, owner: str | None) -> None:
    plan = await plan_of_list(full, full_url, ListFilter(owner=owner))
    assert_reads_in_order(plan, NEWEST)


@MANY
async def test_the_next_chunk_of_my_jobs(full: JobStore, full_url: str, owner: str | None) -> None:
    plan = await plan_of_list(full, full_url, ListFilter(owner=owner), rows=1500, skip=1)
    assert_reads_in_order(plan, NEWEST)


@MANY
async def test_my_jobs_after_an_instant(full: JobStore, full_url: str, owner: str | None) -> None:
    wanted = ListFilter(owner=owner, after=NOW - timedelta(days=2), last=10)
    assert_reads_in_order(await plan_of_list(full, full_url, wanted), NEWEST)


@MANY
@pytest.mark.parametrize("order", [Order.NEWEST, Order.OLDEST])
async def test_my_jobs_of_a_tag(
    full: JobStore, full_url: str, owner: str | None, order: Order
) -> None:
    for tag in ("tag1", "seldom"):
        wanted = ListFilter(owner=owner, tags=frozenset({tag}), order=order, last=10)
        plan = await plan_of_list(full, full_url, wanted)
        assert_reads_in_order(plan, "ix_job_tags_owner_tag")


@MANY
async def test_my_jobs_of_a_run_id(full: JobStore, full_url: str, owner: str | None) -> None:
    wanted = ListFilter(owner=owner, run_id="run 3", last=10)
    assert_reads_in_order(await plan_of_list(full, full_url, wanted), "ix_jobs_owner_run_id")


@MANY
async def test_my_jobs_of_a_target(full: JobStore, full_url: str, owner: str | None) -> None:
    wanted = ListFilter(owner=owner, target="other", last=10)
    plan = await plan_of_list(full, full_url, wanted)
    # Where a target has every fourth job, either will do.
    assert_reads_in_order(plan, f"({OF_TARGET}|{NEWEST})")


@MANY
@pytest.mark.parametrize("order", list(Order))
async def test_my_jobs_in_every_order(
    full: JobStore, full_url: str, owner: str | None, order: Order
) -> None:
    index = {"run_id": "ix_jobs_owner_run_id", "end_time": "ix_jobs_owner_end"}.get(
        order.removeprefix("-"), NEWEST
    )
    wanted = ListFilter(owner=owner, order=order, last=10)
    assert_reads_in_order(await plan_of_list(full, full_url, wanted), index)
    first = await full.listing.rows(wanted, 10)
    with Caught() as caught:
        assert len(await full.listing.rows(wanted, 10, Place.of(first[-1]))) == 10
    plan = caught.plan(full_url, lambda statement: "LIMIT" in statement)
    assert_reads_in_order(plan, index)


@pytest.mark.parametrize(
    ("more", "index"),
    [
        ({}, "ix_jobs_creation"),
        ({"order": Order.OLDEST}, "ix_jobs_creation"),
        ({"before": NOW - timedelta(days=3)}, "ix_jobs_creation"),
        ({"target": "other"}, "ix_jobs_(target_)?creation"),
        ({"run_id": "run 3"}, "ix_jobs_run_id"),
        ({"tags": frozenset({"seldom"})}, "ix_job_tags_tag"),
    ],
    ids=str,
)
async def test_an_operators_list_of_everybody(
    full: JobStore, full_url: str, more: dict[str, Any], index: str
) -> None:
    wanted = ListFilter(everybody=True, last=10, **more)
    plan = await plan_of_list(full, full_url, wanted)
    # From end to end, as far as it is asked for.
    assert_reads_in_order(plan.replace("SCAN jobs USING INDEX", "USING INDEX"), index)


@MANY
@pytest.mark.parametrize("order", [Order.NEWEST, Order.OLDEST])
async def test_my_jobs_in_one_of_several_phases(
    full: JobStore, full_url: str, owner: str | None, order: Order
) -> None:
    phases = frozenset({Phase.EXECUTING, Phase.ERROR, Phase.ABORTED})
    wanted = ListFilter(owner=owner, phases=phases, order=order, last=10)
    # Of each phase so many are read by the index, and put in order together.
    assert_uses(await plan_of_list(full, full_url, wanted), NEWEST_IN_PHASE)
    whole = [ref async for refs in full.listing.refs(replace(wanted, last=None)) for ref in refs]
    times = [(ref.creation_time, ref.id) for ref in whole]
    assert times == sorted(times, reverse=order is Order.NEWEST)
    every = ListFilter(owner=owner, order=order)
    others = [ref async for refs in full.listing.refs(every) for ref in refs]
    assert whole == [ref for ref in others if ref.phase in phases]
    seen: list[str] = []
    page = await full.listing.rows(wanted, 300)
    while page:
        seen += [row.ref.id for row in page]
        page = await full.listing.rows(replace(wanted, last=None), 300, Place.of(page[-1]))
    assert seen[:10] == [ref.id for ref in whole[:10]]
    assert seen[10:] == [ref.id for ref in whole[10:]]


async def test_a_text_is_looked_for_in_my_jobs_alone(full: JobStore, full_url: str) -> None:
    wanted = ListFilter(owner=OTHER, text="nowhere")
    plan = await plan_of_list(full, full_url, wanted, rows=0)
    assert_uses(plan, NEWEST, NEWEST_IN_PHASE, OF_TARGET)
    assert "Seq Scan" not in plan, plan
    if full_url.startswith("sqlite"):
        # All tags of the owner, for each job, would be the square of what there is.
        assert_uses(plan, "sqlite_autoindex_job_tags_1")


async def test_few_jobs_among_many(full: JobStore, full_url: str) -> None:
    # Which of the two indexes, and whether to sort so few, is for the database to know.
    for wanted in (
        ListFilter(owner=OTHER),
        ListFilter(owner=OTHER, last=10),
        ListFilter(owner=OTHER, after=NOW - timedelta(hours=5)),
    ):
        assert_uses(
            await plan_of_list(full, full_url, wanted, rows=3), NEWEST, NEWEST_IN_PHASE, OF_TARGET
        )


@MANY
@pytest.mark.parametrize("phase", [Phase.ERROR, Phase.ARCHIVED])
async def test_the_newest_of_my_jobs_in_a_phase(
    full: JobStore, full_url: str, owner: str | None, phase: Phase
) -> None:
    wanted = ListFilter(owner=owner, phases=frozenset({phase}), last=10)
    assert_reads_in_order(await plan_of_list(full, full_url, wanted), NEWEST_IN_PHASE)


async def test_few_jobs_in_a_phase(full: JobStore, full_url: str) -> None:
    wanted = ListFilter(owner=OTHER, phases=frozenset({Phase.ERROR}))
    assert_uses(await plan_of_list(full, full_url, wanted, rows=3), NEWEST_IN_PHASE)


async def test_what_an_owner_has(full: JobStore, full_url: str) -> None:
    with Caught() as caught:
        assert (await full.usage.of(OTHER)).jobs > 0
    assert_uses(caught.plan(full_url), NEWEST, NEWEST_IN_PHASE, OF_TARGET)


async def test_the_next_job_of_a_target(full: JobStore, full_url: str) -> None:
    with Caught() as caught:
        assert await full.claims.claim(TARGET, "worker", 60, NOW) is not None
    plan = caught.plan(full_url, lambda statement: statement.startswith("UPDATE jobs"))
    assert_reads_in_order(plan, "ix_jobs_queue")


async def test_the_next_short_job_of_a_target(full: JobStore, full_url: str) -> None:
    with Caught() as caught:
        await full.claims.take(TARGET, "worker", 60, NOW, most=1, short=True)
    plan = caught.plan(full_url, lambda statement: statement.startswith("UPDATE jobs"))
    assert_reads_in_order(plan, "ix_jobs_short")


async def test_due_destruction(full: JobStore, full_url: str) -> None:
    with Caught() as caught:
        assert await full.sweeps.expired(NOW + timedelta(minutes=1))
    assert_reads_in_order(caught.plan(full_url), "ix_jobs_destruction")


async def test_nothing_due(full: JobStore, full_url: str) -> None:
    with Caught() as caught:
        assert not await full.sweeps.expired(NOW - timedelta(days=30))
    assert_reads_in_order(caught.plan(full_url), "ix_jobs_destruction")


async def test_overdue(full: JobStore, full_url: str) -> None:
    with Caught() as caught:
        assert await full.sweeps.overdue(NOW + timedelta(hours=1))
    assert_reads_in_order(caught.plan(full_url), "ix_jobs_deadline")


async def test_abandoned(full: JobStore, full_url: str) -> None:
    with Caught() as caught:
        await full.sweeps.abandoned()
    assert_reads_in_order(caught.plan(full_url), "ix_jobs_lease")


async def test_whether_anything_is_due(full: JobStore, full_url: str) -> None:
    # This is how it is twice a second.
    with Caught() as caught:
        await full.sweeps.duties()
    plan = caught.plan(full_url)
    for index in ("ix_jobs_deadline", "ix_jobs_lease", "ix_jobs_destruction"):
        assert_uses(plan, index)
    assert_uses(plan, "ix_jobs_queue", "ix_jobs_turn", "ix_jobs_owner_turn")


async def test_how_many_go_before_a_job(full: JobStore, full_url: str) -> None:
    wanted = ListFilter(everybody=True, phases=frozenset({Phase.QUEUED}), last=1)
    ((ref,),) = [chunk async for chunk in full.listing.refs(wanted)]
    with Caught() as caught:
        found = await full.reading.whole(ref.id)
    assert found is not None
    assert found[2] is not None
    plan = caught.plan(full_url, lambda statement: "count(*)" in statement)
    assert_uses(plan, "ix_jobs_queue")


async def test_how_many_of_mine_are_active(full: JobStore, full_url: str) -> None:
    wanted = ListFilter(BUSY, phases=frozenset({Phase.PENDING, Phase.HELD}), last=1)
    ((ref,),) = [chunk async for chunk in full.listing.refs(wanted)]
    with Caught() as caught:
        found = await run(full, ref.id, most=1, owner=BUSY)
    assert found is not None
    assert found.phase is Phase.HELD
    # Few jobs are active at all: an index that has only those will do.
    plan = caught.plan(full_url, lambda statement: "count(*)" in statement)
    assert_uses(plan, NEWEST_IN_PHASE, "ix_jobs_[a-z]+")


async def test_abort_goes_by_the_key(full: JobStore, full_url: str) -> None:
    with Caught() as caught:
        await full.control.abort(new_job_id(), TimelineEntry(NOW, "aborted", "test"))
    plan = caught.plan(full_url)
    assert "sqlite_autoindex_jobs_1" in plan or "pk_jobs" in plan, plan


@MANY
async def test_a_page_of_a_table_is_read_off_the_index(
    full: JobStore, full_url: str, owner: str | None
) -> None:
    first = await full.listing.rows(ListFilter(owner=owner), 10)
    for older in (None, Place.of(first[-1])):
        with Caught() as caught:
            assert len(await full.listing.rows(ListFilter(owner=owner), 10, older)) == 10
        plan = caught.plan(full_url, lambda statement: "LIMIT" in statement)
        assert_reads_in_order(plan, NEWEST)


async def test_the_lengths_of_queues(full: JobStore, full_url: str) -> None:
    opened = Database(full_url)
    try:
        with Caught() as caught:
            found = {item.target: item for item in await QueueStore(opened).lengths()}
    finally:
        await opened.close()
    c = t.jobs.c
    with connected(full_url) as connection:
        # As it is by now: other tests of this file have claimed some.
        there = connection.execute(select(c.target, c.phase, c.queued_time)).all()
    for name in (TARGET, "other"):
        mine = [row for row in there if row.target == name]
        times = [row.queued_time for row in mine if row.phase in (Phase.QUEUED, Phase.SUSPENDED)]
        assert (found[name].waiting, found[name].oldest) == (len(times), min(times, default=None))
        assert found[name].executing == sum(row.phase == Phase.EXECUTING for row in mine)
    assert len(caught.sent) == 2
    for sent in caught.sent:
        # Of few jobs, those that are not over: an index that has only those is read.
        plan = caught.plan(full_url, lambda statement, sent=sent: statement == sent[0])
        assert re.search(r"\bix_jobs_(queue|turn|owner_turn|deadline|lease)\b", plan), plan
        assert "Seq Scan" not in plan, plan


async def test_the_next_job_of_a_session(full: JobStore, full_url: str) -> None:
    # The last one here: its rows are more than the others count with.
    session = Session(new_job_id(), "third", BUSY, SessionMode.DEDICATED, NOW, 60, 60, NOW)
    assert await full.sessions.open(session, 9999) is None
    made = [
        {**job, "id": new_job_id(), "target": "third", "phase": Phase.QUEUED, "session": session.id}
        for job in rows()[:2000]
    ]
    with connected(full_url) as connection:
        connection.execute(insert(t.jobs), made)
    assert await full.claims.claim("third", "worker", 60, NOW) is not None
    with Caught() as caught:
        claim = await full.claims.claim("third", "worker", 60, NOW)
    assert claim is not None
    assert claim.job.session == session.id
    plan = caught.plan(full_url, lambda statement: statement.startswith("UPDATE jobs"))
    assert_reads_in_order(plan, "ix_jobs_session_queue")
    wanted = ListFilter(everybody=True, session=session.id, last=9)
    plan = await plan_of_list(full, full_url, wanted, rows=9)
    assert_reads_in_order(plan, "ix_jobs_session_creation")
