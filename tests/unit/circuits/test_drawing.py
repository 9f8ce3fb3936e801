"""Circuits laid out for a picture: which shape stands where, and what is left out."""

from __future__ import annotations

import pytest

from quws.circuits.drawing import draw
from quws.circuits.parse import read
from quws.domain.circuits import CircuitLimits
from quws.domain.drawings import Drawing, Drawn, Shape

HEAD3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
HEAD2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'


def drawn(source: str) -> Drawing:
    circuit, *_ = read(source, None, CircuitLimits(qubits=1000))
    return draw(circuit)


def only(source: str, declared: str = "qubit[3] q; bit[2] c;") -> Drawn:
    """The one operation of a circuit."""
    (operation,) = drawn(f"{HEAD3}{declared}\n{source}").operations
    return operation


def test_rows_are_named_as_they_are_declared() -> None:
    drawing = drawn(f"{HEAD2}qreg a[2]; qreg b[1]; creg c[3]; h a;")
    assert drawing.qubits == ["a[0]", "a[1]", "b"]
    assert drawing.registers == [("c", 3)]


@pytest.mark.parametrize(
    ("source", "shape", "qubits", "controls", "label"),
    [
        ("h q[1];", Shape.BOX, [1], [], "H"),
        ("sdg q[0];", Shape.BOX, [0], [], "S†"),
        ("cx q[2], q[0];", Shape.NOT, [0], [(2, True)], ""),
        ("ccx q[0], q[1], q[2];", Shape.NOT, [2], [(0, True), (1, True)], ""),
        ("negctrl @ x q[0], q[1];", Shape.NOT, [1], [(0, False)], ""),
        ("cz q[0], q[1];", Shape.DOT, [1], [(0, True)], ""),
        ("ch q[0], q[1];", Shape.BOX, [1], [(0, True)], "H"),
        ("swap q[0], q[2];", Shape.SWAP, [0, 2], [], ""),
        ("cswap q[0], q[1], q[2];", Shape.SWAP, [1, 2], [(0, True)], ""),
        ("reset q[1];", Shape.RESET, [1], [], ""),
        ("barrier q[0], q[2];", Shape.BARRIER, [0, 2], [], ""),
    ],
)
def test_a_gate_has_its_shape(
    source: str, shape: Shape, qubits: list[int], controls: list[tuple[int, bool]], label: str
) -> None:
    found = only(source)
    assert (found.shape, found.qubits, found.controls, found.label) == (
        shape,
        qubits,
        controls,
        label,
    )


@pytest.mark.parametrize(
    ("source", "label", "parameters"),
    [
        ("rx(pi/2) q[0];", "Rx", "π/2"),
        ("p(-3*pi/4) q[0];", "P", "-3π/4"),
        ("U(0.1, 0, pi) q[0];", "U", "0.1, 0, π"),
        ("cp(pi/8) q[0], q[1];", "P", "π/8"),
    ],
)
def test_parameters_are_fractions_of_pi_where_they_are(
    source: str, label: str, parameters: str
) -> None:
    found = only(source)
    assert (found.label, found.parameters) == (label, parameters)


def test_gates_of_the_circuits_own_are_boxes_with_their_controls() -> None:
    found = only("gate mine(a) x, y { rx(a) x; cx x, y; }\nctrl @ mine(pi) q[2], q[0], q[1];")
    assert (found.shape, found.label, found.parameters) == (Shape.BOX, "mine", "π")
    assert (found.qubits, found.controls) == ([0, 1], [(2, True)])


def test_a_measurement_goes_to_its_bit() -> None:
    found = only("c[1] = measure q[2];", "qubit[3] q; bit[4] a; bit[2] c;")
    assert (found.shape, found.qubits, found.clbits) == (Shape.MEASURE, [2], [(1, 1)])


def test_operations_stand_side_by_side_only_where_their_lines_do_not_cross() -> None:
    drawing = drawn(
        f"{HEAD3}qubit[3] q; bit[3] c;\nh q[0]; h q[2]; cx q[0], q[2]; h q[1];"
        " c[0] = measure q[0]; c[2] = measure q[2];"
    )
    assert [item.column for item in drawing.operations] == [0, 0, 1, 2, 3, 4]
    assert drawing.columns == 5


def test_one_conditional_gate_hangs_on_its_bit() -> None:
    found = only("if (c[1]) { x q[0]; }")
    assert (found.shape, found.label, found.condition) == (Shape.BOX, "X", "if 1")
    assert found.clbits == [(0, 1)]
    found = only("if (c == 2) { x q[0]; }")
    assert (found.condition, found.clbits) == ("if c = 2", [(0, 0), (0, 1)])
    old = drawn(f"{HEAD2}qreg q[1]; creg c[2]; if(c==3) x q[0];").operations[0]
    assert (old.label, old.condition) == ("X", "if c = 3")


