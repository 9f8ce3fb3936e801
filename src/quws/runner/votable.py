"""In a child: the counts of a job as a VOTable."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from quws.domain.outcomes import BIT_ORDER, JobOutcomes, pieces
from quws.domain.words import counted
from quws.schemas.votable import field, param, votable


def document(outcomes: JobOutcomes) -> Iterator[str]:
    """Write the VOTable, piece by piece: all of it would be in memory several times."""
    before, after = votable(_frame(outcomes)).rsplit("<TABLEDATA/>", 1)
    yield f"{before}<TABLEDATA>\n"
    for item in outcomes.circuits:
        for piece in pieces(item.rows()):
            yield "".join(map(_row, piece))
    yield f"</TABLEDATA>{after}"


def _row(row: tuple[int, str, int, float]) -> str:
    circuit, bits, count, fraction = row
    return (
        f"<TR><TD>{circuit}</TD><TD>{escape(bits)}</TD><TD>{count}</TD><TD>{fraction!r}</TD></TR>\n"
    )


def _frame(outcomes: JobOutcomes) -> str:
    """Write all but the rows."""
    about = f"How often each outcome was measured. Bit strings: {BIT_ORDER}."
    return "\n".join(
        [
            '<INFO name="QUERY_STATUS" value="OK"/>',
            f'<TABLE ID="counts" name="counts"><DESCRIPTION>{escape(about)}</DESCRIPTION>',
            field("circuit", "int", "index of the circuit in the job, from 0", id="circuit"),
            field("outcome", "char", "the bits that were measured", id="outcome"),
            field("count", "long", "in how many shots", id="count"),
            field("fraction", "double", "in which part of the shots", id="fraction"),
            param("job", "char", outcomes.job, "the job that made this table", id="job"),
            param("target", "char", outcomes.target, "what ran the circuits", id="target"),
            param("shots", "long", outcomes.shots, "runs of each circuit", id="shots"),
            *_registers(outcomes),
            "<DATA><TABLEDATA/></DATA></TABLE>",
        ]
    )


def _registers(outcomes: JobOutcomes) -> Iterator[str]:
    for item in outcomes.circuits:
        for number, register in enumerate(item.registers):
            yield param(
                f"register {register.name}",
                "char",
                ",".join("-" if qubit is None else str(qubit) for qubit in register.qubits),
                f"circuit {item.index}, {counted(register.size, 'bit')}: the qubit that was"
                " measured into each bit, from bit 0 up",
                id=f"register.{item.index}.{number}",
            )
