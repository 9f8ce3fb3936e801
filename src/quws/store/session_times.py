"""Times of sessions after the clock of the database was set back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, case, or_, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.store.database import Database
from quws.store.owner_tables import job_sessions

_s = job_sessions.c


async def shorten(connection: AsyncConnection, database: Database) -> None:
    """Cut times of sessions that lie further ahead than theirs do.

    Else one would keep its target from others until the clock has come that far again.
    """
    now = database.now
    latest: dict[Column[Any], ColumnElement[int]] = {
        _s.created: now,
        _s.idle_from: now,
        _s.idle_at: now + _s.idle_ms,
        _s.ends: now + _s.max_ms,
    }
    cut = {
        column: case((column > most, most), else_=type_coerce(column, BigInteger))
        for column, most in latest.items()
    }
    ahead = or_(*(column > most for column, most in latest.items()))
    await connection.execute(update(job_sessions).where(_s.over.is_(None), ahead).values(cut))
