"""What Superstaq's clients are told, on the wire."""

from __future__ import annotations

import io
import json
from base64 import b64decode, encodebytes
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from answers import expect, json_of
from done import complete
from house import DESCRIPTION
from in_process import Api, open_api
from qiskit import QuantumCircuit, qpy

from quws.api.doors.superstaq import job as job_of_door
from quws.api.doors.superstaq.counts import counts_of
from quws.api.doors.superstaq.names import email_of, find_target, target_name
from quws.api.doors.superstaq.request import CircuitType, NewJob, parameters_of
from quws.api.kit.auth import AuthSettings
from quws.domain.caller import AuthMethod, Caller
from quws.domain.circuits import Register
from quws.domain.clock import utc_now
from quws.domain.job import Job
from quws.domain.kinds import JobKind
from quws.domain.outcomes import CircuitOutcome, JobOutcomes
from quws.domain.phases import Phase
from quws.domain.targets import Feature, TargetKind
from quws.services.jobs.circuits import CircuitPage

pytestmark = pytest.mark.anyio

NOBODY = Caller(None)
TARGET = "quws_simulator_simulator"
JOB = "/v0.3.0/client/job"


def qiskit_circuits(number: int = 2) -> str:
    """A batch as the client writes it."""
    file = io.BytesIO()
    qpy.dump([QuantumCircuit(1, 1, name=f"c{index}") for index in range(number)], file, version=13)
    return encodebytes(file.getvalue()).decode()


def wanted(**more: Any) -> dict[str, Any]:
    return {
        "job_type": "submit",
        "target": TARGET,
        "circuits": qiskit_circuits(),
        "circuit_type": "qiskit",
        "shots": 3,
        "tags": ["a"],
        "metadata": {"run": 7},
    } | more


async def submitted(http: httpx.AsyncClient, **more: Any) -> str:
    told = json_of(await http.post(JOB, json=wanted(**more)))
    assert told["num_circuits"] == 2
    return str(told["job_id"])


async def shown(http: httpx.AsyncClient, job: str) -> dict[str, Any]:
    told = json_of(await http.get(f"{JOB}/qiskit", params={"job_id": job}))
    assert list(told) == [job]
    return dict(told[job])


async def test_a_request_is_a_job_like_all_others(http: httpx.AsyncClient) -> None:
    job = await submitted(http)
    found = json_of(await http.get(f"/jobs/{job}", headers={"Accept": "application/json"}))
    assert (found["phase"], found["circuits"], found["tags"]) == ("QUEUED", 2, ["a"])
    assert found["json_parameters"]["SHOTS"] == "3"
    told = await shown(http, job)
    assert told["statuses"] == ["awaiting_compile"] * 2
    assert (told["tags"], told["metadata"], told["shots"]) == (["a"], {"run": 7}, [3, 3])
    assert (told["target"], told["counts"]) == (TARGET, [None, None])
    assert told["user_email"] == "anonymous@example.com"
    names = []
    for text in told["input_circuits"]:
        (circuit,) = qpy.load(io.BytesIO(b64decode(text)))
        names.append(circuit.name)
    assert names == ["c0", "c1"]


def outcomes(job: str) -> JobOutcomes:
    """Bit 1 of the first circuit is not measured."""
    first = [Register(name="b", size=2, qubits=[0, None]), Register(name="a", size=1, qubits=[1])]
    second = [Register(name="c", size=1, qubits=[0])]
    return JobOutcomes(
        job,
        "simulator",
        3,
        [
            CircuitOutcome({"1 00": 1, "0 01": 2}, index=0, registers=first),
            CircuitOutcome({"1": 3}, index=1, registers=second),
        ],
    )


async def test_counts_begin_with_bit_0(api: Api, http: httpx.AsyncClient) -> None:
    job = await submitted(http)
    await complete(api, job, outcomes(job), parts=True)
    told = await shown(http, job)
    assert told["statuses"] == ["completed", "completed"]
    assert told["counts"] == [{"01": 1, "10": 2}, {"1": 3}]
    ids = [f"{job}:0", f"{job}:1"]
    old = json_of(await http.post("/v0.2.0/fetch_jobs", json={"job_ids": ids[1:]}))
    assert list(old) == ids[1:]
    assert (old[ids[1]]["status"], old[ids[1]]["samples"]) == ("Done", {"1": 3})
    # Of Cirq's circuits the keys go by the alphabet.
    first = outcomes(job).circuits[0]
    assert counts_of(first, CircuitType.CIRQ, "") == {"100": 1, "010": 2}


