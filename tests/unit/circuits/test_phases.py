"""The phase of U, u2 and u3, by the matrix that the standard gives."""

import cmath
import math

import exact
import numpy as np
import pytest
from meaning import THREE, gives_often, notes

from quws.domain.circuits import Language


def u(theta: float, phi: float, lam: float) -> np.ndarray:
    turn = cmath.exp(1j * theta)
    return 0.5 * np.array(
        [
            [1 + turn, -1j * cmath.exp(1j * lam) * (1 - turn)],
            [1j * cmath.exp(1j * phi) * (1 - turn), cmath.exp(1j * (phi + lam)) * (1 + turn)],
        ]
    )


def u_of_qiskit(theta: float, phi: float, lam: float) -> np.ndarray:
    return cmath.exp(-0.5j * theta) * u(theta, phi, lam)


def u3(theta: float, phi: float, lam: float) -> np.ndarray:
    return cmath.exp(-0.5j * (theta + phi + lam)) * u(theta, phi, lam)


def ctrl(matrix: np.ndarray, value: int = 1) -> np.ndarray:
    """The control is the lowest bit of the index."""
    whole = np.eye(2 * len(matrix), dtype=complex)
    acts = np.arange(len(matrix)) * 2 + value
    whole[np.ix_(acts, acts)] = matrix
    return whole


def power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eig(matrix)
    angles = np.angle(values)
    angles[angles < -math.pi + 1e-9] = math.pi
    return vectors @ np.diag(np.exp(1j * exponent * angles)) @ np.linalg.inv(vectors)


PI = math.pi
H = (exact.X + exact.Z) / math.sqrt(2)
V = u(PI, 0, PI)  # i times X
G = cmath.exp(-2.4j) * u3(0.65, 0.83, 3.97)

# On three qubits: what is written, and the matrix that acts on the first of them.
PHASES: list[tuple[str, str, np.ndarray]] = [
    ("", "ctrl @ U(pi, 0, pi)", ctrl(V)),
    ("", "negctrl @ U(pi, 0, pi)", ctrl(V, 0)),
    ("", "ctrl @ U(0.4, 1.1, -0.7)", ctrl(u(0.4, 1.1, -0.7))),
    ("", "ctrl @ inv @ U(0.4, 1.1, -0.7)", ctrl(u(0.4, 1.1, -0.7).conj().T)),
    ("", "inv @ ctrl @ U(0.4, 1.1, -0.7)", ctrl(u(0.4, 1.1, -0.7)).conj().T),
    ("", "ctrl @ pow(2) @ U(pi, 0, pi)", ctrl(V @ V)),
    ("", "pow(3) @ ctrl @ U(0.4, 0.2, 0.1)", ctrl(power(u(0.4, 0.2, 0.1), 3))),
    ("", "ctrl @ pow(-2) @ U(0.4, 0.2, 0.1)", ctrl(power(u(0.4, 0.2, 0.1), -2))),
    ("", "ctrl @ pow(0.5) @ U(pi, 0, pi)", ctrl(power(V, 0.5))),
    ("", "pow(0.5) @ ctrl @ U(pi, 0, pi)", ctrl(power(V, 0.5))),
    ("", "ctrl @ pow(0.5) @ pow(2) @ U(pi, 0, pi)", ctrl(power(V @ V, 0.5))),
    ("", "pow(0.25) @ U(2 * pi, 0, 0)", np.eye(2)),
    ("", "ctrl @ u2(0, pi)", ctrl(u3(PI / 2, 0, PI))),
    ("", "ctrl @ u3(0.3, 0.5, 0.9)", ctrl(u3(0.3, 0.5, 0.9))),
    ("", "ctrl(2) @ u3(0.3, 0.5, 0.9)", ctrl(ctrl(u3(0.3, 0.5, 0.9)))),
    ("", "ctrl @ pow(0.5) @ x", ctrl(power(exact.X, 0.5))),
    ("gate g a { u3(0.65, 0.83, 3.97) a; gphase(-2.4); }", "ctrl @ pow(2) @ g", ctrl(G @ G)),
    ("gate g(t) a { U(t, 0, pi) a; }", "ctrl @ g(pi)", ctrl(V)),
    ("gate g(t) a { U(t, 0, pi) a; }", "ctrl @ inv @ g(1)", ctrl(u(1, 0, PI).conj().T)),
    (
        "gate g(t) a { U(t, 0, pi) a; } gate f(s) a { g(2 * s) a; }",
        "ctrl @ f(0.6)",
        ctrl(u(1.2, 0, PI)),
    ),
    ("gate g(t) a, b { ctrl @ U(t, 0.1, 0.2) a, b; }", "g(0.9)", ctrl(u(0.9, 0.1, 0.2))),
    ("gate g(t) a { pow(0.5) @ U(t, 0, pi) a; }", "ctrl @ g(pi)", ctrl(power(V, 0.5))),
    (
        "gate g a { h a; t a; }",
        "ctrl @ pow(0.5) @ g",
        ctrl(power(np.diag([1, cmath.exp(0.25j * PI)]) @ H, 0.5)),
    ),
]


