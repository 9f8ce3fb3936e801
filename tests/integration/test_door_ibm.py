"""qiskit-ibm-runtime, unmodified, against the service; and programs of its users."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clients import python_with, walk
from commands import quws
from harness import Postgres, Service, add_users, cluster, embedded, until

pytestmark = pytest.mark.real_clients

older = pytest.mark.older_clients

CURRENT, OLDEST = "0.51.0", "0.49.0"
BASE = "/ibm/experimental/api/v1"
ROOT = Path(__file__).parents[2]
TARGETS = """
[simulator]
adapter = "simulator"
options = { qubits = 26, threads = 1 }

[bluebell]
adapter = "emulator"
options = { device = "bluebell-5", speed = 1000, drift = 0 }
sessions = { longest = 600 }
"""


@pytest.fixture(
    scope="module",
    params=["cluster", pytest.param("embedded", marks=older)],
    ids=["spread", "alone"],
)
def lab(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service with a simulator and a device, whose users sign in."""
    folder = tmp_path_factory.mktemp("lab")
    targets = folder.with_suffix(".toml")
    targets.write_text(TARGETS)
    settings = {
        "QUWS_AUTH": "users",
        "QUWS_TARGETS": str(targets),
        "QUWS_POLICY__MAX_MONTH_SECONDS": "1000000",
    }
    if request.param == "embedded":
        form = embedded(folder, settings)
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        form = cluster(folder, postgres.migrated(), settings, workers=1, others=["bluebell"])
    with form as service:
        add_users(service, "ella", operator="root@lab")
        yield service


@pytest.fixture(scope="module")
def token(lab: Service) -> str:
    """A token of ella, once the device has told its calibration."""
    found = quws(lab, "token", "create", "ella", "--label", "runtime").split()[-1]
    with lab.client(headers={"Authorization": f"apikey {found}"}) as http:
        url = f"{BASE}/backends/bluebell/properties"
        until(lambda: http.get(url).json(), 60, "a calibration of bluebell")
    return found


def runtime(version: str) -> Path:
    return python_with(f"qiskit-ibm-runtime=={version}")


def told_of(lab: Service, token: str, version: str, *parts: str) -> dict[str, Any]:
    found: dict[str, Any] = walk(runtime(version), "ibm_walk.py", ",".join(parts), lab.url, token)
    return found


def runtime_walk(lab: Service, token: str, version: str) -> None:
    """What each release of the client is told."""
    parts = ["backends", "sampled", "estimated", "jobs", "limited"]
    # The oldest has none.
    told = told_of(lab, token, version, *parts, *(["executed"] if version == CURRENT else []))
    check_backends(told["backends"])
    check_sampled(told["sampled"])
    check_estimated(told["estimated"])
    check_jobs(told["jobs"])
    why, sentence = told["limited"]["error"]
    assert (why, told["limited"]["status"]) == ("RuntimeJobMaxTimeoutError", "ERROR")
    assert "Ran too long" in sentence
    if version == CURRENT:
        check_executed(told["executed"])
    check_sessions(told_of(lab, token, version, "sessions")["sessions"])
    # The last one: it changes the environment.
    check_modes(told_of(lab, token, version, "modes")["modes"])


def check_modes(told: dict[str, Any]) -> None:
    names, why, sentence, seconds = told.pop("bad token")
    assert told == {key: ["bluebell", "simulator"] for key in ("A", "B", "C", "C by name")}
    assert (names, why) == ([], "IBMNotAuthorizedError")
    assert "these credentials are wrong" in sentence and seconds < 5


def check_backends(told: dict[str, Any]) -> None:
    assert told["device"] == [5, False, ["cz", "rz", "sx", "x"]]
    assert (told["pairs"], told["simulator"]) == (5, [True, True]) or told["pairs"] == 8
    assert set(told["compiled"]) <= {"barrier", "cz", "measure", "rz", "sx", "x"}
    assert told["wide"] == [5, 3]
    assert told["t1"] == pytest.approx(4.293e-05)
    assert told["errors"] == pytest.approx([0.0701, 0.0143])
    assert (told["dated"], told["status"]) == (True, [True, "active"])
    assert told["least busy"] == "bluebell"
    assert told["unknown"][0] == "QiskitBackendNotFoundError"
    assert told["usage"]["usage_limit_seconds"] == 1_000_000
    assert told["usage"]["usage_remaining_seconds"] <= 1_000_000


def check_sampled(told: dict[str, Any]) -> None:
    counts = told["bell"]
    assert set(counts) == {"00", "11"} and sum(counts.values()) == 500
    assert (told["a"], told["b"]) == ({"01": 10}, ["1"] * 10)
    assert told["shape"] == [3, 2]
    # Five standard errors of 2000 shots.
    assert told["ones"] == pytest.approx(told["exact"], abs=0.056)
    assert told["session"] is None
    assert told["metadata"] == [{"circuit_metadata": {}}] * 2
    assert told["of two"] == "{'experiment': 'two', 'z': 1j, 'angles': array([0.5])}"
    assert told["spans"] == [True, [0, 1, 2], 500 + 10 + 12_000, True]
    assert told["same inputs"] == [3, True]
    assert told["again"] == {"status": "DONE", "counts": counts, "program": "sampler"}


def check_estimated(told: dict[str, Any]) -> None:
    for values, errors, exact in zip(told["evs"], told["stds"], told["exact"], strict=True):
        for value, error, right in zip(values, errors, exact, strict=True):
            assert value == pytest.approx(right, abs=5 * error + 1e-9)
            assert error <= 1.1 / 64
    assert told["one"] == [1.0, 0.0, []]
    assert told["metadata"] == {"target_precision": 0.05, "shots": 401, "circuit_metadata": {}}
    assert told["of all"]["resilience"]["measure_mitigation"] is False


