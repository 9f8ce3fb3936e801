"""Where an artifact lies: in a file of its own, or in a file that several have in common.

A key is that of a file, ``JOB/ATTEMPT/NAME``, or of a part of one: ``JOB/ATTEMPT/NAME#BEGIN-END``.
"""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """A file, and which of its bytes: from ``begin`` up to, not including, ``end``."""

    file: str
    begin: int = 0
    end: int | None = None
    """None for all there are."""

    @staticmethod
    def of(key: str) -> Place:
        """Return where a key leads."""
        file, _, part = key.partition("#")
        if not part:
            return Place(file)
        begin, _, end = part.partition("-")
        return Place(file, int(begin), int(end))

    @property
    def key(self) -> str:
        """Return the key that leads there."""
        return self.file if self.end is None else f"{self.file}#{self.begin}-{self.end}"

    def part(self, start: int, end: int | None) -> Place:
        """Return where some of its bytes lie, counted from its own beginning."""
        last = self.end
        if end is not None:
            wanted = self.begin + end
            last = wanted if last is None else min(last, wanted)
        return Place(self.file, self.begin + start, last)
