"""Messages to webhooks: taken from the outbox once, claimed by one sender, in order of each job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from plans import Caught, connected
from sqlalchemy import insert, text, update
from store_helpers import NOW, added, later, new_job, queued, run

from quws.domain.job import TimelineEntry
from quws.domain.labels import Relabel
from quws.domain.phases import Phase
from quws.domain.webhooks import DeliveryState, Due, EventType, new_secret
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.store import JobStore
from quws.store.webhook_queue import Look, WebhookQueue

pytestmark = pytest.mark.anyio
URL = "https://example.org/a"
LEASE = timedelta(seconds=60)
NONE = timedelta(0)
SECRET = new_secret()


@pytest.fixture
def queue(database: Database) -> WebhookQueue:
    return WebhookQueue(database)


async def hook(store: JobStore, *events: EventType, owner: str = "anna", url: str = URL) -> str:
    await store.webhooks.make_secret(owner, SECRET)
    found = await store.webhooks.add(owner, url, events or None, NOW, 20)
    assert found is not None
    return found.id


async def take(queue: WebhookQueue) -> list[tuple[str, str]]:
    """Take what is new from the outbox; return of which jobs it tells, and what."""
    told = []
    # The second look makes sure of what the first has seen.
    for _ in range(2):
        found = await queue.look()
        if found is None:
            break
        wanted = {place: "{}" for place, item in enumerate(found.messages) if item.wanted}
        if found.moved or wanted:
            await queue.take(found, wanted)
        told += [
            (found.messages[place].job_id, str(found.messages[place].event)) for place in wanted
        ]
    return list(dict.fromkeys(told))


async def claim(queue: WebhookQueue, lease: timedelta = LEASE) -> list[Due]:
    return await queue.claim(100, 100, lease)


async def states(store: JobStore, webhook: str) -> list[str]:
    found = await store.webhooks.deliveries(webhook, None, 100)
    return [item.state for item in reversed(found)]


async def test_a_standing_webhook_is_told_of_all_from_now_on(
    store: JobStore, queue: WebhookQueue
) -> None:
    await added(store)
    assert await queue.look() is None
    webhook = await hook(store)
    job, other = await added(store), await added(store, owner="bert")
    await run(store, job.id)
    await store.labels.change([job.id], Relabel(name="n"), NOW)
    await store.control.delete(other.id, NOW)
    assert await take(queue) == [(job.id, "job.pending"), (job.id, "job.queued")]
    assert await take(queue) == []
    assert await states(store, webhook) == ["pending", "pending"]


async def test_one_of_some_events_is_told_of_these(store: JobStore, queue: WebhookQueue) -> None:
    await hook(store, EventType.DELETED, EventType.QUEUED)
    job = await queued(store)
    await store.control.abort(job.id, TimelineEntry(NOW, "aborted", "test"))
    await store.control.delete(job.id, NOW)
    assert await take(queue) == [(job.id, "job.queued"), (job.id, "job.deleted")]


async def test_a_job_names_its_own(store: JobStore, queue: WebhookQueue) -> None:
    await store.webhooks.make_secret("anna", SECRET)
    job = new_job()
    await store.creation.add(job, [TimelineEntry(NOW, "received", "quws")], None, URL)
    await added(store)
    await store.control.delete(job.id, NOW)
    assert await take(queue) == [(job.id, "job.pending"), (job.id, "job.deleted")]
    (webhook,) = await store.webhooks.of("anna")
    assert not webhook.standing
    # Nobody needs it once all of it was sent.
    for due in await claim(queue) + await claim(queue):
        await queue.done(due)
        for following in await claim(queue):
            await queue.done(following)
    assert await states(store, webhook.id) == ["done", "done"]
    assert await store.webhooks.prune(later(1), later(-1)) == 2
    assert await store.webhooks.of("anna") == []


async def test_messages_of_a_job_go_one_after_the_other(
    store: JobStore, queue: WebhookQueue
) -> None:
    await hook(store)
    first, second = await added(store), await added(store)
    for job in (first, second):
        await run(store, job.id)
    await take(queue)
    claimed = await claim(queue)
    assert [item.attempt for item in claimed] == [1, 1]
    assert await claim(queue) == []
    await queue.failed(claimed[0], "it answered with 500", LEASE, NONE)
    await queue.done(claimed[1])
    (following,) = await claim(queue)
    assert following.message > claimed[1].message


async def test_who_lost_a_lease_changes_nothing(store: JobStore, queue: WebhookQueue) -> None:
    webhook = await hook(store)
    await added(store)
    await take(queue)
    (frozen,) = await claim(queue, NONE)
    (taken,) = await claim(queue)
    assert (taken.id, taken.attempt) == (frozen.id, 2)
    await queue.failed(frozen, "late", None, LEASE)
    assert await states(store, webhook) == ["pending"]
    await queue.done(taken)
    await queue.failed(frozen, "late", None, LEASE)
    assert await states(store, webhook) == ["done"]


async def test_what_came_back_gets_all_at_once(store: JobStore, queue: WebhookQueue) -> None:
    webhook = await hook(store)
    for _ in range(3):
        await added(store)
    await take(queue)
    first, second, third = await claim(queue)
    for due in (first, second):
        await queue.failed(due, "it answered with 503", LEASE, LEASE)
    found = await store.webhooks.get("anna", webhook)
    assert found is not None
    assert (found.failures, found.trouble) == (1, "it answered with 503"), "they were sent at once"
    assert await claim(queue) == []
    assert await queue.look() is None
    await queue.done(replace(third, failures=1))
    assert {item.id for item in await claim(queue)} == {first.id, second.id}
    found = await store.webhooks.get("anna", webhook)
    assert found is not None
    assert found.failures == 0
    assert found.last_success is not None


async def test_what_is_dead_is_listed_and_can_be_tried_again(
    store: JobStore, queue: WebhookQueue
) -> None:
    webhook = await hook(store)
    job = await added(store)
    await run(store, job.id)
    await take(queue)
    (due,) = await claim(queue)
    await queue.failed(due, "it answered with 410", None, NONE)
    (dead,) = await store.webhooks.deliveries(webhook, DeliveryState.DEAD, 10)
    assert (dead.job_id, dead.event, dead.trouble) == (
        job.id,
        "job.pending",
        "it answered with 410",
    )
    (following,) = await claim(queue)
    assert following.id != due.id
    assert await store.webhooks.revive(webhook) == 1
    (again,) = await claim(queue)
    assert again.id == due.id
    assert again.message == due.message


async def test_a_secret_of_before_signs_too_for_a_while(
    store: JobStore, queue: WebhookQueue
) -> None:
    await hook(store)
    await added(store)
    await take(queue)
    new = new_secret()
    await store.webhooks.set_secret("anna", new, later(10**8))
    (due,) = await claim(queue, NONE)
    assert due.secrets == [new, SECRET]
    await store.webhooks.set_secret("anna", new_secret(), NOW - timedelta(days=9999))
    (due,) = await claim(queue)
    assert len(due.secrets) == 1
    assert SECRET not in repr(due)
    assert due.secrets[0] not in repr(due)


async def test_what_is_committed_late_is_told_all_the_same(
    database: Database, store: JobStore, queue: WebhookQueue
) -> None:
    if database.is_sqlite:
        return  # Where one writes at a time nothing is.
    await hook(store)
    row = {"time": NOW, "kind": "phase", "owner": "anna", "phase": Phase.ERROR}
    async with database.write() as late:
        await late.execute(insert(t.outbox).values(job_id="late", **row))
        for _ in range(3):
            await added(store)
            assert len(await take(queue)) >= 1
    assert ("late", "job.error") in await take(queue)
    assert await take(queue) == []


async def test_two_who_look_at_once_take_each_message_once(
    store: JobStore, queue: WebhookQueue
) -> None:
    webhook = await hook(store)
    await added(store)
    looks: Sequence[Look | None] = [await queue.look(), await queue.look()]
    for found in looks:
        assert found is not None
        await queue.take(found, {0: "{}"})
    assert await states(store, webhook) == ["pending"]


async def test_an_owner_has_so_many_and_sees_none_of_others(store: JobStore) -> None:
    for number in range(2):
        assert await store.webhooks.add("anna", f"{URL}{number}", None, NOW, 2) is not None
    assert await store.webhooks.add("anna", URL, None, NOW, 2) is None
    again = await store.webhooks.add("anna", f"{URL}1", [EventType.ERROR], NOW, 2)
    assert again is not None
    assert again.events == [EventType.ERROR]
    assert await store.webhooks.of("bert") == []
    assert await store.webhooks.get("bert", again.id) is None
    assert not await store.webhooks.remove("bert", again.id)
    assert await store.webhooks.remove("anna", again.id)


async def test_few_of_each_webhook_are_claimed_at_once(
    database: Database, store: JobStore, queue: WebhookQueue
) -> None:
    busy, other = await hook(store), await hook(store, url=f"{URL}/other")
    for _ in range(5):
        await added(store)
    await take(queue)
    found = await queue.claim(100, 2, LEASE)
    assert sorted(item.webhook for item in found) == sorted([busy, busy, other, other])
    found = await queue.claim(100, 2, LEASE, but=[busy])
    assert {item.webhook for item in found} == {other}
    async with database.write() as connection:
        await connection.execute(update(t.webhooks).values(not_before=2**60))
    assert await claim(queue) == []


async def test_what_rests_is_not_looked_at_and_each_has_an_index(
    store: JobStore, queue: WebhookQueue, url: str
) -> None:
    for number in range(3):
        await hook(store, url=f"{URL}{number}")
    for _ in range(100):
        await added(store)
    await take(queue)
    with connected(url) as connection:
        connection.execute(text("ANALYZE"))
    with Caught("webhook_deliveries") as caught:
        assert len(await queue.claim(9, 3, LEASE)) == 9
        assert await queue.look() is not None
    # Each webhook has the same statement.
    caught.sent = list({statement: (statement, given) for statement, given in caught.sent}.values())
    for sent in caught.sent:
        if sent[0].startswith("SELECT webhook_deliveries"):
            continue  # Those that were claimed, by their keys.
        plan = caught.plan(url, lambda statement, sent=sent: statement == sent[0])
        assert "SCAN webhook_deliveries" not in plan, plan
        assert "Seq Scan on webhook_deliveries" not in plan, plan
