"""A target of another quws: one job list over two sites, and each job run once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from circuits import BELL2, slow
from commands import quws, run
from elsewhere import worker_of
from harness import Service, embedded, free_port, kill_tree, start_embedded, stop, until
from uws import create, job_json, story, wait

TWO_REGISTERS = (
    'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[3];\ncreg a[2];\ncreg b[1];\n'
    "x q[0];\nmeasure q[0] -> a[0];\nmeasure q[1] -> a[1];\nmeasure q[2] -> b[0];\n"
)

JSON = {"Accept": "application/json"}


class Other:
    """The other site, which can be killed and started again at the same place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.start()

    def start(self) -> None:
        self.service: Service = start_embedded(self.folder, port=self.port)

    def kill(self) -> None:
        kill_tree(self.service.processes[0])

    def jobs(self, job: str) -> list[dict[str, Any]]:
        """All jobs there that came of one of ours."""
        with self.service.client(headers={"Accept": "application/json"}) as http:
            run_id = job.rsplit("/", 1)[1]
            return [item for item in http.get("/jobs").json() if item["run_id"] == run_id]

    def phases(self, job: str) -> list[str]:
        return [item["phase"] for item in self.jobs(job)]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Other]:
    folder = tmp_path_factory.mktemp("other")
    (folder / "targets.toml").write_text(
        '[simulator]\nadapter = "simulator"\n[chip]\nadapter = "emulator"\n'
    )
    running = Other(folder)
    yield running
    stop(running.service)


