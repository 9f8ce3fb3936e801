"""Statements that are run again and again: SQLAlchemy writes them once, the driver runs them.

To find the text of a statement, and to make a context, a cursor and a result for it, as SQLAlchemy
does at each use, takes ten times as long as to read a row by its key on SQLite.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Delete,
    Dialect,
    Insert,
    Select,
    Table,
    Update,
    bindparam,
    insert,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine
from sqlalchemy.util import await_only

_AT_ONCE = 32
"""For so many rows there is a statement that is kept; more of them are rare."""

_Convert = Callable[[Any], Any]
_Sql = Select[*tuple[Any, ...]] | Insert | Update | Delete


class Statement:
    """A statement whose text is made when a kind of database first runs it.

    Its rows have a field for each column, by its name. An INSERT is always given the same
    columns, and no statement a list of values whose length may differ. What fails is raised as
    the driver says it.
    """

    def __init__(self, statement: _Sql) -> None:
        self._statement = statement
        self._written: dict[str, _Written] = {}

    def all(self, connection: Connection, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Run it, and return its rows."""
        values = values or {}
        return self._on(connection, values).run(connection, values)

    def first(self, connection: Connection, values: Mapping[str, Any] | None = None) -> Any:
        """Run it, and return its first row; None if there is none."""
        rows = self.all(connection, values)
        return rows[0] if rows else None

    async def run(
        self, connection: AsyncConnection, values: Mapping[str, Any] | None = None
    ) -> list[Any]:
        """Run it on a connection of the event loop, and return its rows."""
        if not isinstance(connection, AsyncConnection):  # SQLite has its own kind.
            return await connection.run_sync(self.all, values)
        # What SQLAlchemy has to wait in the middle of a call takes as long as all the rest.
        values, below = values or {}, connection.sync_connection
        assert below is not None
        return await self._on(below, values).fetch(below, values)

    async def find(
        self, connection: AsyncConnection, values: Mapping[str, Any] | None = None
    ) -> Any:
        """Run it on a connection of the event loop, and return its first row; None without one."""
        rows = await self.run(connection, values)
        return rows[0] if rows else None

    def _on(self, connection: Connection, values: Mapping[str, Any]) -> _Written:
        written = self._written.get(connection.dialect.name)
        if written is None:
            written = _Written(self._statement, connection.dialect, values)
            self._written[connection.dialect.name] = written
        return written


class Rows:
    """Rows of a table, of which several are written in one statement.

    Parameters
    ----------
    names
        The columns that each row gives a value for.

    """

    def __init__(self, table: Table, *names: str) -> None:
        self._table = table
        self._names = names
        self._kept: dict[int, Statement] = {}

    async def add(self, connection: AsyncConnection, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows, each of which has its values in the order of the columns."""
        if not rows:
            return
        if len(rows) > _AT_ONCE:
            named = [dict(zip(self._names, row, strict=True)) for row in rows]
            await connection.execute(insert(self._table), named)
            return
        statement = self._kept.get(len(rows))
        if statement is None:
            statement = self._kept[len(rows)] = self._of(len(rows))
        values = {
            f"{name}_{place}": value
            for place, row in enumerate(rows)
            for name, value in zip(self._names, row, strict=True)
        }
        await statement.run(connection, values)

    def _of(self, count: int) -> Statement:
        columns = [self._table.c[name] for name in self._names]
        rows = [
            {column: bindparam(f"{column.key}_{place}", type_=column.type) for column in columns}
            for place in range(count)
        ]
        return Statement(insert(self._table).values(rows).inline())


class _Written:
    """A statement as one kind of database takes it."""

    def __init__(self, statement: _Sql, dialect: Dialect, given: Iterable[str]) -> None:
        keys = list(given) if isinstance(statement, Insert) else None
        compiled: SQLCompiler = statement.compile(dialect=dialect, column_keys=keys)
        self._dialect = dialect
        self._text = str(compiled)
        self._values = [
            (name, bound.required, bound.value, _kind(bound, dialect).bind_processor(dialect))
            for name in compiled.positiontup or ()
            for bound in (compiled.binds[name],)
        ]
        self._columns = list(statement.exported_columns)
        names = [str(column.key) for column in self._columns]
        fields: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]
        self._row: _Convert = fields._make
        self._convert: list[tuple[int, _Convert]] | None = None

    def run(self, connection: Connection, given: Mapping[str, Any]) -> list[Any]:
        """Run it where it may wait in the middle of a call, if it is a driver that has to."""
        if self._dialect.is_async:
            return await_only(self.fetch(connection, given))
        bound = self._told(connection, given)
        cursor = connection.connection.driver_connection.execute(self._text, bound)  # type: ignore[union-attr]
        if self._convert is None:
            self._convert = self._learn([None for _ in self._columns])
        rows = cursor.fetchall()
        cursor.close()
        return self._made_of(rows)

    async def fetch(self, connection: Connection, given: Mapping[str, Any]) -> list[Any]:
        """Run it by the driver of the event loop."""
        bound = self._told(connection, given)
        driver: Any = connection.connection.driver_connection
        if self._convert is None:
            prepared = await driver.prepare(self._text)
            self._convert = self._learn([item.type.oid for item in prepared.get_attributes()])
        return self._made_of(await driver.fetch(self._text, *bound))

    def _told(self, connection: Connection, given: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values to run it with, after telling those who want to know."""
        bound = self._bound(given)
        for hear in connection.dispatch.before_cursor_execute:
            hear(connection, None, self._text, bound, None, False)
        return bound

    def _made_of(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        if not self._columns:
            return []
        if self._convert:
            rows = [_converted(row, self._convert) for row in rows]
        return [self._row(row) for row in rows]

    def _learn(self, kinds: Sequence[Any]) -> list[tuple[int, _Convert]]:
        """Find what makes values of those that the driver gives, whose kinds it names."""
        found = [
            _kind(column, self._dialect).result_processor(self._dialect, kind)
            for column, kind in zip(self._columns, kinds, strict=False)
        ]
        return [(place, convert) for place, convert in enumerate(found) if convert]

    def _bound(self, given: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(
            [
                (given[name] if required else given.get(name, value))
                if convert is None
                else convert(given[name] if required else given.get(name, value))
                for name, required, value, convert in self._values
            ]
        )


def _converted(row: Sequence[Any], convert: list[tuple[int, _Convert]]) -> list[Any]:
    values = list(row)
    for place, one in convert:
        values[place] = one(values[place])
    return values


def _kind(what: BindParameter[Any] | ColumnElement[Any], dialect: Dialect) -> TypeEngine[Any]:
    return what.type.dialect_impl(dialect)
