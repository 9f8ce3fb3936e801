"""Real children: what they say is typed, what is nonsense is told, and nothing outlives them."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from quws.domain.circuits import CircuitLimits
from quws.sandbox import confine, seccomp
from quws.sandbox.child import ChildLost, describe_exit
from quws.sandbox.messages import (
    CheckCircuits,
    CircuitRefused,
    DrawCircuit,
    Go,
    MessageFault,
    Note,
    Submitting,
)
from quws.sandbox.pool import ChildPool, ChildrenUnavailable, NoFolder

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ChildPool]:
    monkeypatch.setenv("PYTHONPATH", str(HERE))

    def pool(options: dict[str, str] | None = None, **more: Any) -> ChildPool:
        return ChildPool("roles_of_tests:TestedRole", options, spares=1, **more)

    return pool


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[ChildPool]:
    """One whose children may be killed, and its zygote too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HERE))
        made = ChildPool("roles_of_tests:TestedRole", spares=1)
        made.start()
        yield made
        await made.close()


def check(*circuits: str) -> CheckCircuits:
    return CheckCircuits(
        circuits=list(circuits),
        language=None,
        limits=CircuitLimits(),
        memory_bytes=1 << 30,
        cpu_seconds=60,
    )


def draw(circuit: str) -> DrawCircuit:
    return DrawCircuit(
        circuit=circuit,
        language=None,
        limits=CircuitLimits(),
        memory_bytes=1 << 30,
        cpu_seconds=60,
    )


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def is_gone(pid: int) -> None:
    async with asyncio.timeout(30):
        while is_alive(pid):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_question_has_its_answer(pool: ChildPool) -> None:
    answer = await pool.ask(check("half \ud800 a pair", "é\n"))
    assert isinstance(answer, CircuitRefused)
    assert answer.sentence == repr(["half \ud800 a pair", "é\n"])


async def test_messages_go_both_ways(pool: ChildPool) -> None:
    child = await pool.acquire()
    await child.send(check("wait"))
    heard = []
    async for message in child.messages():
        heard.append(message)
        if isinstance(message, Submitting):
            await child.send(Go())
    assert heard == [Submitting(key="k"), Note(sentence="go")]
    await child.close()


async def test_many_messages_come_whole_and_in_order(pool: ChildPool) -> None:
    child = await pool.acquire()
    await child.send(check("talk", "2000"))
    heard = [message async for message in child.messages()]
    assert heard == [Note(sentence=f"{number}: \ud800 é\n") for number in range(2000)]
    await child.close()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("what?\n", "no JSON"),
        ("[" * 100_000 + "\n", "no JSON"),
        ('{"kind": "dance"}\n', "nobody knows"),
        ("{}\n", "nobody knows"),
        ("3\n", "nobody knows"),
        ('{"kind": "note"}\n', "sentence"),
        ('{"kind": "waiting", "waiting": "perhaps"}\n', "waiting"),
        ('{"kind": "note", "sentence": "x", "more": 1}\n', "more"),
    ],
)
async def test_a_child_that_says_nonsense_is_killed_and_the_fault_is_told(
    pool: ChildPool, line: str, why: str
) -> None:
    child = await pool.acquire()
    await child.send(draw(line))
    with pytest.raises(MessageFault, match=why):
        async for _ in child.messages():
            pass
    async with asyncio.timeout(30):
        assert await child.exited == -signal.SIGKILL
    await child.close()
    # The next one is well.
    assert isinstance(await pool.ask(check("x")), CircuitRefused)


async def test_what_a_fault_says_is_short_and_not_the_users(pool: ChildPool) -> None:
    child = await pool.acquire()
    await child.send(draw('{"kind": "note", "sentence": ["' + "secret" * 10_000 + '"]}\n'))
    with pytest.raises(MessageFault) as fault:
        async for _ in child.messages():
            pass
    assert "secret" not in str(fault.value)
    assert len(str(fault.value)) < 1000
    await child.close()


async def test_half_a_message_is_none(pool: ChildPool) -> None:
    child = await pool.acquire()
    await child.send(draw('{"kind": "no'))
    await asyncio.sleep(0.1)
    child.kill()
    with pytest.raises(ChildLost) as lost:
        async for _ in child.messages():
            pass
    assert lost.value.status == -signal.SIGKILL
    await child.close()


async def test_a_request_for_another_role_is_no_silence(pool: ChildPool) -> None:
    child = await pool.acquire()
    await child.send(Go())
    with pytest.raises(ChildLost) as lost:
        async for _ in child.messages():
            pass
    assert lost.value.status == 1
    await child.close()


