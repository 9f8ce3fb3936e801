"""The database, the bus, the disk and the clock fail for a while; no job ends wrongly."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
import redis
from circuits import BELL2, ENDLESS, slow
from harness import Postgres, Process, Service, cluster, embedded, is_at_work, until
from lxml import etree
from uws import create, document, job_json, listed, story, text, wait

VOSI = "{http://www.ivoa.net/xml/VOSIAvailability/v1.0}"
BUS_AWAY = "the message bus does not answer: jobs start, and waiting clients hear, seconds later"
ARTIFACTS_AWAY = "the artifact store does not answer: results cannot be read, and new ones wait"
SOME_SECONDS = slow(24, 60)


def notes(http: httpx.Client) -> tuple[bool, list[str]]:
    told = http.get("/availability", headers={"Accept": "application/json"}).json()
    return told["available"], told["notes"]


def noted(http: httpx.Client, expected: tuple[bool, list[str]]) -> None:
    """Look until the service says of itself what it should."""
    said = []

    def as_expected() -> bool:
        said[:] = [notes(http)]
        return said == [expected]

    try:
        until(as_expected, 15)
    except AssertionError:
        raise AssertionError(f"/availability says {said[0]}, not {expected}") from None


def running(service: Service, number: int) -> list[psutil.Process]:
    """The children that simulate, once there are so many; not those that have, and wait."""

    def busy() -> list[psutil.Process] | None:
        found = [
            child
            for child in service.simulations()
            if child.cpu_times().user > 0.7 and is_at_work(child)
        ]
        return found if len(found) == number else None

    found: list[psutil.Process] = until(busy, 30, f"{number} simulations")
    return found


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

    def __init__(self, url: str) -> None:
        self.url = url
        name = self.url.removeprefix("postgresql://quws@/").partition("?")[0]
        self._execute(CLOCK.format(name=name))

    def set(self, seconds: int) -> None:
        self._execute(f"UPDATE skewed.step SET by = by + interval '{seconds} seconds'")

    def _execute(self, statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statements.encode())


@dataclass
class Cluster:
    """A cluster whose parts can be taken from it."""

    service: Service
    postgres: Postgres
    """A server of its own, which keeps what was committed when it is halted."""
    clock: Skewed


@pytest.fixture(scope="module")
def mishaps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    server = Postgres(durable=True).start()
    try:
        clock = Skewed(server.migrated())
        folder = tmp_path_factory.mktemp("mishaps")
        with cluster(folder, clock.url, apis=1, workers=2) as service:
            yield Cluster(service, server, clock)
    finally:
        server.stop()


@pytest.fixture
def http(mishaps: Cluster) -> Iterator[httpx.Client]:
    """A client of the cluster, whose jobs are gone afterwards."""
    with mishaps.service.client() as client:
        yield client
        for job in listed(client):
            client.delete(f"/jobs/{job}")


# -- the bus ------------------------------------------------------------------------


def test_jobs_run_and_are_aborted_while_the_bus_is_away_and_after_it_forgot_all(
    mishaps: Cluster, http: httpx.Client
) -> None:
    service = mishaps.service
    assert service.bus is not None
    held_up = [create(http, ENDLESS, SHOTS=10, PHASE="RUN") for _ in range(2)]
    for job in held_up:
        wait(http, job, "EXECUTING")
    children = running(service, 2)
    waiting = create(http, SHOTS=10, PHASE="RUN")
    with redis.Redis.from_url(service.bus.url) as connection:
        connection.flushall()
    service.bus.process.kill()
    service.bus.process.wait()
    noted(http, (True, [BUS_AWAY]))
    # The hints of all are lost, and so is the news of the aborts.
    meanwhile = create(http, SHOTS=10, PHASE="RUN")
    for job in held_up:
        answer = http.post(f"{job}/phase", data={"PHASE": "ABORT"})
        assert text(document(http, answer.headers["Location"]), "phase") == "ABORTED"
    until(lambda: not any(child.is_running() for child in children), 10, "the end of the children")
    for job in (waiting, meanwhile):
        assert wait(http, job) == "COMPLETED"
    service.bus.start()
    noted(http, (True, []))
    assert wait(http, create(http, SHOTS=10, PHASE="RUN")) == "COMPLETED"
    # News come again too, to those who waited all the while.
    pending = create(http)
    started = time.monotonic()
    http.post(f"{pending}/phase", data={"PHASE": "ABORT"})
    assert wait(http, pending) == "ABORTED"
    assert time.monotonic() - started < 10


# -- the database -----------------------------------------------------------------------


def test_a_job_goes_on_while_the_database_is_away(mishaps: Cluster, http: httpx.Client) -> None:
    job = create(http, SOME_SECONDS, SHOTS=10, PHASE="RUN")
    wait(http, job, "EXECUTING")
    (child,) = running(mishaps.service, 1)
    mishaps.postgres.halt("immediate")
    away = time.monotonic()
    answer = http.get(job)
    assert answer.status_code == 503
    assert answer.text.startswith("unavailable: the service cannot reach its database")
    noted(http, (False, ["the database does not answer"]))
    assert http.get("/health/live").status_code == 200
    # Longer than a lease: whoever looks first when it is back must not take the job.
    until(lambda: time.monotonic() - away > 5, 10, "the end of the lease")
    assert child.is_running()
    mishaps.postgres.launch()
    until(lambda: http.get(job).status_code == 200, 30, "the database")
    assert wait(http, job) == "COMPLETED"
    told = job_json(http, job)
    assert told["attempt"] == 1, story(told)
    assert [e["status"] for e in told["timeline"]].count("completed") == 1, story(told)
    assert wait(http, create(http, PHASE="RUN")) == "COMPLETED"


def test_a_service_without_its_database_says_so_and_recovers(
    mishaps: Cluster, http: httpx.Client
) -> None:
    mishaps.postgres.halt("immediate")
    root = etree.fromstring(http.get("/availability").content)
    assert root.findtext(f"{VOSI}available") == "false"
    assert root.findtext(f"{VOSI}note") == "the database does not answer"
    refused = http.post("/jobs", data={"CIRCUIT": BELL2})
    assert refused.status_code == 503
    assert str(mishaps.postgres.folder) not in refused.text
    assert http.get("/health/ready").status_code == 503
    assert http.get("/health/live").status_code == 200
    mishaps.postgres.launch()
    until(lambda: http.get("/health/ready").status_code == 200, 30, "readiness")
    assert wait(http, create(http, PHASE="RUN")) == "COMPLETED"


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
    environment = {
        "QUWS_ARTIFACTS_URL": artifacts.as_uri(),
        "QUWS_SCRATCH": str(scratch),
        # A disk of this size is nearly full from the beginning.
        "QUWS_MIN_FREE_SPACE": "0",
    }
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
            noted(http, (True, [ARTIFACTS_AWAY]))
            before = http.get("/jobs").text
            refused = http.post("/jobs", data={"CIRCUIT": BELL2 + "// " + "x" * 10_000})
            assert refused.status_code == 503
            assert "the service cannot reach its files right now" in refused.text
            assert http.get("/jobs").text == before
            job = create(http, SHOTS=10, PHASE="RUN")
            until(lambda: "store unavailable" in service.log(), 20, "a try to store the result")
            assert text(document(http, job), "phase") == "EXECUTING"
        assert wait(http, job) == "COMPLETED"
        told = job_json(http, job)
        assert told["attempt"] == 1, story(told)
        with full(scratch):
            # Small results need no room there.
            assert wait(http, create(http, SHOTS=10, PHASE="RUN")) == "COMPLETED"
            job = create(http, SHOTS=20_000, MEMORY="true", PHASE="RUN")
            wait(http, job, "SUSPENDED")
            assert job_json(http, job)["status"] == "the worker has no room for its files"
            page = {"Accept": "text/html"}
            until(
                lambda: "could not run its last job" in http.get("/operator", headers=page).text,
                20,
                "the operator's page that tells of it",
            )
        assert wait(http, job) == "COMPLETED"
        told = job_json(http, job)
        assert told["attempt"] == 1, story(told)


# -- the clock ----------------------------------------------------------------------------


def test_no_job_ends_wrongly_when_the_clock_is_set(mishaps: Cluster, http: httpx.Client) -> None:
    service, clock = mishaps.service, mishaps.clock

    def noticed() -> int:
        return service.log().count("the clock of the database was set")

    before = noticed()
    running_job = create(http, slow(24, 200), SHOTS=10, EXECUTIONDURATION=600, PHASE="RUN")
    overrunning = create(http, slow(24, 200), SHOTS=10, EXECUTIONDURATION=12, PHASE="RUN")
    instant = datetime.now(UTC) + timedelta(minutes=30)
    kept = create(http, DESTRUCTION=instant.isoformat())
    for job in (running_job, overrunning):
        wait(http, job, "EXECUTING")
    notes(http)
    clock.set(3600)
    until(lambda: any("clock" in note for note in notes(http)[1]), 10, "a note")
    assert notes(http)[0]
    # All leases, both durations and a destruction are over by that clock.
    until(lambda: noticed() >= before + 4, 15, "notice")
    clock.set(-3600)
    assert wait(http, overrunning) == "ABORTED"
    told = job_json(http, overrunning)
    took = datetime.fromisoformat(told["end_time"]) - datetime.fromisoformat(told["start_time"])
    assert timedelta(seconds=10) <= took < timedelta(seconds=25), story(told)
    told = job_json(http, running_job)
    assert (told["phase"], told["attempt"]) == ("EXECUTING", 1), story(told)
    assert http.get(kept).status_code == 200

    # A worker that died when the clock was an hour ahead does not keep its job so long.
    clock.set(3600)
    until(lambda: noticed() >= before + 10, 20, "notice")
    (child,) = running(service, 1)
    worker = next(p for p in service.processes if child in p.family())
    worker.kill()
    clock.set(-3600)
    until(lambda: job_json(http, running_job)["attempt"] == 2, 40, "another attempt")
    place = service.processes.index(worker)
    service.processes[place] = Process(worker.arguments, service.environment, worker.log)
