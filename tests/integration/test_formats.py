"""Circuits in every format and however they are sent, over the service as it runs."""

import io

import httpx
import pytest
from harness import Service
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qpy
from uws import wait

from quws.client import Client
from quws.domain.payloads import as_text


def _crosswise() -> bytes:
    circuit = QuantumCircuit(
        QuantumRegister(2, "q"), ClassicalRegister(2, "a"), ClassicalRegister(3, "b")
    )
    circuit.x(1)
    circuit.measure([1, 0, 1], [1, 0, 2])
    file = io.BytesIO()
    qpy.dump(circuit, file)
    return file.getvalue()


QPY = _crosswise()
COUNTS = {"001 10": 20}


def _submitted(http: httpx.Client, way: str) -> httpx.Response:
    fields = {"SHOTS": "20", "PHASE": "RUN"}
    match way:
        case "file":
            return http.post("/jobs", data=fields, files={"CIRCUIT": ("c.qpy", QPY)})
        case "part":
            fields["CIRCUIT"] = "param:upload"
            return http.post("/jobs", data=fields, files={"upload": ("c.qpy", QPY)})
        case "form":
            return http.post("/jobs", data=fields | {"CIRCUIT": as_text(QPY)})
    raise AssertionError(way)


@pytest.mark.parametrize("way", ["file", "part", "form"])
def test_qpy_runs_and_comes_back_byte_for_byte(http: httpx.Client, way: str) -> None:
    answer = _submitted(http, way)
    assert answer.status_code == 303, answer.text
    job = answer.headers["location"]
    kept = http.get(f"{job}/parameters/CIRCUIT")
    assert kept.content == QPY
    assert kept.headers["content-type"] == "application/octet-stream"
    wait(http, job)
    told = http.get(job, headers={"Accept": "application/json"}).json()
    assert told["phase"] == "COMPLETED", told
    counts = http.get(f"{job}/results/counts").json()
    assert counts["circuits"][0]["counts"] == COUNTS
    page = http.get(job, headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "<svg" in page.text


def test_the_client_takes_bytes(service: Service) -> None:
    with Client(service.url) as client:
        assert client.submit(QPY, shots=20).wait().counts() == COUNTS
