"""Counts of Superstaq's as ours."""

from __future__ import annotations

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

from quws.targets.superstaq import Superstaq
from quws.targets.superstaq.bits import Shape, read_counts, shape_of


def test_bits_that_are_not_measured_are_0() -> None:
    circuit = QuantumCircuit(QuantumRegister(3), ClassicalRegister(2, "a"), ClassicalRegister(3))
    circuit.measure([0, 1, 2], [1, 2, 4])
    shape = shape_of(circuit)
    assert shape == Shape((2, 3), (1, 2, 4))
    assert read_counts({"110": 3, "001": 1.0}, shape) == {"001 10": 3, "100 00": 1}
    # All of them may be told.
    assert read_counts({"01100": 3}, shape) == {"001 10": 3}
    with pytest.raises(ValueError, match="counts of 2 bits, and 3 are measured"):
        read_counts({"11": 3}, shape)


@pytest.mark.parametrize(
    ("url", "sentence"), [("superstaq.org", "an http or https URL"), ("http://x/y", "no path")]
)
def test_a_url_is_the_root_of_a_host(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Superstaq("atoms", url=url, target="a_b_qpu", token="key")
