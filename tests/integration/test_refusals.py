"""What is refused: at once, in one clear sentence, and without leaving anything behind."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlencode

import httpx
import pytest
from answers import alert_of, refusal_of
from circuits import BELL2
from harness import Service
from hostile import HOSTILE, Hostile
from uws import create, listed

FORM = {"Content-Type": "application/x-www-form-urlencoded"}

ENTANGLED = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[{}]; creg c[1]; h q;'
    + "ry(0.1) q[0]; cx q[0], q[8];" * 10
    + "measure q[8] -> c[0];"
)
"""On all of its qubits something happens: else they would take no room."""

REFUSED = {
    "no circuit": ({"SHOTS": "10"}, ["CIRCUIT is missing"]),
    "syntax": ({"CIRCUIT": BELL2.replace("h q[0];", "h q[0]")}, ["CIRCUIT", "line 6"]),
    "unknown gate": (
        {"CIRCUIT": BELL2.replace("h q[0]", "hadamard q[0]")},
        ["CIRCUIT, line 5, column 1", "hadamard"],
    ),
    "qubits": (
        {"CIRCUIT": BELL2.replace("q[2]", "q[5000]").replace("c[2]", "c[5000]")},
        ["CIRCUIT", "5000 qubits", "4096"],
    ),
    "too large a state": (
        {"CIRCUIT": ENTANGLED.format(99)},
        ["CIRCUIT", "99 qubits", "at most 26", "Clifford", "METHOD=matrix_product_state"],
    ),
    "too large a state with noise": (
        {"CIRCUIT": ENTANGLED.format(99), "NOISE": "depolarizing:0.1"},
        ["99 qubits", "NOISE", "at most 26"],
    ),
    "too large a density matrix": (
        {"CIRCUIT": ENTANGLED.format(20), "METHOD": "density_matrix"},
        ["20 qubits", "METHOD=density_matrix", "at most 13"],
    ),
    "method": (
        {"CIRCUIT": BELL2, "METHOD": "fast"},
        ["METHOD", "auto, stabilizer, statevector, density_matrix", "'fast'"],
    ),
    "method of other gates": (
        {"CIRCUIT": ENTANGLED.format(9), "METHOD": "stabilizer"},
        ["METHOD=stabilizer", "Clifford"],
    ),
    "method of other noise": (
        {"CIRCUIT": BELL2, "METHOD": "statevector", "NOISE": "bit_flip:0.1"},
        ["METHOD=statevector", "trajectories"],
    ),
    "noise": ({"CIRCUIT": BELL2, "NOISE": "gaussian:p=1"}, ["NOISE", "gaussian", "thermal:t1"]),
    "noise of nobody": (
        {"CIRCUIT": BELL2, "NOISE": "device:moon"},
        ["NOISE", "'moon'", "no calibration"],
    ),
    "every shot of too many": (
        {
            "CIRCUIT": BELL2.replace("c[2]", "c[2]; creg d[4000]"),
            "SHOTS": "1000000",
            "MEMORY": "true",
        },
        ["MEMORY", "256 MiB", "SHOTS"],
    ),
    "certainly too long": (
        {
            "CIRCUIT": BELL2.replace("q[2]", "q[26]").replace("c[2]", "c[26]")
            + "t q[0]; measure q[0] -> c[0];",
            "SHOTS": "1000000",
            "EXECUTIONDURATION": "10",
        },
        ["EXECUTIONDURATION", "10 seconds"],
    ),
    "shots text": ({"CIRCUIT": BELL2, "SHOTS": "many"}, ["SHOTS", "whole number"]),
    "shots zero": ({"CIRCUIT": BELL2, "SHOTS": "0"}, ["SHOTS", "at least 1"]),
    "too many shots": ({"CIRCUIT": BELL2, "SHOTS": "1000001"}, ["SHOTS", "at most 1000000"]),
    "unknown parameter": ({"CIRCUIT": BELL2, "SHOOTS": "10"}, ["SHOOTS", "CIRCUIT"]),
    "unknown target": ({"CIRCUIT": BELL2, "TARGET": "moon"}, ["TARGET", "moon", "simulator"]),
    "language": ({"CIRCUIT": BELL2, "LANG": "COBOL"}, ["LANG", "OPENQASM-2", "OPENQASM-3"]),
    "wrong language": ({"CIRCUIT": BELL2, "LANG": "OPENQASM-3"}, ["CIRCUIT"]),
    "format": ({"CIRCUIT": BELL2, "RESPONSEFORMAT": "png"}, ["RESPONSEFORMAT", "votable"]),
    "seed": ({"CIRCUIT": BELL2, "SEED": "-1"}, ["SEED", "from 0"]),
    "memory": ({"CIRCUIT": BELL2, "MEMORY": "perhaps"}, ["MEMORY", "true or false"]),
    "phase": ({"CIRCUIT": BELL2, "PHASE": "NONSENSE"}, ["PHASE", "RUN"]),
    "duration": ({"CIRCUIT": BELL2, "EXECUTIONDURATION": "-5"}, ["EXECUTIONDURATION"]),
    "destruction": ({"CIRCUIT": BELL2, "DESTRUCTION": "soon"}, ["DESTRUCTION", "ISO 8601"]),
    "past": ({"CIRCUIT": BELL2, "DESTRUCTION": "2001-01-01"}, ["DESTRUCTION", "future"]),
    "metadata": ({"CIRCUIT": BELL2, "METADATA": "[1]"}, ["METADATA", "JSON object"]),
    "two names": ({"CIRCUIT": BELL2, "QUERY": BELL2}, ["CIRCUIT", "QUERY"]),
    "shots twice": ({"CIRCUIT": BELL2, "SHOTS": ["1", "2"]}, ["SHOTS", "once"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_job_is_refused_and_leaves_nothing(
    http: httpx.Client, service: Service, case: str
) -> None:
    form, words = REFUSED[case]
    before = listed(http)
    answer = http.post("/jobs", data=form)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    sentence = answer.text
    assert sentence.count("\n") == 1
    for word in words:
        assert word in sentence
    assert listed(http) == before


def test_a_refusal_has_the_format_of_the_client(http: httpx.Client) -> None:
    form = {"CIRCUIT": BELL2.replace("h q[0]", "hadamard q[0]")}
    as_json = http.post("/jobs", data=form, headers={"Accept": "application/json"})
    assert as_json.headers["content-type"] == "application/problem+json"
    problem = as_json.json()
    assert problem["status"] == 403
    assert problem["code"] == "invalid_payload"
    assert (problem["parameter"], problem["line"], problem["column"]) == ("CIRCUIT", 5, 1)
    page = http.post("/jobs", data=form, headers={"Accept": "text/html"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert alert_of(page, 403) == problem["detail"]
    assert "hadamard" in problem["detail"]


def test_a_batch_names_the_circuit_that_is_wrong(http: httpx.Client) -> None:
    answer = http.post("/jobs", data={"CIRCUIT": [BELL2, "rubbish"]})
    assert "circuit 1" in refusal_of(answer, 403, "invalid_payload")


def test_a_body_that_is_too_large_is_refused_before_it_is_read(service: Service) -> None:
    address = httpx.URL(service.url)
    connection = HTTPConnection(address.host, address.port, timeout=20)
    connection.putrequest("POST", "/jobs")
    for name, value in (FORM | {"Content-Length": str(10**10)}).items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert b"larger than" in answer.read()
    connection.close()


def test_other_content_types_are_refused(http: httpx.Client) -> None:
    answer = http.post("/jobs", content=BELL2, headers={"Content-Type": "text/plain"})
    assert "multipart/form-data" in refusal_of(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda item: item.name)
def test_hostile_input_is_refused_while_others_are_served(
    service: Service, http: httpx.Client, hostile: Hostile
) -> None:
    form = urlencode(
        {"CIRCUIT": hostile.build().encode("utf-8", "surrogatepass"), "LANG": hostile.language}
    )
    with ThreadPoolExecutor() as threads, service.client() as other:
        attack = threads.submit(other.post, "/jobs", content=form, headers=FORM)
        answered = 0
        while not attack.done():
            assert http.get("/jobs", params={"LAST": "1"}).status_code == 200
            answered += 1
            time.sleep(0.03)  # To be answered takes some of the processor's time too.
        answer = attack.result()
    assert answer.status_code in (403, 413)
    assert answer.text.count("\n") == 1
    assert len(answer.text) < 600
    assert "root:" not in answer.text


def test_after_all_of_that_a_job_still_runs(http: httpx.Client) -> None:
    assert http.get(create(http)).status_code == 200
