"""Parts of a document in JSON, each of which is what it must be, or refused by its path."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, NoReturn

from quws.circuits.formats.json_text import shown
from quws.domain.errors import InvalidCircuit


def fields_of(
    value: Any, at: str, required: Collection[str] = (), optional: Collection[str] = ()
) -> dict[str, Any]:
    """Return an object that has these fields and no others.

    Raises
    ------
    InvalidCircuit

    """
    if not isinstance(value, dict):
        refuse_at(at, "must be an object")
    for name in required:
        if name not in value:
            refuse_at(at, f"must have the field {shown(name)}")
    for name in value:
        if name not in required and name not in optional:
            refuse_at(at, f"has the field {shown(name)}, which is not known there")
    return value


def list_at(value: Any, at: str) -> list[Any]:
    """Return a list.

    Raises
    ------
    InvalidCircuit

    """
    if not isinstance(value, list):
        refuse_at(at, "must be a list")
    return value


def text_at(value: Any, at: str) -> str:
    """Return a text.

    Raises
    ------
    InvalidCircuit

    """
    if not isinstance(value, str):
        refuse_at(at, "must be a text")
    return value


def number_at(value: Any, at: str) -> float:
    """Return a finite number.

    Raises
    ------
    InvalidCircuit

    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        refuse_at(at, "must be a finite number")
    return float(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float is as large as
        return False


def refuse_at(at: str, sentence: str) -> NoReturn:
    """Refuse a part of the document, by its path.

    Raises
    ------
    InvalidCircuit

    """
    raise InvalidCircuit(f"{at} {sentence}")
