"""Numbers, and texts of others, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_NO_OBJECT = "Input should be an object"
_OTHERWISE = dict.fromkeys(("model_type", "model_attributes_type", "dataclass_type"), _NO_OBJECT)
"""What would name a class of ours, which says nothing to who has sent something else."""


def counted(number: int, one: str, others: str | None = None) -> str:
    """Return a number with its noun: ``1 qubit``, ``2 qubits``, ``0 qubits``.

    ``others`` is the plural where it is not the singular and an s.
    """
    return f"{number} {one if number == 1 else others or f'{one}s'}"


def cut(text: str, longest: int = 40) -> str:
    """Return the beginning of a text, so many characters of it, for a sentence or a page."""
    return text if len(text) <= longest else f"{text[:longest]}…"


def first_fault(error: ValidationError) -> tuple[str, str]:
    """Return where a document is not right, empty for the whole of it, and why."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return ".".join(map(str, first["loc"])), _OTHERWISE.get(first["type"], first["msg"])