def around(use: str, matrix: np.ndarray) -> tuple[str, dict[str, float]]:
    """A circuit that shows phases as counts, and how likely its outcomes are."""
    qubits = len(matrix).bit_length() - 1
    prepare = "".join(f"h q[{k}]; " for k in range(qubits)) + "rx(0.7) q[0]; "
    operands = ", ".join(f"q[{k}]" for k in range(qubits))
    text = f"qubit[{qubits}] q; bit[{qubits}] c; {prepare}{use} {operands}; "
    text += "".join(f"h q[{k}]; " for k in range(qubits)) + "c = measure q;"
    followed = exact.Exact(qubits, qubits)
    for k in range(qubits):
        followed.gate("h", [k])
    followed.gate("rx", [0], 0.7)
    followed.matrix(matrix, range(qubits))
    for k in range(qubits):
        followed.gate("h", [k])
    for k in range(qubits):
        followed.measure(k, k)
    return text, followed.probabilities([qubits])


@pytest.mark.parametrize(("defined", "use", "matrix"), PHASES)
def test_gates_have_the_phase_of_the_standard(defined: str, use: str, matrix: np.ndarray) -> None:
    text, expected = around(use, matrix)
    gives_often(f"{THREE}{defined} {text}", expected)


@pytest.mark.parametrize(
    ("use", "matrix"),
    [
        ("ctrl @ U(pi, 0, pi)", ctrl(exact.X)),
        ("ctrl @ U(0.4, 1.1, -0.7)", ctrl(u_of_qiskit(0.4, 1.1, -0.7))),
        ("ctrl @ u3(0.4, 1.1, -0.7)", ctrl(u_of_qiskit(0.4, 1.1, -0.7))),
        ("ctrl @ pow(0.5) @ U(pi, 0, pi)", ctrl(power(exact.X, 0.5))),
    ],
)
def test_qiskits_phase_is_taken_where_lang_asks_for_it(use: str, matrix: np.ndarray) -> None:
    text, expected = around(use, matrix)
    gives_often(THREE + text, expected, Language.OPENQASM_3_QISKIT)
    assert "as LANG says" in notes(THREE + text, Language.OPENQASM_3_QISKIT)[0]


