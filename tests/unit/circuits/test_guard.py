"""The lexical guard: what passes, what is refused, and where."""

import contextlib
import re
import subprocess
import sys
import time

import pytest
from hostile import HOSTILE, THREE, TWO, Hostile
from hypothesis import given, settings
from hypothesis import strategies as st

from quws.circuits.guard import _Scan, scan
from quws.domain.circuits import OPENQASM, CircuitLimits, Language
from quws.domain.errors import InvalidCircuit

LIMITS = CircuitLimits()
TWO_HEADER = "OPENQASM 2.0;\n"
THREE_HEADER = "OPENQASM 3.0;\n"


def refusal(
    source: str, language: Language | None = None, limits: CircuitLimits = LIMITS
) -> InvalidCircuit:
    with pytest.raises(InvalidCircuit) as caught:
        scan(source, language, limits)
    return caught.value


@pytest.mark.parametrize(
    ("source", "language"),
    [
        (TWO, Language.OPENQASM_2),
        (THREE, Language.OPENQASM_3),
        ("OPENQASM 2;\nqreg q[1];", Language.OPENQASM_2),
        ("OPENQASM 3;\nqubit q;", Language.OPENQASM_3),
        ("OPENQASM 3.1;\nqubit q;", Language.OPENQASM_3),
        ("// first\n/* second\n */ OPENQASM 3.0 ;\nqubit q;", Language.OPENQASM_3),
        ("\ufeffOPENQASM 2.0;\nqreg q[1];", Language.OPENQASM_2),
        ("qreg q[1]; creg c[1];", Language.OPENQASM_2),
        ('include "qelib1.inc";', Language.OPENQASM_2),
        ("// qreg\nqubit q;", Language.OPENQASM_3),
        ('include "stdgates.inc"; qreg q[1];', Language.OPENQASM_3),
        ("x $0;", Language.OPENQASM_3),
    ],
)
def test_tells_the_language(source: str, language: Language) -> None:
    assert scan(source, None, LIMITS) is language
    assert scan(source, language, LIMITS) is language


def test_takes_the_language_that_the_client_names_where_no_header_does() -> None:
    assert scan("qreg q[1];", Language.OPENQASM_3, LIMITS) is Language.OPENQASM_3


@pytest.mark.parametrize("hostile", [h for h in HOSTILE if h.guarded], ids=lambda h: h.name)
def test_refuses_hostile_text_before_a_parser_sees_it(hostile: Hostile) -> None:
    source = hostile.build()
    error = refusal(source, hostile.language)
    assert 0 < len(error.sentence) <= 300
    assert "\n" not in error.sentence


@pytest.mark.parametrize(
    ("source", "line", "column", "sentence"),
    [
        (
            TWO_HEADER + "qreg q[20];\nqreg r[20];",
            3,
            8,
            "the circuit declares 40 qubits, the target has 28",
        ),
        (
            THREE_HEADER + "qubit[20] q;\n  qubit[20] r;",
            3,
            9,
            "the circuit declares 40 qubits, the target has 28",
        ),
        (
            THREE_HEADER + "bit[5000] c;",
            2,
            5,
            "the circuit declares 5000 classical bits, the target takes 4096",
        ),
        (
            TWO_HEADER + 'include "/etc/passwd";',
            2,
            9,
            "include names '/etc/passwd'; only \"qelib1.inc\" may be included",
        ),
        (
            THREE_HEADER + 'include "qelib1.inc";',
            2,
            9,
            "include names 'qelib1.inc'; only \"stdgates.inc\" may be included",
        ),
        (
            TWO_HEADER + "rx((1) q[0];",
            2,
            3,
            "'(' is never closed by ')'",
        ),
        (
            TWO_HEADER + "rx(1]) q[0];",
            2,
            5,
            "']' does not match the brackets before it",
        ),
        (
            TWO_HEADER + "// one\n\n   \x00",
            4,
            4,
            "the text contains the control character U+0000",
        ),
        (
            TWO_HEADER + "/* one */",
            2,
            1,
            "a comment in OPENQASM-2 begins with '//', not with '/*'",
        ),
        (
            "OPENQASM 1.0;",
            1,
            10,
            "the version '1.0' is not known; allowed are 2.0, 3.0 and 3.1",
        ),
        (
            "OPENQASM two;",
            1,
            1,
            "the header must read 'OPENQASM 2.0;' or 'OPENQASM 3.0;'",
        ),
        (
            THREE_HEADER + "ctrl @x q[0], q[1];",
            2,
            6,
            "annotations are not supported; after a gate modifier, a space must follow the '@'",
        ),
        (
            THREE_HEADER + "x $28;",
            2,
            3,
            "there is no qubit '$28', the target has 28",
        ),
        (THREE_HEADER + "x\u00a0$0;", 2, 2, "the character U+00A0 has no meaning here"),
    ],
)
def test_says_what_is_wrong_and_where(source: str, line: int, column: int, sentence: str) -> None:
    error = refusal(source)
    assert (error.sentence, error.line, error.column) == (sentence, line, column)


