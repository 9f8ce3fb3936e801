"""What a job may be: the kinds of work that a target does with circuits."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from quws.domain.circuits import CircuitFacts, Register, called, kinds_of
from quws.domain.errors import InvalidCircuit


class JobKind(StrEnum):
    """The kinds of work, by the names that the parameter KIND takes."""

    SAMPLE = "sample"
    """Run the circuits, and count what was measured."""
    ESTIMATE = "estimate"
    """Tell the expectation values of observables in the state at the end of each circuit."""
    COMPILE = "compile"
    """Compile the circuits for the target, and run nothing."""


def check_measuring(facts: Sequence[CircuitFacts], kind: JobKind) -> None:
    """Refuse circuits whose shots would give nothing.

    Raises
    ------
    InvalidCircuit

    """
    if kind is not JobKind.SAMPLE:
        return
    for index, _, item in kinds_of(facts):
        if item.measurements == 0:
            raise InvalidCircuit(
                f"{called(index, facts)} measures nothing, so there would be no counts; add a"
                " 'measure' statement, or ask for expectation values with KIND=estimate",
                circuit=index,
            )


def as_measured(facts: Sequence[CircuitFacts], kind: JobKind) -> Sequence[CircuitFacts]:
    """Return the facts of the circuits as they are run.

    To estimate observables, measurements of up to all qubits are put at the end of a circuit.
    """
    if kind is not JobKind.ESTIMATE:
        return facts
    known = {id(kind.facts): _measured(kind.facts) for kind in kinds_of(facts)}
    return [known[id(item)] for item in facts]


def _measured(facts: CircuitFacts) -> CircuitFacts:
    return facts.model_copy(
        update={
            "clbits": facts.clbits + facts.qubits,
            "registers": [*facts.registers, Register(name="observed", size=facts.qubits)],
            "operations": facts.operations + 3 * facts.qubits,
            "measurements": facts.qubits + (facts.measurements or 0),
        }
    )
