"""Children that serve an owner again: nothing is left of before, and nobody else comes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from quws.domain.circuits import CircuitLimits
from quws.sandbox import kept
from quws.sandbox.child import Child, ChildLost, Owner
from quws.sandbox.messages import CheckCircuits, MessageFault, Note
from quws.sandbox.pool import ChildPool

pytestmark = pytest.mark.anyio

ANNA, BERT, NOBODY = Owner("anna"), Owner("bert"), Owner(None)
HERE = Path(__file__).parent
UNDONE = [
    "a file",
    "a folder",
    "deep",
    "a variable",
    "no variable",
    "a mask",
    "an alarm",
    "a path",
    "a filter",
    "a depth",
    "memory that is free again",
]
NOT_UNDONE = [
    "a thread",
    "a process",
    "an orphan",
    "an open file",
    "another file in the place of one",
    "memory",
    "a handler",
    "a signal that is not heard",
    "a signal that is held back",
    "another priority",
]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def pool(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ChildPool]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HERE))
        scratch = tmp_path_factory.mktemp("scratch")
        made = ChildPool("roles_of_tests:TestedRole", spares=1, kept=4, scratch=lambda: scratch)
        made.start()
        yield made
        await made.close()
        assert list(scratch.iterdir()) == []


@pytest.fixture(autouse=True)
def nobody_waits(pool: ChildPool) -> Iterator[None]:
    yield
    for child in pool._kept.clear():
        pool.retire(child)


async def asked(child: Child, *circuits: str) -> Any:
    answer = await child.ask(
        CheckCircuits(
            circuits=list(circuits),
            language=None,
            limits=CircuitLimits(),
            memory_bytes=1 << 30,
            cpu_seconds=60,
        )
    )
    return answer.sentence if isinstance(answer, Note) else answer


async def served(pool: ChildPool, owner: Owner | None, *circuits: str) -> Child:
    """A child that has done a request, and was released."""
    child = await pool.acquire(owner)
    await asked(child, *circuits)
    await pool.release(child)
    return child


async def end(child: Child) -> int | None:
    async with asyncio.timeout(30):
        status = await child.exited
        # What else follows from it has a turn after this.
        await asyncio.sleep(0)
        return status


async def test_what_a_request_has_changed_is_undone_before_the_next(pool: ChildPool) -> None:
    fresh = await pool.acquire(ANNA)
    before = json.loads(await asked(fresh, "look"))
    await pool.release(fresh)
    child = await pool.acquire(ANNA)
    assert await asked(child, "leave", str(child.folder.path), *UNDONE) == "left"
    assert len(list(child.folder.path.iterdir())) == 2
    await pool.release(child)
    again = await pool.acquire(ANNA)
    assert again is child is fresh
    assert list(again.folder.path.iterdir()) == []
    after = json.loads(await asked(again, "look"))
    assert after.pop("random") != before.pop("random")
    assert after == before
    await pool.release(again)


async def test_random_numbers_are_new_for_each_request(pool: ChildPool) -> None:
    found = []
    for _ in range(3):
        child = await pool.acquire(ANNA)
        found.append(json.loads(await asked(child, "look"))["random"])
        await pool.release(child)
        assert await served(pool, ANNA, "leave", "a seed") is child
    assert len(set(found)) == 3


async def test_who_leaves_what_cannot_be_undone_serves_nobody(
    pool: ChildPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Who takes long to end is killed; here each is to find out by itself.
    monkeypatch.setattr("quws.sandbox.pool._REST_SECONDS", 30.0)
    found = {}
    for thing in NOT_UNDONE:
        child = await served(pool, ANNA, "leave", thing)
        found[thing] = await end(child)
        assert await pool.acquire(ANNA) is not child
    assert found == dict.fromkeys(NOT_UNDONE, 0)


async def test_nor_does_one_whose_request_has_failed(pool: ChildPool) -> None:
    child = await served(pool, ANNA, "fail")
    assert await end(child) == 0
    next_one = await served(pool, ANNA, "look")
    assert next_one is not child


async def test_nobody_is_served_by_the_child_of_another(pool: ChildPool) -> None:
    first = await served(pool, ANNA, "look")
    others = [await served(pool, owner, "look") for owner in (BERT, NOBODY, None)]
    assert len({first, *others}) == 4
    assert await served(pool, ANNA, "look") is first
    with pytest.raises(ValueError, match="serves one owner"):
        first.give(BERT)
    with pytest.raises(ValueError, match="serves one owner"):
        first.give(None)
    # Two at once are two.
    both = [await pool.acquire(ANNA) for _ in range(2)]
    assert both[0] is first
    assert both[1] not in (first, *others)
    for child in both:
        await asked(child, "look")
        await pool.release(child)
    # Who came last is at hand.
    assert await pool.acquire(ANNA) is both[1]
    assert await pool.acquire(BERT) is others[0]
    assert await pool.acquire(NOBODY) is others[1]


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
async def test_what_it_has_used_before_is_known(pool: ChildPool) -> None:
    child = await served(pool, ANNA, "leave", "memory that is free again")
    assert child.cpu_before == 0
    assert await pool.acquire(ANNA) is child
    assert 0 < child.cpu_before < 60


async def test_who_is_given_to_nobody_serves_once(pool: ChildPool) -> None:
    child = await served(pool, None, "look")
    assert child.exited.done()
    assert not child.folder.path.exists()


async def test_those_that_have_waited_longest_go_first(pool: ChildPool) -> None:
    children = [await served(pool, Owner(name), "look") for name in "abcd"]
    assert await served(pool, Owner("a"), "look") is children[0]
    await served(pool, Owner("e"), "look")
    assert await end(children[1]) == -signal.SIGKILL
    assert not children[0].exited.done()
    assert not children[1].folder.path.exists()


async def test_those_that_nobody_needs_go_after_a_while(
    pool: ChildPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_IDLE_SECONDS", 0.05)
    children = [await served(pool, owner, "look") for owner in (ANNA, BERT)]
    for child in children:
        assert await end(child) == -signal.SIGKILL
        assert not child.folder.path.exists()


@pytest.mark.parametrize(("budget", "most"), [("_MOST_REQUESTS", 2), ("_LIFE_SECONDS", 0.0)])
async def test_no_child_serves_for_ever(
    pool: ChildPool, monkeypatch: pytest.MonkeyPatch, budget: str, most: float
) -> None:
    monkeypatch.setattr(kept, budget, most)
    child = await served(pool, ANNA, "look")
    if most:
        assert await served(pool, ANNA, "look") is child
    assert await end(child) == -signal.SIGKILL


async def test_one_that_is_killed_while_it_waits_is_not_handed_out(pool: ChildPool) -> None:
    child = await served(pool, ANNA, "look")
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    assert await end(child) == -signal.SIGKILL
    assert await served(pool, ANNA, "look") is not child
    assert not child.folder.path.exists()


async def test_one_whose_folder_is_gone_is_not_handed_out(pool: ChildPool) -> None:
    child = await served(pool, ANNA, "look")
    child.folder.path.rmdir()
    assert await served(pool, ANNA, "look") is not child
    await end(child)


async def test_one_that_dies_at_a_later_request_is_told_so(pool: ChildPool) -> None:
    child = await served(pool, ANNA, "look")
    assert await pool.acquire(ANNA) is child
    with pytest.raises(ChildLost, match="it ended with status 7"):
        await asked(child, "exit", "7")
    await pool.release(child)
    assert await served(pool, ANNA, "look") is not child


async def test_one_that_talks_after_its_answer_is_not_kept(pool: ChildPool) -> None:
    child = await served(pool, ANNA, "talk", "2")
    await end(child)
    assert await served(pool, ANNA, "look") is not child


async def test_to_be_ready_again_is_no_answer(pool: ChildPool) -> None:
    child = await pool.acquire(ANNA)
    with pytest.raises(MessageFault, match="without an answer"):
        await asked(child, "talk", "0")
    pool.retire(child)


async def test_each_request_has_limits_of_its_own(pool: ChildPool) -> None:
    """Also more of everything after less."""
    small = (str(50 << 20), "10", "1000")
    large = (str(500 << 20), "100", "3000")
    found, pids = [], set()
    for limits in (large, small, large):
        child = await pool.acquire(ANNA)
        had = json.loads(await asked(child, "have", str(child.folder.path), *limits))
        pids.add(had.pop("pid"))
        found.append(had)
        await pool.release(child)
    assert len(pids) == 1
    enough = {"memory": True, "file": True, "cpu": 101}
    assert found == [enough, {"memory": False, "file": False, "cpu": 11}, enough]
