"""Connections to the database."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from quws.store.database import Database
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


async def test_a_frozen_writer_does_not_keep_its_rows_for_ever(
    dialect: str, database: Database, store: JobStore
) -> None:
    """On PostgreSQL; with SQLite there is one host, and one writer at a time."""
    if dialect == "postgresql":
        async with database.read() as connection:
            for name in ("idle_in_transaction_session_timeout", "lock_timeout"):
                found = await connection.scalar(text(f"SHOW {name}"))
                assert found not in (None, "0")
