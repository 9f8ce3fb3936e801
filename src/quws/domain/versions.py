"""The versions of libraries that had a job in hand, as its timeline tells them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field

from quws.domain.job import TimelineEntry

_Word = Annotated[str, Field(max_length=2000)]
Versions = dict[_Word, _Word]
"""The version of each library that had a job in hand, by its name."""

VERSIONS = "versions"
"""The status of a timeline entry that tells which libraries had a job that failed.

One that is completed has them in its results.
"""


def in_words(versions: Mapping[str, str]) -> str:
    """Write versions for people, so that they can be read again."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def told_in(timeline: Iterable[TimelineEntry]) -> dict[str, str]:
    """Return the versions that a timeline tells, by the names of the libraries."""
    told = [entry.message or "" for entry in timeline if entry.status == VERSIONS]
    if not told:
        return {}
    pairs = (item.partition(" ") for item in told[-1].split(", "))
    return {name: version for name, _, version in pairs if version}
