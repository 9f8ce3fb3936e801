"""Whose turn it is: the fair share of owners in a target's queue."""

from __future__ import annotations

from sqlalchemy import BindParameter, ColumnElement, bindparam, func, select

from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs.clauses import WAITING, in_phases

_j = t.jobs.c


def turn_of_new(database: Database) -> ColumnElement[int]:
    """Return when the next job of an owner has its turn on a target; see `for_turn`.

    Start-time fair queueing (Goyal, Vin, Cheng 1996): a job's turn is when
    the jobs that its owner has waiting would be done, if each owner had
    the target for itself, and no earlier than the turn that is on now. So
    owners alternate, by run time, however many jobs one of them sends.
    """
    return _turn(
        database,
        bindparam("turn_target", type_=_j.target.type),
        bindparam("turn_owner", type_=_j.owner.type),
    )


def for_turn(target: str, owner: str | None) -> dict[str, str]:
    """Return what a statement with `turn_of_new` is run with."""
    return {"turn_target": target, "turn_owner": owner or ""}


def next_turn(database: Database, target: str, owner: str | None) -> ColumnElement[int]:
    """Return the same for one owner and one target."""
    return _turn(database, target, owner or "")


def _turn(
    database: Database, target: str | BindParameter[str], owner: str | BindParameter[str]
) -> ColumnElement[int]:
    head = select(func.min(_j.turn)).where(_j.target == target, in_phases(WAITING))
    mine = (
        select(_j.turn + _j.cost_ms)
        .where(_j.target == target, _j.owner == owner, in_phases(WAITING))
        .order_by(_j.turn.desc())
        .limit(1)
    )
    return database.greatest(
        func.coalesce(head.scalar_subquery(), 0), func.coalesce(mine.scalar_subquery(), 0)
    )
