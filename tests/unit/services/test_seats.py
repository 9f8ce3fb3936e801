"""Seats for what few can do at once: one for each caller, and callers one after the other."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from quws.services.seats import NoSeat, QueueFull, Seats

pytestmark = pytest.mark.anyio


class Work:
    """What is done on seats, for as long as the test says."""

    def __init__(self, seats: Seats) -> None:
        self.seats = seats
        self.began: list[str] = []
        self.at_once: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.steps = asyncio.Semaphore(0)

    async def of(self, caller: str) -> None:
        async with self.seats.seat(caller):
            self.began.append(caller)
            self.at_once[caller] += 1
            self.most = self.most | self.at_once
            self.most["all"] = max(self.most["all"], self.at_once.total())
            await self.steps.acquire()
            self.at_once[caller] -= 1


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_each_caller_has_one_and_nobody_two_in_a_row_while_others_wait() -> None:
    work = Work(Seats(2, queue=10, seconds=60))
    tasks = [asyncio.create_task(work.of("a")) for _ in range(6)]
    await settle()
    assert work.began == ["a"], "one of them, however many seats are free"
    tasks += [asyncio.create_task(work.of(caller)) for caller in "bbccd"]
    await settle()
    assert work.began == ["a", "b"]
    for _ in tasks:
        work.steps.release()
        await settle()
    await asyncio.gather(*tasks)
    # Who came late waited for one of each, not for all that was there before.
    assert work.began[:6] == ["a", "b", "c", "d", "a", "b"]
    assert Counter(work.began) == {"a": 6, "b": 2, "c": 2, "d": 1}
    assert work.most == {"a": 1, "b": 1, "c": 1, "d": 1, "all": 2}
    assert not work.seats._waiting
    assert not work.seats._seated


async def test_only_so_many_of_one_caller_wait() -> None:
    work = Work(Seats(1, queue=2, seconds=60))
    tasks = [asyncio.create_task(work.of("a")) for _ in range(3)]
    await settle()
    with pytest.raises(QueueFull):
        await work.of("a")
    tasks.append(asyncio.create_task(work.of("b")))
    await settle()
    for _ in tasks:
        work.steps.release()
    await asyncio.gather(*tasks)


async def test_who_waits_too_long_goes_and_leaves_nothing() -> None:
    work = Work(Seats(1, queue=2, seconds=0.01))
    first = asyncio.create_task(work.of("a"))
    await settle()
    with pytest.raises(NoSeat) as late:
        await work.of("a")
    assert late.value.alone
    with pytest.raises(NoSeat) as late:
        await work.of("b")
    assert not late.value.alone
    assert not work.seats._waiting
    work.steps.release()
    await first
    work.steps.release()
    await work.of("b")


async def test_who_gives_up_takes_no_seat_from_others() -> None:
    work = Work(Seats(1, queue=5, seconds=60))
    first, second, third = (asyncio.create_task(work.of(caller)) for caller in "abc")
    await settle()
    second.cancel()
    await settle()
    work.steps.release()
    await settle()
    assert work.began == ["a", "c"]
    # Given up in the very moment in which the seat comes.
    fourth, fifth = (asyncio.create_task(work.of(caller)) for caller in "de")
    await settle()
    work.steps.release()
    third.add_done_callback(lambda _: fourth.cancel())
    await settle()
    assert work.began[-1] == "e"
    work.steps.release()
    await fifth
    assert isinstance(
        (await asyncio.gather(second, fourth, return_exceptions=True))[1], BaseException
    )
    assert not work.seats._waiting
    assert not work.seats._seated
    await first


async def test_what_fails_gives_its_seat_back() -> None:
    seats = Seats(1, queue=1, seconds=60)
    with pytest.raises(RuntimeError, match="it broke"):
        async with seats.seat("a"):
            raise RuntimeError("it broke")
    async with seats.seat("a"):
        pass
