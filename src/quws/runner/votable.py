"""In a child: the counts of a job as a VOTable."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from quws.domain.circuits import Register
from quws.domain.outcomes import BIT_ORDER, CircuitOutcome, JobOutcomes, pieces
from quws.domain.words import counted

_BEFORE, _AFTER = "<TABLEDATA>", "</TABLEDATA>"


def load() -> None:
    """Import what writing a VOTable needs, in the zygote."""
    import astropy.io.votable.tree  # noqa: F401, PLC0415


def warm() -> None:
    """Write a table once, into nothing: the first one is ten times slower."""
    register = Register(name="c", size=1, qubits=[0])
    sample = CircuitOutcome({"0": 1}, registers=[register])
    for _ in document(JobOutcomes("", "", 1, [sample])):
        pass


def document(outcomes: JobOutcomes) -> Iterator[str]:
    """Write the VOTable, piece by piece.

    Astropy writes all but the rows: it would hold a table of them in memory several times.
    """
    written = io.BytesIO()
    _frame(outcomes).to_xml(written)
    before, _, rest = written.getvalue().decode().partition(_BEFORE)
    yield before + _BEFORE + "\n"
    for item in outcomes.circuits:
        for piece in pieces(item.rows()):
            yield "".join(map(_row, piece))
    yield _AFTER + rest.partition(_AFTER)[2]


def _row(row: tuple[int, str, int, float]) -> str:
    circuit, bits, count, fraction = row
    return (
        f"<TR><TD>{circuit}</TD><TD>{escape(bits)}</TD><TD>{count}</TD><TD>{fraction!r}</TD></TR>\n"
    )


def _frame(outcomes: JobOutcomes) -> Any:
    """Make the document, with one row in the place of all."""
    from astropy.io.votable import tree  # noqa: PLC0415

    document = tree.VOTableFile()
    resource = tree.Resource(type="results")
    document.resources.append(resource)
    resource.infos.append(tree.Info(name="QUERY_STATUS", value="OK"))
    table = tree.TableElement(document, name="counts")
    resource.tables.append(table)
    table.description = f"How often each outcome was measured. Bit strings: {BIT_ORDER}."
    for name, datatype, value, what in (
        ("job", "char", outcomes.job, "the job that made this table"),
        ("target", "char", outcomes.target, "what ran the circuits"),
        ("shots", "long", outcomes.shots, "runs of each circuit"),
    ):
        size = {"arraysize": "*"} if datatype == "char" else {}
        param = tree.Param(document, name=name, datatype=datatype, value=value, **size)
        param.description = what
        table.params.append(param)
    for item in outcomes.circuits:
        for register in item.registers:
            measured = ",".join("-" if qubit is None else str(qubit) for qubit in register.qubits)
            param = tree.Param(
                document,
                ID=f"register.{item.index}.{len(table.params)}",
                name=f"register {register.name}",
                datatype="char",
                arraysize="*",
                value=measured,
            )
            param.description = (
                f"circuit {item.index}, {counted(register.size, 'bit')}: the qubit that was"
                " measured into each bit, from bit 0 up"
            )
            table.params.append(param)
    columns = [
        ("circuit", "int", None, "index of the circuit in the job, from 0"),
        ("outcome", "char", "*", "the bits that were measured"),
        ("count", "long", None, "in how many shots"),
        ("fraction", "double", None, "in which part of the shots"),
    ]
    for name, datatype, arraysize, what in columns:
        size = {} if arraysize is None else {"arraysize": arraysize}
        field = tree.Field(document, name=name, datatype=datatype, **size)
        field.description = what
        table.fields.append(field)
    table.create_arrays(1)
    table.array["outcome"] = [""]
    return document
