"""Circuits in files of other services' clients: taken out of them, and put into them."""

from __future__ import annotations

from quws.domain.caller import Caller
from quws.domain.circuits import Language
from quws.domain.rewritten import Rewritten
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

    async def rewritten(
        self,
        caller: Caller,
        compiled: list[str],
        sources: list[str],
        language: Language,
        target: TargetDescription,
        *,
        together: bool = False,
    ) -> list[Rewritten | None]:
        """Return what circuits were compiled to for a target, in the language they were sent in.

        None for one that cannot be written so. With ``together`` the first has all of them, where
        a file can have several.

        Raises
        ------
        InvalidCircuit
            It takes too long, or they are to be together and one cannot be written.
        Unavailable, TooManyRequests
            They cannot be written right now.

        """
        return await self._checker.rewrite(
            caller, compiled, sources, language, target.circuit_limits, together=together
        )
