"""What chaos holds a service to: nothing is lost, doubled, stranded or left lying about."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from harness import Service, until
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


Tending = Callable[[httpx.Client, Mapping[str, Sent]], None]


class Crowd:
    """Clients in threads of their own, who go on until the block ends."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor()
        self._running: list[Future[None]] = []

    def _begin(self, work: Callable[..., None], *given: Any) -> None:
        self._running.append(self._threads.submit(work, *given))

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._threads.shutdown()
        for client in self._running:
            if (error := client.exception()) is not None:
                self._tally.complain(f"a client broke down: {error!r}")


def run_pending(http: httpx.Client, _: Mapping[str, Sent]) -> None:
    """Run what its client could not run, or of which it never heard that it was made."""
    for job in listed(http, "PENDING"):
        http.post(f"/jobs/{job['id']}/phase", data={"PHASE": "RUN"})


def check(
    service: Service, tally: Tally, seconds: float = 120, tend: Tending = run_pending
) -> None:
    """Wait until all is over, hold every job to what it must be, and hear the complaints.

    ``tend`` helps jobs to their end again and again, which are given by their ids.
    """
    check_jobs(service, tally, seconds, tend)
    assert not tally.complaints, "\n".join(tally.complaints)


def check_jobs(service: Service, tally: Tally, seconds: float, tend: Tending) -> None:
    sent = {item.url.rsplit("/", 1)[1]: item for item in tally.sent}
    active = ("PENDING", "QUEUED", "EXECUTING", "SUSPENDED", "HELD")
    with service.client(timeout=60) as http:

        def over() -> bool:
            tend(http, sent)
            return not listed(http, *active)

        try:
            until(over, seconds, "the end of all jobs")
        except AssertionError as error:
            told = [story(job_json(http, f"/jobs/{job['id']}")) for job in listed(http, *active)]
            raise AssertionError("\n".join([str(error), *told])) from None
        known = {job["id"]: job for job in listed(http)}
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
    check_document(told, sent)
    check_results(http, told, sent)
    tally.checked[told["phase"]] += 1
    tally.checked["attempts"] += told["attempt"]
    tally.checked["results"] += len(told["results"])


def check_document(told: dict[str, Any], sent: Sent | None) -> None:
    """Hold what a job says of itself to what it must be: over, once, with each result once."""
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
        assert told["circuits_done"] == told["circuits"], about
        if sent is not None:
            assert told["circuits"] == sent.circuits, about


def check_results(http: httpx.Client, told: dict[str, Any], sent: Sent | None) -> None:
    """Hold the results of a job to what it says of them."""
    about, job = f"{sent}: {json.dumps(told, indent=1)}", f"/jobs/{told['id']}"
    if told["phase"] == "COMPLETED":
        counts = http.get(f"{job}/results/counts").json()
        for circuit in counts["circuits"]:
            assert sum(circuit["counts"].values()) == counts["shots"], about
        assert told["circuits"] == len(counts["circuits"]), about
        if sent is not None:
            assert (len(counts["circuits"]), counts["shots"]) == (sent.circuits, sent.shots), about
    for item in told["results"]:
        answer = http.get(f"{job}/results/{item['id']}")
        assert len(answer.content) == item["size"], about


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


def report(tally: Tally) -> None:
    say(f"jobs accepted: {len(tally.sent)} {dict(Counter(item.kind for item in tally.sent))}")
    say(f"requests without an answer: {dict(tally.refused)}")
    say(f"done to the service: {sum(tally.done.values())} {dict(tally.done)}")
    say(f"checked: {dict(tally.checked)}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
