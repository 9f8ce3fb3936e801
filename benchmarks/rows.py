"""The rows of ``throughput``: what is done to a service, and what it took."""

from __future__ import annotations

import base64
import re
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy
from floors import BELL, SHOTS, apart, five_qubits
from harness import Service
from meter import Cost, Meter, largest_first
from plans import connected
from raw_http import Connection, form
from typing_extensions import override

from quws.domain.job import new_job_id
from quws.store import tables

FINAL = (b"COMPLETED", b"ERROR", b"ABORTED")
PHASE = re.compile(rb'"phase": ?"([A-Z]+)"')
JSON, XML = "application/json", "application/xml"
CLIENTS = 8
LISTED = 10_000
LARGE = 10_000
SIZES = (1000, 300)
"""Of the batch that is compared with bare Aer: the first that is not refused."""
READS = 20
LONGEST = 900.0


class Refused(Exception):
    """The service takes no such job."""


@dataclass
class Row:
    """A line of the table."""

    what: str
    found: float
    unit: str
    goal: float | None = None
    more: bool = False
    """Whether more is better."""
    cpu: float | None = None
    note: str = ""

    @override
    def __str__(self) -> str:
        kept = "" if self.goal is None else "yes" if self._kept() else "NO"
        goal = "" if self.goal is None else f"{self.goal:g} {self.unit}"
        cpu = "" if self.cpu is None else f"{self.cpu:.2f}"
        found = self.note if self.found != self.found else f"{self.found:.2f} {self.unit}"
        note = "" if found == self.note else self.note
        return f"| {self.what} | {found} | {goal} | {kept} | {cpu} | {note} |"

    def _kept(self) -> bool:
        assert self.goal is not None
        return self.found >= self.goal if self.more else self.found <= self.goal

    def worse_than(self, other: Row) -> float | None:
        """Return how many times worse this is; None where one of them found nothing."""
        if not self.found > 0 or not other.found > 0:
            return None
        return other.found / self.found if self.more else self.found / other.found


class Bench:
    """A running service, and clients of it."""

    owners = tuple(f"owner{number}" for number in range(CLIENTS))
    lister = "lister"

    def __init__(self, service: Service, url: str, meter: Meter, *, quick: bool) -> None:
        self.service = service
        self.url = url
        self.meter = meter
        self.quick = quick

    def rounds(self, count: int) -> int:
        """Return how often to do what is done so often at full length."""
        return count // 5 if self.quick else count

    def connect(self, owner: str = "") -> Connection:
        """Return a connection of an owner; without a name, of whoever does not sign in."""
        known = base64.b64encode(f"{owner}:{owner}-password".encode()).decode()
        return Connection(self.url, f"Basic {known}" if owner else "")

    def warm_up(self) -> None:
        """Run some jobs of everybody: passwords are checked once, and libraries loaded."""
        for owner in ("", *self.owners, self.lister):
            with self.connect(owner) as line:
                for _ in range(3):
                    run(line, BELL_JOB)

    def at_once(self, do: Callable[[Connection], None], owners: Iterable[str], times: int) -> Cost:
        """Let several clients do something so many times each, all at once."""
        lines = [self.connect(owner) for owner in owners]
        broken: list[BaseException] = []

        def repeat(line: Connection) -> None:
            try:
                with line:
                    for _ in range(times):
                        do(line)
            except BaseException as error:  # noqa: BLE001 - it is raised by who waits
                broken.append(error)

        for line in lines:
            line.get("/jobs?LAST=1")
        threads = [threading.Thread(target=repeat, args=(line,)) for line in lines]
        with self.meter.measuring() as cost:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        if broken:
            raise broken[0]
        return cost


def job_form(circuits: str | list[str], *, start: bool = True) -> bytes:
    return form(CIRCUIT=circuits, SHOTS=SHOTS, **({"PHASE": "RUN"} if start else {}))


BELL_JOB = job_form(BELL)
PENDING_JOB = job_form(BELL, start=False)


def create(line: Connection, body: bytes) -> str:
    """Create a job, and return where it is.

    Raises
    ------
    Refused
        With the sentence of the service.

    """
    answer = line.post("/jobs", body)
    if answer.status != 303:
        raise Refused(f"refused: {answer.status}, {answer.json()['detail']}")
    return answer.location


