"""Circuits in every format and however they are sent, over the service as it runs."""

import base64
import io
import json
import random
import re
from pathlib import Path

import httpx
import pyqir
import pytest
from circuits import BELL2, BELL3
from harness import Service
from qir import number, program, qis, result, rt
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
        case "json":
            return http.post("/jobs", json=fields | {"CIRCUIT": [as_text(QPY)]})
        case "form":
            return http.post("/jobs", data=fields | {"CIRCUIT": as_text(QPY)})
    raise AssertionError(way)


@pytest.mark.parametrize("way", ["file", "part", "form", "json"])
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


QIR_TEXT = program(
    qis("x__body", number(1)),
    *(qis("mz__body", number(at), number(bit)) for bit, at in enumerate([1, 0, 1])),
    rt("array", "i64 2", "ptr @0"),
    *(result(bit) for bit in (0, 1)),
    rt("array", "i64 1", "ptr @1"),
    result(2),
    labels=("a", "b"),
)
QIR = pyqir.Module.from_ir(pyqir.Context(), QIR_TEXT).bitcode
_WRITTEN = json.loads((Path(__file__).parents[1] / "qir_circuits.json").read_text())
BITCODE = base64.b64decode(_WRITTEN["programs"]["qiskit-qir"]["base64"])
DEADLY = [2179, 3442, 13009, 12837, 13094, 14990]
"""Bits of which LLVM 20 dies where they are wrong."""
FLIPS = [[bit] for bit in DEADLY] + [
    [random.Random(seed).randrange(32, len(BITCODE) * 8) for _ in range(1 + seed % 7)]
    for seed in range(20)
]


def test_qir_runs_and_comes_back_byte_for_byte(service: Service, http: httpx.Client) -> None:
    fields = {"SHOTS": "20", "PHASE": "RUN"}
    answers = [
        http.post("/jobs", data=fields, files={"CIRCUIT": ("c.bc", QIR)}),
        http.post("/jobs", json=fields | {"CIRCUIT": [as_text(QIR)], "LANG": "qir"}),
        http.post("/jobs", data=fields | {"CIRCUIT": QIR_TEXT}),
    ]
    for sent, answer in zip((QIR, QIR, QIR_TEXT.encode()), answers, strict=True):
        assert answer.status_code == 303, answer.text
        job = answer.headers["location"]
        assert http.get(f"{job}/parameters/CIRCUIT").content == sent
        wait(http, job)
        told = http.get(job, headers={"Accept": "application/json"}).json()
        assert told["phase"] == "COMPLETED", told
        counts = http.get(f"{job}/results/counts").json()["circuits"][0]
        assert counts["counts"] == {"1 10": 20}
        assert [(item["name"], item["qubits"]) for item in counts["registers"]] == [
            ("a", [0, 1]),
            ("b", [1]),
        ]
        assert "<svg" in http.get(job, headers={"Accept": "text/html"}).text
    with Client(service.url) as client:
        assert client.submit(QIR, shots=20).wait().counts() == {"1 10": 20}


def test_bitcode_that_breaks_its_reader_down_is_a_refused_circuit(http: httpx.Client) -> None:
    for flips in FLIPS:
        data = bytearray(BITCODE)
        for bit in flips:
            data[bit // 8] ^= 1 << bit % 8
        answer = http.post("/jobs", files={"CIRCUIT": ("c.bc", bytes(data))})
        # Some wrong bits are in what nobody reads.
        assert answer.status_code in (303, 403), (flips, answer.text)
        assert answer.text.count("\n") <= 1
        assert len(answer.text) < 600
    assert http.post("/jobs", files={"CIRCUIT": ("c.bc", BITCODE)}).status_code == 303


_TEXTS = {
    "IQM-JSON": (
        '{"name": "c", "instructions": ['
        '{"name": "prx", "locus": ["QB2"], "args": {"angle": 3.141592653589793, "phase": 0.5}},'
        '{"name": "measure", "locus": ["QB2", "QB1"], "args": {"key": "b", "feedback_key": "f"}},'
        '{"name": "cc_prx", "locus": ["QB3"], "args": {"angle_t": 0.5, "phase_t": 0,'
        ' "feedback_qubit": "QB2", "feedback_key": "f"}},'
        '{"name": "measure", "locus": ["QB1", "QB3", "QB2"], "args": {"key": "a"}}]}',
        "^110 01$",
    ),
    "CIRQ-JSON": (
        '{"cirq_type": "Circuit", "moments": [{"cirq_type": "Moment", "operations": ['
        '{"cirq_type": "GateOperation", "gate": {"cirq_type": "XPowGate", "exponent": 1.0,'
        ' "global_shift": 0.0}, "qubits": [{"cirq_type": "LineQubit", "x": 1}]}]},'
        '{"cirq_type": "Moment", "operations": [{"cirq_type": "GateOperation", "gate":'
        ' {"cirq_type": "MeasurementGate", "num_qubits": 3, "key": "b", "invert_mask": [true]},'
        ' "qubits": [{"cirq_type": "LineQubit", "x": 0}, {"cirq_type": "LineQubit", "x": 2},'
        ' {"cirq_type": "LineQubit", "x": 1}]}]}]}',
        "^101$",
    ),
    "STIM": ("X 1\nM 1 0\nCX rec[-2] 0\nMX 1\nMY !1\nM 0", "^1..01$"),
}


@pytest.mark.parametrize("language", _TEXTS)
def test_other_formats_run_whether_lang_names_them_or_not(
    http: httpx.Client, language: str
) -> None:
    text, expected = _TEXTS[language]
    fields = {"CIRCUIT": [text, text], "SHOTS": "20", "PHASE": "RUN"}
    for more in ({}, {"LANG": language.lower()}):
        job = http.post("/jobs", data=fields | more).headers["location"]
        wait(http, job)
        told = http.get(job, headers={"Accept": "application/json"}).json()
        assert told["phase"] == "COMPLETED", told
        for circuit in http.get(f"{job}/results/counts").json()["circuits"]:
            assert sum(circuit["counts"].values()) == 20
            assert all(re.search(expected, outcome) for outcome in circuit["counts"])
        assert "<svg" in http.get(job, headers={"Accept": "text/html"}).text
        assert http.get(f"{job}/parameters/CIRCUIT/0").content == text.encode()


def test_a_job_of_several_circuits_as_json(http: httpx.Client) -> None:
    sent = {
        "CIRCUIT": [BELL2, BELL3, as_text(QPY)],
        "SHOTS": 20,
        "MEMORY": True,
        "METADATA": {"run": 7},
        "PHASE": "RUN",
    }
    job = http.post("/jobs", json=sent).headers["location"]
    kept = [http.get(f"{job}/parameters/CIRCUIT/{place}") for place in range(3)]
    assert [item.content for item in kept] == [BELL2.encode(), BELL3.encode(), QPY]
    wait(http, job)
    told = http.get(job, headers={"Accept": "application/json"}).json()
    assert told["phase"] == "COMPLETED", told
    assert told["metadata"] == {"run": 7}
    counts = http.get(f"{job}/results/counts").json()["circuits"]
    assert [set(item["counts"]) <= {"00", "11"} for item in counts] == [True, True, False]
    assert counts[2]["counts"] == COUNTS


def test_json_that_is_none_is_refused_with_the_place(http: httpx.Client) -> None:
    answer = http.post("/jobs", content='{"SHOTS": ', headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "line 1, column 11" in answer.text


def test_the_client_takes_bytes(service: Service) -> None:
    with Client(service.url) as client:
        assert client.submit(QPY, shots=20).wait().counts() == COUNTS
