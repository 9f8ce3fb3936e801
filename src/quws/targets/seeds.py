"""Seeds for what takes shorter ones than a job does."""

from __future__ import annotations


def short(seed: int) -> int:
    """Return a seed of less than 31 bits, as Qiskit's backends take it."""
    return seed % (2**31 - 1)
