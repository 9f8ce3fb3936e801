"""How the circuits of a job are run, as the worker, its child and the targets hand it on."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, field_serializer

from quws.domain.batch import OnError
from quws.domain.circuits import CircuitFacts
from quws.domain.compiling import Optimization
from quws.domain.kinds import JobKind
from quws.domain.mitigation import FACTORS, Mitigation
from quws.domain.noise import Noise
from quws.domain.observables import Observables


class RunOptions(BaseModel):
    """How to run a circuit. With the same seed a simulator gives the same counts.

    Each field is the value of a parameter whose role is ``OPTION``, under its keyword. What
    has no field yet goes along all the same, for targets that know it.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: JobKind = JobKind.SAMPLE
    shots: int
    """Runs of each circuit; to estimate, of each basis that is measured, and 0 for exact values."""
    observable: Observables | None = None
    precision: float | None = None
    """The standard error that was asked for; ``shots`` is what it takes."""
    seed: int | None = None
    memory: bool = False
    method: str | None = None
    """What METHOD says; None lets the target choose."""
    noise: Noise | None = None
    """What NOISE says, with the calibration of the device that it names; None for no noise beyond
    the target's own.
    """

    on_error: OnError = OnError.STOP
    """What becomes of the other circuits when one of them cannot be run."""
    optimization: Optimization | None = None
    """What OPTIMIZATION says; None for what the operator has set."""
    initial_layout: list[int] | None = None
    """For each qubit of a circuit that of the target; None lets the compiler choose."""

    mitigation: list[Mitigation] | None = None
    """What MITIGATION says; None for what was measured."""

    @property
    def factors(self) -> tuple[int, ...]:
        """How often the noise of each gate acts in the runs of a circuit."""
        return FACTORS if Mitigation.ZNE in (self.mitigation or ()) else (1,)

    def of(self, facts: CircuitFacts) -> Self:
        """Return how one of the circuits is run, which may have shots of its own."""
        if facts.shots is None or facts.shots == self.shots:
            return self
        return self.model_copy(update={"shots": facts.shots})

    @property
    def verbatim(self) -> bool:
        """Whether circuits are run as they are."""
        return self.optimization is Optimization.NONE

    @field_serializer("noise", when_used="json")
    def _without_gaps(self, noise: Noise | None) -> dict[str, Any] | None:
        return None if noise is None else noise.model_dump(mode="json", exclude_none=True)

    @property
    def exact(self) -> bool:
        """Whether expectation values are to be computed, without shots."""
        return self.kind is JobKind.ESTIMATE and self.shots == 0

    @property
    def shots_run(self) -> int:
        """How many shots each circuit is run for: none where it is compiled only."""
        return 0 if self.kind is JobKind.COMPILE else self.shots

    def runs(self, circuit: int) -> int:
        """Return how often a circuit is run for its shots: for each basis and factor of noise."""
        if self.observable is None or self.exact:
            return 1
        return len(self.observable.plan(circuit).bases) * len(self.factors)

    @property
    def mean_runs(self) -> float:
        """How often a circuit is run for its shots, on the average."""
        if self.observable is None or self.exact:
            return 1.0
        return self.observable.mean_bases * len(self.factors)
