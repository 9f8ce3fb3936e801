"""How observables are measured: the bases that together give all of their terms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from quws.domain.paulis import Observable, Paulis, Term

_PLACE = {"X": 0, "Y": 1, "Z": 2}


@dataclass(frozen=True, slots=True)
class Basis:
    """What one circuit measures: a Pauli on each of some qubits, and the terms found from it."""

    paulis: dict[int, str]
    terms: list[tuple[int, Term]]
    """Each with the place of its observable in the list."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a list of observables is measured: terms that one basis gives share its shots."""

    observables: list[Observable]
    bases: list[Basis]

    @classmethod
    def of(cls, observables: Sequence[Observable]) -> Self:
        """Put terms together whose Paulis are the same on each qubit that they share.

        The longest first, each into the first basis that it fits.
        """
        places: dict[Paulis, list[tuple[int, Term]]] = {}
        for place, observable in enumerate(observables):
            for term in observable.terms:
                if term.paulis:
                    places.setdefault(term.paulis, []).append((place, term))
        width = 1 + max((paulis[-1][0] for paulis in places), default=0)
        found: list[Basis] = []
        taken: list[int] = []
        for paulis in sorted(places, key=len, reverse=True):
            mask = sum(1 << (_PLACE[pauli] * width + qubit) for qubit, pauli in paulis)
            at = next((at for at, no in enumerate(taken) if not mask & no), len(found))
            if at == len(found):
                found.append(Basis({}, []))
                taken.append(0)
            found[at].paulis.update(paulis)
            found[at].terms.extend(places[paulis])
            # On each of these qubits any other Pauli.
            taken[at] |= sum(
                1 << (place * width + qubit)
                for qubit, pauli in paulis
                for place in _PLACE.values()
                if place != _PLACE[pauli]
            )
        return cls(list(observables), found)

    def shots(self, precision: float) -> int:
        """Return in how many shots of each basis all standard errors surely are so small.

        What the terms of a basis give together is at most the sum of their coefficients in each
        shot, and so is its standard deviation.
        """
        squares = [0.0] * len(self.observables)
        for basis in self.bases:
            largest = [0.0] * len(self.observables)
            for place, term in basis.terms:
                largest[place] += abs(term.coefficient)
            for place, value in enumerate(largest):
                squares[place] += value * value
        # One more, since the standard deviation itself is found from the shots.
        return math.ceil(max(squares, default=0.0) / precision / precision) + 1
