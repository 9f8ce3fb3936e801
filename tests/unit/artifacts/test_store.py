"""Artifacts in a folder: whole, in part, and gone without a trace."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from obstore.exceptions import BaseError

from quws.artifacts import ArtifactMissing, ArtifactStore, ArtifactStoreUnavailable
from quws.domain.errors import Unavailable

pytestmark = pytest.mark.anyio
LARGE = bytes(range(256)) * 4096 * 5


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def store(folder: Path) -> ArtifactStore:
    return ArtifactStore(folder.as_uri())


async def collect(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def everything_in(folder: Path) -> list[str]:
    assert folder.is_dir()
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- putting and reading ------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"x", b"\x00\xff\r\n", LARGE], ids=len)
async def test_what_is_put_is_read(store: ArtifactStore, content: bytes) -> None:
    assert await store.put("JOB/1/counts", content) == len(content)
    assert await store.read("JOB/1/counts") == content
    assert await collect(store.stream("JOB/1/counts")) == content


@pytest.mark.parametrize("content", [b"", b"x", LARGE], ids=len)
async def test_a_file_is_put(store: ArtifactStore, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a file"
    path.write_bytes(content)
    with path.open("rb") as file:
        # Once more after it was read to its end: as where the store was away.
        for _ in range(2):
            assert await store.put("JOB/1/counts", file) == len(content)
            assert await store.read("JOB/1/counts") == content
    assert path.read_bytes() == content


async def test_small_ones_lie_in_one_file(store: ArtifactStore, folder: Path) -> None:
    contents = [b"one", b"", b"another", LARGE]
    keys = await store.put_together("JOB/1/Together", contents)
    assert [await store.read(key) for key in keys] == contents
    assert await collect(store.stream(keys[2], 2)) == b"other"
    assert await collect(store.stream(keys[2], 2, 4)) == b"ot"
    assert await collect(store.stream(keys[0], 1, 99)) == b"ne"
    assert names_in(folder / "JOB" / "1") == ["Together"]
    # None of them goes while one is needed.
    await store.put("JOB/1/other", b"")
    assert await store.delete("JOB", keep={keys[0]}) == 1
    assert await store.read(keys[2]) == b"another"
    await store.delete("JOB")
    with pytest.raises(ArtifactMissing):
        await store.read(keys[2])


async def test_large_things_come_in_chunks(store: ArtifactStore) -> None:
    await store.put("JOB/1/counts", LARGE)
    sizes = [len(chunk) async for chunk in store.stream("JOB/1/counts")]
    assert len(sizes) > 1
    assert sum(sizes) == len(LARGE)


async def test_what_is_put_twice_is_the_last(store: ArtifactStore, folder: Path) -> None:
    await store.put("JOB/1/counts", LARGE)
    await store.put("JOB/1/counts", b"short")
    assert await store.read("JOB/1/counts") == b"short"
    assert everything_in(folder) == ["JOB", "JOB/1", "JOB/1/counts"]


async def test_readers_see_all_of_it_or_nothing(store: ArtifactStore) -> None:
    one, other = LARGE, LARGE[::-1]
    await store.put("JOB/1/counts", one)
    ended = False

    async def write() -> None:
        nonlocal ended
        for content in (other, one, other, one):
            await store.put("JOB/1/counts", content)
        ended = True

    writing = asyncio.create_task(write())
    seen = set()
    while not ended:
        seen.add(await store.read("JOB/1/counts"))
    await writing
    assert seen <= {one, other}


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (0, None),
        (0, 1),
        (0, 10),
        (3, 7),
        (9, 10),
        (5, None),
        (9, None),
        (0, 11),
        (3, 1000),
    ],
)
async def test_a_range(store: ArtifactStore, start: int, end: int | None) -> None:
    await store.put("JOB/1/counts", b"0123456789")
    assert await collect(store.stream("JOB/1/counts", start, end)) == b"0123456789"[start:end]


async def test_a_range_of_something_large(store: ArtifactStore) -> None:
    await store.put("JOB/1/counts", LARGE)
    middle = len(LARGE) // 2
    assert await collect(store.stream("JOB/1/counts", 7, middle)) == LARGE[7:middle]
    assert await collect(store.stream("JOB/1/counts", middle)) == LARGE[middle:]


@pytest.mark.parametrize(("start", "end"), [(0, None), (0, 5), (5, None)])
async def test_what_is_not_there(store: ArtifactStore, start: int, end: int | None) -> None:
    await store.put("JOB/1/counts", b"x")
    for key in ("JOB/1/memory", "JOB/2/counts", "JOB2/1/counts", "JOB"):
        with pytest.raises(ArtifactMissing):
            await collect(store.stream(key, start, end))


@pytest.mark.parametrize("name", ["with space", "50%", "a#b", "a?b=c", "量子", "a&b", "'\""])
async def test_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "artifacts"
    store = ArtifactStore(folder.as_uri())
    await store.put("JOB/1/counts", b"x")
    assert (folder / "JOB/1/counts").read_bytes() == b"x"
    assert await store.read("JOB/1/counts") == b"x"


async def test_a_folder_that_is_there_already_is_used(folder: Path) -> None:
    await ArtifactStore(folder.as_uri()).put("JOB/1/counts", b"x")
    assert await ArtifactStore(folder.as_uri()).read("JOB/1/counts") == b"x"


@pytest.mark.parametrize("key", ["../outside", "JOB/../../outside", "/../outside"])
async def test_no_key_leads_out_of_the_folder(store: ArtifactStore, folder: Path, key: str) -> None:
    with pytest.raises((ArtifactStoreUnavailable, ValueError)):
        await store.put(key, b"x")
    assert everything_in(folder.parent) == ["artifacts"]


# -- deleting -----------------------------------------------------------------


async def test_nothing_of_a_deleted_prefix_is_left(store: ArtifactStore, folder: Path) -> None:
    for name in ("1/counts", "1/log", "2/deep/er/memory", "parameters/0", "top"):
        await store.put(f"JOB/{name}", b"x")
    await store.put("OTHER/1/counts", b"x")
    assert await store.delete("JOB") == 5
    assert everything_in(folder) == ["OTHER", "OTHER/1", "OTHER/1/counts"]
    assert await store.delete("JOB") == 0


async def test_the_last_one_leaves_the_folder_itself(store: ArtifactStore, folder: Path) -> None:
    await store.put("JOB/1/counts", b"x")
    assert await store.delete("JOB") == 1
    assert everything_in(folder) == []
    await store.put("JOB/1/counts", b"y")
    assert await store.read("JOB/1/counts") == b"y"


async def test_many_at_once(store: ArtifactStore, folder: Path) -> None:
    await asyncio.gather(*(store.put(f"JOB/{k % 7}/counts-{k}", b"x") for k in range(300)))
    assert await store.delete("JOB") == 300
    assert everything_in(folder) == []


async def test_a_prefix_is_of_whole_names(store: ArtifactStore, folder: Path) -> None:
    for job in ("JOB", "JOB2", "JO", "XJOB"):
        await store.put(f"{job}/1/counts", b"x")
    await store.put("OTHER/JOB/counts", b"x")
    assert await store.delete("JOB") == 1
    assert names_in(folder) == ["JO", "JOB2", "OTHER", "XJOB"]
    assert await store.read("JOB2/1/counts") == b"x"
    assert await store.read("OTHER/JOB/counts") == b"x"


async def test_one_attempt_of_a_job(store: ArtifactStore, folder: Path) -> None:
    for attempt in ("1", "10", "2"):
        await store.put(f"JOB/{attempt}/counts", b"x")
    assert await store.delete("JOB/1") == 1
    assert names_in(folder / "JOB") == ["10", "2"]


async def test_what_a_killed_writer_left_is_deleted_too(store: ArtifactStore, folder: Path) -> None:
    # obstore writes under NAME#1 and renames; whoever is killed in between leaves that.
    await store.put("JOB/1/counts", b"x")
    (folder / "JOB/1/memory#1").write_bytes(b"half of it")
    (folder / "JOB/2").mkdir()
    await store.delete("JOB")
    assert everything_in(folder) == []
    assert await store.owners() == []


async def test_several_who_delete_the_same(store: ArtifactStore, folder: Path) -> None:
    # The request that deletes a job and the sweep of garbage come at the same time.
    for _ in range(5):
        await asyncio.gather(*(store.put(f"JOB/1/counts-{k}", b"x") for k in range(100)))
        await asyncio.gather(*(store.delete("JOB") for _ in range(4)))
        assert everything_in(folder) == []


async def test_who_reads_what_is_being_deleted(store: ArtifactStore) -> None:
    await store.put("JOB/1/counts", LARGE)
    reading = store.stream("JOB/1/counts")
    first = await anext(reading)
    await store.delete("JOB")
    assert first + await collect(reading) == LARGE


# -- owners and health ------------------------------------------------------------


async def test_owners(store: ArtifactStore) -> None:
    assert await store.owners() == []
    for key in ("B/1/counts", "A/1/counts", "A/2/counts", "C/parameters/0"):
        await store.put(key, b"x")
    assert sorted(await store.owners()) == ["A", "B", "C"]
    await store.delete("A")
    assert sorted(await store.owners()) == ["B", "C"]


async def test_check(store: ArtifactStore) -> None:
    await store.probe()
    await store.probe()


# -- when the store is away ---------------------------------------------------------


@pytest.fixture
def broken(store: ArtifactStore, folder: Path) -> ArtifactStore:
    """A store whose folder has become a file: nobody, not even root, can write below it."""
    folder.rmdir()
    folder.write_bytes(b"")
    return store


async def test_what_cannot_be_written(broken: ArtifactStore) -> None:
    for content in (b"x", io.BytesIO(b"x")):
        with pytest.raises(ArtifactStoreUnavailable) as caught:
            await broken.put("JOB/1/counts", content)
        assert_tells(caught.value)


async def test_health_of_what_cannot_be_written(broken: ArtifactStore) -> None:
    with pytest.raises(ArtifactStoreUnavailable) as caught:
        await broken.probe()
    assert_tells(caught.value)


async def test_a_store_that_is_away_has_lost_nothing(broken: ArtifactStore) -> None:
    with pytest.raises(ArtifactStoreUnavailable):
        await broken.read("JOB/1/counts")
    with pytest.raises(ArtifactStoreUnavailable):
        await broken.delete("JOB")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ArtifactStoreUnavailable) as caught:
        ArtifactStore((tmp_path / "file" / "artifacts").as_uri())
    assert_tells(caught.value)
    assert str(tmp_path / "file") in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://host/folder", "nonsense", "", "s3://"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ArtifactStoreUnavailable) as caught:
        ArtifactStore(url)
    assert_tells(caught.value)


def assert_tells(error: ArtifactStoreUnavailable) -> None:
    assert isinstance(error, Unavailable)
    assert error.sentence == "the service cannot reach its files right now; try again later"
    # The reason is for operators, and one line of a log.
    assert str(error)
    assert "\n" not in str(error)
    assert isinstance(error.__cause__, BaseError | OSError | ValueError)


async def test_no_file_is_left_open(store: ArtifactStore) -> None:
    await store.put("JOB/1/counts", LARGE)
    before = len(names_in(Path("/proc/self/fd")))
    for _ in range(20):
        await store.read("JOB/1/counts")
        reading = store.stream("JOB/1/counts")
        await anext(reading)
        await reading.aclose()  # type: ignore[attr-defined]
    assert len(names_in(Path("/proc/self/fd"))) <= before + 5
