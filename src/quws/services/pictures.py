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

_REMEMBERED_BYTES = 64 << 20
_OPERATION_BYTES = 2048
_ITEM_BYTES = 128
_LIMITS = CircuitLimits(qubits=10_000)
"""Any circuit may be looked at, whatever a target can run."""


class Pictures:
    """Draws circuits, each once as long as it is remembered."""

    def __init__(self, checker: CircuitChecker) -> None:
        self._checker = checker
        self._remembered: OrderedDict[bytes, tuple[Drawing, int]] = OrderedDict()
        self._bytes = 0

    async def draw(self, caller: Caller, circuit: str, language: Language | None = None) -> Drawing:
        """Return the layout of a picture of a circuit.

        Raises
        ------
        InvalidCircuit, TooLarge, Unavailable
            There can be none, or not now; see ``CircuitChecker.draw``.

        """
        key = sha256(f"{language}\0{circuit}".encode()).digest()
        if key in self._remembered:
            self._remembered.move_to_end(key)
            return self._remembered[key][0]
        drawing = await self._checker.draw(caller, circuit, language, _LIMITS)
        self._remember(key, drawing)
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

    def _remember(self, key: bytes, drawing: Drawing) -> None:
        size = bytes_of(drawing)
        if key in self._remembered or size > _REMEMBERED_BYTES:
            return
        self._remembered[key] = drawing, size
        self._bytes += size
        while self._bytes > _REMEMBERED_BYTES:
            _, (_, gone) = self._remembered.popitem(last=False)
            self._bytes -= gone


def bytes_of(drawing: Drawing) -> int:
    """Estimate, rather too high, how much memory a drawing takes."""
    items = 2 * len(drawing.registers) + len(drawing.qubits)
    # A character may take four bytes.
    characters = sum(map(len, drawing.qubits)) + sum(len(name) for name, _ in drawing.registers)
    for item in drawing.operations:
        items += len(item.qubits) + 2 * len(item.controls) + 2 * len(item.clbits)
        characters += len(item.label) + len(item.parameters) + len(item.condition)
    operations = 1 + len(drawing.operations)
    return operations * _OPERATION_BYTES + items * _ITEM_BYTES + 4 * characters
