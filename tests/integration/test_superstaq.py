"""Superstaq's clients against the service, and the service as a client of such a one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cirq_writing
import httpx
import pytest
from answers import expect
from between import Between
from circuits import BELL2, slow
from clients import python_with, python_with_extras, walk
from commands import quws
from elsewhere import worker_of
from harness import Service, add_users, embedded, free_port, kill_tree, start_embedded, stop, until
from qiskit.quantum_info import Operator
from uws import create, job_json, story, wait

from quws.circuits.formats.cirq_writing import circuit_json

CLIENTS = ("cirq-superstaq==0.5.70", "qiskit-superstaq==0.5.70")
JSON = {"Accept": "application/json"}
TARGETS = """
[simulator]
adapter = "simulator"
options = { qubits = 26, threads = 1 }

[qpu]
adapter = "emulator"
options = { device = "bluebell-5", noise = "none", speed = 1000, overhead = 0 }
"""


SETTINGS = {"QUWS_AUTH": "users", "QUWS_SLOTS": "1", "QUWS_SHORT_SLOTS": "0"}


class There:
    """The service, which can be killed and started again at the same place."""

    def __init__(self, folder: Path) -> None:
        (folder / "targets.toml").write_text(TARGETS)
        self.folder, self.port = folder, free_port()
        self.start()
        add_users(self.service, "ella", operator="root@lab")
        with self.client() as http:
            until(lambda: online(http) == ["online"] * 2, 60, "targets that are online")

    def start(self) -> None:
        self.service: Service = start_embedded(self.folder, SETTINGS, port=self.port)

    @property
    def url(self) -> str:
        return self.service.url

    def client(self) -> httpx.Client:
        return self.service.client(auth=("ella", "ella-password"), headers=JSON)

    def phases(self, job: str) -> list[str]:
        """The phases of what came of a job of ours."""
        with self.client() as http:
            listed = http.get("/jobs", params={"TAG": job.rsplit("/", 1)[1]}).json()
        return [item["phase"] for item in listed]


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    """A service that speaks Superstaq's protocol, with a simulator and a device."""
    running = There(tmp_path_factory.mktemp("there"))
    yield running
    stop(running.service)


def online(http: Any) -> list[str]:
    found = http.get("/targets", headers={"Accept": "application/json"}).json()
    return [item["status"] for item in found if item["checked"]]


@pytest.fixture(scope="module")
def token(there: There) -> str:
    """A token of ella."""
    return quws(there.service, "token", "create", "ella", "--label", "doors").split()[-1]


@pytest.mark.real_clients
@pytest.mark.parametrize("version", ["v0.3.0", "v0.2.0"])
def test_cirq_superstaq(there: There, token: str, version: str) -> None:
    old = version == "v0.2.0"
    python = python_with(*CLIENTS)
    told = walk(python, "superstaq_walk.py", version, "cirq", there.url, token)
    # The key 1 comes before b, and q(0) before q(10): bit 0 of each key first.
    first, second, third = told["counts"]
    assert first == {"010": 50}
    assert set(second) == {"00", "11"} and sum(second.values()) == 50
    assert third == {"0010": 50}
    assert told["all"] and told["inputs"] and told["one"]
    assert (told["status"], told["qubits"]) == ("Done" if old else "completed", [3, 2, 4])
    assert (told["repetitions"], told["target"]) == (50, "quws_simulator_simulator")
    assert told["sampled"] == {"1b": [[0, 1, 0]] * 3}
    if not old:
        assert (told["tags"], told["metadata"]) == (["a", "b"], {"run": 7})
    assert told["targets"] == ["quws_qpu_qpu", "quws_simulator_simulator"]
    assert told["simulators"] == ["quws_simulator_simulator"]
    assert (told["info"]["num_qubits"], told["info"]["native_gate_set"]) == (5, ["r", "cz"])
    assert (told["balance"], told["user"]) == ("0.00 credits", "ella@example.com")

    assert "Not authorized" in told["bad token"][1]
    assert "there is no job" in told["unknown"][1]
    assert "there is no target 'quws_nothing_qpu'" in told["no target"][1]
    assert "SHOTS must be at most" in told["too many"][1]
    assert "ZZSwapGate" in told["no gate"][1]
    assert "target simulator does not compile alone" in told["not compiled"][1]
    assert "there is no target 'aqt_keysight_qpu'" in told["not theirs"][1]

    assert told["compiled"] == {"B": [1], "a c": [1, 1]}
    assert told["gates"] == ["CZPowGate", "MeasurementGate", "PhasedXPowGate"]
    assert told["alone"] and told["final"]
    assert told["initial"] == ["q(0, 0)", "q(0, 1)", "q(0, 2)"]
    assert told["device"] == ["111", "01"]
    assert told["ran"] == [True, True]

    words = ["Running", "Queued", "Canceled"]
    if not old:
        words = ["running", "awaiting_compile", "cancelled"]
    assert [told["running"], told["waiting"]] == words[:2]
    assert told["cancelled"] == [words[2]] * 2
    if old:
        assert (told["one"], told["whole"]) == (["Queued", "Canceled"], "Queued")
        assert "Canceled" in told["no counts"][1]
    assert "ABORT needs a job that is not over" in told["again"][1]

    later = walk(python, "superstaq_walk.py", version, "again", there.url, token, told["id"])
    assert later == {"counts": told["counts"], "inputs": True}


