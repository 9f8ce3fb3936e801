"""The tables of the code, held against those that the migrations make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from migrations import BOOKKEEPING, VERSION_TABLE
from plans import connected
from sqlalchemy import Connection, inspect, text

from quws.store import tables as t
from quws.store.instants import Instant, from_stored, to_stored
from quws.store.schema import differences, upgrade
from quws.store.tables import metadata


def test_migrations_make_exactly_the_tables_of_the_code(empty_url: str) -> None:
    upgrade(empty_url)
    assert differences(empty_url) == []


def exact(connection: Connection) -> dict[str, Any]:
    """Describe what alembic does not compare: defaults, keys and the conditions of indexes."""
    found: dict[str, Any] = {}
    look = inspect(connection)
    for name in look.get_table_names():
        if name in BOOKKEEPING:
            continue
        found[name] = {
            "columns": {
                column["name"]: (
                    str(column["type"]),
                    column["nullable"],
                    # A sequence is named after its table, which is the same.
                    column["default"],
                )
                for column in look.get_columns(name)
            },
            "key": look.get_pk_constraint(name),
            "foreign": sorted(look.get_foreign_keys(name), key=str),
            "unique": sorted(look.get_unique_constraints(name), key=str),
            "checks": sorted(look.get_check_constraints(name), key=str),
        }
    statement = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        if connection.dialect.name == "sqlite"
        else "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    )
    found["indexes"] = {
        name: " ".join(sql.split())
        for name, sql in connection.execute(text(statement))
        if not name.startswith(VERSION_TABLE)
    }
    return found


def test_and_not_only_as_far_as_alembic_looks(
    dialect: str, empty_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    upgrade(empty_url)
    if dialect == "sqlite":
        other = f"sqlite:///{tmp_path / 'other.db'}"
    else:
        other = request.getfixturevalue("postgres").database()
    with connected(other) as connection:
        metadata.create_all(connection)
        wanted = exact(connection)
    with connected(empty_url) as connection:
        assert exact(connection) == wanted


def test_a_place_in_a_stream_never_comes_back_on_sqlite(tmp_path: Path) -> None:
    """By the tables of the code, too: SQLite gives the highest id again without being told."""
    with connected(f"sqlite:///{tmp_path / 'new.db'}") as connection:
        metadata.create_all(connection)
        made = dict(connection.execute(text("SELECT name, sql FROM sqlite_master")).all())
    assert {name for name, sql in made.items() if "AUTOINCREMENT" in (sql or "")} == {
        t.timeline.name,
        t.outbox.name,
    }


@pytest.mark.parametrize(
    ("instant", "millis"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 0, 0, 0, 999, tzinfo=UTC), 0),
        (datetime(1970, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC), 97_445_678),
        (datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), -1),
        (datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), 253_402_300_799_999),
    ],
)
def test_an_instant_is_kept_in_whole_milliseconds(instant: datetime, millis: int) -> None:
    assert to_stored(instant) == millis
    assert from_stored(millis) == instant - timedelta(microseconds=instant.microsecond % 1000)


def test_statements_with_instants_are_compiled_once() -> None:
    assert Instant.cache_ok
