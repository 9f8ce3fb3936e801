"""What a job gave as the rows of a table, one table for each kind of work and one for shots."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from quws.domain.circuits import Register
from quws.domain.outcome_parts import Extent, read_parts
from quws.domain.outcomes import BIT_ORDER, DOCUMENT, CircuitOutcome, JobOutcomes, pieces

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


def frame_of(outcomes: JobOutcomes) -> Frame:
    """Return the frame of the table of what a job gave."""
    return Frame(
        TABLES[DOCUMENT[outcomes.kind]],
        outcomes.job,
        outcomes.target,
        outcomes.shots,
        [(item.index, item.registers) for item in outcomes.circuits],
        outcomes.versions,
    )


def rows_of(outcomes: JobOutcomes) -> Iterator[list[Row]]:
    """List the rows of what a job gave, some at a time."""
    for item in outcomes.circuits:
        yield from pieces(_rows(item))


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
    for part in read_parts(chunks):
        extent = extent or next(each)
        index, counted = part.index, extent.counted
        if part.last:
            if table.name not in ("counts", MEMORY):
                yield list(_rows(part.outcome()))
            extent, shot = None, 0
        elif table.name == MEMORY:
            yield [(index, shot + place, bits) for place, bits in enumerate(part.memory)]
            shot += len(part.memory)
        else:
            yield [(index, bits, count, count / counted) for bits, count in part.counts.items()]


def _rows(outcome: CircuitOutcome) -> Iterator[Row]:
    if outcome.expectations is not None:
        for item in outcome.expectations:
            yield outcome.index, item.observable, item.value, item.error, item.shots
    elif outcome.counts or (made := outcome.compilation) is None:
        yield from outcome.rows()
    else:
        gates = json.dumps(made.gates, separators=(",", ":"))
        layout = None if outcome.layout is None else json.dumps(outcome.layout)
        numbers = (made.depth, made.operations, made.joining)
        expected = (made.optimization, made.shot_seconds, made.fidelity)
        yield (outcome.index, *numbers, gates, layout, *expected)