def test_refuses_a_header_that_contradicts_the_client() -> None:
    error = refusal("// x\n" + TWO, Language.OPENQASM_3)
    assert error.sentence == (
        "the parameter LANG says OPENQASM-3 but the header of the circuit says OPENQASM-2"
    )
    assert (error.line, error.column) == (2, 1)


def test_quotes_at_most_sixty_characters() -> None:
    error = refusal(TWO_HEADER + f'include "{"a" * 500}";')
    assert "a" * 60 + "…" in error.sentence
    assert "a" * 61 not in error.sentence


@pytest.mark.parametrize(
    "source",
    [
        TWO_HEADER + "qreg qubit[2]; creg bit[2]; x qubit[1]; measure qubit[0] -> bit[0];",
        TWO_HEADER + "rx(-(-pi/2)*1.5e-3) q[0]; // µ ψ anything\n",
        THREE_HEADER + "/* µ\n */ qubit[0x1c] q;",
        THREE_HEADER + "qubit[100 - 90] q;",
        THREE_HEADER + "qubit[n] q;",
        THREE_HEADER + 'if (c == "0101") x q;',
        THREE_HEADER + "rx(θ/2) $27; delay[100µs] $0;",
        THREE_HEADER + "ctrl(2) @ pow(1/2) @ x a, b, c;",
        THREE_HEADER + "for int i in [0:1_000_000] {}",
        THREE_HEADER + "include 'stdgates.inc';",
        THREE_HEADER + "let a = b[0:2] ++ c[{1, 3}];",
        THREE_HEADER + "rx(" + "(" * 63 + "1" + ")" * 63 + ") q;",
        THREE_HEADER + "rx(" + "-" * 64 + "1) q;",
        THREE_HEADER + "for int i in {" + "-1, " * 1000 + "1} {}",
    ],
)
def test_lets_ordinary_text_pass(source: str) -> None:
    scan(source, None, LIMITS)


@pytest.mark.parametrize(
    ("limits", "good", "bad"),
    [
        (CircuitLimits(nesting=2), "rx((1)) q;", "rx(((1))) q;"),
        (CircuitLimits(tokens_openqasm3=6), "x q; x q;", "x q; x q; x"),
        (CircuitLimits(token_length=4), "abcd q;", "abcde q;"),
        (CircuitLimits(number_length=4), "rx(1234) q;", "rx(12345) q;"),
        (CircuitLimits(unary_run=2), "rx(--1) q;", "rx(---1) q;"),
        (CircuitLimits(qubits=3), "qubit[2] q; qubit r;", "qubit[2] q; qubit r; qubit s;"),
        (CircuitLimits(clbits=3), "bit[2] q; creg r[1];", "bit[2] q; creg r[1]; bit b;"),
        (CircuitLimits(qubits=2), "qreg q; qreg r;", "qreg q; qreg r; qreg s;"),
        (CircuitLimits(bytes_openqasm3=20), "//12345678901234567", "//1234567890123456789"),
        (CircuitLimits(bytes_openqasm3=20), "//123456789012345µ", "//12345678901234567µ"),
    ],
)
def test_keeps_to_its_limits(limits: CircuitLimits, good: str, bad: str) -> None:
    assert scan(good, Language.OPENQASM_3, limits) is Language.OPENQASM_3
    refusal(bad, Language.OPENQASM_3, limits)


def test_nothing_but_its_size_bounds_the_words_of_openqasm2() -> None:
    source = TWO_HEADER + "x a;" * 100
    limits = CircuitLimits(bytes_openqasm2=len(source), bytes_openqasm3=5, tokens_openqasm3=5)
    assert scan(source, None, limits) is Language.OPENQASM_2
    refusal(source + " ", None, limits)


@pytest.mark.parametrize(
    "text",
    [
        " " * 1_000_000,
        " " * 1_000_000 + "§",
        "\n" * 500_000 + "OPENQASM",
        "/*" * 500_000,
        "/**/" * 250_000 + "/*",
        "//" * 500_000,
        "// x\n" * 200_000,
        "OPENQASM" + " " * 1_000_000,
        "1" * 1_000_000,
        "1e" * 500_000,
        '"' * 1_000_000,
        "$" * 1_000_000,
        "(" * 1_000_000,
        "()" * 100_000,
        "h q[0];\n" * 30_000,
    ],
    ids=lambda text: repr(text[:8]),
)
@pytest.mark.parametrize("language", [None, *OPENQASM])
def test_takes_linear_time(text: str, language: Language | None) -> None:
    started = time.process_time()
    with contextlib.suppress(InvalidCircuit):
        scan(text, language, LIMITS)
    assert time.process_time() - started < 2


