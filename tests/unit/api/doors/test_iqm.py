"""What IQM's clients are told, on the wire."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest
from answers import expect, json_of
from done import complete
from house import DESCRIPTION
from in_process import Api, open_api
from iqm_requests import CALIBRATION, DEVICE, book, bookable, flip, wanted

from quws.api.doors.iqm.names import calibration_set_id, target_id
from quws.api.doors.iqm.request import rest_of
from quws.api.kit.auth import AuthSettings
from quws.domain.caller import AuthMethod
from quws.domain.circuits import Register
from quws.domain.clock import utc_now
from quws.domain.errors import InvalidCircuit
from quws.domain.outcomes import CircuitOutcome, JobOutcomes
from quws.domain.targets import (
    Feature,
)

pytestmark = pytest.mark.anyio

SIMULATOR = "/api/v1/jobs/simulator/circuit"


async def submitted(http: httpx.AsyncClient, *circuits: Any, **more: Any) -> dict[str, Any]:
    answer = await http.post(SIMULATOR, json=wanted(*circuits, **more))
    return dict(json_of(answer))


async def test_a_request_is_a_job_like_all_others(http: httpx.AsyncClient) -> None:
    told = await submitted(http, flip("QB1", "a"), flip("QB2", "b"))
    assert (told["status"], told["type"], told["queue_position"]) == ("waiting", "circuit", 0)
    assert [item["status"] for item in told["timeline"]] == ["created", "validated", "ready"]
    job = json_of(await http.get(f"/jobs/{told['id']}", headers={"Accept": "application/json"}))
    parameters = job["json_parameters"]
    assert (job["phase"], job["circuits"], job["target"]) == ("QUEUED", 2, "simulator")
    assert {name: parameters[name] for name in ("SHOTS", "LANG", "MEMORY")} == {
        "SHOTS": "7",
        "LANG": "IQM-JSON",
        "MEMORY": "true",
    }
    assert told == json_of(await http.get(f"/api/v1/jobs/{told['id']}"))


async def test_a_tag_is_a_tag_like_all_others(http: httpx.AsyncClient) -> None:
    body = wanted(flip("QB1", "a"))
    told = json_of(await http.post(SIMULATOR, params={"tag": "tuesday"}, json=body))
    assert told["tag"] == "tuesday"
    listed = await http.get(
        "/jobs", params={"TAG": "tuesday"}, headers={"Accept": "application/json"}
    )
    assert [item["id"] for item in json_of(listed)] == [told["id"]]
    assert json_of(await http.post(SIMULATOR, json=body))["tag"] is None
    refused = await http.post(SIMULATOR, params={"tag": "x" * 201}, json=body)
    assert refused.status_code == 400 and "TAG" in refused.json()["message"]


async def test_the_payload_comes_back(http: httpx.AsyncClient) -> None:
    mapping = [
        {"logical_name": "alice", "physical_name": "QB2"},
        {"logical_name": "QB2", "physical_name": "QB1"},
    ]
    sent = wanted(flip("alice", "a"), flip("QB2", "b"), qubit_mapping=mapping, later_field=[1])
    told = json_of(await http.post(SIMULATOR, json=sent))
    url = f"/jobs/{told['id']}/parameters/CIRCUIT"
    assert '"locus":["QB2"]' in expect(await http.get(url)).text
    assert '"locus":["QB1"]' in expect(await http.get(f"{url}/1")).text
    assert json_of(await http.get(f"/api/v1/jobs/{told['id']}/payload")) == sent


async def test_a_job_that_came_otherwise_has_no_payload(http: httpx.AsyncClient) -> None:
    made = await http.post("/jobs", data={"CIRCUIT": "OPENQASM 2.0; qreg q[2];"})
    job = made.headers["location"].rpartition("/")[2]
    assert json_of(await http.get(f"/api/v1/jobs/{job}"))["status"] == "waiting"
    assert json_of(await http.get(f"/api/v1/jobs/{job}/payload"), 404)["error_code"] == "not_found"


@pytest.mark.parametrize("mapping", [1, [1], [{}], [{"physical_name": [], "logical_name": 3}]])
def test_what_others_write_into_metadata_is_no_mapping(mapping: Any) -> None:
    assert rest_of({"iqm": {"qubit_mapping": mapping}})[1] == {}


@pytest.mark.parametrize("parts", [False, True])
async def test_bits_go_to_the_keys_of_measurements(
    api: Api, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, parts: bool
) -> None:
    if parts:
        monkeypatch.setattr("quws.api.doors.iqm.measurements._SHOTS", 2)
    first = flip("QB1", "a b")  # no name that a register could have
    first["instructions"] += [
        {"name": "measure", "locus": ["QB2", "QB3"], "args": {"key": "pair"}},
    ]
    told = await submitted(http, first, flip("QB2", "m"))
    pair = [Register(name="a_b", size=1), Register(name="pair", size=2)]
    counts = {"01 1": 2, "10 1": 1}
    outcomes = JobOutcomes(
        told["id"],
        "simulator",
        3,
        [
            CircuitOutcome(counts, ["01 1", "10 1", "01 1"], index=0, registers=pair),
            CircuitOutcome(
                {"0": 1, "1": 2}, ["1", "0", "1"], index=1, registers=[Register(name="m", size=1)]
            ),
        ],
    )
    await complete(api, told["id"], outcomes, parts=parts)
    url = f"/api/v1/jobs/{told['id']}"
    done = json_of(await http.get(url))
    assert (done["status"], done["queue_position"]) == ("completed", None)
    assert [item["type"] for item in done["artifacts"]] == ["measurements", "measurement_counts"]
    assert done["compilation"]["calibration_set_id"] == str(calibration_set_id("simulator", None))
    assert done["timeline"][-1]["status"] == "completed"
    assert json_of(await http.get(f"{url}/artifacts/measurements")) == [
        {"a b": [[1], [1], [1]], "pair": [[1, 0], [0, 1], [1, 0]]},
        {"m": [[1], [0], [1]]},
    ]
    assert json_of(await http.get(f"{url}/artifacts/measurement_counts")) == [
        {"measurement_keys": ["a b", "pair"], "counts": {"110": 2, "101": 1}},
        {"measurement_keys": ["m"], "counts": {"0": 1, "1": 2}},
    ]


async def test_a_circuit_without_a_result_gave_nothing(api: Api, http: httpx.AsyncClient) -> None:
    told = await submitted(http, flip("QB1", "a"), flip("QB2", "b"), flip("QB3", "c"))
    registers = [Register(name="b", size=1)]
    only = CircuitOutcome({"1": 7}, ["1"] * 7, index=1, registers=registers)
    await complete(api, told["id"], JobOutcomes(told["id"], "simulator", 7, [only]), parts=True)
    url = f"/api/v1/jobs/{told['id']}/artifacts"
    assert json_of(await http.get(f"{url}/measurements")) == [{}, {"b": [[1]] * 7}, {}]
    counts = json_of(await http.get(f"{url}/measurement_counts"))
    assert [item["counts"] for item in counts] == [{}, {"1": 7}, {}]


async def test_a_job_is_cancelled_once_and_deleted(http: httpx.AsyncClient) -> None:
    told = await submitted(http, flip("QB1", "a"))
    url = f"/api/v1/jobs/{told['id']}"
    assert json_of(await http.get(f"{url}/artifacts/measurements"), 404)["message"] == (
        f"job {told['id']} is waiting, and has no results"
    )
    expect(await http.post(f"{url}/cancel"))
    assert json_of(await http.get(url))["status"] == "cancelled"
    again = json_of(await http.post(f"{url}/cancel"), 409)
    assert again["error_code"] == "illegal_in_phase"
    expect(await http.delete(url))
    assert json_of(await http.get(url), 404)["error_code"] == "not_found"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"shots": 5001}, "SHOTS"),
        ({"shots": 0}, "'shots'"),
        ({"circuits": []}, "'circuits'"),
        ({"circuits": ["QIR"]}, "circuits[0] is a text"),
        ({"heralding_mode": "zeros"}, "heralding_mode must be 'none'"),
        ({"calibration_set_id": str(uuid4())}, "calibration_set_id must be null or"),
        (
            {
                "qubit_mapping": [
                    {"logical_name": "a", "physical_name": "QB1"},
                    {"logical_name": "b", "physical_name": "QB1"},
                ]
            },
            "qubit_mapping names a qubit twice",
        ),
    ],
)
async def test_what_is_not_done_is_refused_in_words(
    http: httpx.AsyncClient, change: dict[str, Any], sentence: str
) -> None:
    told = json_of(await http.post(SIMULATOR, json=wanted(flip("QB1", "a")) | change), 400)
    assert sentence in told["message"]
    assert set(told) == {"message", "detail", "error_code", "source"}
    jobs = json_of(await http.get("/jobs", headers={"Accept": "application/json"}))
    assert jobs == []


async def test_what_is_refused_before_a_route_is_told_in_the_same_way(
    api: Api, http: httpx.AsyncClient
) -> None:
    api.services.jobs.planner._checker.refuses = InvalidCircuit("the qubit is away")  # type: ignore[attr-defined]
    told = json_of(await http.post(SIMULATOR, json=wanted(flip("QB1", "a"))), 400)
    assert (told["message"], told["error_code"]) == (
        "CIRCUIT: the qubit is away",
        "invalid_payload",
    )
    assert json_of(await http.post(SIMULATOR, content=b"{"), 400)["error_code"] == "malformed_body"
    for body in ([], {"circuits": [{}], "qubit_mapping": [3]}):
        malformed = json_of(await http.post(SIMULATOR, json=body), 400)["message"]
        assert malformed.endswith(": Input should be an object")
    assert (
        "simulator" in json_of(await http.get("/api/v1/quantum-computers/x/health"), 404)["message"]
    )
    assert json_of(await http.get("/api/v1/nothing"), 404)["error_code"] == "not_found"
    assert json_of(await http.put("/api/v1/about"), 405)["error_code"] == "method_not_allowed"
    pulses = await http.post("/api/v1/jobs/simulator/run", content=b"\x00")
    assert json_of(pulses, 400)["error_code"] == "job_type_not_supported"
    slot = await http.post(f"{SIMULATOR}?use_timeslot=true", json=wanted(flip("QB1", "a")))
    assert "cannot be booked" in json_of(slot, 400)["message"]


async def test_a_job_runs_in_a_timeslot_that_its_owner_has_booked(
    api: Api, http: httpx.AsyncClient
) -> None:
    await bookable(api)
    body, mine = wanted(flip("QB1", "a")), {"use_timeslot": "true"}
    none = json_of(await http.post(SIMULATOR, params=mine, json=body), 409)
    assert none["error_code"] == "no_booked_timeslots"
    strict = await http.post("/api/v1/jobs/strict/circuit", json=body)
    assert json_of(strict, 409)["error_code"] == "timeslot_required"
    await book(http)
    told = json_of(await http.post(SIMULATOR, params=mine, json=body))
    job = json_of(await http.get(f"/jobs/{told['id']}", headers={"Accept": "application/json"}))
    assert (told["status"], job["json_parameters"]["TIMESLOT"]) == ("waiting", "required")


async def test_who_has_no_token_is_told_so_as_the_clients_read_it(
    tmp_path: Any, schema: Any
) -> None:
    async with open_api(tmp_path, schema, AuthSettings(AuthMethod.USERS)) as api:
        async with api.client() as http:
            token = {"Authorization": "Bearer wrong"}
            answer = await http.get("/api/v1/quantum-computers", headers=token)
            assert json_of(answer, 401)["error_code"] == "unauthenticated"


async def test_what_has_no_effect_is_said(http: httpx.AsyncClient) -> None:
    told = await submitted(http, flip("QB1", "a"), dd_mode="enabled", active_reset_cycles=2)
    said = [item["message"] for item in told["messages"]]
    assert [item.split(":")[0] for item in said] == [
        "without effect is dd_mode",
        "without effect is active_reset_cycles",
    ]


# -- targets ---------------------------------------------------------------------------------


@pytest.fixture
async def star(api: Api) -> str:
    """A device that has a calibration."""
    await api.backends.targets.register([DESCRIPTION, DEVICE], utc_now(), replace=True)
    await api.backends.targets.calibrated("star", CALIBRATION, present=True)
    return "star"


async def test_targets_are_quantum_computers(http: httpx.AsyncClient, star: str) -> None:
    found = json_of(await http.get("/api/v1/quantum-computers"))["quantum_computers"]
    assert [(item["alias"], item["id"], item["display_name"]) for item in found] == [
        ("simulator", str(target_id("simulator")), "The simulator"),
        ("star", str(target_id("star")), "A star"),
    ]
    base = f"/api/v1/quantum-computers/{target_id('star')}"
    assert json_of(await http.get(f"{base}/health"))["healthy"] is True
    (shape,) = json_of(await http.get(f"{base}/artifacts/static-quantum-architectures"))
    assert shape["qubits"] == ["QB1", "QB2", "QB3"]
    assert shape["connectivity"] == [["QB1", "QB2"], ["QB2", "QB3"]]
    (chip,) = json_of(await http.get(f"{base}/artifacts/chip-design-records"))
    assert chip["cheddar"]["chip_label"] == "star"
    assert [item["name"] for item in chip["content"]["components"]["tunable_coupler"]] == [
        "TC-1-2",
        "TC-2-3",
    ]
    for artifact in ("about", "duts"):
        json_of(await http.get(f"{base}/artifacts/{artifact}"))
    channels = expect(await http.get(f"{base}/artifacts/channel-properties"))
    assert channels.content == b""
    expect(await http.get(f"{base}/artifacts/settings"), 404)
    for path in ("/api/v1/about", "/about"):
        assert json_of(await http.get(path))["name"] == "quws"


async def test_gates_are_told_with_where_they_are(http: httpx.AsyncClient, star: str) -> None:
    known = str(calibration_set_id("star", "c1"))
    base = "/api/v1/calibration-sets/star"
    found = json_of(await http.get(f"{base}/default/dynamic-quantum-architecture"))
    assert found == json_of(await http.get(f"{base}/{known}/dynamic-quantum-architecture"))
    assert found["calibration_set_id"] == known
    loci = {name: item["implementations"]["quws"]["loci"] for name, item in found["gates"].items()}
    single = [["QB1"], ["QB2"], ["QB3"]]
    assert loci == {
        "prx": single,
        "measure": single,
        "cc_prx": single,
        "cz": [["QB1", "QB2"], ["QB2", "QB3"]],
    }
    unknown = await http.get(f"{base}/{uuid4()}/dynamic-quantum-architecture")
    assert "no calibration set" in json_of(unknown, 404)["message"]
    plain = json_of(
        await http.get("/api/v1/calibration-sets/simulator/default/dynamic-quantum-architecture")
    )
    assert len(plain["gates"]["cz"]["implementations"]["quws"]["loci"]) == 20 * 19 / 2


async def test_quality_is_told_by_the_names_that_the_clients_look_for(
    http: httpx.AsyncClient, star: str
) -> None:
    base = "/api/v1/calibration-sets/star/default"
    calibration = json_of(await http.get(base))
    metrics = json_of(await http.get(f"{base}/metrics"))
    assert metrics["describes_id"] == calibration["observation_set_id"]
    found = {
        item["dut_field"]: item["value"]
        for item in calibration["observations"] + metrics["observations"]
    }
    assert found == {
        "controllers.QB1.drive.frequency": 4.5e9,
        "gates.measure.quws.QB1.duration": 1e-6,
        "gates.prx.quws.QB1.duration": 4e-8,
        "gates.cz.quws.QB1__QB2.duration": 8e-8,
        "characterization.model.QB1.t1_time": 2e-5,
        "characterization.model.QB1.t2_time": 1e-5,
        "metrics.ssro.measure.quws.QB1.fidelity": 0.98,
        "metrics.ssro.measure.quws.QB1.error_0_to_1": 0.02,
        "metrics.ssro.measure.quws.QB1.error_1_to_0": 0.02,
        "metrics.rb.prx.quws.QB1.fidelity": 0.999,
        "metrics.irb.cz.quws.QB1__QB2.fidelity": 0.99,
    }


@pytest.mark.parametrize(
    ("native", "optimization"), [(["r", "cz"], "none"), (["sx", "rz", "cz"], "0")]
)
async def test_gates_stay_where_they_were_put(
    api: Api, http: httpx.AsyncClient, native: list[str], optimization: str
) -> None:
    more = {"features": [*DEVICE.features, Feature.COMPILING], "native_gates": native}
    device = DEVICE.model_copy(update=more)
    await api.backends.targets.register([device], utc_now(), replace=True)
    told = json_of(await http.post("/api/v1/jobs/star/circuit", json=wanted(flip("QB1", "a"))))
    job = json_of(await http.get(f"/jobs/{told['id']}", headers={"Accept": "application/json"}))
    assert job["json_parameters"]["OPTIMIZATION"] == optimization


async def test_a_door_that_is_off_is_not_there(tmp_path: Any, schema: Any) -> None:
    async with open_api(tmp_path, schema, doors=()) as api, api.client() as http:
        assert expect(await http.get("/api/v1/about"), 404).text.startswith("not_found: ")


# -- the protocol of before ------------------------------------------------------------------


async def test_in_the_old_protocol_a_job_is_told_with_its_request(
    api: Api, http: httpx.AsyncClient
) -> None:
    old = {
        "name": "old",
        "instructions": [
            {"name": "phased_rx", "qubits": ["q"], "args": {"angle_t": 0.5, "phase_t": 0.0}},
            {"name": "measurement", "qubits": ["q"], "args": {"key": "m"}},
        ],
    }
    mapping = [{"logical_name": "q", "physical_name": "QB3"}]
    sent = {"circuits": [old], "shots": 2, "qubit_mapping": mapping}
    job = json_of(await http.post("/cocos/jobs", json=sent), 201)["id"]
    told = json_of(await http.get(f"/cocos/jobs/{job}"))
    assert (told["status"], told["measurements"], told["message"]) == (
        "pending execution",
        None,
        None,
    )
    assert told["metadata"]["request"] == sent
    registers = [Register(name="m", size=1)]
    outcome = CircuitOutcome({"1": 1, "0": 1}, ["1", "0"], index=0, registers=registers)
    await complete(api, job, JobOutcomes(job, "simulator", 2, [outcome]), parts=False)
    told = json_of(await http.get(f"/cocos/simulator/jobs/{job}"))
    assert (told["status"], told["measurements"]) == ("ready", [{"m": [[1], [0]]}])
    assert told["metadata"]["calibration_set_id"] == str(calibration_set_id("simulator", None))
    counts = json_of(await http.get(f"/cocos/jobs/{job}/counts"))["counts_batch"]
    assert counts == [{"measurement_keys": ["m"], "counts": {"0": 1, "1": 1}}]
    status = json_of(await http.get(f"/cocos/jobs/{job}/status"))
    assert status == {"status": "ready", "message": None, "warnings": None}
    ended = json_of(await http.post(f"/cocos/jobs/{job}/abort"), 409)
    assert "ABORT needs a job that is not over" in ended["detail"]


async def test_the_old_protocol_has_a_path_for_each_target(
    http: httpx.AsyncClient, star: str
) -> None:
    found = json_of(await http.get("/cocos/star/quantum-architecture"))["quantum_architecture"]
    assert found["qubit_connectivity"] == [["QB1", "QB2"], ["QB2", "QB3"]]
    plain = json_of(await http.get("/cocos/quantum-architecture"))["quantum_architecture"]
    assert plain["name"] == "simulator"
    gates = json_of(await http.get("/cocos/star/api/v1/calibration/default/gates"))
    assert gates["calibration_set_id"] == str(calibration_set_id("star", "c1"))
    libraries = json_of(await http.get("/cocos/info/client-libraries"))
    assert libraries["iqm-client"]["min"] == "12.5"
    job = json_of(await http.post("/cocos/jobs", json=wanted(flip("QB1", "a"))), 201)["id"]
    expect(await http.post(f"/cocos/jobs/{job}/abort"))
    assert json_of(await http.get(f"/cocos/jobs/{job}/status"))["status"] == "aborted"
    assert "star" in json_of(await http.post("/cocos/moon/jobs", json={}), 404)["detail"]
