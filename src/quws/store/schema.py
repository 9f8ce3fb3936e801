"""Making and changing the schema, with alembic.

Imported only by the commands that need it: alembic is not cheap to load.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.migration import MigrationInfo
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, select, text

import quws.store.owner_tables  # noqa: F401 - its tables are of the schema too
from quws.store.database import (
    OLDEST_CODE,
    StoreUnavailable,
    driver_url,
    telling,
    too_new,
    works_with,
)
from quws.store.revision import REVISION
from quws.store.tables import metadata

_ADVISORY_LOCK = 0x71757773  # "quws"


def upgrade(url: str, revision: str = "head") -> None:
    """Bring a database to a revision. Two at once wait for each other.

    What a later release has made is left as it is, if this code can work with it.

    Raises
    ------
    StoreUnavailable
        A later release has made the schema, and this code cannot work with it; or the database
        does not answer.

    """

    def work(config: Config) -> None:
        connection = config.attributes["connection"]
        found = MigrationContext.configure(connection).get_current_revision()
        if found is not None and found > REVISION:
            if not works_with(found, _oldest_code(connection)):
                raise StoreUnavailable(too_new(found))
            return
        command.upgrade(config, revision)

    _run(url, work)


def downgrade(url: str, revision: str) -> None:
    """Take a database back to an earlier revision."""
    _run(url, lambda config: command.downgrade(config, revision))


def differences(url: str) -> list[str]:
    """List what a database has that the tables of this code have not, and the reverse."""
    engine = create_engine(migration_url(url))
    with engine.connect() as connection:
        options = {"compare_type": True, "include_name": _is_of_the_code}
        context = MigrationContext.configure(connection, opts=options)
        found = [str(difference) for difference in compare_metadata(context, metadata)]
    engine.dispose()
    return found


def migration_url(url: str) -> URL:
    """Name the driver with which a schema is made: migrations know no event loop.

    Raises
    ------
    StoreUnavailable
        As for `driver_url`.

    """
    found = driver_url(url)
    if found.get_backend_name() == "postgresql":
        return found.set(drivername="postgresql+psycopg")
    return found


def scripts() -> Path:
    """Find the migrations: inside the installed package, or beside ``src`` in a checkout."""
    installed = Path(__file__).parent / "migrations"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "alembic"


def remember_oldest_code(
    ctx: MigrationContext, step: MigrationInfo, heads: Collection[str], run_args: Any
) -> None:
    """Write down which code can work with the schema that a step has led to.

    Each revision names in ``compatible_down_to`` the oldest revision whose code can work with
    what it makes; itself if it says nothing. The youngest of those names, over all revisions
    that are applied, is what ``Database.probe`` compares with its own.
    """
    connection = ctx.connection
    assert connection is not None
    OLDEST_CODE.create(connection, checkfirst=True)
    connection.execute(OLDEST_CODE.delete())
    for head in heads:
        applied = step.revision_map.iterate_revisions(head, "base", inclusive=True)
        oldest = max(compatible_down_to(script) for script in applied)
        connection.execute(OLDEST_CODE.insert().values(revision=oldest))


def compatible_down_to(revision: Any) -> str:
    """Return the oldest revision whose code can work with the schema that this one makes."""
    return str(getattr(revision.module, "compatible_down_to", revision.revision))


def _oldest_code(connection: Connection) -> str | None:
    if not inspect(connection).has_table(OLDEST_CODE.name):
        return None
    return connection.scalar(select(OLDEST_CODE.c.revision))


def _is_of_the_code(name: str | None, kind: str, parents: Any) -> bool:
    return kind != "table" or name != OLDEST_CODE.name


def _run(url: str, work: Callable[[Config], None]) -> None:
    engine = create_engine(migration_url(url))
    if engine.dialect.name == "sqlite":
        _begin_in_earnest(engine)
    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    try:
        with telling(), engine.connect() as connection:
            _lock(connection)
            config.attributes["connection"] = connection
            work(config)
            connection.commit()
    finally:
        engine.dispose()


def _begin_in_earnest(engine: Engine) -> None:
    """Put a migration of SQLite into a transaction, which its driver does not do for DDL."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout=30000")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Held until the session ends.
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
        connection.commit()
