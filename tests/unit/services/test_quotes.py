"""When waiting jobs will probably be done, and how that is kept true."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from house import ANNA, DESCRIPTION, FACTS, House
from store_helpers import NOW, TARGET

from quws.domain.phases import Phase
from quws.domain.quotes import Quote, work_of
from quws.domain.targets import TargetKind, TargetState, TargetStatus
from quws.services.quotes import Outlook, Quotes
from quws.store.jobs.quotes import Hold, QueueState, RunningJob, WaitingJob

pytestmark = pytest.mark.anyio
SIZE = work_of([FACTS], 1000)


def a_queue(
    *waiting: int,
    running: list[tuple[int, datetime]] | None = None,
    state: TargetState | None = None,
    known: dict[int, float] | None = None,
    lanes: bool = False,
) -> QueueState:
    return QueueState(
        known={1: 1.0, 5: 10.0} if known is None else known,
        running=[
            RunningJob(f"running-{index}", size, began, None, cost_of(size))
            for index, (size, began) in enumerate(running or [])
        ],
        waiting=[
            WaitingJob(f"job-{index}", size, None, cost_of(size))
            for index, size in enumerate(waiting)
        ],
        state=state or TargetState(),
        lanes=lanes,
    )


def cost_of(size: int) -> int:
    """What a job of this size costs: only the one of size 0 is short."""
    return 100 if size == 0 else 10_000


def since(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


AWAY = TargetState(status=TargetStatus.OFFLINE)
BACK = TargetState(status=TargetStatus.OFFLINE, until=NOW + timedelta(seconds=60))
BACK_ALREADY = TargetState(status=TargetStatus.OFFLINE, until=NOW - timedelta(seconds=60))


# -- one more job -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("queue", "wait"),
    [
        (a_queue(), 0.0),
        (a_queue(5, 1), 11.0),
        (a_queue(running=[(5, since(4))]), 6.0),
        # What is late goes on for a quarter of its time: an end that is always now moves nothing.
        (a_queue(running=[(5, since(8))]), 2.0),
        (a_queue(running=[(5, since(9))]), 2.25),
        (a_queue(running=[(5, since(40))]), 10.0),
        # Two run, so there are two slots: the first that is free takes the first that waits.
        (a_queue(running=[(5, since(4)), (5, since(1))]), 6.0),
        (a_queue(1, running=[(5, since(4)), (5, since(1))]), 7.0),
        (a_queue(5, 5, running=[(5, since(4)), (5, since(1))]), 16.0),
        (a_queue(known={}), 0.0),
        (a_queue(5, known={}), None),
        (a_queue(running=[(5, since(4))], known={}), None),
        (a_queue(state=AWAY), None),
        (a_queue(1, state=BACK), 61.0),
        (a_queue(state=BACK_ALREADY), 0.0),
        (a_queue(running=[(5, since(4))], state=BACK), 60.0),
    ],
)
async def test_a_new_job_waits_for_those_before_it(
    house: House, queue: QueueState, wait: float | None
) -> None:
    assert house.quotes.wait(queue) == wait
    quote = house.quotes.of_new(queue, 5, 10_000)
    if wait is None or not queue.known:
        assert quote is None
    else:
        assert quote is not None
        assert quote.at == NOW + timedelta(seconds=wait + 10)
        assert quote.low < quote.at < quote.high


async def test_beyond_a_month_nobody_knows(house: House) -> None:
    month = 30 * 86_400.0
    assert house.quotes.of_new(a_queue(known={5: month}), 5, 1) is None
    assert house.quotes.of_new(a_queue(known={5: 0.99 * month}), 5, 1) is not None
    assert house.quotes.wait(a_queue(5, known={5: 0.99 * month})) == 0.99 * month
    assert house.quotes.wait(a_queue(5, 5, known={5: 0.99 * month})) is None


async def test_the_wait_is_for_all_who_wait_though_few_are_listed(house: House) -> None:
    listed = a_queue(5, 1, running=[(5, since(4))])
    assert house.quotes.wait(replace(listed, waiting_count=2)) == 6 + 11
    assert house.quotes.wait(replace(listed, waiting_count=6)) == 6 + 11 + 4 * 5.5


@pytest.mark.parametrize(
    ("seconds", "cost"),
    [(None, 1000), (2.0, 2000), (0.0001, 1), (0.0016, 2), (1e9, 86_400_000)],
)
async def test_a_job_costs_its_owner_its_probable_time(seconds: float | None, cost: int) -> None:
    known = {} if seconds is None else {5: seconds}
    assert Outlook(a_queue(known=known), NOW).cost_ms(5) == cost


def at(quote: Quote | None) -> datetime | None:
    return None if quote is None else quote.at


@pytest.mark.parametrize(
    ("known", "computed", "cost"),
    [
        ({}, 0.002, 2),
        ({9: 600.0}, 0.002, 2),
        ({9: 0.001}, 5.0, 1),
        ({5: 3.0}, 0.002, 3000),
        ({4: 3.0, 6: 3.0}, 0.002, 3000),
        ({4: 3.0}, 0.002, 6000),
    ],
)
async def test_of_a_job_that_is_smaller_than_all_before_the_target_knows_more(
    known: dict[int, float], computed: float, cost: int
) -> None:
    assert Outlook(a_queue(known=known), NOW).cost_ms(5, computed) == cost


async def test_short_jobs_are_quoted_by_slots_of_their_own() -> None:
    known = {0: 0.1, 5: 10.0}
    queue = a_queue(5, 0, 0, running=[(5, since(4))], known=known, lanes=True)
    outlook = Outlook(queue, NOW)
    assert outlook.wait(NOW) == 16
    assert outlook.wait(NOW, short=True) == pytest.approx(0.2)
    assert at(outlook.end(0, 100, NOW)) == NOW + timedelta(seconds=0.3)
    assert Outlook(replace(queue, lanes=False), NOW).wait(NOW, short=True) == pytest.approx(16.2)
    free = Outlook(a_queue(running=[(0, since(0))], known=known, lanes=True), NOW)
    assert (free.wait(NOW), free.wait(NOW, short=True)) == (0, 0)


async def test_jobs_wait_until_a_session_that_has_the_target_is_over_or_idle(house: House) -> None:
    idle = replace(a_queue(5), hold=Hold("s", left=100, idle_left=30, idle_seconds=60))
    assert house.quotes.wait(idle) == 30 + 10, "and behind the one that waits"
    assert at(house.quotes.of_new(idle, 5, 10_000)) == NOW + timedelta(seconds=50)
    assert at(house.quotes.of_new(idle, 5, 10_000, "other")) == NOW + timedelta(seconds=50)
    assert at(house.quotes.of_new(idle, 5, 10_000, "s")) == NOW + timedelta(seconds=10)
    assert house.quotes.wait(replace(idle, waiting=[], known={})) == 30

    waiting = WaitingJob("mine", 1, None, 10_000, "s")
    running = RunningJob("runs", 5, since(4), None, 10_000, "s")
    busy = replace(idle, running=[running], waiting=[waiting, *idle.waiting])
    assert house.quotes.wait(busy) == 6 + 1 + 60 + 10, "its limit counts from its last job on"
    outlook = Outlook(busy, NOW)
    assert outlook.wait(NOW, session="s") == 6 + 1
    outlook.queue(5, 10_000, "s")
    assert outlook.wait(NOW, session="s") == 6 + 1 + 10

    hold = Hold("s", left=20, idle_left=30, idle_seconds=60)
    assert house.quotes.wait(replace(busy, hold=hold)) == 20 + 10, "not beyond its whole time"
    closed = Hold("s", left=100, idle_left=0, idle_seconds=0)
    assert house.quotes.wait(replace(busy, hold=closed)) == 7 + 10


async def test_an_outlook_goes_on_with_the_time_and_with_what_is_added_to_it() -> None:
    outlook = Outlook(a_queue(5, 1, running=[(5, since(4))]), NOW)
    assert outlook.wait(NOW) == 17
    assert at(outlook.end(5, 10_000, NOW)) == NOW + timedelta(seconds=27)
    later = NOW + timedelta(seconds=2)
    assert outlook.wait(later) == 15
    outlook.queue(5, 10_000)
    assert outlook.wait(later) == 25
    assert at(outlook.end(5, 10_000, later)) == NOW + timedelta(seconds=37)
    assert outlook.wait(NOW + timedelta(hours=1)) == 0


async def test_an_outlook_is_shared_by_those_who_ask_at_the_same_time(house: House) -> None:
    ask = house.quotes.outlook
    nothing = await ask(TARGET, None)
    assert nothing.end(5, 1, NOW) is None
    assert await ask(TARGET, None) is not nothing, "there may be something to say by now"
    await learn(house, 100)
    assert await ask("other", None) is not nothing
    first, second = await asyncio.gather(ask(TARGET, None), ask(TARGET, None))
    assert first is second
    assert at(first.end(SIZE, 100_000, NOW)) == NOW + timedelta(seconds=100)


async def test_an_outlook_is_of_the_target_as_it_is(house: House) -> None:
    await learn(house, 100)
    first = await house.quotes.outlook(TARGET, None)
    assert await house.quotes.outlook(TARGET, first.state) is first
    maintenance = TargetState(status=TargetStatus.MAINTENANCE)
    assert await house.quotes.outlook(TARGET, maintenance) is not first


async def test_who_queues_jobs_one_after_the_other_is_quoted_one_after_the_other(
    house: House,
) -> None:
    await learn(house, 100)
    jobs = [(await house.submit(PHASE="RUN")).id for _ in range(3)]
    assert await quotes_of(house, *jobs) == [100, 200, 300]
    waits = (await house.submit()).id
    assert await quotes_of(house, waits) == [400]


async def test_what_is_run_or_aborted_here_counts_at_once(house: House) -> None:
    await learn(house, 100)
    first, second = [(await house.submit()).id for _ in range(2)]
    await house.jobs.control.run(ANNA, first)
    third = (await house.submit()).id
    await house.jobs.control.abort(ANNA, first)
    fourth = (await house.submit()).id
    assert await quotes_of(house, second, third, fourth) == [100, 200, 100]


# -- those that wait -------------------------------------------------------------------------


async def learn(house: House, seconds: float, target: str = TARGET) -> None:
    job = await house.submit(TARGET=target)
    await house.complete(await house.queue_and_claim(job), seconds=seconds)


async def quotes_of(house: House, *job_ids: str) -> list[float | None]:
    """Return in how many seconds from now each job is said to be done."""
    found = []
    for job_id in job_ids:
        quote = (await house.job(job_id)).quote
        found.append(None if quote is None else (quote - house.clock()).total_seconds())
    return found


async def test_quotes_of_waiting_jobs_are_renewed(house: House) -> None:
    first = (await house.submit(PHASE="RUN")).id
    assert await house.quotes.refresh() == 0, "nothing is known yet"
    assert await quotes_of(house, first) == [None]
    await house.claim()
    await house.jobs.control.abort(ANNA, first)
    await learn(house, 100)
    first, second = [(await house.submit(PHASE="RUN")).id for _ in range(2)]
    await house.quotes.refresh()
    assert await quotes_of(house, first, second) == [100, 200]
    assert await house.quotes.refresh() == 0
    house.clock.forward(seconds=9)
    assert await house.quotes.refresh() == 0, "a little late is not worth a write"
    house.clock.forward(seconds=3)
    assert await house.quotes.refresh() == 1, "the second has longer to go, so it may be later"
    assert await quotes_of(house, first, second) == [100, 188]
    house.clock.forward(seconds=10)
    assert await house.quotes.refresh() == 1
    assert await quotes_of(house, first, second) == [90, 200]


async def test_a_promise_that_nobody_can_keep_is_taken_back(house: House) -> None:
    await learn(house, 100)
    job = (await house.submit(PHASE="RUN")).id
    await house.quotes.refresh()
    assert await quotes_of(house, job) == [100]
    await house.targets.found(TARGET, AWAY, NOW)
    assert await house.quotes.refresh() == 1
    assert await quotes_of(house, job) == [None]
    assert await house.quotes.refresh() == 0
    later = datetime.now(UTC) + timedelta(days=1)
    house.clock.now = later - timedelta(seconds=50)
    back = TargetState(status=TargetStatus.OFFLINE, until=later)
    await house.targets.found(TARGET, back, NOW)
    assert await house.quotes.refresh() == 1
    (quote,) = await quotes_of(house, job)
    assert quote == pytest.approx(150, abs=0.01)


async def test_a_quote_that_is_overtaken_is_made_anew(house: House) -> None:
    house.clock.now = datetime.now(UTC)
    await learn(house, 1000)
    runs, waits = [(await house.submit(PHASE="RUN")).id for _ in range(2)]
    await house.quotes.refresh()
    assert (await house.claim()).job.id == runs
    assert await quotes_of(house, runs, waits) == pytest.approx([1000, 2000], abs=100)
    house.clock.forward(seconds=1200)
    assert await quotes_of(house, runs, waits) == pytest.approx([-200, 800], abs=100)
    assert await house.quotes.refresh() == 2
    assert await quotes_of(house, runs, waits) == pytest.approx([300, 1300], abs=100)


async def test_a_quote_that_has_moved_too_far_is_taken_back(house: House) -> None:
    await learn(house, 10 * 86_400)
    jobs = [(await house.submit(PHASE="RUN")).id for _ in range(3)]
    await house.quotes.refresh()
    assert await quotes_of(house, *jobs) == [10 * 86_400, 20 * 86_400, None]


async def test_targets_are_told_apart(house: House) -> None:
    await house.register(DESCRIPTION, DESCRIPTION.model_copy(update={"name": "other"}))
    await learn(house, 100)
    await learn(house, 7, "other")
    jobs = [(await house.submit(PHASE="RUN", TARGET=name)).id for name in (TARGET, "other")]
    house.clock.forward(hours=1)
    assert await house.quotes.refresh() == 2
    assert await quotes_of(house, *jobs) == [100, 7]
    state = await house.quotes.state("other")
    assert (state.known, state.waiting_count) == ({SIZE: 7}, 1)


@pytest.mark.parametrize(
    ("seconds", "late", "moved"),
    [(5, 1, 0), (5, 1.001, 1), (0, 1, 1), (100, 10, 0), (100, 10.001, 1)],
)
async def test_a_quote_moves_by_a_second_and_by_a_tenth(
    house: House, seconds: float, late: float, moved: int
) -> None:
    """A tenth of what is left: so many seconds are written only where they matter."""
    await learn(house, seconds)
    await house.submit(PHASE="RUN")
    await house.quotes.refresh()
    house.clock.forward(seconds=late)
    assert await house.quotes.refresh() == moved


# -- how far a quote is off --------------------------------------------------------------


async def test_who_follows_a_job_is_told_that_its_quote_has_moved(house: House) -> None:
    quotes = Quotes(house.store.quotes, house.clock, house.announcer)
    await learn(house, 100)
    job = (await house.submit(PHASE="RUN")).id
    house.hub.told.clear()
    assert await quotes.refresh() == 0
    assert house.hub.told == []
    house.clock.forward(seconds=30)
    assert await quotes.refresh() == 1
    assert [(item.job_id, item.phase) for item in house.hub.told] == [(job, Phase.QUEUED)]


async def test_nine_of_ten_jobs_of_a_queue_end_between_low_and_high(house: House) -> None:
    """A week of an emulator: one job after the other, each a little longer or shorter."""
    chance = Random(7)
    await house.register(DESCRIPTION.model_copy(update={"kind": TargetKind.EMULATOR}))
    clock = house.clock
    for _ in range(100):
        house.quotes.forget(TARGET)
        for _ in range(burst := chance.randint(1, 4)):
            await house.submit(PHASE="RUN", SHOTS=chance.choice(["300", "1200", "3000"]))
        for _ in range(burst):
            claim = await house.claim()
            seconds = claim.job.spec.options.shots / 100 * chance.lognormvariate(0, 0.35)
            clock.forward(seconds=seconds)
            await house.complete(claim, seconds=seconds)
        await house.quotes.judge()
    found = await house.targets.record(TARGET)
    assert found is not None
    record = found.quotes
    assert record.judged == 200
    assert record.hit_rate is not None
    assert 0.9 <= record.hit_rate < 1
    assert 0.2 < record.low < 1 < record.high < 5
    assert await house.quotes.judge() == 0, "no job has ended since"
