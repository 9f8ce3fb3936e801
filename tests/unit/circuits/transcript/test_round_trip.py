"""A circuit that is written down and built again is the circuit that it was."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from circuits import BELL2, BELL3
from hostile import THREE, TWO
from qiskit import QuantumCircuit, qasm3
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Operator

from quws.circuits.parse import parse
from quws.circuits.transcript import words
from quws.circuits.transcript.building import build
from quws.circuits.transcript.writing import write
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit
from quws.domain.options import RunOptions
from quws.targets.compiling import Compiler

LIMITS = CircuitLimits()
T2 = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[5]; creg c[3]; creg d[2]; '
T3 = 'OPENQASM 3.0; include "stdgates.inc"; qubit[5] q; bit[3] c; bit d; '
LIBRARY = " ".join(
    f"{name}{angles} {', '.join(f'q[{n}]' for n in range(qubits))};"
    for name, angles, qubits in [
        *((name, "", 1) for name in "x y z h s sdg t tdg sx sxdg id".split()),  # noqa: SIM905
        *((name, "(0.3)", 1) for name in ("rx", "ry", "rz", "p", "u1", "u0")),
        ("u2", "(0.3,pi)", 1),
        ("u3", "(1,2,3e-9)", 1),
        ("u", "(1,2,-3)", 1),
        *((name, "", 2) for name in ("cx", "cy", "cz", "ch", "swap", "csx")),
        *((name, "(pi/7)", 2) for name in ("crx", "cry", "crz", "cu1", "cp", "rxx", "rzz")),
        ("cu3", "(1,2,3)", 2),
        ("cu", "(1,2,3,4)", 2),
        *((name, "", 3) for name in ("ccx", "cswap", "rccx")),
        *((name, "", 4) for name in ("rc3x", "c3x", "c3sqrtx")),
        ("c4x", "", 5),
    ]
)
PLAIN = {
    "two": BELL2,
    "three": BELL3,
    "library": T2 + LIBRARY + "measure q[4] -> c[2];",
    "definitions": T2 + "gate swap a { x a; } gate g(t) a,b { rx(t/2) a; barrier a,b; cx a,b; }"
    " gate k(t) a,b { g(t) a,b; g(-t) b,a; swap a; } k(0.3) q[0],q[1]; k(0.3) q[1],q[2];"
    " k(0.4) q[3],q[4]; h q; barrier q; reset q[0]; measure q[0] -> d[1];",
    "a condition": T2
    + "measure q[0] -> c[0]; if (c==5) x q[1]; if (c==9) y q[1]; measure q -> c;".replace(
        "q -> c", "q[1] -> d[0]"
    ),
    "a delay": T3 + "delay[100ns] q[0]; delay[2.5us] q[1]; delay[16dt] q[2]; c[0] = measure q[0];",
    "modifiers": T3
    + "ctrl @ x q[0], q[1]; negctrl @ h q[0], q[1]; ctrl(3) @ t q[0], q[1], q[2], q[3];"
    " inv @ s q[0]; pow(0.5) @ h q[0]; pow(3) @ sx q[1]; ctrl @ pow(1/3) @ rx(0.3) q[0], q[2];"
    " ctrl(4) @ x q[0], q[1], q[2], q[3], q[4]; ctrl(2) @ gphase(0.3) q[0], q[1];"
    " negctrl @ ctrl @ swap q[0], q[1], q[2], q[3]; gphase(0.7); c[0] = measure q[0];",
    "modified definitions": T3
    + "gate g(a, b) x, y { U(a, b, 0.1) x; cx x, y; } g(0.1, 0.2) q[0], q[1];"
    " inv @ g(0.1, 0.2) q[0], q[1]; pow(5) @ g(0.3, 0.2) q[2], q[1]; pow(0.5) @ g(1, 2) q[0], q[1];"
    " ctrl @ negctrl @ g(1, 2) q[0], q[1], q[2], q[3]; pow(-2) @ ctrl @ U(1, 2, 3) q[0], q[1];"
    " c[0] = measure q[0];",
}
FLOW = {
    "if": T3 + "c[0] = measure q[0]; if (c[0] && !c[1] || c[2] ^ d) { x q[0]; if (c == 3)"
    " { y q[1]; } else { z q[2]; } } d = measure q[1];",
    "else only": T3 + "d = measure q[0]; if (d) { } else { x q[1]; } d = measure q[1];",
    "orders": T3 + "c[0] = measure q[0]; if (c < 5) { x q[0]; } if (c >= 2) { h q[0]; }"
    " c[1] = measure q[0];",
    "for": T3 + "for int i in [0:2:8] { h q[0]; d = measure q[0]; if (d) { break; } x q[1];"
    " if (c[0]) { continue; } } for int i in {1, 5, 2} { if (d) { break; } x q[0]; }"
    " d = measure q[0];",
    "the variable of a loop": T3
    + "gate g(t) a, b { rx(t) a; cx a, b; gphase(t); } for int i in [0:5] { rx(0.1 * i - 2) q[0];"
    " ry(i) q[1]; g(i / 2.0) q[0], q[1]; for int j in [1:2] { cp(i + 2 * j) q[0], q[1];"
    " if (c == 1) { break; } } if (d) { break; } } d = measure q[0];",
}


def transcript_of(source: str) -> tuple[QuantumCircuit, Any]:
    circuit, _ = parse(source, None, LIMITS)
    return circuit, json.loads(json.dumps(write(circuit, LIMITS), allow_nan=False))


@pytest.mark.parametrize("name", [*PLAIN, *FLOW])
def test_a_circuit_comes_back(name: str) -> None:
    circuit, transcript = transcript_of((PLAIN | FLOW)[name])
    again = build(transcript, LIMITS)
    assert write(again, LIMITS) == transcript
    assert again.qregs == circuit.qregs or [item.name for item in again.qregs] == [
        item.name for item in circuit.qregs
    ]
    assert [(item.name, item.size) for item in again.cregs] == [
        (item.name, item.size) for item in circuit.cregs
    ]
    assert again.depth() == circuit.depth()
    assert again.count_ops() == circuit.count_ops()
    if "definitions" not in name and name not in ("the variable of a loop", "modifiers"):
        assert again == circuit
    if name in PLAIN:
        assert np.allclose(unitary(again), unitary(circuit))


def unitary(circuit: QuantumCircuit) -> Any:
    gates = circuit.copy_empty_like()
    for instruction in circuit.data:
        if instruction.name not in ("measure", "reset", "delay", "if_else"):
            gates.append(instruction)
    return Operator(gates).data


@pytest.mark.parametrize("name", [name for name in PLAIN if name != "a condition"])
def test_it_is_compiled_to_the_same_text(name: str) -> None:
    target = GenericBackendV2(6, coupling_map=[[k, k + 1] for k in range(5)], seed=3).target
    circuit, transcript = transcript_of(PLAIN[name])
    texts = [
        qasm3.dumps(Compiler(target, 1).compile(item, RunOptions(shots=1)).circuit)
        for item in (circuit, build(transcript, LIMITS))
    ]
    assert texts[0] == texts[1]


def test_loops_run_as_often_and_with_the_same_angles() -> None:
    circuit, transcript = transcript_of(FLOW["the variable of a loop"])
    bodies = [item.data[0].operation for item in (circuit, build(transcript, LIMITS))]
    for value in (0, 3):
        bound = [
            operation.params[2].assign_parameters({operation.params[1]: value}, strict=False)
            for operation in bodies
        ]
        angles = [
            [float(item.params[0]) for item in block.data if item.name in ("rx", "ry")]
            for block in bound
        ]
        assert np.allclose(angles[1][:2], angles[0][:2])
        assert np.allclose(angles[1][2], value / 2)  # What the gate's definition has in it.
        assert np.isclose(float(bound[1].global_phase), value / 2)


def test_definitions_are_written_once_and_never_out() -> None:
    steps = "".join(f"gate g{k} a {{ g{k - 1} a; g{k - 1} a; }}" for k in range(1, 22))
    _, transcript = transcript_of(
        T2
        + "gate g0 a { h a; }"
        + steps
        + "g21 q[0]; measure q->c;".replace("q->c", "q[0] -> c[0]")
    )
    assert len(transcript["gates"]) == 22
    assert len(json.dumps(transcript)) < 3000
    assert build(transcript, LIMITS).data[0].name == "g21"


def test_definitions_may_go_deeper_than_python() -> None:
    steps = "".join(f"gate g{k} a {{ g{k - 1} a; }}" for k in range(1, 3000))
    _, transcript = transcript_of(
        T2 + "gate g0 a { h a; }" + steps + "g2999 q[0]; measure q[0] -> c[0];"
    )
    assert len(build(transcript, LIMITS).data) == 2


def test_registers_and_conditions_are_not_held_to_the_number_of_operations() -> None:
    source = (
        'OPENQASM 3.0; include "stdgates.inc"; qubit q; bit[4000] c; c[0] = measure q;'
        " if (c[0:199] < 77) { x q; } if (c == 3) { x q; }"
    )
    limits = CircuitLimits(operations=3)
    circuit, _ = parse(source, None, limits)
    assert build(json.loads(json.dumps(write(circuit, limits))), limits) == circuit


def test_what_is_inlined_without_end_is_refused() -> None:
    steps = "".join(f"gate g{k}(t) a {{ g{k - 1}(t) a; g{k - 1}(t) a; }}" for k in range(1, 16))
    source = (
        T3
        + "gate g0(t) a { rx(t) a; }"
        + steps
        + (" for int i in [0:1] { g15(i) q[0]; if (d) { break; } } d = measure q[0];")
    )
    circuit, _ = parse(source, None, LIMITS)
    with pytest.raises(InvalidCircuit, match="too large"):
        write(circuit, CircuitLimits(operations=1000))


def test_a_gate_of_a_reserved_name_is_never_taken_for_another() -> None:
    _, transcript = transcript_of(PLAIN["definitions"])
    names = {name for name, *_ in transcript["gates"]}
    assert names.isdisjoint(words.standard_gates())


def test_what_has_no_word_is_refused() -> None:
    body = "for int i in [0:5] { rx(i * i) q[0]; if (d) { break; } }"
    circuit, _ = parse(T3 + body + " d = measure q[0];", None, LIMITS)
    with pytest.raises(InvalidCircuit, match="sums and multiples") as refused:
        write(circuit, LIMITS)
    assert refused.value.sentence.startswith("the circuit cannot be handed to this target with ")


def test_a_circuit_of_another_maker_is_refused() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.initialize([0, 1], 0)
    with pytest.raises(InvalidCircuit, match="initialize"):
        write(circuit, LIMITS)


@pytest.mark.parametrize("source", [TWO + "h q[0]; measure q -> c;", THREE + "c = measure q;"])
def test_names_of_registers_are_kept(source: str) -> None:
    _, transcript = transcript_of(source)
    assert transcript["qregs"] == [["q", [0, 1]]]
    assert transcript["cregs"] == [["c", [0, 1]]]
