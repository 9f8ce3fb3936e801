"""Abort, delete, execution duration and destruction stop what runs, and only that."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import httpx
import psutil
import pytest
from circuits import ENDLESS, slow
from harness import Service, is_at_work, until
from uws import create, document, job_json, text, wait


def working(service: Service) -> set[int]:
    """The children that simulate: not those that have, and wait."""
    found = set()
    for child in service.simulations():
        try:
            used = child.cpu_times()
            if used.user + used.system > 0.5 and is_at_work(child):
                found.add(child.pid)
        except psutil.Error:
            continue
    return found


def start_slow(http: httpx.Client, service: Service, **parameters: object) -> tuple[str, set[int]]:
    """Start a job that runs for minutes, and wait until its child is at it."""
    job = create(http, ENDLESS, SHOTS=10, PHASE="RUN", **parameters)
    wait(http, job, "EXECUTING")
    until(lambda: working(service), 30, "a simulation")
    return job, working(service)


def gone(children: set[int]) -> bool:
    return not any(psutil.pid_exists(pid) for pid in children)


def test_abort_stops_a_running_simulation_and_the_next_job_completes(
    http: httpx.Client, service: Service
) -> None:
    job, children = start_slow(http, service)
    started = time.monotonic()
    answer = http.post(f"{job}/phase", data={"PHASE": "ABORT"})
    assert answer.status_code == 303
    root = document(http, answer.headers["Location"])
    assert text(root, "phase") == "ABORTED"
    assert text(root, "endTime") is not None
    until(lambda: gone(children), 1.0 - (time.monotonic() - started), "the end of the process")
    following = create(http, PHASE="RUN")
    assert wait(http, following) == "COMPLETED"
    assert text(document(http, job), "phase") == "ABORTED"
    assert job_json(http, job)["timeline"][-1]["message"] == "abort requested"
    http.delete(job)


def test_delete_stops_a_running_simulation_and_leaves_no_file(
    http: httpx.Client, service: Service
) -> None:
    job, children = start_slow(http, service)
    assert http.delete(job).status_code == 303
    assert http.get(job).status_code == 404
    until(lambda: gone(children), 1.0, "the end of the process")
    folder = service.artifacts / job.rsplit("/", 1)[1]
    until(lambda: not folder.exists(), 5, "the end of the files")


def test_a_job_that_overruns_is_aborted_with_the_reason(
    http: httpx.Client, service: Service
) -> None:
    job = create(http, slow(24, 200), SHOTS=10, EXECUTIONDURATION=2, PHASE="RUN")
    assert wait(http, job) == "ABORTED"
    told = job_json(http, job)
    took = datetime.fromisoformat(told["end_time"]) - datetime.fromisoformat(told["start_time"])
    assert timedelta(seconds=2) <= took < timedelta(seconds=5)
    assert told["timeline"][-1]["message"] == "the execution duration is over"
    assert told["errors"] == []


def test_a_new_execution_duration_holds_for_a_running_job(
    http: httpx.Client, service: Service
) -> None:
    job, _ = start_slow(http, service, EXECUTIONDURATION=0)
    assert http.get(f"{job}/executionduration").text == "86400"
    answer = http.post(f"{job}/executionduration", data={"EXECUTIONDURATION": "1"})
    assert answer.status_code == 303
    assert wait(http, job) == "ABORTED"


def test_destruction_takes_job_and_files_at_its_instant_even_while_running(
    http: httpx.Client, service: Service
) -> None:
    job, children = start_slow(http, service)
    instant = datetime.now(UTC) + timedelta(seconds=1)
    http.post(f"{job}/destruction", data={"DESTRUCTION": instant.isoformat()})
    until(lambda: http.get(job).status_code == 404, 5, "the end of the job")
    assert datetime.now(UTC) >= instant
    until(lambda: gone(children), 2, "the end of the process")
    folder = service.artifacts / job.rsplit("/", 1)[1]
    until(lambda: not folder.exists(), 5, "the end of the files")


@pytest.mark.parametrize("phase", ["PENDING", "QUEUED"])
def test_abort_before_the_start(http: httpx.Client, service: Service, phase: str) -> None:
    blockers = []
    if phase == "QUEUED":
        blockers = [create(http, ENDLESS, SHOTS=1, PHASE="RUN") for _ in range(2)]
        job = create(http, PHASE="RUN")
        if service.form == "embedded":
            assert text(document(http, job), "phase") == "QUEUED"
    else:
        job = create(http)
    answer = http.post(f"{job}/phase", data={"PHASE": "ABORT"})
    assert text(document(http, answer.headers["Location"]), "phase") == "ABORTED"
    for blocker in blockers:
        http.delete(blocker)
    assert wait(http, create(http, PHASE="RUN")) == "COMPLETED"
    root = document(http, job)
    assert (text(root, "phase"), text(root, "startTime")) == ("ABORTED", None)


def test_a_batch_that_is_aborted_keeps_what_was_done(http: httpx.Client) -> None:
    job = create(http, [slow(2, 1), ENDLESS], SHOTS=5, PHASE="RUN")
    until(lambda: job_json(http, job)["circuits_done"] == 1, 30, "the first circuit")
    assert sum(http.get(f"{job}/results/counts-0").json()["counts"].values()) == 5
    http.post(f"{job}/phase", data={"PHASE": "ABORT"})
    assert sum(http.get(f"{job}/results/counts-0").json()["counts"].values()) == 5
    assert [item["id"] for item in job_json(http, job)["results"]] == ["counts-0"]


def test_the_queue_position_counts_those_ahead(http: httpx.Client, service: Service) -> None:
    blockers = [create(http, ENDLESS, SHOTS=1, PHASE="RUN") for _ in range(2)]
    free = 1 if service.form == "embedded" else 0
    until(
        lambda: [job_json(http, job)["phase"] for job in blockers].count("EXECUTING") == 2 - free,
        30,
        "jobs that keep all workers busy",
    )
    waiting = [create(http, SHOTS=1, PHASE="RUN") for _ in range(3)]
    positions = [job_json(http, job)["queue_position"] for job in waiting]
    assert positions == [free, free + 1, free + 2]
    for job in [*blockers, *waiting]:
        http.delete(job)
