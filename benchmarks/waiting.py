"""2,000 clients wait on one API process: how quickly do others get answers, and how quickly do
the waiting ones learn of a change?

Runs on the spread-out form (PostgreSQL + Redis, one API process). Most of the waiters share one
job, which is the worst case for a burst; the others have one job for ten of them. The clients run
in a process of their own.

    ./quws bench waiting
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from harness import Postgres, cluster

BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2];'
    " h q[0]; cx q[0],q[1]; measure q -> c;"
)
WAITERS = 2000
CROWD = 1900
PER_JOB = 10


async def ask(url: str, method: str = "GET", body: str = "") -> tuple[int, float]:
    """Send a request; give the status and when the answer had come."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**20)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    head = f"{method} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n"
    if body:
        head += "Content-Type: application/x-www-form-urlencoded\r\n"
        head += f"Content-Length: {len(body)}\r\n"
    writer.write(f"{head}\r\n{body}".encode())
    status = int((await reader.readline()).split()[1])
    arrived = time.perf_counter()
    await reader.read()
    writer.close()
    return status, arrived


def quantiles(times: list[float]) -> str:
    ordered = sorted(1000 * item for item in times)
    return (
        f"median {statistics.median(ordered):7.1f} ms"
        f"   99 % {ordered[int(0.99 * len(ordered))]:7.1f} ms   max {ordered[-1]:7.1f} ms"
    )


async def measure(base: str, jobs: list[str]) -> None:
    crowd, *others = jobs
    plan = [crowd] * CROWD + [job for job in others for _ in range(PER_JOB)]
    waiters: dict[str, list[asyncio.Task[tuple[int, float]]]] = {}
    for number, job in enumerate(plan):
        task = asyncio.create_task(ask(f"{job}?WAIT=45"))
        waiters.setdefault(job, []).append(task)
        if number % 50 == 49:
            await asyncio.sleep(0.05)
    await asyncio.sleep(2)
    print(f"{sum(not t.done() for w in waiters.values() for t in w)} clients wait")

    for name, url in (("job list", f"{base}/jobs?LAST=20"), ("a job", others[0])):
        times = []
        for _ in range(100):
            started = time.perf_counter()
            status, arrived = await ask(url)
            assert status == 200
            times.append(arrived - started)
            await asyncio.sleep(0.01)
        print(f"{name} meanwhile         {quantiles(times)}")

    delays = []
    for job in others:
        changed = time.perf_counter()
        await ask(f"{job}/phase", "POST", "PHASE=ABORT")
        delays += [(await task)[1] - changed for task in waiters[job]]
    print(f"{PER_JOB} waiters of one job    {quantiles(delays)}   (from the ABORT sent)")

    changed = time.perf_counter()
    await ask(f"{crowd}/phase", "POST", "PHASE=ABORT")
    delays = [(await task)[1] - changed for task in waiters[crowd]]
    print(f"{CROWD} waiters of one job  {quantiles(delays)}   (from the ABORT sent)")


def main() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    postgres = Postgres(durable=True).start()
    try:
        # All of them are one caller's, who may not have as many otherwise.
        settings = {"QUWS_POLICY__MAX_LISTENERS": "0"}
        with (
            tempfile.TemporaryDirectory() as folder,
            cluster(Path(folder), postgres.database(), settings, apis=1, workers=1) as service,
        ):
            # Straight to the process: the tests' proxy is none for thousands of connections.
            api = service.processes[0]
            base = f"http://127.0.0.1:{api.arguments[-1]}"
            count = 1 + (WAITERS - CROWD) // PER_JOB
            with service.client(base_url=base) as http:
                jobs = [
                    http.post("/jobs", data={"CIRCUIT": BELL}).headers["Location"]
                    for _ in range(count)
                ]
            asyncio.run(measure(base, jobs))
    finally:
        postgres.stop()


if __name__ == "__main__":
    main()
