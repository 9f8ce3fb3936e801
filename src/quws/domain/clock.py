"""The clock on the wall, and the type of whatever stands in for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from quws.domain.times import to_millis

Clock = Callable[[], datetime]
"""Returns the time now, aware and at the precision that is stored."""


def utc_now() -> datetime:
    """Return the time, at the precision that is stored."""
    return to_millis(datetime.now(UTC))
