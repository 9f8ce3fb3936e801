"""Gates that an OPENQASM-3 circuit defines, written out only when somebody asks."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Parameter, ParameterExpression
from typing_extensions import override

Angle: TypeAlias = "float | ParameterExpression"


@dataclass(frozen=True, eq=False)
class Definition:
    """A gate as it is defined: its body, and its parameters in the order of declaration."""

    name: str
    body: QuantumCircuit
    parameters: tuple[Parameter, ...] = ()

    def bind(self, values: Sequence[Angle]) -> QuantumCircuit:
        """Make the body for given parameters; gates within it stay unwritten."""
        if not self.parameters:
            return self.body.copy()
        bound = dict(zip(self.parameters, values, strict=True))
        return self.body.assign_parameters(bound, strict=False)


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
        How often the gate is applied; negative for the inverse.
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
        power: int = 1,
        controls: int = 0,
        control_state: int = 0,
    ) -> None:
        name = source.name
        if power != 1:
            name += "_dg" if power == -1 else f"_pow{power}".replace("-", "m")
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
        return self._like(self._power * power, self._controls, self._control_state)

    def controlled(self, controls: int, control_state: int) -> DefinedGate:
        """Put more controls before the gate."""
        return self._like(
            self._power,
            self._controls + controls,
            self._control_state << controls | control_state,
        )

    @property
    def exponent(self) -> int:
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
        else:
            # In halves, so that a large power is a tree of few definitions.
            written = QuantumCircuit(self.num_qubits)
            sign = 1 if self._power > 0 else -1
            half, rest = abs(self._power) // 2, (abs(self._power) + 1) // 2
            for part in (half, rest) if half else ():
                written.append(self._like(sign * part, 0, 0), written.qubits)
            self.definition = written

    def _like(self, power: int, controls: int, control_state: int) -> DefinedGate:
        return DefinedGate(
            self.source, self.params, power=power, controls=controls, control_state=control_state
        )


def wrap(gate: Gate) -> DefinedGate:
    """Treat any gate as a defined one, so that its powers need no matrix."""
    body = QuantumCircuit(gate.num_qubits)
    body.append(gate, body.qubits)
    free = tuple(body.parameters)
    return DefinedGate(Definition(gate.name, body, free), free)


def definition_key(gate: Gate) -> Hashable:
    """Give what is the same for gates of one circuit that have the same definition."""
    if isinstance(gate, DefinedGate):
        return (id(gate.source), gate.name, *map(str, gate.params))
    # Powers that are no whole numbers have matrices for parameters.
    values = (item.tobytes() if hasattr(item, "tobytes") else item for item in gate.params)
    return (gate.name, gate.num_qubits, *values)
