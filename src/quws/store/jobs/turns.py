"""Whose turn it is: the fair share of owners in a target's queue."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, cast, func, select

from quws.domain.shares import Fairness
from quws.store import tables as t
from quws.store.database import Database
from quws.store.instants import to_stored
from quws.store.jobs.clauses import WAITING, in_phases

_j, _u = t.jobs.c, t.target_use.c
_HOUR_MS = 3_600_000
_TARGET = bindparam("turn_target", type_=_j.target.type)
_OWNER = bindparam("turn_owner", type_=_j.owner.type)
_WEIGHT = bindparam("turn_weight", type_=BigInteger())
_SINCE = bindparam("turn_since", type_=BigInteger())
_MEMORY = bindparam("turn_memory", type_=BigInteger())


def turn_of_new(database: Database) -> ColumnElement[int]:
    """Return when the next job of an owner has its turn on a target; see `for_turn`.

    Start-time fair queueing (Goyal, Vin, Cheng 1996): a job's turn is when
    the jobs that its owner has waiting would be done, if each owner had
    his share of the target, and no earlier than the turn that is on now. So
    owners alternate, by run time and share, however many jobs one of them sends.
    Who had much of the target in the last hours comes later by as much, up to a
    limit, which is come near slowly: who had more is always behind who had less.
    """
    head = select(func.min(_j.turn)).where(_j.target == _TARGET, in_phases(WAITING))
    mine = (
        select(_j.turn + database.greatest(_j.cost_ms * 1000 // _WEIGHT, cast(1, BigInteger)))
        .where(_j.target == _TARGET, _j.owner == _OWNER, in_phases(WAITING))
        .order_by(_j.turn.desc())
        .limit(1)
    )
    had = (
        select(cast(func.coalesce(func.sum(_u.ms), 0), BigInteger) * 1000 // _WEIGHT)
        .where(_u.target == _TARGET, _u.owner == _OWNER, _u.hour > _SINCE)
        .scalar_subquery()
    )
    behind = had * _MEMORY // (had + _MEMORY + 1)
    return database.greatest(
        func.coalesce(head.scalar_subquery(), 0) + behind,
        func.coalesce(mine.scalar_subquery(), 0),
    )


def for_turn(target: str, owner: str | None, fairness: Fairness, now: datetime) -> dict[str, Any]:
    """Return what a statement with `turn_of_new` is run with."""
    return {
        "turn_target": target,
        "turn_owner": owner or "",
        "turn_weight": fairness.weight(owner),
        "turn_since": hour_of(now) - fairness.hours,
        "turn_memory": fairness.memory_seconds * 1000,
    }


def hour_of(time: datetime) -> int:
    """Return the hour in which an instant lies, counted from 1970."""
    return to_stored(time) // _HOUR_MS
