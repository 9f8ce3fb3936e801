"""Walks through a service with a client of IQM from before release 29.

    python cocos_walk.py URL [TOKEN]

It prints one JSON object: what the client was told.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any
from uuid import uuid4

os.environ["IQM_CLIENT_SECONDS_BETWEEN_CALLS"] = "0.2"
warnings.simplefilter("ignore")


def refused(ask: Callable[[], Any]) -> list[str]:
    """Return which exception something raises, and what it says."""
    try:
        ask()
    except Exception as error:  # noqa: BLE001 - what it is, is what is asked
        return [type(error).__name__, str(error)]
    return ["nothing", ""]


def main(url: str, token: str = "") -> dict[str, Any]:
    """Run a batch, and abort a job."""
    try:
        from iqm.iqm_client import Circuit, Instruction, IQMClient

        turn, measure = "prx", "measure"
    except ImportError:
        from iqm_client import Circuit, Instruction, IQMClient

        turn, measure = "phased_rx", "measurement"

    def connect(token: str) -> Any:
        # The oldest take no token that is none of Keycloak's.
        return IQMClient(f"{url}/cocos", **({"token": token} if token else {}))

    def flip(qubit: str) -> Any:
        return Instruction(name=turn, qubits=(qubit,), args={"angle_t": 0.5, "phase_t": 0.0})

    def read(key: str, *qubits: str) -> Any:
        return Instruction(name=measure, qubits=qubits, args={"key": key})

    iqm = connect(token)
    batch = [
        Circuit(name="one", instructions=(flip("alice"), read("a key", "alice", "bob"))),
        Circuit(name="two", instructions=(flip("bob"), read("m", "bob"))),
    ]
    mapping = {"alice": "QB2", "bob": "QB1"}
    job = iqm.submit_circuits(batch, qubit_mapping=mapping, shots=5)
    found = iqm.wait_for_results(job)
    told = {
        "status": found.status.value,
        "bits": found.measurements,
        "names": [item.name for item in found.metadata.request.circuits],
        "again": connect(token).get_run_status(job).status.value,
        "qubits": iqm.get_quantum_architecture().qubits[:2],
        "unknown": refused(lambda: iqm.get_run(uuid4())),
        "too many": refused(
            lambda: iqm.submit_circuits([batch[1]], qubit_mapping=mapping, shots=10**9)
        ),
        "ended": refused(lambda: iqm.abort_job(job)),
    }
    if token:
        stranger = connect("no-such-token")
        told["bad token"] = refused(lambda: stranger.submit_circuits(batch, shots=1))
    if hasattr(iqm, "get_run_counts"):
        told["counts"] = [item.counts for item in iqm.get_run_counts(job).counts_batch]
    # So many shots of so many bits take a while.
    names = [f"QB{index}" for index in range(1, 25)]
    layers = [
        step
        for layer in range(200)
        for step in (
            *(
                Instruction(
                    name=turn, qubits=(name,), args={"angle_t": 0.1 + layer, "phase_t": 0.2}
                )
                for name in names
            ),
            *(
                Instruction(name="cz", qubits=pair, args={})
                for pair in zip(names[layer % 2 :: 2], names[1 + layer % 2 :: 2], strict=False)
            ),
        )
    ]
    slow = Circuit(name="slow", instructions=(*layers, read("m", *names)))
    iqm = connect(token)
    job = iqm.submit_circuits([slow], shots=1)
    told["running"] = iqm.get_run_status(job).status.value
    iqm.abort_job(job)
    told["aborted"] = iqm.get_run(job).status.value
    return told


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
