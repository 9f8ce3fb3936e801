"""Circuits in Stim's format: what they mean, and what must not reach Stim or be written out."""

import json
import time
from collections.abc import Sequence

import exact
import numpy as np
import pytest
import stim
from circuits import BELL2, BELL3
from formats import LIMITS, facts, probabilities, refusal, same
from qiskit.quantum_info import Operator

from quws.circuits.parse import parse
from quws.circuits.transcript.building import build
from quws.circuits.transcript.writing import write
from quws.domain.circuits import Language, Register

KNOWN = stim.gate_data()
UNITARY = [name for name, gate in KNOWN.items() if gate.is_unitary and not name.startswith("SPP")]
NOISE = [
    name
    for name, gate in KNOWN.items()
    if gate.is_noisy_gate and not name.startswith(("M", "DETECTOR"))
]


class Branches:
    """Follows measurements of products of Paulis, by their projectors."""

    def __init__(self, qubits: int) -> None:
        self.qubits = qubits
        state = np.zeros(2**qubits, dtype=complex)
        state[0] = 1
        self.states: dict[str, np.ndarray] = {"": state}

    def _product(self, paulis: dict[int, str]) -> np.ndarray:
        whole = np.eye(1, dtype=complex)
        for qubit in range(self.qubits):
            pauli = exact.PAULIS["IXYZ".index(paulis.get(qubit, "I"))]
            whole = np.kron(pauli, whole)
        return whole

    def gate(self, paulis: dict[int, str], phase: complex) -> None:
        """Multiply the -1 part of a product by a phase."""
        product = self._product(paulis)
        matrix = ((1 + phase) * np.eye(len(product)) + (1 - phase) * product) / 2
        self.states = {bits: matrix @ state for bits, state in self.states.items()}

    def measure(self, paulis: dict[int, str], *, flip: bool = False) -> None:
        """Measure a product; the newest bit stands leftmost, as in results."""
        product = self._product(paulis)
        found = {}
        for bits, state in self.states.items():
            for value in (0, 1):
                part = (state + (-1) ** value * (product @ state)) / 2
                if np.linalg.norm(part) > 1e-9:
                    found[f"{value ^ flip}{bits}"] = part
        self.states = found

    def probabilities(self) -> dict[str, float]:
        return {bits: float(np.linalg.norm(state) ** 2) for bits, state in self.states.items()}


def _probabilities(*lines: str) -> dict[str, float]:
    return probabilities(parse("\n".join(lines), None, LIMITS)[0])


def test_every_gate_of_stim_does_what_stim_says() -> None:
    assert len(UNITARY) > 40
    for name in UNITARY:
        qubits = 2 if KNOWN[name].is_two_qubit_gate else 1
        # Crosswise, and not on the first qubits.
        on = [2, 0][:qubits]
        text = f"I 0 1 2\n{name} {' '.join(map(str, on))}"
        read = parse(text, Language.STIM, LIMITS)[0]
        meant = exact.Exact(read.num_qubits, 0)._widened(KNOWN[name].unitary_matrix, on)
        assert Operator(read).equiv(Operator(meant)), name


# A state without a symmetry that could hide a mistake.
PREPARE = ("H 0", "S 0", "CX 0 1", "SQRT_X 1", "H 2", "CZ 1 2", "C_XYZ 2", "YCX 0 2")


def _prepared() -> Branches:
    branches = Branches(3)
    circuit = stim.Circuit("\n".join(PREPARE))
    branches.states = {"": circuit.to_tableau().to_state_vector(endian="little")}
    return branches


@pytest.mark.parametrize("basis", ["X", "Y", "Z"])
def test_measurements_in_every_basis_and_inverted_ones(basis: str) -> None:
    name = f"M{basis}"
    branches = _prepared()
    for qubit, paulis, flip in (
        (1, basis, False),
        (0, "Y", False),
        (1, basis, True),
        (1, "X", False),
        (0, "Y", True),
        (2, basis, True),
        (0, "Z", False),
        (2, "Y", False),
    ):
        branches.measure({qubit: paulis}, flip=flip)
    lines = [f"{name} 1", "MY 0", f"{name} !1", "MX 1", "MY !0", f"{name} !2", "M 0", "MY 2"]
    assert _probabilities(*PREPARE, *lines) == pytest.approx(branches.probabilities())


