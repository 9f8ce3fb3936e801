"""Walks through the gRPC services with the stubs of IQM's own client. Runs where that is installed.

    python grpc_walk.py PART,… GRPC_URL HTTP_URL TOKEN PID

GRPC_URL ends in the name of a target; PID is the process that a SIGTERM ends. It prints one JSON
object: what the client was told.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

warnings.simplefilter("ignore")

import grpc  # noqa: E402
from iqm.station_control.client.iqm_server import proto  # noqa: E402
from iqm.station_control.client.iqm_server.grpc_utils import (  # noqa: E402
    create_channel,
    extract_error,
    load_all,
    parse_connection_params,
    to_proto_uuid,
)
from iqm.station_control.client.iqm_server.iqm_server_client import (  # noqa: E402
    IqmServerClient,
)


class Walk:
    """The services, by the client's own channel, and what is sent to them."""

    def __init__(self, grpc_url: str, http_url: str, token: str, pid: str) -> None:
        self.url, self.http_url, self.token, self.pid = grpc_url, http_url, token, int(pid)
        self.client = IqmServerClient(grpc_url, get_token_callback=lambda: f"Bearer {token}")
        self.computer = self.client._current_qc
        self.channel = self.client._channel
        self.jobs = proto.JobsStub(self.channel)

    def submit(self, *circuits: Any, **more: Any) -> Any:
        request = {"circuits": list(circuits), "shots": 5} | more
        return self.jobs.SubmitJobV1(
            proto.SubmitJobRequestV1(
                qc_id=self.computer.id,
                type=proto.JobType.CIRCUIT,
                payload=json.dumps(request).encode(),
            )
        )

    def lookup(self, job: Any) -> Any:
        return proto.JobLookupV1(id=job.id)

    def follow(self, job: Any) -> Iterator[Any]:
        """Yield a job whenever the server says that it has changed."""
        for event in self.jobs.SubscribeToJobV1(self.lookup(job)):
            if event.HasField("update"):
                yield event.update

    def status(self, job: Any) -> str:
        return name_of(self.jobs.GetJobV1(self.lookup(job)))

    def until_it_runs(self, job: Any) -> None:
        for told in self.follow(job):
            if name_of(told) != "IN_QUEUE":
                return

    def delete(self, job: Any) -> None:
        job_id = UUID(bytes=job.id.raw)
        head = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.http_url}/api/v1/jobs/{job_id}"
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE", headers=head)).close()


def name_of(job: Any) -> str:
    return str(proto.JobStatus.Name(job.status))


def refused(ask: Callable[[], Any]) -> list[Any]:
    """Return what the client makes of an error."""
    try:
        ask()
    except grpc.RpcError as error:
        found = extract_error(error)
        return [found.status_code, found.error_code, found.message, found.details]
    return ["nothing", None, "", None]


def circuit(name: str, *steps: tuple[str, tuple[str, ...], dict[str, Any]]) -> dict[str, Any]:
    made = [{"name": gate, "locus": list(on), "args": args} for gate, on, args in steps]
    return {"name": name, "instructions": made}


def flip(qubit: str) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    return "prx", (qubit,), {"angle": math.pi, "phase": 0.0}


def measure(key: str, *qubits: str) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    return "measure", qubits, {"key": key}


def endless(layers: int = 300) -> dict[str, Any]:
    """Keeps the simulator busy for half a minute or more."""
    names = [f"QB{index}" for index in range(1, 25)]
    steps: list[Any] = []
    for layer in range(layers):
        steps += [("prx", (name,), {"angle": 0.3 + layer, "phase": 0.1}) for name in names]
        first = layer % 2
        pairs = zip(names[first::2], names[first + 1 :: 2], strict=False)
        steps += [("cz", pair, {}) for pair in pairs]
    return circuit("endless", *steps, measure("m", *names))


