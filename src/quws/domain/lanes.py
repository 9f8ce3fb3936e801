"""Which jobs have slots of their own, so that they do not wait behind long ones."""

from __future__ import annotations

from quws.domain.targets import TargetDescription, TargetKind

SHORT_MS = 1000
"""A job that is predicted to run for less is short."""
OVERDUE_SECONDS = 10.0
"""A short job that has run for so long is none, and has no right to a slot of short ones."""


def lane_of_short(target: str) -> str:
    """Return the name under which workers are woken for the short jobs of a target."""
    return f"{target}:short"


def lane_of(target: TargetDescription, cost_ms: int) -> str:
    """Return the name under which workers are woken for a job."""
    short = has_lanes(target.kind) and is_short(cost_ms)
    return lane_of_short(target.name) if short else target.name


def has_lanes(kind: TargetKind | str | None) -> bool:
    """Whether short jobs have slots of their own on targets of a kind.

    On what computes only: a device runs one job after the other, in the order of its queue.
    """
    return kind == TargetKind.SIMULATOR


def is_short(cost_ms: int) -> bool:
    """Whether a job of this predicted run time is short."""
    return cost_ms < SHORT_MS
