"""From what a QIR program records to classical registers.

QIR has results by number and no registers; what comes out, in which order, is what it records.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from quws.circuits.formats.keys import LONGEST_KEY
from quws.domain.errors import InvalidCircuit

UNRECORDED = "unrecorded"
"""The register of results that something comes after and that are not recorded."""

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_BIT = re.compile(r"([A-Za-z_]\w*)\[(0|[1-9]\d{0,8})\]", re.ASCII)


class Recorded(NamedTuple):
    """A result that is recorded, with its label."""

    result: int
    label: str | None


class Group(NamedTuple):
    """Results that are recorded one after the other, and the label of the array around them."""

    label: str | None
    results: list[Recorded]


class Outputs:
    """Takes what is recorded, in its order."""

    def __init__(self) -> None:
        self._groups: list[Group] = []
        self._left: list[int] = []
        self._open = False
        self._seen: set[int] = set()

    def container(self, size: int, label: str | None) -> None:
        """Begin an array or a tuple of so many parts."""
        self._groups.append(Group(label, []))
        self._open = True
        self._left.append(size)
        self._close()

    def result(self, result: int, label: str | None) -> None:
        """Record a result.

        Raises
        ------
        InvalidCircuit
            It has been recorded before: a bit is in one register only.

        """
        if result in self._seen:
            raise InvalidCircuit(f"result {result} is recorded twice")
        self._seen.add(result)
        if not self._open:
            self._groups.append(Group(None, []))
            self._open = True
        self._groups[-1].results.append(Recorded(result, label))
        if self._left:
            self._left[-1] -= 1
            self._close()

    def _close(self) -> None:
        while self._left and self._left[-1] <= 0:
            self._left.pop()
            self._open = False
            if self._left:
                self._left[-1] -= 1

    def registers(self) -> dict[str, list[int]]:
        """Return the registers in their order: the result that is each bit, bit 0 first.

        Raises
        ------
        InvalidCircuit
            An array or a tuple has fewer parts than it says.

        """
        if self._left:
            raise InvalidCircuit(
                "an array or a tuple is recorded, and not all results that it says to have"
            )
        groups = [group for group in self._groups if group.results]
        return _by_bits(groups) or _by_groups(groups)


def _by_bits(groups: Sequence[Group]) -> dict[str, list[int]] | None:
    """Follow labels like ``c[0]``, where each result has one and they make whole registers."""
    found: dict[str, dict[int, int]] = {}
    for group in groups:
        for item in group.results:
            bit = _BIT.fullmatch(item.label or "")
            if bit is None or len(bit[1]) > LONGEST_KEY:
                return None
            bits = found.setdefault(bit[1], {})
            if int(bit[2]) in bits:
                return None
            bits[int(bit[2])] = item.result
    if any(max(bits) >= len(bits) for bits in found.values()):
        return None
    return {name: [bits[number] for number in range(len(bits))] for name, bits in found.items()}


def _by_groups(groups: Sequence[Group]) -> dict[str, list[int]]:
    """Make a register of each array; what is recorded first stands leftmost, as QIR shows it."""
    found: dict[str, list[int]] = {}
    said = Counter(group.label for group in groups)
    for place, (label, results) in enumerate(groups):
        # Of labels that are not its own, as a compiler's, none tells anything.
        own = label is not None and _is_name(label) and said[label] == 1
        name = label if own and label else "c" if len(groups) == 1 else f"c{place}"
        while name in found or (not own and name in said):
            name += "_"
        found[name] = [item.result for item in reversed(results)]
    return found


def _is_name(label: str) -> bool:
    return len(label) <= LONGEST_KEY and _NAME.fullmatch(label) is not None


def with_rest(registers: dict[str, list[int]], rest: Sequence[int]) -> dict[str, list[int]]:
    """Add a register of results that are not recorded, the least of them its bit 0."""
    if not rest:
        return registers
    name = UNRECORDED
    while name in registers:
        name += "_"
    return registers | {name: list(rest)}
