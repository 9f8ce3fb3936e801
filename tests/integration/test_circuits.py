"""The circuits of a job as its user sees them: some of them are aborted while the others go on."""

from __future__ import annotations

import httpx
import pytest
from circuits import ENDLESS, flip
from harness import Service, until
from uws import create, document, job_json, text, wait

from quws.client import Client, NoResult


def test_some_circuits_are_aborted_and_the_others_go_on(
    http: httpx.Client, service: Service
) -> None:
    circuits = [flip(0, 2), ENDLESS, flip(1, 2), ENDLESS, flip(0, 2)]
    job = create(http, circuits, SHOTS=10, PHASE="RUN", ON_ERROR="continue")
    until(lambda: job_json(http, job)["circuits_done"] == 1, 30, "the first circuit")
    # One that waits, and then the one that runs.
    for index in (3, 1):
        answer = http.post(f"{job}/circuits/{index}", data={"ACTION": "ABORT"})
        assert answer.status_code == 303, answer.text
    assert wait(http, job) == "COMPLETED", job_json(http, job)
    told = job_json(http, job)
    assert (told["circuits_done"], told["circuits_aborted"], told["attempt"]) == (3, 2, 1)
    assert told["status"] == "2 circuits aborted: 1, 3"
    found = http.get(f"{job}/circuits").json()
    assert [item["status"] for item in found] == [
        "completed", "aborted", "completed", "aborted", "completed",
    ]  # fmt: skip
    assert sum(http.get(found[2]["result_url"]).json()["counts"].values()) == 10
    given = http.get(f"{job}/results/counts").json()["circuits"]
    assert [item.get("missing") for item in given] == [None, "aborted", None, "aborted", None]
    assert "<q:circuitsAborted>2</q:circuitsAborted>" in http.get(job).text
    table = http.get(f"{job}/results/result", params={"RESPONSEFORMAT": "csv"}).text
    assert {line.split(",")[0] for line in table.split()[1:]} == {"0", "2", "4"}
    with Client(str(http.base_url)) as client:
        mine = client.job(job.rpartition("/")[2])
        assert [item.index for item in mine.circuits("aborted")] == [1, 3]
        assert mine.circuit(2).attempt == 1
        assert sum(mine.counts(4).values()) == 10
        with pytest.raises(NoResult, match="circuit 1 has no result: aborted"):
            mine.counts(1)


def test_a_job_is_aborted_with_the_last_of_its_circuits(http: httpx.Client) -> None:
    job = create(http, [ENDLESS, ENDLESS], SHOTS=10, PHASE="RUN")
    wait(http, job, "EXECUTING")
    with Client(str(http.base_url)) as client:
        client.job(job.rpartition("/")[2]).abort_circuits(0, 1)
    assert text(document(http, job), "phase") == "ABORTED"
