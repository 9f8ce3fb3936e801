"""Reading circuits of both languages, the good and the hostile ones."""

import math
import pickle
import time
import warnings

import pytest
from hostile import HOSTILE, MEASURE_THREE, MEASURE_TWO, THREE, TWO, Hostile, doubled_two
from qiskit import QuantumCircuit
from qiskit.circuit.library import SGate, UGate, XGate
from qiskit.quantum_info import Operator

from quws.circuits.names import RESERVED
from quws.circuits.parse import parse
from quws.domain.circuits import CircuitFacts, CircuitLimits, Language, Register
from quws.domain.errors import InvalidCircuit

LIMITS = CircuitLimits()
H_TWO = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
H_THREE = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'

BELL_TWO = TWO + "h q[0];\ncx q[0], q[1];\n" + MEASURE_TWO
BELL_THREE = THREE + "h q[0];\ncx q[0], q[1];\n" + MEASURE_THREE


def facts(source: str, language: Language | None = None) -> CircuitFacts:
    return parse(source, language, LIMITS)[1]


def refusal(source: str, language: Language | None = None) -> InvalidCircuit:
    with pytest.raises(InvalidCircuit) as caught:
        parse(source, language, LIMITS)
    return caught.value


def names(circuit: QuantumCircuit) -> list[str]:
    return [instruction.operation.name for instruction in circuit.data]


def registers(found: CircuitFacts) -> dict[str, list[int | None]]:
    return {register.name: register.qubits for register in found.registers}


# Good circuits


@pytest.mark.parametrize(
    ("source", "language"),
    [(BELL_TWO, Language.OPENQASM_2), (BELL_THREE, Language.OPENQASM_3)],
)
def test_reads_a_bell_circuit(source: str, language: Language) -> None:
    circuit, found = parse(source, None, LIMITS)
    assert names(circuit) == ["h", "cx", "measure", "measure"]
    assert found == CircuitFacts(
        language=language,
        qubits=2,
        clbits=2,
        operations=4,
        depth=3,
        registers=[Register(name="c", size=2, qubits=[0, 1])],
        clifford=True,
        wide_gates=1,
        crossing=1,
        measurements=2,
        sampled=True,
    )


@pytest.mark.parametrize("source", [BELL_TWO, BELL_THREE])
def test_reads_windows_files(source: str) -> None:
    assert facts("\ufeff" + source.replace("\n", "\r\n")).operations == 4


def test_reads_a_ghz_circuit_over_several_registers() -> None:
    found = facts(
        H_TWO + "qreg a[2]; qreg b[1]; creg m[1]; creg n[2];"
        "h a[0]; cx a[0], a[1]; cx a[1], b[0];"
        "measure b[0] -> m[0]; measure a[1] -> n[0]; measure a[0] -> n[1];"
    )
    assert registers(found) == {"m": [2], "n": [1, 0]}
    assert (found.qubits, found.clbits, found.operations, found.depth) == (3, 3, 6, 4)


def test_keeps_registers_in_order_of_declaration() -> None:
    found = facts(
        H_THREE + "qubit[2] q; bit v; bit[2] Y; creg u[1]; bit w = measure q[0]; v = measure q[1];"
    )
    assert registers(found) == {"v": [1], "Y": [None, None], "u": [None], "w": [0]}


@pytest.mark.parametrize(
    "source",
    [
        H_TWO + "qreg q[3]; creg a[1]; creg b[1]; creg out[1];"
        "rx(0.3) q[0]; h q[1]; cx q[1], q[2]; cx q[0], q[1]; h q[0];"
        "measure q[0] -> a[0]; measure q[1] -> b[0];"
        "if(b==1) x q[2]; if(a==1) z q[2]; measure q[2] -> out[0];",
        H_THREE + "qubit[3] q; bit[1] a; bit b; bit out;"
        "rx(0.3) q[0]; h q[1]; cx q[1], q[2]; cx q[0], q[1]; h q[0];"
        "a[0] = measure q[0]; b = measure q[1];"
        "if (b == 1) x q[2]; if (a == 1) { z q[2]; } out = measure q[2];",
    ],
)
def test_reads_teleportation(source: str) -> None:
    circuit, found = parse(source, None, LIMITS)
    assert names(circuit).count("if_else") == 2
    assert registers(found) == {"a": [0], "b": [1], "out": [2]}
    assert found.operations == 10


