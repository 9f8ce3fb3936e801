"""The interface that every target implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from quws.domain.circuits import CircuitFacts
    from quws.domain.targets import TargetDescription


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run a circuit. With the same seed a simulator gives the same counts."""

    shots: int
    seed: int | None = None
    memory: bool = False


@dataclass(frozen=True, slots=True)
class CircuitResult:
    """What running one circuit gave.

    Keys of ``counts`` and entries of ``memory`` (one per shot) are bit
    strings, one group per classical register: the register that was declared
    last stands first, and in each group bit 0 stands last. Groups are
    separated by a blank.
    """

    counts: dict[str, int]
    memory: list[str] | None
    engine: str
    seconds: float


class Target(ABC):
    """Something that runs circuits, one at a time, in a child process.

    ``describe`` is called in service processes and must be cheap; everything
    else happens in children: ``load`` once in the process they are forked
    from, ``warm`` in each child before it gets its job.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def describe(self) -> TargetDescription:
        """Tell what the target is and what it can run, without loading its libraries."""

    @abstractmethod
    def load(self) -> None:
        """Import the libraries. Must not start a thread: a forked child would lack it."""

    @abstractmethod
    def warm(self) -> None:
        """Do whatever makes the first run of a child as fast as the second."""

    @abstractmethod
    def memory_bytes(self, facts: CircuitFacts) -> int:
        """Predict the memory that running a circuit takes beyond the libraries."""

    @abstractmethod
    def run(self, circuit: QuantumCircuit, options: RunOptions) -> CircuitResult:
        """Run a circuit that passed the check, and count what was measured."""
