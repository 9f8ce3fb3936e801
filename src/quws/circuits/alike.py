"""Circuits that differ in nothing but the angles of their gates: one of them is read for all.

A batch is most often one circuit with a table of values. What the check finds out of it does not
hang on the values, as long as none of them makes all gates Clifford gates, and to read a circuit
takes a hundred times as long as to see that it was read before.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from quws.domain.circuits import CircuitFacts, CircuitLimits, Language

Facts = Callable[[str, Language | None, CircuitLimits], CircuitFacts]
"""Reads a circuit, and returns what it is; raises ``InvalidCircuit``."""

_LONGEST = 64 * 1024
_MOST = 100
"""How many circuits are remembered."""
_CLEARLY = 1e-6
"""How far, in quarter turns, an angle is from all Clifford gates."""

_NUMBER = 21
"""The most characters of an angle without its sign: it is finite, and never too large."""
_ANGLE = r"-?(?:0|[1-9][0-9]{0,2})\.[0-9]{1,17}"
_ONE, _TWO, _THREE = (rf"{_ANGLE}(?:, ?{_ANGLE}){{{more}}}\)" for more in range(3))
_USE = re.compile(
    rf"\b((?:c?r[xyz]|c?u1|c?p)\((?={_ONE})|u2\((?={_TWO})|(?:u3|u|U)\((?={_THREE}))"
    rf"({_ANGLE}(?:, ?{_ANGLE}){{0,2}})\)"
)
"""A standard gate with as many plain numbers as it takes."""
# A definition could make another gate of the name; in a comment, or where a condition may never be
# fulfilled or a loop has no round, a gate counts for nothing; under a modifier it is another one.
_MORE = re.compile(r"[{@\0]|//|/\*|\b(?:if|for|while)\b")


class Alike:
    """Finds out what circuits are, all with the same ``LANG`` and limits.

    Parameters
    ----------
    facts
        Reads a circuit.

    """

    def __init__(self, facts: Facts, language: Language | None, limits: CircuitLimits) -> None:
        self._facts = facts
        self._language = language
        self._limits = limits
        self._known: dict[str, CircuitFacts] = {}
        # The length and the sign of an angle count too, but too little for the usual limits.
        self._most = (
            _MOST
            if limits.unary_run
            and limits.number_length >= _NUMBER
            and limits.tokens_openqasm3 >= _LONGEST
            and min(limits.bytes_openqasm2, limits.bytes_openqasm3) >= 4 * _LONGEST
            else 0
        )

    def facts(self, source: str) -> CircuitFacts:
        """Return what a circuit is; the same object for circuits that are alike.

        Raises
        ------
        InvalidCircuit

        """
        frame = _frame(source)
        found = None if frame is None else self._known.get(frame)
        if found is None:
            found = self._facts(source, self._language, self._limits)
            if frame is not None and not found.clifford and len(self._known) < self._most:
                self._known[frame] = found
        return found


def _frame(source: str) -> str | None:
    """Return a text without its angles; None where more could hang on them."""
    if len(source) > _LONGEST or _MORE.search(source):
        return None
    parts = _USE.split(source)
    if not any(_is_clearly_no_clifford(values) for values in parts[2::3]):
        return None
    del parts[2::3]
    return "\0".join(parts)


def _is_clearly_no_clifford(values: str) -> bool:
    # One angle is enough, and in most circuits the first one.
    turns = float(values.partition(",")[0]) / (math.pi / 2)
    return abs(turns - round(turns)) > _CLEARLY