def test_knows_the_last_measurement_into_each_bit() -> None:
    body = "measure q[0] -> c[0]; reset q[0]; measure q[1] -> c[0];"
    assert registers(facts(TWO + body)) == {"c": [1, None]}
    assert registers(facts(THREE + body)) == {"c": [1, None]}
    assert registers(facts(THREE + "c[0] = measure q[0]; if (c[0]) { c[0] = measure q[1]; }")) == {
        "c": [0, None]
    }


def test_a_measurement_within_a_block_is_enough() -> None:
    found = facts(THREE + "if (c[0] == false) { c[1] = measure q[1]; }")
    assert registers(found) == {"c": [None, None]}


@pytest.mark.parametrize(
    "gate",
    [
        "u0(3) q[0]",
        "u(1,2,3) q[0]",
        "p(1) q[0]",
        "sx q[0]",
        "sxdg q[0]",
        "swap q[0],q[1]",
        "crx(1) q[0],q[1]",
        "cry(1) q[0],q[1]",
        "cp(1) q[0],q[1]",
        "csx q[0],q[1]",
        "cu(1,2,3,4) q[0],q[1]",
        "rxx(1) q[0],q[1]",
        "rzz(1) q[0],q[1]",
        "U(1,2,3) q[0]",
        "CX q[0],q[1]",
        "rx(asin(0.5)+acos(0.5)+atan(1)) q[0]",
        "cu3(pi/2,-pi,2*pi^2) q[0],q[1]",
    ],
)
def test_knows_the_gates_of_openqasm2(gate: str) -> None:
    assert facts(TWO + gate + ";" + MEASURE_TWO).operations == 3


def test_an_idle_time_is_not_written_out() -> None:
    circuit, _ = parse(TWO + "u0(1000000000) q[0];" + MEASURE_TWO, None, LIMITS)
    assert names(circuit)[0] == "id"


def test_reads_gates_that_the_circuit_defines() -> None:
    body = "gate g(t, a) x, y { rx(t) x; cx x, y; rz(a) y; }\ng(0.1, 0.2) q[0], q[1];"
    for source in (TWO + body + MEASURE_TWO, THREE + body + MEASURE_THREE):
        circuit, found = parse(source, None, LIMITS)
        assert names(circuit)[0] == "g"
        assert found.operations == 5
        expected = QuantumCircuit(2)
        expected.rx(0.1, 0)
        expected.cx(0, 1)
        expected.rz(0.2, 1)
        assert Operator(circuit.data[0].operation) == Operator(expected)


@pytest.mark.parametrize(("header", "end"), [(TWO, MEASURE_TWO), (THREE, MEASURE_THREE)])
def test_does_not_write_definitions_out(header: str, end: str) -> None:
    circuit, found = parse(header + doubled_two(22) + "g22 q[0];" + end, None, LIMITS)
    assert found.operations == 2**22 + 2
    assert found.depth == 2
    assert len(circuit.data) == 3


def test_names_that_simulators_know_are_not_taken() -> None:
    """A gate that is called h and does nothing must not be run as a Hadamard gate."""
    for source in (
        "OPENQASM 2.0; gate h a { U(0,0,0) a; } gate unitary a { h a; }"
        "qreg q[1]; creg c[1]; h q[0]; unitary q[0]; measure q -> c;",
        "OPENQASM 3.0; gate h a { U(0,0,0) a; } gate unitary a { h a; }"
        "qubit[1] q; bit[1] c; h q[0]; unitary q[0]; c = measure q;",
    ):
        circuit, _ = parse(source, None, LIMITS)
        for instruction in circuit.data[:2]:
            assert instruction.operation.name not in RESERVED
            inner = instruction.operation.definition.data[0].operation
            assert inner.name == "u" or inner.name not in RESERVED
            assert Operator(instruction.operation) == Operator(UGate(0, 0, 0))


def test_controls_of_a_gate_with_a_standard_name_are_those_of_its_definition() -> None:
    circuit, _ = parse(
        "OPENQASM 3.0; gate x a { U(0,0,0) a; } qubit[2] q; bit[2] c;"
        "ctrl @ x q[0], q[1]; c = measure q;",
        None,
        LIMITS,
    )
    assert Operator(circuit.data[0].operation) == Operator(QuantumCircuit(2))


def test_a_definition_twice_is_still_refused() -> None:
    error = refusal(TWO + "gate h a { U(0,0,0) a; }" + MEASURE_TWO)
    assert error.sentence == "'h' is already defined"


# OPENQASM 3

