"""The operation count, for both languages."""

import time
from collections.abc import Callable

import openqasm3
import pytest
from hostile import THREE, TWO, doubled_two

from quws.circuits.count import count_openqasm2
from quws.circuits.count_openqasm3 import count_openqasm3
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit

LIMITS = CircuitLimits()


def two(body: str, limits: CircuitLimits = LIMITS) -> int:
    return count_openqasm2(TWO + body, limits).operations


def three(body: str, limits: CircuitLimits = LIMITS) -> int:
    return count_openqasm3(openqasm3.parse(THREE + body), limits).operations


@pytest.mark.parametrize(
    ("body", "operations"),
    [
        ("", 0),
        ("h q[0]; cx q[0],q[1]; measure q -> c;", 4),
        ("h q;", 2),
        ("qreg r[3]; h r; cx r[0], q[1]; reset r; barrier r;", 3 + 1 + 3 + 1),
        ("cx q, q;", 2),
        ("qreg r[3]; cx r[0], q; cx q, r[0]; cx q[0], r;", 2 + 2 + 3),
        ("qreg r[3]; ccx q[0], r, q[1]; cu1(pi) r, q[0]; if(c==1) cx q[0], r;", 3 + 3 + 3),
        ("rx(sin(pi)/2) q[0]; cu3(1, 2, 3) q[0], q[1]; u2(0,pi)q;", 4),
        ("if(c==1) x q[0]; if (c == 1) rx(0.1) q;", 3),
        ("if(c==1) measure q -> c;", 2),
        ("gate g a, b { h a; cx a, b; barrier a; } g q[0], q[1];", 3),
        ("gate g(t) a { rx(t) a; rx((t)) a; } gate f a { g(1) a; g(2) a; h a; } f q;", 10),
        ("gate g a { } g q;", 0),
        ("gate g a { h a; } // g q;\n", 0),
        ("h q[0]; // ; h q[0];\n h // x\n q[0];", 2),
        ("opaque delay(t) a; delay(100) q[0];", 1),
        ("h q[0]", 1),
        ("   \n", 0),
    ],
)
def test_counts_openqasm2(body: str, operations: int) -> None:
    assert two(body) == operations


@pytest.mark.parametrize(
    ("body", "operations"),
    [
        ("", 0),
        ("h q[0]; cx q[0], q[1]; c = measure q;", 4),
        ("measure q[0] -> c[0]; bit d = measure q[1]; bit[2] e = measure q;", 4),
        ("h q; reset q; barrier q; delay[10ns] q; delay[10ns] q[0]; box { x q; }", 10),
        ("h q[{0}]; h q[0:1]; h q[1:1]; h q[:];", 1 + 2 + 1 + 2),
        ("qubit[3] r; let a = q ++ r[0:1]; h a; let b = a[1:2]; h b; h r;", 4 + 2 + 3),
        ("if (c[0]) { x q; } else { h q[0]; z q[0]; }", 4),
        ("gate g(t) a, b { rx(t) a; cx a, b; } g(0.1) q[0], q[1];", 2),
        ("gate g a { h a; } gate f a { g a; g a; } f q;", 4),
        ("for int i in [0:9] { x q; h q[0]; }", 30),
        ("for int i in [0:2:9] x q[0];", 5),
        ("for int i in [9:-3:0] x q[0];", 4),
        ("for int i in [5:1] x q[0];", 0),
        ("for int i in {1, 5, 7} x q[0];", 3),
        ("for int i in [0:9] { }", 10),
        ("for int i in [0:2] { for int j in [0:3] { x q[0]; } }", 12),
        ("const int n = 2 ** 3 - 1; for int i in [0:n] { x q[0]; }", 8),
        ("const float t = pi / 2; const uint n = 4; for uint i in [1:n] { rx(t) q[0]; }", 4),
        ("for int i in [0:3] { for int j in [0:i] { x q[0]; } }", 10),
        ("const int i = 99; for int i in [0:1] { for int j in [0:i] { x q[0]; } }", 3),
        ("const int n = 2; gate g(n) a { rx(n) a; } for int i in [1:n] { g(1) q[0]; }", 2),
        ("ctrl @ x q[0], q[1]; inv @ x q[0]; negctrl @ x q[0], q[1];", 3),
        ("pow(3) @ x q[0]; pow(-3) @ x q[0]; pow(0.5) @ x q[0]; pow(0) @ x q[0];", 8),
        ("gate g a { h a; h a; } pow(2) @ inv @ pow(5) @ g q;", 40),
        ("qubit[4] r; ctrl(4) @ x r[0], r[1], r[2], r[3], q[0];", 200),
        ("gphase(pi); ctrl @ gphase(pi) q[0];", 2),
        ("x $0; reset $1;", 2),
        ("if (c[0]) { let q = q[0]; h q; } h q;", 3),
        ("const int n = 3; box { const int n = 9; } for int i in [1:n] { x q[0]; }", 3),
        ("gate g a { for int i in [1:3] { h a; } } g q;", 6),
        ("{ x q[0]; }", 1),
        ("def f(qubit a) { x a; }", 0),
    ],
)
def test_counts_openqasm3(body: str, operations: int) -> None:
    assert three(body) == operations


