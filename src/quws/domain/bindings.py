"""The values of a circuit's parameters: a table, each row of which makes a circuit."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from quws.domain.circuits import CircuitFacts, Language, kinds_of
from quws.domain.errors import InvalidParameter
from quws.domain.words import counted

LARGEST = 1e15
"""Largest parameter of a gate: beyond it, neighbouring numbers lie further apart than a turn."""

_SHOWN = 5
"""The most names that a sentence lists."""
_FORMS = (
    "must be a JSON object with a list of values for each name, such as"
    ' {"theta": [0.1, 0.2]}, a JSON list of objects, one for each circuit, or CSV whose first line'
    " has the names"
)


class Bindings(BaseModel):
    """Values of parameters: a row for each circuit, with a value for each of the names."""

    model_config = ConfigDict(frozen=True)

    names: list[str]
    rows: list[list[float]]

    @property
    def count(self) -> int:
        """How many circuits they make."""
        return len(self.rows)

    def of(self, index: int) -> dict[str, float]:
        """Return the values of one circuit, by their names."""
        return dict(zip(self.names, self.rows[index], strict=True))

    def some(self, indices: Sequence[int]) -> Bindings:
        """Return those of some circuits."""
        return Bindings(names=self.names, rows=[self.rows[index] for index in indices])


def check(bindings: Bindings | None, facts: Sequence[CircuitFacts]) -> None:
    """Refuse values for what the circuits have not, and parameters that have none.

    Raises
    ------
    InvalidParameter

    """
    for index, _, item in kinds_of(facts):
        if bindings is None:
            if item.parameters:
                which = f"circuit {index}" if len(facts) > 1 else "the circuit"
                raise _invalid(
                    f"is missing; {which} has the parameters {_listed(item.parameters)}, which get"
                    " their values by it"
                )
            continue
        if not item.parameters:
            raise _invalid("is given, and the circuit has no parameters")
        known, given = set(item.parameters), set(bindings.names)
        if foreign := [name for name in bindings.names if name not in known]:
            raise _invalid(
                f"names {_listed(foreign)}, and the circuit has the parameters"
                f" {_listed(item.parameters)}"
            )
        if missing := [name for name in item.parameters if name not in given]:
            raise _invalid(f"must have values of all parameters; it lacks {_listed(missing)}")


def of_each(bindings: Bindings, facts: Sequence[CircuitFacts]) -> list[CircuitFacts]:
    """Return what is known of each circuit that the values make, once they have been checked.

    The values of a text of PUBs are which of its circuits are meant; ``facts`` tells of all.

    Raises
    ------
    InvalidParameter
        There is no such circuit in it.

    """
    if facts[0].language is not Language.PUBS:
        # One object: what is asked of many circuits is asked once.
        return list(facts) * bindings.count
    found = []
    for (value,) in bindings.rows:
        if not value.is_integer() or not 0 <= value < len(facts):
            raise _invalid(
                f"names the circuit {value:g}, and the PUBs have the circuits 0 to {len(facts) - 1}"
            )
        found.append(facts[int(value)])
    return found


# -- reading ---------------------------------------------------------------------------------------


def read(text: str) -> Bindings:
    """Read a table as JSON, by its columns or its rows, or as CSV.

    Raises
    ------
    InvalidParameter
        It is none, or has something else than finite numbers.

    """
    text = text.removeprefix("\ufeff").strip()
    names, rows = _of_json(text) if text[:1] in ("{", "[") else _of_csv(text)
    for name in names:
        if not name:
            raise _invalid("has a value without a name")
    if len(set(names)) < len(names):
        raise _invalid("names a parameter twice")
    if not names or not rows:
        raise _invalid("has no values; a circuit is made of each row")
    return Bindings(names=names, rows=rows)


def written(each: Sequence[Mapping[str, float]]) -> str:
    """Write the values of circuits as a table, for another quws."""
    return json.dumps({name: [values[name] for values in each] for name in each[0]})


def _of_json(text: str) -> tuple[list[str], list[list[float]]]:
    try:
        found = json.loads(text, object_pairs_hook=_distinct)
    except (ValueError, RecursionError):
        raise _invalid(_FORMS) from None
    if isinstance(found, dict) and any(isinstance(item, list) for item in found.values()):
        return _of_columns(found)
    rows = [found] if isinstance(found, dict) else found
    if not all(isinstance(row, dict) for row in rows):
        raise _invalid(_FORMS)
    names = list(rows[0]) if rows else []
    for index, row in enumerate(rows):
        if row.keys() != rows[0].keys():
            name = next(iter(row.keys() ^ rows[0].keys()))
            raise _invalid(
                f"must have the same names in all rows; '{name[:60]}' is in row"
                f" {index if name in row else 0} and not in row {0 if name in row else index}"
            )
    return names, [
        [_number(row[name], name, index) for name in names] for index, row in enumerate(rows)
    ]


def _of_columns(columns: dict[str, Any]) -> tuple[list[str], list[list[float]]]:
    first = next(iter(columns))
    for name, column in columns.items():
        if not isinstance(column, list):
            raise _invalid(_FORMS)
        if len(column) != len(columns[first]):
            raise _invalid(
                f"must have as many values of each parameter; '{first[:60]}' has"
                f" {len(columns[first])} and '{name[:60]}' has {len(column)}"
            )
    numbers = [
        [_number(value, name, index) for index, value in enumerate(column)]
        for name, column in columns.items()
    ]
    return list(columns), [list(row) for row in zip(*numbers, strict=True)]


def _of_csv(text: str) -> tuple[list[str], list[list[float]]]:
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except csv.Error:
        raise _invalid(_FORMS) from None
    if not lines:
        return [], []
    names = [name.strip() for name in lines.pop(0)]
    rows = []
    for index, line in enumerate(lines):
        if len(line) != len(names):
            raise _invalid(
                f"has {counted(len(names), 'name')} in its first line and"
                f" {counted(len(line), 'value')} in row {index}"
            )
        pairs = zip(names, line, strict=True)
        rows.append([_number(_float(value), name, index) for name, value in pairs])
    return names, rows


def _float(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _number(value: Any, name: str, index: int) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not abs(value) <= LARGEST:
        raise _invalid(
            f"has '{str(value)[:40]}' for {name[:60]} in row {index}, which must be a finite number"
            f" of at most {LARGEST:g}"
        )
    return float(value)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _invalid("names a parameter twice")
    return found


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name[:60] for name in names[:_SHOWN])
    return f"{shown}, …" if len(names) > _SHOWN else shown


def _invalid(sentence: str) -> InvalidParameter:
    return InvalidParameter(f"BINDINGS {sentence}", parameter="BINDINGS")
