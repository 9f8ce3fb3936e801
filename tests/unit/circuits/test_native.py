"""Circuits that are run as they are: what is native, and what is refused with its line."""

from __future__ import annotations

import pytest
from qiskit.circuit.library import RGate

from quws.circuits.native import check_native, placed
from quws.circuits.parse import parse
from quws.domain.circuits import CircuitLimits
from quws.domain.compiling import Native
from quws.domain.errors import InvalidCircuit

STAR = Native(target="qpu", qubits=5, gates=("r", "cz"), coupling=((0, 2), (1, 2)))
HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
R = "gate r(a, b) q {\n U(a, -pi/2 + b, pi/2 - b) q;\n}\n"


def check(source: str, native: Native = STAR) -> None:
    circuit, facts = parse(source, None, CircuitLimits())
    check_native(circuit, native, source, facts.language)


def refusal(source: str, native: Native = STAR) -> InvalidCircuit:
    with pytest.raises(InvalidCircuit) as caught:
        check(source, native)
    return caught.value


def test_a_gate_that_the_language_has_no_word_for_is_known_by_what_it_does() -> None:
    source = (
        f"{HEAD}{R}bit[2] c; r(0.3, -1) $0; cz $0, $2; reset $2; barrier $0; c[0] = measure $2;"
    )
    check(source)
    circuit, _ = parse(source, None, CircuitLimits())
    made = placed(circuit, STAR.gates, 5, range(circuit.num_qubits), lambda *_: True)
    assert made.num_qubits == 5
    assert isinstance(made.data[0].operation, RGate)
    assert made.data[0].params == [0.3, -1]
    older = "OPENQASM 2.0; gate r(a,b) q { U(a, b-pi/2, pi/2-b) q; } qreg q[1]; r(1, 2) q[0];"
    check(older)


def test_one_of_its_name_that_does_something_else_is_none() -> None:
    fault = refusal(f"{HEAD}{R.replace('-pi/2', 'pi/2')}r(0.3, -1) $0;")
    assert "gate 'r' on qubit 0 is not native" in fault.sentence
    assert "gate 'c1_r'" in refusal(f"{HEAD}{R}ctrl @ r(0.3, -1) $0, $2;").sentence
    older = "OPENQASM 2.0; gate r(a,b) q { U(b,a-pi/2,pi/2-b) q; } qreg q[1]; r(1, 2) q[0];"
    assert "gate 'r'" in refusal(older).sentence


def test_the_first_gate_that_is_not_native_is_named_with_its_line() -> None:
    fault = refusal(f"{HEAD}// h\n{R}gate own q {{ h q; }}\nqubit[3] q;\ncz q[0], q[2]; h q[1];")
    assert fault.sentence == (
        "gate 'h' on qubit 1 is not native on target qpu, which has r, cz; OPTIMIZATION=none runs a"
        " circuit as it is"
    )
    assert fault.line == 9
    assert refusal(f"{HEAD}gate own q {{ }}\nqubit q;\n\nown q;").line == 6
    inside = refusal(f"{HEAD}qubit q; bit c;\nc = measure q;\nif (c) {{\n x q; }}")
    assert (inside.line, "gate 'x' on qubit 0" in inside.sentence) == (6, True)
    assert refusal("H 1").line is None


def test_qubits_that_are_not_coupled_are_named() -> None:
    source = f"{HEAD}qubit[3] q; cz q[2], q[0]; cz q[0], q[1];"
    assert refusal(source).sentence == (
        "gate 'cz' joins qubits 0 and 1 of target qpu, which it does not couple; OPTIMIZATION=none"
        " runs a circuit as it is"
    )
    mapped = STAR.model_copy(update={"layout": (2, 1, 0)})
    check(source, mapped)
    assert "qubits 0 and 1" in refusal(f"{HEAD}qubit[3] q; cz q[2], q[1];", mapped).sentence


def test_where_any_gate_will_do_anything_is_native() -> None:
    check(
        f"{HEAD}qubit[9] q; h q[8]; ccx q[0], q[1], q[2];", Native(target="a", qubits=9, gates=())
    )


def test_a_parameter_gets_its_value_later() -> None:
    check(f"{HEAD}{R}input float theta; r(theta, 0) $0;")