def check_executed(told: dict[str, Any]) -> None:
    assert told["shapes"] == [[3, 2, 2000, 2], [3, 2, 2000, 1], [2000, 9]]
    assert told["ones"] == pytest.approx(told["exact"], abs=0.056)
    assert told["others"] == [False, True]
    assert told["wide"] == [[0] * 8 + [1]]
    assert told["kept"] == "{'kept': [1, 2.5, None, array([0., 1., 2.])]}"
    assert told["chunk"] == [True, [[0, 6], [1, 1]]]
    assert told["job"][:2] == ["executor", ["executed"]]
    assert told["job"][2] == ["options", "quantum_program", "schema_version"]
    assert "options.scheduler_timing has no effect" in told["logs"]
    metadata = {"experiment": "turned"}
    assert told["sampled"] == [[[3, 2], {"1": 3000}, metadata], [[], {"1": 500}, metadata]]
    assert told["pauses"] > 0 and told["right"] > 0.7
    for part, sentence in (
        ("estimator", "so use the program estimator"),
        ("twirled", "so turn twirling off"),
        ("raw", "init_qubits must be true"),
        ("kerneled", "meas_level must be"),
    ):
        assert told[part][0] == "IBMRuntimeError" and sentence in told[part][1]


def check_jobs(told: dict[str, Any]) -> None:
    assert told["running"] == ["RUNNING", "QUEUED"]
    assert (told["usage"], told["metrics"]) == ([True, 0], True)
    assert told["estimation"] == ["quantum_seconds"]
    assert "queued: for target simulator" in told["logs"]
    assert told["tags"] == [["second", "walk"], ["second", "walk"]]
    assert told["pending"] is True
    assert told["by tags"] == [4, 1]
    assert (told["all"], told["skipped"], told["some"]) == (4, 3, 2)
    assert told["of a program"] == 0
    assert told["private"] == [False, True]
    assert told["cancelled"] == ["CANCELLED", "CANCELLED"]
    assert told["cancelled again"][0] == "RuntimeInvalidStateError"
    assert "ABORT needs a job that is not over" in told["cancelled again"][1]
    assert told["result of cancelled"][0] == "RuntimeInvalidStateError"
    assert told["unknown job"][0] == told["deleted"][0] == "RuntimeJobNotFound"
    assert told["program"][0] == "RuntimeProgramNotFound"
    assert "the circuit measures nothing" in told["measures nothing"][1]
    assert "runs at most 1000000" in told["too many"][1]


def check_sessions(told: dict[str, Any]) -> None:
    one = told["session"]
    assert one["opened"] == "Pending"
    assert one["while"] == "In progress, accepting new jobs"
    assert one["right"] > 0.7
    assert (one["of job"], one["listed"], one["again"]) == ([True, one["details"]["id"]], 1, True)
    details = one["details"]
    assert (details["backend_name"], details["mode"]) == ("bluebell", "dedicated")
    assert (details["max_time"], details["accepting_jobs"]) == (300, True)
    # Older releases do not tell them.
    assert details.get("timestamps", [{"status": "open"}])[0]["status"] == "open"
    status, seconds = told["closed"]
    assert status == "Closed" and 0 < seconds < 300
    assert told["late"][0] == "IBMRuntimeError" and "session" in told["late"][1]
    assert (told["batch"], told["mode"]) == ([10, 10, 10], "batch")
    assert told["cancelled"] == "Closed"
    assert told["unknown"][0] == "IBMInputValueError"


def test_the_runtime_client(lab: Service, token: str) -> None:
    runtime_walk(lab, token, CURRENT)


@older
def test_the_oldest_runtime_client(lab: Service, token: str) -> None:
    runtime_walk(lab, token, OLDEST)


# -- programs of users -----------------------------------------------------------------------


def printed(lab: Service, token: str, program: str) -> dict[str, str]:
    """Run a program with nothing but its settings; return what it prints behind names."""
    base = f"{lab.url}{BASE}"
    settings = {
        "QISKIT_IBM_URL": base,
        "QISKIT_IBM_TOKEN": token,
        "QISKIT_IBM_INSTANCE": "crn:v1:any:public:quantum-computing:local:a/me:any::",
        "IAM_URL": base,
        "QISKIT_FUNCTIONS_EXPERIMENTAL": "1",
    }
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("QUWS_", "QISKIT_", "PYTHON", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        [str(runtime(CURRENT)), "-W", "ignore", str(ROOT / "examples/runtime" / program)],
        env=kept | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(re.findall(r"^(.+?): (.+)$", done.stdout, re.MULTILINE))


def test_grover_searches_with_nothing_but_its_settings_changed(lab: Service, token: str) -> None:
    grover = printed(lab, token, "grover.py")
    assert 0.3 < float(grover["first try"]) < float(grover["second try"]) < 0.95


@older  # Not in all runs: they say what the walk has said.
def test_programs_run_with_nothing_but_their_settings_changed(lab: Service, token: str) -> None:
    chsh = printed(lab, token, "chsh.py")
    assert chsh["backend"] == "bluebell"
    # More than two coins can, and less than 2√2: the device has errors.
    assert 2.1 < float(chsh["largest"]) < 2.7
    vqe = printed(lab, token, "vqe.py")
    assert vqe["exact"] == "-1.857"
    assert -1.95 < float(vqe["energy"]) < -1.6
