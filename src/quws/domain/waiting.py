"""Why a job waits, in one sentence."""

from __future__ import annotations

from quws.domain.quotas import Use
from quws.domain.words import counted


def why_not_running(use: Use) -> str:
    """Say why a job waits whose owner, or a group of the owner's, has as many running as may."""
    whose = "this owner" if use.bound.group is None else f"group {use.bound.group}"
    jobs = counted(use.used, f"job of {whose} runs", f"jobs of {whose} run")
    return f"{jobs}, as many as may at once; it starts when one of them is done"


def why_queued(target: str, ahead: int, mine: int, *, attended: bool | None) -> str:
    """Say why a job waits whose target takes work.

    Parameters
    ----------
    ahead, mine
        How many jobs go before it, and how many of them are its owner's.
    attended
        Whether a worker of the target is alive; None if nobody knows.

    """
    if attended is False:
        return f"no worker of target {target} is alive; it starts when one is"
    if not ahead:
        return f"it starts as soon as target {target} is free"
    jobs = counted(ahead, "job goes", "jobs go")
    if mine == ahead:
        return f"{jobs} before it on target {target}, of the same owner"
    others = "the turn of other owners is first" if not mine else f"{mine} of the same owner"
    return f"{jobs} before it on target {target}: {others}"
