"""The query of a list of jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.datastructures import QueryParams

from quws.api.doors.ibm.job import METADATA, OVER, PENDING
from quws.api.doors.ibm.targets import read_instant
from quws.api.kit.filters import read_tags
from quws.domain.errors import InvalidFilter
from quws.domain.labels import ListFilter, Order
from quws.domain.phases import Phase

USUAL = 20
MOST = 200
"""Jobs of a page."""
_MOST_OFFSET = 10_000_000
_MOST_DIGITS = 18
_JUST = timedelta(milliseconds=1)
"""As precise as instants are kept."""
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Page:
    """Which jobs are wanted: a part of those that a filter leaves."""

    wanted: ListFilter
    limit: int
    offset: int


def read_page(query: QueryParams) -> Page:
    """Read which jobs are wanted.

    Raises
    ------
    InvalidFilter

    """
    phases = frozenset[Phase]()
    pending = query.get("pending")
    if pending:
        phases = PENDING if _flag("pending", pending) else OVER
    after, before = query.get("created_after"), query.get("created_before")
    program = query.get("program")
    tags = read_tags("tags", query.getlist("tags"))
    for name, value in query.multi_items():
        if "\0" in value:
            raise InvalidFilter(f"{name[:60]} must be text without NUL", parameter=name[:60])
    # Both instants count as well: in the filters of quws they do not.
    wanted = ListFilter(
        phases=phases,
        after=_beside(read_instant("created_after", after), -_JUST) if after else None,
        before=_beside(read_instant("created_before", before), _JUST) if before else None,
        tags=tags,
        target=query.get("backend") or None,
        session=query.get("session_id") or None,
        said=(METADATA, "program", program) if program else None,
        order=Order.OLDEST if query.get("sort", "").upper() == "ASC" else Order.NEWEST,
    )
    return Page(
        wanted,
        max(1, min(_number(query, "limit", USUAL, "1 or more"), MOST)),
        min(_number(query, "offset", 0, "0 or more"), _MOST_OFFSET),
    )


def _number(query: QueryParams, name: str, usual: int, allowed: str) -> int:
    text = query.get(name)
    if not text:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise InvalidFilter(
            f"{name} must be a whole number, {allowed}, of at most {_MOST_DIGITS} digits, not"
            f" '{text[:40]}'",
            parameter=name,
        )
    return int(text)


def _beside(instant: datetime, step: timedelta) -> datetime:
    """Return the instant beside one; the first and the last that there are stay themselves."""
    try:
        return instant + step
    except OverflowError:
        return instant


def _flag(name: str, text: str) -> bool:
    found = _FLAGS.get(text.lower())
    if found is None:
        raise InvalidFilter(f"{name} must be true or false, not '{text[:40]}'", parameter=name)
    return found
