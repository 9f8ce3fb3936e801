"""Instants in columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, TypeDecorator
from typing_extensions import override


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept as whole milliseconds since 1970 in UTC.

    An integer is the same on both databases, compares exactly and cannot have
    more precision than what is printed.
    """

    impl = BigInteger
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Turn an instant into milliseconds."""
        return None if value is None else to_stored(value)

    @override
    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Turn milliseconds into an instant."""
        return None if value is None else from_stored(value)


def to_stored(instant: datetime) -> int:
    """Turn an aware instant into milliseconds since 1970."""
    delta = instant - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def from_stored(millis: int) -> datetime:
    """Turn milliseconds since 1970 into an aware instant."""
    # By place: the third and fourth are microseconds and milliseconds.
    return _EPOCH + timedelta(0, 0, 0, millis)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
