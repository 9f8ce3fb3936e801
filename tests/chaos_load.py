"""Chaos under load: workers and children are killed while hundreds of small jobs are in flight.

Nobody aborts or deletes here, so each job must be completed, at one attempt or another, with each
of its results once. A job is read when it has ended, and again later: then it must say the same.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from chaos_checks import (
    SETTINGS,
    Crowd,
    Sent,
    Tally,
    check_document,
    check_files,
    check_results,
    leftovers,
    listed,
    own_tmpdir,
    say,
)
from circuits import BELL2, BELL3, flip
from harness import Postgres, Service, cluster, embedded, until
from kinds import members
from raw_http import Connection, form

from quws import __version__

SENDERS = 4
ACTIVE = ("PENDING", "QUEUED", "EXECUTING", "SUSPENDED", "HELD")
KEPT = 5_000
"""How many jobs that have ended are kept: the oldest are deleted, or a long run would be slowed by
what came before."""
SAMPLE = 10
"""Of so many jobs the results of one are read."""
LONGEST = 180.0
"""A busy machine takes so long to start something again, at most."""
COME_AGAIN = (429, 502, 503)
WEIGHTS = {"run child": 30, "check child": 20, "run zygote": 1, "check zygote": 1, "worker": 1}
"""How often what is killed: what takes seconds of a core to start again is killed more seldom, or
no work would be done."""
INSTEAD = {"run child": "check child", "check child": "run child"}
"""Who is killed where there is just now none of the one kind."""
NEWBORN_SECONDS = 0.25
NEWBORNS = 0.2
"""How often a child may be killed that is no older: all of them, and no work would be done."""
HURRY = 2.0
"""How many times as often as planned it is killed at most, to make up for what was late: who kills
each child as soon as it is born sees no work done."""


@dataclass
class Plan:
    """How long a load is, and how heavy."""

    kills: int = 0
    """How many there must be at least."""
    seconds: float = 0.0
    """How long it must last at least."""
    rate: float = 6.0
    """Kills a second."""
    in_flight: int = 300
    seed: int = 0
    form: str = "cluster"


@dataclass
class Story:
    """What came of a load, beside what the tally knows."""

    attempts: Counter[int] = field(default_factory=Counter)
    in_flight: list[int] = field(default_factory=list)
    harm_seconds: float = 0.0
    harm_ended: int = 0
    """Jobs that were seen to have ended while there were kills."""
    seconds: float = 0.0


class Load(Crowd):
    """People who send small jobs, as many at once as they may, and read what comes of them."""

    def __init__(self, service: Service, tally: Tally, plan: Plan) -> None:
        super().__init__(tally)
        self._service = service
        self._plan = plan
        self.story = Story()
        self._open: dict[str, Sent] = {}
        self._ended: deque[tuple[str, dict[str, Any]]] = deque()
        with service.client() as http:
            self._others = {job["id"] for job in listed(http)}
            """Jobs of whoever was here before."""

    def __enter__(self) -> None:
        for number in range(SENDERS):
            self._begin(self._send, number)
        self._begin(self._read)

    def fill(self, seconds: float = 60) -> None:
        """Wait until there are as many jobs as there may be, unless the service is too quick."""
        limit = time.monotonic() + seconds
        while len(self._open) < self._plan.in_flight and time.monotonic() < limit:
            time.sleep(0.05)

    # -- sending -------------------------------------------------------------------

    def _send(self, number: int) -> None:
        rng = random.Random(f"{self._plan.seed}/sender {number}")
        with Connection(self._service.url, seconds=30) as line:
            while not self._stop.is_set():
                if len(self._open) >= self._plan.in_flight:
                    self._stop.wait(0.02)
                    continue
                try:
                    self._send_one(line, rng)
                except OSError as error:
                    self._refused(type(error).__name__)

    def _send_one(self, line: Connection, rng: random.Random) -> None:
        shots = rng.randint(1, 200)
        data, sent = _small(rng, shots)
        answer = line.post("/jobs", data)
        if answer.status != 303:
            self._refused(str(answer.status))
            if answer.status not in COME_AGAIN:
                self._tally.complain(f"{sent.kind}: {answer.status}, {answer.body!r}")
            return
        job_id = answer.location.rsplit("/", 1)[1]
        sent.url = f"/jobs/{job_id}"
        with self._tally.lock:
            self._tally.sent.append(sent)
            self._open[job_id] = sent

    def _refused(self, why: str) -> None:
        with self._tally.lock:
            self._tally.refused[why] += 1
        self._stop.wait(0.05)

    # -- reading -------------------------------------------------------------------

    def _read(self) -> None:
        with self._service.client(timeout=60) as http:
            while not self._stop.wait(0.3):
                with contextlib.suppress(httpx.HTTPError):
                    self._look(http)

    def _look(self, http: httpx.Client) -> None:
        """Check the jobs that have ended, or are gone, since the last look."""
        with self._tally.lock:
            sent = dict(self._open)
        active = {job["id"] for job in listed(http, *ACTIVE)}
        self.story.in_flight.append(len(active))
        for job_id in sent.keys() - active:
            self.check_one(http, job_id, sent[job_id])
            with self._tally.lock:
                del self._open[job_id]
        while len(self._ended) > KEPT:
            job_id, told = self._ended.popleft()
            self._read_again(http, job_id, told)
            http.delete(f"/jobs/{job_id}")

    def check_one(self, http: httpx.Client, job_id: str, sent: Sent | None) -> None:
        """Hold a job that has ended to what it must be, and complain of it."""
        answer = http.get(f"/jobs/{job_id}", headers={"Accept": "application/json"})
        try:
            assert answer.status_code == 200, f"{sent} is gone: {answer.text}"
            told = answer.json()
            check_document(told, sent)
            assert told["phase"] == "COMPLETED", f"nobody has ended {told}"
            if len(self._ended) % SAMPLE == 0:
                check_results(http, told, sent)
                self._tally.checked["jobs whose results were read"] += 1
        except AssertionError as error:
            self._tally.complain(str(error))
            return
        self._ended.append((job_id, told))
        self._tally.checked[told["phase"]] += 1
        self._tally.checked["results"] += len(told["results"])
        self.story.attempts[told["attempt"]] += 1

    def _read_again(self, http: httpx.Client, job_id: str, told: dict[str, Any]) -> None:
        answer = http.get(f"/jobs/{job_id}", headers={"Accept": "application/json"})
        if answer.status_code != 200 or answer.json() != told:
            self._tally.complain(f"it said {told}, and now says {answer.text}")
        self._tally.checked["read again"] += 1

    # -- the end ---------------------------------------------------------------------

    def check(self, seconds: float) -> None:
        """Wait until all is over, look at what is left, and hear the complaints."""
        with self._service.client(timeout=60) as http:
            until(lambda: self._drained(http), seconds, "the end of all jobs")
            known = {job["id"]: job["phase"] for job in listed(http)}
            ended = {job_id for job_id, _ in self._ended}
            for job_id in known.keys() - ended - self._others:
                # Its client never heard that it was made.
                self.check_one(http, job_id, None)
            for job_id in ended - known.keys():
                self._tally.complain(f"{job_id} is gone")
            self.check_again(http)
        check_files(self._service, known, self._tally)
        assert not self._tally.complaints, "\n".join(self._tally.complaints)

    def check_again(self, http: httpx.Client) -> None:
        """Read some of the jobs once more: they must say what they said when they ended."""
        some = list(self._ended)
        random.Random(self._plan.seed).shuffle(some)
        for job_id, told in some[: max(50, len(some) // SAMPLE)]:
            self._read_again(http, job_id, told)

    def _drained(self, http: httpx.Client) -> bool:
        self._look(http)
        return not self._open and not self.story.in_flight[-1]


def _small(rng: random.Random, shots: int) -> tuple[bytes, Sent]:
    """Draw a small job: what to post, and what is known of it."""
    kind = rng.choices(["bell", "batch", "memory"], [8, 1, 1])[0]
    circuits = [rng.choice([BELL2, BELL3])]
    if kind == "batch":
        circuits = [flip(k % 3, 3) for k in range(rng.randint(2, 4))]
    more = {"MEMORY": "true"} if kind == "memory" else {}
    # No two are alike, or what is known of one would save the reading of the next.
    circuits = [f"{text}// {rng.getrandbits(64)}\n" for text in circuits]
    data = form(CIRCUIT=circuits, SHOTS=shots, PHASE="RUN", RUNID=kind, **more)
    return data, Sent("", kind, shots, len(circuits))


class Killer:
    """Kills workers, children and zygotes, so many a second; workers it starts again."""

    def __init__(self, service: Service, tally: Tally, plan: Plan) -> None:
        self._service = service
        self._tally = tally
        self._plan = plan
        self._rng = random.Random(f"{plan.seed}/killer")
        self._next = self._draw()

    def run(self) -> None:
        """Kill until there were as many as planned, for as long as planned."""
        started = told = last = time.monotonic()
        kills = 0
        while kills < self._plan.kills or time.monotonic() < started + self._plan.seconds:
            due = max(started + kills / self._plan.rate, last + 1 / self._plan.rate / HURRY)
            time.sleep(max(0.0, due - time.monotonic()))
            if self._kill():
                kills, last = kills + 1, time.monotonic()
            assert time.monotonic() < last + LONGEST, "there is nobody left to be killed"
            if time.monotonic() > told + 60:
                told = time.monotonic()
                say(f"{kills} kills, {len(self._tally.sent)} jobs, {dict(self._tally.checked)}")

    def _kill(self) -> bool:
        """Kill somebody; whether there was one to be killed."""
        pids: dict[str, list[int]] = {}
        spared = self._rng.random() >= NEWBORNS
        for pid, member in members(self._service).items():
            if not (spared and _age(pid) < NEWBORN_SECONDS):
                pids.setdefault(_name(*member), []).append(pid)
        what = self._next if self._next in pids else INSTEAD.get(self._next, self._next)
        if what not in pids:
            # Who is there instead takes long to start again, and is not killed more often for it.
            time.sleep(0.02)
            return False
        pid = self._rng.choice(pids[what])
        ours = [process for process in self._service.processes if process.pid == pid]
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        for process in ours:
            process.popen.wait()
            self._service.start_again(process)
        self._tally.done[f"kill -9 {what}"] += 1
        self._next = self._draw()
        return True

    def _draw(self) -> str:
        return self._rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]


def _age(pid: int) -> float:
    """Return how many seconds ago a process began; 0 if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    began = int(stat.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began


def _name(kind: str, zygote: bool) -> str:
    return kind.replace("children", "zygote" if zygote else "child")


def run_load(
    folder: Path, plan: Plan, postgres: Postgres, write: Callable[[str], object] = say
) -> Tally:
    """Kill under a load in a service of its own, check what is left, and write a report."""
    environment = SETTINGS | own_tmpdir(folder)
    if plan.form == "embedded":
        running = embedded(folder, environment)
    else:
        running = cluster(folder, postgres.migrated(), environment, apis=1, workers=2)
    with running as service:
        tally = load(service, plan, write)
    until(lambda: not leftovers(service), 10, "the end of all processes")
    return tally


def load(service: Service, plan: Plan, write: Callable[[str], object] = say) -> Tally:
    """Kill under a load, check what is left, and write a report, also of what is wrong."""
    tally = Tally()
    clients = Load(service, tally, plan)
    started = time.monotonic()
    wrong = "it was broken off"
    try:
        with clients:
            clients.fill()
            harmed, ended = time.monotonic(), tally.checked["COMPLETED"]
            Killer(service, tally, plan).run()
            clients.story.harm_seconds = time.monotonic() - harmed
            clients.story.harm_ended = tally.checked["COMPLETED"] - ended
        clients.check(120 + plan.in_flight)
        wrong = ""
    except AssertionError as error:
        wrong = str(error)
        raise
    finally:
        clients.story.seconds = time.monotonic() - started
        write(written(plan, tally, clients.story, wrong))
    return tally


def written(plan: Plan, tally: Tally, story: Story, wrong: str) -> str:
    """Write the report of a load, in Markdown."""
    jobs, kills = len(tally.sent), sum(tally.done.values())
    harm = story.harm_seconds or story.seconds
    looks = sorted(story.in_flight) or [0]
    checked = dict(tally.checked)
    rows = {
        "form": f"{plan.form}, {os.cpu_count()} cores, quws {__version__}, seed {plan.seed}",
        "lasted": f"{harm:.0f} s of kills, {story.seconds:.0f} s with the end of all jobs",
        "kills": f"{kills}, {kills / harm:.1f} a second: {_told(tally.done)}",
        "jobs": f"{jobs}; while there were kills {story.harm_ended / harm:.1f} a second ended",
        "of them waiting or running": f"{looks[len(looks) // 2]} (median), {looks[-1]} at most",
        "phases": _told(Counter({k: v for k, v in checked.items() if k.isupper()})),
        "attempts of a job": ", ".join(f"{k}: {v}" for k, v in sorted(story.attempts.items())),
        "results, each once": str(checked.get("results", 0)),
        "jobs whose results were read": str(checked.get("jobs whose results were read", 0)),
        "jobs read again at the end": str(checked.get("read again", 0)),
        "requests not taken": _told(tally.refused) or "none",
        "wrong": wrong or "nothing",
    }
    lines = [f"{datetime.now(UTC):%d %B %Y}", "", "| | |", "|---|---|"]
    return "\n".join(lines + [f"| {name} | {text} |" for name, text in rows.items()]) + "\n"


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.most_common())
