"""What is cancelled at the other side of a remote target, and when it is tried again."""

from __future__ import annotations

import asyncio
import itertools
from datetime import datetime, timedelta

import pytest
from scripted_children import Process, until
from store_helpers import NOW, TARGET
from worker_bench import Bench

from quws.domain.phases import Phase
from quws.sandbox.messages import Cancel, CancelAnswer, Cancellation, MessageFault, Note
from quws.sandbox.pool import ChildrenUnavailable
from quws.store.database import StoreUnavailable
from quws.store.handovers import Handover
from quws.worker import cancellations
from quws.worker.cancellations import Cancellations

pytestmark = pytest.mark.anyio


def answers(outcome: Cancellation):  # type: ignore[no-untyped-def]
    async def script(process: Process) -> None:
        await process.hear()
        process.say(CancelAnswer(outcome=outcome, sentence="it is cancelled at the other side"))
        await process.killed.wait()

    return script


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancellations, "_FIRST_PAUSE", 0.0)


class Clock:
    def __init__(self) -> None:
        self.now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def clock() -> Clock:
    return Clock()


async def a_duty(bench: Bench, handle: str | None = "theirs") -> str:
    held = await bench.hold()
    await held.intend(held.id)
    if handle is not None:
        await held.arrived(held.id, handle)
    await bench.take_away(held)
    bench.bus.events.clear()
    return held.id


async def left(bench: Bench) -> list[str]:
    return [item.key for item in await bench.place.handovers.duties(TARGET)]


async def test_what_is_cancelled_is_struck_off(bench: Bench) -> None:
    bench.children.scripts[0] = answers(Cancellation.DONE)
    key = await a_duty(bench)
    await Cancellations(bench.place).cancel_due()
    assert await left(bench) == []
    assert bench.children.processes[0].heard == [Cancel(key=key, handle="theirs")]
    assert (await bench.statuses(key))[-1] == "cancelled remotely"
    assert (await bench.sentences(key))[-1] == "it is cancelled at the other side"
    assert bench.bus.phases == [Phase.ABORTED]
    assert bench.children.processes[0].killed.is_set()


async def test_what_cannot_be_cancelled_yet_is_tried_again(bench: Bench) -> None:
    bench.children.scripts.append(answers(Cancellation.DONE))
    bench.children.scripts[0] = answers(Cancellation.AGAIN)
    key = await a_duty(bench)
    work = Cancellations(bench.place)
    await work.cancel_due()
    assert await left(bench) == [key]
    assert bench.bus.events == []
    await work.cancel_due()
    assert await left(bench) == []


async def test_it_is_not_tried_again_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancellations, "_FIRST_PAUSE", 100.0)
    bench.children.scripts[0] = answers(Cancellation.AGAIN)
    key = await a_duty(bench)
    work = Cancellations(bench.place)
    await work.cancel_due()
    await work.cancel_due()
    assert len(bench.children.processes) == 1
    assert await left(bench) == [key]


async def test_what_is_missing_may_turn_up_late(bench: Bench, clock: Clock) -> None:
    bench = bench.with_place(clock=clock)
    bench.children.scripts[0] = answers(Cancellation.MISSING)
    key = await a_duty(bench, handle=None)
    (duty,) = await bench.place.handovers.duties(TARGET)
    work = Cancellations(bench.place)
    clock.now = duty.changed + timedelta(seconds=89)
    await work.cancel_due()
    assert await left(bench) == [key]
    clock.now = duty.changed + timedelta(seconds=91)
    await work.cancel_due()
    assert await left(bench) == []
    assert bench.children.processes[0].heard == [Cancel(key=key, handle=None)]


async def test_a_child_that_dies_is_tried_again(bench: Bench) -> None:
    async def dies(process: Process) -> None:
        await process.hear()
        process.end(1)

    bench.children.scripts.append(answers(Cancellation.DONE))
    bench.children.scripts[0] = dies
    key = await a_duty(bench)
    work = Cancellations(bench.place)
    await work.cancel_due()
    assert await left(bench) == [key]
    await work.cancel_due()
    assert await left(bench) == []


async def test_an_answer_to_another_question_strikes_nothing_off(bench: Bench) -> None:
    async def babbles(process: Process) -> None:
        await process.hear()
        process.say(Note(sentence="done"))
        await process.killed.wait()

    bench.children.scripts[0] = babbles
    key = await a_duty(bench)
    with pytest.raises(MessageFault):
        await Cancellations(bench.place).cancel_due()
    assert await left(bench) == [key]


async def test_each_pause_is_twice_the_last_up_to_half_a_minute(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancellations, "_FIRST_PAUSE", 0.5)
    now = 1000.0
    monkeypatch.setattr(cancellations, "monotonic", lambda: now)
    bench.children.scripts[0] = answers(Cancellation.AGAIN)
    await a_duty(bench)
    work = Cancellations(bench.place)
    tries: list[float] = []
    while now < 1130:
        before = len(bench.children.processes)
        await work.cancel_due()
        tries += [now] * (len(bench.children.processes) - before)
        now += 0.5
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


async def test_of_several_each_has_its_own_pause(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancellations, "_FIRST_PAUSE", 100.0)
    bench.children.scripts[0] = answers(Cancellation.AGAIN)
    first = await a_duty(bench)
    work = Cancellations(bench.place)
    await work.cancel_due()
    second = await a_duty(bench)
    await work.cancel_due()
    asked = [process.heard[0] for process in bench.children.processes]
    assert asked == [Cancel(key=key, handle="theirs") for key in (first, second)]


async def test_a_child_that_hangs_is_not_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(process: Process) -> None:
        await process.killed.wait()

    # Time enough for the child to be there and to be asked, on a busy machine too.
    monkeypatch.setattr(cancellations, "_CANCEL_SECONDS", 1.0)
    bench.children.scripts[0] = hangs
    key = await a_duty(bench)
    async with asyncio.timeout(30):
        await Cancellations(bench.place).cancel_due()
    assert await left(bench) == [key]
    assert bench.children.processes[0].killed.is_set()


async def test_a_worker_goes_on_cancelling_whatever_happens(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancellations, "_GLANCE_SECONDS", 0.01)
    troubles: list[Exception] = [
        StoreUnavailable("it is away"),
        ChildrenUnavailable("the interpreter is gone"),
        RuntimeError("a fault of ours"),
    ]
    duties = bench.place.handovers.duties

    async def with_trouble(target: str) -> list[Handover]:
        if troubles:
            raise troubles.pop(0)
        return await duties(target)

    monkeypatch.setattr(bench.place.handovers, "duties", with_trouble)
    bench.children.scripts[0] = answers(Cancellation.DONE)
    key = await a_duty(bench)
    task = asyncio.create_task(Cancellations(bench.place).run())

    async def done() -> bool:
        return (await bench.statuses(key))[-1] == "cancelled remotely"

    await until(done)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
