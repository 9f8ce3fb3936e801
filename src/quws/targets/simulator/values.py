"""Expectation values of small states: a table of all terms, made once, and one product each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quws.domain.paulis import Observable, Term

_MOST = 1 << 18
"""The largest table, in numbers."""


class Values:
    """The expectation values of observables, by the amplitudes of a state."""

    def __init__(self, observables: Sequence[Observable], qubits: int) -> None:
        terms = [term for item in observables for term in item.terms]
        self._ends = list(np.cumsum([len(item.terms) for item in observables]))
        states = np.arange(1 << qubits)
        rows = [_row(term, states) for term in terms]
        self._to = np.array([to for to, _ in rows]).reshape(len(terms), len(states))
        self._factors = np.array([factors for _, factors in rows]).reshape(self._to.shape)

    @staticmethod
    def fit(observables: Sequence[Observable], qubits: int) -> bool:
        """Whether the table would not be too large."""
        return sum(len(item.terms) for item in observables) << qubits <= _MOST

    def of(self, amplitudes: NDArray[np.complex128]) -> list[float]:
        """Return the value of each observable."""
        found = ((amplitudes.conj()[self._to] * self._factors) @ amplitudes).real
        return [float(part.sum()) for part in np.split(found, self._ends[:-1])]


def _row(term: Term, states: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.complex128]]:
    """Return to which basis state a term takes each one, and with which factor."""
    to = states
    factors = np.full(len(states), term.coefficient, dtype=np.complex128)
    for qubit, pauli in term.paulis:
        one = (states >> qubit) & 1
        if pauli != "Z":
            to = to ^ (1 << qubit)
        if pauli == "Z":
            factors = factors * (1 - 2 * one)
        elif pauli == "Y":
            factors = factors * (1j - 2j * one)
    return to, factors
