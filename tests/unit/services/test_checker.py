"""Checking circuits in children: what is asked of one, and what becomes of one that fails."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest
from house import ANNA, BERT, CIRCUIT, FACTS

from quws.domain.caller import Caller
from quws.domain.circuits import BatchFacts, CircuitLimits, Language
from quws.domain.drawings import Drawing
from quws.domain.errors import InvalidCircuit, TooLarge, TooManyRequests, Unavailable
from quws.domain.payloads import as_bytes, as_text
from quws.domain.rewritten import Rewritten
from quws.runner.check import CheckRole
from quws.sandbox.child import ChildLost, Owner
from quws.sandbox.messages import (
    CheckCircuits,
    CircuitDrawn,
    CircuitFiles,
    CircuitRefused,
    CircuitsChecked,
    CircuitsRewritten,
    DrawCircuit,
    MessageFault,
    RewriteCircuits,
    SplitCircuits,
)
from quws.sandbox.pool import ChildrenUnavailable
from quws.services import checker as module
from quws.services.checker import CircuitChecker

pytestmark = pytest.mark.anyio
LARGE = "//" + "x" * 20_000
LIMITS = CircuitLimits(
    qubits=7,
    bytes_openqasm2=100,
    bytes_openqasm3=50,
    bytes_stim=40,
    bytes_iqm_json=40,
    bytes_cirq_json=40,
    bytes_qir=40,
)
DRAWING = Drawing(qubits=["q"], registers=[], columns=0, operations=[])


class Children:
    """Stands for the processes: what each does with its request is written down before."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []
        self.owners: list[Owner] = []
        self.retired = 0
        self.begun = asyncio.Semaphore(0)
        self.out = 0
        self.most_out = 0

    async def acquire(self, owner: Owner) -> Children:
        if not self.answers:
            raise ChildrenUnavailable("none can be had")
        self.owners.append(owner)
        self.out += 1
        self.most_out = max(self.most_out, self.out)
        return self

    async def ask(self, request: Any) -> Any:
        self.asked.append(request)
        self.begun.release()
        answer = self.answers.pop(0)
        if callable(answer):
            answer = await answer()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def retire(self, _: Children) -> None:
        self.retired += 1
        self.out -= 1

    async def release(self, _: Children) -> None:
        self.out -= 1


@pytest.fixture
def checker_with(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[CircuitChecker, Children]]:
    def made(*answers: Any, **how: Any) -> tuple[CircuitChecker, Children]:
        checker, children = CircuitChecker(**how), Children(*answers)
        monkeypatch.setattr(checker, "_pool", children)
        return checker, children

    return made


With = Callable[..., tuple[CircuitChecker, Children]]


async def test_circuits_are_checked_by_one_child(checker_with: With) -> None:
    checker, children = checker_with(CircuitsChecked(facts=BatchFacts.of([FACTS, FACTS])))
    assert await checker.check(ANNA, [CIRCUIT, "b"], Language.OPENQASM_2, LIMITS) == [FACTS, FACTS]
    (asked,) = children.asked
    assert isinstance(asked, CheckCircuits)
    assert (asked.circuits, asked.language) == ([CIRCUIT, "b"], Language.OPENQASM_2)
    assert (asked.limits, asked.memory_bytes, asked.cpu_seconds) == (LIMITS, 1 << 30, 1)
    assert (children.out, children.retired) == (0, 0), "it may serve its owner again"
    assert children.owners == [Owner("anna")]


async def test_one_that_its_sender_sends_again_is_not_read_again(checker_with: With) -> None:
    other = FACTS.model_copy(update={"depth": 9})
    checker, children = checker_with(
        CircuitsChecked(facts=BatchFacts.of([FACTS])),
        CircuitsChecked(facts=BatchFacts.of([other])),
        CircuitsChecked(facts=BatchFacts.of([FACTS])),
    )
    for _ in range(2):
        assert await checker.check(ANNA, [CIRCUIT], None, LIMITS) == [FACTS]
    assert len(children.asked) == 1
    for _ in range(2):
        assert await checker.check(BERT, [CIRCUIT], None, LIMITS) == [other]
    assert children.owners == [Owner("anna"), Owner("bert")], "each of them hears what is theirs"
    await checker.check(ANNA, [CIRCUIT], None, CircuitLimits())
    assert len(children.asked) == 3, "other limits may refuse it"


