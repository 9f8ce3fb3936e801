"""In a child: what a job gave as a VOTable."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from quws.domain.kinds import JobKind
from quws.domain.outcomes import DOCUMENT, JobOutcomes, pieces
from quws.domain.words import counted
from quws.runner.tables import ABOUT, Row, columns, rows
from quws.schemas.votable import field, param, votable


def document(outcomes: JobOutcomes) -> Iterator[str]:
    """Write the VOTable, piece by piece: all of it would be in memory several times."""
    before, after = votable(_frame(outcomes)).rsplit("<TABLEDATA/>", 1)
    write = _count if outcomes.kind is JobKind.SAMPLE else _row
    yield f"{before}<TABLEDATA>\n"
    for item in outcomes.circuits:
        for piece in pieces(rows(item)):
            yield "".join(map(write, piece))
    yield f"</TABLEDATA>{after}"


def _count(row: Row) -> str:
    # There may be millions.
    circuit, bits, count, fraction = row
    text = escape(str(bits))
    return f"<TR><TD>{circuit}</TD><TD>{text}</TD><TD>{count}</TD><TD>{fraction!r}</TD></TR>\n"


def _row(row: Row) -> str:
    cells = ("" if value is None else escape(str(value)) for value in row)
    return f"<TR>{''.join(f'<TD>{cell}</TD>' for cell in cells)}</TR>\n"


def _frame(outcomes: JobOutcomes) -> str:
    """Write all but the rows."""
    kind = outcomes.kind
    name = DOCUMENT[kind]
    return "\n".join(
        [
            '<INFO name="QUERY_STATUS" value="OK"/>',
            f'<TABLE ID="{name}" name="{name}"><DESCRIPTION>{escape(ABOUT[kind])}</DESCRIPTION>',
            *(field(item.name, item.datatype, item.about, id=item.name) for item in columns(kind)),
            param("job", "char", outcomes.job, "the job that made this table", id="job"),
            param("target", "char", outcomes.target, "what ran the circuits", id="target"),
            *_shots(outcomes),
            *_registers(outcomes),
            *_versions(outcomes),
            "<DATA><TABLEDATA/></DATA></TABLE>",
        ]
    )


def _shots(outcomes: JobOutcomes) -> Iterator[str]:
    match outcomes.kind:
        case JobKind.SAMPLE:
            yield param("shots", "long", outcomes.shots, "runs of each circuit", id="shots")
        case JobKind.ESTIMATE:
            yield param("runs", "long", outcomes.shots, "shots of each basis", id="runs")


def _versions(outcomes: JobOutcomes) -> Iterator[str]:
    if outcomes.versions:
        text = ", ".join(f"{name} {version}" for name, version in outcomes.versions.items())
        yield param("versions", "char", text, "the libraries that touched the job", id="versions")


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
