"""The one door through which a job changes its phase.

A move of ``domain.phases`` says from which phases it is legal and where it
leads; what goes with it is written here, in the caller's transaction: the
columns that follow from it, its timeline entry, what becomes of what was
handed over to the target's own queue, and what others are to be told.
No other statement sets ``phase``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Row, ScalarSelect, TextClause, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain import phases
from quws.domain.job import TimelineEntry
from quws.domain.phases import Move, Phase
from quws.store import handovers
from quws.store import tables as t
from quws.store.jobs import outbox
from quws.store.jobs.clauses import in_phases
from quws.store.jobs.outbox import Happening, Kind
from quws.store.jobs.timeline import tell

_j = t.jobs.c

WRITERS: tuple[Callable[[AsyncConnection, Happening], Awaitable[None]], ...] = (outbox.write,)
"""Who writes down what happened to a job, in the transaction in which it happens.

To tell somebody else of it (a webhook, an audit, an account of usage), add what
writes the row for them.
"""

_REF = (_j.id, _j.phase, _j.run_id, _j.owner, _j.creation_time)
_TAKEN_BACK = {"lease": None, "lease_until": None, "deadline": None}
"""What a job loses that no worker holds any more."""


async def create(
    connection: AsyncConnection, phase: Phase, entries: Sequence[TimelineEntry], **columns: Any
) -> None:
    """Write a new job, in one of the phases in which a job may begin."""
    if phase not in phases.INITIAL:
        raise ValueError(f"no job begins as {phase}")
    await connection.execute(insert(t.jobs).values(phase=phase, **columns))
    await tell(connection, columns["id"], *entries)
    await happened(
        connection,
        Happening(Kind.PHASE, entries[-1].time, columns["id"], columns["owner"], phase),
    )


async def make(
    connection: AsyncConnection,
    job_id: str | ScalarSelect[str],
    move: Move,
    entry: TimelineEntry,
    *guards: ColumnElement[bool] | TextClause,
    returning: Sequence[Any] = (*_REF, _j.attempt, _j.claimed_time),
    **columns: Any,
) -> Row[Any] | None:
    """Make a move, if it is legal for the job now and every guard holds.

    Parameters
    ----------
    job_id
        The job, or a query that finds it.
    entry
        What the timeline says of it; a claim adds which attempt it is.
    guards
        Conditions besides the phase: a fence, a deadline that is over, …
    returning
        The columns of the row that is given back.
    columns
        What changes besides the columns that follow from the move.

    Returns
    -------
    Row
        The job as it is now; None if nothing was written.

    """
    changed = await connection.execute(
        update(t.jobs)
        .where(_j.id == job_id, in_phases(phases.sources(move)), *guards)
        .values(phase=phases.target(move), **(_follows(move, entry) | columns))
        .returning(*returning)
    )
    row = changed.first()
    if row is None:
        return None
    if move is Move.CLAIM:
        entry = replace(entry, message=f"attempt {row.attempt}")
    await tell(connection, row.id, entry)
    await happened(
        connection, Happening(Kind.PHASE, entry.time, row.id, row.owner, Phase(row.phase))
    )
    if move is Move.COMPLETE:
        await handovers.over(connection, row.id, entry.time)
    elif move in (Move.FAIL, Move.ABORT):
        await handovers.cancel(connection, row.id, entry.time)
    return row


async def happened(connection: AsyncConnection, happening: Happening) -> None:
    """Write down that something happened to a job, for all who are to be told."""
    for write in WRITERS:
        await write(connection, happening)


def _follows(move: Move, entry: TimelineEntry) -> dict[str, Any]:
    """Return the columns that follow from a move alone."""
    ended = {**_TAKEN_BACK, "end_time": entry.time}
    columns: dict[Move, dict[str, Any]] = {
        Move.QUEUE: {"queued_time": entry.time, "message": None},
        Move.HOLD: {"message": entry.message},
        Move.CLAIM: {"message": None},
        Move.COMPLETE: {**ended, "message": None},
        Move.FAIL: {**ended, "message": None},
        Move.ABORT: {**ended, "message": entry.message},
        Move.REQUEUE: {**_TAKEN_BACK, "start_time": None, "message": entry.message},
        Move.SUSPEND: {**_TAKEN_BACK, "message": entry.message},
        Move.ARCHIVE: {},
    }
    return columns[move]
