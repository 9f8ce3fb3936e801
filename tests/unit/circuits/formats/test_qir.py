"""QIR's base profile: what the programs of released tools mean, and what is refused.

``qir_circuits.json`` has one circuit as four tools write it (``qir_writing.py`` says how), as
bitcode and as text.
"""

from __future__ import annotations

import base64
import json
import math
import struct
import time
from pathlib import Path

import exact
import numpy as np
import pytest
from circuits import BELL2, BELL3
from formats import LIMITS, facts, probabilities, refusal, same
from qir import QIS, RT, number, program, qis, result, rt
from qiskit.quantum_info import Operator

from quws.circuits.formats.qir_gates import GATES
from quws.circuits.formats.qir_outputs import Outputs
from quws.circuits.parse import parse
from quws.circuits.transcript.building import build
from quws.circuits.transcript.writing import write
from quws.domain.circuits import Language
from quws.domain.errors import InvalidCircuit
from quws.domain.payloads import WRAPPED_BITCODE, as_text

WRITTEN = json.loads((Path(__file__).parents[3] / "qir_circuits.json").read_text())
PROGRAMS: dict[str, dict[str, str]] = WRITTEN["programs"]


def sent(tool: str) -> str:
    """Return a program as it travels."""
    program = PROGRAMS[tool]
    return program["text"] if "text" in program else as_text(base64.b64decode(program["base64"]))


def bitcode(tool: str = "qiskit-qir") -> bytes:
    return base64.b64decode(PROGRAMS[tool]["base64"])


# -- what programs mean ---------------------------------------------------------------------------


def expected(bits: list[int], sizes: list[int]) -> dict[str, float]:
    """Follow the circuit that all tools wrote, and measure these qubits, bit 0 first."""
    follows = exact.Exact(3, len(bits))
    for name, on, *angles in WRITTEN["gates"]:
        match name:
            case "tdg":
                follows.matrix(np.diag([1, np.exp(-1j * math.pi / 4)]), on)
            case "ccx":
                matrix = np.eye(8, dtype=complex)
                matrix[[3, 7]] = matrix[[7, 3]]
                follows.matrix(matrix, on)
            case _:
                follows.gate(name, on, *angles)
    for bit, qubit in enumerate(bits):
        follows.measure(qubit, bit)
    return follows.probabilities(sizes)


@pytest.mark.parametrize(
    ("tool", "registers"),
    [
        # It labels its results: a[0], a[1], b[0].
        ("pytket-qir", {"a": [2, 0], "b": [1]}),
        # Its strings are those of Qiskit, bit 0 rightmost; the names are lost on the way.
        ("qiskit-qir", {"c0": [2, 0], "c1": [1]}),
        # What it prints as [Zero, One] is 01.
        ("qdk", {"c0": [0, 2], "c1": [1]}),
        # It records nothing: results by their numbers.
        ("pyqir", {"c": [2, 0, 1]}),
    ],
)
def test_programs_of_released_tools(tool: str, registers: dict[str, list[int]]) -> None:
    assert WRITTEN["measured"] == {"a": [2, 0], "b": [1]}
    source = sent(tool)
    found = facts(source)
    assert found.language is Language.QIR
    assert {item.name: item.qubits for item in found.registers} == registers
    assert found.qubits in (3, 4)  # Q# measures on one more what is measured later.
    bits = [qubit for qubits in registers.values() for qubit in qubits]
    outcomes = expected(bits, [len(qubits) for qubits in registers.values()])
    assert len([value for value in outcomes.values() if value > 0.01]) > 4
    same(source, outcomes)
    same(source, outcomes, Language.QIR)
    circuit = parse(source, None, LIMITS)[0]
    assert probabilities(build(write(circuit, LIMITS), LIMITS)) == pytest.approx(
        {key: value for key, value in outcomes.items() if value > 1e-9}
    )


def test_bitcode_in_a_wrapper_and_filled_up_is_the_same() -> None:
    data = bitcode()
    wrapped = WRAPPED_BITCODE + struct.pack("<4I", 0, 20, len(data), 7) + data + b"\0" * 8
    assert probabilities(parse(as_text(wrapped), None, LIMITS)[0]) == pytest.approx(
        probabilities(parse(as_text(data), None, LIMITS)[0])
    )
    assert facts(as_text(data + b"\0" * 12)).qubits == 3


def _turn(pauli: np.ndarray, angle: float) -> np.ndarray:
    return math.cos(angle / 2) * np.eye(len(pauli)) - 1j * math.sin(angle / 2) * pauli


