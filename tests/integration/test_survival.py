"""``kill -9`` of everything, and what is there afterwards."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from circuits import ENDLESS, slow
from harness import Process, Service, base_environment, kill_tree, until, words
from standing import Standing
from uws import create, document, job_json, story, text, wait


def test_nothing_is_lost_and_nothing_runs_twice_when_all_is_killed(
    own: Service, standing: Standing
) -> None:
    # Runs for a few seconds: long enough to be killed in the middle, short enough to end.
    running_circuit = slow(22, 60)
    with own.client() as http:
        running = create(http, running_circuit, SHOTS=10, PHASE="RUN")
        wait(http, running, "EXECUTING")
        queued = [create(http, SHOTS=10, PHASE="RUN") for _ in range(10)]
        assert text(document(http, queued[-1]), "phase") == "QUEUED"
    family = own.processes[0].family()
    kill_tree(own.processes[0])
    assert not any(member.is_running() for member in family)

    with standing.service().client() as http:
        for job in [running, *queued]:
            assert wait(http, job) == "COMPLETED"
        for job in [running, *queued]:
            told = job_json(http, job)
            statuses = [entry["status"] for entry in told["timeline"]]
            assert statuses.count("completed") == 1, story(told)
            counts = http.get(f"{job}/results/counts").json()["circuits"][0]["counts"]
            assert sum(counts.values()) == 10
            assert told["attempt"] == (2 if job == running else 1), story(told)


def test_all_processes_end_with_their_supervisor(own: Service) -> None:
    with own.client() as http:
        job = create(http, ENDLESS, SHOTS=10, PHASE="RUN")
        wait(http, job, "EXECUTING")
    family = own.processes[0].family()
    assert len(family) >= 7
    own.processes[0].kill()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


def test_a_worker_that_is_killed_loses_nothing(own: Service) -> None:
    with own.client() as http:
        job = create(http, slow(22, 60), SHOTS=10, PHASE="RUN")
        wait(http, job, "EXECUTING")
        worker = next(p for p in own.processes[0].family() if "worker" in words(p))
        worker.kill()
        assert wait(http, job) == "COMPLETED"
        told = job_json(http, job)
        assert told["attempt"] == 2, story(told)


def test_a_child_that_dies_is_tried_again_and_then_given_up(own: Service) -> None:
    with own.client() as http:
        job = create(http, ENDLESS, SHOTS=10, PHASE="RUN")

        def kill_one() -> bool:
            for child in own.simulations():
                if child.cpu_times().user > 1.5:
                    child.kill()
                    return True
            return False

        for _ in range(2):
            wait(http, job, "EXECUTING", "QUEUED")
            until(kill_one, 30, "a simulation to kill")
        assert wait(http, job) == "ERROR"
        told = job_json(http, job)
        assert told["errors"][0]["code"] == "process_died"
        assert "SIGKILL" in told["errors"][0]["message"]
        assert wait(http, create(http, PHASE="RUN")) == "COMPLETED"


def test_stopping_the_service_hands_a_running_job_over(own: Service, standing: Standing) -> None:
    with own.client() as http:
        job = create(http, slow(22, 60), SHOTS=10, PHASE="RUN")
        wait(http, job, "EXECUTING")
    own.processes[0].end()
    with standing.service().client() as http:
        assert wait(http, job) == "COMPLETED"
        told = job_json(http, job)
        assert told["attempt"] == 1, story(told)
        assert "suspended" in [entry["status"] for entry in told["timeline"]]


@pytest.mark.first
@pytest.mark.parametrize("service", ["embedded"], indirect=True)
def test_the_api_process_stays_small_and_has_no_simulator_in_it(
    service: Service, http: httpx.Client
) -> None:
    # That form is run by interpreters: what they have loaded is in it, and nothing else.
    for _ in range(20):
        wait(http, create(http, SHOTS=100, PHASE="RUN"))
    api = next(p for p in service.processes[0].family() if "api" in words(p))
    loaded = {Path(item.path).as_posix() for item in api.memory_maps()}
    assert not [path for path in loaded if "qiskit" in path or "numpy" in path]
    assert api.memory_info().rss < 120 * 1024 * 1024


def test_a_second_serve_on_the_same_data_is_refused(own: Service, tmp_path: Path) -> None:
    arguments = ["serve", "--port", "1", "--data", str(own.folder)]
    second = Process(arguments, base_environment({}), tmp_path / "second.log")
    second.has_ended(20, statuses=(1,))
    assert "another 'quws serve' uses" in second.log.read_text()


def test_who_waits_is_answered_when_the_service_stops(own: Service) -> None:
    with own.client() as http, ThreadPoolExecutor() as threads:
        job = create(http)
        waiting = [threads.submit(http.get, job, params={"WAIT": "-1"}) for _ in range(5)]
        until(lambda: open_connections(own) >= 5, 10, "the waiters")
        started = time.monotonic()
        own.processes[0].end()
        assert time.monotonic() - started < 8
        for answer in waiting:
            assert answer.result().status_code == 200


def open_connections(service: Service) -> int:
    api = next(p for p in service.processes[0].family() if "api" in words(p))
    return sum(1 for item in api.net_connections("tcp") if item.status == "ESTABLISHED")
