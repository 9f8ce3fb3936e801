"""Quotas from end to end: jobs are charged when they come, and settled when they end."""

from __future__ import annotations

import json

import httpx
from answers import expect, json_of
from commands import quws
from harness import Service
from uws import create, wait

PARAMETRIC = (
    'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit[1] q; bit[1] c; rx(a) q[0];'
    " c[0] = measure q[0];"
)


def day(http: httpx.Client) -> dict[str, int]:
    found = json_of(http.get("/quota"))
    return next(item for item in found["limits"] if item["limit"] == "day_shots")


def test_shots_are_counted_and_what_is_too_much_changes_nothing(
    service: Service, http: httpx.Client
) -> None:
    before = day(http)["used"]
    job = create(http, SHOTS="123", PHASE="RUN")
    wait(http, job)
    assert day(http)["used"] == before + 123
    pending = create(http, SHOTS="77")
    assert day(http)["used"] == before + 123
    expect(http.post(f"{pending}/phase", data={"PHASE": "RUN"}), 303)
    wait(http, pending)
    assert day(http)["used"] == before + 200

    jobs = len(json_of(http.get("/jobs", headers={"Accept": "application/json"})))
    rows = json.dumps({"a": [0.0] * 1000})
    whole = {"CIRCUIT": PARAMETRIC, "BINDINGS": rows, "SHOTS": "1000000", "PHASE": "RUN"}
    refused = http.post("/jobs", data=whole, headers={"Accept": "application/json"})
    problem = expect(refused, 429).json()
    assert (problem["limit"], problem["used"]) == ("day_shots", before + 200)
    assert int(refused.headers["retry-after"]) > 0
    assert day(http)["used"] == before + 200
    assert len(json_of(http.get("/jobs", headers={"Accept": "application/json"}))) == jobs
    held = create(http, PARAMETRIC, BINDINGS=rows, SHOTS="1000000")
    expect(http.post(f"{held}/phase", data={"PHASE": "RUN"}), 303)
    assert http.get(f"{held}/phase").text == "HELD"
    for url in (job, pending, held):
        expect(http.delete(url), 303)
    said = quws(service, "quota", "--url", service.url)
    assert f"{before + 200} of 1000000000" in said
