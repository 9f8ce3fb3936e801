"""What tests need to know of any schema that the migrations make."""

from __future__ import annotations

from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Boolean,
    Connection,
    Float,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
)
from sqlalchemy.dialects.postgresql.json import JSON as POSTGRES_JSON
from sqlalchemy.types import JSON, LargeBinary

from quws.store.schema import scripts

VERSION_TABLE = "alembic_version"
BOOKKEEPING = {VERSION_TABLE, "alembic_oldest_code"}


def revisions() -> list[str]:
    """All revisions, oldest first."""
    config = Config()
    config.set_main_option("script_location", str(scripts()))
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    return found[::-1]


def tables_of(connection: Connection) -> dict[str, Table]:
    found = MetaData()
    found.reflect(connection)
    return {table.name: table for table in found.sorted_tables if table.name not in BOOKKEEPING}


def some_value(column: Any, row: dict[str, Any]) -> Any:
    for key in column.foreign_keys:
        return row.get(f"{key.column.table.name}.{key.column.name}")
    match column.type:
        case JSON() | POSTGRES_JSON():
            return {"a": [1, "é"]}
        case Boolean():
            return True
        case Integer() | Numeric() | Float():
            return 7
        case LargeBinary():
            return b"x"
        case String():
            return "x"
        case other:
            raise AssertionError(f"{column} is of the type {other!r}; teach the test about it")