@pytest.mark.real_clients
def test_cirq_reads_what_is_written_for_it(tmp_path: Path) -> None:
    """Each gate, its matrix and what is counted, by Cirq itself."""
    written = [
        {"text": circuit_json(circuit), "matrix": as_json(Operator(circuit))}
        for circuit in cirq_writing.gates()
    ]
    counted = [
        {"text": circuit_json(circuit, keys), "counts": counts}
        for circuit, keys, counts in cirq_writing.counted()
    ]
    file = tmp_path / "circuits.json"
    file.write_text(json.dumps({"written": written, "counted": counted}))
    told = walk(python_with(*CLIENTS), "cirq_reading.py", str(file))
    assert told == {"matrices": len(written), "counts": [item["counts"] for item in counted]}
    assert len(written) > 30


def as_json(operator: Operator) -> list[list[list[float]]]:
    """Write a matrix as Cirq has it, whose first qubit is the highest bit of an index."""
    matrix = operator.reverse_qargs().data
    return [[[item.real, item.imag] for item in row] for row in matrix.tolist()]


CROSSED = (
    'OPENQASM 3.0; include "stdgates.inc"; qubit[4] q; bit[2] a; bit[3] b; x q[3]; x q[1];'
    " a[1] = measure q[1]; b[0] = measure q[3]; b[2] = measure q[0];"
)
"""Register, bit and qubit differ; a bit of each register is not measured."""


@pytest.fixture(scope="module")
def between(there: There) -> Iterator[Between]:
    """The way from here to there."""
    running = Between(there.url)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def here(
    between: Between, token: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service whose target is the other one's simulator, by Superstaq's own client."""
    folder = tmp_path_factory.mktemp("here")
    (folder / "targets.toml").write_text(
        f'[far]\nadapter = "superstaq"\ninterpreter = "{python_with_extras()}"\n'
        f'options = {{ url = "{between.url}", target = "quws_simulator_simulator" }}\n'
        'secrets.token = { environment = "FAR_TOKEN" }\n'
    )
    with embedded(folder, {"QUWS_HEALTH_CHECK": "1", "FAR_TOKEN": token}) as service:
        yield service


@pytest.mark.real_clients
@pytest.mark.timeout(400)
def test_jobs_run_at_such_a_service_by_the_vendors_client(
    here: Service, there: There, between: Between
) -> None:
    with here.client() as http:
        until(lambda: online(http) == ["online"], 90, "a target that has passed its circuits")
        _as_they_do_here(http, there)
        _cancelled(http, there)
        _once(http, here, there, between)
        _told_why(http, there)


def says(http: httpx.Client, job: str, part: str) -> None:
    until(lambda: part in (job_json(http, job)["status"] or ""), 90, f"a job that says '{part}'")


def _as_they_do_here(http: httpx.Client, there: There) -> None:
    job = create(http, [CROSSED, BELL2, CROSSED], TARGET="far", SHOTS=400, PHASE="RUN")
    assert wait(http, job) == "COMPLETED", story(job_json(http, job))
    found = http.get(f"{job}/results/counts").json()["circuits"]
    assert found[0]["counts"] == found[2]["counts"] == {"001 10": 400}
    assert [item["name"] for item in found[0]["registers"]] == ["a", "b"]
    # Of a fair coin; a hundred away from the middle is ten standard deviations.
    bell = found[1]["counts"]
    assert bell.keys() == {"00", "11"} and 100 < bell["00"] < 300
    assert there.phases(job) == ["COMPLETED"]


def _cancelled(http: httpx.Client, there: There) -> None:
    running = create(http, slow(24, 400), TARGET="far", PHASE="RUN")
    says(http, running, "running at the other side")
    waiting = create(http, BELL2, TARGET="far", PHASE="RUN")
    says(http, waiting, "queued at the other side")
    for job in (waiting, running):
        http.post(f"{job}/phase", data={"PHASE": "ABORT"})
    for job in (waiting, running):
        until(lambda job=job: there.phases(job) == ["ABORTED"], 30, "a job that is cancelled")


def _once(http: httpx.Client, here: Service, there: There, between: Between) -> None:
    """Whoever dies in the middle, of handing it over too."""
    between.keep_back("/client/job")
    job = create(http, slow(22, 60), TARGET="far", SHOTS=10, PHASE="RUN")
    assert between.kept.wait(60)
    kill_tree(there.service.processes[0])
    worker = worker_of(here, "far")
    worker.kill()
    worker.wait(10)
    between.lose()
    there.start()
    assert wait(http, job, seconds=120) == "COMPLETED", story(job_json(http, job))
    (found,) = http.get(f"{job}/results/counts").json()["circuits"]
    assert sum(found["counts"].values()) == 10 and len(next(iter(found["counts"]))) == 22
    assert job_json(http, job)["attempt"] == 2
    assert there.phases(job) == ["COMPLETED"]


def _told_why(http: httpx.Client, there: There) -> None:
    """At last it does not come back, and then nobody may come in."""
    running = create(http, slow(24, 400), TARGET="far", PHASE="RUN")
    says(http, running, "running at the other side")
    waiting = create(http, BELL2, TARGET="far", PHASE="RUN")
    says(http, waiting, "queued at the other side")
    with there.service.client(auth=("root@lab", "root@lab-password")) as operator:
        expect(operator.post("/targets/simulator", data={"STATUS": "retired"}), 303)
    assert wait(http, waiting) == "ERROR"
    (error,) = job_json(http, waiting)["errors"]
    assert error["code"] == "remote_failed" and "retired" in error["message"]
    quws(there.service, "token", "revoke", "ella", "doors")
    says(http, running, "Not authorized")
