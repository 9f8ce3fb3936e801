"""The query parameters of reading requests: what is listed, in which order, and WAIT.

Names are case-insensitive, as everywhere in DALI.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from starlette.requests import Request

from quws.api.kit.body import parse_form
from quws.domain.errors import InvalidFilter
from quws.domain.labels import ListFilter, Order, Place
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.phases import Phase
from quws.domain.times import parse_instant
from quws.domain.words import cut

MOST_OF_A_PAGE = 1000
FILTERS = ("PHASE", "AFTER", "BEFORE", "LAST", "TAG", "RUNID", "TARGET", "SESSION", "TEXT")
"""The parameters that say which jobs are meant."""
IN_PAGES = ("SORT", "LIMIT", "PAST")
"""The parameters of lists that have another order, or come in pages: JSON and pages."""
_UNASKED = ("LANG", "QUERY", "WAIT", *SPECIFICATIONS["RESPONSEFORMAT"].names)
"""What clients of TAP and UWS say of every request, beside what no job takes either: lists do not
wait (UWS 1.1, 2.2.1.1).
"""
_MOST_CHARACTERS = 1000
_MOST_TAGS = 20
_PLACE = re.compile(r"0|[1-9][0-9]{0,8}")
_INTEGER = re.compile(r"-?[0-9]{1,18}")


def query_of(request: Request) -> dict[str, list[str]]:
    """Return the query: upper-case name to all its values, empty ones too."""
    values: dict[str, list[str]] = {}
    for item in parse_form(request.scope["query_string"]):
        values.setdefault(item.name.upper(), []).append(item.value.decode("utf-8", "replace"))
    return values


def check_names(query: Iterable[str], *names: str, refused: str = "") -> None:
    """Make sure that a list knows each parameter of a query, by its name in capitals.

    Those pass, too, that clients of DALI and TAP send unasked. ``refused`` is said beside.

    Raises
    ------
    InvalidFilter
        It knows one of them not: to leave it out would answer something else.

    """
    known = {*names, *SPECIFICATIONS.ignored, *_UNASKED}
    for name in query:
        if name not in known:
            told = f"this list takes {', '.join(names)}" if names else "this takes none"
            raise InvalidFilter(
                f"there is no filter '{cut(name)}' here; {told}{refused}", parameter=name[:60]
            )


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


def read_filter(query: dict[str, list[str]]) -> ListFilter:
    """Return which jobs are meant.

    Raises
    ------
    InvalidFilter
        One of the parameters is malformed, or given twice where it can be given once.

    """
    return ListFilter(
        phases=read_phases(query),
        after=max(_instants(query, "AFTER"), default=None),
        before=min(_instants(query, "BEFORE"), default=None),
        last=read_last(query),
        tags=read_tags("TAG", query.get("TAG", [])),
        run_id=_once(query, "RUNID"),
        target=_once(query, "TARGET"),
        text=_once(query, "TEXT"),
        session=_once(query, "SESSION"),
    )


def read_order(query: dict[str, list[str]]) -> Order:
    """Return SORT, by which a list is ordered; newest first where it is not given.

    Raises
    ------
    InvalidFilter
        It is none of the orders that there are.

    """
    text = _once(query, "SORT")
    try:
        return Order.NEWEST if text is None else Order(text)
    except ValueError:
        raise InvalidFilter(
            f"SORT must be one of {', '.join(Order)}, not '{(text or '')[:40]}'", parameter="SORT"
        ) from None


def read_page(query: dict[str, list[str]]) -> tuple[int | None, Place | None]:
    """Return LIMIT and PAST: how many jobs a page has, and behind which place it begins.

    Raises
    ------
    InvalidFilter
        They are not a number within its limits, and a place that an answer has told.

    """
    limit, past = read_limit(query), _once(query, "PAST")
    try:
        place = None if past is None else Place.read(past)
    except ValueError:
        raise InvalidFilter(
            "PAST must be what the link to the next page has", parameter="PAST"
        ) from None
    return limit, place


def read_limit(query: dict[str, list[str]]) -> int | None:
    """Return LIMIT: how many entries a page has.

    Raises
    ------
    InvalidFilter
        It is no number within its limits.

    """
    limit = _once(query, "LIMIT")
    if limit is None:
        return None
    if not (_INTEGER.fullmatch(limit) and 1 <= int(limit) <= MOST_OF_A_PAGE):
        raise InvalidFilter(
            f"LIMIT must be a whole number from 1 to {MOST_OF_A_PAGE}, not '{limit[:40]}'",
            parameter="LIMIT",
        )
    return int(limit)


def read_response_format(query: dict[str, list[str]]) -> str | None:
    """Return RESPONSEFORMAT, or FORMAT, as it was asked for; None for what is kept.

    Raises
    ------
    InvalidFilter
        It is given twice.

    """
    names = SPECIFICATIONS["RESPONSEFORMAT"].names
    # As DALI has it, what is empty is not given.
    query = {name: [text for text in query.get(name, []) if text] for name in names}
    given = [name for name in names if query[name]]
    if len(given) > 1:
        raise InvalidFilter(f"{' and '.join(given)} are the same: give one", parameter=given[0])
    return _once(query, given[0]) if given else None


def _once(query: dict[str, list[str]], name: str) -> str | None:
    values = query.get(name, [])
    if len(values) > 1:
        raise InvalidFilter(f"{name} may be given once", parameter=name)
    return _text(name, values[0]) if values else None


def _text(name: str, text: str) -> str:
    if len(text) > _MOST_CHARACTERS or "\0" in text:
        raise InvalidFilter(
            f"{name} must be text of at most {_MOST_CHARACTERS} characters without NUL",
            parameter=name,
        )
    return text


def read_tags(name: str, texts: Sequence[str]) -> frozenset[str]:
    """Read the tags that jobs must have: each is looked for by itself, so that few may be given.

    ``name`` is what clients call them.

    Raises
    ------
    InvalidFilter

    """
    tags = frozenset(_text(name, text) for text in texts)
    if len(tags) > _MOST_TAGS:
        raise InvalidFilter(f"{name} may be given at most {_MOST_TAGS} times", parameter=name)
    return tags


def _instants(query: dict[str, list[str]], name: str) -> list[datetime]:
    """Return instants; who gives several means all of them."""
    found = []
    for text in query.get(name, []):
        try:
            found.append(parse_instant(text))
        except ValueError as error:
            raise InvalidFilter(f"{name}: {error}", parameter=name) from None
    return found


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


def read_outcomes(query: dict[str, list[str]]) -> bool:
    """Return whether OUTCOMES asks for what a job gave, with the job.

    Raises
    ------
    InvalidFilter
        It is neither true nor false.

    """
    value = query.get("OUTCOMES", ["false"])[-1]
    if value.lower() not in ("true", "false"):
        raise InvalidFilter(
            f"OUTCOMES must be true or false, not '{value[:40]}'", parameter="OUTCOMES"
        )
    return value.lower() == "true"
