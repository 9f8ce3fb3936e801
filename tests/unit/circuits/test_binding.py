"""Circuits that are read once, and get their values for each row."""

from __future__ import annotations

import io
import math

import pytest
from formats import probabilities
from meaning import THREE
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import RYGate
from qiskit.quantum_info import Operator

from quws.circuits.parse import parse
from quws.circuits.several import read_to_bind
from quws.domain.circuits import CircuitFacts, CircuitLimits, Language
from quws.domain.errors import InvalidCircuit
from quws.domain.payloads import as_text

LIMITS = CircuitLimits()
BITS = "qubit[2] q; bit[2] c; "


def of_qpy(circuit: QuantumCircuit) -> str:
    file = io.BytesIO()
    qpy.dump(circuit, file)
    return as_text(file.getvalue())


def facts_of(source: str) -> CircuitFacts:
    return parse(source, None, LIMITS)[1]


def at(source: str, **values: float) -> QuantumCircuit:
    made = read_to_bind(source, facts_of(source).language, LIMITS).at(values)
    assert not made.parameters
    return made


def same(source: str, plain: str, **values: float) -> None:
    """Compare a circuit with values with one in which they are written as numbers."""
    assert Operator(at(source, **values).remove_final_measurements(inplace=False)).equiv(
        Operator(parse(plain, None, LIMITS)[0].remove_final_measurements(inplace=False))
    )


def test_facts_hold_for_all_values() -> None:
    source = f"{THREE}input float a; input angle[32] b; {BITS} rx(a) q[0]; cx q[0], q[1];"
    found = facts_of(source)
    assert (found.parameters, found.clifford, found.qubits) == (["a", "b"], False, 2)
    # What no gate uses makes no gate another one.
    assert facts_of(f"{THREE}input float a; {BITS} h q[0];").clifford


def test_one_that_was_read_once_makes_many() -> None:
    source = f"{THREE}input float a; qubit q; bit c; rx(a) q; c = measure q;"
    bound = read_to_bind(source, Language.OPENQASM_3, LIMITS)
    for angle in (0.3, math.pi, 0.0, 0.3):
        found = probabilities(bound.at({"a": angle}))
        assert found.get("1", 0) == pytest.approx(math.sin(angle / 2) ** 2)


@pytest.mark.parametrize(
    "body",
    [
        "rx(a) q[0]; rz(2*b - a/3 + 0.1) q[0]; U(a, b, a*b) q[1];",
        "ctrl @ rx(a) q[0], q[1]; inv @ rz(b) q[0]; pow(2) @ ry(a) q[1]; gphase(b);",
        "gate g(x) p { rx(x) p; gate_(x, 2*x) p; } g(a) q[0]; ctrl @ g(b) q[0], q[1];",
        "gate swapped(a, b) p { u3(a + b, a, b) p; rz(a - b) p; } swapped(b, a) q[0];",
        "gate half(a, b) p { rz(a + b) p; U(a, b, 0.5) p; } half(b, 0.5) q[1];"
        " pow(3) @ half(a, b) q[0];",
        "for int i in [0:2] { rx(a * i) q[0]; cx q[0], q[1]; }",
    ],
)
def test_values_stand_wherever_an_angle_can(body: str) -> None:
    gate = "gate gate_(u, v) p { rz(u) p; ry(v) p; } " if "gate_" in body else ""
    numbers = f"const float a = 0.7; const float b = -1.9; {BITS}{gate}h q;"
    inputs = f"input float a; input float b; {BITS}{gate}h q;"
    same(f"{THREE}{inputs}{body}", f"{THREE}{numbers}{body}", a=0.7, b=-1.9)


def test_an_angle_is_taken_as_the_type_says() -> None:
    source = THREE + "input angle[2] a; input float b; qubit[1] q; rx(a/2) q[0]; rz(b/2) q[0];"
    rx, rz = at(source, a=7.0, b=7.0).data
    assert (rx.params[0], rz.params[0]) == (pytest.approx(0), 3.5)
    assert at(source, a=1.6, b=0.0).data[0].params == [pytest.approx(math.pi / 4)]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("input int a; qubit q;", "only 'float' and 'angle' inputs are supported"),
        ("input float a; qubit[a] q;", "is not a constant"),
        ("input float a; gate g p { rx(a) p; } qubit q; g q;", "'a' is not known in a gate; a"),
    ],
)
def test_what_an_input_cannot_be(body: str, sentence: str) -> None:
    with pytest.raises(InvalidCircuit) as caught:
        facts_of(THREE + body)
    assert sentence in caught.value.sentence


@pytest.mark.parametrize(("expression", "value"), [("1/a", 0.0), ("a*a", 1e12)])
def test_angles_without_a_value_are_refused(expression: str, value: float) -> None:
    source = f"{THREE}input float a; qubit q; rx({expression}) q;"
    with pytest.raises(InvalidCircuit) as caught:
        at(source, a=value)
    assert caught.value.sentence.endswith(f", where BINDINGS gives a={value:g}")


# -- QPY -------------------------------------------------------------------------------------------


def test_free_parameters_of_qpy() -> None:
    theta, phi = Parameter("θ"), ParameterVector("v", 2)
    layer = QuantumCircuit(2)
    layer.ry(theta, 0)
    layer.cry(phi[0] * 2, 0, 1)
    circuit = QuantumCircuit(3, global_phase=phi[1])
    circuit.h(0)
    circuit.append(layer.to_gate(), [1, 0])
    circuit.append(layer.to_instruction(), [2, 1])
    circuit.append(RYGate(phi[1]).control(2, annotated=False), [0, 1, 2])
    source = of_qpy(circuit)
    assert facts_of(source).parameters == ["v[0]", "v[1]", "θ"]
    values = {"v[0]": 0.4, "v[1]": -1.2, "θ": 2.2}
    assert Operator(at(source, **values)).equiv(
        Operator(circuit.assign_parameters({theta: 2.2, phi: [0.4, -1.2]}))
    )


def test_parameters_in_blocks_of_qpy() -> None:
    theta, turn = Parameter("t"), Parameter("i")
    circuit = QuantumCircuit(1, 2)
    with circuit.for_loop(range(3), turn):
        circuit.rx(theta * turn, 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.ry(theta, 0)
    circuit.measure(0, 1)
    source = of_qpy(circuit)
    assert facts_of(source).parameters == ["t"]
    made = at(source, t=0.5)
    one = math.sin(0.75) ** 2
    stays = math.cos(0.25) ** 2
    assert probabilities(made) == pytest.approx(
        {"00": 1 - one, "11": one * stays, "01": one * (1 - stays)}
    )


def test_a_circuit_may_have_many_parameters_but_not_any_number() -> None:
    circuit = QuantumCircuit(1)
    for item in ParameterVector("v", 4097):
        circuit.rx(item, 0)
    with pytest.raises(InvalidCircuit) as caught:
        facts_of(of_qpy(circuit))
    assert "has 4097 parameters" in caught.value.sentence
