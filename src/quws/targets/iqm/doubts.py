"""What is left of a submission to a server of IQM's that was cut off."""

from __future__ import annotations

from quws.targets.base import Doubt


def unlisted(host: str, key: str) -> Doubt:
    """Return why nobody can tell whether a submission arrived, and how people find it there.

    ``key`` is the tag under which it was sent.
    """
    return Doubt(f"{host} lists no jobs; if it is there, its tag is {key}")
