"""Cirq's circuits as JSON, which Cirq has written: what they mean, and what is refused by its path.

``cirq_circuits.json`` has them with the unitaries that Cirq gives, in its order of qubits.
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats import LIMITS, facts, probabilities, refusal
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator

from quws.circuits.parse import parse
from quws.circuits.several import read_to_bind
from quws.circuits.transcript.building import build
from quws.circuits.transcript.writing import write
from quws.domain.circuits import Language

WRITTEN = json.loads((Path(__file__).parents[3] / "cirq_circuits.json").read_text())
COUNTED: dict[str, tuple[list[str], dict[tuple[str, ...], float]]] = {
    "measured": (
        ["z", "a", "late_one"],
        {
            ("00", "0", "0"): 0.017,
            ("00", "0", "1"): 0.104,
            ("01", "0", "0"): 0.006,
            ("01", "0", "1"): 0.038,
            ("01", "1", "0"): 0.004,
            ("01", "1", "1"): 0.027,
            ("10", "0", "0"): 0.546,
            ("10", "0", "1"): 0.095,
            ("10", "1", "0"): 0.101,
            ("10", "1", "1"): 0.018,
            ("11", "1", "0"): 0.038,
            ("11", "1", "1"): 0.006,
        },
    ),
    "fed-back": (["m", "r"], {("0", "00"): 0.81, ("1", "01"): 0.19}),
    "grid": (["m"], {("10",): 1.0}),
    "named": (["m"], {("101",): 0.963, ("110",): 0.037}),
}
"""What Cirq counts of each circuit in 20,000 shots, bit 0 of a key first."""


def qubit(x: int) -> dict[str, Any]:
    return {"cirq_type": "LineQubit", "x": x}


def gate(kind: str, *on: int, **fields: Any) -> dict[str, Any]:
    made = {"cirq_type": kind, **fields}
    return {"cirq_type": "GateOperation", "gate": made, "qubits": [qubit(x) for x in on]}


def text(*operations: Any, **more: Any) -> str:
    moments = [{"cirq_type": "Moment", "operations": [item]} for item in operations]
    return json.dumps({"cirq_type": "Circuit", "moments": moments} | more)


MEASURE = gate("MeasurementGate", 0, num_qubits=1, key="m", invert_mask=[])


@pytest.mark.parametrize("name", WRITTEN["gates"])
def test_gates_do_what_they_do_in_cirq(name: str) -> None:
    found = WRITTEN["gates"][name]
    circuit, _ = parse(json.dumps(found["circuit"]), None, LIMITS)
    # Cirq's first qubit is the most significant one.
    wanted = Operator(np.array(found["unitary"]) @ [1, 1j])
    assert Operator(circuit.reverse_bits()).equiv(wanted, atol=1e-7)


@pytest.mark.parametrize("name", COUNTED)
def test_bits_and_registers_are_those_of_the_keys(name: str) -> None:
    keys, counted = COUNTED[name]
    source = json.dumps(WRITTEN["circuits"][name], indent=2)
    circuit, found = parse(source, None, LIMITS)
    assert found.language is Language.CIRQ_JSON
    assert [item.name for item in found.registers] == keys
    wanted = {" ".join(bits[::-1] for bits in key[::-1]): part for key, part in counted.items()}
    assert probabilities(circuit) == pytest.approx(wanted, abs=0.012)
    again = build(write(circuit, LIMITS), LIMITS)
    assert probabilities(again) == pytest.approx(probabilities(circuit))


def test_symbols_are_parameters_that_get_values_later() -> None:
    source = json.dumps(WRITTEN["circuits"]["parameters"])
    assert facts(source).parameters == ["theta", "b"]
    made = read_to_bind(source, Language.CIRQ_JSON, LIMITS).at({"theta": 0.3, "b": 0.4})
    found = probabilities(made)
    in_cirq = [3.8e-3, 2e-3, 0.636, 0.3357, 1e-4, 0.0, 1.45e-2, 7.7e-3]
    for place, part in enumerate(in_cirq):
        bits = f"{place:03b}"
        assert found.get(bits[::-1], 0.0) == pytest.approx(part, abs=1e-4)


def test_the_opposite_is_measured_without_a_gate_after_it_where_nothing_follows() -> None:
    turned = gate("MeasurementGate", 0, key="m", invert_mask=[True])
    assert facts(text(turned)).mid_circuit is False
    assert probabilities(parse(text(turned), None, LIMITS)[0]) == {"1": pytest.approx(1)}
    later = text(turned, gate("MeasurementGate", 0, key="n"))
    assert probabilities(parse(later, None, LIMITS)[0]) == {"0 1": pytest.approx(1)}


ROOT = math.sqrt(0.5)


@pytest.mark.parametrize(
    ("rows", "on"),
    [
        ([[ROOT, ROOT], [ROOT, -ROOT]], [1]),
        ([[0, -1j], [1j, 0]], [0]),
        ([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1j], [0, 0, 1, 0]], [0, 1]),
        ([[0, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]], [1, 0]),
        (np.exp(0.7j) * np.eye(4), [0, 1]),
    ],
)
def test_a_gate_may_be_its_matrix(rows: Any, on: list[int]) -> None:
    matrix = np.array(rows)
    shown = [[_number(item) for item in row] for row in matrix.tolist()]
    given = gate("MatrixGate", *on, matrix=shown, qid_shape=[2] * len(on), name="mine")
    both = [gate("IdentityGate", place, num_qubits=1) for place in range(2)]
    circuit, _ = parse(text(*both, given), None, LIMITS)
    wanted = QuantumCircuit(2)
    wanted.unitary(Operator(matrix).reverse_qargs(), on)
    assert Operator(circuit).equiv(wanted, atol=1e-7)


def _number(value: complex) -> Any:
    if not isinstance(value, complex):
        return value
    return {"cirq_type": "complex", "real": value.real, "imag": value.imag}


@pytest.mark.parametrize(
    ("matrix", "on", "sentence"),
    [
        ([[1, 0], [0, 2]], [0], ".gate.matrix must be unitary"),
        ([[1e308, 0], [0, 1e308]], [0], ".gate.matrix must be unitary"),
        ([[1, 0], [0]], [0], ".gate.matrix[1] has 1 columns, and must have 2"),
        (np.eye(8).tolist(), [0, 1, 2], ".gate.matrix has 8 rows, and a MatrixGate has 2 or 4"),
        (np.eye(3).tolist(), [0], ".gate.matrix has 3 rows, and a MatrixGate has 2 or 4 here"),
        ([], [0], ".gate.matrix has 0 rows"),
        (5, [0], ".gate.matrix must be a list"),
        ([[1, "0"], [0, 1]], [0], ".gate.matrix[0][1] must be a finite number"),
        ([[1, {"cirq_type": "x", "real": 0, "imag": 0}], [0, 1]], [0], "[0][1].cirq_type must be"),
        (np.eye(2).tolist(), [0, 1], ".gate is on 2 qubits, and must be on 1"),
    ],
)
def test_a_matrix_that_is_no_gate_here_is_refused(
    matrix: Any, on: list[int], sentence: str
) -> None:
    assert sentence in refusal(text(gate("MatrixGate", *on, matrix=matrix))).sentence


def test_how_qubits_are_numbered_is_told_where_it_is_not_plain() -> None:
    assert facts(text(MEASURE)).notes == []
    assert facts(text(gate("MeasurementGate", 7, 3, key="m"))).notes == [
        "qubits are numbered in Cirq's order: q(3) is 0, q(7) is 1"
    ]
    assert facts(text(gate("MeasurementGate", 0, key="a:b"))).notes == [
        "measurement keys that are no names of registers: 'a:b' is a_b"
    ]


def test_what_lang_says_and_what_the_text_is() -> None:
    assert facts(text(MEASURE), Language.CIRQ_JSON).language is Language.CIRQ_JSON
    # IQM's circuits have a field of this name.
    named = text(gate("MeasurementGate", 0, key="instructions"))
    assert facts(named).language is Language.CIRQ_JSON
    assert "LANG says IQM-JSON but" in refusal(named, Language.IQM_JSON).sentence


H = {"cirq_type": "HPowGate", "exponent": 0.5, "global_shift": 0.0}
CONDITION = {"cirq_type": "KeyCondition", "key": {"cirq_type": "MeasurementKey", "name": "m"}}
THEN = {"cirq_type": "ClassicallyControlledOperation", "sub_operation": gate("XPowGate", 1)}


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (text(gate("DepolarizingChannel", 0, p=0.1)), ".gate.cirq_type is 'DepolarizingChannel'"),
        (text(gate("XPowGate", 0, 1, exponent=1)), ".gate is on 2 qubits, and must be on 1"),
        (text(gate("XPowGate", 0)), ".gate must have the field 'exponent'"),
        (text(gate("XPowGate", 0, exponent="1")), ".gate.exponent must be a finite number"),
        (text(gate("XPowGate", 0, exponent=1, more=2)), ".gate has the field 'more'"),
        (text(gate("CXPowGate", 0, 0, exponent=1)), ".qubits names a qubit twice"),
        (text(MEASURE, MEASURE), ".gate.key is 'm', as that of a measurement before it"),
        (text(gate("MeasurementGate", 0, key="")), "key must have 1 to 50000 characters"),
        (
            text(gate("MeasurementGate", 0, key="m", confusion_map=[1])),
            "confusion_map is noise, which the parameter NOISE says",
        ),
        (text({"cirq_type": "CircuitOperation"}), "a circuit in a circuit; cirq.unroll"),
        (text({"cirq_type": "PauliString"}), "is 'PauliString', which is not read here"),
        (text(3), "moments[0].operations[0] must be an object"),
        (
            text(gate("ControlledGate", 0, 1, sub_gate=H)),
            "is 'HPowGate', and under control there can be X, Y, Z and H, powers of Z",
        ),
        (
            text(gate("ControlledGate", 0, 1, sub_gate=H, control_values=[[2]])),
            "control_values must be 0 or 1 for each control",
        ),
        (text(MEASURE, THEN | {"conditions": []}), ".conditions must have one item"),
        (
            text(THEN | {"conditions": [CONDITION]}),
            ".conditions[0] is the key 'm', and must be one of one bit that was measured",
        ),
        (
            text(MEASURE, THEN | {"conditions": [CONDITION], "sub_operation": MEASURE}),
            "is 'MeasurementGate', and only gates can have a condition",
        ),
        (
            text(gate("XPowGate", 0, exponent={"cirq_type": "sympy.sin"})),
            "is 'sympy.sin'; there are numbers, sympy's Symbol",
        ),
        (
            text(
                gate(
                    "Rx",
                    0,
                    rads={
                        "cirq_type": "sympy.Pow",
                        "args": [{"cirq_type": "sympy.Symbol", "name": "x"}, 0.5],
                    },
                )
            ),
            ".gate.rads.args[1] must be a whole number up to 16",
        ),
        (
            text(gate("Rx", 0, rads={"cirq_type": "sympy.Pow", "args": [0, -1]})),
            ".gate.rads has no finite value",
        ),
        (
            text({"cirq_type": "GateOperation", "gate": H, "qubits": [{"cirq_type": "LineQid"}]}),
            ".qubits[0] must be a qubit: LineQubit, GridQubit, NamedQubit",
        ),
        (text().replace("Circuit", "Moment"), "cirq_type is 'Moment', and must be Circuit"),
        (text(gate("WaitGate", 0, duration={"cirq_type": "Duration", "picos": -1})), "negative"),
    ],
)
def test_what_is_not_read_is_refused_by_its_path(source: str, sentence: str) -> None:
    assert sentence in refusal(source).sentence


def test_limits_hold() -> None:
    wide = text(gate("MeasurementGate", *range(5), key="m"))
    assert "more than 4 qubits" in refusal(wide, qubits=4).sentence
    assert "more than 4 classical bits" in refusal(wide, clbits=4).sentence
    assert "5 operations" in refusal(wide, operations=4).sentence
    assert "may have 10" in refusal(wide, bytes_cirq_json=10).sentence
    deep: Any = 1
    for _ in range(70):
        deep = {"cirq_type": "sympy.Add", "args": [deep]}
    assert "nested more than 64 deep" in refusal(text(gate("Rx", 0, rads=deep))).sentence
    many = [{"cirq_type": "ControlledOperation", "controls": [qubit(x) for x in range(1, 15)]}]
    many[0]["sub_operation"] = gate("XPowGate", 0, exponent=1)
    assert "must have 1 to 12 controls" in refusal(text(*many)).sentence


def test_a_large_one_takes_time_in_proportion() -> None:
    steps = [gate("PhasedXPowGate", n % 9, phase_exponent=0.1, exponent=0.3) for n in range(3000)]
    began = time.monotonic()
    circuit, found = parse(text(*steps, MEASURE), None, LIMITS)
    assert found.operations == len(circuit.data) == 3001
    assert time.monotonic() - began < 20
    assert math.isclose(circuit.data[0].params[0], 0.3 * math.pi)
