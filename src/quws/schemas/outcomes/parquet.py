"""What a job gave as Apache Parquet, by pyarrow, which need not be installed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib.util import find_spec

from quws.domain.archives import Drain
from quws.domain.outcomes import BIT_ORDER
from quws.schemas.outcomes.tables import Frame, Row

_GROUP = 100_000
"""How many rows are held, and written together."""


def installed() -> bool:
    """Whether it can be written here."""
    return find_spec("pyarrow") is not None


def written(frame: Frame, rows: Iterable[list[Row]]) -> Iterator[bytes]:
    """Write the file, piece by piece. What else the frame says stands in its metadata."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    types = {"int": pa.int32(), "long": pa.int64(), "double": pa.float64(), "char": pa.string()}
    columns = frame.table.columns
    fields = [
        pa.field(item.name, types[item.datatype], metadata={"description": item.about})
        for item in columns
    ]
    schema = pa.schema(fields, metadata=_about(frame))
    drain = Drain()
    with parquet.ParquetWriter(drain, schema) as writer:
        for group in _grouped(rows):
            values = zip(*group, strict=True)
            arrays = [
                pa.array(column, item.type) for column, item in zip(values, fields, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            yield drain.take()
    yield drain.take()


def _grouped(rows: Iterable[list[Row]]) -> Iterator[list[Row]]:
    group: list[Row] = []
    for piece in rows:
        group += piece
        if len(group) >= _GROUP:
            yield group
            group = []
    if group:
        yield group


def _about(frame: Frame) -> dict[str, str]:
    registers = [
        {"circuit": index, **item.model_dump()} for index, each in frame.registers for item in each
    ]
    return {
        "description": frame.table.about,
        "job": frame.job,
        "target": frame.target,
        "shots": str(frame.shots),
        "bit_order": BIT_ORDER,
        "registers": json.dumps(registers),
        "versions": json.dumps(dict(frame.versions)),
        **({"mitigation": ",".join(frame.mitigation)} if frame.mitigation else {}),
    }
