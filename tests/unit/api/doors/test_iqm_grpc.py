"""What the gRPC services tell, on the wire, served in the test's process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import grpc
import httpx
import pytest
from answers import expect, json_of
from anyio import to_thread
from certificates import write_certificate
from done import complete
from generator import protocol
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from house import DESCRIPTION
from in_process import Api, open_api
from iqm_requests import CALIBRATION, DEVICE, book, bookable, flip, wanted
from structlog.testing import capture_logs

from quws.api.doors.iqm import use
from quws.api.doors.iqm.names import calibration_set_id, target_id
from quws.api.doors.iqm_grpc import calls
from quws.api.doors.iqm_grpc.messages import methods_of, request_class
from quws.api.kit.auth import PROXY_SECRET, AuthSettings
from quws.domain.caller import AuthMethod, Caller
from quws.domain.circuits import Register
from quws.domain.clock import utc_now
from quws.domain.errors import InvalidCircuit, QuotaExceeded, StorageFull
from quws.domain.outcomes import CircuitOutcome, JobOutcomes
from quws.domain.policy import Policy
from quws.processes.grpc_place import GrpcPlace, read_certificate
from quws.processes.grpc_server import grpc_served

pytestmark = pytest.mark.anyio

SIMULATOR = {"raw": target_id("simulator").bytes}
StatusCode = grpc.StatusCode


class Client:
    """Calls the services by messages that are written as dictionaries."""

    def __init__(self, channel: Any, metadata: Sequence[tuple[str, str]] = ()) -> None:
        self.channel = channel
        self.metadata = metadata

    def call(self, name: str, content: bytes) -> Any:
        service, _, wanted = name.partition(".")
        (method,) = [item for item in methods_of(service) if item.name == wanted]
        of = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
        stub = of(
            f"/iqm.server.{service}/{wanted}",
            response_deserializer=_answer_class(method).FromString,
        )
        return stub(content, metadata=self.metadata)

    def __call__(self, name: str, **fields: Any) -> Any:
        service, _, wanted = name.partition(".")
        (method,) = [item for item in methods_of(service) if item.name == wanted]
        return self.call(name, request_class(method)(**fields).SerializeToString())

    async def whole(self, name: str, **fields: Any) -> Any:
        """Return what comes in chunks, which is JSON."""
        return json.loads(b"".join([chunk.data async for chunk in self(name, **fields)]))

    def submit(self, *circuits: Any, use_timeslot: bool = False, **more: Any) -> Any:
        payload = json.dumps(wanted(*circuits, **more)).encode()
        return self(
            "Jobs.SubmitJobV1",
            qc_id=SIMULATOR,
            type="CIRCUIT",
            payload=payload,
            use_timeslot=use_timeslot,
        )


def _answer_class(method: Any) -> Any:
    return message_factory.GetMessageClass(method.output_type)


def status(job: Any) -> str:
    return str(job.DESCRIPTOR.fields_by_name["status"].enum_type.values_by_number[job.status].name)


def lookup(job: Any) -> dict[str, Any]:
    return {"raw": job.id.raw}


async def refused(call: Any) -> tuple[StatusCode, str, str, Any]:
    """Return the status, the code, the sentence and the details of a call that is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        if hasattr(call, "__aiter__"):
            async for _ in call:
                pass
        else:
            await call
    error = caught.value
    metadata = dict(list(error.trailing_metadata()))
    details = None
    if "grpc-status-details-bin" in metadata:
        details = struct_pb2.Value.FromString(metadata["grpc-status-details-bin"])
    return error.code(), metadata["error_code"], error.details(), details


@asynccontextmanager
async def served(
    api: Api,
    auth: AuthSettings | None = None,
    max_body: int = 1_000_000,
    options: Sequence[tuple[str, int]] = (),
) -> AsyncIterator[Client]:
    place = GrpcPlace("127.0.0.1", 0)
    async with grpc_served(api.services, place, auth or AuthSettings(), max_body) as port:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            yield Client(channel)


