"""What each kind of work asks of circuits."""

from __future__ import annotations

import pytest

from quws.domain.circuits import CircuitFacts, Language, Register
from quws.domain.errors import InvalidCircuit
from quws.domain.kinds import JobKind, as_measured, check_measuring
from quws.domain.observables import collect, read_value

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
    assert as_measured(given, JobKind.SAMPLE, None) is given
    first, second = as_measured(given, JobKind.ESTIMATE, None)
    assert first is second
    assert (first.clbits, first.measurements, first.operations) == (4, 4, 14)
    assert [(item.name, item.size) for item in first.registers] == [("c", 1), ("observed", 3)]


def test_of_many_qubits_those_are_measured_that_are_used_or_observed() -> None:
    wide, other = (
        FACTS.model_copy(update={"qubits": 100, "active": active}) for active in ([7], [8, 9])
    )
    shared = collect([read_value('{"lists": [["X9 Z7"], ["Z30", "1"]], "which": [0, 1, 0]}')])
    found = as_measured([wide, wide, other], JobKind.ESTIMATE, shared)
    assert [item.active for item in found] == [[7, 9, 30]] * 2 + [[7, 8, 9]]
    assert (found[0].clbits, found[0].registers[-1].size) == (FACTS.clbits + 3, 3)
