"""From POST with PHASE=RUN to COMPLETED: a Bell circuit of 1000 shots, warm, one at a time.

Measures both forms of the service in one run, and the same circuit in bare Aer
beside them. Run it with the development environment:

    ./quws bench first_job
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from harness import Postgres, Service, cluster, embedded

BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2];'
    " h q[0]; cx q[0],q[1]; measure q -> c;"
)
RUNS = 100
WARM_UP = 20
NORMAL = {"QUWS_LEASE": "15", "QUWS_SWEEP": "0.5", "QUWS_IDLE_LOOK": "5"}


def through(service: Service) -> list[float]:
    """Time jobs over HTTP, in milliseconds: the client waits by WAIT, as a user would."""
    times = []
    with service.client() as http:
        for number in range(WARM_UP + RUNS):
            started = time.perf_counter()
            form = {"CIRCUIT": BELL, "SHOTS": "1000", "PHASE": "RUN"}
            job = http.post("/jobs", data=form).headers["Location"]
            phase = ""
            while phase not in ("COMPLETED", "ERROR"):
                answer = http.get(
                    job, params={"WAIT": "-1"}, headers={"Accept": "application/json"}
                )
                phase = answer.json()["phase"]
            assert phase == "COMPLETED", answer.text
            if number >= WARM_UP:
                times.append(1000 * (time.perf_counter() - started))
            time.sleep(0.05)
    return times


def bare() -> list[float]:
    """Time parsing, compiling and running in one warm process, in milliseconds."""
    from qiskit import qasm2
    from qiskit.transpiler import generate_preset_pass_manager
    from qiskit_aer import AerSimulator

    engine = AerSimulator(method="statevector")
    passes = generate_preset_pass_manager(0, target=engine.target)
    times = []
    for number in range(WARM_UP + RUNS):
        started = time.perf_counter()
        circuit = passes.run(qasm2.loads(BELL, include_path=()))
        engine.run(circuit, shots=1000).result().get_counts()
        if number >= WARM_UP:
            times.append(1000 * (time.perf_counter() - started))
    return times


def show(name: str, times: list[float], reference: float) -> None:
    ordered = sorted(times)
    median = statistics.median(ordered)
    print(
        f"{name:<22} median {median:7.2f} ms   90 % {ordered[int(0.9 * len(ordered))]:7.2f} ms"
        f"   max {ordered[-1]:7.2f} ms   {median / reference:6.1f} x bare Aer"
    )


def main() -> None:
    plain = bare()
    reference = statistics.median(plain)
    show("bare Aer, warm", plain, reference)
    with tempfile.TemporaryDirectory() as folder:
        with embedded(Path(folder) / "embedded", NORMAL) as service:
            show("embedded", through(service), reference)
        postgres = Postgres(durable=True).start()
        try:
            with cluster(
                Path(folder) / "cluster", postgres.database(), NORMAL, apis=1, workers=1
            ) as service:
                show("PostgreSQL + Redis", through(service), reference)
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
