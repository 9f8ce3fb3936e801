"""What quotes are made of."""

from __future__ import annotations

import pytest
from store_helpers import (
    EXPIRED,
    NOW,
    TARGET,
    added,
    claim,
    claimed,
    drive,
    entry,
    got,
    later,
    queued,
    requeued,
)

from quws.domain.phases import Phase
from quws.domain.quotes import Judgement, Quote, Told
from quws.store.database import Database
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio
QUOTED = {Phase.QUEUED, Phase.SUSPENDED, Phase.EXECUTING}


async def test_what_a_quote_needs_to_know(store: JobStore) -> None:
    known = await claimed(store, work=4)
    await store.publishing.complete(known, [], entry(), 8.0)
    running = await claimed(store, work=5)
    late = await queued(store, at=later(9), work=6, quote=later(50))
    early = await queued(store, at=later(1), work=7, owner="bob")
    await queued(store, target="other")
    state = await store.quotes.queue_of(TARGET)
    assert state.known == {4: 8.0}
    ((job_id, work, since, quote, *_),) = state.running
    assert (job_id, work, quote) == (running.job.id, running.job.work, None)
    assert since is not None
    waiting = [(early.id, 7, None, 1000, None), (late.id, 6, later(50), 1000, None)]
    assert state.waiting == waiting
    assert sorted(await store.quotes.targets_with_work()) == ["other", TARGET]


async def test_a_target_that_only_runs_a_job_has_work(store: JobStore) -> None:
    assert await store.quotes.targets_with_work() == []
    await claimed(store)
    assert await store.quotes.targets_with_work() == [TARGET]


async def test_only_waiting_and_running_jobs_get_quotes(
    database: Database, store: JobStore
) -> None:
    jobs = {}
    for phase in Phase:
        jobs[phase] = await added(store)
        await drive(database, jobs[phase].id, phase=phase)
    quote = Quote(later(7), later(6), later(9))
    moved = await store.quotes.set_quotes({job.id: quote for job in jobs.values()}, NOW)
    assert sorted(moved) == sorted((jobs[p].id, p) for p in QUOTED)
    again = Quote(later(17), later(16), later(19))
    await store.quotes.set_quotes({jobs[Phase.QUEUED].id: again}, later(1))
    waits = await got(store, jobs[Phase.QUEUED].id)
    assert (waits.quoted, waits.told) == (again, Told(NOW, quote)), "judged is the first"
    await store.quotes.set_quotes({waits.id: None}, later(2))
    assert (await got(store, waits.id)).quoted is None
    await store.quotes.set_quotes({waits.id: quote}, NOW)
    quoted = {p for p, job in jobs.items() if (await got(store, job.id)).quote == later(7)}
    assert quoted == QUOTED


async def test_the_last_quotes_of_a_target_are_judged(store: JobStore) -> None:
    """Of jobs of all sizes, in the order in which they ended, and not more of each than count."""
    for second in range(203):
        told = Told(NOW, Quote(later(10), later(5), later(200)))
        held = await claimed(store, work=second % 2 if second > 200 else 0, told=told)
        await store.publishing.complete(held, [], entry(time=later(second)), 1.0)
    await store.publishing.complete(await claimed(store), [], entry(time=later(300)), 1.0)
    found = await store.quotes.judged(TARGET)
    assert len(found) == 201, "the one that was not quoted is not among them"
    first, last = found[0], found[-1]
    assert isinstance(last, Judgement)
    assert (int((first.end - NOW).total_seconds()), first.kept) == (1, False)
    assert (last.kept, last.ratio) == (False, pytest.approx(202.2 / 10.2, rel=0.01))
    assert sum(item.kept for item in found) == 196
    assert await store.quotes.ended() == {TARGET: 204}


async def test_all_who_wait_are_counted_though_only_the_first_are_listed(store: JobStore) -> None:
    for second in range(4):
        await queued(store, at=later(second))
    await queued(store, target="other")
    for limit, listed in ((2, 2), (4, 4), (9, 4)):
        state = await store.quotes.queue_of(TARGET, limit)
        assert (len(state.waiting), state.waiting_count) == (listed, 4)


async def test_quotes_learn_from_jobs_that_ran_through_at_once(store: JobStore) -> None:
    # What was tried again ran on a machine that was in trouble.
    held = await claimed(store, EXPIRED, work=4)
    await requeued(store, held)
    again = await claim(store)
    assert await store.publishing.complete(again, [], entry(), 100.0)
    assert (await store.quotes.queue_of(TARGET)).known == {}
    for seconds in (8.0, 8.0):
        await store.publishing.complete(await claimed(store, work=4), [], entry(), seconds)
    assert (await store.quotes.queue_of(TARGET)).known == {4: 8.0}


async def learned(store: JobStore, size: int, *times: float) -> float:
    for seconds in times:
        held = await claimed(store, work=size)
        assert await store.publishing.complete(held, [], entry(), seconds)
    return (await store.quotes.queue_of(TARGET)).known[size]


async def test_the_first_jobs_make_a_plain_mean(store: JobStore) -> None:
    assert await learned(store, 1, 2.0, 4.0, 9.0) == pytest.approx(5.0)


async def test_a_process_that_was_not_ready_yet_spoils_no_mean(store: JobStore) -> None:
    assert await learned(store, 4, 60.0, 0.5, 0.8) == pytest.approx(0.6)
    assert await learned(store, 5, *[0.5] * 9, 60.0) == pytest.approx(0.85)
    # What takes longer for good is learned all the same.
    assert await learned(store, 6, *[1.0] * 3, *[100.0] * 20) > 50


async def test_after_twenty_the_mean_forgets(store: JobStore) -> None:
    assert await learned(store, 1, *[10.0] * 18, 29.0) == pytest.approx(11.0)
    assert await learned(store, 2, *[10.0] * 19, 30.0) == pytest.approx(11.0)
    assert await learned(store, 3, *[10.0] * 24, 30.0) == pytest.approx(11.0)
