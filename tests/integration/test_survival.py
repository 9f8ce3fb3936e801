"""``kill -9`` of everything, and what is there afterwards."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from circuits import slow
from harness import Process, Service, base_environment, embedded, kill_tree, start_embedded, until
from uws import create, document, job_json, text, wait


def test_nothing_is_lost_and_nothing_runs_twice_when_all_is_killed(tmp_path: Path) -> None:
    service = start_embedded(tmp_path)
    port = int(service.url.rsplit(":", 1)[1])
    # Runs for a few seconds: long enough to be killed in the middle, short enough to end.
    running_circuit = slow(22, 120)
    with service.client() as http:
        running = create(http, running_circuit, SHOTS=10, PHASE="RUN")
        wait(http, running, "EXECUTING")
        queued = [create(http, SHOTS=10, PHASE="RUN") for _ in range(10)]
        assert text(document(http, queued[-1]), "phase") == "QUEUED"
    family = service.processes[0].family()
    kill_tree(service.processes[0])
    assert not any(member.is_running() for member in family)

    again = start_embedded(tmp_path, port=port)
    try:
        with again.client() as http:
            for job in [running, *queued]:
                assert wait(http, job) == "COMPLETED"
            for job in [running, *queued]:
                told = job_json(http, job)
                statuses = [entry["status"] for entry in told["timeline"]]
                assert statuses.count("completed") == 1
                assert (
                    sum(http.get(f"{job}/results/counts").json()["circuits"][0]["counts"].values())
                    == 10
                )
                assert told["attempt"] == (2 if job == running else 1)
    finally:
        again.processes[0].terminate()


def test_all_processes_end_with_their_supervisor(tmp_path: Path) -> None:
    service = start_embedded(tmp_path)
    with service.client() as http:
        job = create(http, slow(), SHOTS=10, PHASE="RUN")
        wait(http, job, "EXECUTING")
    family = service.processes[0].family()
    assert len(family) >= 7
    service.processes[0].kill()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


def test_a_worker_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    with embedded(tmp_path) as service, service.client() as http:
        job = create(http, slow(22, 120), SHOTS=10, PHASE="RUN")
        wait(http, job, "EXECUTING")
        worker = next(p for p in service.processes[0].family() if "worker" in p.cmdline())
        worker.kill()
        assert wait(http, job) == "COMPLETED"
        assert job_json(http, job)["attempt"] == 2


def test_a_child_that_dies_is_tried_again_and_then_given_up(tmp_path: Path) -> None:
    with (
        embedded(tmp_path, {"QUWS_POLICY__MAX_ATTEMPTS": "2"}) as service,
        service.client() as http,
    ):
        job = create(http, slow(), SHOTS=10, PHASE="RUN")

        def kill_one() -> bool:
            for child in service.simulations():
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


def test_stopping_the_service_hands_a_running_job_over(tmp_path: Path) -> None:
    service = start_embedded(tmp_path, {"QUWS_GRACE": "0"})
    with service.client() as http:
        job = create(http, slow(22, 120), SHOTS=10, PHASE="RUN")
        wait(http, job, "EXECUTING")
    assert service.processes[0].terminate() == 0
    port = int(service.url.rsplit(":", 1)[1])
    again = start_embedded(tmp_path, port=port)
    try:
        with again.client() as http:
            assert wait(http, job) == "COMPLETED"
            told = job_json(http, job)
            assert told["attempt"] == 1
            assert "suspended" in [entry["status"] for entry in told["timeline"]]
    finally:
        again.processes[0].terminate()


def test_the_api_process_stays_small_and_has_no_simulator_in_it(tmp_path: Path) -> None:
    with embedded(tmp_path) as service, service.client() as http:
        for _ in range(20):
            wait(http, create(http, SHOTS=100, PHASE="RUN"))
        api = next(p for p in service.processes[0].family() if "api" in p.cmdline())
        loaded = {Path(item.path).as_posix() for item in api.memory_maps()}
        assert not [path for path in loaded if "qiskit" in path or "numpy" in path]
        assert api.memory_info().rss < 120 * 1024 * 1024


def test_a_second_serve_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with embedded(tmp_path):
        log = tmp_path / "second.log"
        second = Process(
            ["serve", "--port", "0", "--data", str(tmp_path)], base_environment({}), log
        )
        assert second.popen.wait(20) == 1
        assert "another 'quws serve' uses" in log.read_text()


def test_who_waits_is_answered_when_the_service_stops(tmp_path: Path) -> None:
    service = start_embedded(tmp_path)
    with service.client() as http, ThreadPoolExecutor() as threads:
        job = create(http)
        waiting = [threads.submit(http.get, job, params={"WAIT": "-1"}) for _ in range(5)]
        until(lambda: open_connections(service) >= 5, 10, "the waiters")
        started = time.monotonic()
        assert service.processes[0].terminate() == 0
        assert time.monotonic() - started < 8
        for answer in waiting:
            assert answer.result().status_code == 200


def open_connections(service: Service) -> int:
    api = next(p for p in service.processes[0].family() if "api" in p.cmdline())
    return sum(1 for item in api.net_connections("tcp") if item.status == "ESTABLISHED")