async def test_one_that_is_refused_is_read_again(checker_with: With) -> None:
    refused = CircuitRefused(sentence="no such gate", line=3, column=5, circuit=0)
    checker, children = checker_with(refused, refused)
    for _ in range(2):
        with pytest.raises(InvalidCircuit):
            await checker.check(ANNA, [CIRCUIT], None, LIMITS)
    assert len(children.asked) == 2


async def test_a_picture_is_laid_out_by_one(checker_with: With) -> None:
    checker, children = checker_with(CircuitDrawn(drawing=DRAWING), seconds=0.5)
    assert await checker.draw(ANNA, CIRCUIT, None, LIMITS) == DRAWING
    (asked,) = children.asked
    assert isinstance(asked, DrawCircuit)
    assert (asked.circuit, asked.limits, asked.cpu_seconds) == (CIRCUIT, LIMITS, 1)
    assert children.out == 0


async def test_a_file_of_circuits_is_cut_by_one(checker_with: With) -> None:
    one, other = b"QISKIT\x0d\xff", b"QISKIT\x0d\x00"
    parts = CircuitFiles(files=[as_text(one), as_text(other)])
    refused = CircuitRefused(sentence="it is none", line=None, column=None, circuit=0)
    checker, children = checker_with(parts, refused)
    assert await checker.split(ANNA, b"a file", LIMITS, 7) == [one, other]
    (asked,) = children.asked
    assert isinstance(asked, SplitCircuits)
    assert (as_bytes(asked.file), asked.most, asked.limits) == (b"a file", 7, LIMITS)
    with pytest.raises(InvalidCircuit, match=r"^it is none$"):
        await checker.split(ANNA, b"another", LIMITS, 7)
    assert children.out == 0


async def test_circuits_are_written_by_one(checker_with: With) -> None:
    known = [Rewritten(text="{}", final={0: 1}), None]
    refused = CircuitRefused(sentence="it is too large", line=None, column=None, circuit=0)
    checker, children = checker_with(CircuitsRewritten(circuits=known), refused)
    sources = ["{}", "[]"]
    found = await checker.rewrite(ANNA, [CIRCUIT] * 2, sources, Language.CIRQ_JSON, LIMITS)
    assert found == known
    (asked,) = children.asked
    assert isinstance(asked, RewriteCircuits)
    assert (asked.circuits, asked.sources) == ([CIRCUIT] * 2, sources)
    assert (asked.language, asked.together) == (Language.CIRQ_JSON, False)
    with pytest.raises(InvalidCircuit, match=r"^it is too large$"):
        await checker.rewrite(ANNA, [CIRCUIT], ["{}"], Language.CIRQ_JSON, LIMITS, together=True)


async def test_what_is_refused_is_refused_where_it_stands(checker_with: With) -> None:
    refused = CircuitRefused(sentence="no such gate", line=3, column=5, circuit=1)
    checker, children = checker_with(refused, refused, refused)
    with pytest.raises(InvalidCircuit) as caught:
        await checker.check(ANNA, [CIRCUIT, "b"], None, LIMITS)
    found = caught.value
    assert (found.sentence, found.line, found.column) == ("circuit 1: no such gate", 3, 5)
    assert found.circuit == 1
    with pytest.raises(InvalidCircuit, match=r"^no such gate$"):
        await checker.check(ANNA, [CIRCUIT], None, LIMITS)
    with pytest.raises(InvalidCircuit, match=r"^no such gate$"):
        await checker.draw(ANNA, CIRCUIT, None, LIMITS)
    assert children.out == 0


async def test_what_is_longer_than_any_language_allows_reaches_no_child(
    checker_with: With,
) -> None:
    checker, children = checker_with(CircuitsChecked(facts=BatchFacts.of([FACTS])))
    for work in (
        checker.check(ANNA, ["a", "x" * 101], None, LIMITS),
        checker.draw(ANNA, "x" * 101, None, LIMITS),
    ):
        with pytest.raises(TooLarge, match="CIRCUIT has 101 characters; at most 100") as caught:
            await work
        assert caught.value.parameter == "CIRCUIT"
    assert not children.asked
    await checker.check(ANNA, ["x" * 100], None, LIMITS)


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [([""], "the text is empty"), (["x", " \n"], "circuit 1: the text is empty")],
)
async def test_a_text_that_is_empty_reaches_no_child(
    checker_with: With, texts: list[str], sentence: str
) -> None:
    checker, children = checker_with()
    with pytest.raises(InvalidCircuit) as caught:
        await checker.check(ANNA, texts, None, LIMITS)
    assert (caught.value.sentence, caught.value.circuit) == (sentence, len(texts) - 1)
    assert not children.asked


