"""What the clients of qiskit-ibm-runtime are told, on the wire."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from answers import expect, json_of
from house import DESCRIPTION, FACTS
from in_process import Api, open_api
from qiskit import QuantumCircuit, qpy
from store_helpers import NOW, entry

from quws.api.doors.ibm.job import metrics as metrics_of
from quws.api.doors.ibm.names import INSTANCE, PLAN, PREFIX
from quws.api.doors.ibm.token import authorization, issue
from quws.api.kit.auth import AuthSettings
from quws.domain.caller import AuthMethod, Caller
from quws.domain.circuits import CircuitFacts, Language
from quws.domain.clock import utc_now
from quws.domain.errors import InvalidCircuit, OutcomeUnknown, Unavailable
from quws.domain.job import DURATION_OVER, ErrorType, JobError
from quws.domain.kinds import JobKind
from quws.domain.phases import Phase
from quws.domain.policy import Policy
from quws.domain.pubs import INDEX
from quws.domain.sessions import SessionChanges
from quws.domain.targets import (
    Calibration,
    Feature,
    GateCalibration,
    QubitCalibration,
    TargetKind,
    TargetStatus,
)
from quws.domain.times import format_instant
from quws.store.jobs.control import Change

pytestmark = pytest.mark.anyio

JOBS = f"{PREFIX}/jobs"


def circuit() -> QuantumCircuit:
    made = QuantumCircuit(2, 2)
    made.h(0)
    made.cx(0, 1)
    made.measure([0, 1], [0, 1])
    return made


def sent(made: QuantumCircuit) -> dict[str, str]:
    """A circuit as these clients write it."""
    file = io.BytesIO()
    qpy.dump(made, file)
    text = base64.b64encode(zlib.compress(file.getvalue())).decode()
    return {"__type__": "QuantumCircuit", "__value__": text}


SENT = sent(circuit())


def wanted(**more: Any) -> dict[str, Any]:
    """What the clients send for one circuit."""
    params = {"pubs": [[SENT, [], 7]], "options": {}, "version": 2, "support_qiskit": True}
    return {"program_id": "sampler", "backend": "simulator", "params": params} | more


class FactsOfPubs(dict[str, CircuitFacts]):
    """What the check finds in one PUB, and in other texts what it finds else."""

    def get(self, text: str, default: Any = None) -> Any:
        if text.startswith("{"):
            return FACTS.model_copy(update={"language": Language.PUBS, "parameters": [INDEX]})
        return default


def reads_pubs(api: Api) -> Api:
    api.services.jobs.planner._checker.facts = FactsOfPubs()  # type: ignore[attr-defined]
    return api


@pytest.fixture
async def api(tmp_path: Path, schema: Path) -> AsyncIterator[Api]:
    async with open_api(tmp_path, schema) as opened:
        yield reads_pubs(opened)


async def submitted(http: httpx.AsyncClient, **more: Any) -> str:
    made = json_of(await http.post(JOBS, json=wanted(**more)))
    assert made["backend"] == "simulator"
    return str(made["id"])


async def posted(http: httpx.AsyncClient, **more: Any) -> str:
    """Make a job without this door; it waits."""
    answer = await http.post("/jobs", data={"CIRCUIT": "OPENQASM 2.0;", "PHASE": "RUN"} | more)
    return str(expect(answer, 303).headers["location"].rpartition("/")[2])


async def listed(http: httpx.AsyncClient, **query: Any) -> tuple[list[str], int]:
    found = json_of(await http.get(JOBS, params=query))
    return [item["id"] for item in found["jobs"]], found["count"]


def error_of(answer: httpx.Response, status: int) -> tuple[int, str]:
    """Hold an answer to an error as these clients read it; give its number and its message."""
    told = json_of(answer, status)
    assert told["errors"] == [told["error"]]
    assert answer.headers["uber-trace-id"] == told["trace"]
    return told["error"]["code"], told["error"]["message"]


# -- who asks --------------------------------------------------------------------------------


@pytest.fixture
async def closed(tmp_path: Path, schema: Path) -> AsyncIterator[Api]:
    async with open_api(tmp_path, schema, AuthSettings(AuthMethod.USERS)) as opened:
        for name in ("anna", "bert"):
            await opened.services.accounts.add(name, "a password", operator=False)
        yield reads_pubs(opened)


async def token_of(api: Api, http: httpx.AsyncClient, name: str) -> dict[str, str]:
    """Return the header that a user's client sends."""
    key = await api.services.accounts.create_token(name, "test", None)
    form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": key}
    found = json_of(await http.post(f"{PREFIX}/identity/token", data=form))
    assert found["expiration"] - found["expires_in"] == pytest.approx(utc_now().timestamp(), abs=60)
    return {"Authorization": f"Bearer {found['access_token']}"}


