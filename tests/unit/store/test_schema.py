"""The migrations, held against the tables that the code works with."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from harness import Postgres, Process, base_environment, until
from migrations import revisions, some_value, tables_of
from plans import connected
from sqlalchemy import (
    Connection,
    Engine,
    Table,
    event,
    func,
    insert,
    select,
    text,
)

from quws.store.database import Database, StoreUnavailable, WrongSchema, database_name
from quws.store.revision import REVISION
from quws.store.schema import differences, downgrade, upgrade

pytestmark = pytest.mark.anyio


def fill(connection: Connection, tables: dict[str, Table] | None = None) -> None:
    """Put a row with a value in every column into each table that has none."""
    values: dict[str, Any] = {}
    for name, table in (tables or tables_of(connection)).items():
        if connection.scalar(select(func.count()).select_from(table)) == 0:
            row = {column.name: some_value(column, values) for column in table.columns}
            connection.execute(insert(table).values(row))
        found = connection.execute(select(table)).mappings().one()
        values |= {f"{name}.{key}": value for key, value in found.items()}


def contents(connection: Connection, tables: dict[str, Table] | None = None) -> dict[str, Any]:
    return {
        name: dict(connection.execute(select(table)).mappings().one())
        for name, table in (tables or tables_of(connection)).items()
    }


def climb(url: str) -> dict[str, Table]:
    """Upgrade revision by revision with rows in all tables; return the tables at the top."""
    tables: dict[str, Table] = {}
    for revision in revisions():
        upgrade(url, revision)
        kept = set(tables)
        with connected(url) as connection:
            tables = tables_of(connection)
            for name in kept:
                assert connection.scalar(select(func.count()).select_from(tables[name])), name
            fill(connection, tables)
    return tables


# -- the migrations -------------------------------------------------------------


def test_the_code_works_with_the_head_of_the_migrations() -> None:
    assert revisions()[-1] == REVISION


def test_every_revision_goes_down_and_up_again_with_rows_in_it(empty_url: str) -> None:
    tables = climb(empty_url)
    for revision in [*revisions()[-2::-1], "base"]:
        with connected(empty_url) as connection:
            before = contents(connection, tables)
        downgrade(empty_url, revision)
        with connected(empty_url) as connection:
            tables = tables_of(connection)
            after = contents(connection, tables)
            # What an older schema can hold, it still holds.
            for name in after:
                shared = after[name].keys() & before[name].keys()
                assert {k: after[name][k] for k in shared} == {k: before[name][k] for k in shared}
            fill(connection, tables)
    assert tables == {}
    upgrade(empty_url)
    assert differences(empty_url) == []


def test_upgrading_what_is_there_already_changes_nothing(empty_url: str) -> None:
    upgrade(empty_url)
    with connected(empty_url) as connection:
        fill(connection)
        before = contents(connection)
    upgrade(empty_url)
    with connected(empty_url) as connection:
        assert contents(connection) == before


def start_upgrades(url: str, folder: Path) -> list[Process]:
    """Start two at once; alembic's configuration is one per process, so these are two."""
    environment = base_environment({"QUWS_DATABASE_URL": url})
    logs = [folder / f"upgrade-{number}.log" for number in range(2)]
    return [Process(["db", "upgrade"], environment, log) for log in logs]


def assert_both_succeed(processes: list[Process]) -> None:
    for process in processes:
        process.has_ended(60)


def test_two_upgrades_at_once_on_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.database()
    with psycopg.connect(url, autocommit=True) as holder:
        # Hold them both at the door, so that they really meet.
        (key,) = holder.execute("SELECT x'71757773'::bigint").fetchone() or (0,)
        holder.execute("SELECT pg_advisory_lock(%s)", (key,))
        processes = start_upgrades(url, tmp_path)

        def waiting() -> bool:
            (count,) = holder.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
                " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
            ).fetchone() or (0,)
            return bool(count == 2)

        try:
            until(waiting, 60, "two upgrades that wait")
        finally:
            holder.execute("SELECT pg_advisory_unlock(%s)", (key,))
            assert_both_succeed(processes)
    assert differences(url) == []


def test_two_upgrades_at_once_on_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "quws.db"
    holder = sqlite3.connect(path, isolation_level=None)
    try:
        # Whoever only looks may do so now, and both find an empty database; writers wait.
        holder.execute("BEGIN IMMEDIATE")
        processes = start_upgrades(f"sqlite:///{path}", tmp_path)
        for process in processes:
            until(lambda pid=process.pid: has_open(pid, path), 60, "an upgrade that is there")
            until(Idle(process.pid), 60, "an upgrade that waits")
    finally:
        holder.close()
        assert_both_succeed(processes)
    assert differences(f"sqlite:///{path}") == []


def has_open(pid: int, path: Path) -> bool:
    return any(file.path == str(path) for file in psutil.Process(pid).open_files())