def _controlled(gate: np.ndarray, controls: int = 1) -> np.ndarray:
    """Control a gate by the qubits before its own, of which the first is the lowest bit."""
    made = np.eye(len(gate) << controls, dtype=complex)
    on = [row for row in range(len(made)) if row & (1 << controls) - 1 == (1 << controls) - 1]
    made[np.ix_(on, on)] = gate
    return made


def _root(pauli: np.ndarray) -> np.ndarray:
    return np.exp(1j * math.pi / 4) * _turn(pauli, math.pi / 2)


H = (exact.X + exact.Z) / math.sqrt(2)
SWAP = np.eye(4)[[0, 2, 1, 3]]
A, B, C = 0.3, -1.1, 2.3
_SWAP_BY = np.eye(8)[[0, 1, 2, 5, 4, 3, 6, 7]]
MEANT = {
    "i__body": exact.I2,
    "x__body": exact.X,
    "y__body": exact.Y,
    "z__body": exact.Z,
    "h__body": H,
    "s__body": np.diag([1, 1j]),
    "s__adj": np.diag([1, -1j]),
    "t__body": np.diag([1, np.exp(1j * math.pi / 4)]),
    "t__adj": np.diag([1, np.exp(-1j * math.pi / 4)]),
    "sx__body": _root(exact.X),
    "sx__adj": _root(exact.X).conj().T,
    "rx__body": _turn(exact.X, A),
    "ry__body": _turn(exact.Y, A),
    "rz__body": _turn(exact.Z, A),
    "r1__body": np.diag([1, np.exp(1j * A)]),
    "p__body": np.diag([1, np.exp(1j * A)]),
    "phasedx__body": _turn(math.cos(B) * exact.X + math.sin(B) * exact.Y, A),
    "u3__body": _turn(exact.Z, B) @ _turn(exact.Y, A) @ _turn(exact.Z, C),
    "cnot__body": _controlled(exact.X),
    "cx__body": _controlled(exact.X),
    "cy__body": _controlled(exact.Y),
    "cz__body": _controlled(exact.Z),
    "ch__body": _controlled(H),
    "swap__body": SWAP,
    "iswap__body": np.diag([1, 1j, 1j, 1]) @ SWAP,
    "rxx__body": _turn(np.kron(exact.X, exact.X), A),
    "ryy__body": _turn(np.kron(exact.Y, exact.Y), A),
    "rzz__body": _turn(np.kron(exact.Z, exact.Z), A),
    "ccx__body": _controlled(exact.X, 2),
    "ccz__body": _controlled(exact.Z, 2),
    "cswap__body": _SWAP_BY,
}


def test_every_gate_does_what_it_is_called_for() -> None:
    assert {f"{QIS}{name}" for name in MEANT} == set(GATES)
    for name, matrix in MEANT.items():
        _, angles, qubits = GATES[f"{QIS}{name}"]
        on = [2, 0, 1][:qubits]
        values = [f"double {value}" for value in (A, B, C)[:angles]]
        text = program(qis("i__body", number(2)), qis(name, *values, *map(number, on)))
        read = parse(text, None, LIMITS)[0]
        meant = exact.Exact(read.num_qubits, 0)._widened(np.asarray(matrix, dtype=complex), on)
        assert Operator(read).equiv(Operator(meant)), name


def test_measurements_and_resets_in_between() -> None:
    same(
        program(
            qis("x__body", number(1)),
            qis("mresetz__body", number(1), number(0)),
            qis("m__body", number(1), number(1)),
            qis("x__body", number(0)),
            qis("barrier__body"),
            qis("barrier__body", number(0), number(1)),
            qis("reset__body", number(0)),
            qis("mz__body", number(0), "ptr null"),
            *(result(place) for place in (1, 0)),
        ),
        {"00": 1.0},
    )
    found = facts(program(qis("x__body", number(2)), attributes='"required_num_qubits"="5"'))
    assert (found.qubits, found.clbits, found.registers, found.operations) == (5, 0, [], 1)


def test_blocks_that_follow_one_another_and_a_code_that_is_returned() -> None:
    text = program(
        qis("x__body", number(0)), "br label %out", "out:", qis("mz__body", *["ptr null"] * 2)
    )
    same(text.replace("define void", "define i64").replace("ret void", "ret i64 0"), {"1": 1.0})


def test_what_compilers_add_is_left_out() -> None:
    text = '; ModuleID = \'a\'\nsource_filename = "a"\ntarget triple = "x86_64"\n' + program(
        f"call void @{RT}initialize(ptr null)", qis("x__body", number(0)), end="!0 = !{i32 1}"
    )
    assert facts(text).operations == 1
    assert facts("\ufeff" + text).operations == 1