async def test_a_token_is_given_for_any_key_and_a_wrong_one_refused_by_its_use(
    closed: Api,
) -> None:
    async with closed.client() as http:
        anna = await token_of(closed, http, "anna")
        assert json_of(await http.get(f"{PREFIX}/backends", headers=anna))["devices"]
        wrong = json_of(await http.post(f"{PREFIX}/identity/token", data={"apikey": "wrong"}))
        for header in (f"Bearer {wrong['access_token']}", "apikey wrong", "Bearer a.b.c"):
            answer = await http.get(f"{PREFIX}/backends", headers={"Authorization": header})
            assert error_of(answer, 401)[0] == 1200
        answer = await http.post(f"{PREFIX}/identity/token", data={})
        assert "apikey" in json_of(answer, 400)["errorMessage"]
        assert error_of(await http.get(f"{PREFIX}/instances/usage"), 401)[0] == 1200


def test_a_token_is_what_the_clients_decode() -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)
    told = issue("quws_secret", now)
    _, claims, signature = told["access_token"].split(".")
    assert signature and "quws_secret" not in told["access_token"]
    found = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert (found["iat"], found["exp"]) == (now.timestamp(), told["expiration"])
    assert authorization(f"Bearer {told['access_token']}") == "Bearer quws_secret"
    assert authorization("apikey quws_secret") == "Bearer quws_secret"
    odd = base64.urlsafe_b64encode(b'{"quws": "\\ud800"}').decode()
    plain = ("Bearer quws_secret", "Basic YTpi", "Bearer e30.W10.x", "Bearer a.ÿ.c", "x")
    for other in (*plain, f"Bearer a.{odd}.c"):
        assert authorization(other) == other


async def test_there_is_one_instance(http: httpx.AsyncClient) -> None:
    found = json_of(await http.post(f"{PREFIX}/v3/resources/search?limit=100", json={}))
    (item,) = found["items"]
    assert (item["crn"], item["service_plan_unique_id"]) == (INSTANCE, str(PLAN))
    assert item["doc"]["extensions"] and item["tags"] == []
    plan = json_of(await http.get(f"{PREFIX}/{item['service_plan_unique_id']}"))
    assert plan["metadata"]["pricing"]["type"] == "free"
    assert json_of(await http.get(f"{PREFIX}/instance"))["crn"] == INSTANCE
    usage = json_of(await http.get(f"{PREFIX}/instances/usage"))
    assert usage["usage_limit_reached"] is False


async def test_what_was_used_of_the_month_is_told(tmp_path: Path, schema: Path) -> None:
    policy = Policy(max_month_seconds=100)
    async with open_api(tmp_path, schema, policy=policy) as api, api.client() as http:
        reads_pubs(api)
        await submitted(http)
        usage = json_of(await http.get(f"{PREFIX}/instances/usage"))
        assert (usage["usage_limit_seconds"], usage["usage_limit_reached"]) == (100, False)
        assert 0 < usage["usage_consumed_seconds"] < 100
        assert usage["usage_period"]["start_time"][8:] == "01T00:00:00.000Z"
        assert usage["usage_period"]["end_time"] > format_instant(utc_now())


