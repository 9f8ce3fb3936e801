"""Walks through a service with Superstaq's own clients. Runs in an environment that has them.

    python superstaq_walk.py VERSION PART URL TOKEN [JOB]

It prints one JSON object: what the client was told.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any
from uuid import uuid4

warnings.simplefilter("ignore")
TARGET = "quws_simulator_simulator"
DEVICE = "quws_qpu_qpu"


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


def connected(url: str, token: str, version: str) -> Any:
    """Return Cirq's service."""
    from cirq_superstaq import Service

    return Service(token, remote_host=url, api_version=version, max_retry_seconds=60)


def batch() -> list[Any]:
    """Circuits whose keys stand in another order than the alphabet's, with one that is no name."""
    import cirq

    first, second, third = cirq.LineQubit.range(3)
    tenth = cirq.NamedQubit("q10")
    return [
        cirq.Circuit(
            cirq.X(first),
            cirq.measure(first, third, key="b"),
            cirq.measure(second, key="1"),
        ),
        cirq.Circuit(cirq.H(first), cirq.CX(first, second), cirq.measure(first, second)),
        cirq.Circuit(
            cirq.X(tenth), cirq.measure_each(*cirq.NamedQubit.range(3, prefix="q"), tenth)
        ),
    ]


def cirq(url: str, token: str, version: str) -> dict[str, Any]:
    """Cirq's circuits: a batch to its end, what cannot be done, what is compiled and cancelled."""

    service = connected(url, token, version)
    circuits = batch()
    job = service.create_job(
        circuits, repetitions=50, target=TARGET, tag=["a", "b"], metadata={"run": 7}
    )
    counts = [job.counts(index, polling_seconds=0.2) for index in range(3)]
    told: dict[str, Any] = {
        "id": str(job.job_id()),
        "counts": counts,
        "all": job.counts() == counts,
        "status": str(getattr(job.status(), "value", job.status())),
        "inputs": job.input_circuits() == circuits,
        "one": job.input_circuits(1) == circuits[1],
        "qubits": job.num_qubits(),
        "repetitions": job.repetitions(),
        "target": job.target(),
    }
    if version == "v0.3.0":
        told |= {"tags": job.tags, "metadata": job.metadata}
    run = service.sampler(TARGET).run(circuits[0], repetitions=3)
    told |= {
        "sampled": {key: found.tolist() for key, found in run.measurements.items()},
        "targets": sorted(str(item.target) for item in service.get_targets()),
        "simulators": [str(item.target) for item in service.get_targets(simulator=True)],
        "info": service.target_info(DEVICE),
        "balance": str(service.get_balance()),
        "user": service.get_user_info()["email"],
    }
    told |= {
        "bad token": refused(lambda: connected(url, "no-such-token", version).get_balance()),
        "unknown": refused(lambda: service.get_job(unknown(version)).status()),
        "no target": refused(lambda: service.create_job(circuits, target="quws_nothing_qpu")),
        "too many": refused(lambda: service.create_job(circuits, 10**9, TARGET)),
        "no gate": refused(lambda: service.create_job(strange(), 5, TARGET)),
        "not compiled": refused(lambda: service.compile(circuits, TARGET)),
        "not theirs": refused(lambda: service.aqt_compile(circuits)),
    }
    told |= compiled(service, version) | cancelled(service, version)
    return told


def unknown(version: str) -> str:
    return f"{uuid4()}:0" if version == "v0.2.0" else str(uuid4())


def strange() -> Any:
    """A circuit with a gate that only Superstaq's library has."""
    import cirq
    import cirq_superstaq

    pair = cirq.LineQubit.range(2)
    return cirq.Circuit(cirq_superstaq.ZZSwapGate(0.5)(*pair), cirq.measure(*pair))


