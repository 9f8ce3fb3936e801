"""The global phase of U, u2 and u3, which the standard of OPENQASM-3 and Qiskit have differently.

It cannot be seen until the gate gets a control or is raised to a fraction. So
it is kept for gates within definitions and for gates with modifiers, and what
is written down beside is whether the two readings make different circuits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Parameter, ParameterExpression
from qiskit.circuit.library import U2Gate, U3Gate, UGate, get_standard_gate_name_mapping
from qiskit.quantum_info import Operator

from quws.circuits.gates import LARGEST_MATRIX, Angle, Builder, DefinedGate, Definition

STANDARD_BY_LETTER: dict[Any, Callable[..., Angle]] = {
    UGate: lambda theta, _phi, _lambda: theta / 2,
    U2Gate: lambda phi, lambda_: -(phi + lambda_) / 2,
    U3Gate: lambda _theta, phi, lambda_: -(phi + lambda_) / 2,
}
"""By how much the phase of a gate in the standard is larger than that of Qiskit's gate."""

_CLOSE = 1e-8
_SAMPLE = (0.7, 1.9, -0.4, 0.3)
"""Parameters at which two gates are compared; no definition is right just there by chance."""

_QUBITS = 5
_ALIASES = {"CX": "cx", "phase": "p", "cphase": "cp"}
# What cu3 is depends on whom one asks; the others are no gates or are built in.
_NOT_COMPARED = frozenset(["cu3", "u", "delay", "measure", "reset", "global_phase"])


class Difference:
    """By what the two readings of something differ: a phase, and whether there is more."""

    def __init__(self, shift: Angle = 0.0, *, beyond: bool = False) -> None:
        self.shift = shift
        self.beyond = beyond

    def raise_to(self, exponent: float) -> None:
        """Follow a power."""
        self.beyond |= not float(exponent).is_integer() and _is_some(self.shift)
        self.shift = self.shift * exponent

    def control(self) -> None:
        """Follow a control, which makes a phase visible."""
        self.beyond |= _is_some(self.shift)
        self.shift = 0.0

    def add(self, other: Difference) -> None:
        """Follow a gate after others."""
        self.shift = self.shift + other.shift
        self.beyond |= other.beyond


def _is_some(shift: Angle) -> bool:
    if isinstance(shift, ParameterExpression):
        if shift.parameters:
            return True
        shift = float(shift.numeric())
    return abs(math.remainder(shift, math.tau)) > _CLOSE


def difference_of(builder: Any, values: Sequence[Angle]) -> Difference:
    """Tell by what the readings of a gate with these parameters differ, before its modifiers."""
    if builder in STANDARD_BY_LETTER:
        return Difference(STANDARD_BY_LETTER[builder](*values))
    if isinstance(builder, Builder):
        return Difference(builder.source.shift_at(values), beyond=builder.source.differs)
    return Difference()


def with_phase(builder: Any, values: Sequence[Angle], name: str) -> Gate:
    """Make a gate of ``STANDARD_BY_LETTER`` together with the phase that the standard gives it."""
    return DefinedGate(_definition(builder, name), values)


@cache
def _definition(builder: Any, name: str) -> Definition:
    count = len(builder(*range(3)[: 2 if builder is U2Gate else 3]).params)
    parameters = tuple(Parameter(f"angle{number}") for number in range(count))
    body = QuantumCircuit(1, global_phase=STANDARD_BY_LETTER[builder](*parameters))
    body.append(builder(*parameters), [0])
    return Definition(name, body, parameters)


# Which reading a program means that defines the standard gates itself


def is_standard_name(name: str) -> bool:
    """Whether a gate of this name is one that libraries define."""
    return name in _ALIASES or (
        name in get_standard_gate_name_mapping() and name not in _NOT_COMPARED
    )


def meant_for_qiskit(
    by_letter: Mapping[str, Definition], by_qiskit: Callable[[], Mapping[str, Definition]]
) -> list[str]:
    """List the standard gates that a program defines right only if U has Qiskit's phase.

    Empty where some are right only by the standard, which then holds for all.
    """
    doubtful = {
        name: definition
        for name, definition in by_letter.items()
        if is_standard_name(name)
        and (definition.differs or _is_some(definition.shift))
        and definition.gates <= LARGEST_MATRIX
    }
    if not doubtful:
        return []
    others = by_qiskit()
    found = []
    for name, definition in doubtful.items():
        standard, qiskit = (_is_right(name, item) for item in (definition, others[name]))
        if standard and not qiskit:
            return []
        if qiskit and not standard:
            found.append(name)
    return found


def _is_right(name: str, definition: Definition) -> bool:
    gate = get_standard_gate_name_mapping()[_ALIASES.get(name, name)]
    count = len(gate.params)
    if (len(definition.parameters), definition.body.num_qubits) != (count, gate.num_qubits):
        return False
    if gate.num_qubits > _QUBITS:
        return False
    values = _SAMPLE[:count]
    matrix = Operator(DefinedGate(definition, values)).data
    return any(np.allclose(matrix, wanted, atol=_CLOSE) for wanted in _wanted(name, gate, values))


def _wanted(name: str, gate: Gate, values: Sequence[float]) -> list[npt.NDArray[np.complex128]]:
    matrix = type(gate)(*values).to_matrix() if values else gate.to_matrix()
    if name not in ("u2", "u3"):
        return [matrix]
    # Both are around: that of stdgates.inc, and U itself as in qelib1.inc.
    return [matrix, matrix * np.exp(1j * float(STANDARD_BY_LETTER[type(gate)](*values)))]
