"""The one door through which a job changes its phase.

A move of ``domain.phases`` says from which phases it is legal and where it
leads; what goes with it is written here, in the caller's transaction: the
columns that follow from it, its timeline entry, what becomes of what was
handed over to the target's own queue, and what others are to be told.
No other statement sets ``phase``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Executable,
    Text,
    TextClause,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain import phases
from quws.domain.job import TimelineEntry
from quws.domain.phases import Move, Phase
from quws.store import handovers, quotas, sessions
from quws.store import tables as t
from quws.store.instants import Instant
from quws.store.jobs import outbox
from quws.store.jobs.clauses import in_phases
from quws.store.jobs.outbox import Happening, Kind
from quws.store.jobs.timeline import tell, tell_of
from quws.store.statements import Statement

_j = t.jobs.c

WRITERS: tuple[Callable[[AsyncConnection, Sequence[Happening]], Awaitable[None]], ...] = (
    outbox.write,
)
"""Who writes down what happened to jobs, in the transaction in which it happens.

To tell somebody else of it (a webhook, an audit, an account of usage), add what
writes the rows for them.
"""

_REF = (_j.id, _j.phase, _j.run_id, _j.owner, _j.creation_time)
_CHARGED = (_j.charged, _j.spent_ms, _j.claimed_time, _j.session)
_ENDS = frozenset({Move.COMPLETE, Move.FAIL, Move.ABORT})
_LEAVES = _ENDS | {Move.SUSPEND, Move.REQUEUE}
"""After these no worker holds the job."""
_TAKEN_BACK = {"lease": None, "lease_until": None, "deadline": None}
"""What a job loses that no worker holds any more."""
_TIME = bindparam("entry_time", type_=Instant())
_MESSAGE = bindparam("entry_message", type_=Text())


def not_before(time: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the time of a move, or the ``time`` of the job before it where that is later.

    Each process reads the clock of its host before its statement: the job may have been made,
    or begun, by another in the meantime, or by one whose clock is ahead. The times of a job
    never run backwards.
    """
    return case((time > _TIME, time), else_=_TIME)


_ENDED = {
    **_TAKEN_BACK,
    "end_time": not_before(func.coalesce(_j.start_time, _j.creation_time)),
    # Its last attempt too: how long it ran is charged to its owner's quotas.
    "spent_ms": case(
        (
            and_(in_phases({Phase.EXECUTING}), _j.claimed_time.is_not(None)),
            _j.spent_ms
            + type_coerce(not_before(_j.claimed_time), BigInteger)
            - type_coerce(_j.claimed_time, BigInteger),
        ),
        else_=_j.spent_ms,
    ),
}
_FOLLOWS: dict[Move, dict[str, Any]] = {
    Move.QUEUE: {"queued_time": _TIME, "message": None},
    Move.HOLD: {"message": _MESSAGE},
    Move.CLAIM: {"message": None},
    # Which of its circuits have no result, if some have not.
    Move.COMPLETE: {**_ENDED, "message": _MESSAGE},
    Move.FAIL: {**_ENDED, "message": None},
    Move.ABORT: {**_ENDED, "message": _MESSAGE},
    Move.REQUEUE: {**_TAKEN_BACK, "start_time": None, "message": _MESSAGE},
    Move.SUSPEND: {**_TAKEN_BACK, "message": _MESSAGE},
    Move.ARCHIVE: {},
}
"""The columns that follow from a move alone."""
# In plain SQL: for SQLite, SQLAlchemy leaves out in RETURNING of which table a column is.
_HANDED_OVER: ColumnElement[bool] = literal_column(
    "EXISTS (SELECT submissions.key FROM submissions WHERE submissions.job_id = jobs.id)",
    Boolean(),
).label("was_handed_over")
"""As far as was known when the statement began: by who completes a job, and nobody else, all."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A move as a statement that can be run again and again: to build one takes longer."""

    move: Move
    statement: Statement | Executable


@dataclass(frozen=True, slots=True)
class Made:
    """A move that was made: the job as it is now, and what its timeline says, the move last."""

    move: Move
    row: Any
    entries: Sequence[TimelineEntry]


NEW_JOB = Statement(insert(t.jobs))


async def create(
    connection: AsyncConnection,
    phase: Phase,
    entries: Sequence[TimelineEntry],
    statement: Statement = NEW_JOB,
    **columns: Any,
) -> None:
    """Write a new job, in one of the phases in which a job may begin.

    ``columns`` are those of the job, and what else the ``statement`` wants to know.
    """
    if phase not in phases.INITIAL:
        raise ValueError(f"no job begins as {phase}")
    await statement.run(connection, {"phase": phase, **columns})
    await tell(connection, columns["id"], *entries)
    await happened(
        connection,
        Happening(Kind.PHASE, entries[-1].time, columns["id"], columns["owner"], phase),
    )


