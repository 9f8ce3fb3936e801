"""The database, the bus, the disk and the clock fail for a while; no job ends wrongly."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import psycopg
import redis
from circuits import BELL2, slow
from harness import Postgres, Service, cluster, embedded, until
from uws import create, document, job_json, text, wait

SLOW = slow()
SOME_SECONDS = slow(24, 60)


def notes(http: httpx.Client) -> tuple[bool, list[str]]:
    told = http.get("/availability", headers={"Accept": "application/json"}).json()
    return told["available"], told["notes"]


def running(service: Service) -> psutil.Process:
    def busy() -> psutil.Process | None:
        return next((c for c in service.simulations() if c.cpu_times().user > 0.7), None)

    found: psutil.Process = until(busy, 30, "a simulation")
    return found


# -- the bus ------------------------------------------------------------------------


def test_jobs_run_and_are_aborted_while_the_bus_is_away_and_after_it_forgot_all(
    tmp_path: Path, postgres: Postgres
) -> None:
    with cluster(tmp_path, postgres.database(), apis=1, workers=1) as service:
        assert service.bus is not None
        with service.client() as http:
            held_up = create(http, SLOW, SHOTS=10, PHASE="RUN")
            wait(http, held_up, "EXECUTING")
            child = running(service)
            waiting = create(http, SHOTS=10, PHASE="RUN")
            with redis.Redis.from_url(service.bus.url) as connection:
                connection.flushall()
            service.bus.process.kill()
            service.bus.process.wait()
            until(lambda: notes(http) == (False, ["the message bus does not answer"]), 15, "a note")
            # The hints of all three are lost, and so is the news of the abort.
            meanwhile = create(http, SHOTS=10, PHASE="RUN")
            answer = http.post(f"{held_up}/phase", data={"PHASE": "ABORT"})
            assert text(document(http, answer.headers["Location"]), "phase") == "ABORTED"
            until(lambda: not child.is_running(), 10, "the end of the child")
            for job in (waiting, meanwhile):
                assert wait(http, job) == "COMPLETED"
            service.bus.start()
            until(lambda: notes(http) == (True, []), 15, "an end of the notes")
            assert wait(http, create(http, SHOTS=10, PHASE="RUN")) == "COMPLETED"
            # News come again too, to those who waited all the while.
            pending = create(http)
            started = time.monotonic()
            http.post(f"{pending}/phase", data={"PHASE": "ABORT"})
            assert wait(http, pending) == "ABORTED"
            assert time.monotonic() - started < 10


# -- the database -----------------------------------------------------------------------


def test_a_job_goes_on_while_the_database_is_away(tmp_path: Path) -> None:
    server = Postgres(durable=True).start()
    try:
        with (
            cluster(tmp_path, server.database(), apis=1, workers=1) as service,
            service.client() as http,
        ):
            job = create(http, SOME_SECONDS, SHOTS=10, PHASE="RUN")
            wait(http, job, "EXECUTING")
            child = running(service)
            server.halt("immediate")
            away = time.monotonic()
            answer = http.get(job)
            assert answer.status_code == 503
            assert answer.text.startswith("unavailable: the service cannot reach its database")
            until(lambda: notes(http) == (False, ["the database does not answer"]), 15, "a note")
            assert http.get("/health/live").status_code == 200
            # Longer than a lease: whoever looks first when it is back must not take the job.
            until(lambda: time.monotonic() - away > 5, 10, "the end of the lease")
            assert child.is_running()
            server.launch()
            until(lambda: http.get(job).status_code == 200, 30, "the database")
            assert wait(http, job) == "COMPLETED"
            told = job_json(http, job)
            assert told["attempt"] == 1
            assert [e["status"] for e in told["timeline"]].count("completed") == 1
            assert wait(http, create(http, PHASE="RUN")) == "COMPLETED"
    finally:
        server.stop()


# -- the disk ---------------------------------------------------------------------------


@contextmanager
def on_small_disks(folder: Path) -> Iterator[tuple[Service, Path, Path]]:
    """A service whose artifacts, and whose scratch files, each have a disk of 4 MB."""
    artifacts, scratch = folder / "small", folder / "scratch"
    artifacts.mkdir()
    scratch.mkdir()
    # In a mount namespace of its own, which needs no privilege where users may have one.
    mount = "mount -t tmpfs -o size=4m none"
    script = f'{mount} "$0" && {mount} "$1" && shift && exec "$@"'
    within = ["unshare", "-rm", "sh", "-c", script, str(artifacts), str(scratch)]
    environment = {"QUWS_ARTIFACTS_URL": artifacts.as_uri(), "QUWS_SCRATCH": str(scratch)}
    with embedded(folder, environment, within) as service:
        root = Path(f"/proc/{service.processes[0].pid}/root")
        yield service, root / artifacts.relative_to("/"), root / scratch.relative_to("/")


@contextmanager
def full(disk: Path) -> Iterator[None]:
    filler = disk / "filler"
    try:
        with filler.open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
    except OSError:
        pass
    yield
    filler.unlink()


def test_a_full_disk_delays_jobs_and_spoils_none(tmp_path: Path) -> None:
    with on_small_disks(tmp_path) as (service, artifacts, scratch), service.client() as http:
        assert wait(http, create(http, SHOTS=10, PHASE="RUN")) == "COMPLETED"
        with full(artifacts):
            until(
                lambda: notes(http) == (False, ["the artifact store does not answer"]), 15, "a note"
            )
            before = http.get("/jobs").text
            refused = http.post("/jobs", data={"CIRCUIT": BELL2 + "// " + "x" * 10_000})
            assert refused.status_code == 503
            assert "the service cannot reach its files right now" in refused.text
            assert http.get("/jobs").text == before
            job = create(http, SHOTS=10, PHASE="RUN")
            until(lambda: "store unavailable" in service.log(), 20, "a try to store the result")
            assert text(document(http, job), "phase") == "EXECUTING"
        assert wait(http, job) == "COMPLETED"
        assert job_json(http, job)["attempt"] == 1
        with full(scratch):
            job = create(http, SHOTS=10, PHASE="RUN")
            wait(http, job, "SUSPENDED")
            assert job_json(http, job)["status"] == "the worker has no room for its files"
        assert wait(http, job) == "COMPLETED"
        assert job_json(http, job)["attempt"] == 1


# -- the clock ----------------------------------------------------------------------------

CLOCK = """
CREATE SCHEMA skewed;
CREATE TABLE skewed.step (by interval NOT NULL);
INSERT INTO skewed.step VALUES ('0');
CREATE FUNCTION skewed.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT pg_catalog.statement_timestamp() + by FROM skewed.step $$;
ALTER DATABASE {name} SET search_path = skewed, public, pg_catalog;
"""
"""A database whose clock can be set: it is found before PostgreSQL's own."""