def batch(walk: Walk) -> dict[str, Any]:
    """A batch from its submission to its end, and what cannot be done."""
    circuits = [
        circuit("one", flip("alice"), measure("a key", "alice", "bob"), measure("c", "QB3")),
        circuit("two", flip("bob"), measure("m", "bob")),
    ]
    mapping = {"alice": "QB2", "bob": "QB1", "QB3": "QB3"}
    names = [{"logical_name": it, "physical_name": mapping[it]} for it in mapping]
    job = walk.submit(*circuits, qubit_mapping=names)
    seen = [name_of(told) for told in walk.follow(job)]
    payload = json.loads(load_all(walk.jobs.GetJobPayloadV1(walk.lookup(job))))
    done = walk.jobs.GetJobV1(walk.lookup(job))
    label = walk.client.get_duts()[0].label
    calibration = walk.client.get_latest_calibration_set_id(label)
    nothing = proto.JobLookupV1(id=to_proto_uuid(uuid4()))
    told = {
        "end": seen[-1],
        "bits": json.loads(load_all(walk.jobs.GetJobResultsV1(walk.lookup(job)))),
        "payload": payload["circuits"] == circuits and payload["qubit_mapping"] == names,
        "input": [done.input.shots, done.input.circuits],
        "took": done.execution_started_at.ToDatetime() <= done.execution_ended_at.ToDatetime(),
        "data": str(walk.client.get_job(UUID(bytes=job.id.raw)).job_status.name),
        "about": walk.client.get_about()["name"],
        "channels": len(walk.client.get_channel_properties()),
        "fields": len(walk.client.get_dut_fields(label)),
        "chip": walk.client.get_chip_design_record(label)["chip_label"],
        "values": len(walk.client.get_calibration_set_values(calibration)),
        "unknown": refused(lambda: walk.jobs.GetJobV1(nothing)),
        "too many": refused(lambda: walk.submit(circuits[1], shots=10**9)),
        "no gate": refused(lambda: walk.submit(circuit("bad", ("rx", ("QB1",), {"angle": 1})))),
        "cancelled again": refused(lambda: walk.jobs.CancelJobV1(walk.lookup(job))),
    }
    pulses = proto.SubmitJobRequestV1(qc_id=walk.computer.id, type=proto.JobType.PULSE, payload=b"")
    told["pulses"] = refused(lambda: walk.jobs.SubmitJobV1(pulses))
    bad = create_channel(parse_connection_params(walk.url), lambda: "Bearer wrong")
    computers = proto.QuantumComputersStub(bad)
    everything = proto.ListQuantumComputerFiltersV1()
    told["bad token"] = refused(lambda: computers.ListQuantumComputersV1(everything))
    walk.delete(job)
    return told


def waiting(walk: Walk) -> dict[str, Any]:
    """Jobs that wait and run, are cancelled and deleted; and a place in the queue."""
    short = circuit("short", flip("QB1"), measure("m", "QB1"))
    first = walk.submit(endless(), shots=1)
    walk.until_it_runs(first)
    second, third, fourth = (walk.submit(short) for _ in range(3))
    told: dict[str, Any] = {"ahead": [job.queue_position for job in (second, third, fourth)]}
    stream = walk.follow(third)
    seen = [next(stream)]
    told["cancelled waiting"] = name_of(walk.jobs.CancelJobV1(walk.lookup(second)))
    seen.append(next(stream))
    gone = walk.jobs.SubscribeToJobV1(walk.lookup(fourth))
    next(gone)
    walk.delete(fourth)
    told["deleted"] = refused(lambda: list(gone))
    told["cancelled running"] = name_of(walk.jobs.CancelJobV1(walk.lookup(first)))
    seen += stream
    told["positions"] = [job.queue_position for job in seen if job.HasField("queue_position")]
    told["end"] = name_of(seen[-1])
    for job in (first, second, third):
        walk.delete(job)
    return told


def silence(walk: Walk) -> dict[str, Any]:
    """A stream on which next to nothing happens, for longer than a usual server would bear it."""
    job = walk.submit(endless(1000), shots=1)
    walk.until_it_runs(job)
    events = walk.jobs.SubscribeToJobV1(walk.lookup(job))
    until = time.monotonic() + 40
    kinds = set()
    for event in events:
        kinds.add(event.WhichOneof("value"))
        if time.monotonic() > until:
            break
    events.cancel()
    walk.jobs.CancelJobV1(walk.lookup(job))
    walk.delete(job)
    return {"kinds": sorted(kinds)}


def shutdown(walk: Walk) -> dict[str, Any]:
    """A subscription at whose time the service is ended."""
    job = walk.submit(endless(), shots=1)
    events = walk.jobs.SubscribeToJobV1(walk.lookup(job))
    next(events)
    os.kill(walk.pid, signal.SIGTERM)
    return {"told": refused(lambda: list(events))}


if __name__ == "__main__":
    parts = {part.__name__: part for part in (batch, waiting, silence, shutdown)}
    names, *arguments = sys.argv[1:]
    walk = Walk(*arguments)
    print(json.dumps({name: parts[name](walk) for name in names.split(",")}))
