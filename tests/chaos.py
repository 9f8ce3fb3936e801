"""Chaos: processes are killed, stopped and frozen at random under a stream of jobs.

At the end nothing may be lost, doubled, stranded or left lying about; quotas, timeslots and
webhooks of those who sent the jobs hold as well. The test suite runs a minute of it; for longer,
at random or under a load of small jobs::

    ./quws chaos --seconds 3600 --seed 7
    ./quws chaos --load --kills 10000

The seed decides what is done to whom and when; what the operating system makes
of it differs from run to run.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import redis
from chaos_checks import (
    LEASE,
    SETTINGS,
    Crowd,
    Sent,
    Tally,
    check,
    leftovers,
    own_tmpdir,
    report,
    say,
)
from chaos_load import Plan, run_load
from chaos_owners import Booker, Owned, an_ear, as_owner
from chaos_owners import settings as owners_settings
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
            data |= {"CIRCUIT": slow(24, 200), "EXECUTIONDURATION": 1}
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


class Clients(Crowd):
    """People who send jobs, and now and then abort or delete one; where it is owned, as owners."""

    def __init__(
        self, service: Service, tally: Tally, seed: int, rate: float, owned: Owned | None = None
    ) -> None:
        super().__init__(tally)
        self._service = service
        self._seed = seed
        self._rate = rate
        self._owned = owned

    def __enter__(self) -> None:
        for number in range(2):
            self._begin(self._run, number)
        if self._owned is not None:
            booker = Booker(self._owned, self._tally, self._seed)
            self._begin(booker.run, self._stop, self._send_for_slot)

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
        headers = {} if self._owned is None else self._owned.dress(data, rng)
        self._post(http, data, sent, headers)

    def _send_for_slot(self, http: httpx.Client, rng: random.Random, owner: str) -> None:
        """Send a job that is to run in the timeslots of its owner."""
        kind, data, sent = a_job(rng)
        while kind not in ("bell", "batch", "slow"):
            kind, data, sent = a_job(rng)
        assert self._owned is not None, "nobody else can book"
        self._owned.dress(data, rng)
        sent.kind = data["RUNID"] = "slot"
        data["TIMESLOT"] = "required"
        self._post(http, data, sent, as_owner(owner))

    def _post(
        self, http: httpx.Client, data: dict[str, Any], sent: Sent, headers: dict[str, str]
    ) -> None:
        answer = http.post("/jobs", data=data, headers=headers)
        if answer.status_code != 303:
            code = answer.text.partition(":")[0] if answer.status_code in (403, 429) else ""
            with self._tally.lock:
                self._tally.refused[f"{answer.status_code} {code}".strip()] += 1
            # The timeslot of its owner may have been cancelled meanwhile.
            expected = code in ("no_booked_timeslots", "quota_exceeded")
            expected = expected or answer.status_code in (429, 500, 502, 503)
            if not expected:
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

    def __init__(self, owned: Owned, tally: Tally, seed: int) -> None:
        self._owned = owned
        self._service = owned.service
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
            (lambda: self._owned.trouble(self._rng), 2),
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
        self._service.start_again(process)
        return f"kill -9 {process.arguments[0]}"

    def _terminate(self) -> str:
        process = self._one("api", "worker", "sweeper")
        process.popen.send_signal(self._rng.choice([signal.SIGTERM, signal.SIGINT]))
        # A frozen process hears nothing until it is woken.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        until(lambda: process.popen.poll() is not None, 40, f"the end of {process.arguments}")
        self._service.start_again(process)
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


@contextlib.contextmanager
def battered(folder: Path, postgres: Postgres) -> Iterator[Owned]:
    """Run a cluster for chaos, of which nothing may be left over."""
    environment = SETTINGS | own_tmpdir(folder) | owners_settings(folder)
    running = cluster(folder, postgres.migrated(), environment, apis=2, workers=3, sweepers=2)
    with an_ear() as ear, running as service:
        owned = Owned(service, ear)
        owned.prepare()
        yield owned
    until(lambda: not leftovers(service), 10, "the end of all processes")


def run(owned: Owned, seconds: float, seed: int, rate: float = 1.0, least: int = 0) -> Tally:
    """Make havoc of a cluster, and check what is left."""
    say(f"chaos: seed {seed}, {seconds:.0f} seconds")
    tally = Tally()
    try:
        with Clients(owned.service, tally, seed, rate, owned):
            Havoc(owned, tally, seed).run(seconds, least)
        owned.last_job(tally)
        check(owned.service, tally, 180 + seconds, owned.tend)
        owned.check(tally)
    finally:
        report(tally)
    return tally


def ways(rng: random.Random) -> Iterator[str]:
    """Give ways to end ``quws serve``, for ever, each as often as the others."""
    while True:
        yield from rng.sample(
            ["kill -9 all", "kill -9 serve", rng.choice(["SIGTERM", "SIGINT"])], 3
        )


def run_embedded(folder: Path, rounds: int, seed: int, rate: float = 1.0) -> Tally:
    """Kill and restart ``quws serve`` with all that belongs to it, again and again."""
    say(f"chaos: seed {seed}, {rounds} ends of quws serve")
    tally = Tally()
    environment = SETTINGS | own_tmpdir(folder) | owners_settings(folder)
    with an_ear() as ear:
        service = start_embedded(folder, environment)
        owned = Owned(service, ear)
        try:
            owned.prepare()
            with Clients(service, tally, seed, rate, owned):
                end_and_start(owned, tally, rounds, random.Random(f"{seed}/serve"))
            owned.last_job(tally)
            check(service, tally, 180, owned.tend)
            owned.check(tally)
        finally:
            report(tally)
            stop(service)
    until(lambda: not leftovers(service), 10, "the end of all processes")
    return tally


def end_and_start(owned: Owned, tally: Tally, rounds: int, rng: random.Random) -> None:
    """End ``quws serve`` so many times, and start it again."""
    service = owned.service
    port = int(service.url.rsplit(":", 1)[1])
    for how in itertools.islice(ways(rng), rounds):
        wanted = len(tally.sent) + rng.randint(2, 8)
        until(lambda wanted=wanted: len(tally.sent) >= wanted, 60, "some more jobs")
        tally.done[owned.trouble(rng)] += 1
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
        again = start_embedded(service.folder, service.environment, port)
        service.processes = again.processes


def main() -> None:
    parser = argparse.ArgumentParser(prog="./quws chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, help="how long at least; else 600")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument(
        "--rate",
        type=float,
        help="jobs a second of each client, else 1; with --load: kills a second, else 6",
    )
    parser.add_argument("--load", action="store_true", help="kill under hundreds of small jobs")
    parser.add_argument("--kills", type=int, help="with --load: how many at least")
    parser.add_argument("--in-flight", type=int, default=300, help="with --load: jobs at once")
    parser.add_argument("--form", choices=["cluster", "embedded"], default="cluster")
    parser.add_argument("--report", type=Path, help="with --load: a file for the report")
    options = parser.parse_args()
    postgres = Postgres().start()
    with tempfile.TemporaryDirectory(prefix="quws-chaos-") as folder:
        try:
            if options.load:
                under_load(Path(folder), options, postgres)
            else:
                at_random(Path(folder), options, postgres)
        finally:
            postgres.stop()
    say("nothing was lost, doubled, stranded or left lying about")


def at_random(folder: Path, options: argparse.Namespace, postgres: Postgres) -> None:
    seconds, rate = options.seconds or 600, options.rate or 1.0
    with battered(folder / "cluster", postgres) as owned:
        run(owned, seconds, options.seed, rate)
    run_embedded(folder / "serve", max(2, int(seconds / 20)), options.seed)


def under_load(folder: Path, options: argparse.Namespace, postgres: Postgres) -> None:
    plan = Plan(
        kills=options.kills or 0,
        seconds=options.seconds or (0 if options.kills else 600),
        rate=options.rate or Plan.rate,
        in_flight=options.in_flight,
        seed=options.seed,
        form=options.form,
    )
    say(f"chaos: {plan}")
    run_load(folder / "load", plan, postgres, options.report.write_text if options.report else say)


if __name__ == "__main__":
    main()
