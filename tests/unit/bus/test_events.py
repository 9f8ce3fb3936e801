"""News and hints over a real server: they arrive, and a server that goes away is no end."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from quws.bus.connection import BusUnavailable, connect
from quws.bus.dispatcher import Dispatcher, UnfitWorker, queue_name
from quws.bus.events import CHANNEL, HELD_CHANNEL, EventHub, JobEvent
from quws.bus.server import NoServer, ValkeyServer
from quws.domain.errors import Unavailable
from quws.domain.phases import Phase

pytestmark = pytest.mark.anyio
SECONDS = 10.0


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path / "valkey")
    server.start()
    yield server
    server.stop()


@asynccontextmanager
async def connected(server: ValkeyServer) -> AsyncIterator[ArqRedis]:
    redis = connect(server.url)
    try:
        yield redis
    finally:
        await redis.aclose()
        await redis.connection_pool.disconnect()


@asynccontextmanager
async def listening(server: ValkeyServer, channel: str = CHANNEL) -> AsyncIterator[EventHub]:
    """A hub as one process has it, that has joined."""
    async with connected(server) as redis:
        hub = EventHub(redis)
        task = asyncio.create_task(hub.run(channel))
        try:
            async with asyncio.timeout(SECONDS):
                await hub.connected.wait()
            yield hub
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def hub(valkey: ValkeyServer) -> AsyncIterator[EventHub]:
    async with listening(valkey) as opened:
        yield opened


@pytest.fixture
async def other(valkey: ValkeyServer) -> AsyncIterator[EventHub]:
    """A hub of another process, that only publishes."""
    async with connected(valkey) as redis:
        yield EventHub(redis)


class Heard:
    """What a listener was told."""

    def __init__(self, hub: EventHub) -> None:
        self.events: asyncio.Queue[JobEvent] = asyncio.Queue()
        self.joins: asyncio.Queue[None] = asyncio.Queue()
        hub.listen(self.events.put_nowait, lambda: self.joins.put_nowait(None))

    async def next(self) -> JobEvent:
        async with asyncio.timeout(SECONDS):
            return await self.events.get()

    async def join(self) -> None:
        async with asyncio.timeout(SECONDS):
            await self.joins.get()


async def restart(server: ValkeyServer) -> None:
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)


# -- events -------------------------------------------------------------------


async def test_an_event_wakes_the_watch_of_another_process(hub: EventHub, other: EventHub) -> None:
    with hub.watch("one") as watch, hub.watch("two") as unconcerned:
        await other.publish(JobEvent("one", Phase.EXECUTING))
        assert await watch.changed(SECONDS)
        assert not await watch.changed(0)
        assert not await unconcerned.changed(0)


async def test_a_process_hears_itself(hub: EventHub) -> None:
    with hub.watch("one") as watch:
        await hub.publish(JobEvent("one", Phase.QUEUED))
        assert await watch.changed(SECONDS)


async def test_all_watches_of_a_job_in_all_processes(
    valkey: ValkeyServer, hub: EventHub, other: EventHub
) -> None:
    async with listening(valkey) as third:
        with hub.watch("one") as a, hub.watch("one") as b, third.watch("one") as c:
            await other.publish(JobEvent("one", Phase.COMPLETED))
            assert [await watch.changed(SECONDS) for watch in (a, b, c)] == [True] * 3


async def test_what_happened_while_nobody_waited_is_not_lost(
    hub: EventHub, other: EventHub
) -> None:
    heard = Heard(hub)
    with hub.watch("one") as watch:
        for phase in (Phase.QUEUED, Phase.EXECUTING, Phase.COMPLETED):
            await other.publish(JobEvent("one", phase))
            await heard.next()
        # Several changes are one reason to look.
        assert await watch.changed(0.001)
        assert not await watch.changed(0)


async def test_a_watch_ends_with_its_block(hub: EventHub, other: EventHub) -> None:
    heard = Heard(hub)
    with hub.watch("one") as inner:
        pass
    with pytest.raises(RuntimeError, match="on purpose"), hub.watch("one"):
        raise RuntimeError("on purpose")
    with hub.watch("one") as watch:
        await other.publish(JobEvent("one", Phase.QUEUED))
        assert await watch.changed(SECONDS)
    await heard.next()
    assert not await inner.changed(0)
    hub.wake_all()
    assert not await inner.changed(0)


@pytest.mark.parametrize("phase", [*Phase, None])
async def test_listeners_are_told_all(hub: EventHub, other: EventHub, phase: Phase | None) -> None:
    heard = Heard(hub)
    await other.publish(JobEvent("job-é", phase))
    event = await heard.next()
    assert event == JobEvent("job-é", phase)
    assert event.phase is phase


async def test_a_worker_hears_of_jobs_that_somebody_may_have_in_hand(
    valkey: ValkeyServer, other: EventHub
) -> None:
    async with listening(valkey, HELD_CHANNEL) as hub:
        heard = Heard(hub)
        aborted, deleted = JobEvent("one", Phase.ABORTED), JobEvent("two", None)
        await other.publish(JobEvent("one", Phase.QUEUED))
        await other.publish(JobEvent("one", Phase.EXECUTING, by="a worker"))
        await other.publish(aborted)
        await other.publish(deleted)
        assert [await heard.next() for _ in range(2)] == [aborted, deleted]


async def test_what_is_said_to_a_server_that_was_restarted_is_said_again(
    valkey: ValkeyServer, hub: EventHub, other: EventHub
) -> None:
    heard = Heard(hub)
    await other.publish(JobEvent("one", Phase.QUEUED))
    await restart(valkey)
    await heard.join()
    await other.publish(JobEvent("two", Phase.QUEUED))
    assert [(await heard.next()).job_id for _ in range(2)] == ["one", "two"]


async def test_events_keep_their_order(hub: EventHub, other: EventHub) -> None:
    heard = Heard(hub)
    for number in range(200):
        await other.publish(JobEvent(str(number), Phase.QUEUED))
    assert [(await heard.next()).job_id for _ in range(200)] == [str(k) for k in range(200)]


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"7",
        b'"x"',
        b"{}",
        b'{"job": "one"}',
        b'{"phase": "QUEUED"}',
        json.dumps({"job": "one", "phase": "DONE"}).encode(),
        json.dumps({"job": "one", "phase": 7}).encode(),
        b"[" * 100_000,
    ],
    ids=lambda data: data[:20],
)
async def test_rubbish_on_the_channel_is_passed_over(
    valkey: ValkeyServer, hub: EventHub, other: EventHub, rubbish: bytes
) -> None:
    heard = Heard(hub)
    async with connected(valkey) as redis:
        await redis.publish(CHANNEL, rubbish)
    await other.publish(JobEvent("one", Phase.QUEUED))
    assert await heard.next() == JobEvent("one", Phase.QUEUED)
    assert heard.joins.empty()


# -- a server that goes away ------------------------------------------------------


async def test_after_a_restart_all_look_again_and_hear_again(
    valkey: ValkeyServer, hub: EventHub, other: EventHub
) -> None:
    heard = Heard(hub)
    with hub.watch("one") as watch, hub.watch("two") as second:
        await restart(valkey)
        # Nobody has said anything: the new connection alone is a reason to look.
        assert await watch.changed(SECONDS)
        assert await second.changed(SECONDS)
        await heard.join()
        assert heard.events.empty()
        assert hub.connected.is_set()
        await other.publish(JobEvent("one", Phase.ABORTED))
        assert await watch.changed(SECONDS)
        assert await heard.next() == JobEvent("one", Phase.ABORTED)
        assert not await second.changed(0)


async def test_more_than_once(valkey: ValkeyServer, hub: EventHub, other: EventHub) -> None:
    heard = Heard(hub)
    for number in range(3):
        await restart(valkey)
        await heard.join()
        await other.publish(JobEvent(str(number), None))
        assert await heard.next() == JobEvent(str(number), None)


async def test_a_hub_that_starts_before_its_server(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path / "valkey")
    async with connected(server) as redis:
        hub = EventHub(redis)
        task = asyncio.create_task(hub.run())
        try:
            with hub.watch("one") as watch:
                assert not await watch.changed(0.1)
                assert not hub.connected.is_set()
                await asyncio.to_thread(server.start)
                assert await watch.changed(SECONDS)
                assert hub.connected.is_set()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await asyncio.to_thread(server.stop)


async def test_while_the_server_is_away_all_is_refused_and_nothing_hangs(
    valkey: ValkeyServer, other: EventHub
) -> None:
    async with connected(valkey) as redis:
        dispatcher = Dispatcher(redis)
        await dispatcher.probe()
        await dispatcher.hint("simulator")
        await other.publish(JobEvent("one", None))
        await asyncio.to_thread(valkey.stop)
        async with asyncio.timeout(SECONDS):
            for _ in range(2):
                with pytest.raises(BusUnavailable):
                    await dispatcher.hint("simulator")
                with pytest.raises(BusUnavailable):
                    await dispatcher.waiting("simulator")
                with pytest.raises(BusUnavailable):
                    await dispatcher.probe()
                with pytest.raises(BusUnavailable) as caught:
                    await other.publish(JobEvent("one", None))
                assert str(caught.value)
                # As for a database that is away: users are told to try again, and not why.
                assert isinstance(caught.value, Unavailable)
                assert "try again" in caught.value.sentence
                assert caught.value.sentence != str(caught.value)
        # The same objects work again as soon as it is back.
        await asyncio.to_thread(valkey.start)
        await dispatcher.probe()
        await dispatcher.hint("simulator")
        await other.publish(JobEvent("one", None))


# -- hints --------------------------------------------------------------------


async def test_hints_are_counted_by_target(valkey: ValkeyServer) -> None:
    async with connected(valkey) as redis:
        dispatcher = Dispatcher(redis)
        assert await dispatcher.waiting("simulator") == 0
        for _ in range(3):
            await dispatcher.hint("simulator")
        await dispatcher.hint("other")
        assert await dispatcher.waiting("simulator") == 3
        assert await dispatcher.waiting("other") == 1


async def test_a_hint_is_json_and_names_no_job(valkey: ValkeyServer) -> None:
    async with connected(valkey) as redis:
        await Dispatcher(redis).hint("simulator")
        ((name, _),) = await redis.zrange(queue_name("simulator"), 0, -1, withscores=True)
        stored = json.loads(await redis.get(f"arq:job:{name.decode()}"))
        assert stored["f"] == "work"
        assert (stored["a"], stored["k"]) == ([], {})


async def test_hints_outlive_the_server(valkey: ValkeyServer) -> None:
    async with connected(valkey) as redis:
        dispatcher = Dispatcher(redis)
        await dispatcher.hint("simulator")
        await restart(valkey)
        assert await dispatcher.waiting("simulator") == 1


# -- the private server -------------------------------------------------------------


async def test_a_server_in_a_folder_with_a_long_name_can_be_started_again(tmp_path: Path) -> None:
    # A socket's path may not be long: it then lies elsewhere.
    server = ValkeyServer(tmp_path / ("long" * 30) / "valkey")
    for _ in range(2):
        try:
            await asyncio.to_thread(server.start)
            async with connected(server) as redis:
                await Dispatcher(redis).probe()
        finally:
            await asyncio.to_thread(server.stop)


def test_the_socket_is_for_its_user_only(valkey: ValkeyServer) -> None:
    assert Path(valkey.socket).stat().st_mode & 0o777 == 0o700


async def test_a_server_has_no_port(valkey: ValkeyServer) -> None:
    async with connected(valkey) as redis:
        assert (await redis.config_get("port"))["port"] == "0"
        assert (await redis.config_get("appendonly"))["appendonly"] == "yes"


async def test_who_is_in_trouble_is_known_for_as_long_as_it_says_so(
    valkey: ValkeyServer,
) -> None:
    async with connected(valkey) as redis:
        dispatcher = Dispatcher(redis)
        assert await dispatcher.unfit("t") == []
        first, second = UnfitWorker("t", "a:1", "no room é"), UnfitWorker("t", "b:2", "no process")
        await dispatcher.tell_unfit(second)
        await dispatcher.tell_unfit(first)
        await dispatcher.tell_unfit(UnfitWorker("other", "c:3", "x"))
        assert await dispatcher.unfit("t") == [first, second]
        # All of it goes by itself, and one of them also while others go on.
        assert 0 < await redis.ttl("quws:unfit:t") <= 15
        told = json.loads((await redis.hgetall("quws:unfit:t"))[b"a:1"])
        await redis.hset("quws:unfit:t", "a:1", json.dumps({**told, "time": told["time"] - 17}))
        assert await dispatcher.unfit("t") == [second]
    with pytest.raises(BusUnavailable):
        await Dispatcher(connect("unix:///nowhere")).unfit("t")
    with pytest.raises(BusUnavailable):
        await Dispatcher(connect("unix:///nowhere")).tell_unfit(first)


def test_a_server_that_cannot_start_says_where_to_look(tmp_path: Path) -> None:
    folder = tmp_path / "valkey"
    (folder / "appendonlydir").mkdir(parents=True)
    (folder / "appendonlydir" / "appendonly.aof.manifest").write_text("rubbish\n")
    server = ValkeyServer(folder)
    with pytest.raises(NoServer, match=r"does not start; its log is .*valkey\.log"):
        server.start()
    assert server.process.poll() is not None
