"""The head of QPY files, as Qiskit writes them in each version."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from qiskit import QuantumCircuit, qpy

from quws.domain.qpy_head import NoHead, TooLong, metadata_of

MOST = 1000


def written(version: int, metadata: Any, circuits: int = 1) -> bytes:
    made = QuantumCircuit(3, 2, name="n" * 700, metadata=metadata, global_phase=0.25)
    made.h(0)
    file = io.BytesIO()
    qpy.dump([made] * circuits, file, version=version)
    return file.getvalue()


def beginning(data: bytes) -> Callable[[int], bytes]:
    return lambda size: data[:size]


@pytest.mark.parametrize("version", range(13, qpy.QPY_VERSION + 1))
@pytest.mark.parametrize("metadata", [None, {}, {"a": [1, {"ü": None}]}, {"a": "x" * (MOST - 9)}])
def test_metadata_stand_where_each_version_has_them(version: int, metadata: Any) -> None:
    found = metadata_of(beginning(written(version, metadata)), MOST)
    assert json.loads(found) == (metadata or {})


def test_what_is_too_long_is_not_read() -> None:
    asked = []

    def some(size: int) -> bytes:
        asked.append(size)
        return written(17, {"a": "x" * MOST})[:size]

    with pytest.raises(TooLong):
        metadata_of(some, MOST)
    assert max(asked) < MOST


def test_what_is_no_circuit_has_no_head() -> None:
    whole = written(17, {"a": 1})
    for wrong in (b"", b"QISKIT", whole[:30], whole[:750], b"x" * 60, written(17, {}, 2)):
        with pytest.raises(NoHead):
            metadata_of(beginning(wrong), MOST)
    for place, byte in ((6, 11), (19, ord("s"))):
        data = bytearray(whole)
        data[place] = byte
        with pytest.raises(NoHead):
            metadata_of(beginning(bytes(data)), MOST)
    # It says that it is longer than it is.
    at = 28 + struct.calcsize("!H1cHII")
    long = whole[:at] + struct.pack("!Q", MOST) + whole[at + 8 : 800]
    with pytest.raises(NoHead):
        metadata_of(beginning(long), MOST)
