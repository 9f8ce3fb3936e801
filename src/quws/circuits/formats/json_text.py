"""Formats that are JSON: the first look at such a text, and how it is read."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from quws.circuits.tokens import quote, refuse
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit

_BEGINS = re.compile(r'\ufeff?[ \t\r\n]*+\{[ \t\r\n]*+"')
_PART = re.compile(
    r'"(?:[^"\\\n]++|\\.)*+"|(?P<number>[0-9][0-9.eE+-]*+)|(?P<open>[\[{])|(?P<close>[\]}])'
    r'|(?P<fault>")'
)


def is_object_with(field: str, source: str) -> bool:
    """Whether a text begins as an object of JSON and has a field of this name somewhere.

    No statement of OpenQASM begins with a brace and a quotation.
    """
    return _BEGINS.match(source) is not None and f'"{field}"' in source


def look(source: str, limits: CircuitLimits) -> None:
    """Refuse a text that could make the reader of JSON recurse or compute for long.

    Raises
    ------
    InvalidCircuit

    """
    depth = 0
    for part in _PART.finditer(source):
        match part.lastgroup:
            case "open":
                depth += 1
                if depth > limits.nesting:
                    refuse(
                        source,
                        part.start(),
                        f"brackets are nested more than {limits.nesting} deep",
                    )
            case "close":
                depth -= 1
            case "number" if len(part[0]) > limits.number_length:
                refuse(
                    source,
                    part.start(),
                    f"the number {quote(part[0])} has more than {limits.number_length} characters",
                )
            case "fault":
                refuse(source, part.start(), "the text that begins here is not closed on its line")


def load(source: str) -> Any:
    """Read a text that passed; a field may stand only once, and all numbers are finite.

    Raises
    ------
    InvalidCircuit

    """
    try:
        return json.loads(source, object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise InvalidCircuit(
            f"the circuit is no JSON: {error.msg[:1].lower()}{error.msg[1:]}",
            line=error.lineno,
            column=error.colno,
        ) from None


def shown(text: str) -> str:
    """Quote a text of the document, which can have characters that no sentence should."""
    return quote(text if text.isprintable() else ascii(text)[1:-1])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise InvalidCircuit(f"the field {shown(name)} stands twice in one object")
            seen.add(name)
    return found


def _constant(name: str) -> NoReturn:
    raise InvalidCircuit(f"{name} is no number of JSON")
