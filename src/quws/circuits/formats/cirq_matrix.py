"""Cirq's gates that are given as their matrix, written out as gates that have names."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit.library import CXGate, UGate
from qiskit.synthesis import OneQubitEulerDecomposer, TwoQubitBasisDecomposer

from quws.circuits.formats.cirq_gates import Steps
from quws.circuits.formats.json_fields import fields_of, list_at, number_at, refuse_at

_MOST_QUBITS = 2
_CLOSE = 1e-6
"""How far from unitary a matrix may be that somebody has rounded."""
_HIGHEST_FIRST = [0, 2, 1, 3]
"""Cirq's first qubit is the highest bit of an index, Qiskit's the lowest."""


def made_of_matrix(value: dict[str, Any], at: str) -> tuple[int, Steps]:
    """Return how many qubits a ``MatrixGate`` has, and what it is made of, up to its phase.

    Raises
    ------
    InvalidCircuit
        It is on more than two qubits, or its matrix is not unitary.

    """
    fields_of(value, at, ["cirq_type", "matrix"], ["qid_shape", "name"])
    at = f"{at}.matrix"
    rows = list_at(value["matrix"], at)
    qubits = len(rows).bit_length() - 1
    if not 1 <= qubits <= _MOST_QUBITS or len(rows) != 1 << qubits:
        refuse_at(
            at,
            f"has {len(rows)} rows, and a MatrixGate has 2 or 4 here, on one qubit or two;"
            " cirq.decompose may write others out",
        )
    matrix = np.array([_row(row, len(rows), f"{at}[{n}]") for n, row in enumerate(rows)])
    with np.errstate(all="ignore"):
        square = matrix @ matrix.conj().T
    if not np.allclose(square, np.eye(len(rows)), rtol=0, atol=_CLOSE):
        refuse_at(at, "must be unitary")
    if qubits == 1:
        theta, phi, lam = _one().angles(matrix)
        return 1, [(UGate(theta, phi, lam), (0,))]
    made = _two()(matrix[np.ix_(_HIGHEST_FIRST, _HIGHEST_FIRST)])
    places = {qubit: place for place, qubit in enumerate(made.qubits)}
    return 2, [(item.operation, tuple(places[qubit] for qubit in item.qubits)) for item in made]


def _row(value: Any, width: int, at: str) -> NDArray[np.complex128]:
    row = list_at(value, at)
    if len(row) != width:
        refuse_at(at, f"has {len(row)} columns, and must have {width}")
    return np.array([_number(item, f"{at}[{n}]") for n, item in enumerate(row)])


def _number(value: Any, at: str) -> complex:
    if not isinstance(value, dict):
        return complex(number_at(value, at))
    fields_of(value, at, ["cirq_type", "real", "imag"])
    if value["cirq_type"] != "complex":
        refuse_at(f"{at}.cirq_type", "must be complex")
    return complex(number_at(value["real"], f"{at}.real"), number_at(value["imag"], f"{at}.imag"))


@cache
def _one() -> OneQubitEulerDecomposer:
    return OneQubitEulerDecomposer("U")


@cache
def _two() -> TwoQubitBasisDecomposer:
    return TwoQubitBasisDecomposer(CXGate(), euler_basis="U")