async def test_jobs_of_others_are_not_there(closed: Api) -> None:
    async with closed.client() as http:
        anna = await token_of(closed, http, "anna")
        bert = await token_of(closed, http, "bert")
        http.headers.update(anna)
        job = await submitted(http)
        assert json_of(await http.get(f"{JOBS}/{job}"))["user_id"] == "anna"
        for method, path in (("GET", ""), ("GET", "/results"), ("POST", "/cancel"), ("DELETE", "")):
            answer = await http.request(method, f"{JOBS}/{job}{path}", headers=bert)
            assert error_of(answer, 404) == (1291, "there is no such job or session")
        found = json_of(await http.get(JOBS, headers=bert))
        assert (found["jobs"], found["count"]) == ([], 0)


# -- backends --------------------------------------------------------------------------------

DEVICE = DESCRIPTION.model_copy(
    update={
        "name": "star",
        "kind": TargetKind.EMULATOR,
        "title": "A star",
        "qubits": 3,
        "coupling": [(0, 1), (2, 1)],
        "native_gates": ["r", "cz"],
        "time_unit": 5e-10,
        "features": [Feature.MEMORY, Feature.RESET],
    }
)
CALIBRATION = Calibration(
    id="c1",
    time=datetime(2026, 11, 1, tzinfo=UTC),
    qubits=[QubitCalibration(qubit=0, t1=2e-5, t2=1e-5, frequency=4.5e9, readout_error=0.02)],
    gates=[
        GateCalibration(gate="r", qubits=(0,), error=0.001, duration=4e-8),
        GateCalibration(gate="cz", qubits=(1, 0), error=0.01, duration=8e-8),
    ],
)


@pytest.fixture
async def star(api: Api) -> str:
    """A device that has a calibration."""
    await api.backends.targets.register([DESCRIPTION, DEVICE], utc_now(), replace=True)
    await api.backends.targets.calibrated("star", CALIBRATION, present=True)
    return "star"


async def test_targets_are_backends(api: Api, http: httpx.AsyncClient, star: str) -> None:
    found = json_of(await http.get(f"{PREFIX}/backends?include_mocks=True"))["devices"]
    assert [(item["name"], item["is_simulator"], item["qubits"]) for item in found] == [
        ("simulator", True, 20),
        ("star", False, 3),
    ]
    assert {item["status"]["name"] for item in found} == {"online"}
    old = {"IBM-API-Version": "2024-01-01"}
    names = json_of(await http.get(f"{PREFIX}/backends", headers=old))["devices"]
    assert names == ["simulator", "star"]
    url = f"{PREFIX}/backends/star/status"
    told = json_of(await http.get(url))
    assert (told["state"], told["status"], told["length_queue"]) == (True, "active", 0)
    set_state = api.backends.targets.set_state
    await set_state("star", TargetStatus.MAINTENANCE, "new fridge", None, "otto")
    told = json_of(await http.get(url))
    assert (told["state"], told["status"]) == (False, "maintenance")
    assert told["message"] == "target star is in maintenance: new fridge"
    await set_state("star", TargetStatus.RETIRED, None, None, "otto")
    assert "no backend 'star'" in error_of(await http.get(url), 404)[1]
    # 404 would mean that there is no such program.
    code, sentence = error_of(await http.post(JOBS, json=wanted(backend="star")), 400)
    assert code == 1007 and "there are: simulator" in sentence


async def test_gates_without_parameters_are_enough(http: httpx.AsyncClient, star: str) -> None:
    found = json_of(await http.get(f"{PREFIX}/backends/star/configuration"))
    assert found["basis_gates"] == ["r", "cz", "rz", "sx", "x"]
    assert found["coupling_map"] == [[0, 1], [1, 0], [1, 2], [2, 1]]
    gates = {item["name"]: item for item in found["gates"]}
    assert gates["cz"]["coupling_map"] == found["coupling_map"]
    assert gates["sx"]["coupling_map"] == [[0], [1], [2]]
    assert found["supported_instructions"][-2:] == ["measure", "reset"]
    assert found["dt"] == pytest.approx(0.5)
    assert (found["simulator"], found["n_qubits"], found["max_experiments"]) == (False, 3, 3)
    plain = json_of(await http.get(f"{PREFIX}/backends/simulator/configuration"))
    assert (plain["simulator"], plain["coupling_map"]) == (True, None)
    assert "dt" not in plain
    assert {"rz", "sx", "cx", "rzz"} <= set(plain["basis_gates"])
    assert error_of(await http.get(f"{PREFIX}/backends/x/configuration"), 404)[0] == 1291


