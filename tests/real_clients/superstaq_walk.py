"""Walks through a service with Superstaq's own clients. Runs in an environment that has them.

    python superstaq_walk.py VERSION PART URL TOKEN

It prints one JSON object: what the client was told.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any
from uuid import uuid4

warnings.simplefilter("ignore")
TARGET = "quws_simulator_simulator"


def refused(ask: Callable[[], Any]) -> list[str]:
    """Return which exception something raises, and what it says."""
    try:
        ask()
    except Exception as error:  # noqa: BLE001 - what it is, is what is asked
        return [type(error).__name__, str(error)]
    return ["nothing", ""]


def endless() -> Any:
    """Keeps the simulator busy for minutes."""
    from qiskit import QuantumCircuit

    made = QuantumCircuit(22, 22)
    for layer in range(400):
        for qubit in range(22):
            made.rx(0.3 + layer, qubit)
        for qubit in range(layer % 2, 21, 2):
            made.cz(qubit, qubit + 1)
    made.measure(range(22), range(22))
    return made


def qiskit(url: str, token: str, version: str) -> dict[str, Any]:
    """Qiskit's circuits: a batch to its end, what cannot be done, and what is cancelled."""
    from qiskit import QuantumCircuit
    from qiskit_superstaq import SuperstaqProvider

    def connect(key: str) -> Any:
        return SuperstaqProvider(key, remote_host=url, api_version=version, max_retry_seconds=60)

    provider = connect(token)
    backend = provider.get_backend(TARGET)
    first = QuantumCircuit(3, 3, name="first")
    first.x(0)
    first.cx(0, 2)
    first.measure([0, 1, 2], [0, 1, 2])
    second = QuantumCircuit(2, 3)
    second.x(1)
    second.measure([0, 1], [0, 2])
    job = backend.run([first, second], shots=5, tag=["a", "b"], metadata={"run": 7})
    found = job.result(wait=0.2)
    told: dict[str, Any] = {
        "counts": found.get_counts(),
        "status": str(job.status()),
        "inputs": [
            circuit == sent
            for circuit, sent in zip(job.input_circuits(), (first, second), strict=True)
        ],
    }
    again = connect(token).get_job(str(job.job_id())) if version == "v0.3.0" else None
    if again is not None:
        told |= {
            "again": again.result(wait=0.2).get_counts(),
            "tags": again.tags,
            "metadata": again.metadata,
        }
    told |= {
        "targets": sorted(str(item) for item in provider.backends()),
        "info": backend.target_info()["max_shots"] > 1,
        "balance": str(provider.get_balance()),
        "user": refused(provider.get_user_info),
        "bad token": refused(lambda: connect("no-such-token").get_balance()),
        "too many": refused(lambda: backend.run(first, shots=10**9)),
        "no target": refused(lambda: provider.get_backend("quws_nothing_qpu").run(first, shots=1)),
    }
    if version == "v0.3.0":
        told["unknown"] = refused(lambda: provider.get_job(str(uuid4())).status())
    slow = backend.run(endless(), shots=1)
    slow.cancel()
    told["cancelled"] = str(slow.status())
    return told


def cirq(url: str, token: str, version: str) -> dict[str, Any]:
    """Cirq's circuits: the keys go by the alphabet."""
    import cirq
    from cirq_superstaq import Service

    service = Service(token, remote_host=url, api_version=version, max_retry_seconds=60)
    first, second = cirq.LineQubit.range(2)
    batch = [
        cirq.Circuit(cirq.X(first), cirq.measure(first, key="z"), cirq.measure(second, key="a")),
        cirq.Circuit(cirq.H(first), cirq.CX(first, second), cirq.measure(first, second)),
    ]
    job = service.create_job(batch, repetitions=5, target=TARGET)
    counts = [job.counts(index, polling_seconds=0.2) for index in range(2)]
    return {"counts": counts[0], "both": sorted(counts[1]), "inputs": job.input_circuits() == batch}


if __name__ == "__main__":
    version, part, url, token = sys.argv[1:]
    print(json.dumps({"qiskit": qiskit, "cirq": cirq}[part](url, token, version)))