# -- what is recorded -----------------------------------------------------------------------------


def outputs(*said: tuple[int, str | None] | tuple[str, int, str | None]) -> dict[str, list[int]]:
    made = Outputs()
    for item in said:
        if len(item) == 3:
            made.container(item[1], item[2])
        else:
            made.result(*item)
    return made.registers()


@pytest.mark.parametrize(
    ("said", "registers"),
    [
        ([], {}),
        ([(0, None)], {"c": [0]}),
        ([(4, None), (2, "x"), (0, "")], {"c": [0, 2, 4]}),
        ([("array", 2, "out"), (0, None), (1, None)], {"out": [1, 0]}),
        ([("array", 2, "0_a"), (0, "1_a0r"), (1, "2_a1r")], {"c": [1, 0]}),
        (
            [("array", 2, "a"), (0, None), (1, None), ("array", 1, "b"), (2, None)],
            {"a": [1, 0], "b": [2]},
        ),
        (
            [("array", 1, "a"), (0, None), ("array", 1, "a"), (1, None), (2, None)],
            {"c0": [0], "c1": [1], "c2": [2]},
        ),
        # A tuple of a result, an array of two, and a result.
        (
            [("tuple", 3, "0_t"), (5, ""), ("array", 2, "v"), (0, ""), (1, ""), (4, "")],
            {"c0": [5], "v": [1, 0], "c2": [4]},
        ),
        ([("array", 0, "none"), ("array", 1, "c1"), (0, None), (1, None)], {"c1": [0], "c1_": [1]}),
        ([(7, "m[1]"), (3, "k[0]"), (9, "m[0]")], {"m": [9, 7], "k": [3]}),
        # No whole register, twice the same bit: these are no names of bits.
        ([(7, "m[1]"), (3, "m[2]")], {"c": [3, 7]}),
        ([(7, "m[0]"), (3, "m[0]")], {"c": [3, 7]}),
        ([(7, "m[0]"), (3, "m[999999999]")], {"c": [3, 7]}),
    ],
)
def test_what_is_recorded_becomes_registers(
    said: list[tuple[int, str | None]], registers: dict[str, list[int]]
) -> None:
    assert outputs(*said) == registers
    assert list(outputs(*said)) == list(registers)


def test_labels_are_read_from_the_program() -> None:
    text = program(
        qis("x__body", number(1)),
        *(qis("mz__body", number(bit), number(bit)) for bit in range(3)),
        rt("array", "i64 2", "ptr @0"),
        *(result(bit) for bit in (1, 0)),
        rt("tuple", "i64 1", "ptr @1"),
        result(2),
        labels=("pair", "single"),
    )
    found = facts(text)
    assert [(item.name, item.qubits) for item in found.registers] == [
        ("pair", [0, 1]),
        ("single", [2]),
    ]
    same(text, {"0 10": 1.0})
    same(text.replace("pair", "p\\C3ir"), {"0 10": 1.0})
    assert facts(text.replace("pair", "p\\C3ir")).registers[0].name == "c0"


def test_measurements_that_are_not_recorded() -> None:
    steps = [
        qis("h__body", number(0)),
        qis("mz__body", number(0), number(0)),
        qis("x__body", number(1)),
        qis("mz__body", number(1), number(1)),
    ]
    # Nothing comes after it: it is as if nobody had looked.
    found = facts(program(*steps, result(1)))
    assert [item.name for item in found.registers] == ["c"]
    assert found.operations == 3
    assert found.notes == ["measurements that are not recorded and that nothing follows: left out"]
    same(program(*steps, result(1)), {"1": 1.0})
    # It changes what is measured after it.
    later = [*steps, qis("h__body", number(0)), qis("mz__body", number(0), number(2))]
    same(program(*later, result(2)), {"0 0": 0.25, "0 1": 0.25, "1 0": 0.25, "1 1": 0.25})
    assert [item.name for item in facts(program(*later, result(2))).registers] == [
        "c",
        "unrecorded",
    ]


# -- what is refused ------------------------------------------------------------------------------


def of(line: str, declared: str = "") -> str:
    return program(line, qis("h__body", "ptr null"), end=declared)


