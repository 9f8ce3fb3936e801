"""What happens to running jobs when workers freeze, fall, stop, or are away for a while."""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pytest
from circuits import ENDLESS, flip, slow
from commands import quws
from harness import Postgres, Process, Service, cluster, embedded, until, wait_ready, words
from standing import Standing
from uws import create, document, job_json, story, text, wait

SOME_SECONDS = slow(22, 60)


def part(service: Service, kind: str) -> psutil.Process:
    """One of the processes of ``quws serve``."""
    return next(p for p in service.processes[0].family() if kind in words(p))


def runner_of(service: Service) -> psutil.Process:
    """The child that simulates."""

    def busy() -> psutil.Process | None:
        for child in service.simulations():
            try:
                if child.cpu_times().user > 0.5 and child.cpu_percent(0.05) > 20:
                    return child
            except psutil.Error:
                continue
        return None

    found: psutil.Process = until(busy, 30, "a simulation")
    return found


@contextmanager
def frozen(process: psutil.Process) -> Iterator[None]:
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def statuses(http: httpx.Client, job: str) -> Counter[str]:
    return Counter(entry["status"] for entry in job_json(http, job)["timeline"])


# -- a worker that is frozen ----------------------------------------------------


def test_a_job_of_a_frozen_worker_is_run_by_another_and_not_by_both(
    tmp_path: Path, postgres: Postgres
) -> None:
    with (
        cluster(tmp_path, postgres.migrated(), apis=1) as service,
        service.client() as http,
    ):
        job = create(http, SOME_SECONDS, SHOTS=10, PHASE="RUN")
        wait(http, job, "EXECUTING")
        child = runner_of(service)
        worker = next(
            p for p in service.processes if child.pid in {member.pid for member in p.family()}
        )
        with frozen(psutil.Process(worker.pid)):
            # Nobody is there to stop it, and it ends all the same: the job is another's now.
            until(lambda: not child.is_running(), 15, "the end of the orphaned child")
            assert wait(http, job) == "COMPLETED"
        # Awake again it finds that the job is not its own, and takes the next one.
        others = [create(http, SHOTS=10, PHASE="RUN") for _ in range(6)]
        for other in others:
            assert wait(http, other) == "COMPLETED"
        told = job_json(http, job)
        assert (told["attempt"], statuses(http, job)["completed"]) == (2, 1), story(told)
        assert [e["message"] for e in told["timeline"] if e["status"] == "requeued"] == [
            "the worker of attempt 1 was lost; it is tried again"
        ]


def test_duration_and_destruction_hold_although_the_worker_is_frozen(tmp_path: Path) -> None:
    # Longer than the test: only the periodic task is left to do it.
    with embedded(tmp_path, {"QUWS_LEASE": "60"}) as service, service.client() as http:
        long = create(http, slow(24, 200), SHOTS=10, EXECUTIONDURATION=4, PHASE="RUN")
        wait(http, long, "EXECUTING")
        # Not in the middle of writing: SQLite has one writer at a time.
        runner_of(service)
        with frozen(part(service, "worker")):
            assert wait(http, long) == "ABORTED"
            told = job_json(http, long)
            took = datetime.fromisoformat(told["end_time"]) - datetime.fromisoformat(
                told["start_time"]
            )
            assert timedelta(seconds=4) <= took < timedelta(seconds=8)
            assert told["timeline"][-1]["message"] == "the execution duration is over"
        doomed = create(http, ENDLESS, SHOTS=10, PHASE="RUN")
        wait(http, doomed, "EXECUTING")
        runner_of(service)
        with frozen(part(service, "worker")):
            instant = datetime.now(UTC) + timedelta(seconds=1)
            http.post(f"{doomed}/destruction", data={"DESTRUCTION": instant.isoformat()})
            until(lambda: http.get(doomed).status_code == 404, 10, "the end of the job")
        assert wait(http, create(http, PHASE="RUN")) == "COMPLETED"


# -- away for a while -----------------------------------------------------------------


