"""Expectation values over HTTP, as people ask for them, and what a target does not do."""

from __future__ import annotations

import io
import math
from typing import Any

import httpx
import pytest
from astropy.io.votable import parse_single_table
from harness import Service
from uws import create, job_json, wait

from quws.client import Client

BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; h q[0]; cx q[0], q[1];'
TURNED = 'OPENQASM 3.0; include "stdgates.inc"; qubit[1] a; qubit[2] b; ry(0.6) a[0]; x b[1];'
"""Qubit 2 is b[1]."""


def values(http: httpx.Client, job: str) -> list[list[dict[str, Any]]]:
    assert wait(http, job) == "COMPLETED", job_json(http, job)
    circuits = http.get(f"{job}/results/expectation").json()["circuits"]
    return [item["expectations"] for item in circuits]


def test_a_circuit_without_measurements_has_expectation_values(http: httpx.Client) -> None:
    form = {"KIND": "estimate", "SHOTS": 400, "OBSERVABLE": ["0.5*Z0 Z1 - X0", "XX"]}
    job = create(http, BELL, **form, PHASE="RUN")
    ((sum_of_two, both),) = values(http, job)
    assert both == {"observable": "XX", "value": 1.0, "error": 0.0, "shots": 400}
    assert sum_of_two["shots"] == 800
    assert abs(sum_of_two["value"] - 0.5) <= 5 * sum_of_two["error"]
    assert 0.04 < sum_of_two["error"] < 0.06
    table = parse_single_table(io.BytesIO(http.get(f"{job}/results/result").content))
    assert [str(row["observable"]) for row in table.array] == ["0.5*Z0 Z1 - X0", "XX"]
    assert [item["id"] for item in job_json(http, job)["results"]] == ["result", "expectation"]
    page = http.get(job, headers={"Accept": "text/html"}).text
    assert "<h2>Expectation values</h2>" in page
    assert f"{sum_of_two['value']:.3f} ± {sum_of_two['error']:.3f}" in page


def test_both_spellings_name_the_same_qubits(http: httpx.Client) -> None:
    form = {"KIND": "estimate", "SHOTS": 0, "OBSERVABLE": '["Z0", "IIZ", "Z2", [["ZII", 2]]]'}
    ((first, dense, last, doubled),) = values(http, create(http, TURNED, **form, PHASE="RUN"))
    assert first["value"] == dense["value"] == pytest.approx(math.cos(0.6), abs=1e-9)
    assert (last["value"], doubled["value"]) == (-1, -2)
    assert {(item["error"], item["shots"]) for item in (first, last)} == {(0, 0)}


def test_each_circuit_of_a_batch_has_observables_of_its_own(http: httpx.Client) -> None:
    form = {"KIND": "estimate", "SHOTS": 20, "OBSERVABLE": '[["Z2"], ["XX", "ZZ"]]'}
    job = create(http, [TURNED, BELL], **form, PHASE="RUN")
    first, second = values(http, job)
    assert [item["value"] for item in first] == [-1]
    assert [item["value"] for item in second] == [1, 1]
    listed = {item["id"] for item in job_json(http, job)["results"]}
    assert {"expectation-0", "expectation-1"} <= listed
    page = http.get(job, params={"SHOW": "1"}, headers={"Accept": "text/html"}).text
    assert "Expectation values of circuit 1" in page


def test_a_program_gets_the_precision_that_it_asks_for(service: Service) -> None:
    with Client(service.url) as client:
        job = client.submit(TURNED, kind="estimate", observable=["2*X0"], precision=0.1)
        (found,) = job.wait().expectations()
    assert found.shots == 401
    assert found.error is not None
    assert found.error <= 0.1
    assert abs(found.value - 2 * math.sin(0.6)) <= 5 * found.error


def test_errors_are_mitigated_beside_what_was_measured(http: httpx.Client) -> None:
    noise = "depolarizing:p=0.005,p2=0.02+readout:p=0.05"
    form = {"KIND": "estimate", "OBSERVABLE": "ZZ", "NOISE": noise, "SHOTS": 4000, "SEED": 3}
    job = create(http, BELL, **form, MITIGATION="readout,zne", PHASE="RUN")
    ((found,),) = values(http, job)
    assert abs(found["value"] - 1) <= 5 * found["error"] and found["raw_value"] < 0.85
    assert found["at_factors"][0] > found["at_factors"][2] and found["shots"] == 12_000
    page = http.get(job, headers={"Accept": "text/html"}).text
    assert "As measured" in page

    measured = BELL + " bit[2] c; c = measure q;"
    form = {"NOISE": noise, "SHOTS": 4000, "SEED": 3, "MITIGATION": "readout"}
    job = create(http, measured, **form, PHASE="RUN")
    assert wait(http, job) == "COMPLETED", job_json(http, job)
    (circuit,) = http.get(f"{job}/results/counts").json()["circuits"]
    wrong = (circuit["counts"]["01"] + circuit["counts"]["10"]) / 4000
    assert circuit["mitigation"] == ["readout"] and wrong > 0.08
    assert abs(circuit["mitigated"]["01"] + circuit["mitigated"]["10"]) < wrong / 2
    assert "Without readout errors" in http.get(job, headers={"Accept": "text/html"}).text
    table = http.get(f"{job}/results/counts", params={"RESPONSEFORMAT": "csv"}).text
    assert table.startswith("circuit,outcome,count,fraction,mitigated\r\n0,")


@pytest.mark.parametrize(
    ("form", "code", "sentence"),
    [
        (
            {"KIND": "compile"},
            "job_type_not_supported",
            "KIND must be sample or estimate on target simulator, not compile",
        ),
        (
            {"KIND": "estimate"},
            "invalid_parameter",
            "OBSERVABLE is missing; KIND=estimate needs one at least, such as '0.5*Z0 Z3 - X1'",
        ),
        (
            {"KIND": "estimate", "OBSERVABLE": "Z3"},
            "invalid_parameter",
            "OBSERVABLE 'Z3' names qubit 3, and the circuit has the qubits 0 to 1",
        ),
        (
            {"KIND": "estimate", "OBSERVABLE": "ZZ", "MITIGATION": "readout", "SHOTS": "0"},
            "invalid_parameter",
            "MITIGATION must be none with SHOTS=0, which asks for exact values",
        ),
        (
            {"KIND": "estimate", "OBSERVABLE": "ZZ", "OPTIMIZATION": "none"},
            "invalid_parameter",
            "OPTIMIZATION must not be given on target simulator, which has no compiler",
        ),
        (
            {},
            "invalid_payload",
            "CIRCUIT: the circuit measures nothing, so there would be no counts; add a 'measure'"
            " statement, or ask for expectation values with KIND=estimate",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(
    http: httpx.Client, form: dict[str, str], code: str, sentence: str
) -> None:
    data = {"CIRCUIT": BELL, **form}
    answer = http.post("/jobs", data=data, headers={"Accept": "application/json"})
    assert answer.status_code == 403
    assert (answer.json()["code"], answer.json()["detail"]) == (code, sentence)
