"""What stands beside the results of PUBs."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from primitives import in_qpy, packed
from qiskit import QuantumCircuit, qpy

from quws.api.doors.ibm.metadata import MOST_BYTES, Array, Ran, is_too_long, of_job, written
from quws.domain.mitigation import Mitigation

START = datetime(2026, 11, 27, 12, tzinfo=UTC)
RAN = Ran(START, START + timedelta(seconds=2), [Mitigation.ZNE])


def circuit(metadata: Any) -> QuantumCircuit:
    return QuantumCircuit(1, metadata=metadata)


def crafted(text: bytes) -> dict[str, str]:
    """A circuit with metadata that Qiskit would not write."""
    before = b'{"a":"%s"}' % (b"x" * (len(text) - 8))
    file = io.BytesIO()
    qpy.dump(circuit(json.loads(before)), file)
    assert len(before) == len(text) and file.getvalue().count(before) == 1
    data = file.getvalue().replace(before, text)
    return {"__type__": "QuantumCircuit", "__value__": packed(data)}


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"experiment": "bell", "angles": [0.1, 1e300], "ü\ud800": None, "n": 10**30},
        # What the client's encoder made of a complex number, which its decoder makes one again.
        {"z": {"__type__": "complex", "__value__": [1.0, 2.0]}},
        {"a": "x" * (MOST_BYTES - 20)},
    ],
)
def test_metadata_of_a_circuit_come_back(metadata: dict[str, Any]) -> None:
    sent = in_qpy(circuit(metadata))
    assert json.loads(written(sent)) == metadata
    assert not is_too_long(sent)


def test_metadata_that_are_no_numbers_come_back() -> None:
    assert written(in_qpy(circuit({"a": float("nan")}))) == '{"a":NaN}'


@pytest.mark.parametrize(
    "odd",
    [
        "OPENQASM 3.0; qubit q;",
        None,
        7,
        {"__type__": "QuantumCircuit", "__value__": 7},
        {"__type__": "QuantumCircuit", "__value__": "%%%%"},
        {"__type__": "QuantumCircuit", "__value__": "AAAA"},
        {"__type__": "QuantumCircuit", "__value__": packed(b"QISKIT")},
        crafted(b'["a list", "and"]'),
        crafted(b'{"a": "not JSON" '),
        crafted(b"\xff\xfe\xfd bytes \x00\x01\x02\x03"),
        crafted(b"[" * 20_000),
        crafted(b'{"a": ' + b"9" * 5000 + b"}"),
    ],
    ids=str,
)
def test_odd_metadata_are_none(odd: Any) -> None:
    assert written(odd) == "{}"
    assert not is_too_long(odd)


def test_metadata_that_are_too_long_are_left_out() -> None:
    sent = in_qpy(circuit({"a": "x" * MOST_BYTES}))
    assert written(sent) == "{}"
    assert is_too_long(sent)


def test_shots_were_taken_while_the_job_ran() -> None:
    found = of_job("sampler", RAN, [Array((2, 3), 6, 10), Array((), 1, 7)])
    assert found["version"] == 2
    (span,) = found["execution"]["execution_spans"]["__value__"]["spans"]
    assert span["__type__"] == "DoubleSliceSpan"
    assert span["__value__"] == {
        "start": {"__type__": "datetime", "__value__": "2026-11-27T12:00:00+00:00"},
        "stop": {"__type__": "datetime", "__value__": "2026-11-27T12:00:02+00:00"},
        "data_slices": {0: [[2, 3, 10], 0, 6, 0, 10], 1: [[7], 0, 1, 0, 7]},
    }
    (chunk,) = of_job("executor", RAN, [Array((2, 3), 6, 10), Array((), 1, 7)])["chunk_timing"]
    assert chunk["start"] < chunk["stop"]
    assert chunk["parts"] == [
        {"idx_item": 0, "size": 6, "permutation": [0, 1], "element_range": [0, 6, 1]},
        {"idx_item": 1, "size": 1, "permutation": [], "element_range": [0, 1, 1]},
    ]
    assert of_job("executor", Ran(), [Array((), 1, 7)]) == {"chunk_timing": []}
    spans = of_job("sampler", Ran(), [Array((), 1, 7)])["execution"]["execution_spans"]
    assert spans["__value__"] == {"spans": []}


def test_an_estimator_says_which_errors_were_mitigated() -> None:
    found = of_job("estimator", RAN, [])
    assert found["resilience"] == {
        "measure_mitigation": False,
        "zne_mitigation": True,
        "pec_mitigation": False,
        "zne": {"noise_factors": (1, 3, 5)},
    }
    assert (found["twirling"]["enable_gates"], found["dynamical_decoupling"]["enable"]) == (
        False,
        False,
    )
    assert "zne" not in of_job("estimator", Ran(), [])["resilience"]
