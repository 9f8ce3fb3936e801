"""Adapters of vendors' packages, pointed at another quws: hardware's path without hardware."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from answers import expect
from between import Between
from circuits import BELL3
from clients import python_with_extras, walk
from commands import quws
from elsewhere import worker_of
from harness import Service, add_users, embedded, free_port, kill_tree, start_embedded, stop, until
from uws import create, job_json, story, wait

JSON = {"Accept": "application/json"}
HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '
CROSSED = (
    HEAD + "qubit[4] q; bit[2] a; bit[3] b; x q[3]; x q[1]; a[1] = measure q[1];"
    " b[0] = measure q[3]; b[2] = measure q[0];"
)
"""Register, bit and qubit differ; a bit of each register is not measured."""
FED = (
    HEAD + "qubit[3] q; bit[1] a; bit[2] b; h q[0]; a[0] = measure q[0];"
    " if (a[0]) { x q[1]; } else { x q[2]; } b[0] = measure q[1]; b[1] = measure q[2];"
)
SLOW = HEAD + "qubit[1] q; bit[1] c; x q[0]; delay[1s] q[0]; c = measure q;"
"""A second for each shot, on a device with a clock."""
THERE = """
[qpu]
adapter = "emulator"
options = { device = "bluebell-5", drift = 0.0, noise = "none", repetition_delay = 0.0 }
"""
LATER = ("ConnectionError", "Busy")
WHEN_SPOILED = {
    "401": LATER,
    "402": "InvalidParameter",
    "403": LATER,
    "408": "Doubt",
    "429": LATER,
    "502": "Doubt",
    "503": LATER,
    "520": "Doubt",
    "200": "Doubt",
}
"""What becomes of a submission that is answered so by whatever stands before a service."""
IBM = "/ibm/experimental/api/v1"
"""Where the door of IBM's clients is."""
ADAPTERS = ["iqm", "qrmi", "ibm"]
pytestmark = [pytest.mark.real_clients, pytest.mark.timeout(400)]


class Other:
    """The other site, which can be killed and started again at the same place."""

    def __init__(self, folder: Path) -> None:
        (folder / "targets.toml").write_text(THERE)
        self.folder, self.port = folder, free_port()
        self.start()
        add_users(self.service, "ella", operator="root@lab")
        self.token = quws(self.service, "token", "create", "ella", "--label", "x").split()[-1]

    def start(self) -> None:
        settings = {"QUWS_AUTH": "users", "QUWS_HEALTH_CHECK": "1"}
        self.service: Service = start_embedded(self.folder, settings, port=self.port)

    def kill(self) -> None:
        kill_tree(self.service.processes[0])

    def client(self) -> httpx.Client:
        return self.service.client(headers=JSON | {"Authorization": f"Bearer {self.token}"})

    def phases(self) -> list[str]:
        """The phases of all jobs there, the newest first."""
        with self.client() as http:
            return [item["phase"] for item in http.get("/jobs").json()]

    def ids(self, **wanted: str) -> list[str]:
        """The ids of jobs there, the newest first."""
        with self.client() as http:
            return [item["id"] for item in http.get("/jobs", params=wanted).json()]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Other]:
    running = Other(tmp_path_factory.mktemp("other"))
    yield running
    stop(running.service)


