"""Labels that are changed after submission, and lists by them."""

from __future__ import annotations

import pytest
from store_helpers import NOW, added, apply, claimed, drive, got, ids, later, new_job

from quws.domain.job import Parameter
from quws.domain.labels import ListFilter, Order, Place, Relabel
from quws.domain.phases import Phase
from quws.domain.spec import JobSpec
from quws.store.database import Database
from quws.store.jobs.control import NewParameters
from quws.store.jobs.labels import TooManyTags
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


async def tagged(store: JobStore, *tags: str, **changes: object) -> str:
    return (await added(store, spec=JobSpec(tags=list(tags)), **changes)).id


async def labels(store: JobStore, job_id: str) -> tuple[object, ...]:
    job = await got(store, job_id)
    return job.name, job.run_id, sorted(job.spec.tags), job.spec.metadata


async def test_labels_change_in_any_phase(database: Database, store: JobStore) -> None:
    for phase in set(Phase) - {Phase.ARCHIVED}:
        job_id = await tagged(store, "a", "é")
        await drive(database, job_id, phase=phase)
        change = Relabel(name="n", run_id="r", add=("b",), remove=("a",), metadata={"k": [1]})
        (ref,) = await store.labels.change([job_id], change, NOW)
        assert (ref.id, ref.run_id, ref.phase) == (job_id, "r", phase)
        assert await labels(store, job_id) == ("n", "r", ["b", "é"], {"k": [1]})
        gone = Relabel(name="", run_id="", tags=(), metadata={})
        assert len(await store.labels.change([job_id], gone, NOW)) == 1
        assert await labels(store, job_id) == (None, None, [], {})
        assert await ids(store, owner="anna", tags=frozenset({"b"})) == []


async def test_what_is_archived_or_gone_keeps_its_labels(
    database: Database, store: JobStore
) -> None:
    job_id = await tagged(store, "a")
    await drive(database, job_id, phase=Phase.ARCHIVED)
    change = Relabel(name="n", add=("b",))
    assert await store.labels.change([job_id, new_job().id], change, NOW) == []
    assert await labels(store, job_id) == (None, None, ["a"], {})


async def test_only_what_differs_is_changed_and_told(store: JobStore) -> None:
    first, second = await tagged(store, "a"), await tagged(store, "b")
    change = Relabel(add=("b",), metadata={"é": 1.5})
    assert len(await store.labels.change([first, second], change, NOW)) == 2
    newest = await store.outbox.newest()
    assert await store.labels.change([first, second], change, NOW) == []
    assert await store.outbox.newest() == newest
    both = await store.labels.change([first, second], Relabel(remove=("a",)), NOW)
    assert [ref.id for ref in both] == [first]
    (news,) = await store.outbox.since("anna", everybody=False, after=newest)
    assert (news.job_id, news.job) == (first, both[0])


async def test_metadata_count_for_the_limit_of_the_owner(store: JobStore) -> None:
    job_id = await tagged(store)
    before = (await store.usage.of("anna")).stored_bytes
    for metadata in ({"a": "x" * 100}, {"b": 1}):
        await store.labels.change([job_id], Relabel(metadata=metadata), NOW)
    assert (await store.usage.of("anna")).stored_bytes - before == len('{"b": 1}')


async def test_no_job_has_too_many_tags(store: JobStore) -> None:
    few, full = await tagged(store), await tagged(store, *map(str, range(100)))
    with pytest.raises(TooManyTags, match=full):
        await store.labels.change([few, full], Relabel(add=("one more",)), NOW)
    assert await labels(store, few) == (None, None, [], {})
    await store.labels.change([full], Relabel(add=("one more",), remove=("7",)), NOW)
    assert len((await got(store, full)).spec.tags) == 100


async def test_parameters_that_are_sent_again_go_before_labels_of_before(store: JobStore) -> None:
    job_id = await tagged(store, "a")
    await store.labels.change([job_id], Relabel(tags=("b",)), NOW)
    columns = {"circuits": 1, "spec": JobSpec(tags=["c"]).stored()}
    same = NewParameters([Parameter("CIRCUIT", "x")], columns)
    assert await apply(store, job_id, parameters=same)
    assert (await got(store, job_id)).spec.tags == ["b"]
    new = NewParameters([Parameter("TAG", "c")], columns | {"tags": None}, tags=["c"])
    assert await apply(store, job_id, parameters=new)
    assert (await got(store, job_id)).spec.tags == ["c"]
    for tag, found in (("c", [job_id]), ("b", []), ("a", [])):
        assert await ids(store, owner="anna", tags=frozenset({tag})) == found


