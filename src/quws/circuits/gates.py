"""Gates that an OPENQASM-3 circuit defines, written out only when somebody asks."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Parameter, ParameterExpression
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import Operator
from typing_extensions import override

Angle: TypeAlias = "float | ParameterExpression"

_Parts: TypeAlias = "tuple[QuantumCircuit, tuple[Parameter, ...], Angle]"

LARGEST_MATRIX = 1000
"""Gates that a definition may have, written out, for its matrix to be computed."""

_MATRIX_QUBITS = 3
"""Gates up to this size are raised to a power by their matrix."""


@dataclass(frozen=True, eq=False)
class Definition:
    """A gate as it is defined: its body, and its parameters in the order of declaration.

    ``shift`` is the global phase by which the gate of the standard differs
    from that of Qiskit, and ``differs`` whether there is more than a phase
    between them (see :mod:`quws.circuits.phases`).
    """

    name: str
    body: QuantumCircuit
    parameters: tuple[Parameter, ...] = ()
    shift: Angle = 0.0
    differs: bool = False

    @cached_property
    def gates(self) -> int:
        """How many gates it has, written out; only so large that it can be compared."""
        number = 0
        for instruction in self.body.data:
            gate = instruction.operation
            inner, times = 1, 1
            if isinstance(gate, DefinedGate):
                inner = gate.source.gates
                times = max(1, math.ceil(abs(gate.exponent))) * (1 + 50 * gate.controls)
            number = min(number + inner * times, LARGEST_MATRIX + 1)
        return number

    def bind(self, values: Sequence[Angle]) -> QuantumCircuit:
        """Make the body for given parameters; gates within it stay unwritten."""
        if not self.parameters:
            return self.body.copy()
        body, parameters, _ = self._renamed if _any_free(values) else self._own
        given = dict(zip(parameters, map(_plain, values), strict=True))
        return body.assign_parameters(given, strict=False)

    def shift_at(self, values: Sequence[Angle]) -> Angle:
        """Compute ``shift`` for given parameters."""
        _, parameters, shift = self._renamed if _any_free(values) else self._own
        return _assigned(shift, parameters, values)

    @property
    def _own(self) -> _Parts:
        return self.body, self.parameters, self.shift

    @cached_property
    def _renamed(self) -> _Parts:
        """Its parts with parameters that have names of no circuit's: one of the same name, and
        another meaning, could not be put in their place.
        """
        others = tuple(Parameter(f"#{number}") for number in range(len(self.parameters)))
        renamed = dict(zip(self.parameters, others, strict=True))
        body = self.body.assign_parameters(renamed, strict=False)
        return body, others, _assigned(self.shift, self.parameters, others)


class DefinedGate(Gate):  # type: ignore[misc]
    """One use of a defined gate, with its modifiers.

    Where the parser would copy the whole tree of definitions at every use,
    this keeps a reference: a circuit takes as much memory as its text, also if
    each of its gates uses the one before twice.

    Parameters
    ----------
    source
        The definition.
    params
        One value for each of its parameters.
    power
        How often the gate is applied; negative for the inverse. A fraction is the principal
        power of its matrix.
    controls
        Control qubits, which stand before the gate's own.
    control_state
        The value at which they let the gate act; bit 0 is the first control.

    """

    def __init__(
        self,
        source: Definition,
        params: Sequence[Angle],
        *,
        power: float = 1,
        controls: int = 0,
        control_state: int = 0,
    ) -> None:
        name = source.name
        if power != 1:
            name += "_dg" if power == -1 else f"_pow{power}".replace("-", "m").replace(".", "p")
        if controls:
            name = f"c{controls}_{name}"
            if control_state != (1 << controls) - 1:
                name += f"_o{control_state}"
        super().__init__(name, source.body.num_qubits + controls, list(params))
        self.source = source
        self._power = power
        self._controls = controls
        self._control_state = control_state

    def raised(self, power: int) -> DefinedGate:
        """Apply the gate ``power`` times."""
        product = self._power * power
        if product == int(product):
            product = int(product)
        return self._like(product, self._controls, self._control_state)

    def to(self, fraction: float) -> DefinedGate:
        """Raise a gate without modifiers to a fraction, once its parameters are known."""
        return self._like(fraction, 0, 0)

    def controlled(self, controls: int, control_state: int) -> DefinedGate:
        """Put more controls before the gate."""
        return self._like(
            self._power,
            self._controls + controls,
            self._control_state << controls | control_state,
        )

    @property
    def exponent(self) -> float:
        """How often it is applied; negative for the inverse."""
        return self._power

    @property
    def controls(self) -> int:
        """How many control qubits it has."""
        return self._controls

    @property
    def control_state(self) -> int:
        """At which value of theirs it acts; bit 0 is the first control."""
        return self._control_state

    @override
    def inverse(self, annotated: bool = False) -> Gate:
        if annotated:
            return super().inverse(annotated=True)
        return self.raised(-1)

    @override
    def _define(self) -> None:
        if self._controls:
            plain = self._like(self._power, 0, 0)
            controlled = plain.control(
                self._controls, ctrl_state=self._control_state, annotated=False
            )
            self.definition = controlled.definition
        elif self._power == 1:
            self.definition = self.source.bind(self.params)
        elif self._power == -1:
            self.definition = self.source.bind(self.params).inverse()
        elif not isinstance(self._power, int):
            self.definition = QuantumCircuit(self.num_qubits)
            self.definition.append(
                principal_power(self._like(1, 0, 0), self._power), self.definition.qubits
            )
        else:
            # In halves, so that a large power is a tree of few definitions.
            written = QuantumCircuit(self.num_qubits)
            sign = 1 if self._power > 0 else -1
            half, rest = abs(self._power) // 2, (abs(self._power) + 1) // 2
            for part in (half, rest) if half else ():
                written.append(self._like(sign * part, 0, 0), written.qubits)
            self.definition = written

    def _like(self, power: float, controls: int, control_state: int) -> DefinedGate:
        return DefinedGate(
            self.source, self.params, power=power, controls=controls, control_state=control_state
        )


@dataclass(frozen=True, eq=False)
class Builder:
    """Makes uses of a definition."""

    source: Definition

    def __call__(self, *values: Angle) -> DefinedGate:
        """Use it with parameters."""
        return DefinedGate(self.source, values)


def wrap(gate: Gate) -> DefinedGate:
    """Treat any gate as a defined one, so that its powers need no matrix."""
    body = QuantumCircuit(gate.num_qubits)
    body.append(gate, body.qubits)
    free = tuple(body.parameters)
    return DefinedGate(Definition(gate.name, body, free), free)


def raised(gate: Gate, exponent: float) -> Gate:
    """Raise a gate to a power: the principal one, where that is a fraction.

    Raises
    ------
    ValueError
        A fraction of a gate whose matrix is too large to be computed.

    """
    if exponent == 1:
        return gate
    known = not isinstance(gate, DefinedGate) and not _free(gate)
    if isinstance(exponent, int):
        if isinstance(gate, DefinedGate):
            return gate.raised(exponent)
        return (
            gate.power(exponent)
            if gate.num_qubits <= _MATRIX_QUBITS
            else wrap(gate).raised(exponent)
        )
    whole = wrap(gate)
    if gate.num_qubits > _MATRIX_QUBITS or whole.source.gates > LARGEST_MATRIX:
        raise ValueError(
            f"a gate that is raised to a fraction may have {_MATRIX_QUBITS} qubits and"
            f" {LARGEST_MATRIX} gates"
        )
    if not known:
        return whole.to(exponent)
    power = principal_power(gate, exponent)
    # A gate with a name is better known to engines than a matrix.
    named = gate.power(exponent)
    same = not isinstance(named, UnitaryGate) and Operator(named) == Operator(power)
    return named if same else power


def principal_power(gate: Gate, exponent: float) -> UnitaryGate:
    """Compute the power of a gate whose eigenvalues have their angle in (-π, π] before it."""
    return UnitaryGate(Operator(gate).power(exponent, assume_unitary=True))


def _free(gate: Gate) -> bool:
    return _any_free(gate.params)


def _any_free(values: Sequence[Any]) -> bool:
    return any(isinstance(item, ParameterExpression) and item.parameters for item in values)


def _assigned(angle: Angle, parameters: Sequence[Parameter], values: Sequence[Angle]) -> Angle:
    for parameter, value in zip(parameters, values, strict=True):
        if isinstance(angle, ParameterExpression) and parameter in angle.parameters:
            angle = angle.assign(parameter, value)
    return angle


def _plain(angle: Angle) -> Angle:
    """Write an expression whose parameters have cancelled out as the number that it is."""
    if not isinstance(angle, ParameterExpression):
        return angle
    try:
        return float(angle.numeric(strict=False).real)
    except TypeError:
        return angle


def definition_key(gate: Gate) -> Hashable:
    """Give what is the same for gates of one circuit that have the same definition."""
    if isinstance(gate, DefinedGate):
        return (id(gate.source), gate.name, *map(str, gate.params))
    return (gate.name, gate.num_qubits, *map(_key_of, gate.params))


def _key_of(item: Any) -> Hashable:
    if isinstance(item, ParameterExpression):
        # One of which a negative whole number is left has no hash in Qiskit 2.6.
        return str(item)
    # Powers that are no whole numbers have matrices for parameters.
    found: Hashable = item.tobytes() if hasattr(item, "tobytes") else item
    return found