@pytest.mark.parametrize("basis", ["X", "Y", "Z"])
def test_resets_and_measurements_that_reset(basis: str) -> None:
    branches = _prepared()
    branches.measure({1: basis})
    branches.measure({0: basis}, flip=True)
    branches.measure({2: basis})
    # What is measured again after a reset gives 0.
    found = {f"0{bits[0]}0{bits[1:]}": p for bits, p in branches.probabilities().items()}
    lines = [f"MR{basis} 1 !0", f"M{basis} 0 2", f"R{basis} 2", f"M{basis} 2"]
    assert _probabilities(*PREPARE, *lines) == pytest.approx(found)
    other = "X" if basis != "X" else "Y"
    assert _probabilities(f"R{basis} 0", f"M{other} 0") == pytest.approx({"0": 0.5, "1": 0.5})


def test_products_of_paulis() -> None:
    branches = _prepared()
    branches.measure({0: "X", 1: "Y", 2: "Z"})
    branches.measure({0: "Z", 2: "Z"}, flip=True)
    branches.gate({0: "Y", 1: "X"}, 1j)
    branches.gate({2: "Z"}, -1j)
    branches.measure({0: "X", 1: "X"})
    branches.measure({1: "Y", 2: "Y"}, flip=True)
    branches.measure({0: "Z", 2: "Z"})
    branches.measure({0: "Y"})
    lines = ["MPP X0*Y1*Z2 !Z0*Z2", "SPP Y0*X1", "SPP_DAG Z2", "MXX 0 1", "MYY !1 2", "MZZ !2 !0"]
    assert _probabilities(*PREPARE, *lines, "MPP Y0") == pytest.approx(branches.probabilities())
    assert _probabilities("H 0", "MPP X0*X0 Z0", "MX 0") == pytest.approx(
        {"000": 0.25, "010": 0.25, "100": 0.25, "110": 0.25}
    )


def test_the_record_is_one_register_whose_first_bit_is_the_first_measurement() -> None:
    found = facts("X 2\nM 0 2\nREPEAT 2 {\n  X 0\n  MR 0 1\n}")
    assert found.language is Language.STIM
    assert (found.qubits, found.clbits, found.operations) == (3, 6, 13)
    assert found.registers == [Register(name="rec", size=6, qubits=[0, 2, 0, 1, 0, 1])]
    same("X 2\nM 0 2\nREPEAT 2 {\n  X 0\n  MR 0 1\n}", {"010110": 1})


@pytest.mark.parametrize("line", ["CX rec[-2] 1", "XCZ 1 rec[-2]", "H 1\nCZ 1 rec[-2]\nH 1"])
def test_a_measurement_that_controls_becomes_a_condition(line: str) -> None:
    lines = ["SQRT_X 0", "M 0 1", *line.split("\n"), "M 1"]
    assert _probabilities(*lines) == pytest.approx({"000": 0.5, "101": 0.5})
    assert facts("\n".join(lines)).control_flow


def test_feedback_within_blocks_looks_back_from_where_it_stands() -> None:
    lines = ["H 0", "M 0", "REPEAT 3 {", "CY rec[-1] 1 rec[-1] 2", "M 2", "}", "CZ rec[-1] rec[-2]"]
    # 2 is flipped to 1, by that to 0, and then no more.
    assert _probabilities(*lines) == pytest.approx({"0000": 0.5, "0011": 0.5})
    circuit = parse("\n".join(lines), None, LIMITS)[0]
    again = build(json.loads(json.dumps(write(circuit, LIMITS))), LIMITS)
    assert probabilities(again) == pytest.approx(probabilities(circuit))


def test_a_code_as_stim_generates_it() -> None:
    circuit = stim.Circuit.generated("repetition_code:memory", distance=3, rounds=3)
    text = str(circuit).replace("TICK", "X 0\nTICK", 1)
    read, found = parse(text, None, LIMITS)
    record = "".join(str(int(bit)) for bit in reversed(stim.Circuit(text).reference_sample()))
    assert probabilities(read) == pytest.approx({record: 1})
    assert (found.qubits, found.clbits, found.clifford) == (5, 9, True)
    (note,) = found.notes
    assert note.startswith("DETECTOR, OBSERVABLE_INCLUDE, ")
    assert note.endswith("TICK: ignored, as nothing depends on it")


