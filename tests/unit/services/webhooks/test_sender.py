"""Messages sent to a real server that fails, hangs, redirects, is away and comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest
from harness import free_port
from house import ANNA, House
from receiver import HANG, Receiver, receiving
from sqlalchemy import update

from quws.domain.webhooks import DeliveryState
from quws.services.webhooks.post import Poster
from quws.services.webhooks.sender import WebhookSender
from quws.store import tables as t
from quws.store.webhook_queue import WebhookQueue

pytestmark = pytest.mark.anyio
LOOPBACK = [ip_network("127.0.0.0/8")]
REDIRECT = b"HTTP/1.1 307 x\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"


class Post:
    """An owner with a webhook, and who sends to it."""

    def __init__(self, house: House, poster: Poster, webhook: str, secret: str) -> None:
        self.house, self.poster, self.webhook, self.secret = house, poster, webhook, secret
        queue = WebhookQueue(house.database)
        self.sender = WebhookSender(queue, lambda: poster, "https://host/q", lambda: 0.5)

    async def work(self) -> None:
        """Take and send until nothing is to be done now."""
        for _ in range(20):
            await self.sender.look(self.poster)
            await self.sender.settled()

    async def time_passes(self) -> None:
        """Let the time of every further try come."""
        async with self.house.database.write() as connection:
            await connection.execute(update(t.webhook_deliveries).values(next_try=0))
            await connection.execute(update(t.webhooks).values(not_before=None))

    async def states(self) -> list[tuple[str, int, str | None]]:
        found = await self.house.jobs.webhooks.deliveries(ANNA, self.webhook, None)
        return [(item.state, item.attempts, item.trouble) for item in reversed(found)]


@asynccontextmanager
async def posting(
    house: House, url: str, poster: Poster | None = None, seconds: float = 10
) -> AsyncIterator[Post]:
    webhooks = house.service(webhook_networks=LOOPBACK).webhooks
    made = await webhooks.add(ANNA, url, None)
    poster = poster or Poster(LOOPBACK, seconds=seconds)
    try:
        yield Post(house, poster, made.webhook.id, made.secret or "")
    finally:
        await poster.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


async def test_each_change_is_told_in_order_and_signed(house: House, receiver: Receiver) -> None:
    async with posting(house, f"{receiver.url}?token=x") as post:
        jobs = [await house.submit(RUNID="é", NAME="n", PHASE="RUN") for _ in range(3)]
        for job in jobs:
            await house.jobs.control.abort(ANNA, job.id)
        await house.jobs.control.delete(ANNA, jobs[0].id)
        await post.work()
    for job in jobs:
        mine = [item for item in receiver.got if item.job == job.id]
        gone = ["job.deleted"] if job is jobs[0] else []
        assert [item.type for item in mine] == ["job.queued", "job.aborted", *gone]
    assert len({item.headers["webhook-id"] for item in receiver.got}) == 7
    got = receiver.got[-1]
    assert all(item.signed_with(post.secret) for item in receiver.got)
    assert got.path == "/told?token=x"
    assert got.headers["content-type"] == "application/json"
    (told,) = [
        item for item in receiver.got if item.type == "job.aborted" and item.job == jobs[1].id
    ]
    assert told.content["data"] == {
        "id": jobs[1].id,
        "phase": "ABORTED",
        "owner": "anna",
        "run_id": "é",
        "name": "n",
        "url": f"https://host/q/jobs/{jobs[1].id}",
    }


async def test_who_fails_is_tried_again_and_misses_nothing(
    house: House, receiver: Receiver
) -> None:
    async with posting(house, receiver.url, seconds=0.3) as post:
        receiver.will(500, HANG, REDIRECT, b"nonsense\r\n\r\n", 429)
        job = await house.submit(PHASE="RUN")
        await house.jobs.control.abort(ANNA, job.id)
        troubles = []
        for _ in range(5):
            await post.work()
            troubles.append((await post.states())[0][2])
            await post.time_passes()
        assert troubles == [
            "it answered with 500",
            "it did not answer within 0.3 seconds",
            "it answered with 307",
            "the connection broke",
            "it answered with 429",
        ]
        assert {item.path for item in receiver.got} == {"/told"}, "no redirection is followed"
        await post.work()
        assert [state for state, *_ in await post.states()] == ["done", "done"]
    assert [item.type for item in receiver.got] == ["job.queued"] * 6 + ["job.aborted"]
    assert len({item.headers["webhook-id"] for item in receiver.got}) == 2


async def test_who_comes_back_gets_what_was_missed(house: House) -> None:
    port = free_port()
    async with posting(house, f"http://127.0.0.1:{port}/told") as post:
        jobs = [await house.submit() for _ in range(6)]
        await post.work()
        assert {trouble for *_, trouble in await post.states()} <= {
            "there is no connection",
            None,
        }
        async with receiving(port) as receiver:
            await post.work()
            assert receiver.got == [], "it rests for a while"
            async with house.database.write() as connection:
                await connection.execute(update(t.webhooks).values(not_before=None))
                first = update(t.webhook_deliveries).where(t.webhook_deliveries.c.id == 1)
                await connection.execute(first.values(next_try=0))
            await post.work()
            assert sorted(item.job for item in receiver.got) == sorted(job.id for job in jobs)


async def test_after_a_day_or_by_410_a_message_is_dead(house: House, receiver: Receiver) -> None:
    async with posting(house, receiver.url) as post:
        receiver.will(410, 500)
        for _ in range(2):
            await house.submit()
            await post.work()
            await post.time_passes()
        async with house.database.write() as connection:
            d = t.webhook_deliveries.c
            await connection.execute(
                update(t.webhook_deliveries).values(since=d.since - 24 * 3_600_000)
            )
        receiver.will(500)
        await post.work()
        webhooks = house.jobs.webhooks
        dead = await webhooks.deliveries(ANNA, post.webhook, DeliveryState.DEAD)
        assert [item.trouble for item in dead] == ["it answered with 500", "it answered with 410"]
        assert await webhooks.revive(ANNA, post.webhook) == 2
        await post.work()
        assert [state for state, *_ in await post.states()] == ["done", "done"]


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.1"], ["93.184.216.34", "169.254.169.254"], ["::1"], []],
    ids=str,
)
async def test_a_name_is_no_way_into_a_network(
    house: House, receiver: Receiver, addresses: Sequence[str]
) -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        assert (host, port) == ("inside.example", receiver.port)
        return addresses

    url = f"http://inside.example:{receiver.port}/"
    async with posting(house, url, Poster(resolver=resolver)) as post:
        await house.submit()
        await post.work()
        ((_, _, trouble),) = await post.states()
    assert trouble == "its address is private, or otherwise not allowed"
    assert receiver.got == []


async def test_the_address_that_was_looked_at_is_the_one_that_is_used(
    house: House, receiver: Receiver
) -> None:
    asked = []

    async def resolver(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        # Whoever looks once more is told something else.
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    url = f"http://rebound.example:{receiver.port}/"
    async with posting(house, url, Poster(LOOPBACK, resolver)) as post:
        await house.submit()
        await post.work()
        assert [item.headers["host"] for item in receiver.got] == [
            f"rebound.example:{receiver.port}"
        ]
        assert asked == ["rebound.example"]
        await house.submit()
        await post.work()
    assert len(receiver.got) == 1
    assert len(asked) == 2


async def test_nothing_is_done_before_it_is_told_that_there_are_webhooks(house: House) -> None:
    def never() -> Poster:
        raise AssertionError("nobody has asked for it")

    sender = WebhookSender(WebhookQueue(house.database), never, None)
    assert not (await house.store.sweeps.duties()).webhooks
    await house.submit()
    assert await WebhookQueue(house.database).look() is None
    await house.service(webhook_networks=LOOPBACK).webhooks.add(ANNA, "https://x.example/", None)
    assert (await house.store.sweeps.duties()).webhooks
    await sender.settled()
