"""Results are made while their documents are read, so that their size does not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from quws.domain.outcome_parts import Extent
from quws.schemas.outcomes import comma, packed, parquet, votable
from quws.schemas.outcomes.tables import TABLES, Frame, streamed_rows

CHUNKS, OF_EACH = 1000, 20
TOTAL = CHUNKS * OF_EACH


class Source:
    """A document of many chunks, which notes how many of them were read."""

    def __init__(self, head: str, item: Callable[[int], str], end: str) -> None:
        self._head, self._item, self._end = head, item, end
        self.read = 0

    def __iter__(self) -> Iterator[bytes]:
        yield self._head.encode()
        for chunk in range(CHUNKS):
            self.read += 1
            first = chunk * OF_EACH
            items = (self._item(number) for number in range(first, first + OF_EACH))
            yield ("," if chunk else "").encode() + ",".join(items).encode()
        yield self._end.encode()


def counts() -> Source:
    return Source('{"circuits":[{"counts":{', lambda number: f'"{number:015b}":1', "}}]}")


def shots() -> Source:
    return Source('{"circuits":[{"memory":[', lambda number: f'"{number:015b}"', "]}]}")


def made(name: str, source: Source) -> Iterator[bytes | str]:
    found = [Extent(0, [], counted=TOTAL, listed=TOTAL, width=15)]
    if name == "npz":
        return iter(packed.written(source, found))
    frame = Frame(TABLES["counts"], "j", "t", TOTAL, [])
    rows = streamed_rows(frame.table, source, found)
    writers = {"csv": comma.written, "votable": votable.written, "parquet": parquet.written}
    return iter(writers[name](frame, rows))  # type: ignore[operator]


@pytest.mark.parametrize("name", ["csv", "votable", "npz", "parquet"])
def test_pieces_come_while_the_document_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow")
        monkeypatch.setattr(parquet, "_GROUP", OF_EACH)
    source = shots() if name == "npz" else counts()
    ahead = []
    for number, _ in enumerate(made(name, source)):
        ahead.append(source.read - number)
    assert source.read == CHUNKS
    assert len(ahead) >= CHUNKS
    assert max(ahead) <= 3


def test_the_last_group_of_parquet_is_no_larger_than_the_others() -> None:
    pytest.importorskip("pyarrow")
    pieces = list(made("parquet", counts()))
    assert len(pieces) == 2  # One group of rows, and the end.
