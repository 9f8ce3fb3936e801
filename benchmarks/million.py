"""A million jobs on both databases: what workers, sweeps and lists take, and by which index.

Rows are what a busy service holds after weeks: most jobs are over, 100,000
belong to one owner, some thousands wait, some hundreds run; half of them have tags. Times are
medians over many calls through the store, as the service makes them. Each plan must use
the index that was made for it, or the script fails.

    ./quws bench million
    ./quws bench million sqlite
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psycopg
from harness import Postgres
from plans import Caught, assert_uses, connected
from sqlalchemy import text

from quws.domain.job import TimelineEntry
from quws.domain.labels import ListFilter, Order, Place
from quws.domain.phases import Phase
from quws.store.database import Database
from quws.store.jobs.store import JobStore
from quws.store.schema import upgrade

ROWS = int(os.environ.get("ROWS", "1000000"))
CALLS = 50
LONGEST = 3.0
"""After so many seconds nothing is asked again."""
READS = ("SELECT jobs", "UPDATE jobs")

MADE = """
SELECT k, :now_ms - k * 600 AS created,
    CASE WHEN k % 10 = 0 THEN 'busy' ELSE 'user' || (k % 500) END AS owner,
    CASE WHEN k % 200 = 1 THEN 'QUEUED' WHEN k % 2000 = 2 THEN 'EXECUTING'
        WHEN k % 50 = 3 THEN 'ERROR' WHEN k % 100 = 4 THEN 'ABORTED'
        WHEN k % 20 = 5 THEN 'ARCHIVED' ELSE 'COMPLETED' END AS phase
FROM ({series}) AS numbers
"""
FILL = """
INSERT INTO jobs (id, owner, run_id, name, phase, target, priority, creation_time, queued_time,
    start_time, end_time, destruction_time, execution_duration, claimed_time, deadline, attempt,
    lease, lease_until, circuits, circuits_done, parameters, spec, turn)
SELECT {id}, owner,
    CASE WHEN k % 5 = 0 THEN 'run ' || (k / 10 % 1000) END,
    CASE WHEN k % 100000 = 50 THEN 'a name that is seldom' ELSE 'Bell ' || k END,
    phase,
    CASE WHEN k % 20000 = 70 THEN 'seldom' WHEN k % 70 = 0 THEN 'device' ELSE 'simulator' END,
    CASE WHEN k % 1000 = 1 THEN -5 ELSE 0 END, created, created,
    CASE WHEN phase <> 'QUEUED' THEN created END,
    CASE WHEN phase IN ('COMPLETED', 'ERROR', 'ABORTED', 'ARCHIVED') THEN created + 1000 END,
    created + 7 * {day}, 600,
    CASE WHEN phase = 'EXECUTING' THEN :now_ms END,
    CASE WHEN phase = 'EXECUTING' THEN :now_ms + k END, 1,
    CASE WHEN phase = 'EXECUTING' THEN 'lease' END,
    CASE WHEN phase = 'EXECUTING' THEN :now_ms + k END, 1, 1, {json}, '{{"shots": 1000}}', k