def test_loads_no_parser() -> None:
    """The guard runs in the web process, which must start quickly and stay small."""
    code = (
        "import sys, quws.circuits.guard;"
        "sys.exit(any(name in sys.modules for name in ('qiskit', 'openqasm3', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


SIMPLE = "OPENQASM 2.0;\nqreg q[5];\ncreg c[5];\n" + "rx(-pi/2) q[0];\ncx q[0],q[1];\n" * 3


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("h q[5000];", "the index 5000"),
        ("h include;", "include must be followed"),
        ("h OPENQASM;", "may stand only once"),
        ('h q[0]; x "a";', "only after include"),
        ("qreg r[27];", "declares 32 qubits"),
        ("creg d; creg e[4095];", "4101 classical bits"),
        ("h q[0];;\nqreg r[0];", "at least one bit"),
        ("rx((1) q[0];", "does not match|never closed"),
        ("rx(1e999) q[0];", "too large"),
        ("measure q[0] -> c[0]; #", "'#' has no meaning"),
        (f"{'x' * 2000} q[0];", "longer than 1024"),
    ],
)
def test_simple_statements_hide_nothing_that_stands_among_them(fault: str, sentence: str) -> None:
    error = refusal(f"{SIMPLE}h q[0]; {fault}\nx q[0];")
    assert re.search(sentence, error.sentence)
    assert error.line is not None
    assert error.line >= SIMPLE.count("\n") + 1


@pytest.mark.parametrize(
    "limits",
    [
        CircuitLimits(qubits=5, clbits=5),
        CircuitLimits(token_length=5),
        CircuitLimits(number_length=2),
        CircuitLimits(nesting=0),
        CircuitLimits(unary_run=0),
    ],
)
def test_no_statement_is_simple_where_the_limits_are_low(limits: CircuitLimits) -> None:
    with pytest.raises(InvalidCircuit):
        scan(f"{SIMPLE}abcdefg(--100) q[5];", None, limits)


PIECES = [
    ";", ";", ";", ",", " ", "\n", "\r", "(", ")", "[", "]", "{", "}", "->", "-", "+", "*", "/",
    "//", "/*", "*/", "==", "^", "!", "~", "@", "#", '"', "'", "$1", ":", ".", "é", "q", "q[0]",
    "q[28]", "q[999]", "q[4096]", "c[1]", "h q[0];", "rx(-pi/2) q[0];", "u3(1,.5e3,-2.5*pi) q[1];",
    "cx q[0],q[1];", "measure q[0] -> c[0];", "barrier q;", "if(c==3) x q[0];", "qreg", "creg",
    "gate", "opaque", "include", '"qelib1.inc"', "OPENQASM", "OPENQASM 2.0;", "pi", "0", "12",
    "1.5", "1e5", "1e99", "1e400", "123456789012345678", "0x1f", "1_0", "a" * 31, "a" * 32,
    "a" * 70, "a" * 1025, "9" * 41, "9" * 1400, "-" * 70, "(" * 70, "gate g a { h a; }",
    "qreg r[3];", "qreg s[27];", "creg d[4000];", "qreg e;", "creg f;", "rx((1)) q;", "rx(1)q;",
    "h q [0] ;", "include;", "h include;", "x qreg r[1];", "gate;", "rx(1e) q;", "rx(1.e5) q[0];",
    "qregé r[99];",
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=40),
    st.sampled_from(["", " ", "\n"]),
    st.sampled_from(
        [
            CircuitLimits(),
            CircuitLimits(qubits=9, clbits=9),
            CircuitLimits(token_length=40, number_length=40, nesting=1, unary_run=1),
        ]
    ),
)
def test_taken_at_once_or_word_by_word_it_is_the_same(
    pieces: list[str], between: str, limits: CircuitLimits
) -> None:
    source = "OPENQASM 2.0;\nqreg q[5]; creg c[3];" + between.join(pieces)
    found = []
    for simple in (True, False):
        look = _Scan(source, Language.OPENQASM_2, limits)
        if not simple:
            look.simple = None
        try:
            look.run(13)
            found.append((look.qubits, look.clbits, look.gates))
        except InvalidCircuit as refused:
            found.append((refused.sentence, refused.line, refused.column))
    assert found[0] == found[1]
