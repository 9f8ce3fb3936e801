"""Circuits that several tests use."""

from __future__ import annotations

BELL2 = (
    'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\n'
    "h q[0];\ncx q[0],q[1];\nmeasure q -> c;\n"
)
BELL3 = (
    'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\n'
    "h q[0];\ncx q[0], q[1];\nc = measure q;\n"
)


ENDLESS = (
    'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[22] q;\nbit[22] c;\n'
    "for int i in [1:3000] { rx(0.3) q; cx q[0], q[21]; rz(0.1) q[1]; }\nc = measure q;\n"
)
"""Keeps a simulator busy for minutes, and is read in a moment."""


def slow(qubits: int, layers: int) -> str:
    """A circuit that keeps a simulator busy for a while: no two layers can be fused to one."""
    lines = ['OPENQASM 2.0;\ninclude "qelib1.inc";', f"qreg q[{qubits}];\ncreg c[{qubits}];"]
    for layer in range(layers):
        lines += [f"rx(0.{layer + 1}) q[{k}];" for k in range(qubits)]
        lines += [
            f"cx q[{k}],q[{(k + 1 + layer) % qubits}];"
            for k in range(0, qubits - 1, 2)
            if k != (k + 1 + layer) % qubits
        ]
    lines.append("measure q -> c;")
    return "\n".join(lines)


def flip(bit: int, bits: int) -> str:
    """One qubit is 1, all others are 0."""
    return (
        f'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[{bits}];\ncreg c[{bits}];\n'
        f"x q[{bit}];\nmeasure q -> c;\n"
    )
