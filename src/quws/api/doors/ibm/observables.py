"""Observables of a PUB: nested lists of sums of Pauli strings, broadcast against its values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from quws.domain.errors import InvalidParameter
from quws.domain.packed import tagged
from quws.domain.paulis import MOST_TERMS, Observable, Paulis, Unreadable, of_terms

MOST_VALUES = 1_000_000
"""Expectation values that one PUB may ask for."""
_MOST_WRITTEN = 200_000
"""Terms of all different observables of one PUB."""
_SUMS: dict[str, tuple[tuple[str, float], ...]] = {
    "I": (("I", 1.0),),
    "X": (("X", 1.0),),
    "Y": (("Y", 1.0),),
    "Z": (("Z", 1.0),),
    "0": (("I", 0.5), ("Z", 0.5)),
    "1": (("I", 0.5), ("Z", -0.5)),
    "+": (("I", 0.5), ("X", 0.5)),
    "-": (("I", 0.5), ("X", -0.5)),
    "r": (("I", 0.5), ("Y", 0.5)),
    "l": (("I", 0.5), ("Y", -0.5)),
}
"""Each letter as a sum of Paulis: the last six are projectors on states of one qubit."""


@dataclass(frozen=True, slots=True)
class Array:
    """The observables of a PUB, row by row, for circuits of so many qubits."""

    shape: tuple[int, ...]
    items: list[Observable]
    qubits: int


def read_array(given: Any, where: str, most: int | None = None) -> Array:
    """Read nested lists of observables; one alone has no list around it.

    Parameters
    ----------
    where
        What a sentence calls them.
    most
        How many letters a Pauli string may have; None for any number.

    Raises
    ------
    InvalidParameter

    """
    inside = tagged(given, "ObservablesArray")
    level: list[Any] = [given if inside is None else inside]
    shape: list[int] = []
    while isinstance(level[0], list):
        sizes = {len(item) if isinstance(item, list) else -1 for item in level}
        size = sizes.pop()
        if sizes or size < 1 or len(shape) > 8:
            raise _invalid(where, "must be lists of observables that all are as long")
        shape.append(size)
        level = [inner for item in level for inner in item]
        if len(level) > MOST_VALUES:
            raise _invalid(where, f"may have at most {MOST_VALUES} observables")
    known: dict[str, Observable] = {}
    widths: set[int] = set()
    items = []
    written = 0
    for leaf in level:
        sums = {leaf: 1.0} if isinstance(leaf, str) else leaf
        if not isinstance(sums, dict):
            raise _invalid(where, "must have objects of a Pauli string and its coefficient")
        widths.update(map(len, sums))
        if most is not None and (longest := max(map(len, sums), default=0)) > most:
            # Before it is written out, which takes a time that grows with it.
            raise _invalid(
                where, f"have a Pauli string of {longest} letters, and there are {most} qubits"
            )
        key = repr(sums)
        if key not in known:
            known[key] = _observable(sums, where)
            written += len(known[key].terms)
            if written > _MOST_WRITTEN:
                raise _invalid(where, f"may have at most {_MOST_WRITTEN} terms in all")
        items.append(known[key])
    if len(widths) != 1:
        raise _invalid(where, "must have a letter for each qubit in all of its Pauli strings")
    return Array(tuple(shape), items, widths.pop())


def _observable(sums: dict[str, Any], where: str) -> Observable:
    pairs: list[tuple[Paulis, float]] = []
    for label, given in sums.items():
        coefficient = _real(given)
        if coefficient is None:
            raise _invalid(where, "must have real numbers as its coefficients")
        if not set(label) <= _SUMS.keys():
            raise _invalid(
                where, f"have '{label[:40]}', and letters are I, X, Y, Z, 0, 1, +, -, r and l"
            )
        if math.prod(len(_SUMS[letter]) for letter in label) > MOST_TERMS:
            raise _invalid(where, f"has more than {MOST_TERMS} terms in '{label[:40]}'")
        pairs += _written_out(label, coefficient)
        if len(pairs) > 10 * MOST_TERMS:
            raise _invalid(where, f"may have at most {MOST_TERMS} terms in each observable")
    try:
        return of_terms(pairs)
    except Unreadable as fault:
        raise _invalid(where, str(fault)) from None


def _written_out(label: str, coefficient: float) -> Iterator[tuple[Paulis, float]]:
    """Write a string of letters, of which that of qubit 0 is the last, as Pauli strings."""
    # Most letters of a long string say nothing.
    on = [(qubit, letter) for qubit, letter in enumerate(reversed(label)) if letter != "I"]
    for parts in product(*(_SUMS[letter] for _, letter in on)):
        factor = coefficient
        paulis = []
        for (qubit, _), (pauli, part) in zip(on, parts, strict=True):
            factor *= part
            if pauli != "I":
                paulis.append((qubit, pauli))
        yield tuple(paulis), factor


def _real(given: Any) -> float | None:
    parts = tagged(given, "complex")
    if isinstance(parts, list) and len(parts) == 2 and parts[1] == 0:
        given = parts[0]
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    try:
        return float(given)
    except OverflowError:
        return None


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Which row of values and which observable each expectation value is of, by NumPy's rules."""

    shape: tuple[int, ...]
    rows: list[int]
    items: list[int]

    @classmethod
    def of(cls, values: tuple[int, ...], observables: tuple[int, ...], where: str) -> Broadcast:
        """Broadcast the shape of the observables against that of the values.

        Raises
        ------
        InvalidParameter
            They do not fit.

        """
        length = max(len(values), len(observables))
        one, other = ((1,) * (length - len(shape)) + shape for shape in (values, observables))
        for a, b in zip(one, other, strict=True):
            if a != b and 1 not in (a, b):
                raise InvalidParameter(
                    f"{where}: observables of the shape {observables} do not fit values of the"
                    f" shape {values}",
                    parameter="params",
                )
        shape = tuple(b if a == 1 else a for a, b in zip(one, other, strict=True))
        if 0 in shape:
            # However large the others are.
            return cls(shape, [], [])
        if math.prod(shape) > MOST_VALUES:
            raise InvalidParameter(
                f"{where} asks for {math.prod(shape)} expectation values, and may ask for"
                f" {MOST_VALUES}",
                parameter="params",
            )
        return cls(shape, _places(one, shape), _places(other, shape))

    def of_rows(self, count: int) -> list[tuple[int, ...]]:
        """Return the observables of each row, each of them once; of one row that has all, all."""
        found: list[dict[int, None]] = [{} for _ in range(count)]
        for row, item in zip(self.rows, self.items, strict=True):
            found[row][item] = None
        return [tuple(each) for each in found]


def _places(shape: Sequence[int], whole: Sequence[int]) -> list[int]:
    """Return for each place of the whole the one in an array that is broadcast to it."""
    found = [0]
    for size, wanted in zip(shape, whole, strict=True):
        steps = range(wanted) if size == wanted else [0] * wanted
        found = [before * size + step for before in found for step in steps]
    return found


def _invalid(where: str, sentence: str) -> InvalidParameter:
    return InvalidParameter(f"{where}: its observables {sentence}"[:400], parameter="params")
