"""A circuit with parameters, of which each row of values makes a circuit: read once for all."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.exceptions import QiskitError

from quws.circuits.formats.format import Input
from quws.circuits.parse import check_numbers
from quws.domain.errors import InvalidCircuit

_SHOWN = 5
"""The most values that a sentence lists."""


class Bindable:
    """A circuit with parameters that was read and checked, and whose values are known later."""

    def __init__(self, circuit: QuantumCircuit, inputs: Mapping[str, Input]) -> None:
        used = set(circuit.parameters)
        self.circuit = circuit
        """The circuit without values. Not to be changed."""
        self._inputs = {name: item for name, item in inputs.items() if item.parameter in used}

    @property
    def parameters(self) -> list[Parameter]:
        """Return the parameters that its gates use."""
        return [item.parameter for item in self._inputs.values()]

    def row(self, values: Mapping[str, float]) -> list[float]:
        """Return the values of these parameters, in their order, as the circuit takes them."""
        return [item.taken(values[name]) for name, item in self._inputs.items()]

    def one(self) -> Bindable:
        """Return the circuit that all are but for their values, which is this one."""
        return self

    def at(self, values: Mapping[str, float]) -> QuantumCircuit:
        """Make the circuit with values for all of its parameters.

        Raises
        ------
        InvalidCircuit
            They make an angle that is too large or has no value.

        """
        given = {item.parameter: item.taken(values[name]) for name, item in self._inputs.items()}
        try:
            made = self.circuit.assign_parameters(given, flat_input=True)
            check_numbers(made)
        except InvalidCircuit as refusal:
            raise InvalidCircuit(f"{refusal.sentence}, {_where(values)}") from None
        except (QiskitError, ArithmeticError, ValueError, TypeError):
            raise InvalidCircuit(f"an angle has no value, {_where(values)}") from None
        return made


def _where(values: Mapping[str, float]) -> str:
    shown = [f"{name[:60]}={value:g}" for name, value in islice(values.items(), _SHOWN)]
    return f"where BINDINGS gives {', '.join(shown)}{', …' if len(values) > _SHOWN else ''}"
