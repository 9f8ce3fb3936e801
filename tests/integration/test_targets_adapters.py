"""Targets of several kinds in one service: an emulated device with a clock, any Qiskit backend,
a third party's adapter, and environments that exclude each other.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from commands import run
from harness import Postgres, Service, base_environment, cluster, embedded, until

ROOT = Path(__file__).parents[2]
HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '
# Register, bit and qubit differ.
ASYMMETRIC = {
    HEAD + "qubit[4] q; bit[2] a; bit[3] b; x q[3]; x q[1]; a[1] = measure q[1];"
    " b[0] = measure q[3]; b[2] = measure q[0];": "001 10",
    HEAD + "qubit[3] q; bit[70] c; x q[2]; c[69] = measure q[2]; c[1] = measure q[0];": "1"
    + "0" * 69,
}
# Making an environment and starting five processes takes its time on a busy machine.
pytestmark = pytest.mark.timeout(300)

OLDER = "qiskit>=2.1,<2.2"
"""What IQM's client wants, while others want a newer one."""


def uv(*arguments: str | Path) -> None:
    program = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, f"uv {arguments} failed:\n{done.stderr[-2000:]}"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The adapter that docs/operate/targets.md shows, as it stands there."""
    text = (ROOT / "docs/operate/targets.md").read_text()
    blocks = re.findall(r"```(toml|python)\n(.*?)```", text, flags=re.DOTALL)
    project = next(body for kind, body in blocks if kind == "toml" and "[project]" in body)
    module = next(body for kind, body in blocks if kind == "python")
    assert len(module.splitlines()) < 60
    folder = tmp_path_factory.mktemp("quws-vector")
    (folder / "pyproject.toml").write_text(project)
    (folder / "quws_vector.py").write_text(module)
    return folder


@pytest.fixture(scope="module")
def elsewhere(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that ours excludes: with another version of Qiskit."""
    folder = tmp_path_factory.mktemp("environment") / "env"
    python = folder / "bin" / "python"
    uv("venv", "--python", sys.executable, folder)
    # quws resolves there by the lower bounds of its own.
    uv("pip", "install", "--python", python, "-e", ROOT, OLDER)
    uv("pip", "install", "--python", python, "--no-deps", package)
    return python