GATE = "gate g(t, a) x, y { rx(t) x; cx x, y; rz(a) y; h x; p(a*2) y; gphase(a/3); }\n"


def reference(t: float, a: float) -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.rx(t, 0)
    circuit.cx(0, 1)
    circuit.rz(a, 1)
    circuit.h(0)
    circuit.p(a * 2, 1)
    circuit.global_phase = a / 3
    return circuit


def operator(body: str) -> Operator:
    source = H_THREE + "qubit[4] q; bit c;\n" + body + "c = measure q[0];"
    circuit, _ = parse(source, None, LIMITS)
    circuit.data.pop()
    return Operator(circuit)


def expected(gate: QuantumCircuit, qubits: list[int]) -> Operator:
    circuit = QuantumCircuit(4)
    circuit.compose(gate, qubits, inplace=True)
    return Operator(circuit)


def controlled(gate: QuantumCircuit, controls: int, state: int) -> QuantumCircuit:
    circuit = QuantumCircuit(gate.num_qubits + controls)
    circuit.append(
        gate.to_gate().control(controls, ctrl_state=state, annotated=False), circuit.qubits
    )
    return circuit


@pytest.mark.parametrize(
    ("use", "gate", "qubits"),
    [
        ("g(0.7, 1.9) q[0], q[1]", reference(0.7, 1.9), [0, 1]),
        ("inv @ g(0.7, 1.9) q[1], q[0]", reference(0.7, 1.9).inverse(), [1, 0]),
        ("pow(5) @ g(0.7, 1.9) q[0], q[1]", reference(0.7, 1.9).repeat(5).decompose(), [0, 1]),
        ("pow(-2) @ g(0.7, 1.9) q[0], q[1]", reference(0.7, 1.9).inverse().repeat(2), [0, 1]),
        ("pow(0) @ g(0.7, 1.9) q[0], q[1]", QuantumCircuit(2), [0, 1]),
        (
            "ctrl @ g(0.7, 1.9) q[3], q[0], q[1]",
            controlled(reference(0.7, 1.9), 1, 1),
            [3, 0, 1],
        ),
        (
            "negctrl @ ctrl @ g(0.7, 1.9) q[3], q[2], q[0], q[1]",
            controlled(reference(0.7, 1.9), 2, 2),
            [3, 2, 0, 1],
        ),
        (
            "ctrl @ negctrl @ inv @ g(0.7, 1.9) q[3], q[2], q[0], q[1]",
            controlled(reference(0.7, 1.9).inverse(), 2, 1),
            [3, 2, 0, 1],
        ),
        (
            "pow(2) @ ctrl(2) @ g(0.7, 1.9) q[3], q[2], q[0], q[1]",
            controlled(reference(0.7, 1.9).repeat(2), 2, 3),
            [3, 2, 0, 1],
        ),
    ],
)
def test_modifiers_of_defined_gates(use: str, gate: QuantumCircuit, qubits: list[int]) -> None:
    assert operator(GATE + use + ";") == expected(gate, qubits)


def test_modifiers_within_definitions() -> None:
    circuit = QuantumCircuit(4)
    circuit.compose(controlled(reference(0.35, 0.7), 1, 1), [2, 0, 1], inplace=True)
    circuit.compose(reference(0.175, 0.1).inverse(), [1, 0], inplace=True)
    assert operator(
        GATE + "gate k(b) x, y, z { ctrl @ g(b, b*2) x, y, z; inv @ g(b/2, 0.1) z, y; }"
        "k(0.35) q[2], q[0], q[1];"
    ) == Operator(circuit)


def test_modifiers_of_standard_gates() -> None:
    circuit = QuantumCircuit(4)
    circuit.append(XGate().power(0.5), [0])
    circuit.append(XGate().power(0.5).control(1, annotated=False), [1, 2])
    for _ in range(3):
        circuit.append(SGate().control(3, annotated=False), [0, 1, 2, 3])
    assert operator(
        "pow(0.5) @ x q[0]; ctrl @ pow(0.5) @ x q[1], q[2];"
        "pow(3) @ ctrl(3) @ s q[0], q[1], q[2], q[3]; inv @ inv @ pow(2) @ x q[0];"
    ) == Operator(circuit)