def test_the_alphabet_is_that_of_keys_and_not_of_registers() -> None:
    """``1`` is no name of a register, which is called m_1 and would come after b."""

    def measured(key: str) -> dict[str, Any]:
        gate = {"cirq_type": "MeasurementGate", "key": key}
        return {"sub_operation": {"cirq_type": "GateOperation", "gate": gate}, "tags": []}

    text = json.dumps({"moments": [{"operations": [measured("b"), measured("1")]}]})
    registers = [Register(name="b", size=1, qubits=[0]), Register(name="m_1", size=1, qubits=[1])]
    outcome = CircuitOutcome({"0 1": 3}, registers=registers)
    assert counts_of(outcome, CircuitType.CIRQ, text) == {"01": 3}


async def test_what_is_done_has_counts_or_is_not_done_yet(
    api: Api, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client never asks again for a circuit that is over."""
    job = await submitted(http)
    jobs = api.services.jobs
    early = await jobs.reader.get(NOBODY, job)
    await complete(api, job, outcomes(job), parts=True)
    page = await jobs.circuits.page(NOBODY, job, 9)

    async def read(caller: Caller, job_id: str) -> Job:
        return replace(early, phase=Phase.EXECUTING)

    async def circuits(*_: Any, **__: Any) -> CircuitPage:
        return page

    # As if all of it were written right between the two looks.
    monkeypatch.setattr(jobs.circuits, "page", circuits)
    monkeypatch.setattr(jobs.reader, "get", read)
    told = await shown(http, job)
    assert (told["statuses"], told["counts"]) == (["running"] * 2, [None] * 2)
    # A client that wants what it was compiled to waits while it is compiled, and no longer.
    compiling = DESCRIPTION.model_copy(update={"features": [Feature.COMPILING]})
    await api.backends.targets.register([compiling], utc_now(), replace=True)
    assert (await shown(http, job))["statuses"] == ["compiling"] * 2


async def test_cancelling_is_told_of_each_job(http: httpx.AsyncClient) -> None:
    job, unknown = await submitted(http), str(uuid4())
    asked = {"job_id": [job, unknown]}
    told = json_of(await http.put("/v0.3.0/client/cancel_jobs", json=asked))
    assert told["succeeded"] == [job]
    assert f"there is no job {unknown}" in told["message"]
    assert (await shown(http, job))["statuses"] == ["cancelled", "cancelled"]
    again = json_of(await http.put("/v0.3.0/client/cancel_jobs", json={"job_id": [job]}), 400)
    assert "ABORT needs a job that is not over" in again["message"]


async def test_circuits_of_which_one_cannot_be_cancelled_are_told_of_as_well(
    http: httpx.AsyncClient,
) -> None:
    one, other, unknown = await submitted(http), await submitted(http), str(uuid4())

    async def cancel(*ids: str, status: int = 200) -> dict[str, Any]:
        answer = await http.post("/v0.2.0/cancel_jobs", json={"job_ids": list(ids)})
        return dict(json_of(answer, status))

    # A refused request has changed nothing.
    assert unknown in (await cancel(f"{one}:0", f"{unknown}:0", status=404))["message"]
    assert (await shown(http, one))["statuses"] == ["awaiting_compile"] * 2
    assert (await cancel(f"{one}:0"))["succeeded"] == [f"{one}:0"]
    assert (await cancel(f"{one}:0", f"{other}:1"))["succeeded"] == [f"{other}:1"]
    assert "ABORT needs" in (await cancel(f"{other}:1", status=409))["message"]


async def test_what_others_write_into_metadata_and_texts_is_no_fault(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = {"CIRCUIT": "OPENQASM 2.0;", "METADATA": '{"superstaq": {"circuit_type": []}}'}
    made = expect(await http.post("/jobs", data=form), 303).headers["location"]
    told = await shown(http, made.rpartition("/")[2])
    assert (told["circuit_type"], told["input_circuits"]) == ("qiskit", [form["CIRCUIT"]])
    text = "x" * 10
    assert job_of_door._all_written([text] * 3) == [text] * 3
    monkeypatch.setattr(job_of_door, "_MOST_REPEATED", 29)
    assert job_of_door._all_written([text] * 3) == [text, "", ""]
    tags = [("tags", str(number)) for number in range(21)]
    answer = await http.get(f"{JOB}/qiskit", params=tags)
    assert "tags may be given at most 20 times" in json_of(answer, 400)["message"]
    answer = await http.get(f"{JOB}/qiskit", params={"tags": "a\0"})
    assert "without NUL" in json_of(answer, 400)["message"]


async def test_in_the_old_version_each_circuit_has_an_id(http: httpx.AsyncClient) -> None:
    sent = {"qiskit_circuits": qiskit_circuits(), "target": TARGET, "shots": 3, "options": "{}"}
    ids = json_of(await http.post("/v0.2.0/jobs", json=sent))["job_ids"]
    job = ids[0].partition(":")[0]
    assert ids == [f"{job}:0", f"{job}:1"]
    told = json_of(await http.post("/v0.2.0/fetch_jobs", json={"job_ids": ids}))
    assert [told[item]["status"] for item in ids] == ["Queued", "Queued"]
    for some, statuses in ((ids[:1], ["Cancelled", "Queued"]), (ids, ["Cancelled", "Cancelled"])):
        answer = await http.post("/v0.2.0/cancel_jobs", json={"job_ids": some})
        assert json_of(answer)["succeeded"] == some
        told = json_of(await http.post("/v0.2.0/fetch_jobs", json={"job_ids": ids}))
        assert [told[item]["status"] for item in ids] == statuses
    for wrong in (f"{job}:2", job, f"{job}:x"):
        answer = await http.post("/v0.2.0/fetch_jobs", json={"job_ids": [wrong]})
        assert json_of(answer, 404)["code"] == "not_found"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"shots": 5001}, "SHOTS"),
        ({"target": "quws_nothing_qpu"}, f"there are: {TARGET}"),
        ({"circuits": "no base64!"}, "must be a QPY file in base64"),
        ({"circuits": "QUFBQQ=="}, "ends in the middle"),
        ({"circuits": qiskit_circuits(4)}, "has 4 circuits; the target takes 1 to 3"),
        ({"circuits": "{", "circuit_type": "cirq"}, "no JSON"),
        ({"circuits": "[]", "circuit_type": "cirq"}, "there are no circuits"),
        ({"circuits": "[{}]", "circuit_type": "cirq"}, "circuit 0 is not a circuit of Cirq's"),
        ({"circuits": '"x"', "circuit_type": "cirq"}, "circuit 0 is not a circuit of Cirq's"),
        ({"shots": 0}, "shots must be a whole number, 1 or more"),
        ({"shots": True}, "'shots'"),
        ({"job_type": "convert"}, "job_type must be submit, simulate or compile"),
        ({"job_type": "compile"}, "does not compile alone"),
        ({"sim_method": "noise-sim", "job_type": "simulate"}, "for targets that emulate a device"),
        ({"circuit_type": "braket"}, "circuit_type"),
    ],
)
async def test_what_is_not_done_is_refused_in_words(
    http: httpx.AsyncClient, change: dict[str, Any], sentence: str
) -> None:
    told = json_of(await http.post(JOB, json=wanted(**change)), 400)
    assert sentence in told["message"]
    assert json_of(await http.get("/jobs", headers={"Accept": "application/json"})) == []


DEVICE = DESCRIPTION.model_copy(
    update={
        "name": "my_chip",
        "kind": TargetKind.EMULATOR,
        "qubits": 3,
        "coupling": [(0, 1), (1, 2)],
        "native_gates": ["r", "cz"],
        "job_kinds": [JobKind.SAMPLE, JobKind.COMPILE],
    }
)


async def test_targets_are_told(api: Api, http: httpx.AsyncClient) -> None:
    await api.backends.targets.register([DESCRIPTION, DEVICE], utc_now(), replace=True)
    rows = json_of(await http.get("/v0.3.0/client/targets"))
    assert [row["target_name"] for row in rows] == ["quws_my-chip_qpu", TARGET]
    rows = json_of(await http.get("/v0.3.0/client/targets", params={"simulator": "True"}))
    assert [row["target_name"] for row in rows] == [TARGET]
    old = json_of(await http.post("/v0.2.0/targets", json={}))["superstaq_targets"]
    assert old["quws_my-chip_qpu"]["supports_compile"] is True
    for version, path in (("v0.3.0", "client/retrieve_target_info"), ("v0.2.0", "target_info")):
        answer = await http.post(f"/{version}/{path}", json={"target": "quws_my-chip_qpu"})
        info = json_of(answer)["target_info"]
        assert (info["num_qubits"], info["coupling_map"]) == (3, [[0, 1], [1, 2]])
        assert info["native_gate_set"] == ["r", "cz"]


async def test_a_dry_run_goes_to_the_simulator(api: Api, http: httpx.AsyncClient) -> None:
    await api.backends.targets.register([DESCRIPTION, DEVICE], utc_now(), replace=True)
    device = target_name(DEVICE)
    for more, place in (({}, device), ({"dry_run": True}, TARGET)):
        job = await submitted(http, target=device, **more)
        assert (await shown(http, job))["target"] == place
    told = json_of(await http.post(JOB, json=wanted(target=device, verbatim=True)), 400)
    assert "verbatim must be false" in told["message"]


async def test_what_is_to_run_as_it_is_is_not_compiled(api: Api, http: httpx.AsyncClient) -> None:
    device = DEVICE.model_copy(update={"features": [Feature.COMPILING]})
    await api.backends.targets.register([device], utc_now(), replace=True)
    job = await submitted(http, target=target_name(device), verbatim=True)
    found = json_of(await http.get(f"/jobs/{job}", headers={"Accept": "application/json"}))
    assert found["json_parameters"]["OPTIMIZATION"] == "none"


async def test_what_circuits_were_compiled_to_comes_back(api: Api, http: httpx.AsyncClient) -> None:
    job = await submitted(http)
    more = {"circuit-0": "OPENQASM 3.0; // one", "circuit-1": "OPENQASM 3.0; // two"}
    await complete(api, job, outcomes(job), parts=False, more=more)
    told = await shown(http, job)
    texts = [b64decode(text) for text in told["compiled_circuits"]]
    assert texts == [b"QISKIT OPENQASM 3.0; // one", b"QISKIT OPENQASM 3.0; // two"]
    assert told["initial_logical_to_physicals"] == [{"0": 0, "1": 1}] * 2
    assert told["final_logical_to_physicals"] == [{"0": 1}] * 2
    old = json_of(await http.post("/v0.2.0/fetch_jobs", json={"job_ids": [f"{job}:1"]}))
    assert b64decode(old[f"{job}:1"]["compiled_circuit"]) == texts[1]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "shots must be a whole number, 1 or more"),
        ({"shots": 0}, "shots must be a whole number, 1 or more"),
        ({"shots": True}, "'shots'"),
        ({"shots": 3, "options": "{"}, "options must be the JSON of an object"),
        ({"shots": 3, "options": "[]"}, "options must be the JSON of an object"),
    ],
)
async def test_the_old_version_refuses_in_words_too(
    http: httpx.AsyncClient, change: dict[str, Any], sentence: str
) -> None:
    sent = {"qiskit_circuits": qiskit_circuits(), "target": TARGET} | change
    assert sentence in json_of(await http.post("/v0.2.0/jobs", json=sent), 400)["message"]


def test_the_language_is_that_of_the_library() -> None:
    for circuit_type, language in (("cirq", b"CIRQ-JSON"), ("qiskit", b"QPY")):
        job = NewJob.model_validate(wanted(circuit_type=circuit_type))
        posted = {item.name: item.value for item in parameters_of(job, [b"x"], DESCRIPTION)}
        assert posted["LANG"] == language


async def test_nobody_waits_for_what_is_not_compiled(http: httpx.AsyncClient) -> None:
    sent = {"qiskit_circuits": qiskit_circuits(), "target": TARGET, "options": "{}"}
    told = json_of(await http.post("/v0.2.0/compile", json=sent), 400)
    assert "does not compile alone" in told["message"]
    sent["target"] = "aqt_keysight_qpu"
    told = json_of(await http.post("/v0.2.0/aqt_compile", json=sent), 400)
    assert "there is no target 'aqt_keysight_qpu'" in told["message"]


async def test_who_asks_is_told_and_nobody_s_token(http: httpx.AsyncClient) -> None:
    (user,) = json_of(await http.get("/v0.3.0/client/user"))
    assert (user["name"], user["token"]) == ("anonymous", "")
    assert list(json_of(await http.get("/v0.2.0/user_info"))) == [user["user_id"]]
    assert json_of(await http.get("/v0.3.0/client/balance"))["balance"] == 0
    assert json_of(await http.get("/v0.2.0/balance"))["balance"] == 0
    for version in ("0.2.0", "0.3.0"):
        answer = expect(await http.get(f"/v{version}"))
        assert answer.headers["superstaq_version"] == version


async def test_the_key_is_a_token_alone(tmp_path: Any, schema: Any) -> None:
    async with open_api(tmp_path, schema, AuthSettings(AuthMethod.USERS)) as api:
        await api.services.accounts.add("carol@lab.org", "carol-password", operator=False)
        secret = await api.services.accounts.create_token("carol@lab.org", "key", days=1)
        async with api.client() as http:
            for shown in (secret, f"Bearer {secret}"):
                answer = await http.get("/v0.3.0/client/user", headers={"Authorization": shown})
                assert json_of(answer)[0]["email"] == "carol@lab.org"
            wrong = await http.get("/v0.3.0/client/user", headers={"Authorization": "wrong"})
            assert json_of(wrong, 401)["code"] == "unauthenticated"
            # Elsewhere it is one with its scheme only.
            expect(await http.get("/jobs", headers={"Authorization": secret}), 401)


def test_names_are_those_that_the_clients_take() -> None:
    assert email_of("Jo Ann") == "Jo-Ann@example.com"
    assert email_of("!!") == "anonymous@example.com"
    assert find_target("ss_unconstrained_simulator", [DEVICE, DESCRIPTION]) is DESCRIPTION
    assert find_target("my_chip", [DEVICE]) is DEVICE
    assert find_target("x", [DEVICE]) is None
