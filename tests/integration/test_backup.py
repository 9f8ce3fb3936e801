"""A backup that was taken while jobs went on gives the service back, on both databases."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from circuits import BELL3
from commands import run
from harness import (
    Postgres,
    Process,
    Service,
    embedded,
    free_port,
    until,
    wait_ready,
)
from uws import create, wait


def phase(http: httpx.Client, path: str) -> str:
    return http.get(f"{path}/phase").text


@contextmanager
def restored(service: Service, request: pytest.FixtureRequest, folder: Path) -> Iterator[Service]:
    """Back a running service up, and start another one from that."""
    if service.form == "embedded":
        copy = str(folder / "copy")
        done = run(service.environment, "backup", copy, "--data", str(service.folder))
        assert done.returncode == 0, done.stderr
        new = folder / "new"
        done = run(service.environment, "restore", copy, "--data", str(new))
        assert done.returncode == 0, done.stderr
        with embedded(new) as running:
            yield running
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    # The database first, then the files: see docs/operate/backup.md.
    url = postgres.database()
    postgres.copy(service.environment["QUWS_DATABASE_URL"], url)
    shutil.copytree(service.artifacts, folder / "artifacts")
    environment = service.environment | {
        "QUWS_DATABASE_URL": url,
        "QUWS_DATA": str(folder),
        "QUWS_ARTIFACTS_URL": (folder / "artifacts").as_uri(),
    }
    port = free_port()
    running = Service(f"http://127.0.0.1:{port}", folder, environment)
    for number, arguments in enumerate((["api", "--port", str(port)], ["worker"])):
        running.processes.append(Process(arguments, environment, folder / f"{number}.log"))
    try:
        wait_ready(running.url, running.processes[0])
        yield running
    finally:
        for process in running.processes:
            process.end(statuses=(0, -signal.SIGTERM))


def test_a_backup_gives_everything_back(
    service: Service, http: httpx.Client, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    big = BELL3 + "// " + "x" * 5000  # An artifact, not a row.
    done = http.post("/jobs", data={"CIRCUIT": big, "PHASE": "RUN"}).headers["Location"]
    waiting = http.post("/jobs", data={"CIRCUIT": BELL3}).headers["Location"]
    done, waiting = (path.removeprefix(service.url) for path in (done, waiting))
    until(lambda: phase(http, done) == "COMPLETED", 30, "a result")
    counts = http.get(f"{done}/results/counts").content
    document = http.get(done, headers={"Accept": "application/json"}).json()

    with restored(service, request, tmp_path) as other, other.client() as there:
        again = there.get(done, headers={"Accept": "application/json"}).json()
        # Links name the address; everything else is as it was.
        assert str(again).replace(other.url, service.url) == str(document)
        assert there.get(f"{done}/results/counts").content == counts
        assert there.get(f"{done}/parameters/circuit").text == big
        # And what was not run yet can be.
        assert there.post(f"{waiting}/phase", data={"PHASE": "RUN"}).status_code == 303
        until(lambda: phase(there, waiting) == "COMPLETED", 60, "a job of the backup")


def test_the_doctor_finds_a_service_well(service: Service) -> None:
    with service.client() as http:
        # Its worker is up, then.
        assert wait(http, create(http, PHASE="RUN")) == "COMPLETED"
    found = run(service.environment | {"QUWS_DATA": str(service.folder)}, "doctor")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "FAULT" not in found.stdout
    for part in ("versions", "database", "bus", "artifacts", "scratch", "clock", "targets"):
        assert f"ok       {part}" in found.stdout, found.stdout
    assert "a worker listens" in found.stdout