class Skewed:
    """A database with a clock that tests can set."""

    def __init__(self, postgres: Postgres) -> None:
        self.url = postgres.database()
        name = self.url.removeprefix("postgresql://quws@/").partition("?")[0]
        self._execute(CLOCK.format(name=name))

    def set(self, seconds: int) -> None:
        self._execute(f"UPDATE skewed.step SET by = by + interval '{seconds} seconds'")

    def _execute(self, statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statements.encode())


def test_no_job_ends_wrongly_when_the_clock_is_set(tmp_path: Path, postgres: Postgres) -> None:
    database = Skewed(postgres)
    with (
        cluster(tmp_path, database.url, workers=2) as service,
        service.client() as http,
    ):
        running_job = create(http, SLOW, SHOTS=10, EXECUTIONDURATION=600, PHASE="RUN")
        overrunning = create(http, SLOW, SHOTS=10, EXECUTIONDURATION=12, PHASE="RUN")
        instant = datetime.now(UTC) + timedelta(minutes=30)
        kept = create(http, DESTRUCTION=instant.isoformat())
        for job in (running_job, overrunning):
            wait(http, job, "EXECUTING")
        notes(http)
        database.set(3600)
        until(lambda: any("clock" in note for note in notes(http)[1]), 10, "a note")
        assert notes(http)[0]
        # All leases, both durations and a destruction are over by that clock.
        until(lambda: service.log().count("the clock of the database was set") >= 4, 15, "notice")
        database.set(-3600)
        assert wait(http, overrunning) == "ABORTED"
        told = job_json(http, overrunning)
        took = datetime.fromisoformat(told["end_time"]) - datetime.fromisoformat(told["start_time"])
        assert timedelta(seconds=10) <= took < timedelta(seconds=25)
        told = job_json(http, running_job)
        assert (told["phase"], told["attempt"]) == ("EXECUTING", 1)
        assert http.get(kept).status_code == 200

        # A worker that died when the clock was an hour ahead does not keep its job so long.
        database.set(3600)
        until(lambda: service.log().count("the clock of the database was set") >= 10, 20, "notice")
        worker = next(
            p
            for p in service.processes
            if p.arguments[0] == "worker" and any(m.cpu_times().user > 2 for m in p.family()[2:])
        )
        worker.popen.send_signal(signal.SIGKILL)
        worker.popen.wait()
        database.set(-3600)
        until(lambda: job_json(http, running_job)["attempt"] == 2, 40, "another attempt")
