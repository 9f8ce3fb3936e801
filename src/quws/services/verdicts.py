"""What circuits were found to be, for who sends one again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from hashlib import sha256

from quws.domain.caller import Caller
from quws.domain.circuits import CircuitFacts, CircuitLimits, Language
from quws.domain.compiling import Native

_MOST = 500
_MOST_CHARACTERS = 16 * 1024
_MOST_CLBITS = 256
"""Together with the number of them this bounds the memory: some 10 MB at the very most."""


class Verdicts:
    """Remembers the facts of single circuits, those that were asked for last.

    They follow from the text, what was said of it and the limits, for as long as this
    process runs. Each caller is told only what came of their own requests: nobody learns from
    the time of an answer what others have sent, and who makes a child lie has lied to themselves.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, CircuitFacts] = OrderedDict()

    def key(
        self,
        caller: Caller,
        circuits: list[str],
        language: Language | None,
        limits: CircuitLimits,
        native: Native | None = None,
    ) -> Hashable | None:
        """Return under what circuits are remembered; None for those that are not."""
        if len(circuits) != 1 or len(circuits[0]) > _MOST_CHARACTERS:
            return None
        # Texts of strangers may hold halves of surrogate pairs.
        text = sha256(circuits[0].encode("utf-8", "surrogatepass")).digest()
        return caller.name, text, language, limits, native

    def get(self, key: Hashable | None) -> list[CircuitFacts] | None:
        """Return what was found; None where that is not known any more."""
        found = self._known.get(key)
        if found is None:
            return None
        self._known.move_to_end(key)
        return [found]

    def put(self, key: Hashable | None, facts: list[CircuitFacts]) -> None:
        """Remember what was found, if it is short; a text may have several circuits."""
        if (
            key is not None
            and len(facts) == 1
            and all(item.clbits <= _MOST_CLBITS for item in facts)
        ):
            (self._known[key],) = facts
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
