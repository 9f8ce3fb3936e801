"""Which bits of a register a range names, in everything that takes one."""

import pytest
from meaning import THREE, gives, refused

FOUR = THREE + "qubit[4] q; bit[4] c; "


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("x q[-2:-1]; c = measure q;", "1100"),
        ("x q[-1:-1]; h q[-3:2]; h q[-3:2]; c = measure q;", "1000"),
        ("x q; reset q[1:-1]; c = measure q;", "0001"),
        ("let r = q[3:-1:0]; x r[0]; let t2 = q[3:-1:1]; x t2[2]; c = measure q;", "1010"),
        ("x q[3:-2:0]; c = measure q;", "1010"),
        ("x q[:-1:2]; c = measure q;", "1100"),
        ("x q[-1:-2:-3]; c = measure q;", "1010"),
        ("x q[0:2:-1]; c = measure q;", "0101"),
        ("x q[:-2]; c = measure q;", "0111"),
        ("x q[-3:]; c = measure q;", "1110"),
        ("x q[:]; x q[2:1]; c = measure q;", "1111"),
        ("x q[0]; c[-2:-1] = measure q[0:1];", "0100"),
        ("x q[0]; c[3:-1:2] = measure q[0:1];", "1000"),
        ("x q[3]; measure q[3:-1:0] -> c;", "0001"),
        ("x q[0:1]; barrier q[-2:-1]; cx q[0:1], q[-1:-1:-2]; c = measure q;", "1111"),
        ("x q[0]; cx q[-4:-4], q[3:3]; c = measure q;", "1001"),
        ("let r = q[-2:-1] ++ q[0:0]; x r[2]; x r[0]; c = measure q;", "0101"),
        ("let r = q[3:-1:0]; let part = r[-2:-1]; x part[0]; c = measure q;", "0010"),
        ("for int i in [-2:-1] { x q[i]; } c = measure q;", "1100"),
        ("for int i in [3:-1:2] { x q[i]; } c = measure q;", "1100"),
        ("for int i in [0:-1] { x q[i]; } x q[1]; c = measure q;", "0010"),
        ("for int i in [1:2] { x q[i:-1]; } c = measure q;", "0010"),
        ("const int n = 2; x q[-n:n - 3]; c = measure q;", "1100"),
        ("x q[{-1, 0}]; c = measure q;", "1001"),
    ],
)
def test_a_range_includes_its_end_and_counts_from_the_end_below_zero(
    body: str, outcome: str
) -> None:
    gives(FOUR + body, outcome)


@pytest.mark.parametrize(
    ("body", "index"),
    [
        ("x q[2:9];", 9),
        ("x q[4:5];", 4),
        ("x q[-5:1];", -5),
        ("x q[3:-1:-6];", -6),
        ("let r = q[2:4];", 4),
        ("reset q[0:2:4];", 4),
        ("barrier q[0:4];", 4),
        ("c[1:4] = measure q;", 4),
        ("c = measure q[1:4];", 4),
        ("for int i in [0:3] { x q[i:i + 1]; }", 4),
    ],
)
def test_a_range_beyond_the_register_is_refused(body: str, index: int) -> None:
    sentence = refused(FOUR + body + " c = measure q;")
    assert sentence == (f"the range reaches index {index}, and the register has the indices 0 to 3")


def test_a_range_must_move() -> None:
    assert refused(FOUR + "x q[0:0:2]; c = measure q;") == ("the step of a range must not be zero")
