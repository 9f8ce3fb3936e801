"""What a job may be: the kinds of work that a target does with circuits."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from quws.domain.circuits import CircuitFacts, Register, called, kinds_of
from quws.domain.errors import InvalidCircuit
from quws.domain.observables import Observables


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


def as_measured(
    facts: Sequence[CircuitFacts], kind: JobKind, observables: Observables | None
) -> Sequence[CircuitFacts]:
    """Return the facts of the circuits as they are run.

    To estimate observables, measurements of up to all qubits are put at the end of a circuit; of
    one that leaves qubits out, those are measured that are observed.
    """
    if kind is not JobKind.ESTIMATE:
        return facts
    lists: dict[int, set[int]] = {}
    if observables is not None:
        for index, item in enumerate(facts):
            if item.active is not None:
                lists.setdefault(id(item), set()).add(observables.place(index))
    known = {}
    for _, _, item in kinds_of(facts):
        looked_at = set(item.active or ())
        if observables is not None:
            looked_at.update(*map(observables.qubits, lists.get(id(item), ())))
        known[id(item)] = _measured(item, sorted(looked_at))
    return [known[id(item)] for item in facts]


def _measured(facts: CircuitFacts, active: list[int]) -> CircuitFacts:
    count = facts.qubits if facts.active is None else len(active)
    return facts.model_copy(
        update={
            "clbits": facts.clbits + count,
            "registers": [*facts.registers, Register(name="observed", size=count)],
            "operations": facts.operations + 3 * count,
            "measurements": count + (facts.measurements or 0),
            "active": None if facts.active is None else active,
        }
    )