def test_larger_blocks_stand_between_brackets() -> None:
    drawing = drawn(
        f"{HEAD3}qubit[2] q; bit[2] c;\nif (c == 1) {{ x q[0]; h q[1]; }} else {{ z q[0]; }}"
    )
    shapes = [item.shape for item in drawing.operations]
    assert shapes == [Shape.OPEN, Shape.BOX, Shape.BOX, Shape.ELSE, Shape.BOX, Shape.CLOSE]
    assert drawing.operations[0].label == "if c = 1"
    long = drawn(f"{HEAD3}qubit[1] q;\nfor int i in [0:60000] {{ rx(1.0 * i) q[0]; }}")
    assert [item.label for item in long.operations] == ["60001 times", "Rx", ""]
    assert long.operations[1].parameters == "i"


def test_a_long_circuit_is_folded_in_the_middle() -> None:
    drawing = drawn(f"{HEAD2}qreg q[1]; creg c[1];" + "h q[0]; t q[0];" * 500 + "measure q -> c;")
    assert drawing.gap == 80
    assert drawing.columns == 100
    assert drawing.left_out == 1001 - 100
    assert len(drawing.operations) == 100
    assert drawing.operations[-1].shape is Shape.MEASURE
    assert sorted({item.column for item in drawing.operations}) == list(range(100))


def test_a_very_long_circuit_shows_its_beginning() -> None:
    drawing = drawn(f"{HEAD2}qreg q[1]; creg c[1];" + "h q[0];" * 30_000 + "measure q -> c;")
    assert len(drawing.operations) == 100
    assert drawing.left_out == 30_001 - 100
    assert (drawing.gap, drawing.columns) == (100, 100)


def test_a_wide_circuit_shows_as_many_rows_as_can_be_read() -> None:
    drawing = drawn(f"{HEAD2}qreg q[300]; creg c[300]; h q; measure q -> c;")
    assert len(drawing.qubits) == 64
    assert drawing.hidden_qubits == 236
    assert all(row < 64 for item in drawing.operations for row in item.qubits)


def test_long_names_are_cut() -> None:
    name = "g" * 100
    drawing = drawn(f"{HEAD2}gate {name} a {{ h a; }} qreg q[1]; {name} q[0];")
    assert drawing.operations[0].label == "g" * 23 + "…"


def test_every_standard_gate_can_be_drawn() -> None:
    one = ["id", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx"]
    lines = [f"{name} q[0];" for name in one]
    lines += ["rx(1) q[0];", "ry(1) q[0];", "rz(1) q[0];", "p(1) q[0];", "u1(1) q[0];"]
    lines += ["u2(1,2) q[0];", "u3(1,2,3) q[0];", "gphase(1);"]
    lines += [f"{name} q[0], q[1];" for name in ("cx", "cy", "cz", "ch", "swap", "CX")]
    lines += ["crx(1) q[0], q[1];", "cry(1) q[0], q[1];", "crz(1) q[0], q[1];", "cp(1) q[0], q[1];"]
    lines += ["cu(1,2,3,4) q[0], q[1];", "ccx q[0], q[1], q[2];", "cswap q[0], q[1], q[2];"]
    lines += ["ctrl(2) @ z q[0], q[1], q[2];", "inv @ t q[0];", "pow(2) @ x q[0];"]
    drawing = drawn(f"{HEAD3}qubit[3] q; bit[1] c;\n" + "\n".join(lines))
    assert len(drawing.operations) == len(lines) - 1
    assert all(item.label or item.shape is not Shape.BOX for item in drawing.operations)


def test_of_a_device_only_the_qubits_in_use_have_rows() -> None:
    compiled = f"{HEAD3}bit[2] c;\nsx $70;\ncz $3, $70;\nc[0] = measure $70;\nc[1] = measure $3;"
    drawing = drawn(compiled)
    assert drawing.qubits == ["qubit 3", "qubit 70"]
    assert drawing.hidden_qubits == 69
    assert [item.qubits for item in drawing.operations] == [[1], [1], [1], [0]]
    assert drawing.operations[1].controls == [(0, True)]


def test_a_gate_of_a_standard_name_is_shown_by_it() -> None:
    source = "gate r(a, b) q { U(a, b, 0) q; } qubit[1] q; r(pi, 0) q[0];"
    assert drawn(f"OPENQASM 3.0; {source}").operations[0].label == "R"
