"""What a worker and its child say, as lines."""

from __future__ import annotations

import pytest

from quws.sandbox.lines import decode_from_child, encode_all
from quws.sandbox.messages import (
    MOST_TOGETHER,
    SMALL_OUTCOME,
    CircuitFinished,
    CircuitsFinished,
    FromChild,
    MessageFault,
    Note,
    ResultFile,
)


def small(circuit: int, engine: str = "aer") -> CircuitFinished:
    return CircuitFinished(circuit=circuit, engine=engine, outcome=f"é{circuit}")


COMPILED = ResultFile(id="circuit-3", file="circuit-3.qasm", mime_type="text/plain")


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        ([small(0), small(1), small(2)], 1),
        ([small(0), Note(sentence="b"), small(1)], 3),
        ([small(0), small(2)], 2),
        ([small(0), small(1, "stim")], 2),
        ([small(0), CircuitFinished(circuit=1, engine="aer", file="f")], 2),
        ([small(2), small(3).model_copy(update={"compiled": COMPILED}), small(4)], 3),
        (list(map(small, range(MOST_TOGETHER + 2))), 2),
        ([], 0),
    ],
)
def test_circuits_that_are_told_of_together_are_one_line(said: list[FromChild], lines: int) -> None:
    written = encode_all(said).splitlines(keepends=True)
    assert len(written) == lines
    heard: list[FromChild] = []
    for line in written:
        message = decode_from_child(line)
        heard += message.each() if isinstance(message, CircuitsFinished) else [message]
    assert heard == said


@pytest.mark.parametrize(
    "line",
    [
        '"first":-1,"engine":"a","outcomes":["x"]',
        '"first":0,"engine":"a","outcomes":[]',
        '"first":0,"engine":"a","outcomes":[1]',
        f'"first":0,"engine":"a","outcomes":["{"x" * (SMALL_OUTCOME + 1)}"]',
    ],
)
def test_what_is_too_much_or_too_little_is_nonsense(line: str) -> None:
    with pytest.raises(MessageFault):
        decode_from_child(f'{{"kind":"circuits_finished",{line}}}\n'.encode())