async def test_a_circuit_that_kills_its_child_is_refused(checker_with: With) -> None:
    checker, children = checker_with(
        ChildLost(-signal.SIGSEGV), CircuitsChecked(facts=BatchFacts.of([FACTS]))
    )
    with pytest.raises(InvalidCircuit, match="broke its reader down"):
        await checker.check(ANNA, [CIRCUIT], None, LIMITS)
    assert len(children.asked) == 1
    assert (children.out, children.retired) == (0, 1)


@pytest.mark.parametrize("status", [None, -signal.SIGKILL])
async def test_a_child_that_was_killed_by_others_is_replaced_once(
    checker_with: With, status: int | None
) -> None:
    checker, children = checker_with(
        ChildLost(status), CircuitsChecked(facts=BatchFacts.of([FACTS]))
    )
    assert await checker.check(ANNA, [CIRCUIT], None, LIMITS) == [FACTS]
    assert children.out == 0
    checker, children = checker_with(ChildLost(status), ChildLost(status), FACTS)
    with pytest.raises(Unavailable, match="the check was killed twice"):
        await checker.check(ANNA, [CIRCUIT], None, LIMITS)
    assert len(children.asked) == 2


async def test_one_that_uses_up_its_processor_time_is_refused(checker_with: With) -> None:
    spent = ChildLost(-signal.SIGXCPU)
    checker, children = checker_with(spent, seconds=20)
    with pytest.raises(InvalidCircuit, match="takes more than 20 seconds of processor time"):
        await checker.check(ANNA, [LARGE], None, CircuitLimits())
    (asked,) = children.asked
    assert asked.cpu_seconds == 20
    assert children.out == 0


async def test_a_small_text_that_takes_long_is_dear_after_all(checker_with: With) -> None:
    spent = ChildLost(-signal.SIGXCPU)
    checker, children = checker_with(
        spent, CircuitsChecked(facts=BatchFacts.of([FACTS])), spent, spent
    )
    assert await checker.check(ANNA, [CIRCUIT], None, LIMITS) == [FACTS]
    assert [asked.cpu_seconds for asked in children.asked] == [1, 60]
    with pytest.raises(InvalidCircuit, match="takes more than 60 seconds of processor time"):
        await checker.check(ANNA, ["another"], None, LIMITS)
    assert children.out == 0