async def test_a_child_that_dies_is_told_with_its_status(pool: ChildPool) -> None:
    with pytest.raises(ChildLost, match="it ended with status 7"):
        await pool.ask(check("exit", "7"))
    with pytest.raises(ChildLost):
        await pool.ask(check("exit", "0"))  # Well, but without an answer.


async def test_a_child_that_says_nonsense_before_it_is_ready_is_never_used(
    make: Callable[..., ChildPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make({"warm": "nonsense"})
    pool.start()
    async with pool._changed:
        await pool._changed.wait_for(lambda: pool._loaded)
    monkeypatch.setattr("quws.sandbox.pool._START_SECONDS", 0.5)
    with pytest.raises(ChildrenUnavailable):
        await pool.acquire()
    assert 1 <= pool._number <= 5, "others are asked for after ever longer pauses, whoever waits"
    await pool.close()


async def test_who_waits_gets_a_child_however_many_are_killed_before(pool: ChildPool) -> None:
    async with pool._changed:
        await pool._changed.wait_for(lambda: pool._loaded)

    async def kill_some() -> None:
        for _ in range(6):
            while not pool._children:  # noqa: ASYNC110
                await asyncio.sleep(0)
            for pid in list(pool._children):
                os.kill(pid, signal.SIGKILL)
            while pool._children:  # noqa: ASYNC110
                await asyncio.sleep(0)

    killing = asyncio.create_task(kill_some())
    async with asyncio.timeout(30):
        await killing
        child = await pool.acquire()
    await child.close()


@pytest.mark.parametrize(
    ("load", "told"),
    [
        ("there is no licence", "RuntimeError: there is no licence"),
        pytest.param(
            "a socket",
            "PermissionError: .*Permission denied",
            marks=pytest.mark.skipif(not seccomp.available(), reason="nothing refuses sockets"),
        ),
    ],
)
async def test_what_cannot_be_loaded_is_told(
    make: Callable[..., ChildPool], load: str, told: str
) -> None:
    pool = make({"load": load})
    pool.start()
    with pytest.raises(ChildrenUnavailable, match=told):
        await pool.acquire()
    await pool.close()


async def test_what_stays_unusable_is_told_once_and_tried_less_and_less_often(
    make: Callable[..., ChildPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quws.sandbox.pool._UNUSABLE_SECONDS", (0.01, 0.02, 0.03))
    pool = make({"load": "there is no licence"})
    pauses: list[float] = []
    thrice = asyncio.Event()

    def pause() -> float:
        pauses.append(ChildPool._pause(pool))
        if len(pauses) == 4:
            thrice.set()
        return pauses[-1]

    monkeypatch.setattr(pool, "_pause", pause)
    with capture_logs() as logs:
        pool.start()
        await asyncio.wait_for(thrice.wait(), 60)
        with pytest.raises(ChildrenUnavailable, match="there is no licence"):
            await pool.acquire()
        await pool.close()
    assert pauses == [0.01, 0.02, 0.03, 0.03]
    assert ["there is no licence" in item["why"] for item in logs if "why" in item] == [True]


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
@pytest.mark.skipif(bool(confine.missing()), reason="this kernel lacks some walls")
async def test_where_walls_cannot_be_put_up_there_are_no_children(
    make: Callable[..., ChildPool], capfd: pytest.CaptureFixture[str]
) -> None:
    pool = make({"walls": "not today"})
    pool.start()
    with pytest.raises(ChildrenUnavailable, match="cannot be closed in; the log above says why"):
        await pool.acquire()
    await pool.close()
    assert "OSError: no walls today" in capfd.readouterr().err


async def test_a_folder_lives_as_long_as_its_child(
    make: Callable[..., ChildPool], tmp_path: Path
) -> None:
    pool = make(scratch=lambda: tmp_path)
    pool.start()
    child = await pool.acquire()
    assert child.folder.path.parent == tmp_path
    (child.folder.path / "more").mkdir()
    await child.close()
    assert not child.folder.path.exists()
    await pool.ask(check("x"))
    await pool.close()
    assert list(tmp_path.iterdir()) == []


async def test_a_spare_whose_folder_is_gone_is_not_handed_out(
    make: Callable[..., ChildPool], tmp_path: Path
) -> None:
    pool = make(scratch=lambda: tmp_path)
    pool.start()
    first = await pool.acquire()
    while not pool._ready:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    spare = pool._ready[0]
    spare.folder.path.rmdir()
    second = await pool.acquire()
    assert second is not spare
    assert second.folder.path.exists()
    await spare.exited
    for child in (first, second):
        await child.close()
    await pool.close()


async def test_without_room_for_a_folder_there_is_no_child(
    make: Callable[..., ChildPool], tmp_path: Path
) -> None:
    pool = make(scratch=lambda: tmp_path / "later")
    pool.start()
    with pytest.raises(NoFolder, match="later"):
        await pool.acquire()
    (tmp_path / "later").mkdir()
    await (await pool.acquire()).close()
    await pool.close()


async def test_what_a_child_started_is_gone_when_the_child_ends_by_itself(pool: ChildPool) -> None:
    child = await pool.acquire()
    await child.send(check("start"))
    (note,) = [message async for message in child.messages()]
    assert isinstance(note, Note)
    await is_gone(int(note.sentence))
    await child.close()


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
async def test_what_a_child_started_is_gone_when_the_child_is_killed(pool: ChildPool) -> None:
    child = await pool.acquire()
    await child.send(check("start", "and stay"))
    async for message in child.messages():
        assert isinstance(message, Note)
        assert is_alive(int(message.sentence))
        break
    child.kill()
    await is_gone(int(message.sentence))
    assert await child.exited == -signal.SIGKILL
    await child.close()


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
async def test_children_of_a_parent_that_is_frozen_are_killed(
    make: Callable[..., ChildPool],
) -> None:
    pool = make(leash_seconds=2.0)
    pool.start()
    child = await pool.acquire()
    assert child.pid is not None
    await child.send(check("start", "and stay"))
    async for message in child.messages():
        assert isinstance(message, Note)
        started = int(message.sentence)
        break
    await asyncio.sleep(3)  # Longer than the leash: who is heard of keeps its children.
    assert is_alive(child.pid)
    for task in pool._tasks:
        task.cancel()  # As if this process were frozen: nothing is said any more.
    await is_gone(child.pid)
    await is_gone(started)
    await child.close()
    await pool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
async def test_the_zygote_is_made_anew_when_it_dies(pool: ChildPool) -> None:
    child = await pool.acquire()
    assert child.pid is not None
    assert pool._process is not None
    first = pool._process.pid
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(30):
        assert await child.exited == -signal.SIGKILL
    await is_gone(child.pid)
    assert isinstance(await pool.ask(check("x")), CircuitRefused)
    assert pool._process.pid != first
    await child.close()


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
async def test_nobody_is_left_when_the_pool_closes(make: Callable[..., ChildPool]) -> None:
    pool = make()
    pool.start()
    child = await pool.acquire()
    assert child.pid is not None
    await child.send(check("start", "and stay"))
    async for message in child.messages():
        assert isinstance(message, Note)
        break
    await pool.close()
    await is_gone(child.pid)
    await is_gone(int(message.sentence))
    await child.close()


async def test_a_spare_that_was_killed_is_not_handed_out(pool: ChildPool) -> None:
    child = await pool.acquire()
    while not pool._ready:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    spare = pool._ready[0]
    assert spare.pid is not None
    os.kill(spare.pid, signal.SIGKILL)
    await spare.exited
    assert isinstance(await pool.ask(check("x")), CircuitRefused)
    await child.close()


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (None, "it was stopped"),
        (0, "it ended with status 0"),
        (3, "it ended with status 3"),
        (-9, "it was killed by SIGKILL"),
        (-200, "it was killed by signal 200"),
    ],
)
def test_an_end_has_a_sentence(status: int | None, sentence: str) -> None:
    assert describe_exit(status) == sentence


async def test_a_user_whom_the_system_does_not_know_is_at_home_somewhere(
    make: Callable[..., ChildPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for home, expected in (("", "/"), ("/srv/quws", "/srv/quws")):
        monkeypatch.setenv("HOME", home)
        pool = make()
        pool.start()
        assert await pool.ask(check("home")) == Note(sentence=expected)
        await pool.close()


async def test_a_spare_that_has_died_unheard_is_replaced(
    make: Callable[..., ChildPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between its last word and its end, it was taken for one that is ready."""
    monkeypatch.setattr("quws.sandbox.pool._REFILL_SECONDS", 3600.0)
    pool = make()
    pool.start()
    dead = await pool.acquire()
    dead.kill()
    await dead.exited
    pool._ready.append(dead)
    async with asyncio.timeout(30):
        child = await pool.acquire()
    assert child is not dead
    await child.close()
    await pool.close()