@pytest.fixture
async def client(api: Api) -> AsyncIterator[Client]:
    async with served(api) as opened:
        yield opened


def test_the_descriptors_are_what_the_files_say() -> None:
    files = descriptor_pb2.FileDescriptorSet.FromString
    assert files(protocol.DESCRIPTORS.read_bytes()) == files(protocol.descriptors()), (
        "run tools/protocol.py and commit what it writes"
    )


# -- jobs ------------------------------------------------------------------------------------


async def test_a_request_is_a_job_like_all_others(client: Client, http: httpx.AsyncClient) -> None:
    job = await client.submit(flip("QB1", "a"), flip("QB2", "b"))
    assert (status(job), job.queue_position, job.HasField("error")) == ("IN_QUEUE", 0, False)
    assert (job.input.shots, job.input.circuits) == (7, 2)
    computer = job.quantum_computer
    assert (computer.alias, computer.display_name) == ("simulator", "The simulator")
    assert not job.HasField("execution_started_at")
    by_text = await client("Jobs.GetJobV1", id={"str": str(UUID(bytes=job.id.raw))})
    assert by_text == job
    url = f"/jobs/{UUID(bytes=job.id.raw)}"
    told = json_of(await http.get(url, headers={"Accept": "application/json"}))
    assert (told["phase"], told["circuits"], told["target"]) == ("QUEUED", 2, "simulator")


async def test_the_payload_comes_back(client: Client) -> None:
    mapping = [{"logical_name": "alice", "physical_name": "QB2"}]
    more = {"qubit_mapping": mapping, "later_field": [1]}
    sent = wanted(flip("alice", "a"), flip("QB3", "ö"), **more)
    job = await client.submit(*sent["circuits"], **more)
    assert await client.whole("Jobs.GetJobPayloadV1", id=lookup(job)) == sent


