"""How a database goes about the statements that the store really sends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event

from quws.store.schema import migration_url


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(migration_url(url))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


class Caught:
    """The statements about a table that were sent while the block lasted."""

    def __init__(self, about: str = "jobs") -> None:
        self._about = about
        self.sent: list[tuple[str, Any]] = []

    def __enter__(self) -> Caught:
        event.listen(Engine, "before_cursor_execute", self._catch)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(Engine, "before_cursor_execute", self._catch)

    def _catch(self, _c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        # What takes long on a busy machine is broken off, and done anew in a thread.
        if self._about in statement and self.sent[-1:] != [(statement, parameters)]:
            self.sent.append((statement, parameters))

    def plan(self, url: str, only: Callable[[str], bool] = lambda _: True) -> str:
        """Explain the one statement that was sent."""
        ((statement, parameters),) = [item for item in self.sent if only(item[0])]
        with connected(url) as connection:
            if connection.dialect.name == "sqlite":
                found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                lines = [row.detail for row in found]
            else:
                # Numbered places are how the service's own driver writes them.
                driver: Any = connection.connection.driver_connection
                rows = psycopg.RawCursor(driver).execute(f"EXPLAIN {statement}", parameters)
                lines = [row[0] for row in rows]
        return "\n".join(lines)


def assert_uses(plan: str, *indexes: str) -> None:
    """One of the indexes is used, and the table is not read from end to end."""
    assert any(re.search(rf"\b{index}\b", plan) for index in indexes), plan
    assert "SCAN jobs" not in plan, plan
    assert "Seq Scan on jobs" not in plan, plan


def assert_reads_in_order(plan: str, index: str) -> None:
    """The index gives the order too: nothing is read that is not answered."""
    assert_uses(plan, index)
    assert "TEMP B-TREE" not in plan, plan
    # Of sessions there are few, and in most services none.
    assert not re.search(r"Sort Key: (?!job_sessions)", plan), plan
