"""What each kind of work asks of circuits."""

from __future__ import annotations

import pytest

from quws.domain.circuits import CircuitFacts, Language, Register
from quws.domain.errors import InvalidCircuit
from quws.domain.kinds import JobKind, as_measured, check_measuring

FACTS = CircuitFacts(
    language=Language.OPENQASM_3,
    qubits=3,
    clbits=1,
    operations=5,
    depth=2,
    registers=[Register(name="c", size=1, qubits=[0])],
    measurements=1,
    sampled=True,
)
BARE = FACTS.model_copy(update={"measurements": 0, "clbits": 0, "registers": []})
UNKNOWN = FACTS.model_copy(update={"measurements": None})


def test_only_what_is_sampled_must_measure() -> None:
    for kind in JobKind:
        check_measuring([FACTS, UNKNOWN], kind)
    for kind in (JobKind.ESTIMATE, JobKind.COMPILE):
        check_measuring([BARE], kind)


@pytest.mark.parametrize(
    ("facts", "which", "index"),
    [([BARE], "the circuit", 0), ([FACTS, BARE], "circuit 1", 1)],
)
def test_a_circuit_without_counts_is_refused(
    facts: list[CircuitFacts], which: str, index: int
) -> None:
    with pytest.raises(InvalidCircuit) as caught:
        check_measuring(facts, JobKind.SAMPLE)
    assert caught.value.sentence == (
        f"{which} measures nothing, so there would be no counts; add a 'measure' statement, or ask"
        " for expectation values with KIND=estimate"
    )
    assert caught.value.circuit == index


def test_a_circuit_is_run_as_it_is_unless_observables_are_measured_at_its_end() -> None:
    given = [FACTS, FACTS]
    assert as_measured(given, JobKind.SAMPLE) is given
    first, second = as_measured(given, JobKind.ESTIMATE)
    assert first is second
    assert (first.clbits, first.measurements, first.operations) == (4, 4, 14)
    assert [(item.name, item.size) for item in first.registers] == [("c", 1), ("observed", 3)]