async def test_one_that_gets_no_processor_is_the_services_fault(
    checker_with: With, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CEILING", 0.01)
    checker, children = checker_with(asyncio.Event().wait)
    with pytest.raises(Unavailable, match="cannot be checked in time, since the machine is too"):
        await checker.check(ANNA, [CIRCUIT], None, LIMITS)
    assert (children.out, children.retired) == (0, 1)


async def test_without_children_nothing_can_be_checked_now(checker_with: With) -> None:
    checker, _ = checker_with()
    with pytest.raises(Unavailable, match="circuits cannot be checked right now; try again"):
        await checker.check(ANNA, [CIRCUIT], None, LIMITS)


async def test_an_answer_to_another_question_is_a_fault(checker_with: With) -> None:
    checker, _ = checker_with(
        CircuitDrawn(drawing=DRAWING), CircuitsChecked(facts=BatchFacts.of([]))
    )
    with pytest.raises(MessageFault):
        await checker.check(ANNA, [CIRCUIT], None, LIMITS)
    with pytest.raises(MessageFault):
        await checker.draw(ANNA, CIRCUIT, None, LIMITS)


async def answer(go: asyncio.Event) -> CircuitsChecked:
    await go.wait()
    return CircuitsChecked(facts=BatchFacts.of([FACTS]))


async def test_small_texts_pass_large_ones(checker_with: With) -> None:
    checker, children = checker_with()
    go = asyncio.Event()
    facts = CircuitsChecked(facts=BatchFacts.of([FACTS]))
    children.answers = [lambda: answer(go), facts, lambda: answer(go)]
    large = [
        asyncio.create_task(checker.check(caller, [LARGE], None, CircuitLimits()))
        for caller in (ANNA, BERT)
    ]
    await children.begun.acquire()
    # Also of one who has a large one in work.
    assert await checker.check(ANNA, [CIRCUIT], None, LIMITS) == [FACTS]
    assert len(children.asked) == 2
    go.set()
    assert await asyncio.gather(*large) == [[FACTS]] * 2
    assert children.out == 0


async def test_of_one_caller_one_is_checked_at_a_time_and_few_wait(checker_with: With) -> None:
    go = asyncio.Event()
    checker, children = checker_with()
    children.answers = [lambda: answer(go)] * 2 + [
        CircuitsChecked(facts=BatchFacts.of([FACTS]))
    ] * 57
    checks = [
        asyncio.create_task(checker.check(ANNA, [LARGE], None, CircuitLimits())) for _ in range(9)
    ]
    await children.begun.acquire()
    with pytest.raises(TooManyRequests, match="send them one after the other"):
        await checker.check(ANNA, [LARGE], None, CircuitLimits())
    small = [asyncio.create_task(checker.check(ANNA, [CIRCUIT], None, LIMITS)) for _ in range(50)]
    await children.begun.acquire()
    assert children.out == 2
    go.set()
    assert await asyncio.gather(*checks, *small) == [[FACTS]] * 59
    assert children.most_out == 2


@pytest.mark.parametrize(
    ("other", "kind", "sentence"),
    [
        (ANNA, TooManyRequests, "the check of your circuits before this one takes long"),
        (BERT, Unavailable, "too many circuits are being checked right now"),
    ],
)
async def test_who_waits_too_long_learns_whose_fault_it_is(
    checker_with: With,
    monkeypatch: pytest.MonkeyPatch,
    other: Caller,
    kind: type[Unavailable],
    sentence: str,
) -> None:
    monkeypatch.setattr(module, "_SEAT_SECONDS", 0.01)
    go = asyncio.Event()
    checker, children = checker_with()
    children.answers = [lambda: answer(go)]
    first = asyncio.create_task(checker.check(other, [LARGE], None, CircuitLimits()))
    await children.begun.acquire()
    with pytest.raises(kind, match=sentence) as caught:
        await checker.check(ANNA, [LARGE], None, CircuitLimits())
    assert type(caught.value) is kind
    go.set()
    assert await first == [FACTS]


async def test_as_many_children_wait_as_may_check_small_texts_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[object] = []
    started = asyncio.Event()

    class Pool:
        def __init__(self, role: str, options: dict[str, int], *, spares: int) -> None:
            calls.append((role, options, spares))

        def start(self) -> None:
            calls.append("start")
            started.set()

        async def close(self) -> None:
            calls.append("close")

    monkeypatch.setattr(module, "ChildPool", Pool)
    monkeypatch.setattr(module, "_START_AFTER_SECONDS", 0)
    checker = CircuitChecker()
    await checker.start()
    assert len(calls) == 1, "whoever starts the service does not wait for that"
    async with asyncio.timeout(10):
        await started.wait()
    await checker.close()
    role = f"{CheckRole.__module__}:{CheckRole.__qualname__}"
    most = {"memory_bytes": 1 << 30, "cpu_seconds": 60}
    assert calls == [(role, most, 2), "start", "close"]


async def test_many_circuits_are_read_some_at_a_time(
    checker_with: With, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE_CHARACTERS", 4)
    monkeypatch.setattr(Children, "pid", None, raising=False)
    two = CircuitsChecked(facts=BatchFacts.of([FACTS, FACTS]))
    one = CircuitsChecked(facts=BatchFacts.of([FACTS]))
    checker, children = checker_with(two, one, two)
    found = await checker.check(ANNA, ["aa", "bb", "ccccc", "d", "e"], None, LIMITS)
    assert found == [FACTS] * 5
    assert [item.circuits for item in children.asked] == [["aa", "bb"], ["ccccc"], ["d", "e"]]
    refused = CircuitRefused(sentence="no such gate", line=3, column=5, circuit=1)
    children.answers = [two, refused]
    with pytest.raises(InvalidCircuit, match="circuit 3: no such gate") as caught:
        await checker.check(ANNA, ["aa", "bb", "cc", "dd", "ee"], None, LIMITS)
    assert caught.value.circuit == 3
    assert children.out == 0


async def test_all_of_them_have_the_time_of_one_check(
    checker_with: With, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE_CHARACTERS", 1)
    monkeypatch.setattr(Children, "pid", 1, raising=False)
    used = iter([0.0, 40.5, 40.5, 61.0])
    monkeypatch.setattr(module.confine, "cpu_used_by", lambda _: next(used))
    one = CircuitsChecked(facts=BatchFacts.of([FACTS]))
    checker, children = checker_with(one, one, one)
    monkeypatch.setattr(module, "_CHEAP_CHARACTERS", 0)
    with pytest.raises(InvalidCircuit, match="more than 60 seconds"):
        await checker.check(ANNA, ["a", "b", "c"], None, LIMITS)
    assert [item.cpu_seconds for item in children.asked] == [60, 20]
    assert children.out == 0
