"""Numbers, and texts of others, in sentences."""

from __future__ import annotations


def counted(number: int, one: str, others: str | None = None) -> str:
    """Return a number with its noun: ``1 qubit``, ``2 qubits``, ``0 qubits``.

    ``others`` is the plural where it is not the singular and an s.
    """
    return f"{number} {one if number == 1 else others or f'{one}s'}"


def cut(text: str, longest: int = 40) -> str:
    """Return the beginning of a text, so many characters of it, for a sentence or a page."""
    return text if len(text) <= longest else f"{text[:longest]}…"