BRANCH = """br i1 {}, label %a, label %b
a:
  br label %b
b:"""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (program(), "declares no qubits"),
        ("define void @main() {\nret void\n}", "no function has the attribute 'entry_point'"),
        (
            of("ret void\n}\ndefine void @g() #0 {"),
            "2 functions are entry points; a circuit has one",
        ),
        ('declare void @f() #0\nattributes #0 = { "entry_point" }', "declared and not defined"),
        (program().replace("@main()", "@main(double %a)"), "the entry point takes arguments"),
        (of("br label %entry2\nentry2:\nbr label %entry2\nx:"), "has a loop; what branches"),
        (of(BRANCH.format("true")), "a block ends with 'br', which branches; what branches"),
        (of(BRANCH.format("true")), "QIR's adaptive profile, and only the base profile is read"),
        (of("%1 = add i64 1, 2"), "the instruction 'add' stands in the entry point"),
        (of("%1 = alloca i64"), "the instruction 'alloca' stands"),
        (of("%1 = load i64, ptr null"), "the instruction 'load' stands"),
        (of("unreachable\nx:"), "a block ends with 'unreachable'"),
        (
            of(
                f"%1 = call i1 @{QIS}read_result__body(ptr null)",
                f"declare i1 @{QIS}read_result__body(ptr)",
            ),
            "'read_result__body' is not supported: what depends on results is QIR's adaptive",
        ),
        (
            of(f"%1 = call ptr @{RT}qubit_allocate()", f"declare ptr @{RT}qubit_allocate()"),
            "have numbers and are not allocated",
        ),
        (of(rt("int", "i64 1", "ptr null")), "only results are recorded"),
        (of(qis("nosuch__body", "ptr null")), "'nosuch__body' is not supported: there is no such"),
        (of("call void @system(ptr null)"), "only the entry point and QIR's own functions"),
        (of("call void @system(ptr @0)", '@0 = constant [3 x i8] c"id\\00"'), "QIR's own"),
        (of("call void @g()", "define void @g() {\nret void\n}").replace("declare void @g()", ""),
         "'g' is defined and called"),
        (of("call void @main()").replace("declare void @main()", ""), "'main' is defined and"),
        (of('call void asm "nop", ""()').replace("declare void @()", ""), "no function by name"),
        (of("call void inttoptr (i64 5 to ptr)(ptr null)"), "no function by name"),
        (of(qis("x__body")), "'x__body' takes 1 arguments, not 0"),
        (of(qis("cx__body", "ptr null")), "'cx__body' takes 2 arguments, not 1"),
        (of(qis("mz__body", "ptr null")), "'mz__body' takes 2 arguments, not 1"),
        (of(qis("rx__body", "ptr null", "double 0.5")), "a qubit of 'rx__body' must be one by its"),
        (of(qis("rx__body", "i64 1", "ptr null")), "an angle of 'rx__body' must be a number"),
        (of(qis("rx__body", "double undef", "ptr null")), "an angle of 'rx__body' must be"),
        (of(qis("rx__body", "double 0x7FF0000000000000", "ptr null")), "it must be finite"),
        (of(qis("rx__body", "double 0x7FF8000000000000", "ptr null")), "it must be finite"),
        (of(qis("rx__body", "double 1.0e300", "ptr null")), "at most"),
        (of(qis("cx__body", number(1), number(1))), "is done on qubit 1 and the same again"),
        (of(qis("x__body", "ptr undef")), "a qubit of 'x__body' must be one by its number"),
        (of(qis("x__body", "ptr poison")), "must be one by its number"),
        (of(qis("x__body", "i64 1")), "must be one by its number"),
        (of(qis("x__body", "ptr @main")), "must be one by its number"),
        (of(qis("x__body", number(-1))), "is done on qubit -1"),
        (of(qis("x__body", number(28))), "the circuit needs 29 qubits, the target has 28"),
        (of(qis("x__body", number(10**9))), "needs 1000000001 qubits, the target has 28"),
        # Whose lowest 64 bits would be a small number.
        (of(qis("x__body", f"ptr inttoptr (i128 {(1 << 64) + 1} to ptr)")), "by its number"),
        (of(qis("x__body", number((1 << 64) - 5))), "is done on qubit -5"),
        (of(qis("mz__body", "ptr null", number(4096))), "needs 4097 results, the target has 4096"),
        (program(attributes='"required_num_qubits"="29"'), "needs 29 qubits, the target has 28"),
        (program(attributes='"required_num_qubits"="many"'), "must be a whole number, not 'many'"),
        (program(attributes='"required_num_results"="99999"'), "needs 99999 results"),
        (of(f"{result(0)}\n{result(0)}"), "result 0 is recorded twice"),
        (
            of(result(0) + "\n" + qis("mz__body", "ptr null", "ptr null"),
               f"declare void @{QIS}mz__body(ptr, ptr)"),
            "result 0 is measured after it was recorded",
        ),
        (of(rt("array", "i64 3", "ptr null")), "not all results that it says to have"),
        (of(rt("array", "i64 -3", "ptr null")), "must have a number of parts"),
        (of(rt("array", "ptr null", "ptr null")), "must have a number of parts"),
        (of("call vo @f()"), "LLVM cannot read it: expected type"),
        (of("x"), "LLVM cannot read it"),
    ],
)  # fmt: skip
def test_what_is_refused_and_why(text: str, sentence: str) -> None:
    refused = refusal(text, Language.QIR).sentence
    assert sentence in refused
    assert len(refused) <= 300
    assert "\n" not in refused
    assert facts(sent("qiskit-qir")).operations == 21


