"""A circuit goes in over UWS, counts come out."""

from __future__ import annotations

import io
import json

import httpx
import pytest
from astropy.io.votable import parse_single_table
from circuits import BELL2, BELL3, flip
from harness import Service
from uws import HREF, NS, create, document, job_json, text, wait


@pytest.mark.parametrize("circuit", [BELL2, BELL3], ids=["OpenQASM 2", "OpenQASM 3"])
def test_a_bell_circuit_runs_and_its_counts_download(http: httpx.Client, circuit: str) -> None:
    answer = http.post("/jobs", data={"CIRCUIT": circuit, "SHOTS": "1000", "PHASE": "RUN"})
    assert answer.status_code == 303
    job = answer.headers["Location"]
    assert wait(http, job) == "COMPLETED"

    root = document(http, job)
    results = {item.get("id"): item for item in root.findall("uws:results/uws:result", NS)}
    assert list(results) == ["result", "counts"]

    table = parse_single_table(io.BytesIO(http.get(results["result"].get(HREF)).content))
    counts = dict(zip(table.array["outcome"], table.array["count"], strict=True))
    assert set(counts) == {"00", "11"}
    assert sum(counts.values()) == 1000

    download = http.get(results["counts"].get(HREF))
    assert download.headers["content-type"] == "application/json"
    assert len(download.content) == int(results["counts"].get("size"))
    assert download.json()["circuits"][0]["counts"] == {k: int(v) for k, v in counts.items()}


def test_the_phases_come_in_order_and_the_times_too(http: httpx.Client) -> None:
    job = create(http)
    assert text(document(http, job), "phase") == "PENDING"
    assert http.post(f"{job}/phase", data={"PHASE": "RUN"}).status_code == 303
    assert text(document(http, job), "phase") != "PENDING"
    wait(http, job)
    told = job_json(http, job)
    statuses = [entry["status"] for entry in told["timeline"]]
    assert statuses == ["received", "validated", "queued", "claimed", "note", "completed"]
    times = [told[f"{name}_time"] for name in ("creation", "queued", "start", "end")]
    assert times == sorted(times)
    assert told["attempt"] == 1


@pytest.mark.parametrize("bit", [0, 2])
def test_every_bit_stands_where_the_result_says(http: httpx.Client, bit: int) -> None:
    job = create(http, flip(bit, 3), SHOTS=10, PHASE="RUN")
    wait(http, job)
    counts = http.get(f"{job}/results/counts").json()
    expected = "".join("1" if k == bit else "0" for k in (2, 1, 0))
    assert counts["circuits"][0]["counts"] == {expected: 10}
    assert counts["circuits"][0]["registers"] == [{"name": "c", "size": 3, "qubits": [0, 1, 2]}]
    assert "bit 0 is the last character" in counts["bit_order"]


def test_registers_stay_apart(http: httpx.Client) -> None:
    circuit = (
        'OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg a[1]; creg b[2];'
        " x q[2]; measure q[2] -> a[0]; measure q[0] -> b[0]; measure q[1] -> b[1];"
    )
    job = create(http, circuit, SHOTS=7, PHASE="RUN")
    wait(http, job)
    entry = http.get(f"{job}/results/counts").json()["circuits"][0]
    assert entry["counts"] == {"00 1": 7}
    assert entry["registers"] == [
        {"name": "a", "size": 1, "qubits": [2]},
        {"name": "b", "size": 2, "qubits": [0, 1]},
    ]


def test_the_same_seed_gives_the_same_counts_and_shots(http: httpx.Client) -> None:
    seen = []
    for _ in range(2):
        job = create(http, SHOTS=200, SEED=12345, MEMORY="true", PHASE="RUN")
        wait(http, job)
        seen.append(http.get(f"{job}/results/memory").json()["circuits"][0]["memory"])
    assert seen[0] == seen[1]
    assert len(seen[0]) == 200
    assert set(seen[0]) == {"00", "11"}


def test_a_batch_gives_a_result_for_each_circuit(http: httpx.Client) -> None:
    job = create(http, [flip(0, 2), flip(1, 2), BELL3], SHOTS=20, PHASE="RUN")
    wait(http, job)
    circuits = http.get(f"{job}/results/counts").json()["circuits"]
    assert [item["index"] for item in circuits] == [0, 1, 2]
    assert circuits[0]["counts"] == {"01": 20}
    assert circuits[1]["counts"] == {"10": 20}
    assert sum(circuits[2]["counts"].values()) == 20
    assert http.get(f"{job}/results/counts-1").json()["counts"] == {"10": 20}
    assert job_json(http, job)["circuits_done"] == 3


