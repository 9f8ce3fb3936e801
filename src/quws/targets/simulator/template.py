"""A circuit with parameters, translated once and filled in for each row of values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterExpression
from qiskit.exceptions import QiskitError

from quws.domain.bindings import LARGEST
from quws.targets.simulator.program import Step, Unsupported, steps

MOST_STEPS = 100_000
"""The longest circuit whose steps are kept."""


class _Filled(NamedTuple):
    """Stands for Qiskit's instruction in a step, with numbers for its parameters."""

    operation: Any
    params: list[float]

    @property
    def matrix(self) -> Any:
        """Make the gate's matrix."""
        gate = self.operation.to_mutable()
        gate.params = self.params
        return gate.to_matrix()


class Template:
    """The steps of a circuit, some of which wait for values.

    Parameters
    ----------
    circuit
        Without control flow.
    parameters
        What the values are of, in their order.

    Raises
    ------
    Unsupported
        It is too long, or has something that cannot be said as a row of gates.

    """

    def __init__(self, circuit: QuantumCircuit, parameters: Sequence[Parameter]) -> None:
        self._place = {parameter: at for at, parameter in enumerate(parameters)}
        self._phase = self._one(circuit.global_phase)
        self._steps: list[tuple[Step, list[Any] | None]] = [
            (step, self._waiting(step)) for step in islice(steps(circuit), MOST_STEPS + 1)
        ]
        if len(self._steps) > MOST_STEPS:
            raise Unsupported("a circuit of so many gates")
        self._all = [item for _, waiting in self._steps for item in waiting or ()]

    def at(self, values: Sequence[float]) -> Iterator[Step]:
        """Go through the circuit with these values, as ``steps`` does.

        Raises
        ------
        Unsupported
            They make an angle that is too large or has no value.

        """
        _number(self._phase, values)
        for step, waiting in self._steps:
            if waiting is None:
                yield step
                continue
            filled = [_number(item, values) for item in waiting]
            yield step._replace(instruction=_Filled(step.instruction.operation, filled))

    def parts(self) -> Iterator[tuple[Step, int]]:
        """Go through the circuit without values: each step, and for how many numbers it waits."""
        for step, waiting in self._steps:
            yield step, 0 if waiting is None else len(waiting)

    def numbers(self, values: Sequence[float]) -> list[float]:
        """Return the numbers for which steps wait, in their order.

        Raises
        ------
        Unsupported
            As of `at`.

        """
        _number(self._phase, values)
        return [_number(item, values) for item in self._all]

    def _waiting(self, step: Step) -> list[Any] | None:
        """Return how to come by the parameters of a step; None where they are there."""
        given = step.instruction.params
        if not any(isinstance(item, ParameterExpression) for item in given):
            return None
        return [self._one(item) for item in given]

    def _one(self, item: Any) -> Any:
        """Return the place of a value, or an expression with the places of its values."""
        if not isinstance(item, ParameterExpression):
            return item
        if isinstance(item, Parameter):
            return _Value(self._place[item])
        return item, [(parameter, self._place[parameter]) for parameter in item.parameters]


class _Value(NamedTuple):
    """The place of a value among all."""

    at: int


def _number(item: Any, values: Sequence[float]) -> float:
    try:
        if isinstance(item, _Value):
            found = values[item.at]
        elif isinstance(item, tuple):
            expression, parts = item
            found = float(expression.bind({name: values[at] for name, at in parts}).numeric())
        else:
            found = float(item)
    except (QiskitError, ArithmeticError, ValueError, TypeError) as fault:
        raise Unsupported("an angle without a value") from fault
    if not (math.isfinite(found) and abs(found) <= LARGEST):
        raise Unsupported("an angle that is too large")
    return found