BY_LETTER = """
gate p(λ) a { ctrl @ gphase(λ) a; }
gate x a { U(π, 0, π) a; gphase(-π/2); }
gate h a { U(π/2, 0, π) a; gphase(-π/4); }
gate rx(θ) a { U(θ, -π/2, π/2) a; gphase(-θ/2); }
gate cx a, b { ctrl @ x a, b; }
gate CX a, b { ctrl @ U(π, 0, π) a, b; }
gate cu(θ, φ, λ, g) a, b { p(g-θ/2) a; ctrl @ U(θ, φ, λ) a, b; }
gate u3(θ, φ, λ) q { gphase(-(φ+λ+θ)/2); U(θ, φ, λ) q; }
"""
EARLIER = """
gate p(λ) a { ctrl @ gphase(λ) a; }
gate x a { U(π, 0, π) a; }
gate h a { U(π/2, 0, π) a; }
gate rx(θ) a { U(θ, -π/2, π/2) a; }
gate cx a, b { ctrl @ x a, b; }
gate u3(θ, φ, λ) q { gphase(-(φ+λ)/2); U(θ, φ, λ) q; }
"""
EXPORTED = """
gate p(p0) _gate_q_0 { U(0, 0, p0) _gate_q_0; }
gate sdg _gate_q_0 { p(-pi/2) _gate_q_0; }
gate h _gate_q_0 { U(pi/2, 0, pi) _gate_q_0; }
gate sx _gate_q_0 { sdg _gate_q_0; h _gate_q_0; sdg _gate_q_0; }
gate rx(p0) _gate_q_0 { U(p0, -pi/2, pi/2) _gate_q_0; }
gate cx c, t { ctrl @ U(pi, 0, pi) c, t; }
"""


@pytest.mark.parametrize(
    ("defined", "use", "matrix", "qiskit"),
    [
        (BY_LETTER, "cx", ctrl(exact.X), False),
        (BY_LETTER, "ctrl @ rx(0.6)", ctrl(exact.GATES["rx"](0.6)), False),
        (BY_LETTER, "CX", ctrl(V), False),
        (
            BY_LETTER,
            "cu(0.2, 0.4, 0.6, 0.8)",
            ctrl(cmath.exp(0.8j) * u_of_qiskit(0.2, 0.4, 0.6)),
            False,
        ),
        (EARLIER, "cx", ctrl(exact.X), True),
        (EARLIER, "ctrl @ rx(0.6)", ctrl(exact.GATES["rx"](0.6)), True),
        (EARLIER, "ctrl @ u3(0.2, 0.4, 0.6)", ctrl(u3(0.2, 0.4, 0.6)), True),
        (EXPORTED, "cx", ctrl(exact.X), True),
        (EXPORTED, "ctrl @ h", ctrl(H), True),
        (
            "gate cx c, t { ctrl @ U(pi, 0, pi) c, t; } gate h a { U(pi/2, 0, pi) a; }"
            " gate rx(t) a { U(t, -pi/2, pi/2) a; }",
            "cx",
            ctrl(exact.X),
            True,
        ),
    ],
)
def test_a_program_that_defines_the_standard_gates_means_the_phase_that_makes_them_so(
    defined: str, use: str, matrix: np.ndarray, qiskit: bool
) -> None:
    text, expected = around(use, matrix)
    gives_often(f"OPENQASM 3.0; {defined} {text}", expected)
    said = notes(f"OPENQASM 3.0; {defined} {text}")
    assert len(said) == 1
    assert ("read with Qiskit's" in said[0]) == qiskit


@pytest.mark.parametrize(
    "body",
    [
        "U(pi, 0, pi) q[0]; u3(1, 2, 3) q[1]; u2(1, 2) q[0];",
        "inv @ U(1, 2, 3) q[0]; pow(2) @ u3(1, 2, 3) q[0];",
        "ctrl @ U(0, 0, pi) q[0], q[1];",
        "ctrl @ rx(1) q[0], q[1]; pow(0.5) @ x q[0];",
        "h q[0];",
    ],
)
def test_nothing_is_said_of_the_phase_where_it_makes_no_difference(body: str) -> None:
    declared = "qubit[2] q; bit[2] c;"
    assert notes(f"{THREE}gate g a {{ U(1, 2, 3) a; }} {declared} g q; {body} c = measure q;") == []