def test_a_large_batch_is_listed_in_parts_and_found_circuit_by_circuit(http: httpx.Client) -> None:
    count = 301
    circuits = [f"{flip(place % 2, 2)}// {place}" for place in range(count)]
    job = create(http, circuits, SHOTS=20, PHASE="RUN")
    wait(http, job)
    told = job_json(http, job)
    assert (told["phase"], told["circuits_done"]) == ("COMPLETED", count)
    listed = [item["id"] for item in told["results"]]
    assert listed[:2] == ["result", "counts"]
    parts = [list(map(int, name.split("-")[1:])) for name in listed[2:]]
    assert [k for part in parts for k in range(part[0], part[-1] + 1)] == [*range(count)]
    assert len(parts) < count
    for place in (0, 7, 150, 300):
        bits = ("01", "10")[place % 2]
        found = http.get(f"{job}/results/counts-{place}")
        assert (found.json()["index"], found.json()["counts"]) == (place, {bits: 20})
        part = http.get(f"{job}/results/counts-{place}", headers={"Range": "bytes=1-5"})
        assert (part.status_code, part.content) == (206, found.content[1:6])
        assert http.get(f"{job}/parameters/CIRCUIT/{place}").text == circuits[place]
    assert http.get(f"{job}/results/counts-{count}").status_code == 404
    assert http.get(f"{job}/parameters/CIRCUIT/{count}").status_code == 404
    # All of them stand in the document as one parameter, by reference.
    (parameter,) = [
        e for e in document(http, job).iterfind("uws:parameters/*", NS) if e.get("id") == "CIRCUIT"
    ]
    assert parameter.get("byReference") == "true"
    assert http.get(parameter.text or "").json() == circuits
    page = http.get(f"{job}?SHOW=150", headers={"Accept": "text/html"})
    assert (page.status_code, "// 150" in page.text) == (200, True)


@pytest.mark.parametrize(
    ("wanted", "mime_type"),
    [
        ("votable", "application/x-votable+xml"),
        ("json", "application/json"),
        ("csv", "text/csv; charset=utf-8"),
    ],
)
def test_the_main_result_has_the_format_that_was_asked_for(
    http: httpx.Client, wanted: str, mime_type: str
) -> None:
    job = create(http, flip(0, 1), SHOTS=5, RESPONSEFORMAT=wanted, PHASE="RUN")
    wait(http, job)
    answer = http.get(f"{job}/results/result")
    assert answer.headers["content-type"] == mime_type
    if wanted == "csv":
        assert answer.text.splitlines() == ["circuit,outcome,count,fraction", "0,1,5,1.0"]
    elif wanted == "json":
        assert json.loads(answer.text)["circuits"][0]["counts"] == {"1": 5}


def test_a_large_circuit_comes_back_by_reference_to_the_byte(http: httpx.Client) -> None:
    circuit = BELL2 + "// \t é 量子\r\n" * 1000
    job = create(http, circuit, SHOTS=10, PHASE="RUN")
    assert wait(http, job) == "COMPLETED"
    parameter = document(http, job).find("uws:parameters/uws:parameter[@id='CIRCUIT']", NS)
    assert parameter is not None
    assert parameter.get("byReference") == "true"
    assert http.get(parameter.text or "").content == circuit.encode()


def test_ranges_and_head(http: httpx.Client) -> None:
    job = create(http, SHOTS=10, PHASE="RUN")
    wait(http, job)
    url = f"{job}/results/counts"
    whole = http.get(url)
    head = http.head(url)
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.content == b""
    part = http.get(url, headers={"Range": "bytes=2-5"})
    assert part.status_code == 206
    assert part.content == whole.content[2:6]
    assert part.headers["content-range"] == f"bytes 2-5/{len(whole.content)}"
    assert http.get(url, headers={"Range": "bytes=-3"}).content == whole.content[-3:]
    beyond = http.get(url, headers={"Range": "bytes=999999-"})
    assert beyond.status_code == 416
    assert http.get(url, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304


def test_delete_removes_the_job_and_its_files(http: httpx.Client, service: Service) -> None:
    job = create(http, BELL2 + "// " + "x" * 10_000, SHOTS=10, PHASE="RUN")
    wait(http, job)
    job_id = job.rsplit("/", 1)[1]
    assert (service.artifacts / job_id).exists()
    answer = http.delete(job)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{service.url}/jobs")
    assert http.get(job).status_code == 404
    assert http.get(f"{job}/results/counts").status_code == 404
    assert not (service.artifacts / job_id).exists()


def test_a_part_may_be_called_as_a_parameter_is(http: httpx.Client) -> None:
    answer = http.post(
        "/jobs",
        data={"CIRCUIT": "param:upload", "PHASE": "RUN", "SHOTS": "5"},
        files={"upload": ("x.qasm", flip(0, 1))},
    )
    assert answer.status_code == 303, answer.text
    job = answer.headers["Location"]
    assert wait(http, job) == "COMPLETED"
    assert http.get(f"{job}/results/counts").json()["circuits"][0]["counts"] == {"1": 5}
