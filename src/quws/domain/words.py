"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, one: str, others: str | None = None) -> str:
    """Return a number with its noun: ``1 qubit``, ``2 qubits``, ``0 qubits``.

    ``others`` is the plural where it is not the singular and an s.
    """
    return f"{number} {one if number == 1 else others or f'{one}s'}"
