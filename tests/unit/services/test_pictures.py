"""Pictures of circuits: laid out once, and given up where there can be none."""

from __future__ import annotations

import asyncio

import pytest
from house import ANNA, CIRCUIT, ToldFacts

from quws.domain.circuits import Language
from quws.domain.errors import InvalidCircuit, TooLarge, Unavailable
from quws.services import pictures as module
from quws.services.pictures import Pictures

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
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    pictures = Pictures(checker)
    for circuit in ("a", "b", "a", "c", "a"):
        await pictures.draw(ANNA, circuit)
    assert [item[0] for item in checker.drawn] == ["a", "b", "c"]
    await pictures.draw(ANNA, "b")
    assert [item[0] for item in checker.drawn] == ["a", "b", "c", "b"]


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
