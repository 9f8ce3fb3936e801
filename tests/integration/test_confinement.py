"""What runs circuits is held to its limits, and to one worker where that matters."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from circuits import BELL2, slow
from harness import Postgres, Process, Service, cluster, embedded, until, words
from uws import create, job_json, story, wait

PACKAGE = Path(__file__).parents[1] / "misfits"
MEMORY, FILE, SOCKET, ABORT, OFFSPRING, OPEN_FILES = range(9001, 9007)
"""The seeds at which the adapter of that package does so."""


def offered(http: httpx.Client, target: str) -> bool:
    """Whether a target has shown that it does what it should."""
    found = http.get(f"/targets/{target}", headers={"Accept": "application/json"})
    return found.status_code == 200 and found.json()["conformance"] is not None


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("misfit")
    (folder / "targets.toml").write_text('[misfit]\nadapter = "misfit"\n')
    environment = {
        "PYTHONPATH": str(PACKAGE),
        "QUWS_POLICY__TARGET": "misfit",
        "QUWS_POLICY__MAX_ATTEMPTS": "2",
        "QUWS_POLICY__MAX_EXECUTION_DURATION": "0",
        "QUWS_MAX_RESULT": str(8 << 20),
    }
    with embedded(folder, environment) as service:
        with service.client() as http:
            until(lambda: offered(http, "misfit"), 60, "a report of the target")
        yield service


@pytest.fixture
def http(site: Service) -> Iterator[httpx.Client]:
    with site.client() as client:
        # So that a child waits for whatever comes now that has served before.
        assert wait(client, create(client, SHOTS=10, PHASE="RUN")) == "COMPLETED"
        yield client


@pytest.mark.parametrize(
    ("seed", "code", "sentence"),
    [
        (MEMORY, "out_of_memory", "more memory than the target's limit allows"),
        (FILE, "execution_failed", "File too large"),
        (SOCKET, "execution_failed", "Permission denied"),
        (OPEN_FILES, "execution_failed", "Too many open files"),
    ],
)
def test_beyond_a_limit_is_an_error_that_says_so_and_the_worker_lives(
    http: httpx.Client, site: Service, seed: int, code: str, sentence: str
) -> None:
    worker = next(p.pid for p in site.processes[0].family() if "worker" in words(p))
    job = create(http, SHOTS=10, SEED=seed, PHASE="RUN")
    assert wait(http, job) == "ERROR"
    (error,) = job_json(http, job)["errors"]
    assert (error["type"], error["code"]) == ("fatal", code)
    assert sentence in error["message"]
    assert wait(http, create(http, SHOTS=10, PHASE="RUN")) == "COMPLETED"
    assert psutil.Process(worker).is_running()


def test_what_kills_its_process_is_tried_again_and_then_given_up_for_good(
    http: httpx.Client,
) -> None:
    job = create(http, SHOTS=10, SEED=ABORT, PHASE="RUN")
    assert wait(http, job) == "ERROR"
    told = job_json(http, job)
    (error,) = told["errors"]
    # It would do so again: a client need not try.
    assert (error["type"], error["code"], told["attempt"]) == ("fatal", "process_died", 2)
    assert error["message"].endswith("died in each of 2 attempts: it was killed by SIGABRT")
    assert error["detail"].splitlines() == [
        "the process of attempt 1 died: it was killed by SIGABRT; the job is tried again",
        "the process of attempt 2 died: it was killed by SIGABRT",
    ]
    assert "the process of attempt 1 died" in http.get(f"{job}/error").text
    assert wait(http, create(http, SHOTS=10, PHASE="RUN")) == "COMPLETED"


def test_what_a_child_started_goes_with_it(http: httpx.Client, site: Service) -> None:
    job = create(http, SHOTS=10, SEED=OFFSPRING, PHASE="RUN")

    def offspring() -> list[psutil.Process]:
        return [p for p in site.processes[0].family() if p.name() == "sleep"]

    until(offspring, 30, "offspring")
    (sleeper,) = offspring()
    http.post(f"{job}/phase", data={"PHASE": "ABORT"})
    until(lambda: not sleeper.is_running(), 2, "the end of the offspring")


def test_processor_time_is_limited_by_the_execution_duration(
    http: httpx.Client, site: Service
) -> None:
    job = create(http, slow(24, 200), SHOTS=10, EXECUTIONDURATION=100, PHASE="RUN")

    def limits() -> list[int]:
        found = [child.rlimit(psutil.RLIMIT_CPU)[0] for child in site.simulations()]
        return sorted(limit for limit in found if limit > 0)

    until(limits, 30, "a limit")
    cores = psutil.cpu_count() or 1
    (first,) = limits()
    assert 100 * cores <= first <= 200 * cores
    http.post(f"{job}/executionduration", data={"EXECUTIONDURATION": "1000"})
    until(lambda: limits() and limits()[0] >= 1000 * cores, 10, "another limit")
    http.post(f"{job}/executionduration", data={"EXECUTIONDURATION": "0"})
    until(lambda: not limits(), 10, "no limit")
    http.delete(job)


# -- one worker at a time ------------------------------------------------------------


def claimed_by(http: httpx.Client, job: str) -> list[int]:
    """The process ids of the workers that took a job, in order."""
    timeline = job_json(http, job)["timeline"]
    return [int(e["source"].rsplit(":", 1)[1]) for e in timeline if e["status"] == "claimed"]


def simulating(worker: Process) -> list[psutil.Process]:
    """The children of a worker's children that are at work: those that simulate."""
    me = psutil.Process(worker.pid)
    found = set(me.children(recursive=True)) - set(me.children())
    return [child for child in found if child.cpu_times().user > 0.7]


