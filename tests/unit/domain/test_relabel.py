"""What a request says of the labels of jobs."""

from __future__ import annotations

import pytest

from quws.domain.errors import InvalidParameter
from quws.domain.labels import Relabel
from quws.domain.parameters.posted import Posted
from quws.domain.parameters.relabel import read_relabel


def read(*pairs: tuple[str, str]) -> Relabel:
    return read_relabel([Posted(name, value.encode()) for name, value in pairs])


def test_each_label_is_read() -> None:
    assert read(("name", "a"), ("RUNID", "b"), ("Metadata", '{"k": 1}')) == Relabel(
        name="a", run_id="b", metadata={"k": 1}
    )
    assert read(("TAG", "x"), ("TAG", "y"), ("TAG", "x")) == Relabel(tags=("x", "y"))
    assert read(("ADDTAG", "x"), ("REMOVETAG", "y")) == Relabel(add=("x",), remove=("y",))


def test_what_is_empty_takes_away() -> None:
    found = read(("NAME", ""), ("RUNID", ""), ("METADATA", ""), ("TAG", ""))
    assert found == Relabel(name="", run_id="", metadata={}, tags=())
    assert not found.empty


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ([], "nothing to change: send one of NAME, RUNID, METADATA, TAG, ADDTAG, REMOVETAG"),
        ([("SHOTS", "1")], "there is no label 'SHOTS'; a job has NAME"),
        ([("NAME", "a"), ("NAME", "b")], "NAME may be given once"),
        ([("NAME", "a" * 201)], "NAME must be at most 200 characters long, not 201"),
        ([("RUNID", "a" * 1001)], "RUNID must be at most 1000 characters long"),
        ([("NAME", "\x01")], "NAME must not hold control characters"),
        ([("METADATA", "[]")], "METADATA must be a JSON object"),
        ([("METADATA", '{"a": "\\u0000"}')], "METADATA must be text without"),
        ([("ADDTAG", "")], "TAG must be text of 1 to 200 characters"),
        ([("TAG", "a"), ("ADDTAG", "b")], "send one or the other"),
        ([("ADDTAG", "a"), ("REMOVETAG", "a")], "'a' cannot be both added and removed"),
        ([("ADDTAG", str(k)) for k in range(101)], "ADDTAG may be given at most 100 times"),
    ],
)
def test_what_is_refused(pairs: list[tuple[str, str]], sentence: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        read(*pairs)
    assert sentence in caught.value.sentence
