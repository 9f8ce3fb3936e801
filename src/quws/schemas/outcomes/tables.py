"""What a job gave as the rows of a table, one table for each kind of work and one for shots."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from quws.domain.circuits import Register
from quws.domain.outcome_parts import Extent, read_parts
from quws.domain.outcome_texts import pieces
from quws.domain.outcomes import BIT_ORDER, DOCUMENT, CircuitOutcome, JobOutcomes

Row = tuple[int | float | str | None, ...]
MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Column:
    """A column, with its type and what it is as VOTables say it."""

    name: str
    datatype: str
    about: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of what a job gave. ``shots`` says what the shots of the job were, if they count."""

    name: str
    about: str
    columns: tuple[Column, ...]
    shots: tuple[str, str] | None = None


_CIRCUIT = Column("circuit", "int", "index of the circuit in the job, from 0")
_OF_EACH = ("shots", "runs of each circuit")

TABLES = {
    item.name: item
    for item in (
        Table(
            "counts",
            f"How often each outcome was measured. Bit strings: {BIT_ORDER}.",
            (
                _CIRCUIT,
                Column("outcome", "char", "the bits that were measured"),
                Column("count", "long", "in how many shots"),
                Column("fraction", "double", "in which part of the shots"),
            ),
            _OF_EACH,
        ),
        Table(
            "expectation",
            "Expectation values of observables in the state at the end of each circuit."
            " In a Pauli string with a letter for each qubit that of qubit 0 is the last.",
            (
                _CIRCUIT,
                Column("observable", "char", "the sum of Pauli strings"),
                Column("value", "double", "its expectation value"),
                Column("error", "double", "the standard error of that, 0 for an exact value"),
                Column("shots", "long", "in how many shots its terms were measured"),
            ),
            ("runs", "shots of each basis"),
        ),
        Table(
            "compilation",
            "What the circuits were compiled to; nothing was run.",
            (
                _CIRCUIT,
                Column("depth", "long", "layers of the compiled circuit"),
                Column("operations", "long", "operations of the compiled circuit"),
                Column("joining", "long", "gates that join qubits"),
                Column("gates", "char", "how often each operation is in it, as JSON"),
                Column(
                    "layout", "char", "for each qubit of the circuit that of the target, as JSON"
                ),
                Column("optimization", "char", "how hard the compiler tried"),
                Column("shot_seconds", "double", "how long one run takes, by the calibration"),
                Column("fidelity", "double", "how likely nothing goes wrong, by the calibration"),
            ),
        ),
        Table(
            MEMORY,
            f"What each shot gave. Bit strings: {BIT_ORDER}.",
            (
                _CIRCUIT,
                Column("shot", "long", "the shot's place, from 0"),
                Column("outcome", "char", "the bits that were measured"),
            ),
            _OF_EACH,
        ),
    )
}
"""The tables, by the result that has the same as JSON."""

_MITIGATED = {
    "counts": (
        Column("mitigated", "double", "in which part of the shots, had none been read wrong"),
    ),
    "expectation": (
        Column("raw_value", "double", "the value as it was measured"),
        Column("raw_error", "double", "the standard error of that"),
    ),
}
"""Columns that a table has besides where errors were mitigated."""


def table_named(name: str, *, mitigated: bool) -> Table:
    """Return a table, with all the columns that it has."""
    table = TABLES[name]
    if not mitigated or name not in _MITIGATED:
        return table
    return replace(table, columns=table.columns + _MITIGATED[name])


@dataclass(frozen=True, slots=True)
class Frame:
    """All that a table says but its rows."""

    table: Table
    job: str
    target: str
    shots: int
    registers: list[tuple[int, list[Register]]]
    """Those of each circuit, by its index."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """The version of each library that touched the job, as far as they are known."""
    mitigation: Sequence[str] = ()
    """The ways in which errors of any circuit were mitigated."""


def ways_of(each: Iterable[Sequence[str]]) -> list[str]:
    """Return the ways in which errors of any circuit were mitigated, of those of each."""
    return list(dict.fromkeys(way for ways in each for way in ways))


def frame_of(outcomes: JobOutcomes) -> Frame:
    """Return the frame of the table of what a job gave."""
    ways = ways_of(item.mitigation or () for item in outcomes.circuits)
    return Frame(
        table_named(DOCUMENT[outcomes.kind], mitigated=bool(ways)),
        outcomes.job,
        outcomes.target,
        outcomes.shots,
        [(item.index, item.registers) for item in outcomes.circuits],
        outcomes.versions,
        ways,
    )


def rows_of(outcomes: JobOutcomes) -> Iterator[list[Row]]:
    """List the rows of what a job gave, some at a time."""
    mitigated = any(item.mitigation for item in outcomes.circuits)
    for item in outcomes.circuits:
        yield from pieces(_rows(item, mitigated=mitigated))


def streamed_rows(
    table: Table, chunks: Iterable[bytes], found: Iterable[Extent]
) -> Iterator[list[Row]]:
    """List the rows of a document while it is read, some at a time.

    Parameters
    ----------
    found
        How much there is of each circuit, in their order.

    Raises
    ------
    UnreadableOutcomes

    """
    each = iter(found)
    extent: Extent | None = None
    shot = 0
    mitigated = len(table.columns) > len(TABLES[table.name].columns)
    counts: dict[str, int] = {}
    for part in read_parts(chunks):
        extent = extent or next(each)
        index, counted = part.index, extent.counted
        if part.last:
            if table.name not in ("counts", MEMORY):
                yield list(_rows(part.outcome(), mitigated=mitigated))
            elif counts:
                yield list(_rows(replace(part.outcome(), counts=counts), mitigated=True))
            extent, shot, counts = None, 0, {}
        elif table.name == MEMORY:
            yield [(index, shot + place, bits) for place, bits in enumerate(part.memory)]
            shot += len(part.memory)
        elif extent.mitigation:
            # They come after the counts, and are of few outcomes.
            counts |= part.counts
        else:
            more = (None,) if mitigated else ()
            yield [
                (index, bits, count, count / counted, *more) for bits, count in part.counts.items()
            ]


def _rows(outcome: CircuitOutcome, *, mitigated: bool) -> Iterator[Row]:
    if outcome.expectations is not None:
        for item in outcome.expectations:
            raw = (item.raw_value, item.raw_error) if mitigated else ()
            yield outcome.index, item.observable, item.value, item.error, item.shots, *raw
    elif outcome.counts or (made := outcome.compilation) is None:
        if not mitigated:
            yield from outcome.rows()
            return
        parts = outcome.mitigated or {}
        yield from ((*row, parts.get(row[1])) for row in outcome.rows())
    else:
        gates = json.dumps(made.gates, separators=(",", ":"))
        layout = None if outcome.layout is None else json.dumps(outcome.layout)
        numbers = (made.depth, made.operations, made.joining)
        expected = (made.optimization, made.shot_seconds, made.fidelity)
        yield (outcome.index, *numbers, gates, layout, *expected)
