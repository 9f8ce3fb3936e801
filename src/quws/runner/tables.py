"""In a child: what a job gave as the rows of a table, one table for each kind of work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from quws.domain.kinds import JobKind
from quws.domain.outcomes import BIT_ORDER, CircuitOutcome

Row = tuple[int | float | str | None, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column, with its type and what it is as VOTables say it."""

    name: str
    datatype: str
    about: str


_CIRCUIT = Column("circuit", "int", "index of the circuit in the job, from 0")

_COLUMNS = {
    JobKind.SAMPLE: (
        _CIRCUIT,
        Column("outcome", "char", "the bits that were measured"),
        Column("count", "long", "in how many shots"),
        Column("fraction", "double", "in which part of the shots"),
    ),
    JobKind.ESTIMATE: (
        _CIRCUIT,
        Column("observable", "char", "the sum of Pauli strings"),
        Column("value", "double", "its expectation value"),
        Column("error", "double", "the standard error of that, 0 for an exact value"),
        Column("shots", "long", "in how many shots its terms were measured"),
    ),
    JobKind.COMPILE: (
        _CIRCUIT,
        Column("depth", "long", "layers of the compiled circuit"),
        Column("operations", "long", "operations of the compiled circuit"),
        Column("joining", "long", "gates that join qubits"),
        Column("gates", "char", "how often each operation is in it, as JSON"),
        Column("layout", "char", "for each qubit of the circuit that of the target, as JSON"),
        Column("optimization", "char", "how hard the compiler tried"),
        Column("shot_seconds", "double", "how long one run takes, by the calibration"),
        Column("fidelity", "double", "how likely nothing goes wrong, by the calibration"),
    ),
}

ABOUT = {
    JobKind.SAMPLE: f"How often each outcome was measured. Bit strings: {BIT_ORDER}.",
    JobKind.ESTIMATE: "Expectation values of observables in the state at the end of each circuit."
    " In a Pauli string with a letter for each qubit that of qubit 0 is the last.",
    JobKind.COMPILE: "What the circuits were compiled to; nothing was run.",
}


def columns(kind: JobKind) -> tuple[Column, ...]:
    """Return the columns of the table of a kind."""
    return _COLUMNS[kind]


def rows(outcome: CircuitOutcome) -> Iterator[Row]:
    """List the rows of one circuit."""
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
