"""Sums of Pauli strings: both spellings, and what cannot be read."""

from __future__ import annotations

import math
from random import Random

import pytest
from qiskit.quantum_info import SparsePauliOp

from quws.domain.paulis import MOST_TERMS, Observable, Term, Unreadable, of_pairs, parse


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0.5*Z0 Z3 - X1", "0.5*Z0 Z3 - X1"),
        ("z3*z0", "Z0 Z3"),
        ("Z0Z3", "Z0 Z3"),
        ("+ .5 X10", "0.5*X10"),
        ("-Z0*Z1+1e-3X2", "-Z0 Z1 + 0.001*X2"),
        ("2E3*Y0", "2000.0*Y0"),
        ("I0 Z1", "Z1"),
        ("3", "3.0"),
        ("I", "1.0"),
        ("Z0 - 0.25", "Z0 - 0.25"),
        ("Z0 + X1 + Z0", "2.0*Z0 + X1"),
        ("Z0 - Z0", "0.0"),
        ("0.5*ZIIZ - IIXI + 2", "0.5*ZIIZ - IIXI + 2.0*IIII"),
        ("ZI - ZI", "0.0*II"),
        ("X", "X"),
    ],
)
def test_it_reads_both_spellings_and_writes_what_it_reads_again(text: str, written: str) -> None:
    found = parse(text)
    assert str(found) == written
    assert parse(written) == found


def test_the_last_letter_is_that_of_qubit_0() -> None:
    assert parse("ZIXY").terms == (Term(1.0, ((0, "Y"), (1, "X"), (3, "Z"))),)
    assert parse("ZIXY").terms == parse("Y0 X1 Z3").terms


def test_it_means_what_it_means_to_qiskit() -> None:
    random = Random(3)
    pairs = [
        ("".join(random.choice("IXYZ") for _ in range(5)), round(random.uniform(-2, 2), 6))
        for _ in range(40)
    ]
    mine = parse(" + ".join(f"{value}*{label}" for label, value in pairs).replace("+ -", "- "))
    assert mine == of_pairs(pairs)
    theirs = SparsePauliOp.from_list(pairs).simplify()
    named = SparsePauliOp.from_sparse_list(
        [
            ("".join(pauli for _, pauli in item.paulis), [at for at, _ in item.paulis], value)
            for item in mine.terms
            for value in (item.coefficient,)
        ],
        num_qubits=5,
    )
    assert named.equiv(theirs)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("Z0 -", "'Z0 -' has no term after its last sign"),
        ("--Z0", "'--Z0' has two signs in a row"),
        ("Z0 X0", "'Z0 X0' has qubit 0 twice in one term"),
        ("Z10000", "may name the qubits 0 to 9999, not 10000"),
        ("ZZ+Z", "'ZZ+Z' has strings of 2 and of 1 letters; write a letter for each qubit"),
        (
            "Z0+ZZ",
            "mixes two spellings: name the qubits (Z0 X3), or write a letter for each (XIIZ)",
        ),
        ("2*", "'2*' has nothing after a '*'"),
        ("Z0*", "'Z0*' has nothing after a '*'"),
        ("*Z0", "'*Z0' has * where it cannot be read"),
        ("Z0**Z1", "'Z0**Z1' has * where it cannot be read"),
        ("0.5 0.5*Z0", "'0.5 0.5*Z0' has 0.5 where it cannot be read"),
        ("ZZ3", "'ZZ3' has Z where it cannot be read"),
        ("1e999*Z0", "has coefficients from -1e100 to 1e100 only, not 1E999"),
        (
            "0.5j*Z0",
            "cannot be read at 'j*Z0'; a term is a real number, '*' and a Pauli string such as"
            " Z0 X3 or XIIZ",
        ),
    ],
)
def test_it_says_what_it_cannot_read(text: str, sentence: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(text)
    assert str(caught.value) == sentence


def test_labels_of_pairs_have_no_numbers_in_them() -> None:
    with pytest.raises(Unreadable, match="beside its coefficient"):
        of_pairs([("2*ZZ", 1.0)])
    with pytest.raises(Unreadable, match="from -1e100 to 1e100"):
        of_pairs([("ZZ", 10**400)])


def test_there_is_a_most_of_terms() -> None:
    terms = [f"Z{number}" for number in range(MOST_TERMS + 1)]
    assert len(parse(" + ".join(terms[:-1])).terms) == MOST_TERMS
    with pytest.raises(Unreadable, match="at most 1000 terms"):
        parse(" + ".join(terms))


@pytest.mark.parametrize(
    ("text", "qubits", "sentence"),
    [
        ("Z0 Z4", 4, "'Z0 Z4' names qubit 4, and the circuit has the qubits 0 to 3"),
        (
            "ZZ",
            3,
            "'ZZ' has 2 letters, and the circuit has 3 qubits: write a letter for each, that of"
            " qubit 0 last, or name the qubits (Z0 X2)",
        ),
    ],
)
def test_it_must_fit_the_circuit(text: str, qubits: int, sentence: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(text).check(qubits, "the circuit")
    assert str(caught.value) == sentence


@pytest.mark.parametrize(("text", "qubits"), [("Z0 Z3", 4), ("ZIIZ", 4), ("2", 1), ("I", 3)])
def test_what_fits_is_taken(text: str, qubits: int) -> None:
    parse(text).check(qubits, "the circuit")


def test_whatever_it_writes_it_reads() -> None:
    random = Random(5)
    for width in (None, 6):
        for _ in range(50):
            terms = {
                tuple(
                    (qubit, random.choice("XYZ")) for qubit in range(6) if random.random() < 0.5
                ): random.choice([1.0, -1.0, random.gauss(0, 1), math.pi * 1e-9, -3e20])
                for _ in range(random.randrange(5))
            }
            made = Observable(tuple(Term(value, paulis) for paulis, value in terms.items()), width)
            assert parse(str(made)) == made
