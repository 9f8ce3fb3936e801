"""While one release replaces another, the code of both works on the schema of the new one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from migrations import revisions, some_value, tables_of
from plans import connected
from sqlalchemy import Connection, Table, select, update

from quws.store import schema
from quws.store.database import Database, StoreUnavailable
from quws.store.revision import REVISION

pytestmark = pytest.mark.anyio

LATER = '''
"""Something that a later release needs."""
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{down}"
{compatible}


def upgrade() -> None:
    op.create_table("later_{revision}", sa.Column("name", sa.Text(), primary_key=True))


def downgrade() -> None:
    op.drop_table("later_{revision}")
'''


def compatible() -> dict[str, str]:
    """Tell for each revision the oldest one whose code can work with it."""
    config = Config()
    config.set_main_option("script_location", str(schema.scripts()))
    found = ScriptDirectory.from_config(config).walk_revisions()
    return {script.revision: schema.compatible_down_to(script) for script in found}


def shapes(tables: dict[str, Table]) -> dict[str, dict[str, str]]:
    return {
        name: {column.name: str(column.type) for column in table.columns}
        for name, table in tables.items()
    }


def test_what_a_revision_says_of_older_code_is_so(empty_url: str) -> None:
    """Code of the older revision knows its own columns only, and writes no others."""
    promised = compatible()
    older: dict[str, Any] = {}
    for revision in revisions():
        schema.upgrade(empty_url, revision)
        with connected(empty_url) as connection:
            tables = tables_of(connection)
            now = shapes(tables)
            for old in (name for name in older if name >= promised[revision]):
                for table, columns in older[old].items():
                    assert columns.items() <= now[table].items(), (old, revision, table)
                assert_rows_can_be_written(connection, tables, older[old])
        older[revision] = now


def assert_rows_can_be_written(
    connection: Connection, tables: dict[str, Table], known: dict[str, dict[str, str]]
) -> None:
    rows: dict[str, Any] = {}
    for name, columns in known.items():
        table = tables[name]
        row = {column: some_value(table.c[column], rows) for column in columns}
        connection.execute(table.insert().values(row))
        connection.execute(update(table).values(row))
        found = connection.execute(select(*(table.c[column] for column in columns)))
        assert dict(found.mappings().one()) == row
        rows |= {f"{name}.{column}": value for column, value in row.items()}
    for name in reversed(list(known)):
        connection.execute(tables[name].delete())


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The migrations of a later release: a revision that this code can work with, and one that
    it cannot."""
    folder = tmp_path / "migrations"
    shutil.copytree(schema.scripts(), folder)
    kind, other = "9998", "9999"
    says = f'compatible_down_to = "{REVISION}"'
    for revision, down, compatible in ((kind, REVISION, says), (other, kind, "")):
        text = LATER.format(revision=revision, down=down, compatible=compatible)
        (folder / "versions" / f"{revision}_later.py").write_text(text)
    monkeypatch.setattr(schema, "scripts", lambda: folder)
    return kind, other


async def refusal(url: str) -> str | None:
    database = Database(url)
    try:
        await database.probe()
    except StoreUnavailable as error:
        return str(error)
    finally:
        await database.close()
    return None


async def test_a_schema_of_a_later_release_is_taken_if_it_says_so(
    empty_url: str, later: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, other = later
    with monkeypatch.context() as release:
        release.setattr(schema, "REVISION", kind)
        schema.upgrade(empty_url, kind)
    assert await refusal(empty_url) is None
    schema.upgrade(empty_url)  # By this release: there is nothing to do, and nothing is undone.
    with connected(empty_url) as connection:
        assert f"later_{kind}" in tables_of(connection)

    with monkeypatch.context() as release:
        release.setattr(schema, "REVISION", other)
        schema.upgrade(empty_url, other)
    said = await refusal(empty_url)
    assert said == (
        "the database has schema 9999, which a later quws has made and this one, which needs"
        f" {REVISION}, cannot work with: run the later quws"
    )
    with pytest.raises(StoreUnavailable, match="run the later quws"):
        schema.upgrade(empty_url)

    schema.downgrade(empty_url, kind)
    assert await refusal(empty_url) is None
    schema.downgrade(empty_url, REVISION)
    assert await refusal(empty_url) is None