@pytest.fixture(scope="module")
def here(other: Other, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("here")
    (folder / "targets.toml").write_text(
        '[site]\nadapter = "remote"\n'
        f'options = {{ url = "http://127.0.0.1:{other.port}", target = "simulator" }}\n'
        '[chip]\nadapter = "remote"\n'
        f'options.url = "http://127.0.0.1:{other.port}"\n'
    )
    with embedded(folder, {"QUWS_HEALTH_CHECK": "1"}) as service:
        yield service


@pytest.fixture
def http(here: Service) -> Iterator[httpx.Client]:
    with here.client() as client:
        until(lambda: is_online(client), 60, "a target that is online")
        yield client


def is_online(http: httpx.Client) -> bool:
    found = http.get("/targets", headers={"Accept": "application/json"}).json()
    return [item["status"] for item in found] == ["online"] * 2


def test_the_other_sites_target_is_described_as_it_is_there(
    http: httpx.Client, other: Other
) -> None:
    json = {"Accept": "application/json"}
    mine = http.get("/targets/site", headers=json).json()
    with other.service.client() as there:
        theirs = there.get("/targets/simulator", headers=json).json()
    assert mine["kind"] == "remote"
    for key in ("qubits", "features", "max_shots", "languages", "circuit_limits"):
        assert mine[key] == theirs[key]


def test_results_come_back_with_registers_seed_and_shots(http: httpx.Client, other: Other) -> None:
    circuits = [TWO_REGISTERS, BELL2]
    job = create(http, circuits, SHOTS=50, SEED=1, MEMORY="true", PHASE="RUN")
    assert wait(http, job) == "COMPLETED"
    first, second = http.get(f"{job}/results/counts").json()["circuits"]
    assert first["counts"] == {"0 01": 50}
    assert [item["name"] for item in first["registers"]] == ["a", "b"]
    with other.service.client() as there:
        direct = create(there, circuits, SHOTS=50, SEED=1, PHASE="RUN")
        wait(there, direct)
        same = there.get(f"{direct}/results/counts").json()["circuits"][1]
    assert second["counts"] == same["counts"]
    shots = http.get(f"{job}/results/memory").json()["circuits"][1]["memory"]
    assert len(shots) == 50
    assert other.phases(job) == ["COMPLETED"]


def test_one_circuit_with_values_goes_there_as_it_is(http: httpx.Client, other: Other) -> None:
    circuit = (
        'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit[2] q; bit[2] c;'
        " rx(a) q[0]; rx(2*a) q[1]; c = measure q;"
    )
    table = "a\n0\n3.141592653589793\n1.5707963267948966\n"
    job = create(http, circuit, BINDINGS=table, SHOTS=50, SEED=1, PHASE="RUN")
    assert wait(http, job) == "COMPLETED", story(job_json(http, job))
    found = [item["counts"] for item in http.get(f"{job}/results/counts").json()["circuits"]]
    assert found[:2] == [{"00": 50}, {"01": 50}]
    assert found[2].keys() == {"10", "11"}
    (there,) = other.jobs(job)
    with other.service.client() as theirs:
        assert theirs.get(f"/jobs/{there['id']}/parameters/CIRCUIT").text == circuit
        assert theirs.get(f"/jobs/{there['id']}/parameters/BINDINGS").json() == {
            "a": [0, 3.141592653589793, 1.5707963267948966]
        }


def test_a_circuit_that_fails_there_is_told_of_here(http: httpx.Client) -> None:
    circuit = (
        'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit q; bit c;'
        " rx(3.141592653589793 / a) q; c = measure q;"
    )
    asked = {"BINDINGS": "a\n1\n0\n2\n", "SHOTS": 50, "PHASE": "RUN"}
    stopped = create(http, circuit, **asked)
    job = create(http, circuit, **asked, ON_ERROR="continue")
    assert wait(http, job) == "COMPLETED", story(job_json(http, job))
    one = http.get(f"{job}/circuits/1", headers={"Accept": "application/json"}).json()
    assert one["status"] == "failed"
    assert "an angle has no value" in one["message"]
    found = http.get(f"{job}/results/counts").json()["circuits"]
    assert found[0]["counts"] == {"1": 50}
    assert [item.get("missing") is None for item in found] == [True, False, True]
    assert wait(http, stopped) == "ERROR"
    told = job_json(http, stopped)
    assert "an angle has no value" in told["errors"][0]["message"]
    (versions,) = [item["message"] for item in told["timeline"] if item["status"] == "versions"]
    assert "quws 0.1.0" in versions


def test_circuits_are_compiled_there(http: httpx.Client, other: Other) -> None:
    job = create(http, [BELL2, TWO_REGISTERS], KIND="compile", TARGET="chip", PHASE="RUN")
    assert wait(http, job) == "COMPLETED", story(job_json(http, job))
    with other.service.client() as theirs:
        (there,) = other.jobs(job)
        for index in range(2):
            text = http.get(f"{job}/results/circuit-{index}").text
            assert text.startswith("OPENQASM 3")
            assert text == theirs.get(f"/jobs/{there['id']}/results/circuit-{index}").text
            found = http.get(f"{job}/results/compilation-{index}").json()["compilation"]
            known = theirs.get(f"/jobs/{there['id']}/results/compilation-{index}").json()
            assert found == known["compilation"]


def test_single_circuits_are_aborted_there(http: httpx.Client, other: Other) -> None:
    job = create(http, [slow(22, 60), BELL2, BELL2], SHOTS=10, PHASE="RUN")
    until(lambda: other.phases(job) == ["EXECUTING"], 30, "a job that runs there")
    answer = http.post(f"{job}/circuits", data={"ACTION": "ABORT", "INDEX": "1"})
    assert answer.status_code == 303
    (there,) = other.jobs(job)
    with other.service.client(headers=JSON) as theirs:
        place = f"/jobs/{there['id']}/circuits/1"
        until(
            lambda: theirs.get(place).json()["status"] == "aborted", 30, "a circuit aborted there"
        )
    assert wait(http, job, seconds=90) == "COMPLETED", story(job_json(http, job))
    found = http.get(f"{job}/results/counts").json()["circuits"]
    assert found[1]["missing"].startswith("aborted")
    assert sum(found[2]["counts"].values()) == 10
    told = job_json(http, job)
    assert (told["attempt"], told["circuits_aborted"]) == (1, 1)
    assert other.phases(job) == ["COMPLETED"]


def test_a_worker_killed_here_leaves_one_job_there(
    http: httpx.Client, here: Service, other: Other
) -> None:
    job = create(http, slow(22, 60), SHOTS=10, PHASE="RUN")
    until(lambda: other.phases(job) == ["EXECUTING"], 30, "a job that runs there")
    worker = worker_of(here, "site")
    worker.kill()
    worker.wait(10)
    assert wait(http, job, seconds=90) == "COMPLETED"
    assert other.phases(job) == ["COMPLETED"]


def test_everything_killed_there_still_ends_well_and_once(http: httpx.Client, other: Other) -> None:
    job = create(http, slow(22, 60), SHOTS=10, PHASE="RUN")
    until(lambda: other.phases(job) == ["EXECUTING"], 30, "a job that runs there")
    other.kill()
    until(lambda: "does not answer" in (job_json(http, job)["status"] or ""), 30, "a word about it")
    other.start()
    assert wait(http, job, seconds=90) == "COMPLETED"
    assert other.phases(job) == ["COMPLETED"]
    told = job_json(http, job)
    assert told["attempt"] == 1, story(told)


def test_abort_here_aborts_there(http: httpx.Client, other: Other) -> None:
    job = create(http, slow(24, 400), PHASE="RUN")
    until(lambda: other.phases(job) == ["EXECUTING"], 30, "a job that runs there")
    http.post(f"{job}/phase", data={"PHASE": "ABORT"})
    until(lambda: other.phases(job) == ["ABORTED"], 30, "a job that is aborted there")


def test_the_other_sites_target_passes_the_conformance_circuits(
    http: httpx.Client, here: Service
) -> None:
    environment = here.environment | {"QUWS_DATA": str(here.folder)}
    done = run(environment, "targets", "check", "site", "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed   A job that is cancelled" in done.stdout
    assert "passed   A job that is found again after a crash" in done.stdout
    found = http.get("/targets/site", headers={"Accept": "application/json"}).json()
    assert found["conformance_time"]


def test_one_that_takes_no_work_is_not_checked_now(
    http: httpx.Client, here: Service, other: Other
) -> None:
    def status() -> str:
        with other.service.client(headers=JSON) as there:
            return str(there.get("/targets/chip").json()["status"])

    quws(other.service, "targets", "set", "chip", "offline", "--message", "it is being cooled")
    until(lambda: status() == "offline", 10, "a target that is offline there")
    environment = here.environment | {"QUWS_DATA": str(here.folder)}
    done = run(environment, "targets", "check", "chip", "--quick")
    assert done.returncode == 1
    assert "target chip is offline: it is being cooled; check it when it takes work" in done.stderr
    quws(other.service, "targets", "set", "chip", "online")
    until(lambda: status() == "online", 10, "a target that is back there")