async def make(
    connection: AsyncConnection,
    job_id: str,
    move: Move,
    entry: TimelineEntry,
    *guards: ColumnElement[bool] | TextClause,
    **columns: Any,
) -> Any:
    """Make a move, if it is legal for the job now and every guard holds.

    Parameters
    ----------
    entry
        What the timeline says of it.
    guards
        Conditions besides the phase: a fence, a deadline that is over, …
    columns
        What changes besides the columns that follow from the move.

    Returns
    -------
    Row
        The job as it is now; None if nothing was written.

    """
    once = prepared(move, job_id, *guards, once=True, **columns)
    return await carry_out(connection, once, entry)


def prepared(
    move: Move,
    job_id: str | ColumnElement[str],
    *guards: ColumnElement[bool] | TextClause,
    returning: Sequence[Any] = (*_REF, _j.attempt, *_CHARGED),
    once: bool = False,
    **columns: Any,
) -> Prepared:
    """Return a move for `carry_out`.

    Parameters
    ----------
    job_id
        The job, or a query that finds it.
    guards, columns
        As for `make`; with parameters where `carry_out` is to give the values.
    returning
        The columns of the row that is given back.
    once
        It is run once or seldom, or has a list of values: it is not to be kept.

    """
    more = (_HANDED_OVER,) if move is Move.COMPLETE else ()
    statement = (
        update(t.jobs)
        .where(_j.id == job_id, in_phases(phases.sources(move)), *guards)
        .values(phase=phases.target(move), **(_FOLLOWS[move] | columns))
        .returning(*returning, *more)
    )
    return Prepared(move, statement if once else Statement(statement))


async def carry_out(
    connection: AsyncConnection,
    move: Prepared,
    entry: TimelineEntry,
    *,
    before: Sequence[TimelineEntry] = (),
    **values: Any,
) -> Any:
    """Make a move that was prepared, if it is legal for the job now and every guard holds.

    Return the job as it is now; None if nothing was written. ``before`` is what else the timeline
    says, and what it says first.
    """
    made = await change(connection, move, entry, before=before, **values)
    if made is None:
        return None
    await write_down(connection, [made])
    return made.row


async def change(
    connection: AsyncConnection,
    move: Prepared,
    entry: TimelineEntry,
    *,
    before: Sequence[TimelineEntry] = (),
    **values: Any,
) -> Made | None:
    """Make a move as `carry_out` does, for who has several and calls `write_down` for all."""
    values |= {"entry_time": entry.time, "entry_message": entry.message}
    if isinstance(move.statement, Statement):
        row: Any = await move.statement.find(connection, values)
    else:
        row = (await connection.execute(move.statement, values)).first()
    if row is None:
        return None
    if move.move is Move.CLAIM:
        entry = replace(entry, message=f"attempt {row.attempt}")
    return Made(move.move, row, [*before, entry])


async def write_down(connection: AsyncConnection, moves: Sequence[Made]) -> None:
    """Write what goes with moves, in the transaction in which they were made."""
    await tell_of(connection, [(made.row.id, entry) for made in moves for entry in made.entries])
    await happened(
        connection,
        *(
            Happening(
                Kind.PHASE,
                made.entries[-1].time,
                made.row.id,
                made.row.owner,
                Phase(made.row.phase),
            )
            for made in moves
        ),
    )
    charged = [
        (made.row.charged, made.row.spent_ms, made.row.claimed_time is not None)
        for made in moves
        if made.move in _ENDS and made.row.charged
    ]
    if charged:
        await quotas.settle(connection, charged)
    left = {
        made.row.session
        for made in moves
        if made.move in _LEAVES and made.row.session is not None and made.row.claimed_time
    }
    if left:
        await sessions.left(connection, left)
    for made in moves:
        time = made.entries[-1].time
        if made.move is Move.COMPLETE:
            if made.row.was_handed_over:
                await handovers.over(connection, made.row.id, time)
        elif made.move in (Move.FAIL, Move.ABORT):
            await handovers.cancel(connection, made.row.id, time)


async def happened(connection: AsyncConnection, *happenings: Happening) -> None:
    """Write down what happened to jobs, for all who are to be told."""
    for write in WRITERS:
        await write(connection, happenings)
