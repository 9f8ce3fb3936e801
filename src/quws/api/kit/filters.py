"""The query parameters of reading requests: PHASE, AFTER, LAST and WAIT.

Names are case-insensitive, as everywhere in DALI.
"""

from __future__ import annotations

import re
from datetime import datetime

from starlette.requests import Request

from quws.api.kit.body import parse_form
from quws.domain.errors import InvalidFilter
from quws.domain.phases import Phase
from quws.domain.times import parse_instant

_PLACE = re.compile(r"0|[1-9][0-9]{0,8}")
_INTEGER = re.compile(r"-?[0-9]{1,18}")


def query_of(request: Request) -> dict[str, list[str]]:
    """Return the query: upper-case name to all its values, empty ones too."""
    values: dict[str, list[str]] = {}
    for item in parse_form(request.scope["query_string"]):
        values.setdefault(item.name.upper(), []).append(item.value.decode("utf-8", "replace"))
    return values


def read_place(text: str) -> int | None:
    """Return a place in a list, from 0, as we write it in URLs; None for anything else."""
    return int(text) if _PLACE.fullmatch(text) else None


def read_phases(query: dict[str, list[str]]) -> frozenset[Phase]:
    """Return PHASE: the union of all that are given; empty for no filter.

    Raises
    ------
    InvalidFilter
        One of them is no phase.

    """
    phases = set()
    for text in query.get("PHASE", []):
        try:
            phases.add(Phase(text))
        except ValueError:
            raise InvalidFilter(
                f"PHASE must be one of {', '.join(Phase)}, not '{text[:40]}'", parameter="PHASE"
            ) from None
    return frozenset(phases)


def read_after(query: dict[str, list[str]]) -> datetime | None:
    """Return AFTER, an instant. The latest counts where it is given repeatedly.

    Raises
    ------
    InvalidFilter
        One of them is no instant.

    """
    found = []
    for text in query.get("AFTER", []):
        try:
            found.append(parse_instant(text))
        except ValueError as error:
            raise InvalidFilter(f"AFTER: {error}", parameter="AFTER") from None
    return max(found, default=None)


def read_last(query: dict[str, list[str]]) -> int | None:
    """Return LAST, a number of jobs. The smallest counts where it is given repeatedly.

    Raises
    ------
    InvalidFilter
        It is not a whole number above 0.

    """
    found = []
    for text in query.get("LAST", []):
        if not _INTEGER.fullmatch(text) or int(text) < 1:
            raise InvalidFilter(
                f"LAST must be a whole number above 0, not '{text[:40]}'", parameter="LAST"
            )
        found.append(int(text))
    return min(found, default=None)


def read_wait(query: dict[str, list[str]]) -> int | None:
    """Return WAIT, in seconds; -1 for as long as the service allows.

    Raises
    ------
    InvalidFilter
        It is not a whole number from -1 up.

    """
    values = query.get("WAIT")
    if not values:
        return None
    if not _INTEGER.fullmatch(values[-1]) or int(values[-1]) < -1:
        raise InvalidFilter(
            f"WAIT must be a whole number of seconds, or -1 for as long as the service"
            f" allows, not '{values[-1][:40]}'",
            parameter="WAIT",
        )
    return int(values[-1])
