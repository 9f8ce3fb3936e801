"""The clock that only counts, for tests that set it."""

from __future__ import annotations


class Counter:
    """The clock that only counts, standing still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
