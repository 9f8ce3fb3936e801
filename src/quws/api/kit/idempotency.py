"""The header Idempotency-Key: a request that makes a job may be sent again without fear."""

from __future__ import annotations

import re

from starlette.requests import Request

from quws.domain.errors import InvalidFilter, InvalidParameter

HEADER = "Idempotency-Key"
KEY_FILTER = HEADER.upper()

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_RULE = "must be 1 to 200 visible ASCII characters"


def read_key_filter(query: dict[str, list[str]]) -> str | None:
    """Return the key whose job is looked for, from a query; None for any job.

    Raises
    ------
    InvalidFilter
        It could be nobody's key.

    """
    name = KEY_FILTER
    key = query.get(name, [None])[-1]
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidFilter(f"{name} {_RULE}", parameter=name)
    return key


def read_key(request: Request) -> str | None:
    """Return the key of a request; None where it has none.

    It may be quoted, as the IETF's draft of it has it.

    Raises
    ------
    InvalidParameter
        The key is empty, too long, or not of visible ASCII characters.

    """
    found = request.headers.getlist(HEADER)
    if not found:
        return None
    key = found[-1].strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise InvalidParameter(f"{HEADER} {_RULE}", parameter=HEADER)
    return key