async def test_properties_are_those_of_the_calibration(http: httpx.AsyncClient, star: str) -> None:
    url = f"{PREFIX}/backends/star/properties"
    found = json_of(await http.get(url))
    values = {item["name"]: item["value"] for item in found["qubits"][0]}
    assert values == pytest.approx(
        {"T1": 20, "T2": 10, "frequency": 4.5, "readout_error": 0.02}, rel=1e-9
    )
    assert found["qubits"][1:] == [[], []]
    errors = {
        (item["gate"], *item["qubits"]): item["parameters"][0]["value"] for item in found["gates"]
    }
    assert errors == {
        ("r", 0): 0.001,
        ("cz", 1, 0): 0.01,
        ("cz", 0, 1): 0.01,
        ("rz", 0): 0.0,
        ("sx", 0): 0.001,
        ("x", 0): 0.001,
    }
    later = "2026-11-02T00:00:00+01:00"
    assert json_of(await http.get(url, params={"updated_before": later})) == found
    assert json_of(await http.get(f"{url}?updated_before={later}")) == found  # a raw plus sign
    assert json_of(await http.get(f"{url}?updated_before=2020-01-01T00:00:00Z")) == {}
    assert json_of(await http.get(f"{url}?calibration_id=c1")) == found
    assert error_of(await http.get(f"{url}?calibration_id=c2"), 404)[0] == 1291
    assert error_of(await http.get(f"{url}?updated_before=soon"), 400)[0] == 1297
    assert json_of(await http.get(f"{PREFIX}/backends/simulator/properties")) == {}


# -- one job ---------------------------------------------------------------------------------


async def test_a_request_is_a_job_like_all_others(http: httpx.AsyncClient) -> None:
    job = await submitted(http, tags=["a", "b ü", "a"], cost=77)
    told = json_of(await http.get(f"{JOBS}/{job}"))
    assert told["params"] == wanted()["params"]
    assert (told["status"], told["state"]) == ("Queued", {"status": "Queued"})
    assert (told["program"], told["backend"], told["cost"]) == ({"id": "sampler"}, "simulator", 77)
    assert (told["tags"], told["private"]) == (["a", "b ü"], False)
    assert "params" not in json_of(await http.get(f"{JOBS}/{job}?exclude_params=true"))
    same = json_of(await http.get(f"/jobs/{job}", headers={"Accept": "application/json"}))
    assert (same["phase"], same["execution_duration"]) == ("QUEUED", 77)
    metrics = json_of(await http.get(f"{JOBS}/{job}/metrics"))
    assert (metrics["num_circuits"], metrics["position_in_queue"]) == (1, 0)
    assert metrics["usage"]["status"] == "pending"
    assert expect(await http.get(f"{JOBS}/{job}/results"), 204).content == b""


@pytest.mark.parametrize(("ran", "whole"), [(0.1, 1), (1.4, 1), (1.6, 2)])
async def test_seconds_are_whole_and_none_that_ran_took_none(
    api: Api, http: httpx.AsyncClient, ran: float, whole: int
) -> None:
    job = await submitted(http)
    found = await api.services.jobs.reader.snapshot(Caller(None), job)
    assert metrics_of(found)["usage"]["seconds"] == 0
    over = replace(
        found.job, phase=Phase.COMPLETED, start_time=NOW, end_time=NOW + timedelta(seconds=ran)
    )
    metrics = metrics_of(replace(found, job=over))
    assert metrics["usage"]["seconds"] == metrics["bss"]["seconds"] == whole
    assert metrics["usage"]["qpu_charge_time_seconds"] == ran


async def test_what_is_private_is_not_shown_again(http: httpx.AsyncClient) -> None:
    job = await submitted(http, private=True)
    told = json_of(await http.get(f"{JOBS}/{job}"))
    assert told["private"] is True and "params" not in told


