"""The lock of a worker on its target: one at a time, whoever dies."""

from __future__ import annotations

import asyncio

import pytest
from scripted_children import until
from store_helpers import TARGET

from quws.store.database import Database, StoreUnavailable
from quws.store.target_locks import TargetLockStore
from quws.worker.target_lock import TargetLock

pytestmark = pytest.mark.anyio


class ShakyHolds(TargetLockStore):
    """Holds in a database that is away now and then."""

    away = False

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.holders: list[str] = []
        """Who took it or renewed it, one after the other."""

    async def take(self, target: str, holder: str, seconds: float) -> bool:
        if self.away:
            raise StoreUnavailable("it is away")
        taken = await super().take(target, holder, seconds)
        if taken:
            self.holders.append(holder)
        return taken

    async def drop(self, target: str, holder: str) -> None:
        if self.away:
            raise StoreUnavailable("it is away")
        await super().drop(target, holder)


@pytest.fixture
def holds(database: Database) -> ShakyHolds:
    return ShakyHolds(database)


@pytest.fixture
def stop() -> asyncio.Event:
    return asyncio.Event()


async def test_the_second_stands_by_until_the_first_gives_it_free(
    holds: ShakyHolds, stop: asyncio.Event
) -> None:
    first, second = TargetLock(holds, TARGET, 2.0), TargetLock(holds, TARGET, 0.4)
    assert first.holder != second.holder
    assert await first.acquire(stop)
    keeping = asyncio.create_task(first.keep(stop))
    waiting = asyncio.create_task(second.acquire(stop))
    await until(lambda: len(holds.holders) >= 6)  # Longer than a lock that is not renewed.
    assert not waiting.done()
    assert set(holds.holders) == {first.holder}
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    await first.release()
    async with asyncio.timeout(30):
        assert await waiting


async def test_who_is_not_heard_of_loses_it(holds: ShakyHolds, stop: asyncio.Event) -> None:
    first, second = TargetLock(holds, TARGET, 0.2), TargetLock(holds, TARGET, 4)
    assert await first.acquire(stop)
    async with asyncio.timeout(30):
        assert await second.acquire(stop)
        await first.keep(stop)  # And learns so.


async def test_who_is_told_to_stop_waits_no_longer(holds: ShakyHolds, stop: asyncio.Event) -> None:
    assert await TargetLock(holds, TARGET, 60).acquire(stop)
    waiting = asyncio.create_task(TargetLock(holds, TARGET, 60).acquire(stop))
    await asyncio.sleep(0.05)
    stop.set()
    async with asyncio.timeout(30):
        assert not await waiting


async def test_keeping_ends_with_the_worker(holds: ShakyHolds, stop: asyncio.Event) -> None:
    lock = TargetLock(holds, TARGET, 60)
    assert await lock.acquire(stop)
    stop.set()
    async with asyncio.timeout(30):
        await lock.keep(stop)


async def test_a_database_that_is_away_for_a_moment_takes_nothing(
    holds: ShakyHolds, stop: asyncio.Event
) -> None:
    lock = TargetLock(holds, TARGET, 5.0)
    assert await lock.acquire(stop)
    holds.away = True
    keeping = asyncio.create_task(lock.keep(stop))
    await asyncio.sleep(2.0)  # One renewal has failed.
    assert not keeping.done()
    holds.away = False
    stop.set()
    await keeping


async def test_a_database_that_is_away_for_longer_than_the_lock_takes_it(
    holds: ShakyHolds, stop: asyncio.Event
) -> None:
    lock = TargetLock(holds, TARGET, 0.2)
    assert await lock.acquire(stop)
    holds.away = True
    async with asyncio.timeout(30):
        await lock.keep(stop)
    await lock.release()  # It cannot be given free, and ends by itself.
    waiting = asyncio.create_task(lock.acquire(stop))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    holds.away = False
    await until(waiting.done)
