"""Pictures of circuits: laid out once, and given up where there can be none."""

from __future__ import annotations

import asyncio
import sys

import pytest
from house import ANNA, CIRCUIT, ToldFacts

from quws.domain.caller import Caller
from quws.domain.circuits import Language
from quws.domain.drawings import Drawing, Drawn, Shape
from quws.domain.errors import InvalidCircuit, TooLarge, Unavailable
from quws.services import pictures as module
from quws.services.pictures import Pictures, bytes_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def checker() -> ToldFacts:
    return ToldFacts()


async def test_a_picture_is_laid_out_once(checker: ToldFacts) -> None:
    pictures = Pictures(checker)
    first = await pictures.draw(ANNA, CIRCUIT)
    assert await pictures.draw(ANNA, CIRCUIT) is first
    assert len(checker.drawn) == 1
    (drawn,) = checker.drawn
    assert drawn[:2] == (CIRCUIT, None)
    assert drawn[2].qubits == 10_000, "whatever a target can run"
    await pictures.draw(ANNA, CIRCUIT, Language.OPENQASM_3)
    await pictures.draw(ANNA, CIRCUIT + " ")
    assert [item[:2] for item in checker.drawn[1:]] == [
        (CIRCUIT, Language.OPENQASM_3),
        (CIRCUIT + " ", None),
    ]


async def test_what_was_not_looked_at_longest_is_forgotten(
    checker: ToldFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = bytes_of(Drawing(qubits=[], registers=[], columns=0, operations=[]))
    monkeypatch.setattr(module, "_REMEMBERED_BYTES", 2 * empty)
    pictures = Pictures(checker)
    for circuit in ("a", "b", "a", "c", "a"):
        await pictures.draw(ANNA, circuit)
    assert [item[0] for item in checker.drawn] == ["a", "b", "c"]
    await pictures.draw(ANNA, "b")
    assert [item[0] for item in checker.drawn] == ["a", "b", "c", "b"]


def a_large_one(operations: int, wires: int = 3) -> Drawing:
    """Return a drawing that shares nothing, as one that came from a child."""
    drawn = [
        Drawn(
            column=column,
            shape=Shape.BOX,
            qubits=list(range(1000, 1000 + wires)),
            label=f"gate{column}",
            parameters=f"\u03c0/{column}",
            controls=[(1000 + wire, True) for wire in range(wires)],
            clbits=[(1000, 2000 + wire) for wire in range(wires)],
            condition=f"c == {column}",
        )
        for column in range(1000, 1000 + operations)
    ]
    made = Drawing(
        qubits=[f"q[{row}]" for row in range(wires)],
        registers=[(f"c{row}", 1000 + row) for row in range(wires)],
        columns=operations,
        operations=drawn,
    )
    return Drawing.model_validate_json(made.model_dump_json())


def held(thing: object, seen: set[int]) -> int:
    """Count the bytes that Python says an object takes, with all that it holds."""
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    parts: list[object] = []
    match thing:
        case Drawing() | Drawn():
            parts = [thing.__dict__, thing.__pydantic_fields_set__]
        case dict():
            parts = [*thing, *thing.values()]
        case list() | tuple() | set():
            parts = list(thing)
    return sys.getsizeof(thing) + sum(held(part, seen) for part in parts)


@pytest.mark.parametrize(("operations", "wires"), [(0, 0), (100, 0), (1, 1000), (200, 30)])
def test_a_drawing_takes_no_more_memory_than_is_counted(operations: int, wires: int) -> None:
    drawing = a_large_one(operations, wires)
    assert held(drawing, set()) <= bytes_of(drawing) <= 10 * held(drawing, set())


async def test_what_is_remembered_is_limited_by_its_bytes(
    checker: ToldFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = a_large_one(100)
    drawn = []

    async def draw(caller: Caller, circuit: str, *_: object) -> Drawing:
        drawn.append(circuit)
        return a_large_one(1000) if circuit == "huge" else large

    monkeypatch.setattr(checker, "draw", draw)
    monkeypatch.setattr(module, "_REMEMBERED_BYTES", 3 * bytes_of(large))
    pictures = Pictures(checker)
    for circuit in ("a", "b", "c", "huge", "a", "b", "c", "huge", "d", "b", "c", "d", "a"):
        await pictures.draw(ANNA, circuit)
    assert drawn == ["a", "b", "c", "huge", "huge", "d", "a"]


async def test_where_there_can_be_none_there_is_none(
    checker: ToldFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = Pictures(checker)
    with pytest.raises(InvalidCircuit):
        await pictures.draw(ANNA, "no circuit")
    assert await pictures.try_to_draw(ANNA, "no circuit") is None
    assert await pictures.try_to_draw(ANNA, CIRCUIT) is not None
    assert await pictures.try_to_draw(ANNA, CIRCUIT, Language.OPENQASM_2, 5) is not None
    assert checker.drawn[-1][1] is Language.OPENQASM_2
    for refusal in (TooLarge, Unavailable):

        async def fails(*_: object, refusal: type[Exception] = refusal) -> None:
            raise refusal("no")

        monkeypatch.setattr(checker, "draw", fails)
        assert await pictures.try_to_draw(ANNA, "x") is None

    async def hangs(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(checker, "draw", hangs)
    assert await pictures.try_to_draw(ANNA, "x", seconds=0.01) is None
