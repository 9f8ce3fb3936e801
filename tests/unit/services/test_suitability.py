"""What the adapters that are installed here say of a job, before it is made."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from house import DESCRIPTION, FACTS
from typing_extensions import override

from quws.domain.circuits import CircuitFacts
from quws.domain.errors import InvalidCircuit, InvalidParameter
from quws.domain.noise import Noise, Readout
from quws.domain.options import RunOptions
from quws.domain.targets import TargetDescription
from quws.services.suitability import Suitability
from quws.targets import Target
from quws.targets.base import CircuitResult, Compiled, Estimate, Progress

OPTIONS = RunOptions(
    shots=77, seed=5, memory=True, method="statevector", noise=Noise(readout=Readout(p=0.1))
)
SMALL, LARGE = FACTS, FACTS.model_copy(update={"qubits": 30})


class Picky(Target):
    """Runs small circuits, in a second for each qubit."""

    def __init__(self, fault: Callable[[], Exception] | None = None) -> None:
        super().__init__("picky")
        self.fault = fault
        self.known = True
        self.options: list[RunOptions] = []

    @override
    def describe(self) -> TargetDescription:
        return DESCRIPTION

    @override
    def load(self) -> None: ...

    @override
    def run(self, compiled: Compiled, options: RunOptions, progress: Progress) -> CircuitResult:
        raise AssertionError("nothing is run")

    @override
    def check(self, facts: CircuitFacts, options: RunOptions) -> None:
        self.options.append(options)
        if facts.qubits > 20 and self.fault is not None:
            raise self.fault()

    @override
    def estimate(self, facts: CircuitFacts, options: RunOptions) -> Estimate | None:
        self.options.append(options)
        return Estimate(facts.qubits, 0, 0) if self.known else None


def predict(target: Picky, *facts: CircuitFacts, name: str = "picky") -> float | None:
    return Suitability({"picky": target}).predict(name, facts, OPTIONS)


def test_a_job_takes_the_time_of_its_circuits() -> None:
    target = Picky()
    assert predict(target, SMALL, SMALL, LARGE) == 34
    # Of circuits of one kind it is asked once, for its check and for its estimate.
    assert target.options == [OPTIONS] * 4


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert predict(Picky(), SMALL, name="elsewhere") is None
    target = Picky()
    target.known = False
    assert predict(target, SMALL) is None


def test_of_several_circuits_the_one_that_cannot_run_is_named() -> None:
    target = Picky(lambda: InvalidCircuit("it has 30 qubits", line=3))
    with pytest.raises(InvalidCircuit) as caught:
        predict(target, SMALL, LARGE)
    assert caught.value.sentence == "circuit 1: it has 30 qubits"
    assert caught.value.circuit == 1
    with pytest.raises(InvalidCircuit) as caught:
        predict(target, LARGE)
    assert caught.value.sentence == "it has 30 qubits"
    assert caught.value.line == 3


def test_what_is_refused_stays_refused_and_a_fault_does_no_harm() -> None:
    with pytest.raises(InvalidParameter, match="SEED"):
        predict(Picky(lambda: InvalidParameter("SEED cannot be", parameter="SEED")), LARGE)
    assert predict(Picky(lambda: ZeroDivisionError("a fault of the adapter")), LARGE) is None
