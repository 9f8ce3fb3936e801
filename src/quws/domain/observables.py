"""The observables of a job: one list for all of its circuits, or one for each."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cached_property
from statistics import fmean
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from quws.domain.bases import Plan
from quws.domain.circuits import CircuitFacts, called, kinds_of
from quws.domain.errors import InvalidParameter
from quws.domain.paulis import MOST_TERMS, Observable, Unreadable, of_pairs, parse
from quws.domain.words import counted

_MOST_SQUARES = 2_000_000
"""What the squares of the numbers of terms, list by list, may add up to: finding bases for them
takes as long."""


class Observables(BaseModel):
    """The observables of a job, as texts: one list for all circuits, or one for ``each``.

    Where circuits share lists, ``which`` has for each the place of its own.
    """

    model_config = ConfigDict(frozen=True)

    lists: list[list[str]]
    each: bool = False
    which: list[int] | None = None

    @classmethod
    def of(
        cls,
        lists: Sequence[Sequence[Observable]],
        *,
        each: bool,
        which: list[int] | None = None,
    ) -> Self:
        """Make it of what was read.

        Raises
        ------
        InvalidParameter
            There are too many terms.

        """
        most = min(MOST_TERMS, math.isqrt(_MOST_SQUARES // len(lists)))
        # An observable that has no terms is an item of the list as well.
        largest = max(sum(max(len(item.terms), 1) for item in part) for part in lists)
        if largest > most:
            each_of = f"each of {len(lists)} circuits" if each else "one circuit"
            raise _invalid(f"may have at most {counted(most, 'term')} for {each_of}, not {largest}")
        texts = [[str(item) for item in part] for part in lists]
        return cls(lists=texts, each=each, which=which)

    def written(self) -> Any:
        """Return what is written as the value of the parameter."""
        if self.which is not None:
            return {"lists": self.lists, "which": self.which}
        return self.lists if self.each else self.lists[0]

    @cached_property
    def plans(self) -> list[Plan]:
        """How each of the lists is measured."""
        return [Plan.of([parse(text) for text in part]) for part in self.lists]

    @property
    def mean_bases(self) -> float:
        """In how many bases those of a circuit are measured, on the average."""
        bases = [len(plan.bases) for plan in self.plans]
        return fmean(bases if self.which is None else map(bases.__getitem__, self.which))

    @property
    def circuits(self) -> int | None:
        """For how many circuits they are; None for any number."""
        return len(self.which or self.lists) if self.each else None

    def place(self, circuit: int) -> int:
        """Return which of the lists is that of a circuit."""
        if self.which is not None:
            return self.which[circuit]
        return circuit if self.each else 0

    def qubits(self, place: int) -> frozenset[int]:
        """Return the qubits that one of the lists is of."""
        bases = self.plans[place].bases
        return frozenset(qubit for basis in bases for qubit in basis.paulis)

    def plan(self, circuit: int) -> Plan:
        """Return how the observables of a circuit are measured."""
        return self.plans[self.place(circuit)]

    def check(self, facts: Sequence[CircuitFacts]) -> None:
        """Refuse what does not fit the circuits.

        Raises
        ------
        InvalidParameter

        """
        widths: dict[tuple[int, int], int] = {}
        found = enumerate(facts) if self.each else ((at, item) for at, _, item in kinds_of(facts))
        for index, item in found:
            widths.setdefault((self.place(index), item.qubits), index)
        for (_, qubits), index in widths.items():
            for observable in self.plan(index).observables:
                try:
                    observable.check(qubits, called(index, facts))
                except Unreadable as error:
                    raise _invalid(str(error)) from None


# -- reading ---------------------------------------------------------------------------------------


def read_value(text: str) -> Any:
    """Read one value of the parameter: an observable as text, or a JSON list.

    Raises
    ------
    InvalidParameter
        It is no JSON though it begins as a list does.

    """
    begin = text.lstrip()[:1]
    if begin not in ("[", "{"):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        kind = "list" if begin == "[" else "object"
        raise _invalid(f"begins with '{begin}' and is no JSON {kind}") from None


def collect(values: Sequence[Any]) -> Observables | None:
    """Make one of all values that were given; None of none.

    Several values are the items of one list. A list is of terms, as pairs of a label and a
    coefficient; or of observables, which are for all circuits; or of such lists, one for each
    circuit. An object has such ``lists``, and for each circuit ``which`` of them is its own.

    Raises
    ------
    InvalidParameter

    """
    if not values:
        return None
    whole: Any = values[0] if len(values) == 1 else list(values)
    if _is_pair(whole):
        whole = [whole]
    try:
        if (alone := _observable(whole)) is not None:
            return Observables.of([[alone]], each=False)
        if (together := _list(whole)) is not None:
            return Observables.of([together], each=False)
        if isinstance(whole, dict):
            return _shared(whole)
        if (each := _lists(whole)) is not None:
            return Observables.of(each, each=True)
    except Unreadable as error:
        raise _invalid(str(error)) from None
    raise _invalid(
        "must be a sum of Pauli strings such as '0.5*Z0 Z3 - X1', a JSON list of pairs of a label"
        " and a coefficient, a list of observables, or a list of lists, one for each circuit"
    )


def _shared(item: dict[str, Any]) -> Observables:
    """Make one of lists that circuits share."""
    lists, which = _lists(item.get("lists")), item.get("which")
    known = range(len(lists or ()))
    if (
        lists is None
        or item.keys() != {"lists", "which"}
        or not isinstance(which, list)
        or not all(isinstance(place, int) and place in known for place in which)
        or set(which) != set(known)
    ):
        raise _invalid(
            "must have 'lists', a list of lists of observables, and 'which', a list with the place"
            " of its list for each circuit, where it is a JSON object"
        )
    return Observables.of(lists, each=True, which=which)


def _lists(item: Any) -> list[list[Observable]] | None:
    if not isinstance(item, list) or not item:
        return None
    found = [_list(part) for part in item]
    return [part for part in found if part is not None] if None not in found else None


def _list(item: Any) -> list[Observable] | None:
    if not isinstance(item, list) or not item:
        return None
    found = [_observable(part) for part in item]
    return [part for part in found if part is not None] if None not in found else None


def _observable(item: Any) -> Observable | None:
    """Read a text or a list of pairs; None if it is neither."""
    if isinstance(item, str):
        return parse(item)
    if isinstance(item, list) and item and all(_is_pair(pair) for pair in item):
        return of_pairs(item)
    return None


def _is_pair(item: Any) -> bool:
    return (
        isinstance(item, list)
        and len(item) == 2
        and isinstance(item[0], str)
        and isinstance(item[1], int | float)
        and not isinstance(item[1], bool)
    )


def _invalid(sentence: str) -> InvalidParameter:
    return InvalidParameter(f"OBSERVABLE {sentence}", parameter="OBSERVABLE")
