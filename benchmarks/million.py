"""A million jobs on PostgreSQL: what workers, sweeps and lists take, and by which index.

Rows are what a busy service holds after weeks: most jobs are over, 100,000
belong to one owner, some thousands wait, some hundreds run. Times are medians
over many calls through the store, as the service makes them. Each plan must use
the index that was made for it, or the script fails.

    ./quws bench million
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from harness import Postgres
from plans import Caught, assert_uses, connected
from sqlalchemy import text

from quws.domain.job import TimelineEntry
from quws.domain.labels import ListFilter
from quws.domain.phases import Phase
from quws.store.database import Database
from quws.store.jobs.store import JobStore
from quws.store.schema import upgrade

ROWS = 1_000_000
CALLS = 50

FILL = """
INSERT INTO jobs (id, owner, run_id, phase, target, creation_time, queued_time, start_time,
    end_time, destruction_time, execution_duration, claimed_time, deadline, attempt, lease,
    lease_until, circuits, circuits_done, parameters, spec, turn)
SELECT gen_random_uuid()::text,
    CASE WHEN k % 10 = 0 THEN 'busy' ELSE 'user' || k % 500 END,
    NULL, phase, 'simulator', created, created,
    CASE WHEN phase <> 'QUEUED' THEN created END,
    CASE WHEN phase IN ('COMPLETED', 'ERROR', 'ABORTED', 'ARCHIVED') THEN created + 1000 END,
    created + 7 * 86400000::bigint, 600,
    CASE WHEN phase = 'EXECUTING' THEN now_ms END,
    CASE WHEN phase = 'EXECUTING' THEN now_ms + k END, 1,
    CASE WHEN phase = 'EXECUTING' THEN 'lease' END,
    CASE WHEN phase = 'EXECUTING' THEN now_ms + k END, 1, 1,
    json_build_array(json_build_object('name', 'CIRCUIT', 'value', repeat('OPENQASM 2.0;', 100))),
    '{"shots": 1000}', k
FROM (
    SELECT k, now_ms, now_ms - k * 600::bigint AS created,
        CASE WHEN k % 200 = 1 THEN 'QUEUED' WHEN k % 2000 = 2 THEN 'EXECUTING'
            WHEN k % 50 = 3 THEN 'ERROR' WHEN k % 100 = 4 THEN 'ABORTED'
            WHEN k % 20 = 5 THEN 'ARCHIVED' ELSE 'COMPLETED' END AS phase
    FROM generate_series(1, :rows) AS k,
        (SELECT (extract(epoch FROM now()) * 1000)::bigint AS now_ms) AS clock
) AS made
"""


def fill(url: str) -> None:
    upgrade(url)
    with connected(url) as connection:
        connection.execute(text(FILL), {"rows": ROWS})
    with connected(url) as connection:
        connection.execute(text("ANALYZE"))


async def listed(store: JobStore, wanted: ListFilter) -> None:
    async for _ in store.listing.refs(wanted):
        pass


async def main() -> None:
    server = Postgres().start()
    try:
        url = server.database()
        started = time.perf_counter()
        fill(url)
        print(f"{ROWS} rows made in {time.perf_counter() - started:.0f} s")
        database = Database(url)
        await measure(JobStore(database), url)
        await database.close()
    finally:
        server.stop()


async def measure(store: JobStore, url: str) -> None:
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    entry = TimelineEntry(now, "aborted", "benchmark")
    ids = [ref.id async for ref in store.listing.refs(ListFilter(owner="busy", last=CALLS))]
    waiting = frozenset({Phase.QUEUED})
    (queued,) = [
        r.id async for r in store.listing.refs(ListFilter("busy", phases=waiting, last=1))
    ] or [
        r.id async for r in store.listing.refs(ListFilter(everybody=True, phases=waiting, last=1))
    ]

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
    print(f"{'':44} {'median ms':>10} {'95 % ms':>9}")
    for name, (call, index) in calls.items():
        with Caught() as caught:
            await call()
        for statement in caught.sent:
            only = caught.__class__()
            only.sent = [statement]
            if (
                statement[0].startswith(("SELECT jobs", "UPDATE jobs"))
                or "count(*)" in statement[0]
            ):
                assert_uses(only.plan(url), index, "pk_jobs")
        times = []
        for _ in range(CALLS - 1):
            started = time.perf_counter()
            await call()
            times.append((time.perf_counter() - started) * 1000)
        highest = statistics.quantiles(times, n=20)[-1]
        print(f"{name:44} {statistics.median(times):10.1f} {highest:9.1f}")


if __name__ == "__main__":
    asyncio.run(main())
