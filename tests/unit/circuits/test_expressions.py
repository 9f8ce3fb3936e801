"""Constants of OPENQASM-3: angles, and divisions of whole numbers."""

import math

import exact
import pytest
from meaning import THREE, gives, gives_often, notes

from quws.circuits.constants import Turn
from quws.domain.circuits import MOST_NOTES


@pytest.mark.parametrize(
    ("declared", "value", "turns"),
    [
        ("const angle a = 5 * pi / 2;", "a", 0.25),
        ("const angle a = 3 * pi / 2;", "a + a", 0.5),
        ("const angle a = pi / 2;", "-a", 0.75),
        ("const angle a = 3 * pi;", "a / 2", 0.25),
        ("const angle a = pi; const angle b = a * 3;", "b", 0.5),
        ("const angle a = -pi / 2;", "a", 0.75),
        ("const angle[2] a = 0.6 * pi;", "a", 0.25),
        ("const angle a = 1.5 * pi; const float f = 1.0;", "a - 4 * pi * f", 0.75),
        ("const float a = 5 * pi / 2;", "a", 1.25),
    ],
)
def test_angles_lie_on_a_circle(declared: str, value: str, turns: float) -> None:
    followed = exact.Exact(2, 2)
    followed.gate("h", [0])
    whole = exact._controlled(exact.GATES["rx"](turns * math.tau))
    followed.matrix(whole, [0, 1])
    followed.gate("h", [0])
    followed.measure(0, 0)
    followed.measure(1, 1)
    text = f"{THREE}{declared} qubit[2] q; bit[2] c; h q[0]; ctrl @ rx({value}) q[0], q[1];"
    gives_often(text + "h q[0]; c = measure q;", followed.probabilities([2]))


@pytest.mark.parametrize(("value", "turn"), [(-1e-30, 0.0), (math.tau, 0.0), (7.0, 7 - math.tau)])
def test_a_turn_is_from_0_up_to_a_whole_one(value: float, turn: float) -> None:
    assert Turn(value) == pytest.approx(turn)
    assert 0 <= Turn(value) < math.tau


BIT = "qubit[1] q; bit[1] c; "


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("pow(1/2) @ x q[0];", "line 1: '1/2' divides whole numbers, which gives 0"),
        ("rx(1 / 3 * pi) q[0];", "line 1: '1 / 3' divides whole numbers, which gives 0"),
        ("rx(-1/2) q[0];", "line 1: '-1/2' divides whole numbers, which gives 0"),
        ("const int n = 3; ry(n/2) q[0];", "line 1: 'n/2' divides whole numbers, which gives 1"),
        ("for int i in [0:3] { rz(i/2) q[0]; }", "line 1: 'i/2' divides whole numbers"),
        ("const float f = 1/2;", "line 1: '1/2' divides"),
        ("rx(sin(3/2)) q[0];", "line 1: '3/2' divides whole numbers, which gives 1"),
        ("ctrl @ gphase(1/2) q[0];", "line 1: '1/2' divides"),
    ],
)
def test_a_division_of_whole_numbers_that_leaves_a_rest_is_told(body: str, said: str) -> None:
    found = notes(f"{THREE}{BIT}{body} c = measure q;")
    assert len(found) == 1
    assert found[0].startswith(said)


def test_it_is_told_of_definitions_and_once() -> None:
    found = notes(
        THREE
        + "gate g(t) a { rx(t/2) a;\n rx(1/2*t) a; rx(t*(1/3)) a; }"
        + BIT
        + "g(1) q[0]; g(2) q[0]; c = measure q;"
    )
    assert [note.partition(" divides")[0] for note in found] == ["line 2: '1/2'", "line 2: '(1/3)'"]


def test_of_many_only_the_first_are_told() -> None:
    found = notes(f"{THREE}{BIT}" + "\nrx(1/2) q[0];" * 2 * MOST_NOTES + "c = measure q;")
    assert [note.partition(":")[0] for note in found] == [
        f"line {number + 2}" for number in range(MOST_NOTES)
    ]


@pytest.mark.parametrize("body", ["rx(4/2) q[0];", "rx(pi/2) q[0];", "rx(1.0/2) q[0];"])
def test_nothing_is_said_of_other_divisions(body: str) -> None:
    assert notes(f"{THREE}{BIT}{body} c = measure q;") == []


def test_whole_numbers_are_divided_towards_zero() -> None:
    gives(
        THREE + "const int k = -7 / 2; const int m = -7 % 3; qubit[4] q; bit[4] c;"
        "x q[k + 3]; x q[m + 2]; c = measure q;",
        "0011",
    )
