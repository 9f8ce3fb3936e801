"""Chaos: processes are killed, stopped and frozen at random under a stream of jobs.

At the end nothing may be lost, doubled, stranded or left lying about. The test
suite runs a minute of it; for longer::

    ./quws chaos --seconds 3600 --seed 7

The seed decides what is done to whom and when; what the operating system makes
of it differs from run to run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import redis
from circuits import BELL2, BELL3, flip, slow
from harness import (
    Postgres,
    Process,
    Service,
    cluster,
    kill_tree,
    start_embedded,
    stop,
    until,
    wait_ready,
)
from uws import job_json, story

from quws.store.database import Database
from quws.store.jobs.store import JobStore

LEASE = 3.0
FINAL = {"COMPLETED", "ERROR", "ABORTED"}
SETTINGS = {
    "QUWS_LEASE": str(LEASE),
    "QUWS_GRACE": "1",
    "QUWS_ORPHAN_AGE": "5",
    # Being killed again and again is no fault of a job here.
    "QUWS_POLICY__MAX_ATTEMPTS": "100",
}
ENDS = {"completed", "failed", "aborted"}


@dataclass
class Sent:
    """What the client knows of a job that the service has accepted."""

    url: str
    kind: str
    shots: int
    circuits: int
    may_abort: bool = False
    may_vanish: bool = False


@dataclass
class Tally:
    sent: list[Sent] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    """What clients were told that nothing here explains."""
    done: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def complain(self, what: str) -> None:
        """Note what a client complains about: what was accepted is still to be checked."""
        with self.lock:
            self.complaints.append(what)


def a_job(rng: random.Random) -> tuple[str, dict[str, Any], Sent]:
    """Draw a job: what to post, and what is known of it."""
    kind = rng.choices(
        ["bell", "batch", "slow", "overrun", "short-lived", "two-step", "memory"],
        [8, 4, 3, 1, 1, 2, 1],
    )[0]
    shots = rng.randint(1, 200)
    data: dict[str, Any] = {"SHOTS": shots, "PHASE": "RUN", "RUNID": kind}
    sent = Sent("", kind, shots, 1)
    match kind:
        case "bell":
            data["CIRCUIT"] = rng.choice([BELL2, BELL3])
        case "batch":
            sent.circuits = rng.randint(2, 6)
            data["CIRCUIT"] = [flip(k % 3, 3) for k in range(sent.circuits - 1)] + [slow(16, 40)]
        case "slow":
            data["CIRCUIT"] = slow(20, 60)
        case "overrun":
            data |= {"CIRCUIT": slow(), "EXECUTIONDURATION": 1}
            sent.may_abort = True
        case "short-lived":
            instant = datetime.now(UTC) + timedelta(seconds=rng.uniform(0.5, 5))
            data |= {"CIRCUIT": slow(20, 60), "DESTRUCTION": instant.isoformat()}
            sent.may_vanish = True
        case "two-step":
            data["CIRCUIT"] = BELL2
            del data["PHASE"]
        case "memory":
            data |= {"CIRCUIT": BELL2, "MEMORY": "true"}
    return kind, data, sent


class Clients:
    """People who send jobs, and now and then abort or delete one."""

    def __init__(self, service: Service, tally: Tally, seed: int, rate: float) -> None:
        self._service = service
        self._tally = tally
        self._seed = seed
        self._rate = rate
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor()
        self._running: list[Future[None]] = []

    def __enter__(self) -> None:
        self._running = [self._threads.submit(self._run, number) for number in range(2)]

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._threads.shutdown()
        for client in self._running:
            if (error := client.exception()) is not None:
                self._tally.complain(f"a client broke down: {error!r}")

    def _run(self, number: int) -> None:
        rng = random.Random(f"{self._seed}/client {number}")
        with self._service.client(timeout=30) as http:
            while not self._stop.wait(rng.expovariate(self._rate)):
                try:
                    self._send(http, rng)
                    if rng.random() < 0.15 and self._tally.sent:
                        self._disturb(http, rng)
                except httpx.HTTPError as error:
                    with self._tally.lock:
                        self._tally.refused[type(error).__name__] += 1

    def _send(self, http: httpx.Client, rng: random.Random) -> None:
        _, data, sent = a_job(rng)
        answer = http.post("/jobs", data=data)
        if answer.status_code != 303:
            with self._tally.lock:
                self._tally.refused[str(answer.status_code)] += 1
            if answer.status_code not in (429, 500, 502, 503):
                self._tally.complain(f"{sent.kind}: {answer.status_code}, {answer.text}")
            return
        sent.url = answer.headers["Location"].removeprefix(self._service.url)
        with self._tally.lock:
            self._tally.sent.append(sent)
        if sent.kind == "two-step":
            persist(lambda: http.post(f"{sent.url}/phase", data={"PHASE": "RUN"}), self._stop)

    def _disturb(self, http: httpx.Client, rng: random.Random) -> None:
        with self._tally.lock:
            sent = rng.choice(self._tally.sent[-20:])
        if rng.random() < 0.6:
            sent.may_abort = True
            http.post(f"{sent.url}/phase", data={"PHASE": "ABORT"})
        else:
            sent.may_vanish = True
            http.delete(sent.url)


def persist(ask: Callable[[], httpx.Response], stop: threading.Event) -> None:
    """Ask until there is an answer: the service may be down just now."""
    while True:
        with contextlib.suppress(httpx.HTTPError):
            answer = ask()
            if answer.status_code < 500:
                return
        stop.wait(0.2)


class Havoc:
    """Does bad things to the processes of a cluster, and starts again what was ended."""

    def __init__(self, service: Service, tally: Tally, seed: int) -> None:
        self._service = service
        self._tally = tally
        self._rng = random.Random(f"{seed}/havoc")
        self._frozen: list[tuple[float, int]] = []

    def run(self, seconds: float, least: int = 0) -> None:
        """Do harm for so many seconds, and on a busy machine until it was done so many times."""
        end = time.monotonic() + seconds
        actions = [
            (self._kill, 3),
            (self._terminate, 3),
            (self._freeze, 2),
            (self._kill_child, 3),
            (self._flush, 1),
            (self._restart_bus, 1),
        ]
        while time.monotonic() < end or sum(self._tally.done.values()) < least:
            (act,) = self._rng.choices([a for a, _ in actions], [w for _, w in actions])
            self._tally.done[act()] += 1
            self._let_them_work(self._rng.randint(0, 4))
        until(lambda: self._thaw() or not self._frozen, LEASE * 3, "the last thaw")
        for process in self._service.processes:
            if process.arguments[0] == "api":
                wait_ready(f"http://127.0.0.1:{process.arguments[2]}", process)

    def _let_them_work(self, jobs: int) -> None:
        """Wait until so many more jobs were accepted, but not for ever."""
        wanted = len(self._tally.sent) + jobs
        limit = time.monotonic() + 5
        while len(self._tally.sent) < wanted and time.monotonic() < limit:
            self._thaw()
            time.sleep(0.05)

    def _one(self, *kinds: str) -> Process:
        return self._rng.choice([p for p in self._service.processes if p.arguments[0] in kinds])

    def _kill(self) -> str:
        process = self._one("api", "worker", "sweeper")
        process.kill()
        self._again(process)
        return f"kill -9 {process.arguments[0]}"

    def _terminate(self) -> str:
        process = self._one("api", "worker", "sweeper")
        process.popen.send_signal(self._rng.choice([signal.SIGTERM, signal.SIGINT]))
        # A frozen process hears nothing until it is woken.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        until(lambda: process.popen.poll() is not None, 40, f"the end of {process.arguments}")
        self._again(process)
        return f"SIGTERM/SIGINT {process.arguments[0]}"

    def _freeze(self) -> str:
        process = self._one("worker", "worker", "sweeper")
        os.kill(process.pid, signal.SIGSTOP)
        self._frozen.append((time.monotonic() + LEASE * self._rng.uniform(0.3, 2), process.pid))
        return f"freeze {process.arguments[0]}"

    def _thaw(self) -> None:
        due = [item for item in self._frozen if item[0] <= time.monotonic()]
        for item in due:
            self._frozen.remove(item)
            with contextlib.suppress(ProcessLookupError):
                os.kill(item[1], signal.SIGCONT)

    def _kill_child(self) -> str:
        family = self._one("worker").family()[1:]
        if family:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._rng.choice(family).kill()
        return "kill -9 child or zygote"

    def _flush(self) -> str:
        assert self._service.bus is not None
        with redis.Redis.from_url(self._service.bus.url) as connection:
            connection.flushall()
        return "FLUSHALL"

    def _restart_bus(self) -> str:
        assert self._service.bus is not None
        self._service.bus.process.kill()
        self._service.bus.process.wait()
        time.sleep(self._rng.uniform(0, 1))
        self._service.bus.start()
        return "kill -9 and restart of the bus"

    def _again(self, process: Process) -> None:
        place = self._service.processes.index(process)
        self._service.processes[place] = Process(
            process.arguments, self._service.environment, process.log
        )


def check(service: Service, tally: Tally, seconds: float = 120) -> None:
    """Wait until all is over, hold every job to what it must be, and hear the complaints."""
    check_jobs(service, tally, seconds)
    assert not tally.complaints, "\n".join(tally.complaints)


def check_jobs(service: Service, tally: Tally, seconds: float) -> None:
    with service.client(timeout=60) as http:
        for job in listed(http, "PENDING"):
            # Its client could not run it, or never heard that it was made.
            http.post(f"/jobs/{job['id']}/phase", data={"PHASE": "RUN"})
        active = ("PENDING", "QUEUED", "EXECUTING", "SUSPENDED", "HELD")
        try:
            until(lambda: not listed(http, *active), seconds, "the end of all jobs")
        except AssertionError as error:
            told = [story(job_json(http, f"/jobs/{job['id']}")) for job in listed(http, *active)]
            raise AssertionError("\n".join([str(error), *told])) from None
        known = {job["id"]: job for job in listed(http)}
        sent = {item.url.rsplit("/", 1)[1]: item for item in tally.sent}
        for job_id, item in sent.items():
            if job_id not in known:
                assert item.may_vanish, f"{item} is gone"
                tally.checked["gone as they should"] += 1
        for job_id in known:
            check_job(http, job_id, sent.get(job_id), tally)
    check_files(service, known, tally)


def listed(http: httpx.Client, *phases: str) -> list[dict[str, Any]]:
    answer = http.get(
        "/jobs",
        params=[("PHASE", phase) for phase in phases],
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return list(found["jobs"] if isinstance(found, dict) else found)


def check_job(http: httpx.Client, job_id: str, sent: Sent | None, tally: Tally) -> None:
    told = http.get(f"/jobs/{job_id}", headers={"Accept": "application/json"}).json()
    phase, timeline = told["phase"], told["timeline"]
    about = f"{sent or told['run_id']}: {json.dumps(told, indent=1)}"
    assert phase in FINAL, about
    assert sum(entry["status"] in ENDS for entry in timeline) == 1, about
    assert told["end_time"] is not None, about
    if phase == "ERROR":
        raise AssertionError(f"a job failed: {about}")
    if phase == "ABORTED" and sent is not None:
        assert sent.may_abort or sent.may_vanish, about
    results = [item["id"] for item in told["results"]]
    assert len(results) == len(set(results)), about
    stored = Counter(e["message"] for e in timeline if e["status"] == "circuit done")
    assert all(count == 1 for count in stored.values()), about
    if phase == "COMPLETED":
        assert "counts" in results, about
        counts = http.get(f"/jobs/{job_id}/results/counts").json()
        for circuit in counts["circuits"]:
            assert sum(circuit["counts"].values()) == counts["shots"], about
        assert told["circuits_done"] == told["circuits"] == len(counts["circuits"]), about
        if sent is not None:
            assert (len(counts["circuits"]), counts["shots"]) == (sent.circuits, sent.shots), about
    for item in told["results"]:
        answer = http.get(f"/jobs/{job_id}/results/{item['id']}")
        assert len(answer.content) == item["size"], about
    tally.checked[phase] += 1
    tally.checked["attempts"] += told["attempt"]
    tally.checked["results"] += len(results)


def check_files(service: Service, known: Collection[str], tally: Tally) -> None:
    """Every file belongs to a job, and is one that the job names."""

    def stray() -> list[str]:
        named = asyncio.run(names(service, known))
        return [key for key in keys(service) if not belongs(key, known, named)]

    until(lambda: not stray(), 30, "the end of stray files")
    tally.checked["files"] += len(keys(service))


def keys(service: Service) -> list[str]:
    paths = [path for path in service.artifacts.rglob("*") if path.is_file()]
    return [path.relative_to(service.artifacts).as_posix() for path in paths]


def belongs(key: str, known: Collection[str], named: set[str]) -> bool:
    owner, part, *_ = key.split("/")
    return owner == "health" or (owner in known and (part == "parameters" or key in named))


async def names(service: Service, known: Collection[str]) -> set[str]:
    database = Database(service.database_url)
    try:
        store = JobStore(database)
        return {key for job_id in known for key in await store.garbage.named(job_id)}
    finally:
        await database.close()


def leftovers(service: Service) -> list[psutil.Process]:
    """Processes of this service that outlived it."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("TMPDIR") == service.environment["TMPDIR"]:
                found.append(process)
    return found