FROM ({made}) AS made
"""
TAG = """
INSERT INTO job_tags (job_id, tag, owner, creation_time)
SELECT {id}, CASE WHEN k % 5000 = 0 THEN 'seldom' ELSE 'usual' END, owner, created
FROM ({made}) AS made WHERE k % 2 = 0
"""
OTHER_TAG = """
INSERT INTO job_tags (job_id, tag, owner, creation_time)
SELECT {id}, 'tag ' || (k % 100), owner, created FROM ({made}) AS made WHERE k % 20 = 0
"""
SERIES = {
    "postgresql": "SELECT k::bigint AS k FROM generate_series(1, :rows) AS k",
    "sqlite": "WITH RECURSIVE counting(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM counting WHERE"
    " k < :rows) SELECT k FROM counting",
}
IDS = {
    "postgresql": "md5(k::text)",
    "sqlite": "printf('%08x-%027d', k * 2654435761 % 4294967296, k)",
}
"""In no order: which job is the next in its index is as random as with those that are drawn."""


def fill(url: str) -> None:
    """Make a million jobs and their tags."""
    upgrade(url)
    with connected(url) as connection:
        kind = connection.dialect.name
        made = MADE.format(series=SERIES[kind])
        json = "CAST(:parameters AS json)" if kind == "postgresql" else ":parameters"
        values = {
            "rows": ROWS,
            "now_ms": int(time.time() * 1000),
            "parameters": '[{"name": "CIRCUIT", "value": "' + "OPENQASM 2.0;" * 100 + '"}]',
        }
        for statement in (FILL, TAG, OTHER_TAG):
            written = statement.format(id=IDS[kind], made=made, json=json, day=86_400_000)
            named = text(written)
            connection.execute(named, {k: v for k, v in values.items() if f":{k}" in written})
    if url.startswith("postgresql"):
        # Nobody does so with the SQLite of the embedded form.
        with psycopg.connect(url, autocommit=True) as plain:
            plain.execute("VACUUM ANALYZE")


async def listed(store: JobStore, wanted: ListFilter) -> None:
    async for _ in store.listing.refs(wanted):
        pass


async def main(kinds: Sequence[str]) -> None:
    for kind in kinds or list(SERIES):
        with database_of(kind) as url:
            started = time.perf_counter()
            fill(url)
            print(f"{kind}: {ROWS} rows made in {time.perf_counter() - started:.0f} s")
            database = Database(url)
            await measure(JobStore(database), url)
            await database.close()


@contextmanager
def database_of(kind: str) -> Iterator[str]:
    """Return the URL of a new database, which is removed at the end."""
    if kind == "sqlite":
        with TemporaryDirectory(prefix="quws-million-") as folder:
            yield f"sqlite:///{folder}/quws.db"
        return
    server = Postgres().start()
    try:
        yield server.database()
    finally:
        server.stop()


async def ids_of(store: JobStore, wanted: ListFilter) -> list[str]:
    return [ref.id async for refs in store.listing.refs(wanted) for ref in refs]


async def measure(store: JobStore, url: str) -> None:
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    entry = TimelineEntry(now, "aborted", "benchmark")
    ids = await ids_of(store, ListFilter(owner="busy", last=CALLS))
    waiting = frozenset({Phase.QUEUED})
    (queued,) = await ids_of(store, ListFilter(everybody=True, phases=waiting, last=1))

    def mine(**options: object) -> Callable[[], Awaitable[object]]:
        return lambda: listed(store, ListFilter(owner="busy", **options))  # type: ignore[arg-type]

    calls: dict[str, tuple[Callable[[], Awaitable[object]], str]] = {
        "claim": (lambda: store.claims.claim("simulator", "w", 60, now), "ix_jobs_queue"),
        "execution over": (lambda: store.sweeps.overdue(now - hour), "ix_jobs_deadline"),
        "worker lost": (store.sweeps.abandoned, "ix_jobs_lease"),
        "destruction, nothing due": (
            lambda: store.sweeps.expired(now - timedelta(days=30)),
            "ix_jobs_destruction",
        ),
        "destruction, 500 due": (
            lambda: store.sweeps.expired(now + timedelta(days=1)),
            "ix_jobs_destruction",
        ),
        "queue of a quote": (lambda: store.quotes.queue_of("simulator"), "ix_jobs_[a-z]+"),
        "one job": (lambda: store.reading.get(ids[0]), "pk_jobs"),
        "job with its position": (lambda: store.reading.whole(queued), "ix_jobs_queue"),
        "abort": (lambda: store.control.abort(ids.pop(), entry), "pk_jobs"),
        "my list, LAST=100": (mine(last=100), "ix_jobs_owner_creation"),
        "my list, AFTER an hour ago, LAST=100": (
            mine(after=now - hour, last=100),
            "ix_jobs_owner_(phase_)?creation",
        ),
        **{
            f"my list, PHASE={phase}, LAST=100": (
                mine(phases=frozenset({phase}), last=100),
                "ix_jobs_owner_(phase_)?creation",
            )
            for phase in (Phase.COMPLETED, Phase.ERROR, Phase.ABORTED, Phase.ARCHIVED)
        },
        "my list, PHASE=ERROR or ABORTED, LAST=100": (
            mine(phases=frozenset({Phase.ERROR, Phase.ABORTED}), last=100),
            "ix_jobs_owner_(phase_)?creation",
        ),
        "my list, PHASE=QUEUED or EXECUTING": (
            mine(phases=frozenset({Phase.QUEUED, Phase.EXECUTING})),
            "ix_jobs_[a-z_]+",
        ),
    }
    calls |= lists(store, now)
    print(f"{'':44} {'median ms':>10} {'95 % ms':>9}")
    wrong = []
    for name, (call, index) in calls.items():
        with Caught() as caught:
            await call()
        for statement in caught.sent:
            only = caught.__class__()
            only.sent = [statement]
            if statement[0].startswith(READS) or "count(*)" in statement[0]:
                try:
                    # From end to end by an index is its order, as far as it is asked for.
                    plan = only.plan(url).replace("SCAN jobs USING", "USING")
                    assert_uses(plan, index, "pk_jobs", "sqlite_autoindex_jobs_1")
                except AssertionError as error:
                    wrong.append(f"{name}: {error}")
        times: list[float] = []
        end = time.perf_counter() + LONGEST
        while len(times) < 2 or (len(times) < CALLS - 1 and time.perf_counter() < end):
            started = time.perf_counter()
            await call()
            times.append((time.perf_counter() - started) * 1000)
        highest = statistics.quantiles(times, n=20)[-1]
        print(f"{name:44} {statistics.median(times):10.1f} {highest:9.1f}", flush=True)
    assert not wrong, "\n".join(wrong)


Call = Callable[[], Awaitable[object]]


def lists(store: JobStore, now: datetime) -> dict[str, tuple[Call, str]]:
    """Return pages of lists by every filter: of an owner who has much, and of everybody."""
    middle = now - timedelta(seconds=0.3 * ROWS)
    wanted: dict[str, tuple[dict[str, Any], str]] = {
        "": ({}, "creation"),
        "TAG, half of all": ({"tags": frozenset({"usual"})}, "ix_job_tags_[a-z_]+"),
        "TAG, seldom": ({"tags": frozenset({"seldom"})}, "ix_job_tags_[a-z_]+"),
        "two TAGs": ({"tags": frozenset({"usual", "tag 20"})}, "ix_job_tags_[a-z_]+"),
        "RUNID": ({"run_id": "run 7"}, "run_id"),
        "TARGET, one of 70": ({"target": "device"}, "target_creation"),
        "TARGET, seldom": ({"target": "seldom"}, "target_creation"),
        "TEXT, seldom": ({"text": "that is seldom"}, "creation"),
        "TEXT, usual": ({"text": "bell"}, "creation"),
        "AFTER and BEFORE": (
            {"after": middle - timedelta(hours=1), "before": middle},
            "creation",
        ),
        "TARGET and PHASE=ERROR": (
            {"target": "device", "phases": frozenset({Phase.ERROR})},
            "creation",
        ),
        "SORT=run_id": ({"order": Order.RUN_ID}, "run_id"),
        "SORT=-end_time": ({"order": Order.ENDED_LAST}, "end"),
    }

    def page(**options: Any) -> Call:
        return lambda: store.listing.rows(ListFilter(**options), 100)

    def count(**options: Any) -> Call:
        return lambda: store.listing.count(ListFilter(**options))

    found: dict[str, tuple[Call, str]] = {}
    for name, (options, index) in wanted.items():
        for whose, who, start in (
            ("my", {"owner": "busy"}, "ix_jobs_owner_(phase_)?"),
            ("everybody's", {"everybody": True}, "ix_jobs_"),
        ):
            if whose != "my" and "order" in options:
                continue  # Only the pages of one's own list have these.
            uses = index if index.startswith("ix_") else f"{start}([a-z_]+_)?{index}"
            found[f"{whose} page of 100: {name}"] = page(**who, **options), uses
    past = Place("0", middle)
    found["my page of 100, far behind"] = (
        lambda: store.listing.rows(ListFilter(owner="busy"), 100, past),
        "ix_jobs_owner_creation",
    )
    found["how many are mine"] = count(owner="busy"), "ix_jobs_owner_[a-z_]+"
    found["how many are mine, by TAG"] = (
        count(owner="busy", tags=frozenset({"seldom"})),
        "ix_job[a-z_]+",
    )
    return found


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