def test_what_only_says_where_a_qubit_is_needs_none() -> None:
    assert facts("QUBIT_COORDS(1, 2) 900000\nH 0").qubits == 1


def test_bits_of_the_record_that_nothing_is_measured_into() -> None:
    same("X 0\nM 0\nMPAD 0 0\nM 0", {"1001": 1})


@pytest.mark.parametrize(
    "text",
    [
        "H 0",
        "\ufeff# of a code\r\n\r\n  H 0 1 # both\r\nM 0\r\n",
        "QUBIT_COORDS(0, 0.5) 0\nR 0",
        "H[of a tag # {] 0\nM[x]",
        "TICK\nM 0",
        "MPP X0*!Z1 Y2",
        "REPEAT 2 {\nM 0\n}",
        "OBSERVABLE_INCLUDE(0)\nM 0",
    ],
)
def test_it_is_found_out(text: str) -> None:
    assert facts(text).language is Language.STIM
    assert facts(text, Language.STIM).language is Language.STIM


@pytest.mark.parametrize("text", ["h 0\ncnot 0 1\nmz 0 1", "M\nM 0", "", "# nothing\n"])
def test_where_lang_says_so_names_need_no_capitals(text: str) -> None:
    if "0" in text:
        assert facts(text, Language.STIM).language is Language.STIM
    else:
        assert refusal(text, Language.STIM).sentence == "the circuit declares no qubits"


@pytest.mark.parametrize(
    "text",
    [
        BELL2,
        BELL3,
        "qreg q[2]; creg c[2];\nCX q[0],q[1];\nmeasure q -> c;",
        "qubit q; bit c;\nU(0, 0, 0) q;\nc = measure q;",
        'include "stdgates.inc"; qubit[2] q; bit c;\nCX q[0], q[1];\nc = measure q[0];',
    ],
)
def test_openqasm_is_not_taken_for_it(text: str) -> None:
    assert facts(text).language is not Language.STIM
    assert "is no instruction of Stim" in refusal(text, Language.STIM).sentence


@pytest.mark.parametrize(
    "text", ["OPENQASM 3", "OPENQASM 3\n;", "#pragma x 0\nCX q[0], q[1];", "X\nq[0];"]
)
def test_broken_openqasm_is_not_taken_for_it(text: str) -> None:
    sentence = refusal(text).sentence
    assert "Stim" not in sentence
    assert "STIM" not in sentence


def test_lang_must_not_say_something_else() -> None:
    assert refusal("H 0\nM 0", Language.OPENQASM_3).sentence == (
        "the parameter LANG says OPENQASM-3 but the circuit is in STIM"
    )


# What is not read


def test_noise_is_refused_by_its_name() -> None:
    assert len(NOISE) > 10
    for name in NOISE:
        fault = refusal(f"H 0\n  {name}(0.1) 0")
        assert fault.sentence == (
            f"'{name}' is noise, which is not read; leave it out, as circuit.without_noise() does,"
            " and say it by the parameter NOISE"
        )
        assert (fault.line, fault.column) == (2, 3)
    assert "'MX(0.1)' is a noisy measurement" in refusal("MX(0.1) 0").sentence
    assert "'E' is noise" in refusal("E(0.1) X0").sentence


