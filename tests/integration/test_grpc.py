"""The gRPC services in processes of their own: the stubs of IQM's client, and plain ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from certificates import write_certificate
from clients import python_with, walk
from commands import quws
from harness import Process, Service, add_users, embedded, free_port, wait_ready
from iqm_requests import flip, wanted

from quws.api.doors.iqm.names import target_id
from quws.api.doors.iqm_grpc.messages import (
    JobEvent,
    JobMessage,
    methods_of,
    request_class,
)

STUBS = "iqm-station-control-client==11.3.1"


def walked(folder: Path, parts: str) -> dict[str, Any]:
    """Walk through ``quws serve`` with TLS, whose users sign in."""
    certificate, key = write_certificate(folder / "tls")
    port = free_port()
    settings = {
        "QUWS_AUTH": "users",
        "QUWS_GRPC_PORT": str(port),
        "QUWS_GRPC_CERTIFICATE": str(certificate),
        "QUWS_GRPC_KEY": str(key),
    }
    with embedded(folder / "data", settings) as service:
        add_users(service, "ella", operator="root@lab")
        token = quws(service, "token", "create", "ella", "--label", "grpc").split()[-1]
        url, pid = f"https://localhost:{port}/simulator", str(service.processes[0].pid)
        python = python_with(STUBS)
        roots = {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(certificate)}
        told: dict[str, Any] = walk(
            python, "grpc_walk.py", parts, url, service.url, token, pid, more=roots
        )
        if "shutdown" in told:
            service.processes[0].has_ended()
        return told


@pytest.mark.real_clients
def test_the_stubs_of_iqms_client(tmp_path: Path) -> None:
    told = walked(tmp_path, "batch,waiting,shutdown")
    one = told["batch"]
    assert one["end"] == "COMPLETED" and one["payload"] and one["took"]
    # alice is 1 and bob 0, in the order in which they are measured.
    assert one["bits"] == [{"a key": [[1, 0]] * 5, "c": [[0]] * 5}, {"m": [[1]] * 5}]
    assert (one["input"], one["data"]) == ([5, 2], "READY")
    assert (one["about"], one["chip"]) == ("quws", "simulator")
    assert (one["channels"], one["fields"], one["values"]) == (0, 0, 0)
    assert one["unknown"][:2] == ["NOT_FOUND", "not_found"]
    assert "there is no job" in one["unknown"][2]
    assert one["too many"][:2] == ["INVALID_ARGUMENT", "invalid_payload"]
    assert "SHOTS must be at most" in one["too many"][2]
    (fault,) = json.loads(one["no gate"][3])
    assert one["no gate"][:2] == ["INVALID_ARGUMENT", "invalid_payload"]
    assert fault["message"] == one["no gate"][2] and "rx" in fault["message"]
    assert one["cancelled again"][:2] == ["FAILED_PRECONDITION", "job_not_submitted_to_qc"]
    assert one["pulses"][:2] == ["INVALID_ARGUMENT", "job_type_not_supported"]
    assert one["bad token"][:2] == ["UNAUTHENTICATED", "unauthenticated"]
    two = told["waiting"]
    assert two["ahead"] == [0, 1, 2]
    assert two["positions"][:2] == [1, 0]
    assert (two["cancelled waiting"], two["cancelled running"]) == ("CANCELLED", "INTERRUPTED")
    assert (two["end"], two["deleted"][:2]) == ("COMPLETED", ["ABORTED", "job_deleted"])
    assert told["shutdown"]["told"][:2] == ["ABORTED", "server_cancel"]


@pytest.mark.real_clients
@pytest.mark.older_clients
def test_a_stream_on_which_nothing_happens_lasts(tmp_path: Path) -> None:
    assert walked(tmp_path, "silence")["silence"]["kinds"] == ["keepalive", "update"]


@pytest.mark.parametrize("service", ["cluster"], indirect=True)
def test_an_api_process_of_many_serves_grpc(service: Service) -> None:
    http, port = free_port(), free_port()
    arguments = ["api", "--port", str(http), "--grpc", str(port)]
    process = Process(arguments, service.environment, service.folder / "grpc.log")
    try:
        wait_ready(f"http://127.0.0.1:{http}", process)
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:

            def stub(name: str, answer: Any, *, stream: bool = False) -> Any:
                of = channel.unary_stream if stream else channel.unary_unary
                path = f"/iqm.server.Jobs/{name}"
                return of(path, response_deserializer=answer.FromString)

            requests = {item.name: request_class(item) for item in methods_of("Jobs")}
            submission = requests["SubmitJobV1"](
                qc_id={"raw": target_id("simulator").bytes},
                type="CIRCUIT",
                payload=json.dumps(wanted(flip("QB1", "a"))).encode(),
            ).SerializeToString()
            job = stub("SubmitJobV1", JobMessage)(submission)
            lookup = requests["GetJobV1"](id=job.id).SerializeToString()
            events = list(stub("SubscribeToJobV1", JobEvent, stream=True)(lookup))
            statuses = JobMessage.DESCRIPTOR.fields_by_name["status"].enum_type
            assert events[-1].update.status == statuses.values_by_name["COMPLETED"].number
            counted = httpx.get(f"http://127.0.0.1:{http}/metrics").text
            assert 'method="iqm.server.Jobs/SubmitJobV1",status="OK"' in counted
        process.end()
    finally:
        process.kill()
    assert '"path": "iqm.server.Jobs/SubscribeToJobV1", "status": "OK"' in process.log.read_text()