def test_phases_with_modifiers() -> None:
    circuit = QuantumCircuit(4)
    circuit.global_phase = 0.4
    circuit.cp(-0.6, 0, 1)
    circuit.p(0.35, 2)
    circuit.x(0)
    circuit.p(0.7, 0)
    circuit.x(0)
    circuit.x(3)
    circuit.cp(0.35, 2, 3)
    circuit.x(3)
    assert operator(
        "gphase(0.4); inv @ ctrl(2) @ pow(3) @ gphase(0.2) q[0], q[1];"
        "gate k(b) x, y, z { ctrl @ gphase(b) x; negctrl @ gphase(2*b) y;"
        " ctrl @ negctrl @ gphase(b) x, z; }"
        "k(0.35) q[2], q[0], q[3];"
    ) == Operator(circuit)


def test_parameters_keep_the_order_of_declaration() -> None:
    circuit = QuantumCircuit(4)
    circuit.rx(0.1, 0)
    circuit.rz(0.2, 0)
    assert operator(
        "gate g(zeta, alpha) a { rx(zeta) a; rz(alpha) a; } g(0.1, 0.2) q[0];"
    ) == Operator(circuit)


def test_loops_and_constants() -> None:
    circuit = QuantumCircuit(4)
    for i in range(4):
        circuit.h(i)
        for j in range(i + 1, 4):
            circuit.cp(math.pi / 2 ** (j - i), j, i)
    circuit.rx(math.sin(math.tau / 8), 0)
    assert operator(
        "const uint n = 4; const float eighth = tau / 8;"
        "for uint i in [0:n - 1] { h q[i];"
        " for uint j in [i + 1:n - 1] { cp(pi / 2**(j - i)) q[j], q[i]; } }"
        "rx(sin(eighth)) q[0];"
    ) == Operator(circuit)


def test_loops_within_gates() -> None:
    circuit = QuantumCircuit(4)
    circuit.rx(0.1 + 0.2 + 0.3, 1)
    assert operator("gate g(a) x { for int i in [1:3] { rx(i * a) x; } } g(0.1) q[1];") == Operator(
        circuit
    )


def test_long_loops_and_loops_that_are_left_stay_loops() -> None:
    circuit, found = parse(
        THREE + GATE + "for int i in [1:100000] { rx(i * 0.1) q[0]; g(i * 0.1, pi) q[0], q[1]; }"
        "for int i in {1, 5, 9} { x q[0]; if (c[0]) { break; } }" + MEASURE_THREE,
        None,
        LIMITS,
    )
    assert names(circuit)[:2] == ["for_loop", "for_loop"]
    assert found.operations == 700_000 + 3 + 2


def test_reads_the_rest_of_the_language() -> None:
    circuit, found = parse(
        THREE + "reset q; barrier q; delay[10ns] q[0]; let a = q[0:0]; h a;"
        'if (c == "10") { x q[0]; } else { x q[1]; } if (!c[0]) z q[0];' + MEASURE_THREE,
        None,
        LIMITS,
    )
    assert names(circuit) == (
        ["reset", "reset", "barrier", "delay", "h", "if_else", "if_else"] + ["measure"] * 2
    )
    assert found.operations == 10


def test_reads_physical_qubits() -> None:
    found = facts(H_THREE + "bit[2] c; h $0; cx $0, $2; c[0] = measure $2;")
    assert (found.qubits, registers(found)) == (3, {"c": [2, None]})


def test_defined_gates_can_be_sent_to_another_process() -> None:
    circuit, _ = parse(THREE + GATE + "inv @ g(1, 2) q[0], q[1];" + MEASURE_THREE, None, LIMITS)
    again = pickle.loads(pickle.dumps(circuit))
    assert Operator(again.data[0].operation) == Operator(circuit.data[0].operation)


# Refusals


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_refuses_hostile_circuits(hostile: Hostile) -> None:
    source = hostile.build()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        error = refusal(source, hostile.language)
    assert 0 < len(error.sentence) <= 300
    assert "\n" not in error.sentence
    assert "root:" not in error.sentence
    # Good ones are read after it.
    assert facts(BELL_TWO).operations == facts(BELL_THREE).operations == 4


@pytest.mark.parametrize(
    ("body", "sentence", "column"),
    [
        ("foo q[0];", "'foo' is not defined in this scope", 1),
        ("  x q[2];", "index 2 is out-of-range for register 'q' of size 2", 7),
        ("cx q[0], q[0];", "duplicate qubits in gate application", 1),
        ("rx(1/0) q[0];", "cannot divide by zero", 5),
        (
            "rx(9^9^9^9) q[0];",
            "a parameter of 'rx' is inf; it must be finite and at most 1e+15",
            None,
        ),
        ("rx q[0];", "a gate is used with a wrong number of parameters", None),
        (
            "opaque f a; f q[0];",
            "the gate 'f' is opaque, so there is nothing that could be run",
            13,
        ),
    ],
)
def test_explains_faults_in_openqasm2(body: str, sentence: str, column: int | None) -> None:
    error = refusal(TWO + body + "\n" + MEASURE_TWO)
    assert (error.sentence, error.column) == (sentence, column)
    assert error.line == (None if column is None else 5)


