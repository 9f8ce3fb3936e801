"""Circuits in QPY: what they mean, and the files that must not reach Qiskit's reader."""

import io
import json
import struct

import exact
import numpy as np
import pytest
from formats import LIMITS, facts, probabilities, refusal, same
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qpy
from qiskit.circuit import Clbit, ControlledGate, Gate, Parameter, Qubit
from qiskit.circuit.library import Initialize, PauliEvolutionGate, QFTGate, UnitaryGate, XGate
from qiskit.quantum_info import Operator, SparsePauliOp

from quws.circuits.parse import parse
from quws.circuits.transcript.building import build
from quws.circuits.transcript.writing import write
from quws.domain.circuits import Language, Register
from quws.domain.payloads import as_text

VERSIONS = range(13, qpy.QPY_VERSION + 1)


def dumped(circuit: QuantumCircuit, version: int | None = None) -> bytes:
    file = io.BytesIO()
    qpy.dump(circuit, file, version=version)
    return file.getvalue()


def text(circuit: QuantumCircuit, version: int | None = None) -> str:
    return as_text(dumped(circuit, version))


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def operator(circuit: QuantumCircuit) -> Operator:
    return Operator(circuit.remove_final_measurements(inplace=False))


@pytest.mark.parametrize("version", VERSIONS)
def test_gates_and_the_bits_of_several_registers(version: int) -> None:
    a, b = ClassicalRegister(2, "a"), ClassicalRegister(3, "b")
    circuit = QuantumCircuit(QuantumRegister(3, "q"), a, b)
    follows = exact.Exact(3, 5)
    for name, on, angles in (
        ("h", [0], []),
        ("rx", [2], [0.7]),
        ("cx", [0, 1], []),
        ("rzz", [1, 2], [1.1]),
        ("sdg", [1], []),
        ("ry", [1], [0.3]),
        ("swap", [0, 2], []),
    ):
        getattr(circuit, name)(*angles, *on)
        follows.gate(name, on, *angles)
    for qubit, bit, clbit in ((2, b[0], 2), (0, a[1], 1), (1, b[2], 4)):
        circuit.measure(qubit, bit)
        follows.measure(qubit, clbit)
    same(text(circuit, version), follows.probabilities([2, 3]))
    found = facts(text(circuit, version))
    assert found.language is Language.QPY
    assert (found.qubits, found.clbits, found.operations) == (3, 5, 10)
    assert found.registers == [
        Register(name="a", size=2, qubits=[None, 0]),
        Register(name="b", size=3, qubits=[2, None, 1]),
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_measured_on_the_way_with_conditions_loops_and_resets(version: int) -> None:
    a, b = ClassicalRegister(1, "a"), ClassicalRegister(2, "b")
    circuit = QuantumCircuit(QuantumRegister(2, "q"), a, b)
    angle = Parameter("k")
    circuit.rx(0.9, 0)
    circuit.measure(0, a[0])
    with circuit.if_test((a, 1)):
        circuit.x(1)
    with circuit.for_loop(range(1, 4), angle):
        circuit.ry(angle * 0.2, 1)
    circuit.reset(0)
    circuit.barrier()
    circuit.measure([0, 1], b)
    follows = exact.Exact(2, 3)
    follows.gate("rx", [0], 0.9)
    follows.measure(0, 0)
    follows.gate("x", [1], when=lambda bits: bits[0] == 1)
    follows.gate("ry", [1], 0.2 * (1 + 2 + 3))
    follows.reset(0)
    follows.measure(0, 1)
    follows.measure(1, 2)
    same(text(circuit, version), follows.probabilities([1, 2]))
    assert facts(text(circuit, version)).operations == 9


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_gates_that_engines_do_not_know_by_name(version: int) -> None:
    first = QuantumCircuit(2, name="h")  # a name that engines would take for another gate
    first.t(0)
    first.cx(0, 1)
    second = QuantumCircuit(2, name="h")
    second.s(1)
    circuit = QuantumCircuit(4, 1)
    circuit.append(first.to_gate(), [0, 1])
    circuit.append(second.to_gate(), [1, 2])
    circuit.append(first.to_gate(), [2, 0])
    circuit.append(first.to_gate().control(1, ctrl_state=0), [2, 0, 1])
    circuit.append(XGate().control(2, ctrl_state=1), [0, 1, 2])
    circuit.append(QFTGate(3), [2, 0, 1])
    circuit.append(first.to_instruction(), [3, 1])
    circuit.mcp(0.4, [0, 1], 2)
    circuit.mcx([0, 1, 2], 3)
    circuit.rccx(0, 1, 2)
    circuit.append(UnitaryGate(np.diag([1, 1j])), [1])
    circuit.append(UnitaryGate(np.diag(np.exp(1j * np.arange(16)))), [0, 3, 2, 1])
    meant = Operator(circuit)
    circuit.measure(0, 0)
    read = parse(text(circuit, version), None, LIMITS)[0]
    assert operator(read).equiv(meant)
    # Those who must not read files get the same.
    assert operator(build(json.loads(json.dumps(write(read, LIMITS))), LIMITS)).equiv(meant)
    named = [item.name for item in read.data]
    assert "h" not in named
    assert named[0] != named[1]
    assert named[0] == named[2]


def test_a_definition_is_kept_once_however_often_it_is_used() -> None:
    inner = QuantumCircuit(1, name="inner")
    inner.rx(0.3, 0)
    outer = QuantumCircuit(1, name="outer")
    for _ in range(3):
        outer.append(inner.to_gate(), [0])
    circuit = QuantumCircuit(1, 1)
    for _ in range(4):
        circuit.append(outer.to_gate(), [0])
    circuit.measure(0, 0)
    read, found = parse(text(circuit), None, LIMITS)
    assert found.operations == 13
    assert len({id(item.operation.source) for item in read.data[:4]}) == 1
    assert len(write(read, LIMITS)["gates"]) == 2


def test_instructions_that_are_no_gates_are_written_out() -> None:
    prepare = QuantumCircuit(2, 1, name="prepare")
    prepare.x(1)
    prepare.measure(1, 0)
    prepare.reset(1)
    circuit = QuantumCircuit(2, 2)
    circuit.append(Initialize([0, 0.6, 0.8, 0]), [0, 1])
    circuit.measure(0, 0)
    circuit.append(prepare.to_instruction(), [1, 0], [1])
    same(text(circuit), {"01": 0.36, "10": 0.64} | {})


def test_bits_without_a_register_get_one() -> None:
    named = ClassicalRegister(1, "c")
    circuit = QuantumCircuit([Qubit(), Qubit()], [Clbit()], named, [Clbit()])
    circuit.x(0)
    circuit.measure(0, 2)
    circuit.measure(1, named[0])
    read, found = parse(text(circuit), None, LIMITS)
    assert [(item.name, item.qubits) for item in found.registers] == [
        ("c", [1]),
        ("c_", [None, 0]),
    ]
    assert probabilities(read) == pytest.approx({"10 0": 1})


# What is not read


def test_several_circuits_in_one_file() -> None:
    file = io.BytesIO()
    qpy.dump([bell(), bell()], file)
    assert refusal(as_text(file.getvalue())).sentence == (
        "the QPY file has 2 circuits; send a file of its own for each"
    )


@pytest.mark.parametrize("version", [0, 12, qpy.QPY_VERSION + 1, 255])
def test_versions_that_can_run_code_or_do_not_exist(version: int) -> None:
    data = bytearray(dumped(bell()))
    data[6] = version
    assert refusal(as_text(bytes(data))).sentence == (
        f"the circuit is in version {version} of QPY; allowed are 13 to {qpy.QPY_VERSION}"
    )


def test_free_parameters() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.rx(2 * Parameter("theta"), 0)
    circuit.measure(0, 0)
    _, facts = parse(text(circuit), None, LIMITS)
    assert (facts.parameters, facts.clifford) == (["theta"], False)


def test_the_name_of_a_parameter_can_be_shown() -> None:
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("a\nb"), 0)
    assert "the name of a parameter must be" in refusal(text(circuit)).sentence


