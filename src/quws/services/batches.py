"""Circuits that came together, made to circuits of a job."""

from __future__ import annotations

from quws.domain.caller import Caller
from quws.domain.targets import TargetDescription
from quws.services.checker import CircuitChecker


class Batches:
    """Takes files apart that hold a whole batch."""

    def __init__(self, checker: CircuitChecker) -> None:
        self._checker = checker

    async def of_qpy(self, caller: Caller, file: bytes, target: TargetDescription) -> list[bytes]:
        """Return a QPY file for each circuit of one that is meant for a target.

        Raises
        ------
        InvalidCircuit
            It is none, or has more than the target takes.
        Unavailable, TooManyRequests
            It cannot be looked at right now.

        """
        return await self._checker.split(caller, file, target.circuit_limits, target.max_circuits)