def test_what_llvm_says_has_its_place() -> None:
    text = program(qis("x__body", number(0)), "call vo @f()")
    refused = refusal(text)
    assert (refused.line, refused.column) == (4, 8)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (bitcode()[:4], "has 0 modules"),
        (bitcode()[:7], "is cut off"),
        (bitcode()[:1000], "is cut off"),
        (bitcode()[:-4], "is cut off"),
        (bitcode() + b"BC", "is cut off"),
        (bitcode() + b"more", "is cut off"),
        (bitcode() + bitcode(), "is broken: something stands where a block should"),
        (bitcode() + bitcode()[4:], "has 2 modules"),
        (bitcode()[:4] + b"\xff" * 40, "is broken"),
        (bitcode().replace(bitcode()[40:80], b"\x55" * 40), "LLVM cannot read it"),
        (WRAPPED_BITCODE, "is cut off"),
        (WRAPPED_BITCODE + struct.pack("<4I", 0, 20, 1 << 31, 0) + bitcode(), "is cut off"),
        (WRAPPED_BITCODE + struct.pack("<4I", 0, 0, 8, 0) + bitcode(), "not QIR's bitcode"),
    ],
)
def test_containers_that_are_broken(data: bytes, sentence: str) -> None:
    assert sentence in refusal(as_text(data)).sentence
    assert sentence in refusal(as_text(data), Language.QIR).sentence


def test_llvm_sees_nothing_that_is_too_long_or_too_deep() -> None:
    began = time.process_time()
    lines = (qis("x__body", number(0)) + "\n") * 140_000
    assert "a circuit in QIR may have" in refusal(program() + "\n;" + lines).sentence
    longer = bitcode() + b"\0" * LIMITS.bytes_qir
    assert "a circuit in QIR may have 8388608" in refusal(as_text(longer)).sentence
    assert "a circuit in QIR may have 10" in refusal(program(), bytes_qir=10).sentence
    for deep in ("[1 x " * 100_000, "{" * 100_000, "<{" * 50_000, "!{" * 50_000, "(" * 100_000):
        refused = refusal(f"{program()}\n@x = constant {deep}", Language.QIR)
        assert refused.sentence == "brackets are nested more than 64 deep"
        assert refused.line == program().count("\n") + 2
    # Brackets in texts and comments are none.
    assert facts(program(qis("x__body", "ptr null"), end=f"; {'(' * 100}")).qubits == 1
    assert time.process_time() - began < 20
    assert "control character U+0000" in refusal(program() + "\0").sentence


def test_many_operations_are_counted_before_they_are_written() -> None:
    text = program(*[qis("x__body", number(0))] * 11)
    assert "has 11 operations" in refusal(text, operations=10).sentence


def test_only_what_begins_as_llvm_does_is_qir() -> None:
    for other in (BELL2, BELL3, "H 0\nM 0", '{"instructions": []}'):
        assert facts(other).language is not Language.QIR if other[0] != "{" else True
        with pytest.raises(InvalidCircuit):
            parse(other, Language.QIR, LIMITS)
    text = sent("qdk")
    assert refusal(text, Language.OPENQASM_3).sentence == (
        "the parameter LANG says OPENQASM-3 but the circuit is in QIR"
    )
    assert refusal(sent("pyqir"), Language.QPY).sentence == (
        "the parameter LANG says QPY but the circuit is in QIR"
    )
    for said in (None, Language.QIR, Language.QPY):
        assert refusal("data:application/octet-stream;base64,QUJD", said).sentence == (
            "the circuit is bytes, and not in QPY, which begins with 'QISKIT', or QIR's bitcode,"
            " which begins with 'BC'"
        )
