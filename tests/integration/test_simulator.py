"""METHOD and NOISE over HTTP, and what the simulator says of itself."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from circuits import BELL2
from uws import create, job_json, wait

TURNED = BELL2.replace("h q[0]", "ry(0.3) q[0]")


def ran(http: httpx.Client, job: str) -> tuple[list[dict[str, Any]], str]:
    """Wait for the job; give its counts and what it noted."""
    assert wait(http, job) == "COMPLETED", job_json(http, job)
    notes = [
        entry["message"] for entry in job_json(http, job)["timeline"] if entry["status"] == "note"
    ]
    return http.get(f"{job}/results/counts").json()["circuits"], "\n".join(notes)


@pytest.mark.parametrize(
    ("circuit", "form", "engine", "says"),
    [
        (BELL2, {}, "stim/stabilizer", "Clifford"),
        (BELL2, {"METHOD": "AUTO", "NOISE": "none"}, "stim/stabilizer", "Clifford"),
        (TURNED, {}, "/statevector", "fits into memory"),
        (BELL2, {"METHOD": "Matrix-Product-State"}, "aer/matrix_product_state", "METHOD asks"),
        (TURNED, {"METHOD": "density_matrix"}, "aer/density_matrix", "METHOD asks"),
    ],
    ids=["Clifford", "words for the default", "state vector", "tensors", "density matrix"],
)
def test_the_timeline_says_how_a_circuit_was_run(
    http: httpx.Client, circuit: str, form: dict[str, str], engine: str, says: str
) -> None:
    (result,), notes = ran(http, create(http, circuit, **form, PHASE="RUN"))
    assert set(result["counts"]) <= {"00", "11"}
    assert result["engine"].endswith(engine)
    assert says in notes


def test_noise_makes_wrong_what_cannot_be_wrong_without_it(http: httpx.Client) -> None:
    form = {"NOISE": "depolarizing:p=0.02,p2=0.1+readout:p01=0.3,p10=0", "SHOTS": 2000}
    (result,), notes = ran(http, create(http, BELL2, **form, PHASE="RUN"))
    counts = result["counts"]
    assert result["engine"] == "stim/stabilizer"
    assert "Pauli errors" in notes
    # Of the 00s about half are read wrong in one bit or the other, of the 11s hardly any.
    assert 600 < counts["11"] < 1400
    assert 200 < counts["01"] < 700
    assert 200 < counts["10"] < 700
    as_json = {"NOISE": '{"thermal": {"t1": 1e-6, "t2": 1e-6, "time2": 1e-5}}', "SHOTS": 2000}
    (result,), _ = ran(http, create(http, BELL2, **as_json, PHASE="RUN"))
    assert result["engine"] == "aer/density_matrix"
    assert result["counts"]["00"] > 1990


def test_a_clifford_circuit_may_be_wide(http: httpx.Client) -> None:
    gates = "".join(f"cx q[{k}],q[{k + 1}];" for k in range(199))
    wide = f'OPENQASM 2.0; include "qelib1.inc"; qreg q[200]; creg c[200]; h q[0]; {gates}'
    (result,), _ = ran(http, create(http, wide + "measure q -> c;", PHASE="RUN"))
    assert set(result["counts"]) == {"0" * 200, "1" * 200}
    assert result["registers"][0]["qubits"] == list(range(200))


def test_circuits_of_a_batch_draw_from_seeds_of_their_own(http: httpx.Client) -> None:
    form = {"SEED": 11, "SHOTS": 5000, "PHASE": "RUN"}
    batch = [ran(http, create(http, [BELL2, BELL2], **form))[0] for _ in range(2)]
    alone = ran(http, create(http, BELL2, **form))[0]
    first, second = (item["counts"] for item in batch[0])
    assert first != second
    assert [item["counts"] for item in batch[1]] == [first, second]
    assert alone[0]["counts"] == first


def test_a_job_that_may_take_too_long_says_so(http: httpx.Client) -> None:
    # Never run: it would keep the worker busy.
    circuit = BELL2.replace("q[2]", "q[24]").replace("c[2]", "c[24]")
    circuit += "t q[0]; measure q[0] -> c[0];"
    job = create(http, circuit, SHOTS=2000, EXECUTIONDURATION=60)
    (told,) = [
        entry["message"]
        for entry in job_json(http, job)["timeline"]
        if entry["status"] == "validated"
    ]
    assert "it may take about" in told
    assert "stopped after 60" in told


@pytest.mark.parametrize("value", ["depolarizing:p=0.1", "none"])
def test_method_and_noise_can_be_changed_while_pending(http: httpx.Client, value: str) -> None:
    job = create(http, BELL2, METHOD="statevector", NOISE="readout:0.5")
    refused = http.post(f"{job}/parameters", data={"NOISE": "depolarizing:p=7"})
    assert refused.status_code == 403
    assert "0.75" in refused.text
    assert http.post(f"{job}/parameters", data={"METHOD": "stabilizer"}).status_code == 303
    assert http.post(f"{job}/parameters", data={"NOISE": value}).status_code == 303
    http.post(f"{job}/phase", data={"PHASE": "RUN"})
    (result,), _ = ran(http, job)
    assert result["engine"] == "stim/stabilizer"
    assert (len(result["counts"]) > 2) == (value != "none")
