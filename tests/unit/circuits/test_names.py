"""Names: what a circuit may call its own, and what it is told of them."""

import pytest
from meaning import THREE, TWO, gives, refused

from quws.circuits.parse import parse
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit

ADDED = [
    "p",
    "u",
    "u0",
    "cp",
    "sx",
    "sxdg",
    "swap",
    "cswap",
    "crx",
    "cry",
    "rxx",
    "rzz",
    "cu",
    "csx",
    "rccx",
    "rc3x",
    "c3x",
    "c4x",
    "c3sqrtx",
    "asin",
    "acos",
    "atan",
]
"""What Qiskit has added to qelib1.inc."""


@pytest.mark.parametrize("name", ADDED)
def test_registers_and_gates_may_have_names_that_qiskit_has_added(name: str) -> None:
    for text in (
        f"qreg {name}[2]; creg c[2]; x {name}[0]; measure {name} -> c;",
        f"qreg q[2]; creg {name}[2]; x q[0]; measure q -> {name};",
        f"gate {name} a {{ x a; }} qreg q[2]; creg c[2]; {name} q[0]; measure q -> c;",
        f"gate g({name}) a {{ rx({name}) a; }} qreg q[2]; creg c[2]; g(pi) q[0]; measure q -> c;",
        f"gate g {name} {{ x {name}; }} qreg q[2]; creg c[2]; g q[0]; measure q -> c;",
    ):
        gives(TWO + text, "01")


def test_other_names_of_the_library_stay_taken() -> None:
    assert refused(TWO + "qreg x[2]; creg c[2]; measure x -> c;") == "'x' is already defined"


@pytest.mark.parametrize(
    ("gate", "times", "outcome"),
    [
        ("c4x", 1, "11111"),
        ("c4x", 2, "01111"),
        ("c3x", 1, "1111"),
        ("rc3x", 2, "0111"),
        ("c3sqrtx", 2, "1111"),
        ("rccx", 1, "111"),
    ],
)
def test_wide_gates_that_qiskit_has_added_run(gate: str, times: int, outcome: str) -> None:
    qubits = len(outcome)
    on = ",".join(f"q[{k}]" for k in range(qubits))
    text = f"qreg q[{qubits}]; creg c[{qubits}]; x q; x q[{qubits - 1}]; "
    gives(TWO + text + f"{gate} {on}; " * times + "measure q -> c;", outcome)


@pytest.mark.parametrize(
    ("text", "sentence", "column"),
    [
        (
            "gate mcx a,b { cx a,b; } mcx q[0],q[1]; nosuch q[0];",
            "'nosuch' is not defined",
            41,
        ),
        (
            "gate mcx a,b { cx a,b; } gate mcx a,b { cx b,a; }",
            "'mcx' is already defined",
            None,
        ),
        ("gate unitary a { x a; } unitary q[0]; unitary q[9];", "", None),
    ],
)
def test_what_is_said_of_a_renamed_gate_is_true_of_the_text(
    text: str, sentence: str, column: int | None
) -> None:
    with pytest.raises(InvalidCircuit) as caught:
        parse(f"{TWO}qreg q[2]; creg c[2];\n{text}\nmeasure q -> c;", None, CircuitLimits())
    assert sentence in caught.value.sentence
    assert "_" not in caught.value.sentence
    assert caught.value.line == 2
    assert column is None or caught.value.column == column


def test_an_alias_may_be_of_one_qubit() -> None:
    gives(
        THREE + "qubit[3] q; bit[3] c; let first = q[0]; let last = q[-1]; let again = first;"
        "x again; cx first, last; c = measure q;",
        "101",
    )
    gives(THREE + "bit[1] c; let a = $0; x a; c[0] = measure $0;", "1")
    assert "only indexing" in refused(
        THREE + "qubit[3] q; bit[3] c; let first = q[0]; x first[0]; c = measure q;"
    )


@pytest.mark.parametrize("language", [TWO, THREE])
def test_numbers_may_be_as_long_as_registers(language: str) -> None:
    bits = 151
    declared = (
        f"qreg q[1]; creg c[{bits}]; creg d[1]; x q[0]; measure q[0] -> c[{bits - 1}]; "
        if language is TWO
        else f"qubit[1] q; bit[{bits}] c; bit[1] d; x q[0]; measure q[0] -> c[{bits - 1}]; "
    )
    tests = f"if (c == {2 ** (bits - 1) + 1}) x q[0]; if (c == {2 ** (bits - 1)}) x q[0]; "
    gives(language + declared + tests + "measure q[0] -> d[0];", f"0 1{'0' * (bits - 1)}")
    assert "more than 1300 characters" in refused(
        language + declared + f"if (c == {'1' * 1301}) x q[0]; measure q[0] -> d[0];"
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("qreg q[2]; creg c[2]; cx q[0], q[1]; measure q -> c;", 'include "qelib1.inc";'),
        ("OPENQASM 3.0; qubit[1] q; bit[1] c; x q[0]; c = measure q;", 'include "stdgates.inc";'),
        (THREE + "qubit[1] q; measure q;", "as in 'c = measure q;'"),
        (THREE + "qubit[1] q; bit[1] c; for i in [0:4] { x q[0]; }", "needs a type"),
        (THREE + "qubit[1] q; bit[1] c; for _ in [0:4] { x q[0]; }", "needs a type"),
        (THREE + "int n = 2; qubit[1] q; bit[1] c;", "as in 'const int n = 2;'"),
        (TWO + "qreg q[1]; creg c[1]; rx(θ) q[0]; measure q -> c;", "written in ASCII"),
        (
            THREE + "qubit[1] q; bit[1] c; c = measure q; switch (c) { case 1 { x q[0]; } }",
            "write it with 'if' and 'else'",
        ),
        (THREE + "qubit[2] q; qubit[3] r; bit[2] c; cx q, r; c = measure q;", "different sizes"),
    ],
)
def test_a_refusal_says_what_to_write(text: str, part: str) -> None:
    assert part in refused(text)
