"""Walks through a service with IQM's own client. Runs in an environment that has it.

    python iqm_walk.py PART URL TOKEN OTHERS

OTHERS is the token of another user, or for the part ``reopened`` a job. It prints one JSON object:
what the client was told.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

warnings.simplefilter("ignore")
# Releases before 36 ask each second, and wait a second first.
os.environ.setdefault("IQM_CLIENT_SECONDS_BETWEEN_CALLS", "0.2")
TARGET = "simulator"


def connect(url: str, token: str) -> Any:
    from iqm.iqm_client import IQMClient

    if hasattr(IQMClient, "from_url"):
        return IQMClient.from_url(url, quantum_computer=TARGET, token=token)
    return IQMClient(url, quantum_computer=TARGET, token=token)


def refused(ask: Callable[[], Any]) -> list[str]:
    """Return which exception something raises, and what it says."""
    try:
        ask()
    except Exception as error:  # noqa: BLE001 - what it is, is what is asked
        return [type(error).__name__, str(error)]
    return ["nothing", ""]


def status(job: Any) -> str:
    job.update()
    return str(job.status)


def circuit(name: str, *steps: tuple[str, tuple[str, ...], dict[str, Any]]) -> Any:
    from iqm.iqm_client import Circuit
    from iqm.iqm_client import CircuitOperation as Operation

    made = tuple(Operation(name=gate, locus=on, args=args) for gate, on, args in steps)
    return Circuit(name=name, instructions=made)


def flip(qubit: str) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    return "prx", (qubit,), {"angle": math.pi, "phase": 0.0}


def measure(key: str, *qubits: str) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    return "measure", qubits, {"key": key}


def first_of(circuit: Any) -> list[str]:
    """Return a circuit's name and where its first instruction is; some releases read no model."""
    if isinstance(circuit, dict):
        return [circuit["name"], str(tuple(circuit["instructions"][0]["locus"]))]
    return [circuit.name, str(tuple(circuit.instructions[0].locus))]


def bits_of(job: Any) -> list[dict[str, Any]]:
    """Return what each circuit of a job gave, by the keys of its measurements."""
    return [{key: list(map(list, bits)) for key, bits in item.items()} for item in job.result()]


def endless() -> Any:
    """Keeps the simulator busy for half a minute or more."""
    names = [f"QB{index}" for index in range(1, 25)]
    steps: list[Any] = []
    for layer in range(300):
        steps += [("prx", (name,), {"angle": 0.3 + layer, "phase": 0.1}) for name in names]
        first = layer % 2
        pairs = zip(names[first::2], names[first + 1 :: 2], strict=False)
        steps += [("cz", pair, {}) for pair in pairs]
    return circuit("endless", *steps, measure("m", *names))


def client(url: str, token: str, others: str) -> dict[str, Any]:
    """A batch from its submission to its end, and what cannot be done."""
    iqm = connect(url, token)
    batch = [
        circuit("one", flip("alice"), measure("a key", "alice", "bob"), measure("c", "QB3")),
        circuit("two", flip("bob"), measure("m", "bob")),
    ]
    mapping = {"alice": "QB2", "bob": "QB1", "QB3": "QB3"}
    job = iqm.submit_circuits(batch, qubit_mapping=mapping, shots=5)
    end = str(job.wait_for_completion())
    again = connect(url, token).get_job(job.job_id)
    health = iqm.get_health()

    def counts(job: Any) -> list[dict[str, int]]:
        found = iqm.get_job_measurement_counts(job.job_id)
        return [dict(item.counts) for item in found]

    sent = again.payload()
    # Before release 36 it was a pair.
    sent = sent[0] if isinstance(sent, tuple) else sent.circuits

    def known(name: str) -> Any:
        return getattr(iqm, name)() if hasattr(iqm, name) else None

    told = {
        "end": end,
        "bits": bits_of(job),
        "counts": counts(job),
        "again": str(again.status),
        "again_counts": counts(again),
        "payload": [first_of(item) for item in sent],
        "healthy": health["healthy"],
        "about": (known("get_about") or {}).get("name"),
        "pairs": len(iqm.get_static_quantum_architecture().connectivity),
        "label": known("get_chip_label"),
        "feedback": list(iqm.get_feedback_groups()),
        "metrics": len(iqm.get_quality_metric_set().observations),
        "settings": len(iqm.get_calibration_set().observations),
        "bad token": refused(lambda: connect(url, "no-such-token")),
        "unknown job": refused(lambda: iqm.get_job(uuid4())),
        "too many": refused(
            lambda: iqm.submit_circuits([batch[1]], qubit_mapping=mapping, shots=10**9)
        ),
        "elsewhere": elsewhere(url, token, job),
    }
    chip = known("get_chip_topology")
    told["chip"] = None if chip is None else len(chip.qubits)
    iqm.delete_job(job.job_id)
    told["deleted"] = refused(lambda: iqm.get_job(job.job_id))
    return told


