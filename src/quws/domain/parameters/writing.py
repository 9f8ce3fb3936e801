"""Writes parameters as a request holds them: for clients, and for another quws."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from quws.domain.observables import Observables
from quws.domain.options import RunOptions
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Specifications
from quws.domain.times import format_instant

Form = dict[str, str | list[str]]
"""The fields of a form; a list where a name is repeated."""


def text(value: Any) -> str:
    """Write one value, so that its reader reads the same again."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return format_instant(value)
        case Observables():
            return json.dumps(value.written())
        case BaseModel():
            return value.model_dump_json(exclude_none=True)
        case dict() | list() | tuple():
            return json.dumps(value, default=_plain)
        case _:
            return str(value)


def _plain(value: Any) -> Any:
    """Write arrays as lists, and the coefficients of Qiskit's observables, which are complex
    numbers without need.
    """
    if isinstance(value, complex) and not value.imag:
        return value.real
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{value!r} cannot be sent")


def form(keywords: Mapping[str, Any], specifications: Specifications = SPECIFICATIONS) -> Form:
    """Write keyword arguments as the fields of a form; what is None is left out.

    Names that are no keywords are sent as they are: a newer service may know them.
    """
    known = {item.keyword: item for item in specifications}
    found: Form = {}
    for keyword, value in keywords.items():
        if value is not None:
            item = known.get(keyword) or specifications.find(keyword)
            whole = item is not None and item.whole and not isinstance(value, str)
            name = known[keyword].name if keyword in known else keyword
            found[name] = text(value) if whole else _field(value)
    return found


def forwarded(
    options: RunOptions, specifications: Specifications = SPECIFICATIONS
) -> dict[str, str]:
    """Write how a job is to be run, for another quws; what is not said here is left to it."""
    values = {
        item.name: getattr(options, item.keyword, item.default)
        for item in specifications.options
        if item.forwarded
    }
    given = {name: value for name, value in values.items() if value != specifications[name].default}
    replaced = {specifications[name].instead_of for name in given}
    return {name: text(value) for name, value in given.items() if name not in replaced}


def _field(value: Any) -> str | list[str]:
    if isinstance(value, Iterable) and not isinstance(value, (str, Mapping, BaseModel)):
        return [text(item) for item in value]
    return text(value)