class Idle:
    """Tells whether a process has used no processor for a while."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._seen: list[float] = []

    def __call__(self) -> bool:
        times = self._process.cpu_times()
        self._seen = [*self._seen[-24:], times.user + times.system]
        return len(self._seen) == 25 and self._seen[0] == self._seen[-1]


class CutShort(Exception):
    """The upgrade ends here."""


def is_cut_short(url: str, statements: int) -> bool:
    """Upgrade, but only so many statements far. Tells whether there would have been more."""
    count = 0

    def cut(*_: Any) -> None:
        nonlocal count
        count += 1
        if count > statements:
            raise CutShort

    event.listen(Engine, "before_cursor_execute", cut)
    try:
        upgrade(url)
    except CutShort:
        return True
    finally:
        event.remove(Engine, "before_cursor_execute", cut)
    return False


@pytest.mark.timeout(60)
def test_an_upgrade_that_was_cut_short_can_be_done_again(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    def new(name: str) -> str:
        if dialect == "sqlite":
            return f"sqlite:///{tmp_path / f'{name}.db'}"
        url: str = request.getfixturevalue("postgres").database()
        return url

    url = new("whole")
    empty = catalogue(url)
    upgrade(url)
    wanted = catalogue(url)
    url = new("cut")
    for statement in range(0, 1000, 13):
        if not is_cut_short(url, statement):
            return
        if catalogue(url) == empty:
            continue  # All of it was taken back: as new as it was.
        upgrade(url)
        assert catalogue(url) == wanted
        url = new(str(statement))
    raise AssertionError("an upgrade has no end")


def catalogue(url: str) -> list[Any]:
    """Return what the database itself keeps of its tables: quicker than to reflect them."""
    statements = (
        ["SELECT name, sql FROM sqlite_master ORDER BY name"]
        if url.startswith("sqlite")
        else [
            "SELECT table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema = 'public'"
            " ORDER BY table_name, ordinal_position",
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname",
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace ORDER BY conname",
        ]
    )
    with connected(url) as connection:
        return [list(connection.execute(text(statement))) for statement in statements]


# -- the check ------------------------------------------------------------------


async def refusal(url: str) -> StoreUnavailable:
    database = Database(url)
    try:
        with pytest.raises(StoreUnavailable) as caught:
            await database.probe()
    finally:
        await database.close()
        # Where a connection fails, its thread reports to the loop once more.
        await asyncio.to_thread(end_of_connections)
    return caught.value


def end_of_connections() -> None:
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            thread.join(10)


async def test_a_database_with_this_schema_is_taken(database: Database) -> None:
    await database.probe()
    assert await database.revision() == REVISION


async def test_a_file_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "quws.db"
    error = await refusal(f"sqlite:///{path}")
    assert isinstance(error, WrongSchema)
    assert str(error) == f"there is no database {path}: run 'quws db upgrade'"
    assert not path.exists()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:////var/lib/quws/quws.db", "/var/lib/quws/quws.db"),
        (
            "postgresql://ann:secret@db.example.org:5433/jobs?password=other",
            "jobs at db.example.org:5433",
        ),
        ("postgresql:///jobs?host=/run", "jobs at this machine"),
        ("secret", "of QUWS_DATABASE_URL"),
    ],
)
def test_a_database_has_a_name_without_its_password(url: str, name: str) -> None:
    assert database_name(url) == name


def test_what_is_no_url_is_not_repeated() -> None:
    with pytest.raises(StoreUnavailable) as caught:
        Database("secret")
    assert str(caught.value) == "QUWS_DATABASE_URL is no URL of a database"


async def test_a_database_without_a_schema_is_refused(empty_url: str) -> None:
    if empty_url.startswith("sqlite:///"):
        Path(empty_url.removeprefix("sqlite:///")).touch()
    error = await refusal(empty_url)
    assert str(error) == (
        f"the database {database_name(empty_url)} has no quws schema yet, this quws needs"
        f" {REVISION}: run 'quws db upgrade'"
    )
    assert "try again later" in error.sentence


async def test_a_database_that_was_taken_down_to_base_is_refused(empty_url: str) -> None:
    upgrade(empty_url)
    downgrade(empty_url, "base")
    assert "has no quws schema yet" in str(await refusal(empty_url))


async def test_a_database_with_another_schema_is_refused(url: str) -> None:
    with connected(url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    try:
        error = await refusal(url)
        assert f"the database {database_name(url)} has schema 0000" in str(error)
        assert f"this quws needs {REVISION}" in str(error)
        assert "quws db upgrade" in str(error)
    finally:
        with connected(url) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": REVISION})


async def test_a_database_that_is_away_is_told_from_one_without_a_schema(
    dialect: str, tmp_path: Path
) -> None:
    url = (
        f"sqlite:///{tmp_path / 'missing' / 'quws.db'}"
        if dialect == "sqlite"
        else f"postgresql://quws@/quws?host={tmp_path}"
    )
    error = await refusal(url)
    assert "schema" not in str(error)
    assert "\n" not in str(error)
    assert str(error)
    assert error.sentence == "the service cannot reach its database right now; try again later"


def test_another_kind_of_database_is_refused_by_name() -> None:
    with pytest.raises(StoreUnavailable, match=r"QUWS_DATABASE_URL is for 'mysql'; allowed are"):
        Database("mysql://localhost/quws")


@pytest.mark.parametrize("used", [False, True])
def test_places_in_the_stream_of_events_go_on_above_those_that_clients_hold(
    empty_url: str, used: bool
) -> None:
    upgrade(empty_url, "0004")
    with connected(empty_url) as connection:
        tables = tables_of(connection)
        if used:
            fill(connection)
        held = connection.scalar(select(func.max(tables["timeline"].c.id))) or 0
    upgrade(empty_url)
    with connected(empty_url) as connection:
        outbox = tables_of(connection)["outbox"]
        connection.execute(
            outbox.insert().values(time=1, kind="phase", job_id="j", owner="", phase="PENDING")
        )
        assert (connection.scalar(select(func.max(outbox.c.id))) or 0) > held