def reopened(url: str, token: str, job: str) -> dict[str, Any]:
    """A job of which nothing is known but its id."""
    found = connect(url, token).get_job(UUID(job))
    return {"end": str(found.wait_for_completion()), "bits": bits_of(found)}


def elsewhere(url: str, token: str, job: Any) -> Any:
    """Return what another process is told of a job."""
    command = [sys.executable, __file__, "reopened", url, token, str(job.job_id)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.loads(told.splitlines()[-1])["reopened"]


def waiting(url: str, token: str, others: str) -> dict[str, Any]:
    """Jobs that wait and run, and are cancelled; and who of two users comes first."""
    iqm = connect(url, token)
    first = iqm.submit_circuits([endless()], shots=1)
    second = iqm.submit_circuits([endless()], shots=1)
    data = lambda job: getattr(job, "job_data", None) or job.data  # noqa: E731
    while status(first) == "waiting":
        pass
    told = {"running": status(first), "waiting": status(second)}
    told["ahead"] = data(second).queue_position
    third = connect(url, others).submit_circuits([endless()], shots=1)

    def place(job: Any) -> int:
        status(job)
        return int(data(job).queue_position)

    before, after = sorted((second, third), key=place)
    told["places"] = [place(before), place(after)]
    before.cancel()
    told["cancelled waiting"] = status(before)
    told["place"] = place(after)
    after.cancel()
    first.cancel()
    told["cancelled running"] = status(first)
    told["cancelled again"] = refused(first.cancel)
    for job in (first, second):
        iqm.delete_job(job.job_id)
    connect(url, others).delete_job(third.job_id)
    return told


def qiskit(url: str, token: str, others: str) -> dict[str, Any]:
    """Qiskit's circuits by IQM's provider."""
    from iqm.qiskit_iqm import IQMProvider
    from qiskit import QuantumCircuit, transpile

    backend = IQMProvider(url, quantum_computer=TARGET, token=token).get_backend()
    made = QuantumCircuit(3, 3)
    made.x(0)
    made.cx(0, 2)
    made.measure([0, 1, 2], [0, 1, 2])
    job = backend.run(transpile(made, backend, optimization_level=0), shots=9)
    found = job.result()
    again = backend.retrieve_job(job.job_id())
    return {"counts": found.get_counts(), "again": again.result().get_counts()}


def cirq(url: str, token: str, others: str) -> dict[str, Any]:
    """Cirq's circuits by IQM's sampler."""
    import cirq
    from iqm.cirq_iqm.iqm_sampler import IQMSampler

    sampler = IQMSampler(url, quantum_computer=TARGET, token=token)
    first, second = sampler.device.qubits[:2]
    made = cirq.Circuit(
        cirq.PhasedXPowGate(phase_exponent=0.0, exponent=1.0)(second),
        cirq.measure(first, second, key="m"),
    )
    found = sampler.run(made, repetitions=6)
    return {"histogram": {str(key): count for key, count in found.histogram(key="m").items()}}


if __name__ == "__main__":
    parts = {part.__name__: part for part in (client, reopened, waiting, qiskit, cirq)}
    names, *arguments = sys.argv[1:]
    print(json.dumps({name: parts[name](*arguments) for name in names.split(",")}))