def _while() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.measure(0, 0)
    return circuit


def _evolution() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.append(PauliEvolutionGate(SparsePauliOp("X")), [0])
    return circuit


def _opaque() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.append(Gate("blackbox", 1, []), [0])
    circuit.measure(0, 0)
    return circuit


def _shared() -> QuantumCircuit:
    bits = [Clbit(), Clbit()]
    circuit = QuantumCircuit([Qubit()], bits)
    circuit.add_register(ClassicalRegister(name="a", bits=bits))
    circuit.add_register(ClassicalRegister(name="b", bits=bits[:1]))
    circuit.measure(0, 0)
    return circuit


def _named() -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(1, "q"), ClassicalRegister(1, "c d"))
    circuit.measure(0, 0)
    return circuit


def _nongate() -> QuantumCircuit:
    body = QuantumCircuit(1, name="body")
    body.reset(0)
    gate = Gate("body", 1, [])
    gate.definition = body
    circuit = QuantumCircuit(1, 1)
    circuit.append(gate, [0])
    circuit.measure(0, 0)
    return circuit


@pytest.mark.parametrize(
    ("circuit", "sentence"),
    [
        (_while(), "'WhileLoopOp' is not supported in QPY"),
        (_evolution(), "'PauliEvolutionGate' is not supported in QPY"),
        (_opaque(), "'blackbox' has no definition"),
        (_shared(), "two classical registers share bits, one of them 'b'"),
        (_named(), "the name 'c d' of a register"),
        (_nongate(), "a gate is defined by 'reset', which is no gate"),
    ],
)
def test_what_no_target_knows(circuit: QuantumCircuit, sentence: str) -> None:
    assert sentence in refusal(text(circuit)).sentence


