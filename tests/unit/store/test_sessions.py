"""Which jobs a session brings forward, whom it holds off, and for how long."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from store_helpers import (
    LONG,
    NOW,
    TARGET,
    apply,
    claim,
    drive,
    entry,
    got,
    position_of,
    queued,
    requeued,
    timeline_of,
)

from quws.domain.errors import SessionClosed
from quws.domain.job import Claim, new_job_id
from quws.domain.phases import Phase
from quws.domain.policy import Policy
from quws.domain.quotas import Entitlements
from quws.domain.sessions import Session, SessionMode, SessionState
from quws.domain.targets import TargetDescription, TargetKind
from quws.domain.timeslots import Timeslot
from quws.store import sessions as module
from quws.store.clock import time_of
from quws.store.database import Database
from quws.store.jobs.store import JobStore
from quws.store.owner_tables import job_sessions, target_use
from quws.store.targets import TargetStore

pytestmark = pytest.mark.anyio
DEDICATED, BATCH = SessionMode.DEDICATED, SessionMode.BATCH


async def opened(
    store: JobStore,
    mode: SessionMode = DEDICATED,
    owner: str = "anna",
    whole: int = 3600,
    idle: int = 60,
    most: int = 9,
) -> str:
    session = Session(new_job_id(), TARGET, owner, mode, NOW, whole, idle, NOW)
    assert await store.sessions.open(session, most) is None
    return session.id


async def of(store: JobStore, session_id: str) -> Session:
    found = await store.sessions.get(session_id)
    assert found is not None
    return found


async def state(store: JobStore, session_id: str) -> SessionState:
    return (await of(store, session_id)).state


async def take(store: JobStore, most: int = 9, **wanted: Any) -> list[Claim]:
    return (await store.claims.take(TARGET, "w", LONG, NOW, most=most, **wanted)).claims


async def done(store: JobStore, held: Claim) -> None:
    assert await store.publishing.complete(held, [], entry("completed"), 1.0) is not None


async def later(database: Database, session_id: str, seconds: float) -> None:
    """Make all that has happened to a session so much longer ago."""
    s = job_sessions.c
    async with database.write() as connection:
        row = (await connection.execute(select(job_sessions).where(s.id == session_id))).one()
        times = ("created", "began", "ends", "active_since", "idle_at", "idle_from", "closed")
        moved = {
            name: getattr(row, name) - timedelta(seconds=seconds)
            for name in times
            if getattr(row, name) is not None
        }
        await connection.execute(update(job_sessions).where(s.id == session_id).values(**moved))


async def test_its_jobs_are_taken_back_to_back_once_its_first_had_its_turn(
    database: Database, store: JobStore
) -> None:
    session = await opened(store)
    first = await queued(store, owner="bert")
    mine = [await queued(store, session=session) for _ in range(3)]
    last = await queued(store, owner="bert")
    assert await state(store, session) is SessionState.OPEN
    assert [await position_of(store, job.id) for job in (first, *mine, last)] == [0, 1, 2, 4, 3]
    (held,) = await take(store, 1)
    assert held.id == first.id, "to open one brings nobody forward"
    assert await state(store, session) is SessionState.OPEN

    (held,) = await take(store, 1)
    assert held.id == mine[0].id
    found = await of(store, session)
    assert (found.state, found.running, found.waiting) == (SessionState.ACTIVE, 1, 2)
    assert found.began is not None
    assert found.ends == found.began + timedelta(seconds=3600)
    # Now they go before the other's, which was before them.
    assert [await position_of(store, job.id) for job in (*mine[1:], last)] == [0, 1, 2]
    assert [item.id for item in await take(store)] == [job.id for job in mine[1:]]
    assert await take(store) == [], "the target is dedicated to it"
    on = await store.sessions.first(TARGET)
    assert on is not None
    assert on.id == session

    await done(store, held)
    await later(database, session, 3000)
    assert await take(store) == [], "while its jobs run it is not idle"
    assert not await store.sessions.rest(await of(store, session))


async def test_one_that_is_idle_holds_others_off_for_its_limit_and_is_charged(
    database: Database, store: JobStore
) -> None:
    chip = TargetDescription(name=TARGET, kind=TargetKind.HARDWARE, title="It", qubits=3)
    await TargetStore(database).register([chip], NOW, replace=True)
    session = await opened(store, idle=60)
    await queued(store, session=session)
    (held,) = await take(store)
    other = await queued(store, owner="bert")
    queue = await store.quotes.queue_of(TARGET)
    assert [item.session for item in (*queue.running, *queue.waiting)] == [session, None]
    await done(store, held)
    assert await state(store, session) is SessionState.ACTIVE
    assert await take(store) == []
    await later(database, session, 40)
    assert await take(store) == []
    hold = (await store.quotes.queue_of(TARGET)).hold
    assert hold is not None
    assert (hold.session, hold.idle_seconds) == (session, 60)
    assert 0 < hold.idle_left <= 20
    assert 3500 < hold.left <= 3560
    # A job that comes in time goes first.
    mine = await queued(store, session=session)
    (held,) = await take(store)
    assert held.id == mine.id
    await done(store, held)
    await later(database, session, 61)
    assert await state(store, session) is SessionState.INACTIVE
    assert await store.sessions.first(TARGET) is None
    assert (await store.quotes.queue_of(TARGET)).hold is None
    found = await of(store, session)
    assert await store.sessions.rest(found)
    assert not await store.sessions.rest(found), "once"
    async with database.read() as connection:
        (use,) = (await connection.execute(select(target_use))).all()
    assert (use.target, use.owner) == (TARGET, "anna")
    assert 100_000 <= use.ms <= 130_000, "40 seconds, and then no more than its limit"

    mine = await queued(store, session=session)
    assert [item.id for item in await take(store)] == [other.id, mine.id], "it has its turn again"
    assert await state(store, session) is SessionState.ACTIVE


async def test_after_the_clock_was_set_back_it_holds_others_off_no_longer(
    database: Database, store: JobStore
) -> None:
    session = await opened(store)
    await queued(store, session=session)
    (held,) = await take(store)
    await done(store, held)
    before = await of(store, session)
    await store.claims.shorten(LONG)
    assert replace(await of(store, session), at=before.at) == before
    await later(database, session, -7200)
    await store.claims.shorten(LONG)
    after = await of(store, session)
    assert after.created <= after.at and after.ends is not None and after.idle_at is not None
    assert after.ends - after.at <= timedelta(seconds=3600)
    assert after.idle_at - after.at <= timedelta(seconds=60)


async def test_it_is_charged_for_no_more_than_it_held_others_off(
    database: Database, store: JobStore
) -> None:
    session = await opened(store)

    async def run(ago: float) -> int:
        """Run another job so long after the last one; give what will be charged, in seconds."""
        await later(database, session, ago)
        await queued(store, session=session)
        (held,) = await take(store)
        async with database.read() as connection:
            found = await connection.scalar(
                select(job_sessions.c.idled_ms).where(job_sessions.c.id == session)
            )
        await done(store, held)
        return round((found or 0) / 1000)

    assert [await run(0), await run(20), await run(-500), await run(900)] == [0, 20, 20, 80]


async def test_workers_that_claim_at_once_take_its_jobs_each_once(store: JobStore) -> None:
    session = await opened(store)
    mine = [await queued(store, session=session) for _ in range(6)]
    await queued(store, owner="bert", priority=1)
    await take(store, 1)
    found = await asyncio.gather(*(take(store, 1) for _ in range(8)))
    taken = [claim.id for claims in found for claim in claims]
    taken += [claim.id for claim in await take(store)]
    assert sorted(taken) == [job.id for job in mine[1:]]


async def test_a_batch_holds_nobody_off(store: JobStore) -> None:
    session = await opened(store, BATCH)
    await queued(store, session=session)
    (held,) = await take(store)
    others = [await queued(store, owner="bert") for _ in range(3)]
    (running,) = await take(store, 1)
    assert running.id == others[0].id
    mine = [await queued(store, session=session) for _ in range(2)]
    expected = [*mine, *others[1:]]
    assert [item.id for item in await take(store)] == [job.id for job in expected]
    await done(store, held)


async def test_of_two_batches_the_one_that_began_first_goes_first(store: JobStore) -> None:
    first, second = await opened(store, BATCH), await opened(store, BATCH, "bert")
    for owner, session in (("anna", first), ("bert", second)):
        await queued(store, owner=owner, session=session)
    assert len(await take(store)) == 2
    theirs = await queued(store, owner="bert", session=second)
    mine = await queued(store, session=first)
    assert [item.id for item in await take(store)] == [mine.id, theirs.id]


async def test_its_whole_time_ends_it_and_its_jobs_go_on_as_others(
    database: Database, store: JobStore
) -> None:
    session = await opened(store, whole=100)
    mine = [await queued(store, session=session) for _ in range(2)]
    (held,) = await take(store, 1)
    other = await queued(store, owner="bert", priority=-1)
    assert not await store.sessions.end(await of(store, session), NOW)
    await later(database, session, 101)
    assert await state(store, session) is SessionState.CLOSED
    with pytest.raises(SessionClosed, match=session):
        await queued(store, session=session)
    assert [item.id for item in await take(store, 1)] == [other.id], "also before any sweep"
    assert await store.sessions.end(await of(store, session), NOW)
    assert not await store.sessions.end(await of(store, session), NOW)
    said = (await timeline_of(store, mine[1].id))[-1]
    assert (said.status, said.message) == (
        "session over",
        "the time of its session is over; it goes on as any other job",
    )
    assert "session over" not in [item.status for item in await timeline_of(store, held.id)]
    assert [item.id for item in await take(store)] == [mine[1].id]
    assert (await got(store, mine[1].id)).session == session


async def test_closed_it_goes_on_while_it_has_jobs(store: JobStore) -> None:
    session = await opened(store)
    mine = [await queued(store, session=session) for _ in range(2)]
    (held,) = await take(store, 1)
    other = await queued(store, owner="bert", priority=-1)
    assert await store.sessions.close(session)
    with pytest.raises(SessionClosed):
        await queued(store, session=session)
    assert not await store.sessions.end(await of(store, session), NOW)
    (following,) = await take(store)
    assert following.id == mine[1].id
    await done(store, held)
    assert await state(store, session) is SessionState.ACTIVE
    await done(store, following)
    assert await state(store, session) is SessionState.CLOSED
    assert [item.id for item in await take(store)] == [other.id], "at once"
    assert await store.sessions.end(await of(store, session), NOW)
    assert not await store.sessions.close(session)


async def test_who_waits_and_who_runs_when_it_is_cancelled(store: JobStore) -> None:
    session = await opened(store)
    mine = [await queued(store, session=session) for _ in range(3)]
    (held,) = await take(store, 1)
    assert await store.sessions.close(session, cancel=True)
    waiting = await store.sessions.unbegun(session, 99)
    assert waiting == [job.id for job in mine[1:]]
    ended = await store.control.abort_all([held.id, *waiting], entry("aborted"), waiting_only=True)
    assert [ref.id for ref in ended] == waiting
    assert (await got(store, held.id)).phase is Phase.EXECUTING
    assert (await of(store, session)).cancelled


async def test_it_goes_on_with_the_job_of_a_worker_that_was_lost(store: JobStore) -> None:
    session = await opened(store)
    mine = await queued(store, session=session)
    held = await claim(store, -60)
    await queued(store, owner="bert", priority=-1)
    await requeued(store, held)
    (again,) = await take(store)
    assert (again.id, again.attempt) == (mine.id, 2)


async def test_timeslots_and_quotas_keep_their_say(database: Database, store: JobStore) -> None:
    session = await opened(store)
    await queued(store, session=session)
    (held,) = await take(store)
    mine = await queued(store, session=session)
    other = await queued(store, owner="bert")
    now = await time_of(database)
    minute = timedelta(minutes=1)
    slot = Timeslot(new_job_id(), TARGET, "bert", now - minute, now + minute)
    await store.timeslots.book(slot, NOW, 9)
    assert [item.id for item in await take(store, in_timeslots=False)] == [other.id]
    await store.timeslots.cancel(slot.id)
    other = await queued(store, owner="carl")
    # Hers runs; so may his, if what she has waiting is all that would keep the target.
    one = Entitlements(Policy(max_running=1))
    assert await take(store, entitlements=one) == []
    await done(store, held)
    await later(database, session, 61)
    assert await state(store, session) is SessionState.ACTIVE
    elsewhere = await queued(store, target="elsewhere")
    assert await store.claims.claim("elsewhere", "w", LONG, NOW) is not None
    assert [item.id for item in await take(store, entitlements=one)] == [other.id]
    await drive(database, elsewhere.id, phase=Phase.ABORTED)
    assert [item.id for item in await take(store, entitlements=one)] == [mine.id]


async def test_all_that_go_on_are_listed_some_at_a_time(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sorted([await opened(store) for _ in range(5)])
    monkeypatch.setattr(module, "_MOST", 2)
    seen: list[Session] = []
    while page := await store.sessions.going(seen[-1] if seen else None):
        assert len(page) <= 2
        seen += page
    assert sorted(item.id for item in seen) == made
    assert [item.created for item in seen] == sorted(item.created for item in seen)


async def test_an_owner_has_no_more_than_so_many(database: Database, store: JobStore) -> None:
    first = await opened(store, most=2)
    second = await opened(store, most=2)
    third = Session(new_job_id(), TARGET, "anna", BATCH, NOW, 9, 9, NOW)
    assert await store.sessions.open(third, 2) == 2
    await store.sessions.close(first)
    assert await store.sessions.end(await of(store, first), NOW)
    assert await store.sessions.open(third, 2) is None
    assert [item.id for item in await store.sessions.of_owner("anna")] == [third.id, second, first]
    assert await store.sessions.of_owner("bert") == []
    assert len(await store.sessions.of_owner("bert", everybody=True)) == 3
    # One that nobody uses does not stand for ever.
    await later(database, third.id, 10)
    assert await store.sessions.end(await of(store, third.id), NOW)
    assert await store.sessions.forget(await time_of(database) + timedelta(hours=1)) == 2
    assert [item.id for item in await store.sessions.going()] == [second]


async def test_to_abort_what_waits_is_no_new_time_for_one_that_rests(
    database: Database, store: JobStore
) -> None:
    session = await opened(store)
    await queued(store, session=session)
    (held,) = await take(store)
    await done(store, held)
    await later(database, session, 61)
    assert await store.sessions.rest(await of(store, session))
    waiting = await queued(store, session=session)
    other = await queued(store, owner="bert")
    await apply(store, waiting.id, abort=entry("aborted"))
    assert [item.id for item in await take(store)] == [other.id]