@pytest.mark.parametrize(
    ("text", "line", "column", "sentence"),
    [
        ("H 0\nFOO 1", 2, 1, "'FOO' is no instruction of Stim"),
        ("H 0\n  H q[0];", 2, 5, "'q[0];' is no target of an instruction"),
        ("H 0\n0 H", 2, 1, "this line is no instruction of Stim"),
        ("H 0\nH 0 {\n}", 2, 5, "a block begins with REPEAT, not with 'H'"),
        ("REPEAT {\n}", 1, 1, "a block begins with a number, as 'REPEAT 5 {'"),
        ("REPEAT 3\nH 0", 1, 1, "a block begins with a number"),
        ("H 0\nREPEAT 3 {\nH 0", 2, 1, "the block that begins here is never closed"),
        ("H 0\n}", 2, 1, "no block is open that '}' could close"),
        ("M 0\nCX 1 rec[-1]", 2, 6, "'rec[-1]' cannot stand here: a measurement can control CX"),
        ("M 0\nXCZ rec[-1] 1", 2, 5, "'rec[-1]' cannot stand here"),
        ("M 0\nSWAP rec[-1] 1", 2, 6, "'rec[-1]' cannot stand here"),
        ("M 0\nCX rec[-2] 1", 2, 4, "'rec[-2]' is before the first measurement"),
        ("REPEAT 2 {\nCX rec[-1] 1\nM 0\n}", 2, 4, "'rec[-1]' is before the first measurement"),
        ("CX sweep[3] 1", 1, 4, "'sweep[3]' has no value in a job"),
        ("M 0\nMPAD 0 1", 2, 1, "'MPAD 1' is not supported"),
        ("H 0 1\n\nM 99", 3, 3, "there is no qubit 99, the target has 28"),
        # What only Stim knows is wrong.
        ("H 0\nREPEAT 2 {\n  CX 0 1 2\n}", 3, 3, "CX"),
        ("H 0\nCX 1 1", 2, 1, "CX"),
        ("H 0\nREPEAT 0 {\nH 0\n}", 2, 1, "Repeating 0 times"),
        ("H 0\nS(0.5) 0", 2, 1, "S"),
        ("M 0\nM X0", 2, 1, "M"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    text: str, line: int, column: int, sentence: str
) -> None:
    fault = refusal(text, Language.STIM)
    assert sentence in fault.sentence
    assert (fault.line, fault.column) == (line, column)


def test_a_product_that_is_minus_one_for_every_state() -> None:
    fault = refusal("H 0\nMPP X0*Y0*!Y0*X0")
    assert "whatever the state" in fault.sentence
    assert fault.line == 2
    fault = refusal("H 0\nMPP X0*Y0*Z0")
    assert "anti-Hermitian" in fault.sentence
    assert fault.line == 2


# Hostile texts


def _nested(times: Sequence[int], text: str) -> str:
    return "".join(f"REPEAT {count} {{\n" for count in times) + text + "\n}" * len(times)


def test_blocks_are_multiplied_and_not_written_out() -> None:
    start = time.process_time()
    assert "about 1.0e27 operations" in refusal(_nested([10**9] * 3, "H 0")).sentence
    assert "more than 1.0e30" in refusal(_nested([10**18] * 20, "H 0")).sentence
    assert "measures more than 4096 times" in refusal(_nested([10**9] * 4, "M 0")).sentence
    assert "measures more than 4096 times" in refusal(_nested([10**9], "MPAD 0")).sentence
    written = refusal(_nested([10**5], "MPP X0*Y1\nMR 0"), clbits=10**6).sentence
    assert "instructions once its REPEAT blocks are written out; at most 300000" in written
    # Where nothing is done, nothing is done often.
    assert facts(_nested([10**18] * 30, "TICK") + "\nH 0").operations == 1
    assert facts(_nested([10**6], "II 0 1") + "\nH 0").operations == 1
    assert time.process_time() - start < 20


def test_limits() -> None:
    assert facts(_nested([1] * 64, "H 0")).operations == 1
    assert "more than 64 deep" in refusal(_nested([1] * 65, "H 0")).sentence
    assert "has 3 operations" in refusal("H 0 1 2", operations=2).sentence
    # What Stim decomposes counts as what it becomes.
    assert "operations" in refusal("SWAPCX 0 1", operations=1).sentence
    assert "there is no qubit 2" in refusal("H 0 1 2", qubits=2).sentence
    assert "measures more than 2 times" in refusal("M 0 1 2", clbits=2).sentence
    assert "a circuit in STIM may have 10" in refusal("H 0 1 2 3 4 5", bytes_stim=10).sentence
    assert refusal("H 0\nH" + " 0" * 60_000).line == 2
    assert "control character U+0000" in refusal("H 0\nH\x00 0").sentence
    assert "is no target" in refusal("H 0\nH 9999999999999999999999").sentence
    assert "begins with a number" in refusal(f"REPEAT {'9' * 30} {{\nH 0\n}}").sentence


def test_conditions_that_would_take_long_to_write_out() -> None:
    text = "M 0\n" + _nested([40_000], "CX rec[-1] 1")
    assert "those that depend on a measurement count 10 times" in refusal(text).sentence
