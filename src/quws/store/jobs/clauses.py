"""Conditions on jobs that more than one statement needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BindParameter, TextClause, and_, bindparam, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.job import Claim
from quws.domain.lanes import SHORT_MS
from quws.domain.phases import Phase
from quws.store import tables as t
from quws.store.statements import Statement

_j = t.jobs.c

CHUNK = 1000
"""How many rows one statement reads, or how many values it carries."""

WAITING = frozenset({Phase.QUEUED, Phase.SUSPENDED})
"""The phases of jobs that wait in the queue of their target."""

QUEUE_ORDER = (_j.priority, _j.turn, _j.queued_time, _j.id)
"""In which order the jobs of a target are claimed."""


def short() -> TextClause:
    """Return the condition that a job is short, written as in the index."""
    return text(f"jobs.cost_ms < {SHORT_MS}")


def in_phases(wanted: Iterable[Phase]) -> TextClause:
    """Return the condition that a job is in one of several phases."""
    # Literal, not bound, and written as in the index: only then do both databases see that a
    # partial index fits.
    names = [f"'{Phase(phase)}'" for phase in sorted(wanted)]
    if len(names) == 1:
        return text(f"jobs.phase = {names[0]}")
    return text(f"jobs.phase IN ({', '.join(names)})")


def not_archived() -> TextClause:
    """Return the condition that a job is not archived, written as in the index."""
    return text(f"jobs.phase <> '{Phase.ARCHIVED}'")


HELD_JOB: BindParameter[str] = bindparam("held_job", type_=_j.id.type)
FENCE = and_(
    _j.id == HELD_JOB,
    _j.attempt == bindparam("held_attempt", type_=_j.attempt.type),
    _j.lease == bindparam("held_lease", type_=_j.lease.type),
    _j.phase == Phase.EXECUTING,
)
"""The condition that a job is still in the hands of who claimed it; see `fenced`."""

_HELD = Statement(update(t.jobs).where(FENCE).values(lease_until=_j.lease_until).returning(_j.id))


def fenced(claim: Claim) -> dict[str, Any]:
    """Return what a statement with `FENCE` is run with."""
    return {"held_job": claim.id, "held_attempt": claim.attempt, "held_lease": claim.lease}


async def held(connection: AsyncConnection, claim: Claim) -> bool:
    """Whether a job is still the worker's, which it then stays until the transaction ends."""
    return bool(await _HELD.run(connection, fenced(claim)))