def wait(line: Connection, job: str) -> None:
    """Wait until a job is completed, as the documentation tells users to do."""
    seen = b"QUEUED"
    limit = time.monotonic() + LONGEST
    while seen not in FINAL:
        assert time.monotonic() < limit, f"{job} does not end"
        body = line.get(f"{job}?WAIT=50&PHASE={seen.decode()}").body
        found = PHASE.search(body)
        assert found is not None, body
        seen = found[1]
    assert seen == b"COMPLETED", line.get(job).body


def run(line: Connection, body: bytes) -> None:
    wait(line, create(line, body))


# -- rows ----------------------------------------------------------------------------


def idle(bench: Bench) -> Iterator[Row]:
    """Look at memory and processor time of a service that nobody asks for anything."""
    # What was started for the jobs before is made ready again for a while.
    time.sleep(3 if bench.quick else 30)
    sizes = bench.meter.memory()
    told = ", ".join(f"{kind} {size:.0f}" for kind, size in largest_first(sizes))
    yield Row("memory of the idle service (PSS)", sum(sizes.values()), "MiB", note=told)
    with bench.meter.measuring() as cost:
        time.sleep(4 if bench.quick else 20)
    share = 100 * cost.total / cost.wall
    each = ", ".join(f"{kind} {100 * ms / cost.wall:.2f}" for kind, ms in largest_first(cost.cpu))
    yield Row("CPU of the idle service, of a core", share, "%", 0.5, note=each)


def one(bench: Bench) -> Iterator[Row]:
    """Run Bell jobs, one after the other."""
    times = []
    with bench.connect() as line, bench.meter.measuring() as cost:
        for _ in range(bench.rounds(100)):
            started = time.perf_counter()
            run(line, BELL_JOB)
            times.append(1000 * (time.perf_counter() - started))
    cpu = cost.total / len(times)
    median = statistics.median(times)
    yield Row("Bell job, POST to COMPLETED seen, one at a time, p50", median, "ms", 25, cpu=cpu)
    yield Row("CPU of such a job", cpu, "ms", 15, cpu=cpu, note=cost.split(len(times)))


def many(bench: Bench) -> Iterator[Row]:
    """Run Bell jobs of several clients at once."""
    each = bench.rounds(50)
    for whose, owners, goal in (
        ("one owner", ("",) * CLIENTS, 100),
        (f"{CLIENTS} owners", bench.owners, 60),
    ):
        cost = bench.at_once(lambda line: run(line, BELL_JOB), owners, each)
        count = CLIENTS * each
        yield Row(
            f"completed Bell jobs a second, {CLIENTS} clients of {whose}",
            1000 * count / cost.wall,
            "/s",
            goal,
            more=True,
            cpu=cost.total / count,
            note=cost.split(count),
        )


