"""What the use cases need of whoever can read circuits safely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from quws.domain.circuits import CircuitFacts, CircuitLimits, Language
from quws.domain.drawings import Drawing
from quws.domain.options import RunOptions


class Checker(Protocol):
    """Reads circuits without running them, somewhere a crash does no harm."""

    async def check(
        self, circuits: list[str], language: Language | None, limits: CircuitLimits
    ) -> list[CircuitFacts]:
        """Tell what each circuit is.

        Raises
        ------
        InvalidCircuit
            The first one that cannot be read or asks for too much.
        Unavailable
            Nothing can be checked right now.

        """
        ...

    async def draw(self, circuit: str, language: Language | None, limits: CircuitLimits) -> Drawing:
        """Lay out a picture of a circuit, whether a target could run it or not.

        Raises
        ------
        InvalidCircuit, Unavailable

        """
        ...


class Suits(Protocol):
    """Knows what targets can run, from the facts of circuits alone."""

    def __call__(
        self,
        target: str,
        facts: Sequence[CircuitFacts],
        options: RunOptions,
    ) -> float | None:
        """Predict how many seconds a job runs; None where nothing is known.

        Raises
        ------
        InvalidCircuit, InvalidParameter
            The target cannot run it.

        """
        ...