async def test_what_is_long_comes_in_pieces(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(use, "_AT_ONCE", 2)
    wide = flip("QB1", "a") | {"metadata": {"of": "x" * 250_000}}
    job = await client.submit(*[wide] * 3)
    chunks = [len(item.data) async for item in client("Jobs.GetJobPayloadV1", id=lookup(job))]
    assert len(chunks) == 3 and set(chunks[:-1]) == {256 * 1024}
    payload = await client.whole("Jobs.GetJobPayloadV1", id=lookup(job))
    assert payload == wanted(*[wide] * 3)


async def test_who_does_not_read_an_answer_does_not_hold_its_call_for_ever(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of which little fits on the way.
    narrow = (("grpc.http2.lookahead_bytes", 65_536), ("grpc.http2.bdp_probe", 0))
    ended: asyncio.Queue[str] = asyncio.Queue()
    async with served(api, options=narrow) as client:
        job = await client.submit(*[flip("QB1", "a") | {"metadata": {"of": "x" * 250_000}}] * 3)
        monkeypatch.setattr(calls, "_UNREAD_SECONDS", 0.1)
        monkeypatch.setattr(
            calls.metrics, "called", lambda _, status, seconds: ended.put_nowait(status)
        )
        call = client("Jobs.GetJobPayloadV1", id=lookup(job))
        assert await asyncio.wait_for(ended.get(), 60) == "CANCELLED"
        # Its connection can be used as before.
        assert (await client("Jobs.GetJobV1", id=lookup(job))).id == job.id
        call.cancel()


async def test_a_renewed_certificate_counts_for_new_connections(api: Api, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    place = read_certificate("127.0.0.1", 0, certificate, key)

    async def served_with(port: int, authority: bytes) -> None:
        credentials = grpc.ssl_channel_credentials(authority)
        async with grpc.aio.secure_channel(f"localhost:{port}", credentials) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            await stub.Check(health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=60)

    async with grpc_served(api.services, place, AuthSettings(), 1000) as port:
        await served_with(port, certificate.read_bytes())
        write_certificate(tmp_path)
        with capture_logs() as lines:
            await served_with(port, renewed := certificate.read_bytes())
            certificate.write_text("half of a file")
            for _ in range(2):
                await served_with(port, renewed)
    about = [line["event"] for line in lines if "certificate" in line["event"]]
    assert about == [
        "certificate of gRPC is renewed",
        "renewed certificate of gRPC cannot be used",
    ]


@pytest.mark.parametrize("parts", [False, True])
async def test_results_have_the_bits_of_each_shot(api: Api, client: Client, parts: bool) -> None:
    job = await client.submit(flip("QB1", "a"), flip("QB2", "b"))
    job_id = str(UUID(bytes=job.id.raw))
    code, error, sentence, _ = await refused(client("Jobs.GetJobResultsV1", id=lookup(job)))
    assert (code, error) == (StatusCode.NOT_FOUND, "not_found")
    assert "has no results" in sentence
    outcomes = [
        CircuitOutcome(
            {"1": 2, "0": 1}, ["1", "0", "1"], index=index, registers=[Register(name=name, size=1)]
        )
        for index, name in enumerate("ab")
    ]
    await complete(api, job_id, JobOutcomes(job_id, "simulator", 3, outcomes), parts=parts)
    bits = [[1], [0], [1]]
    assert await client.whole("Jobs.GetJobResultsV1", id=lookup(job)) == [{"a": bits}, {"b": bits}]
    done = await client("Jobs.GetJobV1", id=lookup(job))
    assert status(done) == "COMPLETED" and not done.HasField("queue_position")
    assert done.HasField("execution_started_at") and done.HasField("execution_ended_at")
    assert done.updated_at.ToDatetime() >= job.updated_at.ToDatetime()


async def test_a_job_is_cancelled_once(client: Client) -> None:
    job = await client.submit(flip("QB1", "a"))
    assert status(await client("Jobs.CancelJobV1", id=lookup(job))) == "CANCELLED"
    code, error, sentence, _ = await refused(client("Jobs.CancelJobV1", id=lookup(job)))
    assert (code, error) == (StatusCode.FAILED_PRECONDITION, "job_not_submitted_to_qc")
    assert "ABORT needs a job that is not over" in sentence


async def test_a_job_that_came_otherwise_has_no_payload(
    client: Client, http: httpx.AsyncClient
) -> None:
    circuit = "OPENQASM 3; qubit q;"
    made = await http.post("/jobs", data={"CIRCUIT": circuit, "PHASE": "RUN"})
    job = {"str": expect(made, 303).headers["location"].rpartition("/")[2]}
    assert status(await client("Jobs.GetJobV1", id=job)) == "IN_QUEUE"
    assert (await refused(client("Jobs.GetJobPayloadV1", id=job)))[1] == "not_found"


# -- subscriptions ---------------------------------------------------------------------------


async def test_who_subscribes_is_told_of_each_change_until_the_end(
    api: Api, client: Client
) -> None:
    job = await client.submit(flip("QB1", "a"))
    job_id = str(UUID(bytes=job.id.raw))
    stream = aiter(client("Jobs.SubscribeToJobV1", id=lookup(job)))
    first = await anext(stream)
    assert first.update == job
    await api.hub.asleep.get()
    api.hub.wake_all()
    assert (await anext(stream)).WhichOneof("value") == "keepalive"
    outcome = CircuitOutcome({"1": 7}, ["1"] * 7, index=0, registers=[Register(name="a", size=1)])
    await complete(api, job_id, JobOutcomes(job_id, "simulator", 7, [outcome]), parts=False)
    api.hub.wake_all()
    told = [item async for item in stream]
    assert status(told[-1].update) == "COMPLETED"
    again = [item async for item in client("Jobs.SubscribeToJobV1", id=lookup(job))]
    assert [status(item.update) for item in again] == ["COMPLETED"]


async def test_a_subscription_ends_when_the_job_is_deleted(
    client: Client, http: httpx.AsyncClient
) -> None:
    job = await client.submit(flip("QB1", "a"))
    stream = aiter(client("Jobs.SubscribeToJobV1", id=lookup(job)))
    await anext(stream)
    expect(await http.delete(f"/jobs/{UUID(bytes=job.id.raw)}"), 303)
    code, error, sentence, _ = await refused(stream)
    assert (code, error) == (StatusCode.ABORTED, "job_deleted")
    assert "was deleted" in sentence
    code, error, _, _ = await refused(client("Jobs.SubscribeToJobV1", id=lookup(job)))
    assert (code, error) == (StatusCode.NOT_FOUND, "not_found")


async def test_subscriptions_end_with_the_process(api: Api) -> None:
    async with served(api) as client:
        job = await client.submit(flip("QB1", "a"))
        stream = aiter(client("Jobs.SubscribeToJobV1", id=lookup(job)))
        await anext(stream)
        await api.hub.asleep.get()
        health = health_pb2_grpc.HealthStub(client.channel)
        watching = aiter(health.Watch(health_pb2.HealthCheckRequest()))
        serving = health_pb2.HealthCheckResponse
        # The bus of this test is away, without which the work goes on.
        assert (await anext(watching)).status == serving.SERVING
        api.services.jobs.follower.stop_waiting()
        assert (await refused(stream))[:2] == (StatusCode.ABORTED, "server_cancel")
        assert [item.status async for item in watching] == [serving.NOT_SERVING]


async def test_one_caller_has_only_so_many_subscriptions(tmp_path: Path, schema: Path) -> None:
    policy = Policy(max_listeners=1)
    async with open_api(tmp_path, schema, policy=policy) as api, served(api) as client:
        job = await client.submit(flip("QB1", "a"))
        one = client("Jobs.SubscribeToJobV1", id=lookup(job))
        await anext(aiter(one))
        await api.hub.asleep.get()
        code, error, sentence, _ = await refused(client("Jobs.SubscribeToJobV1", id=lookup(job)))
        assert (code, error) == (StatusCode.RESOURCE_EXHAUSTED, "too_many_requests")
        assert "no more than 1 request" in sentence
        with capture_logs() as lines:
            one.cancel()
            for _ in range(1000):
                if lines:
                    break
                await asyncio.sleep(0.01)
        # Nothing is wrong where somebody goes away, and the place is free again.
        assert [line.get("status") for line in lines] == ["CANCELLED"]
        again = aiter(client("Jobs.SubscribeToJobV1", id=lookup(job)))
        assert status((await anext(again)).update) == "IN_QUEUE"


# -- what is refused -------------------------------------------------------------------------


async def test_what_is_wrong_with_a_payload_is_told_in_words_and_as_a_list(
    api: Api, client: Client
) -> None:
    code, error, sentence, details = await refused(client.submit(flip("QB1", "a"), shots=10**9))
    assert (code, error) == (StatusCode.INVALID_ARGUMENT, "invalid_payload")
    assert "SHOTS must be at most" in sentence
    assert [item["message"] for item in details.list_value] == [sentence]
    wrong = InvalidCircuit("Küche is no gate", line=3, column=1, circuit=2)
    api.services.jobs.planner._checker.refuses = wrong  # type: ignore[attr-defined]
    _, error, sentence, details = await refused(client.submit(flip("QB1", "a")))
    assert (error, sentence) == ("invalid_payload", "CIRCUIT, line 3, column 1: Küche is no gate")
    (item,) = details.list_value
    assert (item["circuit"], item["line"], item["column"]) == (2, 3, 1)


@pytest.mark.parametrize(
    ("fields", "code", "error", "sentence"),
    [
        ({"type": "PULSE"}, "INVALID_ARGUMENT", "job_type_not_supported", "must be CIRCUIT"),
        ({"payload": b"{"}, "INVALID_ARGUMENT", "invalid_payload", "no JSON"),
        ({"qc_id": {"str": "x"}}, "INVALID_ARGUMENT", "invalid_payload", "qc_id must be a UUID"),
        ({"qc_id": {"raw": b"1"}}, "INVALID_ARGUMENT", "invalid_payload", "qc_id must be a UUID"),
        ({"qc_id": {"raw": bytes(16)}}, "NOT_FOUND", "not_found", "there are: simulator"),
        ({"use_timeslot": True}, "INVALID_ARGUMENT", "invalid_payload", "cannot be booked"),
    ],
)
async def test_a_submission_that_cannot_be_is_refused(
    client: Client, fields: dict[str, Any], code: str, error: str, sentence: str
) -> None:
    payload = json.dumps(wanted(flip("QB1", "a"))).encode()
    sound = {"qc_id": SIMULATOR, "type": "CIRCUIT", "payload": payload}
    told = await refused(client("Jobs.SubmitJobV1", **(sound | fields)))
    assert (told[0].name, told[1]) == (code, error)
    assert sentence in told[2]


@pytest.mark.parametrize(
    ("refusal", "code", "error"),
    [
        (QuotaExceeded("that is all"), "RESOURCE_EXHAUSTED", "quota_exceeded"),
        (StorageFull("that is all"), "RESOURCE_EXHAUSTED", "insufficient_storage"),
    ],
)
async def test_what_there_is_no_room_for_is_refused(
    api: Api, client: Client, refusal: Any, code: str, error: str
) -> None:
    api.services.jobs.planner._checker.refuses = refusal  # type: ignore[attr-defined]
    told = await refused(client.submit(flip("QB1", "a")))
    assert (told[0].name, *told[1:3]) == (code, error, "that is all")


async def test_a_job_runs_in_a_timeslot_that_its_owner_has_booked(
    api: Api, client: Client, http: httpx.AsyncClient
) -> None:
    await bookable(api)
    told = await refused(client.submit(flip("QB1", "a"), use_timeslot=True))
    assert told[:2] == (StatusCode.FAILED_PRECONDITION, "no_booked_timeslots")
    payload = json.dumps(wanted(flip("QB1", "a"))).encode()
    strict = {"raw": target_id("strict").bytes}
    told = await refused(client("Jobs.SubmitJobV1", qc_id=strict, type="CIRCUIT", payload=payload))
    assert told[:2] == (StatusCode.FAILED_PRECONDITION, "timeslot_required")
    await book(http)
    assert status(await client.submit(flip("QB1", "a"), use_timeslot=True)) == "IN_QUEUE"


async def test_a_message_that_is_none_is_the_callers_fault(client: Client) -> None:
    for content in (b"", b"\xff\xff", b"\x10\x63"):
        code, error, sentence, _ = await refused(client.call("Jobs.SubmitJobV1", content))
        assert (code, error) == (StatusCode.INVALID_ARGUMENT, "invalid_payload")
        assert "SubmitJobRequestV1" in sentence
    # A text that is no UTF-8.
    for name in ("Jobs.SubscribeToJobV1", "QuantumComputers.GetQuantumComputerV1"):
        code, error, sentence, _ = await refused(client.call(name, b"\x0a\x04\x12\x02\xff\xfe"))
        assert (code, error) == (StatusCode.INVALID_ARGUMENT, "invalid_payload")
        assert "the request is no " in sentence
    absent = await refused(client("Jobs.GetJobV1", id={}))
    assert "id must be a UUID" in absent[2]
    assert (await refused(client("Jobs.GetJobV1", id={"raw": uuid4().bytes})))[1] == "not_found"


async def test_a_call_without_a_message_ends(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = client.channel.stream_unary("/iqm.server.Jobs/GetJobV1")

    async def nothing() -> AsyncIterator[bytes]:
        return
        yield b""

    assert "without a request" in (await refused(stub(nothing())))[2]
    monkeypatch.setattr(calls, "_PATIENCE_SECONDS", 0.01)
    late = asyncio.Event()

    async def too_late() -> AsyncIterator[bytes]:
        await late.wait()
        yield b""

    assert "did not come in time" in (await refused(stub(too_late())))[2]
    late.set()


async def test_a_message_that_is_too_large_is_refused(api: Api) -> None:
    async with served(api, max_body=100_000) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.submit(flip("QB1", "a"), more="x" * 200_000)
        assert caught.value.code() is StatusCode.RESOURCE_EXHAUSTED
        bomb = client.channel.unary_unary("/iqm.server.Jobs/SubmitJobV1")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await bomb(bytes(50_000_000), compression=grpc.Compression.Gzip)
        assert caught.value.code() is StatusCode.RESOURCE_EXHAUSTED


async def test_a_fault_of_ours_is_told_by_a_reference(api: Api, client: Client) -> None:
    api.services.jobs.planner._checker.refuses = ZeroDivisionError("secret")  # type: ignore[attr-defined]
    with capture_logs() as lines:
        code, error, sentence, _ = await refused(client.submit(flip("QB1", "a")))
    assert (code, error) == (StatusCode.INTERNAL, "internal_error")
    (fault,) = [line for line in lines if line["event"] == "fault"]
    assert sentence.endswith(fault["reference"]) and "secret" not in sentence
    assert isinstance(fault["exc_info"], ZeroDivisionError)
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["status"], line["path"]) == ("INTERNAL", "iqm.server.Jobs/SubmitJobV1")


# -- who asks --------------------------------------------------------------------------------


async def test_jobs_are_their_owners(api: Api) -> None:
    accounts = api.services.accounts
    tokens = {}
    for name in ("ella", "otto"):
        await accounts.add(name, None, operator=False)
        tokens[name] = await accounts.create_token(name, "test", None)
    async with served(api, AuthSettings(AuthMethod.USERS)) as client:

        def as_(token: str) -> Client:
            return Client(client.channel, [("authorization", f"Bearer {token}")])

        ella, otto = as_(tokens["ella"]), as_(tokens["otto"])
        job = await ella.submit(flip("QB1", "a"))
        assert (await ella("Jobs.GetJobV1", id=lookup(job))) == job
        told = await refused(otto("Jobs.GetJobV1", id=lookup(job)))
        assert told[:2] == (StatusCode.PERMISSION_DENIED, "forbidden")
        for nobody in (
            client,
            as_("wrong"),
            Client(client.channel, [("cookie", "quws_session=x")]),
        ):
            told = await refused(nobody("Jobs.GetJobV1", id=lookup(job)))
            assert told[:2] == (StatusCode.UNAUTHENTICATED, "unauthenticated")
        health = health_pb2_grpc.HealthStub(client.channel)
        await health.Check(health_pb2.HealthCheckRequest(service="iqm.server.Jobs"))


async def test_a_proxy_names_users_only_once_and_with_its_secret(api: Api) -> None:
    auth = AuthSettings(
        AuthMethod.PROXY,
        proxy_networks=(ip_network("127.0.0.0/8"),),
        proxy_secret="the secret of the proxy",
    )
    secret = (PROXY_SECRET.lower(), "the secret of the proxy")
    async with served(api, auth) as client:
        name = ("x-forwarded-user", "ella")
        mine = Client(client.channel, [name, secret])
        job = await mine.submit(flip("QB1", "a"))
        owner = Caller("ella")
        assert (await api.services.jobs.reader.get(owner, str(UUID(bytes=job.id.raw)))).owner
        for metadata in ([name], [name, ("x-forwarded-user", "otto"), secret]):
            other = Client(client.channel, metadata)
            told = await refused(other("Jobs.GetJobV1", id=lookup(job)))
            assert told[0] is StatusCode.UNAUTHENTICATED


# -- quantum computers, calibrations, and what programs ask first ----------------------------


@pytest.fixture
async def star(api: Api) -> dict[str, Any]:
    """The id of a device that has a calibration."""
    await api.backends.targets.register([DESCRIPTION, DEVICE], utc_now(), replace=True)
    await api.backends.targets.calibrated("star", CALIBRATION, present=True)
    return {"raw": target_id("star").bytes}


async def test_targets_are_quantum_computers(client: Client, star: dict[str, Any]) -> None:
    found = await client("QuantumComputers.ListQuantumComputersV1")
    assert [item.alias for item in found.items] == ["simulator", "star"]
    by_name = await client("QuantumComputers.GetQuantumComputerV1", alias="star")
    assert await client("QuantumComputers.GetQuantumComputerV1", id=star) == by_name
    assert by_name.display_name == "A star"
    for fields, error in (({"alias": "moon"}, "not_found"), ({}, "invalid_payload")):
        told = await refused(client("QuantumComputers.GetQuantumComputerV1", **fields))
        assert told[1] == error

    async def resource(name: str) -> Any:
        call = "QuantumComputers.GetQuantumComputerResourceV1"
        return await client.whole(call, qc_id=star, resource_name=name)

    assert (await resource("about"))["name"] == "quws"
    assert await resource("duts") == [{"label": "star", "dut_type": "chip"}]
    assert (await resource("configuration"), await resource("dut-fields/star")) == ({}, [])
    assert (await resource("chip-design-records/star"))["chip_label"] == "star"
    assert len((await resource("static-quantum-architecture"))["qubits"]) == 3
    dynamic = await resource("dynamic-quantum-architecture")
    assert dynamic["calibration_set_id"] == str(calibration_set_id("star", "c1"))
    with pytest.raises(grpc.aio.AioRpcError, match="chip-design-records/star"):
        await resource("settings")


async def test_calibrations_are_told(client: Client, star: dict[str, Any]) -> None:
    of_target = "Calibrations.GetLatestQuantumComputerCalibrationV1"
    latest = await client(of_target, qc_id=star)
    assert latest.id.raw == calibration_set_id("star", "c1").bytes
    assert latest.created_at.ToDatetime().isoformat() == "2026-11-01T00:00:00"
    assert (latest.dut_label, latest.is_valid) == ("star", True)
    assert await client("Calibrations.GetCalibrationV1", id={"raw": latest.id.raw}) == latest
    full = await client.whole("Calibrations.GetFullCalibrationDataV1", id={"raw": latest.id.raw})
    assert full["calibration_set_id"] == str(calibration_set_id("star", "c1"))
    assert full["observations"]["controllers.QB1.drive.frequency"]["value"] == 4.5e9
    none = await client(of_target, qc_id=SIMULATOR)
    assert none.created_at.seconds == 0
    told = await refused(client("Calibrations.GetCalibrationV1", id={"raw": bytes(16)}))
    assert told[1] == "not_found"


async def test_programs_find_out_what_is_served(api: Api) -> None:
    place = GrpcPlace("127.0.0.1", 0)
    async with grpc_served(api.services, place, AuthSettings(AuthMethod.USERS), 1000) as port:

        def ask() -> list[str]:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                database = ProtoReflectionDescriptorDatabase(channel)
                pool = descriptor_pool.DescriptorPool(database)
                found = pool.FindServiceByName("iqm.server.Jobs")
                return [*database.get_services(), *(item.name for item in found.methods)]

        found = await to_thread.run_sync(ask)
    assert {
        "iqm.server.Jobs",
        "iqm.server.QuantumComputers",
        "iqm.server.Calibrations",
        "grpc.health.v1.Health",
        "SubscribeToJobV1",
    } <= {*found}
