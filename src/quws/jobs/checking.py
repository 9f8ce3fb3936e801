"""What the use cases need of whoever can read circuits safely."""

from __future__ import annotations

from typing import Protocol

from quws.domain.circuits import CircuitFacts, CircuitLimits, Language


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
