"""Conditions: numbers are compared as numbers, whatever their size."""

import pytest
from meaning import THREE, TWO, gives, refused


@pytest.mark.parametrize(
    ("bits", "value", "tested", "done"),
    [
        (1, 1, 2, False),
        (1, 0, 2, False),
        (1, 1, 3, False),
        (1, 1, 1, True),
        (2, 1, 5, False),
        (2, 0, 4, False),
        (2, 3, 7, False),
        (2, 2, 2, True),
        (3, 1, 2**64 + 1, False),
        (63, 1, 2**63 + 1, False),
        (64, 1, 2**64 + 1, False),
        (64, 2**63 + 1, 2**63 + 1, True),
        (70, 1, 2**70 + 1, False),
        (70, 2**69 + 1, 2**69 + 1, True),
        (70, 2**69 + 1, 1, False),
    ],
)
@pytest.mark.parametrize("language", [TWO, THREE])
def test_a_register_is_compared_with_all_of_a_number(
    bits: int, value: int, tested: int, done: bool, language: str
) -> None:
    declared = (
        f"qreg q[2]; creg c[{bits}]; creg d[1]; "
        if language is TWO
        else f"qubit[2] q; bit[{bits}] c; bit[1] d; "
    )
    measured = "".join(
        f"measure q[{value >> bit & 1}] -> c[{bit}]; " for bit in {0, 1, bits - 1} if bit < bits
    )
    for gate in ("x q[0];", "rx(pi) q[0];", "ry(pi) q[0];"):
        guarded = (
            f"if (c == {tested}) {gate} "
            if language is TWO
            else (f"if (c == {tested}) {{ {gate} }} ")
        )
        text = language + declared + "x q[1]; " + measured + guarded + "measure q[0] -> d[0];"
        gives(text, f"{int(done)} {value:0{bits}b}")


ONE = THREE + "qubit[2] q; bit[2] c; bit[2] d; x q[0]; c = measure q; "
"""The register c is 1."""


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("c < 1", False),
        ("c <= 1", True),
        ("c >= 1", True),
        ("c > 1", False),
        ("c < 4", True),
        ("c >= 4", False),
        ("c != 1", False),
        ("c != 5", True),
        ("c == -1", False),
        ("c == -3", False),
        ("c > -1", True),
        ("5 > c", True),
        ("0 > c", False),
        ("0x1 == c", True),
        ("0b101 == c", False),
        ("c == 0x5", False),
        ("c == 2 ** 70 + 1", False),
        ('c == "01"', True),
        ('"11" == c', False),
        ("c", True),
        ("!c", False),
        ("!(c == 1)", False),
        ("c == c", True),
        ("~c == 2", True),
        ('(c & "01") == 1', True),
        ('(c | "10") == 3', True),
        ('(c ^ "11") == 2', True),
        ("c[0] && !c[1]", True),
        ("c[1] || c == 1", True),
        ("c[0] ^ c[1]", True),
        ("c[0] & c[1] | ~c[0]", False),
        ("c[0] == c[1]", False),
        ("c[0] > c[1]", True),
        ("c[0] == 5", False),
        ("c[0] != 5", True),
        ('c[0] == "1"', True),
        ("c[1] == false", True),
        ("c[0:1] == 1", True),
        ("c[-1:-1] == 1", False),
        ("c[{1, 0}] == 2", True),
        ("int(c) == 1", True),
        ("uint[2](c) == 5", False),
        ("bool(c)", True),
        ("true", True),
        ("false", False),
        ("1 == 1 && !false", True),
    ],
)
def test_a_condition_holds_as_in_arithmetic(condition: str, holds: bool) -> None:
    for gate in ("x q[0];", "rx(pi) q[0];"):
        gives(f"{ONE}if ({condition}) {{ {gate} }} d = measure q;", f"{'00' if holds else '01'} 01")


@pytest.mark.parametrize("condition", ["c == 5", "false", "c[0] == 2", "c > 3"])
def test_what_is_done_otherwise_is_done_always(condition: str) -> None:
    body = f"if ({condition}) {{ x q[0]; }} else {{ x q[1]; if (c == 1) {{ x q[0]; }} }}"
    gives(f"{ONE}{body} d = measure q;", "10 01")


@pytest.mark.parametrize(("tested", "holds"), [("c > 2 ** 68", True), ("c < 2 ** 69", False)])
def test_wide_registers_are_compared_by_size(tested: str, holds: bool) -> None:
    gives(
        THREE + "qubit[2] q; bit[70] c; bit d; x q[0]; c[69] = measure q[0];"
        f"if ({tested}) {{ x q[0]; }} d = measure q[0];",
        f"{int(not holds)} 1{'0' * 69}",
    )


def test_registers_of_different_values_are_compared() -> None:
    gives(
        THREE + "qubit[2] q; bit[2] a; bit[2] b; bit d; x q[1]; a = measure q;"
        "x q; b = measure q; if (b < a && a != b && !(a <= b)) { x q[1]; } d = measure q[1];",
        "1 01 10",
    )


def test_loops_and_constants_can_be_tested() -> None:
    gives(
        THREE + "const int n = 2; qubit[3] q; bit[3] c;"
        "for int i in [0:2] { if (i < n) { x q[i]; } } c = measure q;",
        "011",
    )


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ('c == "101"', "a condition compares 2 bits with 3; both must be as many"),
        ("c == true", "a register of 2 bits is compared with a truth value"),
        ("c + 1 == 2", "'+' cannot be used in a condition; conditions compare bits"),
        ("c == 1.5", "bits are compared with whole numbers"),
        ("nosuch == 1", "Undefined symbol 'nosuch'"),
        ("q == 1", "cannot be tested; conditions compare bits"),
    ],
)
def test_other_conditions_are_refused_with_what_can_be_written(
    condition: str, sentence: str
) -> None:
    assert sentence in refused(f"{ONE}if ({condition}) {{ x q[0]; }} d = measure q;")