def pending(bench: Bench) -> Iterator[Row]:
    """Create jobs, and do not run them."""
    count = bench.rounds(200)
    cost = bench.at_once(lambda line: void(create(line, PENDING_JOB)), ("",), count)
    cpu = cost.total / count
    yield Row("create PENDING, CPU", cpu, "ms", 4, cpu=cpu, note=cost.split(count))
    cost = bench.at_once(lambda line: void(create(line, PENDING_JOB)), ("",) * CLIENTS, count // 2)
    count = CLIENTS * (count // 2)
    rate = 1000 * count / cost.wall
    yield Row(
        f"create PENDING, {CLIENTS} clients",
        rate,
        "/s",
        400,
        more=True,
        cpu=cost.total / count,
        note=cost.split(count),
    )


def reading(bench: Bench) -> Iterator[Row]:
    """Read a finished job's document and its phase."""
    count = bench.rounds(1000)
    with bench.connect() as line:
        job = create(line, BELL_JOB)
        wait(line, job)
    for what, path, accept, goal in (
        ("GET of a job, XML", job, XML, 1.0),
        ("GET of a job, JSON", job, JSON, 1.0),
        ("GET of its phase", f"{job}/phase", "text/plain", 0.5),
    ):
        cost = bench.at_once(
            lambda line, path=path, accept=accept: fetch(line, path, accept),  # type: ignore[misc]
            ("",),
            count,
        )
        cpu = cost.total / count
        yield Row(f"{what}, CPU", cpu, "ms", goal, cpu=cpu, note=cost.split(count))


def listing(bench: Bench) -> Iterator[Row]:
    """List many jobs of one owner."""
    fill(bench.service.database_url, bench.lister)
    for what, accept, goal in (("XML", XML, 100.0), ("JSON", JSON, None)):
        times = []
        with bench.connect(bench.lister) as line:
            line.get("/jobs", accept)
            with bench.meter.measuring() as cost:
                for _ in range(5):
                    started = time.perf_counter()
                    fetch(line, "/jobs", accept)
                    times.append(1000 * (time.perf_counter() - started))
        median, cpu = statistics.median(times), cost.total / len(times)
        name = f"list of {LISTED:,} jobs, {what}"
        yield Row(name, median, "ms", goal, cpu=cpu, note=cost.split(len(times)))


def batch(bench: Bench) -> Iterator[Row]:
    """Run a batch of small circuits, and the same in bare Aer."""
    with bench.connect() as line:
        for size in SIZES:
            body = job_form([five_qubits(number) for number in range(size)])
            try:
                with bench.meter.measuring() as cost:
                    run(line, body)
                break
            except Refused as refused:
                yield Row(f"batch of {size:,}", float("nan"), "", note=str(refused))
        else:
            return
    bare = apart("batch", str(size))
    rate, reference = 1000 * size / cost.wall, size / bare["seconds"]
    reading = 100 * bare["of which reading"] / bare["seconds"]
    yield Row(
        f"batch of {size:,} circuits, of the rate of bare Aer",
        100 * rate / reference,
        "%",
        60,
        more=True,
        cpu=cost.total / size,
        note=f"{rate:.0f}/s, bare {reference:.0f}/s with {bare['CPU of a circuit']:.2f} ms of CPU"
        f" and {reading:.0f} % of its time for reading; {cost.split(size)}",
    )


def large(bench: Bench) -> Iterator[Row]:
    """Send a batch of ten thousand circuits, and read the job while it runs."""
    what = f"batch of {LARGE:,}"
    body = job_form([five_qubits(number) for number in range(LARGE)])
    grown = bench.meter.peak("api")
    with bench.connect() as line:
        try:
            with bench.meter.measuring() as cost:
                job = create(line, body)
        except Refused as refused:
            yield Row(f"{what}: answered after", float("nan"), "s", note=str(refused))
            return
        note = f"for each circuit: {cost.split(LARGE)}"
        yield Row(f"{what}: answered after", cost.wall / 1000, "s", 10, cpu=cost.total, note=note)
        times = []
        with bench.meter.measuring() as cost:
            for _ in range(READS):
                time.sleep(0.1)
                started = time.perf_counter()
                fetch(line, job, JSON)
                times.append(1000 * (time.perf_counter() - started))
        size = len(line.get(job).body)
        median = statistics.median(times)
        yield Row(f"{what}: read while it runs, p50", median, "ms", 5, note=f"{size} bytes")
        if bench.quick:
            line.post(f"{job}/phase", form(PHASE="ABORT"))
        else:
            with bench.meter.measuring() as cost:
                wait(line, job)
            yield Row(f"{what}: all of it", cost.wall / 1000, "s", note=cost.split(LARGE))
    yield Row(f"{what}: memory of the API, at its most", grown(), "MiB more", 50)


ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    row.__name__: row for row in (idle, one, many, pending, reading, listing, batch, large)
}


def void(_: object) -> None:
    """Forget what a call gave."""


def fetch(line: Connection, path: str, accept: str) -> None:
    answer = line.get(path, accept)
    assert answer.status == 200, answer.body


def fill(url: str, owner: str) -> None:
    """Copy a job of an owner until there are as many as are listed."""
    jobs = tables.jobs
    with connected(url) as connection:
        mine = connection.execute(sqlalchemy.select(jobs).where(jobs.c.owner == owner))
        found = [dict(row) for row in mine.mappings()]
        copies = [found[0] | {"id": new_job_id()} for _ in range(LISTED - len(found))]
        for first in range(0, len(copies), 1000):
            connection.execute(sqlalchemy.insert(jobs), copies[first : first + 1000])
