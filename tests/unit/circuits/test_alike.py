"""Circuits that differ in angles only are read once, and nothing else is taken for alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quws.circuits.alike import Alike
from quws.circuits.parse import parse
from quws.domain.circuits import CircuitFacts, CircuitLimits, Language
from quws.domain.errors import InvalidCircuit

HEADS = {
    Language.OPENQASM_2: 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; ',
    Language.OPENQASM_3: 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; ',
}
TAILS = {
    Language.OPENQASM_2: " measure q -> c;",
    Language.OPENQASM_3: " c = measure q;",
}


class Reader:
    """Reads circuits, and counts them."""

    def __init__(self) -> None:
        self.read = 0
        self.alike = Alike(self._facts, None, CircuitLimits())

    def _facts(self, source: str, language: Language | None, limits: CircuitLimits) -> CircuitFacts:
        self.read += 1
        return parse(source, language, limits)[1]

    def both(self, first: str, second: str, language: Language = Language.OPENQASM_2) -> bool:
        """Read two circuits, hold what is said of them to the truth, and say if one was enough."""
        before = self.read
        for body in (first, second):
            text = HEADS[language] + body + TAILS[language]
            assert self.alike.facts(text) == parse(text, None, CircuitLimits())[1]
        return self.read == before + 1


@pytest.mark.parametrize("language", list(HEADS))
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("rx(0.5) q[0];", "rx(-12.25) q[0];"),
        ("rz(0.5) q[0]; cx q[0], q[1]; ry(1.0) q;", "rz(0.0) q[0]; cx q[0], q[1]; ry(1.25) q;"),
        ("u3(0.1,0.2, 0.3) q[0];", "u3(0.4,0.5, 0.6) q[0];"),
        ("u2(0.1, 0.2) q[1]; x q[0];", "u2(0.3, 0.4) q[1]; x q[0];"),
    ],
)
def test_circuits_with_other_angles_are_alike(language: Language, first: str, second: str) -> None:
    assert Reader().both(first, second, language)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("rx(0.5) q[0];", "rx(0.5) q[1];"),
        ("rx(0.5) q[0];", "ry(0.5) q[0];"),
        # Only what is surely no Clifford gate says that the circuit has some.
        ("rx(0.5) q[0];", "rx(1.5707963267948966) q[0];"),
        ("rx(0.5) q[0];", "rx(0.0) q[0];"),
        ("rx(0.0) q[0];", "rx(0.5) q[0];"),
        ("rx(0.5) q[0]; // rx(0.5)", "rx(0.0) q[0]; // rx(0.5)"),
        ("h q[0]; if(c==7) rx(0.5) q[0];", "h q[0]; if(c==7) rx(0.25) q[0];"),
        ("gate a(t) q { rx(t) q; } a(0.5) q[0];", "gate a(t) q { rx(t) q; } a(0.0) q[0];"),
        ("rx(sin(0.5)) q[0];", "rx(sin(0.0)) q[0];"),
        ("rx(1) q[0];", "rx(0) q[0];"),
    ],
)
def test_others_are_not(first: str, second: str) -> None:
    assert not Reader().both(
        first.replace("//", "\n//") + "\n", second.replace("//", "\n//") + "\n"
    )


@pytest.mark.parametrize(
    "wrong", ["rx(0.5,0.5) q[0];", "u3(0.5) q[0];", "rx() q[0];", "rx(1e999) q[0];", "rx(\0) q[0];"]
)
def test_what_is_wrong_is_not_taken_for_right(wrong: str) -> None:
    reader = Reader()
    for right in ("rx(0.5) q[0];", "u3(0.5,0.5,0.5) q[0];", "rx(0.1) q[0];"):
        reader.alike.facts(HEADS[Language.OPENQASM_2] + right + TAILS[Language.OPENQASM_2])
    for _ in range(2):
        with pytest.raises(InvalidCircuit):
            reader.alike.facts(HEADS[Language.OPENQASM_2] + wrong + TAILS[Language.OPENQASM_2])


def test_only_so_many_are_remembered() -> None:
    reader = Reader()
    bodies = ["x q[0];" * number + "rx(0.5) q[0];" for number in range(102)]
    for _ in range(2):
        for body in bodies:
            reader.alike.facts(HEADS[Language.OPENQASM_2] + body + TAILS[Language.OPENQASM_2])
    assert reader.read == 102 + 2


@pytest.mark.parametrize(
    "limits",
    [
        CircuitLimits(unary_run=0),
        CircuitLimits(number_length=20),
        CircuitLimits(tokens_openqasm3=1000),
        CircuitLimits(bytes_openqasm2=1000),
        CircuitLimits(bytes_openqasm3=1000),
    ],
)
def test_nothing_is_alike_where_the_text_of_an_angle_counts(limits: CircuitLimits) -> None:
    calls: list[str] = []

    def facts(source: str, language: Language | None, limits: CircuitLimits) -> CircuitFacts:
        calls.append(source)
        return parse(source, language, limits)[1]

    alike = Alike(facts, None, limits)
    head, tail = HEADS[Language.OPENQASM_2], TAILS[Language.OPENQASM_2]
    for angle in ("0.5", "0.25"):
        alike.facts(f"{head}rx({angle}) q[0];{tail}")
    assert len(calls) == 2


ANGLES = ["0.5", "-0.5", "0.0", "1.5707963267948966", "00.5", "999.9", "1e3", ".5", "7", "pi/3"]
STATEMENTS = [
    "rx(A) q[0];", "cp(A) q[0],q[1];", "u1(A) q;", "u2(A,A) q[1];", "u3(A, A,A) q[0];",
    "p(A) q[1];", "U(A,A,A) q[0];", "rx(A,A) q[0];", "crz( A) q[0],q[1];", "rx (A) q[0];",
    "h q[0];", "t q[0];", "cx q[0],q[1];", "barrier q;", "reset q[0];", "measure q[0] -> c[0];",
    "c[0] = measure q[0];", "if(c==1) rx(A) q[0];", "if (c[0]) rx(A) q[0];",
    "for int i in [1:0] rx(A) q[0];", "for int i in [0:1] rx(A) q[i];", "ctrl @ rx(A) q[0],q[1];",
    "gate a(t) b { rx(t) b; }", "a(A) q[0];", "gate rx(t) b { h b; }", "// rx(A)\n", "/* rx(A) */",
    "qreg rx[2];", "qubit p;", "const float rx = A;", "rx(rx) q[0];", "rx(sin(A)) q[0];",
    "rz(7/2) q[0];", "end;", "rx(A)q[1];", "Rx(A) q[0];", "ry(A) q[5];",
    "while (c[0]) rx(A) q[0];", "gphase(A);", "delay[A] q;", "opaque rx(A) q;", "rx(A) r[0];",
    "creg d[2];", "bit d;",
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(HEADS)),
    st.lists(st.sampled_from(STATEMENTS), max_size=6),
    st.lists(st.sampled_from(ANGLES), min_size=3, max_size=12),
)
def test_whoever_is_told_by_another_is_told_the_same(
    language: Language, statements: list[str], angles: list[str]
) -> None:
    def told(read: Callable[[str], CircuitFacts], source: str) -> object:
        try:
            return read(source)
        except InvalidCircuit as refusal:
            return refusal.sentence, refusal.line, refusal.column

    alike = Alike(lambda *asked: parse(*asked)[1], None, CircuitLimits())
    frame = HEADS[language] + " ".join(statements) + TAILS[language]
    for turn in range(3):
        texts = cycle(angles[turn:])
        source = re.sub(r"\bA\b", lambda _, texts=texts: next(texts), frame)
        assert told(alike.facts, source) == told(
            lambda text: parse(text, None, CircuitLimits())[1], source
        )