@pytest.fixture(scope="module")
def back() -> datetime:
    """When the device, which calibrates itself first, will be back."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=30)


@pytest.fixture(scope="module")
def site(
    package: Path, elsewhere: Path, back: datetime, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("site")
    uv("pip", "install", "--no-deps", "--target", folder / "packages", package)
    (folder / "targets.toml").write_text(
        f"""
        [qpu]
        adapter = "emulator"
        secrets.device = {{ environment = "LAB_DEVICE" }}
        schedule = [
            {{ status = "calibrating", from = 2026-01-01T00:00:00Z, until = {back.isoformat()} }},
        ]

        [here]
        adapter = "vector"

        [there]
        adapter = "vector"
        interpreter = "{elsewhere}"
        limits = {{ shots = 500, qubits = 4 }}

        [counts]
        adapter = "qiskit"
        options = {{ backend = "backends:NoMemory", memory = false }}
        """
    )
    path = f"{folder / 'packages'}:{ROOT / 'tests'}"
    with embedded(folder, {"PYTHONPATH": path, "LAB_DEVICE": "bluebell-5"}) as running:
        with running.client() as http:
            names = {"qpu", "here", "there", "counts"}
            until(lambda: names <= set(checked(http)), 200, "a report of each target")
        yield running


@pytest.fixture
def http(site: Service) -> Iterator[httpx.Client]:
    with site.client(headers={"Accept": "application/json"}) as client:
        yield client


def checked(http: httpx.Client) -> dict[str, Any]:
    """The targets that were checked, by name."""
    found = http.get("/targets", headers={"Accept": "application/json"}).json()
    listed = found["targets"] if isinstance(found, dict) else found
    return {item["name"]: item for item in listed if item["conformance"] is not None}


def post(http: httpx.Client, target: str, *circuits: str, **parameters: Any) -> httpx.Response:
    return http.post(
        "/jobs",
        data={"TARGET": target, "PHASE": "RUN", "CIRCUIT": list(circuits)} | parameters,
    )


def submit(http: httpx.Client, target: str, *circuits: str, **parameters: Any) -> str:
    answer = post(http, target, *circuits, **parameters)
    assert answer.status_code in (201, 303), answer.text
    return str(answer.headers["Location"])


def done(http: httpx.Client, job: str, seconds: float = 100) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        found: dict[str, Any] = http.get(job, params={"WAIT": "10"}).json()
        return found if found["phase"] in ("COMPLETED", "ERROR", "ABORTED") else None

    found: dict[str, Any] = until(over, seconds, f"the end of {job}")
    assert found["phase"] == "COMPLETED", found["errors"]
    return found


def counts(http: httpx.Client, job: str) -> list[dict[str, Any]]:
    answer = http.get(f"{job}/results/counts", follow_redirects=True)
    found: list[dict[str, Any]] = answer.json()["circuits"]
    return found


def command(site: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = site.environment | {"QUWS_DATA": str(site.folder)}
    del environment["LAB_DEVICE"]  # What a copy could not have, and no command needs.
    return run(environment, *arguments)


@pytest.fixture(scope="module")
def early(site: Service, back: datetime) -> str:
    """A job for the device, which calibrates itself: that is how it waits."""
    return early_for(site, back)


def early_for(service: Service, back: datetime) -> str:
    with service.client(headers={"Accept": "application/json"}) as http:
        job = submit(http, "qpu", next(iter(ASYMMETRIC)), SHOTS=10)
        found = http.get(job).json()
        if datetime.now(UTC) < back:
            assert found["phase"] == "QUEUED"
            assert "target qpu is calibrating" in found["status"]
    return job


@pytest.mark.usefixtures("early")
def test_environments_that_exclude_each_other_serve_side_by_side(http: httpx.Client) -> None:
    circuit = next(iter(ASYMMETRIC))
    jobs = [submit(http, target, circuit, SHOTS=10) for target in ("here", "there")]
    engines = []
    for job in jobs:
        done(http, job)
        engines.append(counts(http, job)[0]["engine"])
    assert engines[1].startswith("qiskit 2.1.")
    assert engines[0] != engines[1]


def test_what_a_target_does_not_do_is_refused_before_it_is_asked(http: httpx.Client) -> None:
    circuit = next(iter(ASYMMETRIC))
    for parameters, target, sentence in (
        ({"MEMORY": "true"}, "counts", "MEMORY must be false on target counts"),
        ({"SHOTS": "501"}, "there", "SHOTS must be at most 500"),
        ({"SEED": "1"}, "nowhere", "there is no target 'nowhere'"),
    ):
        answer = post(http, target, circuit, **parameters)
        assert answer.status_code == 403, answer.text
        assert sentence in answer.json()["detail"]
    middle = HEAD + "qubit q; bit[2] c; c[0] = measure q; x q; c[1] = measure q;"
    answer = post(http, "here", middle)
    assert answer.status_code == 403
    assert "mid-circuit measurement, which target here does not do" in answer.json()["detail"]


def test_a_target_is_offered_when_it_has_passed(site: Service, http: httpx.Client) -> None:
    found = checked(http)
    for name in ("qpu", "here", "there", "counts"):
        outcomes = {item["name"]: item["outcome"] for item in found[name]["conformance"]["checks"]}
        assert "failed" not in outcomes.values(), (name, outcomes)
        assert outcomes["flips"] == outcomes["registers"] == outcomes["cancel"] == "passed"
        assert found[name]["conformance_time"]
    skipped = {
        item["name"]: item["message"]
        for item in found["here"]["conformance"]["checks"]
        if item["outcome"] == "skipped"
    }
    assert skipped["mid-circuit"] == "it does not claim mid-circuit measurement"
    assert "re-attach" in skipped
    unread = {item["name"]: item["message"] for item in found["counts"]["conformance"]["checks"]}
    assert unread["memory"] == "it does not claim memory"


def test_an_operator_checks_and_lists_targets(site: Service, http: httpx.Client) -> None:
    backend = "backend=backends:PrimitivesOnly"
    added = command(site, "targets", "add", "other", "--adapter", "qiskit", "--option", backend)
    assert added.returncode == 0, added.stderr
    failed = command(site, "targets", "check", "other", "--quick")
    assert failed.returncode == 1
    assert "only by primitives" in failed.stdout
    found = http.get("/targets/other").json()
    assert (found["status"], found["checked"]) == ("offline", None)
    assert found["message"] == "no worker has run for it yet"
    circuit = next(iter(ASYMMETRIC))
    # The API knows a target as it was up to a second ago.
    until(lambda: post(http, "other", circuit).status_code == 503, 5, "a target that is known")
    answer = post(http, "other", circuit)
    assert "has failed its conformance check" in answer.json()["detail"]
    assert "the operator must run 'quws targets check other'" in answer.json()["detail"]

    listed = command(site, "targets", "list").stdout
    assert "qpu: adapter emulator" in listed
    assert re.search(r"conformance: FAILED on \d{4}-\d\d-\d\d", listed)

    assert command(site, "targets", "set", "here", "maintenance").returncode == 0
    assert http.get("/targets/here").json()["status"] == "maintenance"
    assert command(site, "targets", "set", "here", "online").returncode == 0


def test_a_target_is_added_and_mistakes_are_named(tmp_path: Path) -> None:
    environment = base_environment({"QUWS_DATA": str(tmp_path)})
    added = run(
        environment,
        *("targets", "add", "qpu", "--adapter", "emulator"),
        *("--option", "device=heather-20", "--option", "overhead=0.5"),
    )
    assert added.returncode == 0, added.stderr
    text = (tmp_path / "targets.toml").read_text()
    assert text.startswith("[simulator]"), "the one that there was stays"
    assert 'options.device = "heather-20"\noptions.overhead = 0.5\n' in text
    wrong = run(
        environment, "targets", "add", "other", "--adapter", "emulator", "--option", "devise=x"
    )
    assert wrong.returncode == 1
    assert "has no option 'devise'" in wrong.stderr
    assert (tmp_path / "targets.toml").read_text() == text

    misspelt = text + "\n[lab]\nadapter = 'emulator'\noptions.devise = 'x'\n"
    (tmp_path / "targets.toml").write_text(misspelt)
    sentence = "the adapter 'emulator' has no option 'devise'; it has: device, seed, drift"
    for arguments in (("list",), ("check", "lab")):
        answer = run(environment, "targets", *arguments)
        assert answer.returncode == 1
        assert f"target lab: {sentence}" in answer.stderr
        assert "Traceback" not in answer.stderr
    assert sentence in run(environment, "doctor").stdout

    (tmp_path / "targets.toml").write_text(text + "\n[lab]\nadaptor = 'qiskit'\n")
    for arguments in (("serve", "--port", "1"), ("worker", "--target", "qpu")):
        answer = run(environment, *arguments)
        assert answer.returncode == 1
        assert (
            answer.stderr.strip().endswith(
                "targets.toml, table [lab], key 'adapter': it is missing"
            )
            or "key 'adaptor': there is no such key" in answer.stderr
        )
        assert "Traceback" not in answer.stderr


def test_secrets_reach_the_target_and_nobody_else(site: Service, http: httpx.Client) -> None:
    assert checked(http)["qpu"]["title"].startswith("Emulator of Bluebell")
    found = []
    for process in site.processes[0].family():
        line = process.cmdline()
        if "quws.sandbox.zygote" in line and "qpu" in line:
            found.append(process)
            assert not any("bluebell" in part for part in line)
            assert "LAB_DEVICE" not in process.environ()
    assert found
    assert "bluebell" not in site.log()


# -- the device, which is back by now, or soon will be; in both forms of the service -------


class Device(NamedTuple):
    """An emulated device: the service that has it, when it is back, and a job from before."""

    service: Service
    back: datetime
    early: str


@pytest.fixture(scope="module", params=("alone", "spread out"))
def device(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Device]:
    if request.param == "alone":
        yield Device(*(request.getfixturevalue(name) for name in ("site", "back", "early")))
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    folder = tmp_path_factory.mktemp("spread")
    back = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=20)
    targets = folder / "targets.toml"
    targets.write_text(
        f"""
        [qpu]
        adapter = "emulator"
        options = {{ device = "bluebell-5" }}
        schedule = [
            {{ status = "calibrating", from = 2026-01-01T00:00:00Z, until = {back.isoformat()} }},
        ]
        """
    )
    # The second of its workers stands by: a device is held by one at a time.
    settings = {"QUWS_TARGETS": str(targets)}
    database = postgres.migrated()
    with cluster(folder, database, settings, workers=0, others=("qpu", "qpu")) as running:
        with running.client() as http:
            until(lambda: "qpu" in checked(http), 100, "a report of the device")
        yield Device(running, back, early_for(running, back))


@pytest.fixture
def lab(device: Device) -> Iterator[httpx.Client]:
    with device.service.client(headers={"Accept": "application/json"}) as client:
        yield client


def test_a_device_that_calibrates_itself_takes_its_jobs_afterwards(
    lab: httpx.Client, device: Device
) -> None:
    assert datetime.fromisoformat(done(lab, device.early)["start_time"]) >= device.back


def test_a_device_in_maintenance_keeps_its_jobs_waiting(lab: httpx.Client, device: Device) -> None:
    def set_to(status: str) -> None:
        environment = device.service.environment | {"QUWS_DATA": str(device.service.folder)}
        environment.pop("LAB_DEVICE", None)
        assert run(environment, "targets", "set", "qpu", status).returncode == 0

    set_to("maintenance")
    try:
        job = submit(lab, "qpu", next(iter(ASYMMETRIC)), SHOTS=10)
        found = lab.get(job).json()
        assert (found["phase"], found["quote"]) == ("QUEUED", None)
        assert found["status"] == "target qpu is in maintenance"
    finally:
        set_to("online")
    done(lab, job)


def test_bits_are_where_they_belong_on_every_target(http: httpx.Client) -> None:
    jobs = {
        target: submit(http, target, *ASYMMETRIC, SHOTS=200)
        for target in ("qpu", "here", "there", "counts")
    }
    for target, job in jobs.items():
        done(http, job)
        for entry, (source, expected) in zip(counts(http, job), ASYMMETRIC.items(), strict=True):
            most = max(entry["counts"], key=entry["counts"].get)
            assert most == expected, (target, source)
            assert sum(entry["counts"].values()) == 200
            named = {item["name"]: item["qubits"] for item in entry["registers"]}
            if "a" in named:
                assert named == {"a": [None, 1], "b": [3, None, 0]}


def test_the_emulated_device_takes_its_time_and_one_job_at_a_time(lab: httpx.Client) -> None:
    circuit = HEAD + "qubit[2] q; bit[2] c; x q[1]; delay[4ms] q[0]; c = measure q;"
    jobs = [submit(lab, "qpu", circuit, SHOTS=1000, MEMORY="true") for _ in range(2)]

    def shown() -> str:
        status = lab.get(jobs[0]).json()["status"] or ""
        return status if "of 1000" in status else ""

    assert until(shown, 60, "progress").startswith("on the device: shot ")
    first, second = (done(lab, job) for job in jobs)
    for job in jobs:
        (entry,) = counts(lab, job)
        assert 4.0 <= entry["seconds"] <= 4.5
        assert max(entry["counts"], key=entry["counts"].get) == "10"
        assert len(entry["layout"]) == 2
    assert second["start_time"] >= first["end_time"]

    said = [item["message"] for item in first["timeline"] if item["status"] == "note"]
    assert any("compiled for bluebell-5" in note and "4 ms" in note for note in said)
    listed = {item["id"]: item for item in first["results"]}
    text = lab.get(listed["circuit-0"]["url"], follow_redirects=True).text
    assert text.startswith("OPENQASM 3.0;\n// qubits of the submitted circuit")
    assert re.search(r"\$\d", text), "it is written on the qubits of the device"
    assert first["status"] is None


def test_how_a_circuit_is_compiled_is_chosen_and_told(lab: httpx.Client) -> None:
    line = HEAD + "qubit[3] q; bit[3] c; h q[0]; cx q[0], q[1]; cx q[1], q[2]; c = measure q;"
    chosen = {"OPTIMIZATION": "3", "INITIAL_LAYOUT": "[0, 2, 4]", "SEED": "5"}
    found = done(lab, submit(lab, "qpu", line, **chosen, SHOTS=100))
    (first,) = counts(lab, found["url"])
    made = first["compilation"]
    assert (made["optimization"], first["layout"]) == ("3", [0, 2, 4])
    assert made["gates"]["measure"] == 3 and 0 < made["fidelity"] < 1 and made["shot_seconds"] > 0
    document = lab.get(f"{found['url']}/results/counts", follow_redirects=True).json()
    assert {"qiskit", "qiskit_aer", "quws"} <= document["versions"].keys()
    page = lab.get(found["url"], headers={"Accept": "text/html"}).text
    assert "0 → 0, 1 → 2, 2 → 4" in page and f"{made['fidelity']:.4g}" in page
    assert f"qiskit&nbsp;{document['versions']['qiskit']}" in page

    # What was compiled can be sent again, to be run as it is: the same seed gives the same.
    text = lab.get(f"{found['url']}/results/circuit-0", follow_redirects=True).text
    again = done(lab, submit(lab, "qpu", text, OPTIMIZATION="none", SEED="5", SHOTS=100))
    assert counts(lab, again["url"])[0]["counts"] == first["counts"]
    refused = post(lab, "qpu", text, line.replace("; h", ";\nh"), OPTIMIZATION="none")
    assert refused.status_code == 403
    said = refused.json()["detail"]
    assert "circuit 1" in said and "line 2" in said
    assert "gate 'h' on qubit 0 is not native on target qpu, which has r, cz" in said


def test_a_batch_has_a_compiled_circuit_for_each(lab: httpx.Client) -> None:
    found = done(lab, submit(lab, "qpu", *ASYMMETRIC, SHOTS=10))
    listed = [item["id"] for item in found["results"]]
    assert listed[:2] == ["result", "counts"]
    assert {"counts-0", "counts-1", "circuit-0", "circuit-1"} <= set(listed)


def test_what_is_only_compiled_has_no_counts(lab: httpx.Client) -> None:
    found = done(lab, submit(lab, "qpu", *ASYMMETRIC, KIND="compile"))
    listed = {item["id"]: item for item in found["results"]}
    assert {"circuit-0", "circuit-1"} <= set(listed) and "counts" not in listed
    text = lab.get(listed["circuit-1"]["url"], follow_redirects=True).text
    assert text.startswith("OPENQASM 3.0;\n// qubits of the submitted circuit")
    page = lab.get(found["url"], headers={"Accept": "text/html"}).text
    assert "<svg" in page


def test_nine_of_ten_jobs_end_between_the_low_and_the_high_of_their_quotes(
    http: httpx.Client,
) -> None:
    # Half a second each on the clock of the device, however busy this machine is.
    circuit, shots = next(iter(ASYMMETRIC)), 4000
    # The first jobs of a process take longer: here jobs of another size, of which less is learned.
    for warm_up in (100, 100, shots, shots, shots):
        done(http, submit(http, "qpu", circuit, SHOTS=warm_up))
    jobs, quotes = [], []
    for _ in range(20):
        jobs.append(submit(http, "qpu", circuit, SHOTS=shots))
        told = http.get(jobs[-1]).json()
        instants = [told[name] for name in ("quote_low", "quote", "quote_high")]
        quotes.append([datetime.fromisoformat(text) for text in instants])
    ends = [datetime.fromisoformat(done(http, job)["end_time"]) for job in jobs]
    assert ends == sorted(ends), "a device runs them in their order"
    kept = [low <= end <= high for end, (low, _, high) in zip(ends, quotes, strict=True)]
    assert sum(kept) >= 18, list(zip(ends, quotes, strict=True))
    assert all(low < at < high for low, at, high in quotes)

    def judged() -> Any:
        found = http.get("/targets/qpu").json()["quotes"]
        return found if found["judged"] >= 20 else None

    # Of the jobs of other tests too, which may have waited for the device to come back.
    record = until(judged, 60, "what became of the quotes")
    assert 0 < record["hit_rate"] <= 1, record
