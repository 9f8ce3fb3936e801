"""The clock of the service."""

from __future__ import annotations

from datetime import UTC, datetime

from quws.domain.times import to_millis


def utc_now() -> datetime:
    """Tell the time, at the precision that is stored."""
    return to_millis(datetime.now(UTC))