def compiled(service: Any, version: str) -> dict[str, Any]:
    """Have circuits compiled, alone and to be run, and run here what they were compiled to."""
    import cirq

    a, b, c = cirq.GridQubit.rect(1, 3)
    ghz = cirq.Circuit(
        cirq.X(b),
        cirq.CX(b, c),
        cirq.CX(b, a),
        cirq.measure(b, key="B"),
        cirq.measure(a, c, key="a c"),
    )
    other = cirq.Circuit(cirq.X(a), cirq.measure(b, a, key="m"))
    found = service.compile([ghz, other], DEVICE)
    if version == "v0.2.0":
        made = found.circuits
        initial, final = found.initial_logical_to_physicals, found.final_logical_to_physicals
        (alone,) = [service.compile(other, DEVICE).circuit]
    else:
        made = found.compiled_circuits(polling_seconds=0.2)
        initial = found.initial_logical_to_physical()
        final = found.final_logical_to_physical()
        alone = service.compile(other, DEVICE).compiled_circuits(0, polling_seconds=0.2)
    run = cirq.Simulator().run(made[0], repetitions=7)
    job = service.create_job([ghz, other], repetitions=20, target=DEVICE)
    counts = [job.counts(index, polling_seconds=0.2) for index in range(2)]
    return {
        "compiled": {key: bits.tolist()[0] for key, bits in run.measurements.items()},
        "gates": sorted({type(item.gate).__name__ for item in made[0].all_operations()}),
        "alone": alone == made[1],
        "initial": sorted(map(str, initial[0])),
        # Where a qubit is measured at the end.
        "final": all(
            final[0][qubit] == place
            for key, qubits in (("B", [b]), ("a c", [a, c]))
            for qubit, place in zip(qubits, measured(made[0], key), strict=True)
        ),
        "device": [max(item, key=item.get) for item in counts],
        "ran": [
            item.all_measurement_key_names() == key
            for item, key in zip(job.compiled_circuits(), ({"B", "a c"}, {"m"}), strict=True)
        ],
    }


def measured(circuit: Any, key: str) -> Any:
    """Return which qubits are measured under a key."""
    import cirq

    return next(
        item.qubits
        for item in circuit.all_operations()
        if cirq.is_measurement(item) and cirq.measurement_key_name(item) == key
    )


def long() -> Any:
    """Keeps the simulator busy for minutes."""
    import cirq

    qubits = cirq.LineQubit.range(24)
    layers = [
        [cirq.rx(0.3 + layer)(qubit) for qubit in qubits]
        + [cirq.CZ(*qubits[place : place + 2]) for place in range(layer % 2, 23, 2)]
        for layer in range(100)
    ]
    return cirq.Circuit(layers, cirq.measure(*qubits))


def cancelled(service: Any, version: str) -> dict[str, Any]:
    """Cancel what runs and what waits behind it, and where that can be one circuit of two."""

    def status(job: Any, index: int | None = None) -> str:
        found = job.status() if index is None else job.status(index)
        return str(getattr(found, "value", found))

    running = service.create_job(long(), repetitions=1, target=TARGET)
    limit = time.monotonic() + 60
    while status(running) not in ("Running", "running") and time.monotonic() < limit:
        time.sleep(0.1)
    waiting = service.create_job(batch()[:2], repetitions=1, target=TARGET)
    told: dict[str, Any] = {"running": status(running), "waiting": status(waiting)}
    if version == "v0.2.0":
        waiting.cancel(1)
        told["one"] = [status(waiting, index) for index in range(2)]
        told["whole"] = status(waiting)
    waiting.cancel()
    running.cancel()
    told["cancelled"] = [status(waiting), status(running)]
    told["no counts"] = refused(lambda: running.counts(0))
    told["again"] = refused(running.cancel)
    return told


def again(url: str, token: str, version: str, job_id: str) -> dict[str, Any]:
    """Open a job of another process."""
    job = connected(url, token, version).get_job(job_id)
    return {"counts": job.counts(), "inputs": job.input_circuits() == batch()}


if __name__ == "__main__":
    version, part, *arguments = sys.argv[1:]
    parts = {"qiskit": qiskit, "cirq": cirq, "again": again}
    url, token, *more = arguments
    print(json.dumps(parts[part](url, token, version, *more)))
