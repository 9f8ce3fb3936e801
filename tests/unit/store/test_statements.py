"""Statements that the driver runs: what goes in and comes out is what SQLAlchemy makes of it."""

from __future__ import annotations

import sqlite3
from typing import Any

import asyncpg
import pytest
from plans import Caught
from sqlalchemy import bindparam, func, insert, literal_column, select, update
from sqlalchemy.types import Boolean
from store_helpers import NOW

from quws.domain.job import new_job_id
from quws.domain.phases import Phase
from quws.store import tables as t
from quws.store.database import Database
from quws.store.statements import Rows, Statement

pytestmark = pytest.mark.anyio

_j = t.jobs.c
JOB: dict[str, Any] = {
    "owner": "o'wner %s :x",
    "phase": Phase.EXECUTING,
    "target": "a",
    "creation_time": NOW,
    "execution_duration": 1,
    "circuits": 1,
    "parameters": [{"name": "ü%(x)s", "value": None}],
    "spec": {"1": [True, None]},
    "error": None,
}
NEW = Statement(insert(t.jobs))
ALL = select(t.jobs, literal_column("1 = 1", Boolean()).label("yes")).where(
    _j.id == bindparam("wanted", type_=_j.id.type)
)
TIMES = Rows(t.run_times, "target", "size", "count", "seconds")


async def test_rows_are_those_of_sqlalchemy(database: Database) -> None:
    wanted = {"wanted": new_job_id()}
    async with database.write() as connection:
        assert await NEW.run(connection, JOB | {"id": wanted["wanted"]}) == []
        (expected,) = (await connection.execute(ALL, wanted)).all()
        (found,) = await Statement(ALL).run(connection, wanted)
    assert tuple(found) == tuple(expected)
    assert found._asdict() == expected._asdict()
    assert found.creation_time == NOW
    assert found.yes is True


async def test_a_write_gives_what_it_returns_and_takes_values_of_its_own(
    database: Database,
) -> None:
    move = Statement(
        update(t.jobs)
        .where(_j.id == bindparam("wanted", type_=_j.id.type))
        .values(phase=Phase.COMPLETED, attempt=_j.attempt + bindparam("more"))
        .returning(_j.phase, _j.attempt)
    )
    job_id = new_job_id()
    async with database.write() as connection:
        await NEW.run(connection, JOB | {"id": job_id})
        for more, attempt in ((1, 1), (2, 3)):
            (row,) = await move.run(connection, {"wanted": job_id, "more": more})
            assert row == ("COMPLETED", attempt)
        assert await move.run(connection, {"wanted": "another", "more": 1}) == []


@pytest.mark.parametrize("count", [0, 1, 3, 20])
async def test_several_rows_are_one_statement(database: Database, count: int) -> None:
    rows = [("a", size, 2, size / 3) for size in range(count)]
    async with database.write() as connection:
        await TIMES.add(connection, rows)
        found = await Statement(select(t.run_times).order_by(t.run_times.c.size)).run(connection)
    assert [(row.target, row.size, row.count, row.seconds) for row in found] == rows


async def test_a_value_that_is_missing_is_no_null(database: Database) -> None:
    async with database.read() as connection:
        with pytest.raises(KeyError, match="wanted"):
            await Statement(ALL).run(connection, {"want": "x"})


async def test_who_listens_to_sqlalchemy_hears_of_it(database: Database) -> None:
    with Caught() as caught:
        await database.look(Statement(select(func.count()).select_from(t.jobs)).first)
    ((text, _),) = caught.sent
    assert text.startswith("SELECT count(*)")


async def test_a_mistake_of_ours_is_not_taken_for_a_database_that_is_away(
    database: Database,
) -> None:
    job = JOB | {"id": new_job_id()}
    with pytest.raises((sqlite3.IntegrityError, asyncpg.IntegrityConstraintViolationError)):
        async with database.write() as connection:
            await NEW.run(connection, job)
            await NEW.run(connection, job)
