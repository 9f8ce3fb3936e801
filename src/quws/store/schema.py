"""Making and changing the schema, with alembic.

Imported only by the commands that need it: alembic is not cheap to load.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, event, text

from quws.store.database import driver_url
from quws.store.tables import metadata

_ADVISORY_LOCK = 0x71757773  # "quws"


def upgrade(url: str, revision: str = "head") -> None:
    """Bring a database to a revision. Two at once wait for each other."""
    _run(url, lambda config: command.upgrade(config, revision))


def downgrade(url: str, revision: str) -> None:
    """Take a database back to an earlier revision."""
    _run(url, lambda config: command.downgrade(config, revision))


def differences(url: str) -> list[str]:
    """List what a database has that the tables of this code have not, and the reverse."""
    engine = create_engine(driver_url(url, asynchronous=False))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = [str(difference) for difference in compare_metadata(context, metadata)]
    engine.dispose()
    return found


def scripts() -> Path:
    """Find the migrations: inside the installed package, or beside ``src`` in a checkout."""
    installed = Path(__file__).parent / "migrations"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "alembic"


def _run(url: str, work: Callable[[Config], None]) -> None:
    engine = create_engine(driver_url(url, asynchronous=False))
    if engine.dialect.name == "sqlite":
        _begin_in_earnest(engine)
    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    try:
        with engine.connect() as connection:
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
