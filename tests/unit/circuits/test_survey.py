"""What is found out of a circuit for the choice of a method."""

from __future__ import annotations

import io

import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter
from qiskit.circuit.library import RGate

from quws.circuits.parse import parse
from quws.domain.circuits import CircuitFacts, CircuitLimits
from quws.domain.payloads import as_text

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; qubit[4] q; bit[4] c; '
ENDS = " c = measure q;"


def facts(body: str, ends: str = ENDS) -> CircuitFacts:
    return parse(HEAD + body + ends, None, CircuitLimits())[1]


@pytest.mark.parametrize(
    "body",
    [
        "h q; s q[0]; sdg q[1]; cx q[0], q[1]; cy q[1], q[2]; cz q[2], q[3]; swap q[0], q[3];",
        "rx(pi/2) q[0]; ry(-pi) q[1]; rz(3*pi/2) q[2]; p(pi) q[3]; U(pi/2, 0, pi) q[0];",
        "cp(pi) q[0], q[1]; crz(pi) q[0], q[1]; ctrl @ x q[0], q[1];",
        "gate g(a) x, y { rx(a) x; cx x, y; } g(pi) q[0], q[1]; pow(3) @ g(pi/2) q[2], q[3];",
        "c[0] = measure q[0]; if (c[0]) { x q[1]; } reset q[0];",
        "delay[5ns] q[0]; barrier q; id q[0]; gphase(0.3);",
        "for int k in [0:3] { rz(k*pi/2) q[k]; }",
    ],
)
def test_clifford_circuits_are_known_as_such(body: str) -> None:
    assert facts(body).clifford


@pytest.mark.parametrize(
    "body",
    [
        "t q[0];",
        "rx(0.1) q[0];",
        "rz(pi/4) q[0];",
        "rz(pi/2 + 1e-6) q[0];",
        "cp(pi/2) q[0], q[1];",
        "ccx q[0], q[1], q[2];",
        "ch q[0], q[1];",
        "gate g(a) x { rx(a) x; } g(pi/2) q[0]; g(0.3) q[0];",
        "gate g x, y { cx x, y; } ctrl @ g q[0], q[1], q[2];",
        "gate f x { t x; } gate g x { h x; f x; } g q[0];",
        "if (c[0]) { t q[1]; }",
        "pow(0.5) @ x q[0];",
        "ctrl @ pow(0.5) @ x q[0], q[1];",
        "for int k in [0:60000] { rz(0.1) q[0]; }",
    ],
)
def test_other_circuits_are_never_called_clifford(body: str) -> None:
    assert not facts(body).clifford


def test_counts_gates_that_join_qubits_and_the_cuts_that_they_cross() -> None:
    chain = facts("cx q[0], q[1]; cx q[1], q[2]; cx q[2], q[3];")
    assert (chain.wide_gates, chain.crossing) == (3, 1)
    far = facts("h q; cx q[0], q[3]; cx q[1], q[2];")
    assert (far.wide_gates, far.crossing) == (2, 2)
    defined = facts("gate g x, y { cx x, y; t y; cx x, y; } g q[0], q[2]; pow(5) @ g q[0], q[1];")
    assert (defined.wide_gates, defined.crossing) == (12, 12)
    looped = facts("for int k in [1:60000] { cx q[0], q[1]; }")
    assert (looped.wide_gates, looped.crossing) == (60_000, 60_000)
    doubled = "gate g0 x, y { cx x, y; }" + "".join(
        f"gate g{k} x, y {{ g{k - 1} x, y; g{k - 1} y, x; }}" for k in range(1, 21)
    )
    assert facts(doubled + "g20 q[0], q[1];").wide_gates == 2**20


def test_knows_what_happens_after_a_measurement() -> None:
    plain = facts("h q[0];")
    assert not (plain.mid_circuit or plain.resets or plain.control_flow or plain.delays)
    assert plain.measurements == 4
    assert plain.sampled
    assert facts("c[0] = measure q[0]; x q[0];").mid_circuit
    assert facts("c[0] = measure q[0]; cx q[1], q[0];").mid_circuit
    # The other qubits may go on, and what is measured twice at once is the same twice.
    assert not facts("c[0] = measure q[0]; x q[1];").mid_circuit
    early = facts("reset q; h q;")
    assert early.resets and early.sampled
    again = facts("x q[0]; reset q[0];")
    assert again.resets and not (again.mid_circuit or again.sampled)
    assert facts("c[0] = measure q[0]; reset q[0];").mid_circuit
    assert facts("if (c[0]) { x q[0]; }").control_flow
    assert facts("delay[1us] q[0];").delays


def test_facts_of_jobs_of_before_can_still_be_read() -> None:
    old = CircuitFacts.model_validate(
        {"language": "OPENQASM-2", "qubits": 2, "clbits": 2, "operations": 4, "depth": 3}
    )
    assert (old.clifford, old.wide_gates, old.crossing, old.measurements) == (
        False,
        None,
        None,
        None,
    )


def test_an_expression_of_which_a_negative_number_is_left_is_one() -> None:
    """Qiskit 2.6 has no hash of it, and does not put it in the place of a parameter."""
    theta = Parameter("theta")
    circuit = QuantumCircuit(2, 1)
    circuit.rx(theta, 0)
    circuit.append(RGate(theta - theta - 1, theta).control(1), [0, 1])
    circuit.measure(0, 0)
    file = io.BytesIO()
    qpy.dump(circuit, file, version=13)
    said = (
        'OPENQASM 3.0; include "stdgates.inc"; input float theta; gate turn(a) q { rx(a) q; }'
        " qubit q; bit c; rx(theta) q; turn(theta - theta - 1) q; c = measure q;"
    )
    for text in (as_text(file.getvalue()), said):
        assert parse(text, None, CircuitLimits())[1].parameters == ["theta"]
