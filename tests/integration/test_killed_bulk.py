"""An API process that is killed in the middle of a request for many jobs; the same one goes on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
from answers import json_of
from harness import Postgres, Service, until, wait_ready
from house import DESCRIPTION
from standing import api_alone
from store_helpers import NOW, added

from quws.domain.options import RunOptions
from quws.domain.spec import JobSpec
from quws.store.database import Database
from quws.store.jobs.store import JobStore
from quws.store.targets import TargetStore

JOBS, CHUNK, SHOTS = 250, 100, 10
GATE = 220
"""One job of the last chunk is held by somebody else, so that the request stands still there."""
DAY = "SELECT used FROM quota_use WHERE kind = 'day_shots'"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Service]:
    """An API process without workers, and many jobs."""
    settings = {
        "QUWS_DATABASE_URL": postgres.migrated(),
        "QUWS_POLICY__MAX_DAY_SHOTS": str(JOBS * SHOTS),
    }
    with api_alone(tmp_path_factory.mktemp("bulk"), settings) as service:
        with ThreadPoolExecutor() as threads:
            threads.submit(asyncio.run, fill(service.database_url)).result()
        yield service


async def fill(url: str) -> None:
    database = Database(url)
    try:
        await TargetStore(database).register([DESCRIPTION], NOW, replace=True)
        store = JobStore(database)
        spec = JobSpec.of(RunOptions(shots=SHOTS))
        for _ in range(JOBS):
            await added(store, owner=None, run_id="bulk", spec=spec, shots=SHOTS)
    finally:
        await database.close()


@pytest.mark.timeout(120)
def test_who_sends_the_same_again_has_all_done_and_nothing_twice(alone: Service) -> None:
    # Run, changed, aborted and deleted: each is cut off in its last chunk.
    assert cut_off(alone, action="RUN") == JOBS - 2 * CHUNK
    assert [row[0] for row in ask(alone, DAY)] == [JOBS * SHOTS]
    assert happened(alone, "phase", "QUEUED") == {1: JOBS}
    assert cut_off(alone, action="LABEL", add_tags=["x"], name="n") == JOBS - 2 * CHUNK
    assert happened(alone, "labels", "QUEUED") == {1: JOBS}
    assert cut_off(alone, action="ABORT") == JOBS - 2 * CHUNK
    assert happened(alone, "phase", "ABORTED") == {1: JOBS}
    assert [row[0] for row in ask(alone, DAY)] == [0], "of what never ran nothing is used"
    assert cut_off(alone, action="DELETE") == JOBS - 2 * CHUNK
    assert happened(alone, "deleted", "ABORTED") == {1: JOBS}
    assert ask(alone, "SELECT id FROM jobs") == []
    with alone.client() as http:
        again = json_of(http.post("/selection?RUNID=bulk", json={"action": "DELETE"}))
    assert (again["done"], again["left"]) == (0, 0)


def cut_off(service: Service, **body: Any) -> int:
    """Kill the API in the last chunk of a request, send it again, and return what that did."""
    with (
        psycopg.connect(service.database_url) as gate,
        service.client() as http,
        ThreadPoolExecutor() as threads,
    ):
        order = f"SELECT id FROM jobs ORDER BY creation_time, id OFFSET {GATE} LIMIT 1"
        gate.execute(f"SELECT id FROM jobs WHERE id = ({order}) FOR UPDATE".encode())
        asked = threads.submit(http.post, "/selection?RUNID=bulk", json=body)
        until(lambda: waits(gate), 30, "a request that stands still")
        (process,) = service.processes
        process.kill()
        with pytest.raises(httpx.HTTPError):
            asked.result()
        gate.rollback()
    service.start_again(process)
    wait_ready(service.url, service.processes[0])
    with service.client() as http:
        done = json_of(http.post("/selection?RUNID=bulk", json=body))
    assert (done["complete"], done["held"], done["left"]) == (True, 0, 0), done
    return int(done["done"])


def waits(connection: psycopg.Connection[Any]) -> bool:
    """Whether somebody waits for a lock in the database."""
    query = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return bool(connection.execute(f"{query} AND datname = current_database()".encode()).fetchall())


def ask(service: Service, query: str) -> list[Any]:
    with psycopg.connect(service.database_url) as connection:
        return connection.execute(query.encode()).fetchall()


def happened(service: Service, kind: str, phase: str) -> Counter[int]:
    """Return how often something was told of a job, and of how many jobs so often."""
    rows = ask(service, f"SELECT job_id FROM outbox WHERE kind = '{kind}' AND phase = '{phase}'")
    return Counter(Counter(job for (job,) in rows).values())