def test_what_fell_due_while_the_service_was_down_is_destroyed_when_it_is_back(
    own: Service, standing: Standing
) -> None:
    with own.client() as http:
        job = create(http, SHOTS=10, PHASE="RUN")
        wait(http, job)
        instant = datetime.now(UTC) + timedelta(seconds=1)
        http.post(f"{job}/destruction", data={"DESTRUCTION": instant.isoformat()})
        waiting = create(http)
    own.processes[0].end()
    folder = own.artifacts / job.rsplit("/", 1)[1]
    assert folder.exists()
    until(lambda: datetime.now(UTC) > instant, 5, "the instant")
    # Who wants to know what the periodic task will do can ask, and nothing is done.
    due = quws(own, "admin", "due")
    assert due.splitlines() == [f"job {folder.name} (COMPLETED, target simulator): destroy"]
    assert folder.exists()
    with standing.service().client() as http:
        until(lambda: http.get(job).status_code == 404, 30, "the end of the job")
        until(lambda: not folder.exists(), 10, "the end of its files")
        assert text(document(http, waiting), "phase") == "PENDING"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_batch_goes_on_at_the_first_circuit_without_a_result(
    own: Service, how: signal.Signals
) -> None:
    with own.client() as http:
        circuits = [flip(0, 2), flip(1, 2), slow(22, 60), flip(0, 3), ENDLESS]
        job = create(http, circuits, SHOTS=10, PHASE="RUN")
        until(lambda: job_json(http, job)["circuits_done"] == 2, 30, "two circuits")
        runner_of(own)
        before = {
            name: http.get(f"{job}/results/{name}").content for name in ("counts-0", "counts-1")
        }
        # Nobody loses what was said of it.
        http.post(f"{job}/circuits/4", data={"ACTION": "ABORT"})
        part(own, "worker").send_signal(how)
        assert wait(http, job) == "COMPLETED"
        told = job_json(http, job)
        done = [e["message"] for e in told["timeline"] if e["status"] == "circuit done"]
        # Those that are done at about the same time are told of together.
        circuits_told = [re.findall("[0-9]+", message.split(" of ")[0]) for message in done]
        assert [k for some in circuits_told for k in range(int(some[0]), int(some[-1]) + 1)] == [
            *range(4)
        ]
        for name, content in before.items():
            assert http.get(f"{job}/results/{name}").content == content
        assert told["attempt"] == (2 if how == signal.SIGKILL else 1), story(told)
        counts = http.get(f"{job}/results/counts").json()["circuits"]
        assert [sum(item["counts"].values()) for item in counts] == [10, 10, 10, 10, 0]
        assert counts[4]["missing"] == "aborted"


def test_a_job_that_is_suspended_or_held_can_be_aborted(
    strict_form: Service, strict: httpx.Client
) -> None:
    running = create(strict, ENDLESS, SHOTS=10, PHASE="RUN")
    wait(strict, running, "EXECUTING")
    held = create(strict, PHASE="RUN")
    assert text(document(strict, held), "phase") == "HELD"
    worker = part(strict_form, "worker")
    # The supervisor cannot start the next one, so the job stays where it is.
    with frozen(psutil.Process(strict_form.processes[0].pid)):
        worker.terminate()
        wait(strict, running, "SUSPENDED")
        for job in (running, held):
            answer = strict.post(f"{job}/phase", data={"PHASE": "ABORT"})
            assert answer.status_code == 303
            root = document(strict, answer.headers["Location"])
            assert text(root, "phase") == "ABORTED"
            assert text(root, "endTime") is not None
    assert wait(strict, create(strict, PHASE="RUN")) == "COMPLETED"


# -- a rolling restart ----------------------------------------------------------------


@pytest.mark.timeout(240)
def test_a_rolling_restart_under_load_loses_and_doubles_nothing(
    tmp_path: Path, postgres: Postgres
) -> None:
    with (
        cluster(tmp_path, postgres.migrated(), {"QUWS_GRACE": "1"}) as service,
        # A new connection for each request, as many clients together would have it.
        service.client(headers={"Connection": "close"}) as http,
    ):
        jobs = [create(http, SOME_SECONDS, SHOTS=10, PHASE="RUN")]
        for place, process in enumerate(service.processes):
            jobs += [create(http, SHOTS=10, PHASE="RUN") for _ in range(4)]
            process.popen.send_signal(signal.SIGINT if place % 2 else signal.SIGTERM)
            process.has_ended()
            again = Process(process.arguments, service.environment, process.log)
            service.processes[place] = again
            if process.arguments[0] == "api":
                wait_ready(f"http://127.0.0.1:{process.arguments[2]}", again)
        for job in jobs:
            assert wait(http, job) == "COMPLETED"
            assert statuses(http, job)["completed"] == 1
            counts = http.get(f"{job}/results/counts").json()["circuits"][0]["counts"]
            assert sum(counts.values()) == 10