def own_tmpdir(folder: Path) -> dict[str, str]:
    """By which the processes of one service are told from all others, children included."""
    tmpdir = folder / "tmp"
    tmpdir.mkdir(parents=True)
    return {"TMPDIR": str(tmpdir)}


def run(
    folder: Path,
    seconds: float,
    seed: int,
    postgres: Postgres,
    rate: float = 1.0,
    least: int = 0,
) -> Tally:
    """Make havoc of a cluster, and check what is left."""
    say(f"chaos: seed {seed}, {seconds:.0f} seconds")
    tally = Tally()
    environment = SETTINGS | own_tmpdir(folder)
    with cluster(folder, postgres.migrated(), environment, apis=2, workers=3, sweepers=2) as it:
        try:
            with Clients(it, tally, seed, rate):
                Havoc(it, tally, seed).run(seconds, least)
            check(it, tally, 60 + seconds)
        finally:
            report(tally)
    until(lambda: not leftovers(it), 10, "the end of all processes")
    return tally


def run_embedded(folder: Path, rounds: int, seed: int, rate: float = 1.0) -> Tally:
    """Kill and restart ``quws serve`` with all that belongs to it, again and again."""
    say(f"chaos: seed {seed}, {rounds} ends of quws serve")
    rng = random.Random(f"{seed}/serve")
    tally = Tally()
    environment = SETTINGS | own_tmpdir(folder)
    service = start_embedded(folder, environment)
    port = int(service.url.rsplit(":", 1)[1])
    try:
        with Clients(service, tally, seed, rate):
            for _ in range(rounds):
                wanted = len(tally.sent) + rng.randint(2, 8)
                until(lambda wanted=wanted: len(tally.sent) >= wanted, 60, "some more jobs")
                how = rng.choice(["kill -9 all", "kill -9 serve", "SIGTERM", "SIGINT"])
                process = service.processes[0]
                match how:
                    case "kill -9 all":
                        kill_tree(process)
                    case "kill -9 serve":
                        family = process.family()
                        process.kill()
                        psutil.wait_procs(family, timeout=10)
                    case _:
                        process.end(signal.Signals[how])
                assert not leftovers(service)
                tally.done[how] += 1
                service.processes = start_embedded(folder, environment, port).processes
        check(service, tally)
    finally:
        report(tally)
        stop(service)
    until(lambda: not leftovers(service), 10, "the end of all processes")
    return tally


def report(tally: Tally) -> None:
    say(f"jobs accepted: {len(tally.sent)} {dict(Counter(item.kind for item in tally.sent))}")
    say(f"requests without an answer: {dict(tally.refused)}")
    say(f"done to the service: {sum(tally.done.values())} {dict(tally.done)}")
    say(f"checked: {dict(tally.checked)}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--rate", type=float, default=1.0, help="jobs per second of each client")
    options = parser.parse_args()
    postgres = Postgres().start()
    with tempfile.TemporaryDirectory(prefix="quws-chaos-") as folder:
        try:
            run(Path(folder) / "cluster", options.seconds, options.seed, postgres, options.rate)
            run_embedded(Path(folder) / "serve", max(2, int(options.seconds / 20)), options.seed)
        finally:
            postgres.stop()
    say("nothing was lost, doubled, stranded or left lying about")


if __name__ == "__main__":
    main()