def test_lang_must_not_say_something_else() -> None:
    assert refusal(text(bell()), Language.OPENQASM_2).sentence == (
        "the parameter LANG says OPENQASM-2 but the circuit is in QPY"
    )
    assert refusal("OPENQASM 2.0;", Language.QPY).sentence == (
        "the parameter LANG says QPY and the circuit is not in it"
    )
    assert facts(text(bell()), Language.QPY).language is Language.QPY


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("data:application/octet-stream;base64,QUJD", "not in QPY, which begins with 'QISKIT'"),
        ("data:application/octet-stream;base64,QU", "is a data: URL whose base64 is broken"),
        ("data:,QISKIT", "begins with 'data:' and must then read"),
    ],
)
def test_bytes_in_no_format(source: str, sentence: str) -> None:
    assert sentence in refusal(source).sentence


# Hostile files


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_that_ends_anywhere_is_refused(version: int) -> None:
    whole = dumped(bell(), version)
    # What stands last, on how it was compiled, is read by nobody.
    for size in range(7, len(whole) - 40, 3):
        assert refusal(as_text(whole[:size])).sentence


def test_limits() -> None:
    assert refusal(text(bell()), qubits=1).sentence == (
        "the circuit has 2 qubits, the target has 1"
    )
    assert "the target takes 1" in refusal(text(bell()), clbits=1).sentence
    assert "4 operations" in refusal(text(bell()), operations=3).sentence
    assert "a circuit in QPY may have 100" in refusal(text(bell()), bytes_qpy=100).sentence


def _patched(old: bytes, new: bytes) -> str:
    data = dumped(bell(), 17)
    assert old in data
    return as_text(data.replace(old, new, 1))


def test_sizes_that_would_fill_the_memory() -> None:
    head = struct.pack("!II", 2, 2)
    for qubits, clbits in ((2**32 - 1, 2), (2, 2**32 - 1)):
        assert (
            "the circuit has 4294967295"
            in refusal(_patched(head, struct.pack("!II", qubits, clbits))).sentence
        )
    registers = struct.pack("!1c?IH?", b"q", True, 2, 1, True)
    huge = struct.pack("!1c?IH?", b"q", True, 2**31, 1, True)
    assert "ends in the middle" in refusal(_patched(registers, huge)).sentence


@pytest.mark.parametrize("name", ["QuantumVolume", "QuantumCircuit", "", "é"])
def test_names_of_other_classes(name: str) -> None:
    data = dumped(bell(), 17)
    # As long as before, or the parts would not fit.
    sized = name.encode()[:5].ljust(5, b"x")
    assert "is not supported in QPY" in refusal(as_text(data.replace(b"HGate", sized))).sentence


def test_definitions_that_double_are_counted_and_not_built() -> None:
    gate = bell().remove_final_measurements(inplace=False).to_gate()
    for level in range(8):
        twice = QuantumCircuit(2, name=f"g{level}")
        twice.append(gate, [0, 1])
        twice.append(gate, [0, 1])
        gate = twice.to_gate()
    circuit = QuantumCircuit(2, 1)
    circuit.append(gate, [0, 1])
    circuit.measure(0, 0)
    source = text(circuit)
    assert facts(source).operations == 2 * 2**8 + 1
    assert "513 operations" in refusal(source, operations=500).sentence
    assert "nests blocks or gates" in refusal(source, nesting=5).sentence


def test_a_loop_is_counted_and_not_run() -> None:
    circuit = QuantumCircuit(1, 1)
    with circuit.for_loop(range(10**12)):
        circuit.h(0)
    circuit.measure(0, 0)
    assert "about 1.0e12 operations" in refusal(text(circuit)).sentence


def test_a_gate_with_controls_of_its_own() -> None:
    inner = QuantumCircuit(1, name="half")
    inner.sx(0)
    gate = inner.to_gate().control(2)
    assert isinstance(gate, ControlledGate)
    circuit = QuantumCircuit(3, 1)
    circuit.append(gate, [2, 0, 1])
    meant = Operator(circuit)
    circuit.measure(1, 0)
    assert operator(parse(text(circuit), None, LIMITS)[0]).equiv(meant)