@pytest.fixture(scope="module")
def between(other: Other) -> Iterator[Between]:
    """The way to the other site for the target ibm."""
    running = Between(f"http://127.0.0.1:{other.port}")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def here(
    other: Other, between: Between, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("here")
    url = f"http://127.0.0.1:{other.port}"
    common = f'interpreter = "{python_with_extras()}"\nconformance = "none"\n'
    token = '{ environment = "LAB_TOKEN" }'
    (folder / "targets.toml").write_text(
        f"""
        [iqm]
        adapter = "iqm"
        {common}
        options.url = "{url}"
        secrets.token = {token}

        [qrmi]
        adapter = "qrmi"
        {common}
        options.resource = "qpu"
        options.type = "iqm-server"
        options.settings.QRMI_IQM_ISA_ENDPOINT = "{url}"
        secrets."settings.QRMI_IQM_ISA_TOKEN" = {token}

        [ibm]
        adapter = "qrmi"
        {common}
        options.resource = "qpu"
        options.type = "ibm-quantum-compute-service"
        options.settings.QRMI_IBM_QCS_ENDPOINT = "{between.url}{IBM}"
        options.settings.QRMI_IBM_QCS_IAM_ENDPOINT = "{between.url}{IBM}"
        options.settings.QRMI_IBM_QCS_SERVICE_CRN = "crn:v1:quws:public:x:y:a/b:c::"
        secrets."settings.QRMI_IBM_QCS_IAM_APIKEY" = {token}
        """
    )
    settings = {"QUWS_HEALTH_CHECK": "1", "LAB_TOKEN": other.token}
    with embedded(folder, settings) as service:
        yield service


@pytest.fixture
def http(here: Service) -> Iterator[httpx.Client]:
    with here.client() as client:
        for name in ADAPTERS:
            until(lambda name=name: status(client, name) == "online", 90, f"{name} that is online")
        yield client


def target(http: httpx.Client, name: str) -> dict[str, Any]:
    found = http.get("/targets", headers=JSON).json()
    return next((item for item in found if item["name"] == name), {})


def status(http: httpx.Client, name: str) -> str | None:
    return target(http, name).get("status")


def counts(http: httpx.Client, job: str) -> list[dict[str, int]]:
    assert wait(http, job) == "COMPLETED", story(job_json(http, job))
    return [item["counts"] for item in http.get(f"{job}/results/counts").json()["circuits"]]


def wait_for_status(http: httpx.Client, job: str, part: str) -> None:
    """Wait until a job says of itself that it is so."""
    until(lambda: part in (job_json(http, job)["status"] or ""), 30, f"a job that says '{part}'")


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_circuits_run_there_as_they_do_here(http: httpx.Client, adapter: str) -> None:
    shots = 400
    job = create(
        http, [CROSSED, BELL3, FED], TARGET=adapter, SHOTS=shots, MEMORY="true", PHASE="RUN"
    )
    crossed, bell, fed = counts(http, job)
    assert crossed == {"001 10": shots}
    # Of a fair coin; a hundred away from the middle is ten standard deviations.
    assert bell.keys() == {"00", "11"} and 100 < bell["00"] < 300
    assert fed.keys() == {"10 0", "01 1"} and 100 < fed["10 0"] < 300
    memory = http.get(f"{job}/results/memory").json()["circuits"][1]["memory"]
    assert Counter(memory) == bell
    found = job_json(http, job)
    said = story(found)
    assert found["calibration_id"]
    assert "at the other side" in said
    # Without the shots they come as counts.
    job = create(http, [CROSSED, FED], TARGET=adapter, SHOTS=shots, PHASE="RUN")
    crossed, fed = counts(http, job)
    assert crossed == {"001 10": shots}
    assert fed.keys() == {"10 0", "01 1"}


def test_what_waits_or_runs_there_is_cancelled_there(http: httpx.Client, other: Other) -> None:
    begun = len(other.phases())
    running = create(http, SLOW, TARGET="iqm", SHOTS=100, PHASE="RUN")
    wait_for_status(http, running, "running at the other side")
    waiting = [create(http, SLOW, TARGET=name, SHOTS=100, PHASE="RUN") for name in ADAPTERS]
    wait_for_status(http, waiting[0], "queued at the other side, ")
    until(lambda: len(other.phases()) == begun + 1 + len(waiting), 30, "jobs that are there")
    for job in (*waiting, running):
        http.post(f"{job}/phase", data={"PHASE": "ABORT"})
    gone = ["ABORTED"] * (1 + len(waiting))
    until(lambda: other.phases()[: len(gone)] == gone, 30, "jobs that are cancelled there")


def test_whoever_dies_in_the_middle_each_job_runs_once(
    http: httpx.Client, here: Service, other: Other, between: Between
) -> None:
    """Of two jobs the id there is known here by then, the third one is on its way."""
    before = len(other.phases())
    between.keep_back("/jobs")
    jobs = [create(http, SLOW, TARGET=name, SHOTS=4, PHASE="RUN") for name in ADAPTERS]
    until(lambda: len(other.phases()) == before + len(jobs), 30, "jobs that are there")
    until(lambda: "EXECUTING" in other.phases(), 30, "one that runs there")
    assert between.kept.wait(30)
    other.kill()
    for job in jobs[:2]:
        wait_for_status(http, job, "does not answer")
    for name in ADAPTERS:
        worker = worker_of(here, name)
        worker.kill()
        worker.wait(10)
    between.lose()
    other.start()
    for job in jobs:
        assert counts(http, job) == [{"1": 4}]
        assert job_json(http, job)["attempt"] == 2
    assert len(other.phases()) == before + len(jobs)


def test_what_goes_wrong_on_the_way(other: Other) -> None:
    told = walk(python_with_extras(), "adapters_walk.py", other.service.url, other.token)
    said = {"superstaq": "Not authorized"}
    for adapter in (*ADAPTERS, "superstaq"):
        found = told[adapter]
        assert found["bad token"][0] == "ConnectionError", "an operator may mend it"
        assert said.get(adapter, "these credentials are wrong") in found["bad token"][1]
        # It has arrived, and nobody was told.
        assert found["answer lost"][0] == "Doubt"
        assert found["unknown"][0] == "Gone"
        assert found["refused"][0] == "InvalidParameter"
        assert "does not take the job: " in found["refused"][1]
        assert "at most 100000" in found["refused"][1]
        assert found["nobody there"][0] == found["nobody there to look"][0] == "ConnectionError"
        for name, (sent, looked) in found["spoiled"].items():
            here = f"{adapter}, {name}"
            assert sent[0].startswith(WHEN_SPOILED[name.partition(" ")[0]]), here
            # Whatever stands before a service says nothing of a job that is there.
            assert looked[0].startswith(LATER), here
            if adapter in ("iqm", "superstaq"):
                # QRMI tells no headers.
                assert looked[0] == ("ConnectionError" if name.startswith("200") else "Busy 9"), (
                    here
                )
    assert {*told["token file"]} == {"none", "over", "new"}
    assert all(kind == "ConnectionError" for kind, _ in told["token file"].values())
    assert "there is no valid token" in told["token file"]["over"][1]
    assert "these credentials are wrong" in told["token file"]["new"][1], "it is read again"
    by_superstaq, by_ibm, by_qrmi, by_iqm = other.ids()[:4]
    for adapter, job in (("ibm", by_ibm), ("superstaq", by_superstaq)):
        assert told[adapter]["looked for"] == ["nothing", job]
        assert told[adapter]["never sent"] == ["nothing", "None"]
    for adapter, job in (("iqm", by_iqm), ("qrmi", by_qrmi)):
        # It is not sent again; people find it by its tag.
        doubt, why = told[adapter]["looked for"]
        assert doubt == "Doubt"
        assert other.ids(TAG=why.rpartition(" ")[2]) == [job]
    assert "no answer within" in told["hangs"]["told"][1] and told["hangs"]["in time"]
    assert told["star"] == ["move", "cz", "move"]


# Last: the other site's target does not come back.
def test_why_it_failed_there_is_said_here(http: httpx.Client, other: Other) -> None:
    jobs = [create(http, SLOW, TARGET="iqm", SHOTS=100, PHASE="RUN")]
    wait_for_status(http, jobs[0], "running at the other side")
    jobs += [create(http, SLOW, TARGET=name, SHOTS=100, PHASE="RUN") for name in ADAPTERS]
    for job in jobs[1:]:
        wait_for_status(http, job, "queued at the other side")
    with other.service.client(auth=("root@lab", "root@lab-password")) as operator:
        expect(operator.post("/targets/qpu", data={"STATUS": "retired"}), 303)
    for name, job in zip(ADAPTERS, jobs[1:], strict=True):
        assert wait(http, job) == "ERROR"
        (error,) = job_json(http, job)["errors"]
        assert error["code"] == "remote_failed", error
        # QRMI tells no reason of IQM's, but what happened.
        assert ("created" if name == "qrmi" else "retired") in error["message"]
    http.post(f"{jobs[0]}/phase", data={"PHASE": "ABORT"})