async def test_a_job_is_cancelled_once_tagged_and_deleted(http: httpx.AsyncClient) -> None:
    job = await submitted(http)
    url = f"{JOBS}/{job}"
    expect(await http.post(f"{url}/cancel"), 204)
    told = json_of(await http.get(url))
    assert told["state"] == {"status": "Cancelled"} and told["ended"] >= told["created"]
    assert error_of(await http.post(f"{url}/cancel"), 409)[0] == 1292
    assert expect(await http.get(f"{url}/results")).text == f"job {job} was cancelled"
    expect(await http.put(f"{url}/tags", json={"tags": ["x", "y"]}), 204)
    assert json_of(await http.get(url))["tags"] == ["x", "y"]
    assert await listed(http, tags=["x", "y"]) == ([job], 1)
    assert await listed(http, tags=["x", "z"]) == ([], 0)
    expect(await http.put(f"{url}/tags", json={"tags": []}), 204)
    assert json_of(await http.get(url))["tags"] == []
    assert "tags" in error_of(await http.put(f"{url}/tags", json={"tags": [""]}), 400)[1]
    assert "abort requested" in expect(await http.get(f"{url}/logs")).text
    expect(await http.delete(url), 204)
    for path in ("", "/results", "/metrics", "/logs"):
        assert error_of(await http.get(f"{url}{path}"), 404)[0] == 1291
    assert error_of(await http.get(f"{JOBS}/no-id"), 404)[0] == 1291


async def test_why_a_job_failed_is_its_reason_and_its_results(
    api: Api, http: httpx.AsyncClient
) -> None:
    job = await submitted(http)
    store = api.backends.jobs
    claim = await store.claims.claim("simulator", "worker", 3600, NOW)
    assert claim is not None
    error = JobError(ErrorType.FATAL, "x", "it broke", "Traceback: here")
    assert await store.publishing.fail(claim, error, entry("failed"))
    told = json_of(await http.get(f"{JOBS}/{job}"))
    assert told["state"] == {"status": "Failed", "reason": "it broke"}
    answer = expect(await http.get(f"{JOBS}/{job}/results"))
    assert answer.text == "it broke\nTraceback: here"
    assert answer.headers["content-type"].startswith("text/plain")


async def test_a_job_that_ran_too_long_says_so_by_its_number(
    api: Api, http: httpx.AsyncClient
) -> None:
    for message, state in (
        (DURATION_OVER, {"status": "Cancelled", "reason": "Ran too long", "reason_code": 1305}),
        ("abort requested", {"status": "Cancelled"}),
    ):
        job = await submitted(http, cost=5)
        store = api.backends.jobs
        assert await store.claims.claim("simulator", "worker", 3600, NOW) is not None
        await store.control.apply(job, Change(abort=entry("aborted", message=message)))
        assert json_of(await http.get(f"{JOBS}/{job}"))["state"] == state


async def test_a_job_of_another_door_has_no_results_here(http: httpx.AsyncClient) -> None:
    job = await posted(http)
    told = json_of(await http.get(f"{JOBS}/{job}"))
    assert told["program"] == {"id": "sampler"} and "params" not in told


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"program_id": "noise-learner"}, 404, "there is no program 'noise-learner'"),
        ({"program_id": "estimator", "backend": "bare"}, 400, "bare does not run the estimator"),
        ({"backend": "none"}, 400, "there is no backend 'none'"),
        (
            {"calibration_id": "c9"},
            400,
            "calibration_id must be left out, or be that of backend simulator, not 'c9': it has"
            " none",
        ),
        ({"cost": 2**31}, 400, "cost must be a whole number from 0 to"),
        ({"session_id": "s9"}, 400, "session_id must be the id of one of your sessions, not 's9'"),
        ({"tags": ["x" * 300]}, 400, "tags "),
        ({"tags": [""]}, 400, "tags must be"),
        ({"cost": -1}, 400, "'cost'"),
        ({"params": []}, 400, "'params'"),
    ],
)
async def test_what_is_not_done_is_refused_in_words(
    api: Api, http: httpx.AsyncClient, change: dict[str, Any], status: int, sentence: str
) -> None:
    bare = DESCRIPTION.model_copy(update={"name": "bare", "job_kinds": [JobKind.SAMPLE]})
    await api.backends.targets.register([DESCRIPTION, bare], utc_now(), replace=True)
    assert sentence in error_of(await http.post(JOBS, json=wanted(**change)), status)[1]
    assert await listed(http) == ([], 0)


