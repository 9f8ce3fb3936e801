"""What a job gave as CSV (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from quws.schemas.outcomes.tables import Frame, Row


def written(frame: Frame, rows: Iterable[list[Row]]) -> Iterator[str]:
    """Write a head and a line for each row, piece by piece."""
    yield _lines([tuple(column.name for column in frame.table.columns)])
    for piece in rows:
        yield _lines(piece)


def _lines(rows: Iterable[Row]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()
