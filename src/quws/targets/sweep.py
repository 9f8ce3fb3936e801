"""A circuit with parameters that a target runs with one row of values after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quws.domain.bases import Basis
    from quws.domain.options import RunOptions
    from quws.domain.paulis import Observable
    from quws.targets.base import CircuitResult


class Sweep(ABC):
    """A circuit that was translated once for all rows of values.

    Each method gives what the target's own of the same name gives for the circuit with these
    values, or None where that circuit is to be run like any other: it can say best what is wrong
    with it.
    """

    @abstractmethod
    def run(self, values: Sequence[float], options: RunOptions) -> CircuitResult | None:
        """Run the circuit, and count what was measured."""

    @abstractmethod
    def expectations(
        self, values: Sequence[float], observables: Sequence[Observable], options: RunOptions
    ) -> CircuitResult | None:
        """Compute exact expectation values."""

    @abstractmethod
    def in_bases(
        self, values: Sequence[float], bases: Sequence[Basis], options: Sequence[RunOptions]
    ) -> list[CircuitResult] | None:
        """Sample the end of the circuit in several bases."""
