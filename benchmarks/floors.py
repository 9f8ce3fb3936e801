"""What the bare parts cost of which a job is made: no service can be cheaper than those it needs.

Each part is measured in a process of its own, in milliseconds of processor time; clients do not
count. ``throughput`` prints these beside its own figures.

    ./quws bench floors [PART…]
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2];'
    " h q[0]; cx q[0],q[1]; measure q -> c;"
)
SHOTS = 1000
IN_A_CALL = 100


def five_qubits(number: int) -> str:
    """Write a circuit of five qubits and six layers, another one for each number."""
    random = Random(number)
    lines = ['OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[5];\ncreg c[5];']
    for _ in range(6):
        lines += [f"ry({random.uniform(0, 3):.6f}) q[{k}];" for k in range(5)]
        lines += [f"cx q[{k}],q[{k + 1}];" for k in range(4)]
    lines.append("measure q -> c;")
    return "\n".join(lines)


def used() -> float:
    """Return the processor time of this process and of its children that ended, in ms."""
    who = [resource.getrusage(which) for which in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return 1000 * sum(one.ru_utime + one.ru_stime for one in who)


def each(call: Callable[[], object], times: int) -> float:
    """Return what a call costs, warm."""
    for _ in range(max(1, times // 10)):
        call()
    before = used()
    for _ in range(times):
        call()
    return (used() - before) / times


# -- the parts ---------------------------------------------------------------------


def http() -> dict[str, float]:
    """Ask for nothing, and post a form to, FastAPI on uvicorn."""
    import uvicorn
    from fastapi import FastAPI, Request
    from fastapi.responses import RedirectResponse, Response
    from harness import free_port
    from raw_http import Connection, form

    app = FastAPI()

    @app.get("/")
    async def nothing() -> Response:
        return Response()

    @app.post("/jobs")
    async def jobs(request: Request) -> Response:
        await request.body()
        return RedirectResponse("/jobs/1", 303)

    port = free_port()
    server = os.fork()
    if server == 0:
        uvicorn.run(app, port=port, log_level="error", access_log=False)
        os._exit(0)
    body = form(CIRCUIT=BELL, SHOTS=SHOTS, PHASE="RUN")
    try:
        with Connection(f"http://127.0.0.1:{port}") as line:
            _until_it_answers(line)
            get = _spent(server, lambda: line.get("/"), 2000)
            post = _spent(server, lambda: line.post("/jobs", body), 2000)
    finally:
        os.kill(server, 9)
        os.waitpid(server, 0)
    return {"an empty GET of FastAPI on uvicorn": get, "a POST that is only read, the same": post}


def _until_it_answers(line: Any) -> None:
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        try:
            line.get("/")
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("the server of the floor does not answer")


def _spent(pid: int, call: Callable[[], object], times: int) -> float:
    """Return what a call costs another process."""

    def ticks() -> int:
        numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(numbers[11]) + int(numbers[12])

    before = ticks()
    for _ in range(times):
        call()
    return 1000 / os.sysconf("SC_CLK_TCK") * (ticks() - before) / times


def sqlite() -> dict[str, float]:
    """Commit a row of a job's size, and read one."""
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute("CREATE TABLE jobs (id INTEGER PRIMARY KEY, spec TEXT)")

        def commit() -> None:
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO jobs (spec) VALUES (?)", ("x" * 1000,))
            database.execute("COMMIT")

        def read() -> None:
            database.execute("SELECT * FROM jobs WHERE id = 1").fetchall()

        found = {"an SQLite commit of 1 kB": each(commit, 2000)}
        found["an SQLite read of 1 kB"] = each(read, 2000)
        database.close()
        return found


def aer() -> dict[str, float]:
    """Read and run the Bell circuit in one warm process."""
    from qiskit import qasm2
    from qiskit_aer import AerSimulator

    engine = AerSimulator(method="statevector", max_parallel_threads=1)
    circuit = qasm2.loads(BELL)
    return {
        "reading the Bell circuit, Qiskit": each(lambda: qasm2.loads(BELL), 100),
        "running it, 1000 shots, Aer": each(
            lambda: engine.run(circuit, shots=SHOTS).result().get_counts(), 100
        ),
    }


def fork() -> dict[str, float]:
    """Fork a process that has loaded the libraries, as a zygote does."""
    import qiskit_aer  # noqa: F401

    def child() -> None:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)

    return {"a fork of a process with Qiskit and Aer, and its end": each(child, 100)}


def batch(count: int = 1000) -> dict[str, float]:
    """Read and run different circuits of five qubits, in calls of a hundred, as fast as Aer can.

    What a service is compared with: seconds here are time, not processor time. With as many
    threads as Aer takes by itself, or with one: on cores that others use, its threads wait for
    each other, and one is quicker.
    """
    texts = [five_qubits(number) for number in range(count)]
    return min((_batch(texts, threads) for threads in (0, 1)), key=lambda found: found["seconds"])


def _batch(texts: list[str], threads: int) -> dict[str, float]:
    from qiskit import qasm2
    from qiskit_aer import AerSimulator

    engine = AerSimulator(method="statevector", max_parallel_threads=threads)
    engine.run([qasm2.loads(text) for text in texts[:10]], shots=SHOTS).result()
    before, started = used(), time.perf_counter()
    reading = 0.0
    for first in range(0, len(texts), IN_A_CALL):
        began = time.perf_counter()
        circuits = [qasm2.loads(text) for text in texts[first : first + IN_A_CALL]]
        reading += time.perf_counter() - began
        result = engine.run(circuits, shots=SHOTS).result()
        for number in range(len(circuits)):
            result.get_counts(number)
    return {
        "seconds": time.perf_counter() - started,
        "of which reading": reading,
        "CPU of a circuit": (used() - before) / len(texts),
    }


PARTS: dict[str, Callable[[], dict[str, float]]] = {
    part.__name__: part for part in (http, sqlite, aer, fork)
}


def apart(name: str, *arguments: str) -> dict[str, float]:
    """Measure a part in a process of its own."""
    command = [sys.executable, __file__, "--here", name, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def show(names: list[str]) -> None:
    for name in names:
        for what, ms in apart(name).items():
            print(f"{what:<55} {ms:8.3f} ms")


def main() -> None:
    match sys.argv[1:]:
        case ["--here", "batch", count]:
            print(json.dumps(batch(int(count))))
        case ["--here", name]:
            print(json.dumps(PARTS[name]()))
        case names:
            show(names or list(PARTS))


if __name__ == "__main__":
    main()