async def test_what_is_refused_before_a_route_is_told_in_the_same_way(
    api: Api, http: httpx.AsyncClient
) -> None:
    refusal = InvalidCircuit("the qubit is away; or use KIND=estimate")
    api.services.jobs.planner._checker.refuses = refusal  # type: ignore[attr-defined]
    code, sentence = error_of(await http.post(JOBS, json=wanted()), 400)
    assert (code, sentence) == (1295, "params: the qubit is away; or use the program estimator")
    assert error_of(await http.post(JOBS, content=b"{"), 400)[0] == 1296
    assert error_of(await http.get(f"{PREFIX}/nothing"), 404)[0] == 1291
    assert error_of(await http.put(JOBS), 405)[0] == 1290


async def test_what_may_have_made_a_job_is_not_sent_again(
    api: Api, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clients repeat what is answered with 500 or 503; nothing was made where they may."""
    for error, status in (
        (Unavailable("later"), 503),
        (OutcomeUnknown("who knows"), 409),
        (RuntimeError("a fault of ours"), 400),
    ):

        async def submit(*_: Any, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(type(api.services.jobs.submission), "submit", submit)
        error_of(await http.post(JOBS, json=wanted()), status)


async def test_a_request_with_a_key_makes_one_job(http: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "once"}
    first, again = [
        json_of(await http.post(JOBS, json=wanted(), headers=key))["id"] for _ in range(2)
    ]
    assert first == again
    assert (await listed(http))[1] == 1


# -- sessions --------------------------------------------------------------------------------

SESSIONS = f"{PREFIX}/sessions"


async def test_a_session_is_opened_used_and_closed(http: httpx.AsyncClient) -> None:
    body = {"mode": "dedicated", "backend": "simulator", "instance": INSTANCE, "max_ttl": 300}
    made = json_of(await http.post(SESSIONS, json=body))
    assert (made["backend_name"], made["mode"], made["max_ttl"]) == ("simulator", "dedicated", 300)
    assert (made["state"], made["accepting_jobs"]) == ("open", True)
    assert [item["status"] for item in made["timestamps"]] == ["open"]
    session = made["id"]
    first = json_of(await http.post(JOBS, json=wanted(session_id=session)))
    assert first["session_id"] == session
    assert json_of(await http.get(f"{JOBS}/{first['id']}"))["session_id"] == session
    await posted(http)
    assert await listed(http, session_id=session) == ([first["id"]], 1)
    url = f"{SESSIONS}/{session}"
    answer = await http.patch(url, json={"accepting_jobs": True})
    assert "accepting_jobs must be false" in error_of(answer, 400)[1]
    expect(await http.patch(url, json={"accepting_jobs": False}))
    told = json_of(await http.get(url))
    assert (told["accepting_jobs"], told["state"]) == (False, "open")
    late = await http.post(JOBS, json=wanted(session_id=session))
    assert session in error_of(late, 409)[1]
    expect(await http.delete(f"{url}/close"), 204)
    assert json_of(await http.get(f"{JOBS}/{first['id']}"))["status"] == "Cancelled"


async def test_a_session_that_is_cancelled_takes_its_jobs_along(http: httpx.AsyncClient) -> None:
    body = {"mode": "batch", "backend": "simulator"}
    session = json_of(await http.post(SESSIONS, json=body))["id"]
    job = json_of(await http.post(JOBS, json=wanted(session_id=session)))["id"]
    expect(await http.delete(f"{SESSIONS}/{session}/close"), 204)
    assert json_of(await http.get(f"{JOBS}/{job}"))["status"] == "Cancelled"
    assert json_of(await http.get(f"{SESSIONS}/{session}"))["state"] == "closed"


async def test_sessions_that_are_not_to_be_had_are_refused_in_words(closed: Api) -> None:
    async with closed.client() as http:
        anna = await token_of(closed, http, "anna")
        bert = await token_of(closed, http, "bert")
        http.headers.update(anna)
        session = json_of(await http.post(SESSIONS, json={"backend": "simulator"}))["id"]
        for wrong in (bert, anna):
            url = f"{SESSIONS}/{session if wrong is bert else session[:-1] + 'x'}"
            for method in ("GET", "PATCH"):
                answer = await http.request(method, url, headers=wrong, json={})
                assert error_of(answer, 404)[0] == 1291
            answer = await http.delete(f"{url}/close", headers=wrong)
            assert error_of(answer, 404)[0] == 1291
        answer = await http.post(JOBS, json=wanted(session_id=session), headers=bert)
        assert "one of your sessions" in error_of(answer, 400)[1]
        for body in ({"mode": "x"}, {"backend": "x"}, {"max_ttl": 0}):
            error_of(await http.post(SESSIONS, json=body), 400)
        answer = await http.post(SESSIONS, json={"max_ttl": 10**9})
        assert "max_ttl must be a whole number from 1" in error_of(answer, 400)[1]
        private = {"sessions": SessionChanges(who=("bert",))}
        only = DESCRIPTION.model_copy(update=private)
        await closed.backends.targets.register([only], utc_now(), replace=True)
        answer = await http.post(SESSIONS, json={"backend": "simulator"})
        assert "you may not open sessions" in error_of(answer, 400)[1]


# -- many jobs -------------------------------------------------------------------------------


async def test_jobs_are_listed_in_pages_whose_count_is_right(http: httpx.AsyncClient) -> None:
    made = [await posted(http, TAG="even" if k % 2 == 0 else "odd") for k in range(5)]
    newest = made[::-1]
    assert await listed(http) == (newest, 5)
    assert await listed(http, limit=5) == (newest, 5)
    assert await listed(http, limit=2) == (newest[:2], 5)
    assert await listed(http, limit=2, offset=3) == (newest[3:], 5)
    assert await listed(http, limit=2, offset=4, sort="ASC") == (made[4:], 5)
    # Behind the end there is no more to come, whatever there was.
    assert await listed(http, limit=2, offset=5) == ([], 5)
    assert await listed(http, tags="even", limit=1) == ([newest[0]], 3)
    assert await listed(http, program="estimator") == ([], 0)
    by_program = await submitted(http)
    assert await listed(http, program="sampler", backend="simulator") == ([by_program], 1)
    assert await listed(http, program="sampler", backend="star") == ([], 0)
    assert await listed(http, program="noise-learner") == ([], 0)
    assert await listed(http, backend="star") == ([], 0)


async def test_jobs_are_listed_by_state_and_time(http: httpx.AsyncClient) -> None:
    first, second = [await posted(http) for _ in range(2)]
    expect(await http.post(f"{JOBS}/{first}/cancel"), 204)
    assert await listed(http, pending="true") == ([second], 1)
    assert await listed(http, pending="false") == ([first], 1)
    told = json_of(await http.get(f"{JOBS}/{second}"))["created"]
    created = datetime.fromisoformat(told)
    zone = created.astimezone(UTC).isoformat()  # with +00:00
    assert second in (await listed(http, created_after=zone))[0]
    assert second in (await listed(http, created_before=zone))[0]
    raw = json_of(await http.get(f"{JOBS}?created_after={zone}"))
    assert second in [item["id"] for item in raw["jobs"]]
    later = (created + timedelta(milliseconds=1)).isoformat()
    assert await listed(http, created_after=later) == ([], 0)
    first, last = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
    assert second in (await listed(http, created_after=first, created_before=last))[0]
    for query, sentence in (
        ({"limit": "-1"}, "limit must be a whole number, 1 or more, of at most 18 digits"),
        ({"offset": "9" * 19}, "offset must be a whole number, 0 or more, of at most 18 digits"),
        ({"pending": "maybe"}, "pending must be"),
        ({"created_after": "x"}, "created_after"),
        *(({name: "a\0"}, name) for name in ("tags", "backend", "session_id", "program")),
    ):
        number, told = error_of(await http.get(JOBS, params=query), 400)
        assert number == 1297 and sentence in told
