"""One circuit with a table of values, over HTTP as people send it."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import pytest
from harness import Service
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter
from uws import create, job_json, wait

from quws.client import Client

CIRCUIT = """OPENQASM 3.0; include "stdgates.inc";
input float theta; input angle phi; qubit[2] q; bit[2] c;
rx(theta) q[0]; rx(phi) q[1]; c = measure q;"""
PI = 3.141592653589793
COLUMNS = json.dumps({"theta": [0, PI, PI], "phi": [0, 0, PI]})
FOUND = [{"00": 9}, {"01": 9}, {"11": 9}]
"""What three rows give, in nine shots each."""


def counts(http: httpx.Client, job: str) -> list[dict[str, int]]:
    assert wait(http, job) == "COMPLETED", job_json(http, job)
    return [item["counts"] for item in http.get(f"{job}/results/counts").json()["circuits"]]


def test_a_form_with_columns(http: httpx.Client) -> None:
    job = create(http, CIRCUIT, BINDINGS=COLUMNS, SHOTS=9, SEED=1, MEMORY="true", PHASE="RUN")
    assert counts(http, job) == FOUND
    document = job_json(http, job)
    assert (document["circuits"], document["circuits_done"]) == (3, 3)
    assert http.get(f"{job}/results/counts-2").json()["counts"] == FOUND[2]
    assert http.get(f"{job}/parameters/BINDINGS").text == COLUMNS
    html = {"Accept": "text/html"}
    page = http.get(f"{job}/circuits/1", headers=html).text
    assert "input float theta" in page
    assert '<code>theta</code></th><td class="right">3.141592653589793</td>' in page
    page = http.get(job, params={"SHOW": "2"}, headers=html).text
    assert '<code>phi</code></th><td class="right">3.141592653589793</td>' in page
    form = http.get("/new", params={"COPY": job.rpartition("/")[2]}, headers=html).text
    assert form.count('name="CIRCUIT"') == 1
    assert "&#34;theta&#34;: [0, " in form


def test_rows_as_json(http: httpx.Client) -> None:
    rows = [{"theta": PI, "phi": 0}, {"theta": 0, "phi": 0}]
    body = {"CIRCUIT": CIRCUIT, "BINDINGS": rows, "SHOTS": 9, "PHASE": "RUN"}
    job = http.post("/jobs", json=body).headers["Location"]
    assert counts(http, job) == [FOUND[1], FOUND[0]]


def test_a_csv_file(http: httpx.Client) -> None:
    table = f"phi,theta\r\n0,0\r\n0,{PI}\r\n{PI},{PI}\r\n"
    job = http.post(
        "/jobs",
        data={"CIRCUIT": CIRCUIT, "BINDINGS": "param:table", "SHOTS": "9", "PHASE": "RUN"},
        files={"table": ("table.csv", table, "text/csv")},
    ).headers["Location"]
    assert counts(http, job) == FOUND
    kept = http.get(f"{job}/parameters/BINDINGS")
    assert kept.content == table.encode()
    assert kept.headers["Content-Type"].startswith("text/csv")
    assert http.get(job, headers={"Accept": "text/html"}).status_code == 200


def test_a_row_that_fails_is_told_of_by_its_index(http: httpx.Client) -> None:
    circuit = (
        'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit q; bit c;'
        " rx(3.141592653589793 / a) q; c = measure q;"
    )
    asked = {"BINDINGS": "a\n1\n0\n2\n", "SHOTS": 50, "PHASE": "RUN"}
    stopped, going_on = (
        create(http, circuit, **asked, **more) for more in ({}, {"ON_ERROR": "continue"})
    )
    assert wait(http, going_on) == "COMPLETED", job_json(http, going_on)
    (failed,) = http.get(f"{going_on}/circuits", params={"STATUS": "failed"}).json()
    assert failed["index"] == 1
    assert "an angle has no value" in failed["message"]
    given = http.get(f"{going_on}/results/counts").json()["circuits"]
    assert [item.get("missing") is None for item in given] == [True, False, True]
    assert wait(http, stopped) == "ERROR"
    (error,) = job_json(http, stopped)["errors"]
    assert "circuit 1" in error["message"]
    assert "an angle has no value" in error["message"]
    told = http.get(f"{stopped}/circuits").json()
    assert told[2]["status"] == "skipped"


def test_a_program_sends_a_circuit_of_qiskits_with_observables(service: Service) -> None:
    theta = Parameter("θ")
    circuit = QuantumCircuit(1)
    circuit.ry(theta, 0)
    file = io.BytesIO()
    qpy.dump(circuit, file)
    with Client(service.url) as client:
        job = client.submit(
            file.getvalue(),
            bindings=[{"θ": 0.0}, {"θ": PI}],
            kind="estimate",
            observable=[["Z0"], ["Z0", "X0"]],
            shots=0,
        )
        found = job.wait().outcomes().circuits
    values: list[Any] = [[item.value for item in one.expectations or []] for one in found]
    assert values == [[pytest.approx(1)], [pytest.approx(-1), pytest.approx(0, abs=1e-9)]]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"BINDINGS": None},
            "BINDINGS is missing; the circuit has the parameters theta, phi, which get their values"
            " by it",
        ),
        (
            {"BINDINGS": '{"theta": [1], "psi": [1]}'},
            "BINDINGS names psi, and the circuit has the parameters theta, phi",
        ),
        (
            {"CIRCUIT": [CIRCUIT, CIRCUIT]},
            "CIRCUIT may be given once with BINDINGS, which makes a circuit of each row, not 2"
            " times",
        ),
        (
            {"BINDINGS": "theta,phi\n" + "1,2\n" * 10_001},
            "BINDINGS may have at most 10000 rows on target simulator, not 10001",
        ),
        (
            {"OBSERVABLE": '[["Z0"], ["Z1"]]', "KIND": "estimate"},
            "OBSERVABLE must be one list for all circuits or 3 lists, one for each, not 2",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    http: httpx.Client, changes: dict[str, Any], sentence: str
) -> None:
    data = {"CIRCUIT": CIRCUIT, "BINDINGS": COLUMNS} | changes
    given = {name: value for name, value in data.items() if value is not None}
    answer = http.post("/jobs", data=given, headers={"Accept": "application/json"})
    assert answer.status_code == 403
    assert (answer.json()["detail"], answer.json()["code"]) == (sentence, "invalid_parameter")