@pytest.mark.parametrize(
    ("body", "sentence", "column"),
    [
        ("foo q[0];", "gate 'foo' is not defined", 1),
        ("  x fooo;", "Undefined symbol 'fooo'", 5),
        ("x q[2];", "index out of range", 1),
        ("cx q[0], q[0];", "duplicate bit arguments", 1),
        ("rx q[0];", "the gate 'rx' takes 1 parameter, not 0", 1),
        ("U(1) q[0];", "the gate 'U' takes 3 parameters, not 1", 1),
        ("x q[0]] ;", "']' does not match the brackets before it", 7),
        ("x q[0] y q[1];", "'y' is not expected here", 8),
        ("rx(1 1) q[0];", "'1' is not expected here", 6),
        (
            "int[8] i = 3;",
            "variables of type 'int' are not supported; constants are, as in 'const int n = 2;'",
            1,
        ),
        (
            "switch (c) { case 1 { } }",
            "a switch statement is not supported; write it with 'if' and 'else'",
            1,
        ),
        ("bit h;", "'h' is already defined", 1),
        ("end;", "an end statement is not supported", 1),
        ("c[0] = 1;", "a classical assignment is not supported", 1),
        (
            "gate k x { for int i in [0:60000] { h x; } }",
            "a loop in a gate must be short, without break and continue",
            12,
        ),
        ("let a = c;", "only qubits can be given another name with 'let'", 1),
        ("bit d = 1;", "only a measurement may give a bit its first value", 1),
        ("if (c[0:1] == 1.5) x q[0];", "bits are compared with whole numbers", 1),
        (
            "qubit[2] r; pow(0.5) @ ctrl(2) @ g(1, 1) q[0], r[0], q[1], r[1];",
            "a gate that is raised to a fraction may have 3 qubits and 1000 gates",
            13,
        ),
        ("gphase(1) q[0];", "gphase with 0 controls takes as many qubits", 1),
        ("rx(1e16) q[0];", "the parameter 1e+16 is not finite or above 1e+15", 4),
        (
            "for int i in [0:60000] { x q[i]; }",
            "the variable of a loop can be an index only in short loops without break and continue",
            26,
        ),
        (
            "gate k(a, b) x { rx(a * b) x; }",
            "the values of this expression do not go together, as two angles in a product",
            21,
        ),
    ],
)
def test_explains_faults_in_openqasm3(body: str, sentence: str, column: int) -> None:
    error = refusal(THREE + GATE + body + "\n" + MEASURE_THREE)
    assert (error.sentence, error.line, error.column) == (sentence, 6, column)


@pytest.mark.parametrize("source", [TWO + "h q;", THREE + "h q;", "OPENQASM 3.0; qubit q;"])
def test_takes_what_measures_nothing_and_says_so(source: str) -> None:
    _, facts = parse(source, None, LIMITS)
    assert (facts.measurements, facts.sampled) == (0, True)


def test_keeps_sentences_short_and_without_file_names() -> None:
    error = refusal(TWO + f"{'a' * 1000} q[0];")
    assert error.sentence == f"'{'a' * 60}…' is not defined in this scope"
    for source in (TWO, THREE):
        error = refusal(source + "gate g a { x a; } " + ",".join(["g"] * 5000) + ";")
        assert len(error.sentence) <= 300


# Speed


@pytest.mark.parametrize(("source", "milliseconds"), [(BELL_TWO, 2), (BELL_THREE, 10)])
def test_is_quick(source: str, milliseconds: float) -> None:
    parse(source, None, LIMITS)
    best = math.inf
    for _ in range(20):
        started = time.process_time()
        parse(source, None, LIMITS)
        best = min(best, time.process_time() - started)
    assert best * 1000 < milliseconds


def test_a_box_is_refused_rather_than_failing_when_it_runs() -> None:
    source = (
        'OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; bit[1] c; box { x q[0]; } c = measure q;'
    )
    with pytest.raises(InvalidCircuit, match="box is not supported"):
        parse(source, None, CircuitLimits())
