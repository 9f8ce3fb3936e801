"""Terms that are measured together."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from qiskit.quantum_info import SparsePauliOp

from quws.domain.bases import Plan
from quws.domain.paulis import parse


def plan(*texts: str) -> Plan:
    return Plan.of([parse(text) for text in texts])


def test_what_agrees_on_the_shared_qubits_is_measured_together() -> None:
    found = plan("Z0 Z1 + X2", "Z1 + 0.5*X0", "3 + Y0 X2")
    assert [basis.paulis for basis in found.bases] == [
        {0: "Z", 1: "Z", 2: "X"},
        {0: "Y", 2: "X"},
        {0: "X"},
    ]
    first, second, third = ([place for place, _ in basis.terms] for basis in found.bases)
    assert (sorted(first), second, third) == ([0, 0, 1], [2], [1])


def test_what_is_constant_needs_no_basis() -> None:
    assert plan("2", "Z0 - Z0").bases == []


@pytest.mark.parametrize("seed", range(3))
def test_every_term_is_measured_once_and_about_as_few_bases_do_as_qiskit_finds(seed: int) -> None:
    random = Random(seed)
    labels = {"".join(random.choice("IIXYZ") for _ in range(6)) for _ in range(60)} - {"I" * 6}
    found = plan(" + ".join(sorted(labels)))
    measured = [term for basis in found.bases for _, term in basis.terms]
    assert sorted(measured, key=str) == sorted(parse(" + ".join(sorted(labels))).terms, key=str)
    for basis in found.bases:
        for _, term in basis.terms:
            assert all(basis.paulis[qubit] == pauli for qubit, pauli in term.paulis)
        for (_, one), (_, other) in combinations(basis.terms, 2):
            shared = dict(one.paulis).keys() & dict(other.paulis).keys()
            assert all(dict(one.paulis)[at] == dict(other.paulis)[at] for at in shared)
    theirs = SparsePauliOp(sorted(labels)).group_commuting(qubit_wise=True)
    assert len(found.bases) <= 1.2 * len(theirs)


@pytest.mark.parametrize(
    ("texts", "precision", "shots"),
    [
        (["Z0"], 0.1, 101),
        (["0.5*Z0 + 0.5*Z1"], 0.1, 101),
        (["Z0 + X0"], 0.1, 201),
        (["Z0", "3*X0"], 0.1, 901),
        (["7"], 0.1, 1),
    ],
)
def test_the_shots_follow_from_the_standard_error_that_is_wanted(
    texts: list[str], precision: float, shots: int
) -> None:
    assert abs(plan(*texts).shots(precision) - shots) <= 1
