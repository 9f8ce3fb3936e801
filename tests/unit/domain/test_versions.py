"""Versions that a timeline tells."""

from __future__ import annotations

from datetime import UTC, datetime

from quws.domain.job import TimelineEntry
from quws.domain.versions import VERSIONS, in_words, told_in

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_they_are_read_as_they_were_written() -> None:
    versions = {"python": "3.11.7", "qiskit_aer": "0.18.2", "odd": "1.0 of today"}
    timeline = [
        TimelineEntry(NOW, "claimed", "worker", "attempt 1"),
        TimelineEntry(NOW, VERSIONS, "worker", in_words(versions)),
        TimelineEntry(NOW, "failed", "worker", "it broke, badly"),
    ]
    assert told_in(timeline) == versions
    assert told_in(timeline[:1]) == {}
