"""Circuits written for Cirq; Cirq itself reads them in tests/integration/test_superstaq.py."""

from __future__ import annotations

import json

import cirq_writing
import pytest
from formats import LIMITS
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.classical import expr
from qiskit.quantum_info import Operator

from quws.circuits.formats.cirq_json import CirqJson, asked_of
from quws.circuits.formats.cirq_writing import circuit_json
from quws.circuits.parse import read
from quws.domain.circuits import Language
from quws.domain.errors import InvalidCircuit


@pytest.mark.parametrize("circuit", list(cirq_writing.gates()))
def test_what_is_written_is_read_as_it_was(circuit: QuantumCircuit) -> None:
    found = read(circuit_json(circuit), Language.CIRQ_JSON, LIMITS).circuit
    assert Operator(found).equiv(circuit)


def test_measured_at_once_is_one_measurement_under_its_key() -> None:
    (circuit, keys, _), (later, names, _) = cirq_writing.counted()
    asked = asked_of(circuit_json(circuit, keys), LIMITS)
    assert sorted(asked.keys) == sorted(keys)
    assert json.loads(asked.qubits) == [{"cirq_type": "LineQubit", "x": x} for x in range(3)]
    # Moments hold what can be done at once.
    assert len(json.loads(circuit_json(circuit, keys))["moments"]) == 2
    text = circuit_json(later, names)
    assert [key for key in ("m[0]", "m[1]", "n") if f'"key":"{key}"' in text] == [
        "m[0]",
        "m[1]",
        "n",
    ]
    for kind in ("KeyCondition", "BitMaskKeyCondition", "ResetChannel", "WaitGate"):
        assert kind in text


def refused(circuit: QuantumCircuit) -> str:
    with pytest.raises(InvalidCircuit) as caught:
        circuit_json(circuit)
    return caught.value.sentence


def test_what_cirq_has_no_words_for_is_refused() -> None:
    bits = ClassicalRegister(2, "c")
    circuit = QuantumCircuit(5, name="x")
    circuit.mcx([0, 1, 2], 3)
    assert "on 4 qubits" in refused(circuit)
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("a"), 0)
    assert "has a parameter without a value" in refused(circuit)
    circuit = QuantumCircuit(1)
    circuit.delay(7, 0)
    assert "a delay in dt" in refused(circuit)
    circuit = QuantumCircuit(1)
    circuit.add_register(bits)
    with circuit.while_loop((bits[0], 1)):
        circuit.measure(0, 0)
    assert "while_loop is no gate" in refused(circuit)
    circuit = QuantumCircuit(1)
    circuit.add_register(bits)
    with circuit.if_test(expr.less(bits, 3)):
        circuit.x(0)
    assert "more than bits with certain values" in refused(circuit)
    circuit = QuantumCircuit(1)
    circuit.add_register(bits)
    with circuit.if_test((bits, 3)) as otherwise:
        circuit.x(0)
    with otherwise:
        circuit.z(0)
    assert "something else to do" in refused(circuit)
    circuit = QuantumCircuit(1)
    circuit.add_register(bits)
    circuit.measure(0, 0)
    with circuit.if_test((bits[0], 1)):
        circuit.reset(0)
    assert "reset is done under a condition" in refused(circuit)


def test_the_key_of_many_qubits_is_long() -> None:
    """Without one of its own, a measurement's key has the names of all of them."""
    qubits = [{"cirq_type": "LineQubit", "x": place} for place in range(30)]
    key = ",".join(f"q({place})" for place in range(30))
    gate = {"cirq_type": "MeasurementGate", "num_qubits": 30, "key": key}
    operation = {"cirq_type": "GateOperation", "gate": gate, "qubits": qubits}
    moments = [{"cirq_type": "Moment", "operations": [operation]}]
    text = json.dumps({"cirq_type": "Circuit", "moments": moments})
    limits = LIMITS.model_copy(update={"qubits": 30})
    found = CirqJson().read(text, Language.CIRQ_JSON, limits)
    (register,) = found.circuit.cregs
    assert (register.size, len(register.name)) == (30, 61)
    assert len(found.notes) == 1 and len(found.notes[0]) < 200
    assert asked_of(text, limits).keys == [key]
