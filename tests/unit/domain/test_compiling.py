"""How a job says how its circuits are compiled."""

from __future__ import annotations

import pytest

from quws.domain.circuits import CircuitFacts, Language
from quws.domain.compiling import Optimization, check_layout, read_layout, read_optimization
from quws.domain.errors import InvalidParameter


def facts(qubits: int) -> CircuitFacts:
    return CircuitFacts(
        language=Language.OPENQASM_3, qubits=qubits, clbits=1, operations=1, depth=1
    )


def test_levels_are_read() -> None:
    assert read_optimization(" None ") is Optimization.NONE
    assert read_optimization("3") is Optimization.HEAVIEST
    for wrong in ("4", "-1", "", "1.0"):
        with pytest.raises(InvalidParameter, match="must be 0, 1, 2, 3 or none"):
            read_optimization(wrong)


@pytest.mark.parametrize("text", ["[3, 1,0]", "3,1, 0", " [3,01,0] "])
def test_a_qubit_map_is_a_list_in_one_spelling_or_the_other(text: str) -> None:
    assert read_layout(text) == [3, 1, 0]


@pytest.mark.parametrize(
    "text", ["", "[]", "3;1", "[3, -1]", "[1.5]", '["QB1"]', "[[1]]", "{}", "1,", "9" * 9]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidParameter, match=r"such as \[3, 1, 0\], not '"):
        read_layout(text)


def test_no_qubit_carries_two() -> None:
    with pytest.raises(InvalidParameter, match="INITIAL_LAYOUT names qubit 2 twice"):
        read_layout("[0, 2, 1, 2]")


def test_every_circuit_has_a_qubit_for_each() -> None:
    check_layout(None, [facts(9)])
    check_layout([4, 2], [facts(2), facts(2)])
    with pytest.raises(InvalidParameter) as caught:
        check_layout([4, 2], [facts(2), facts(3)])
    assert caught.value.sentence == (
        "INITIAL_LAYOUT must name a qubit for each of circuit 1, which has 3; it names 2"
    )