@pytest.mark.timeout(240)
def test_an_exclusive_target_has_one_worker_and_another_takes_over(
    tmp_path: Path, postgres: Postgres
) -> None:
    (tmp_path / "targets.toml").write_text(
        '[lone]\nadapter = "misfit"\nconformance = "none"\n'
        "options = { exclusive = true, threads = 1 }\n"
    )
    environment = {"PYTHONPATH": str(PACKAGE), "QUWS_POLICY__TARGET": "lone", "QUWS_GRACE": "0"}
    with (
        cluster(tmp_path, postgres.migrated(), environment, apis=1, workers=0) as service,
        service.client() as http,
    ):

        def start() -> Process:
            log = tmp_path / f"worker{len(service.processes)}.log"
            process = Process(["worker", "--target", "lone"], service.environment, log)
            service.processes.append(process)
            return process

        def says(process: Process, words: str) -> None:
            until(lambda: words in process.log.read_text(), 60, f"a worker that says '{words}'")

        first = start()
        says(first, "target held")
        second = start()
        says(second, "standing by")
        for _ in range(3):
            job = create(http, BELL2, SHOTS=10, PHASE="RUN")
            assert wait(http, job) == "COMPLETED"
            assert claimed_by(http, job) == [first.pid]

        # Frozen, it is not heard of: the other takes over, and what the first one ran is dead.
        running = create(http, slow(22, 60), SHOTS=10, PHASE="RUN")
        wait(http, running, "EXECUTING")
        children = until(lambda: simulating(first), 30, "a simulation")
        psutil.Process(first.pid).send_signal(signal.SIGSTOP)
        assert wait(http, running) == "COMPLETED"
        assert claimed_by(http, running) == [first.pid, second.pid]
        assert not any(child.is_running() for child in children)
        psutil.Process(first.pid).send_signal(signal.SIGCONT)
        says(first, "target lost to another worker")
        until(lambda: first.log.read_text().count("standing by") == 1, 10, "a worker that waits")

        # Told to stop, a worker gives the target back, and the job that it runs too.
        running = create(http, slow(22, 60), SHOTS=10, PHASE="RUN")
        wait(http, running, "EXECUTING")
        second.end()
        assert wait(http, running) == "COMPLETED"
        assert claimed_by(http, running) == [second.pid, first.pid]
        told = job_json(http, running)
        assert told["attempt"] == 1, story(told)
