"""Circuits in files of other services' clients: taken out of them, and put into them."""

from __future__ import annotations

from quws.domain.caller import Caller
from quws.domain.circuits import Language
from quws.domain.targets import TargetDescription
from quws.services.checker import CircuitChecker


class Batches:
    """Takes files apart that hold a whole batch, and writes files of circuits."""

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

    async def to_qpy(
        self, caller: Caller, compiled: list[str], target: TargetDescription
    ) -> list[bytes]:
        """Return what circuits were compiled to for a target, in OpenQASM 3, as QPY files.

        Raises
        ------
        InvalidCircuit
            One has something that cannot be read again.
        Unavailable, TooManyRequests
            They cannot be written right now.

        """
        return await self._checker.as_qpy(
            caller, compiled, Language.OPENQASM_3, target.circuit_limits
        )