@pytest.mark.parametrize("count", [two, three])
def test_names_the_order_of_magnitude(count: Callable[..., int]) -> None:
    with pytest.raises(InvalidCircuit) as caught:
        count(doubled_two(40) + "g40 q[0];")
    assert caught.value.sentence == (
        "the circuit has about 1.1e12 operations once its gates and loops are written out,"
        " the target takes 10000000"
    )


@pytest.mark.parametrize("count", [two, three])
def test_stops_growing(count: Callable[..., int]) -> None:
    with pytest.raises(InvalidCircuit, match=r"has more than 1\.0e30 operations"):
        count(doubled_two(900) + "g900 q[0];")


@pytest.mark.parametrize("count", [two, three])
def test_takes_as_many_as_the_limit(count: Callable[..., int]) -> None:
    body = doubled_two(4) + "g4 q[0];"
    assert count(body, CircuitLimits(operations=16)) == 16
    with pytest.raises(InvalidCircuit, match=r"has 16 operations .* the target takes 15"):
        count(body, CircuitLimits(operations=15))


@pytest.mark.parametrize("count", [two, three])
def test_ignores_definitions_that_are_never_used(count: Callable[..., int]) -> None:
    assert count(doubled_two(40) + "h q[0];") == 1


def test_names_the_gates_that_are_defined() -> None:
    body = "gate f a { h a; }\ngate g(t) a, b { rx(t) a; }\n"
    assert count_openqasm2(TWO + body, LIMITS).gates == {"f", "g"}
    assert count_openqasm3(openqasm3.parse(THREE + body), LIMITS).gates == {"f", "g"}


@pytest.mark.parametrize(
    ("body", "sentence", "column"),
    [
        ("gate g a { g a; }", "the gate 'g' uses itself", 12),
        (
            "while (true) { x q[0]; }",
            "while loops are not supported by this target, since nothing bounds them",
            1,
        ),
        ("qubit[5*6] r;", "the circuit declares 32 qubits, the target has 28", 1),
        (
            "const int n = 4095; bit[n] r;",
            "the circuit declares 4097 classical bits, the target takes 4096",
            21,
        ),
        ("qubit[2.5] r;", "the size of a register must be a whole number", 1),
        (
            "for int i in c { x q[0]; }",
            "a loop must run over a set or over a range with a start and an end",
            1,
        ),
        (
            "for int i in [0:n] { x q[0]; }",
            "a size, a range or a gate modifier here is not a constant",
            1,
        ),
        ("for int i in [0:0:1] { x q[0]; }", "the step of a range must not be zero", 1),
        ("c = measure q[0];", "1 qubit cannot be measured into 2 bits", 1),
        ("bit d = measure q;", "2 qubits cannot be measured into 1 bit", 1),
        ("ctrl(29) @ x q[0];", "a gate may have between 1 and 28 controls", 1),
        ("ctrl(0) @ x q[0];", "a gate may have between 1 and 28 controls", 1),
        (
            "const int n = 1 / 0;",
            "a constant here has no value: integer division or modulo by zero",
            1,
        ),
    ],
)
def test_says_what_is_wrong_and_where(body: str, sentence: str, column: int) -> None:
    with pytest.raises(InvalidCircuit) as caught:
        three(body)
    assert (caught.value.sentence, caught.value.line, caught.value.column) == (sentence, 5, column)


def test_refuses_gates_without_definition() -> None:
    with pytest.raises(InvalidCircuit) as caught:
        two("opaque f(t) a;\nf(1) q[0];")
    assert caught.value.sentence == "the gate 'f' is opaque, so there is nothing that could be run"
    assert (caught.value.line, caught.value.column) == (6, 1)


@pytest.mark.parametrize(
    "body",
    [" " * 2_000_000, "a " * 500_000, "x q[0];" + "(" * 500_000, "if" * 500_000],
    ids=["blanks", "words", "brackets", "word"],
)
def test_takes_linear_time(body: str) -> None:
    started = time.process_time()
    two(body)
    assert time.process_time() - started < 2
