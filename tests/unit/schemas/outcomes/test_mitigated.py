"""Tables of results whose errors were mitigated: what was measured stands beside it."""

from __future__ import annotations

import csv
import io

import pytest

from quws.domain.circuits import Register
from quws.domain.outcome_parts import extents
from quws.domain.outcome_texts import outcomes_json
from quws.domain.outcomes import CircuitOutcome, Expectation, JobOutcomes
from quws.schemas.outcomes import comma, parquet, votable
from quws.schemas.outcomes.tables import Frame, frame_of, rows_of, streamed_rows, table_named

REGISTERS = [Register(name="c", size=1, qubits=[0])]
COUNTED = JobOutcomes(
    "j",
    "t",
    100,
    [
        CircuitOutcome(
            {"0": 60, "1": 40},
            index=0,
            registers=REGISTERS,
            mitigation=["readout"],
            mitigated={"0": 0.625, "1": 0.375},
        ),
        # Of too many outcomes, for one.
        CircuitOutcome({"1": 100}, index=1, registers=REGISTERS),
    ],
)
ESTIMATED = JobOutcomes(
    "j",
    "t",
    100,
    [
        CircuitOutcome(
            {},
            index=0,
            mitigation=["readout", "zne"],
            expectations=[Expectation("Z0", 0.9, 0.02, 100, raw_value=0.8, raw_error=0.01)],
        ),
        CircuitOutcome({}, index=1, expectations=[Expectation("X0", 0.5, 0.0, 0)]),
    ],
)
ROWS = {
    "counts": (
        COUNTED,
        ["circuit", "outcome", "count", "fraction", "mitigated"],
        [["0", "0", "60", "0.6", "0.625"], ["0", "1", "40", "0.4", "0.375"]],
        ["1", "1", "100", "1.0", ""],
    ),
    "expectation": (
        ESTIMATED,
        ["circuit", "observable", "value", "error", "shots", "raw_value", "raw_error"],
        [["0", "Z0", "0.9", "0.02", "100", "0.8", "0.01"]],
        ["1", "X0", "0.5", "0.0", "0", "", ""],
    ),
}


@pytest.mark.parametrize("name", list(ROWS))
def test_they_have_columns_for_both(name: str) -> None:
    outcomes, head, rows, last = ROWS[name]
    frame = frame_of(outcomes)
    text = "".join(comma.written(frame, rows_of(outcomes)))
    assert list(csv.reader(io.StringIO(text))) == [head, *rows, last]
    written = "".join(votable.written(frame, rows_of(outcomes)))
    ways = ", ".join(frame.mitigation)
    assert f'name="mitigation" datatype="char" arraysize="*" value="{ways}"' in written
    cells = "".join(f"<TD>{cell}</TD>" for cell in rows[0])
    assert f"<TR>{cells}</TR>" in written
    assert written.count("<FIELD") == len(head)


@pytest.mark.parametrize("name", list(ROWS))
def test_a_table_that_is_made_while_the_document_is_read_is_the_same(name: str) -> None:
    outcomes = ROWS[name][0]
    document = [piece.encode() for piece in outcomes_json(outcomes)]
    found = extents(document)
    ways = frame_of(outcomes).mitigation
    table = table_named(name, mitigated=True)
    frame = Frame(table, "j", "t", 100, [(item.index, item.registers) for item in found], {}, ways)
    assert frame == frame_of(outcomes)
    for write in (comma.written, votable.written):
        streamed = "".join(write(frame, streamed_rows(table, document, found)))
        assert streamed == "".join(write(frame, rows_of(outcomes)))


def test_parquet_has_them_too() -> None:
    pyarrow = pytest.importorskip("pyarrow.parquet")
    made = b"".join(parquet.written(frame_of(COUNTED), rows_of(COUNTED)))
    table = pyarrow.read_table(io.BytesIO(made))
    assert table.column("mitigated").to_pylist() == [0.625, 0.375, None]
    assert table.schema.metadata[b"mitigation"] == b"readout"
