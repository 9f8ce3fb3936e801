"""Sums of Pauli strings with real coefficients: what they are, and how they are written.

Two spellings mean the same on four qubits: ``0.5*Z0 Z3 - X1`` names the qubits, and
``0.5*ZIIZ - IIXI`` has a letter for each, that of qubit 0 last, as in the bit strings of results.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from typing_extensions import override

from quws.domain.words import counted, cut

MOST_TERMS = 1000
"""Terms that one observable may have."""
_MOST_QUBIT = 9999
_MOST_COEFFICIENT = 1e100

_TOKEN = re.compile(
    r"\s*(?:(?P<sign>[+-])|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:E[+-]?[0-9]{1,4})?)(?![0-9.])"
    r"|(?P<times>\*)|(?P<sparse>[IXYZ][0-9]{1,6})(?![0-9])|(?P<dense>[IXYZ]+)(?![0-9]))"
)

Paulis = tuple[tuple[int, str], ...]
"""The qubits that a term measures, ascending, each with X, Y or Z; empty for the identity."""


class Unreadable(ValueError):
    """A text is no observable, or none of a circuit; the sentence goes on after "OBSERVABLE"."""


@dataclass(frozen=True, slots=True)
class Term:
    """One Pauli string with its coefficient."""

    coefficient: float
    paulis: Paulis


@dataclass(frozen=True)
class Observable:
    """A sum of terms, of which no two have the same Pauli string.

    ``width`` is the number of letters where it was written with one for each qubit, else None.
    """

    terms: tuple[Term, ...]
    width: int | None = None

    @override
    def __str__(self) -> str:
        """Write it so that it reads as the same again."""
        return self._text

    @cached_property
    def _text(self) -> str:
        if not self.terms:
            return "0.0" if self.width is None else f"0.0*{'I' * self.width}"
        text = ""
        for term in self.terms:
            sign = "-" if math.copysign(1.0, term.coefficient) < 0 else "+"
            if text:
                text += f" {sign} "
            elif sign == "-":
                text = "-"
            text += _written(abs(term.coefficient), self._label(term.paulis))
        return text

    def _label(self, paulis: Paulis) -> str:
        if self.width is None:
            return " ".join(f"{pauli}{qubit}" for qubit, pauli in paulis)
        letters = ["I"] * self.width
        for qubit, pauli in paulis:
            letters[-1 - qubit] = pauli
        return "".join(letters)

    def on(self, place: Callable[[int], int]) -> Observable:
        """Return the same observable of qubits that stand elsewhere, in the same order."""
        terms = tuple(
            Term(item.coefficient, tuple([(place(qubit), pauli) for qubit, pauli in item.paulis]))
            for item in self.terms
        )
        return Observable(terms)

    def check(self, qubits: int, which: str) -> None:
        """Refuse it for a circuit of so many qubits.

        Parameters
        ----------
        which
            The circuit in words.

        Raises
        ------
        Unreadable

        """
        if self.width is not None and self.width != qubits:
            raise Unreadable(
                f"'{cut(str(self))}' has {counted(self.width, 'letter')}, and {which} has"
                f" {counted(qubits, 'qubit')}:"
                " write a letter for each, that of qubit 0 last, or name the qubits (Z0 X2)"
            )
        largest = max((term.paulis[-1][0] for term in self.terms if term.paulis), default=-1)
        if largest >= qubits:
            raise Unreadable(
                f"'{cut(str(self))}' names qubit {largest}, and {which} has the qubits 0 to"
                f" {qubits - 1}"
            )


def _written(size: float, label: str) -> str:
    if not label:
        return repr(size)
    return label if size == 1 else f"{size!r}*{label}"


def parse(text: str) -> Observable:
    """Read an observable in either spelling.

    Raises
    ------
    Unreadable

    """
    gathered = _Gathered()
    sign, term = 1.0, list[tuple[str, str]]()
    signed = False
    for kind, word in _tokens(text):
        if kind != "sign":
            term.append((kind, word))
            continue
        if term:
            gathered.add(sign, term, text)
            sign, term = 1.0, []
        elif signed:
            raise Unreadable(f"'{cut(text)}' has two signs in a row")
        signed = True
        sign = -1.0 if word == "-" else 1.0
    if not term:
        raise Unreadable(f"'{cut(text)}' has no term after its last sign" if signed else "is empty")
    gathered.add(sign, term, text)
    return gathered.observable()


def of_pairs(pairs: Sequence[tuple[str, float]]) -> Observable:
    """Make an observable of pairs of a label and its coefficient.

    Raises
    ------
    Unreadable

    """
    gathered = _Gathered()
    for label, coefficient in pairs:
        tokens = list(_tokens(label))
        if any(kind in ("sign", "number") for kind, _ in tokens):
            raise Unreadable(f"has a number in the label '{cut(label)}', beside its coefficient")
        gathered.add(_number(coefficient), tokens, label)
    return gathered.observable()


def of_terms(terms: Iterable[tuple[Paulis, float]]) -> Observable:
    """Make an observable of Pauli strings, each with its coefficient.

    Raises
    ------
    Unreadable

    """
    gathered = _Gathered()
    for paulis, coefficient in terms:
        gathered.put(paulis, _number(coefficient))
    return gathered.observable()


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    upper, place = text.upper().rstrip(), 0
    while place < len(upper):
        found = _TOKEN.match(upper, place)
        if found is None:
            raise Unreadable(
                f"cannot be read at '{cut(text[place:].strip())}'; a term is a real number, '*' and"
                " a Pauli string such as Z0 X3 or XIIZ"
            )
        place = found.end()
        assert found.lastgroup is not None
        yield found.lastgroup, found[found.lastgroup]


def _number(value: float | str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or abs(number) > _MOST_COEFFICIENT:
        raise Unreadable(f"has coefficients from -1e100 to 1e100 only, not {cut(str(value))}")
    return number


class _Gathered:
    """The terms of an observable that is read, with like ones added up."""

    def __init__(self) -> None:
        self._terms: dict[Paulis, float] = {}
        self._width: int | None = None
        self._sparse = False

    def add(self, sign: float, tokens: Sequence[tuple[str, str]], text: str) -> None:
        """Add a term: a number, then Paulis, either of which may be missing."""
        coefficient, factors = sign, list(tokens)
        if factors and factors[0][0] == "number":
            coefficient *= _number(factors.pop(0)[1])
            if factors and factors[0][0] == "times":
                factors.pop(0)
                if not factors:
                    raise Unreadable(f"'{cut(text)}' has nothing after a '*'")
        on: dict[int, str] = {}
        expected = False
        for place, (kind, token) in enumerate(factors):
            if kind == "times" and place and not expected:
                expected = True
                continue
            if kind == "sparse":
                self._put(on, int(token[1:]), token[0], text)
                self._sparse = True
            elif kind == "dense" and len(factors) == 1:
                self._dense(on, token, text)
            else:
                raise Unreadable(f"'{cut(text)}' has {token} where it cannot be read")
            expected = False
        if expected:
            raise Unreadable(f"'{cut(text)}' has nothing after a '*'")
        self.put(tuple(sorted(on.items())), coefficient)

    def put(self, paulis: Paulis, coefficient: float) -> None:
        """Add a Pauli string."""
        self._terms[paulis] = self._terms.get(paulis, 0.0) + coefficient
        if len(self._terms) > MOST_TERMS:
            raise Unreadable(f"may have at most {MOST_TERMS} terms")

    def _put(self, on: dict[int, str], qubit: int, pauli: str, text: str) -> None:
        if qubit > _MOST_QUBIT:
            raise Unreadable(f"may name the qubits 0 to {_MOST_QUBIT}, not {qubit}")
        if qubit in on:
            raise Unreadable(f"'{cut(text)}' has qubit {qubit} twice in one term")
        if pauli != "I":
            on[qubit] = pauli

    def _dense(self, on: dict[int, str], letters: str, text: str) -> None:
        if letters == "I":
            return  # The identity, however many qubits there are.
        if self._width not in (None, len(letters)):
            raise Unreadable(
                f"'{cut(text)}' has strings of {self._width} and of {len(letters)} letters; write"
                " a letter for each qubit"
            )
        self._width = len(letters)
        on.update((qubit, pauli) for qubit, pauli in enumerate(reversed(letters)) if pauli != "I")

    def observable(self) -> Observable:
        """Return what was gathered, without terms that cancel out."""
        if self._sparse and self._width is not None:
            raise Unreadable(
                "mixes two spellings: name the qubits (Z0 X3), or write a letter for each (XIIZ)"
            )
        kept = tuple(Term(value, paulis) for paulis, value in self._terms.items() if value)
        return Observable(kept, self._width)
