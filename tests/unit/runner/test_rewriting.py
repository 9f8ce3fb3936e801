"""Compiled circuits in the format that they were sent in."""

from __future__ import annotations

import io
import json

import cirq_writing
import pytest
from formats import LIMITS
from qiskit import QuantumCircuit, qpy

from quws.circuits.formats.cirq_writing import circuit_json
from quws.circuits.formats.qpy_files import write
from quws.domain.circuits import Language
from quws.domain.errors import InvalidCircuit
from quws.domain.payloads import as_bytes, as_text
from quws.runner.rewriting import rewritten
from quws.sandbox.messages import RewriteCircuits

COMPILED = """OPENQASM 3.0;
include "stdgates.inc";
bit[1] b;
bit[2] a;
x $4;
a[0] = measure $4;
a[1] = measure $2;
b[0] = measure $0;
"""
WIDE = COMPILED.replace("x $4;", "ctrl(3) @ x $0, $1, $2, $4;")


def asked(
    language: Language, *circuits: str, source: str, together: bool = False
) -> RewriteCircuits:
    return RewriteCircuits(
        circuits=list(circuits),
        sources=[source] * len(circuits),
        language=language,
        together=together,
        limits=LIMITS,
        memory_bytes=0,
        cpu_seconds=1,
    )


def sent() -> QuantumCircuit:
    return next(cirq_writing.counted())[0]


def test_cirq_gets_its_keys_and_where_its_qubits_are_measured() -> None:
    source = circuit_json(sent(), ["k b", "0"])
    found, none = rewritten(asked(Language.CIRQ_JSON, COMPILED, WIDE, source=source))
    # What cannot be written takes nothing from the others.
    assert found is not None and none is None
    # Of the keys 0 stands first, of qubit 1; then qubits 0 and 2.
    assert found.final == {1: 0, 0: 4, 2: 2}
    assert json.loads(found.qubits or "") == [{"cirq_type": "LineQubit", "x": x} for x in range(3)]
    assert found.width == 5
    assert '"key":"k b"' in found.text and '"key":"0"' in found.text


def test_qiskit_gets_one_file_for_each_or_one_for_all() -> None:
    source = as_text(write(sent()))
    for together in (False, True):
        request = asked(Language.QPY, COMPILED, COMPILED, source=source, together=together)
        first, second = rewritten(request)
        assert first is not None and second is not None and first.final == second.final
        circuits = qpy.load(io.BytesIO(as_bytes(first.text) or b""))
        assert [item.num_qubits for item in circuits] == [5] * (2 if together else 1)
        assert bool(second.text) is not together


def test_together_they_are_all_written_or_none() -> None:
    source = circuit_json(sent(), ["k b", "0"])
    with pytest.raises(InvalidCircuit, match="on 4 qubits"):
        rewritten(asked(Language.CIRQ_JSON, COMPILED, WIDE, source=source, together=True))
