"""What a job gave as a VOTable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from quws.domain.words import counted
from quws.schemas.outcomes.tables import TABLES, Frame, Row
from quws.schemas.votable import field, param, votable


def written(frame: Frame, rows: Iterable[list[Row]]) -> Iterator[str]:
    """Write the VOTable, piece by piece: all of it would be in memory several times."""
    before, after = votable(_around(frame)).rsplit("<TABLEDATA/>", 1)
    write = _count if frame.table is TABLES["counts"] else _row
    yield f"{before}<TABLEDATA>\n"
    for piece in rows:
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


def _around(frame: Frame) -> str:
    table = frame.table
    about = escape(table.about)
    return "\n".join(
        [
            '<INFO name="QUERY_STATUS" value="OK"/>',
            f'<TABLE ID="{table.name}" name="{table.name}"><DESCRIPTION>{about}</DESCRIPTION>',
            *(field(item.name, item.datatype, item.about, id=item.name) for item in table.columns),
            param("job", "char", frame.job, "the job that made this table", id="job"),
            param("target", "char", frame.target, "what ran the circuits", id="target"),
            *_shots(frame),
            *_ways(frame),
            *_registers(frame),
            *_versions(frame),
            "<DATA><TABLEDATA/></DATA></TABLE>",
        ]
    )


def _shots(frame: Frame) -> Iterator[str]:
    if frame.table.shots is not None:
        name, about = frame.table.shots
        yield param(name, "long", frame.shots, about, id=name)


def _ways(frame: Frame) -> Iterator[str]:
    if frame.mitigation:
        text = ", ".join(frame.mitigation)
        yield param("mitigation", "char", text, "how errors were mitigated", id="mitigation")


def _registers(frame: Frame) -> Iterator[str]:
    for index, registers in frame.registers:
        for number, register in enumerate(registers):
            yield param(
                f"register {register.name}",
                "char",
                ",".join("-" if qubit is None else str(qubit) for qubit in register.qubits),
                f"circuit {index}, {counted(register.size, 'bit')}: the qubit that was"
                " measured into each bit, from bit 0 up",
                id=f"register.{index}.{number}",
            )


def _versions(frame: Frame) -> Iterator[str]:
    if frame.versions:
        text = ", ".join(f"{name} {version}" for name, version in frame.versions.items())
        yield param("versions", "char", text, "the libraries that touched the job", id="versions")
