"""What calibrations lead to expect of circuits."""

from __future__ import annotations

import pytest

from quws.circuits.parse import parse
from quws.domain.circuits import CircuitLimits
from quws.domain.targets import GateCalibration, QubitCalibration
from quws.targets.expected import Errors, Timing

QUBITS = [
    QubitCalibration(qubit=0, readout_error=0.1, readout_duration=1.0),
    QubitCalibration(qubit=1),
]
GATES = [
    GateCalibration(gate="x", qubits=(0,), error=0.2, duration=0.25),
    GateCalibration(gate="x", qubits=(1,), error=0.4),
    GateCalibration(gate="cx", qubits=(0, 1), error=0.5, duration=2.0),
]
HEAD = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; '


@pytest.mark.parametrize(
    ("body", "fidelity", "seconds"),
    [
        ("x q[0]; x q[0]; c[0] = measure q[0];", 0.8 * 0.8 * 0.9, 1.5),
        ("x q[1]; cx q[0], q[1]; c[1] = measure q[1];", 0.6 * 0.5, 2.0),
        # The other way round nobody knows it.
        ("cx q[1], q[0];", None, 0.0),
        ("h q[0];", None, 0.0),
        ("c[0] = measure q[0]; if (c[0]) { x q[0]; } else { x q[1]; }", 0.9 * 0.6, 1.25),
        ("for int i in [0:2] { x q[0]; }", 0.8**3, 0.75),
    ],
)
def test_errors_multiply_and_times_add_along_a_chain(
    body: str, fidelity: float | None, seconds: float
) -> None:
    circuit, _ = parse(HEAD + body, None, CircuitLimits())
    found = Errors(QUBITS, GATES).fidelity(circuit)
    assert found == (None if fidelity is None else pytest.approx(fidelity))
    assert Timing(QUBITS, GATES).shot(circuit) == pytest.approx(seconds)


def test_where_nothing_takes_time_nobody_knows_it() -> None:
    assert Timing(QUBITS, GATES).known
    assert not Timing(QUBITS[1:], GATES[1:2]).known
