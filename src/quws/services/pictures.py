"""Pictures of circuits: laid out where parsing can do no harm, and remembered for a while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from hashlib import sha256

from quws.domain.caller import Caller
from quws.domain.circuits import CircuitLimits, Language
from quws.domain.drawings import Drawing
from quws.domain.errors import InvalidCircuit, TooLarge, Unavailable
from quws.services.checker import CircuitChecker

_REMEMBERED = 256
_LIMITS = CircuitLimits(qubits=10_000)
"""Any circuit may be looked at, whatever a target can run."""


class Pictures:
    """Draws circuits, each once as long as it is remembered."""

    def __init__(self, checker: CircuitChecker) -> None:
        self._checker = checker
        self._remembered: OrderedDict[bytes, Drawing] = OrderedDict()

    async def draw(self, caller: Caller, circuit: str, language: Language | None = None) -> Drawing:
        """Return the layout of a picture of a circuit.

        Raises
        ------
        InvalidCircuit, TooLarge, Unavailable
            There can be none, or not now; see ``CircuitChecker.draw``.

        """
        key = sha256(f"{language}\0{circuit}".encode()).digest()
        drawing = self._remembered.get(key)
        if drawing is None:
            drawing = await self._checker.draw(caller, circuit, language, _LIMITS)
        self._remembered[key] = drawing
        self._remembered.move_to_end(key)
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return drawing

    async def try_to_draw(
        self,
        caller: Caller,
        circuit: str,
        language: Language | None = None,
        seconds: float | None = None,
    ) -> Drawing | None:
        """Return the layout of a picture, or None where there can be none, or not so soon."""
        try:
            async with asyncio.timeout(seconds):
                return await self.draw(caller, circuit, language)
        except (InvalidCircuit, TooLarge, Unavailable, TimeoutError):
            return None
