"""Hints that a worker hears over a real server, also those that another one had in its hand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from arq.connections import ArqRedis
from arq.constants import retry_key_prefix
from scripted_children import until
from store_helpers import TARGET

from quws.bus.announcer import Announcer
from quws.bus.connection import connect
from quws.bus.dispatcher import FUNCTION, Dispatcher, queue_name
from quws.bus.events import EventHub
from quws.bus.server import ValkeyServer
from quws.worker.hints import HintListener
from quws.worker.slots import Slots

pytestmark = pytest.mark.anyio


class Heard:
    """Slots that note each hint, and take as long about it as they are told."""

    full = False

    def __init__(self) -> None:
        self.hints = asyncio.Semaphore(0)
        self.go_on = asyncio.Event()

    async def hint(self) -> bool:
        self.hints.release()
        await self.go_on.wait()
        return True


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path / "valkey")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def redis(valkey: ValkeyServer) -> AsyncIterator[ArqRedis]:
    opened = connect(valkey.url)
    yield opened
    await opened.aclose()
    await opened.connection_pool.disconnect()


@asynccontextmanager
async def listening(valkey: ValkeyServer, redis: ArqRedis) -> AsyncIterator[Heard]:
    announcer = Announcer(Dispatcher(redis), EventHub(redis))
    listener, heard = HintListener(valkey.url, TARGET, announcer, poll_delay=0.01), Heard()
    task = asyncio.create_task(listener.run(cast("Slots", heard)))
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def no_hint_is_left(redis: ArqRedis) -> bool:
    return not await redis.zcard(queue_name(TARGET))


async def heard_by(heard: Heard) -> None:
    async with asyncio.timeout(10):
        await heard.hints.acquire()


async def test_a_hint_that_a_dead_worker_had_is_heard_by_the_next_without_a_complaint(
    valkey: ValkeyServer, redis: ArqRedis, caplog: pytest.LogCaptureFixture
) -> None:
    hint = await redis.enqueue_job(FUNCTION, _queue_name=queue_name(TARGET))
    assert hint is not None
    # What arq leaves of a worker that is killed with the hint in its hand.
    await redis.set(retry_key_prefix + hint.job_id, 7)
    with caplog.at_level(logging.WARNING):
        async with listening(valkey, redis) as heard:
            heard.go_on.set()
            await heard_by(heard)
            await until(lambda: no_hint_is_left(redis))
    assert caplog.messages == []


async def test_a_hint_in_the_hand_of_a_worker_that_is_stopped_goes_to_another(
    valkey: ValkeyServer, redis: ArqRedis, caplog: pytest.LogCaptureFixture
) -> None:
    await Dispatcher(redis).hint(TARGET)
    with caplog.at_level(logging.WARNING):
        async with listening(valkey, redis) as first:
            await heard_by(first)
        async with listening(valkey, redis) as second:
            second.go_on.set()
            await heard_by(second)
            await until(lambda: no_hint_is_left(redis))
    assert caplog.messages == []
