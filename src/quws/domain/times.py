"""Instants as UWS prints and reads them: UTC, ``Z``, milliseconds.

Milliseconds are the precision that is stored *and* printed, so that a client
that sends a printed instant back (AFTER, DESTRUCTION) means the same instant.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_FORM = re.compile(
    r"(?P<year>\d{4})"
    r"(?:-?(?P<month>\d{2})"
    r"(?:-?(?P<day>\d{2})"
    r"(?:[T ](?P<hour>\d{2})"
    r"(?::?(?P<minute>\d{2})"
    r"(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r"(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?)?)?)?",
    re.IGNORECASE | re.ASCII,
)

MAX_SECONDS = 2**31 - 1
"""The largest execution duration that the schema's xs:int can print."""

EXPECTED = "an ISO 8601 instant in UTC such as 2026-11-21T10:00:00.000Z"
"""How an error message names what is allowed."""


def to_millis(instant: datetime) -> datetime:
    """Cut an aware instant to whole milliseconds, in UTC."""
    utc = instant.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def format_instant(instant: datetime) -> str:
    """Write an aware instant as UWS wants it: ``2026-11-21T10:00:00.000Z``."""
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    # What Python has for it takes four times as long, and a list of jobs is mostly instants.
    return (
        f"{_day(utc.year, utc.month, utc.day)}{_TWO_DIGITS[utc.hour]}:{_TWO_DIGITS[utc.minute]}:"
        f"{_TWO_DIGITS[utc.second]}{_MILLIS[utc.microsecond // 1000]}"
    )


@lru_cache(maxsize=1024)
def _day(year: int, month: int, day: int) -> str:
    return f"{year:04}-{month:02}-{day:02}T"


_TWO_DIGITS = [f"{number:02}" for number in range(60)]
_MILLIS = [f".{number:03}Z" for number in range(1000)]


def parse_instant(text: str) -> datetime:
    """Read an instant in any of the ISO 8601 forms that DALI and UWS clients send.

    Missing parts are taken as their first value (``2015`` is the first of
    January), a missing zone is UTC, another zone is converted.

    Raises
    ------
    ValueError
        The text is not an instant.

    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text[:40]}' is not {EXPECTED}")
    part = found.groupdict()
    micro = int((part["fraction"] or "").ljust(6, "0")[:6])
    try:
        instant = datetime(
            int(part["year"]),
            int(part["month"] or 1),
            int(part["day"] or 1),
            int(part["hour"] or 0),
            int(part["minute"] or 0),
            # A leap second has no place of its own in POSIX time.
            59 if part["second"] == "60" else int(part["second"] or 0),
            micro,
            tzinfo=UTC,
        )
        instant -= _offset(part["zone"])
    except (ValueError, OverflowError):
        raise ValueError(f"'{text}' is not {EXPECTED}") from None
    return to_millis(instant)


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone in ("Z", "z"):
        return timedelta(0)
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError(zone)
    span = timedelta(hours=hours, minutes=minutes)
    return span if zone[0] == "+" else -span