async def test_lists_by_labels(store: JobStore) -> None:
    jobs = [
        await tagged(store, "x", creation_time=later(1), run_id="r", name="Bell 100%"),
        await tagged(store, "x", "y", creation_time=later(2), target="other"),
        await tagged(store, "x", "y", creation_time=later(3), owner="bert", run_id="r"),
        await tagged(store, creation_time=later(4), run_id="R" * 300),
    ]

    async def places(**wanted: object) -> list[int]:
        return [jobs.index(job_id) for job_id in await ids(store, owner="anna", **wanted)]

    assert await places(tags=frozenset({"x"})) == [1, 0]
    assert await places(tags=frozenset({"x", "y"})) == [1]
    assert await places(tags=frozenset({"x"}), order=Order.OLDEST) == [0, 1]
    assert await places(tags=frozenset({"X"})) == []
    assert await places(tags=frozenset({"x"}), everybody=True) == [2, 1, 0]
    assert await places(run_id="r") == [0]
    assert await places(run_id="R" * 300) == [3]
    assert await places(run_id="r", everybody=True, tags=frozenset({"y"})) == [2]
    assert await places(target="other") == [1]
    assert await places(before=later(2)) == [0]
    assert await places(after=later(1), before=later(4)) == [1]
    for text, found in (("bELL", [0]), ("0%", [0]), ("_", []), ("Y", [1]), ("rrr", [3])):
        assert await places(text=text) == found, text


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("tags", [frozenset[str](), frozenset({"t"})], ids=["all", "tagged"])
async def test_pages_of_every_order_make_up_the_list(
    database: Database, store: JobStore, order: Order, tags: frozenset[str]
) -> None:
    for k in range(7):
        run_id = (None, "b", "a", "b", "a" * 201)[k % 5]
        job_id = await tagged(store, "t", creation_time=later(k // 2), run_id=run_id)
        await drive(database, job_id, end_time=None if k % 3 else later(10 - k // 4))
    wanted = ListFilter(owner="anna", order=order, tags=tags)
    whole = await ids(store, owner="anna", order=order, tags=tags)
    assert len(set(whole)) == 7
    for size in (1, 2, 3):
        seen: list[str] = []
        past: Place | None = None
        while page := await store.listing.rows(wanted, size, past):
            seen += [row.ref.id for row in page]
            past = Place.read(Place.of(page[-1]).written())
        assert seen == whole
    third = (await store.listing.rows(wanted, 3))[2]
    # It need not be there any more.
    await store.control.delete(third.ref.id, NOW)
    refs = store.listing.refs(wanted, Place.of(third))
    assert [ref.id async for chunk in refs for ref in chunk] == whole[3:]
    whole = [*whole[:2], *whole[3:]]
    assert await ids(store, owner="anna", order=order, tags=tags, last=4) == whole[:4]
    jobs = [await got(store, job_id) for job_id in whole]
    known: list[object] = []
    match order:
        case Order.NEWEST | Order.OLDEST:
            known = [(job.creation_time, job.id) for job in jobs]
        case Order.RUN_ID | Order.RUN_ID_BACK:
            known = [j.run_id for j in jobs if j.run_id is not None and len(j.run_id) <= 200]
            assert known == [job.run_id for job in jobs[: len(known)]], "the others come last"
        case Order.ENDED | Order.ENDED_LAST:
            known = [job.end_time for job in jobs if job.end_time is not None]
            assert known == [job.end_time for job in jobs[: len(known)]], "the others come last"
    assert known == sorted(known, reverse=order.startswith("-"))  # type: ignore[type-var]


async def test_a_label_is_no_business_of_a_worker(store: JobStore) -> None:
    held = await claimed(store)
    await store.labels.change([held.id], Relabel(name="n"), NOW)
    assert (await got(store, held.id)).phase is Phase.EXECUTING
