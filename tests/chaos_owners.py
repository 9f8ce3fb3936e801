"""Owners in chaos: with quotas, timeslots and webhooks, to a receiver that has its own troubles.

What they were promised is held against a witness in the database: counters of quotas equal what
the jobs say, no limit was passed, each message came and in the order of its job, and nobody ran in
the timeslot of another.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import witness
from anyio.from_thread import BlockingPortal, start_blocking_portal
from chaos_checks import Sent, Tally, listed
from circuits import BELL2
from harness import Service, until
from receiver import HANG, Got, Receiver, receiving
from uws import job_json

SECRET = "chaos-knows-it-and-nobody-else"
OPERATOR = {"X-Proxy-Secret": SECRET, "X-Forwarded-User": "root@lab"}
SLOTS = "/targets/simulator/timeslots"
OWNERS = ("anna", "ben", "cid")
STANDING = "ben"
"""Who is told of all jobs; the others of those that name a webhook."""
QUEUED = {"anna": 4, "ben": 12, "cid": 12}
RUNNING = {"anna": 1}
_QUOTAS = f"""
[user.anna]
queued = {QUEUED["anna"]}
running = {RUNNING["anna"]}
day_shots = 1000000000

[user.ben]
queued = {QUEUED["ben"]}
day_shots = 3000
month_seconds = 100000

[user.cid]
queued = {QUEUED["cid"]}
pending = 2
job_shots = 600

[group.lab]
members = ["anna", "ben", "cid"]
day_shots = 1000000000
month_seconds = 1000000000
"""
_TARGETS = """
[simulator]
adapter = "simulator"
options = { qubits = 26, threads = 1 }
timeslots = { step = 1, shortest = 1, longest = 60, most = 100 }
"""
_UNCERTAIN_MS = 1000
"""Between the look of a claim at the timeslots and the note of it: on a busy machine so long."""


def as_owner(name: str) -> dict[str, str]:
    """Return the headers by which a proxy says who asks."""
    return OPERATOR | {"X-Forwarded-User": name}


def settings(folder: Path) -> dict[str, str]:
    """Return the settings of a service that has these owners."""
    folder.mkdir(parents=True, exist_ok=True)
    quotas, targets = folder / "owners.toml", folder / "owned.toml"
    quotas.write_text(_QUOTAS)
    targets.write_text(_TARGETS)
    return {
        "QUWS_AUTH": "proxy",
        "QUWS_ANONYMOUS": "true",
        "QUWS_PROXY_SECRET": SECRET,
        "QUWS_OPERATORS": '["root@lab"]',
        "QUWS_QUOTAS": str(quotas),
        "QUWS_TARGETS": str(targets),
        "QUWS_POLICY__WEBHOOK_NETWORKS": '["127.0.0.0/8"]',
    }


class Ear:
    """A receiver of webhooks in a thread of its own, which may fail, hang and be away."""

    def __init__(self, portal: BlockingPortal) -> None:
        self._portal = portal
        self._open = contextlib.ExitStack()
        self._receiver = Receiver()
        self.got: list[Got] = []
        self.listen()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._receiver.port}"

    @property
    def taken(self) -> list[Got]:
        """The messages that it said it has taken, as they came."""
        return [item for item in self.got + self._receiver.got if item.answer == 204]

    def listen(self) -> None:
        """Be there, on the port on which it was."""
        context = self._portal.wrap_async_context_manager(receiving(self._receiver.port))
        self._receiver = self._open.enter_context(context)

    def leave(self) -> None:
        """Be away."""
        self._open.close()
        self.got += self._receiver.got
        self._receiver.got = []

    def will(self, *answers: int) -> None:
        """Say with what the next messages are answered."""
        self._portal.call(self._receiver.will, *answers)


@dataclass
class Owned:
    """A service with its owners, and the receiver of their webhooks."""

    service: Service
    ear: Ear

    def prepare(self) -> None:
        """Note all that happens from now on, and have secrets and a standing webhook made."""
        witness.install(self.service.database_url)
        self.service.headers = OPERATOR
        with self.service.client() as http:
            for name in OWNERS:
                assert http.post("/webhooks/secret", headers=as_owner(name)).status_code == 201
            standing = {"URL": f"{self.ear.url}/standing"}
            made = http.post("/webhooks", data=standing, headers=as_owner(STANDING))
            assert made.status_code == 201, made.text

    def dress(self, data: dict[str, Any], rng: random.Random) -> dict[str, str]:
        """Make a job that of an owner, who mostly wants to be told of it; return who sends it."""
        if rng.random() < 0.7:
            data["WEBHOOK"] = f"{self.ear.url}/named"
        return as_owner(rng.choice(OWNERS))

    def trouble(self, rng: random.Random) -> str:
        """Have the receiver fail for a moment, hang, or be away for a while."""
        what = rng.choices(["fails", "hangs", "is away"], [3, 1, 1])[0]
        match what:
            case "fails":
                self.ear.will(*[rng.choice([500, 429, 307, 503])] * rng.randint(1, 4))
            case "hangs":
                self.ear.will(HANG)
            case _:
                self.ear.leave()
                threading.Event().wait(rng.uniform(0.2, 1))
                self.ear.listen()
        return f"receiver {what}"

    def last_job(self, tally: Tally) -> None:
        """Send one more, which needs a timeslot and is told of, whatever chance gave before."""
        data = {"CIRCUIT": BELL2, "SHOTS": 10, "RUNID": "slot", "TIMESLOT": "required"}
        data["WEBHOOK"] = f"{self.ear.url}/named"
        with self.service.client() as http:
            answer = http.post("/jobs", data=data, headers=as_owner("anna"))
        assert answer.status_code == 303, answer.text
        url = answer.headers["Location"].removeprefix(self.service.url)
        tally.sent.append(Sent(url, "slot", 10, 1))

    # -- timeslots -------------------------------------------------------------------

    def book(self, http: httpx.Client, owner: str, minutes: int) -> str | None:
        """Book the target from this minute on; None where it is booked already."""
        start = datetime.now(UTC).replace(second=0, microsecond=0)
        form = {"START": start.isoformat(), "END": (start + timedelta(minutes=minutes)).isoformat()}
        answer = http.post(SLOTS, data=form, headers=as_owner(owner))
        if answer.status_code in (201, 409):
            return str(answer.json()["url"]) if answer.status_code == 201 else None
        assert answer.status_code >= 500, answer.text
        return None

    def tend(self, http: httpx.Client, sent: Mapping[str, Sent]) -> None:
        """Help what is left to its end: run what is held, book for what wants a timeslot."""
        for job in listed(http, "PENDING", "HELD"):
            url = f"/jobs/{job['id']}"
            http.post(f"{url}/phase", data={"PHASE": "RUN"})
            told = job_json(http, url)
            if told.get("phase") == "HELD" and "(UTC)" in (told["status"] or ""):
                # What its owner may have is used up, until tomorrow or the next month.
                http.post(f"{url}/phase", data={"PHASE": "ABORT"})
                if job["id"] in sent:
                    sent[job["id"]].may_abort = True
        left = listed(http, "PENDING", "HELD", "QUEUED", "SUSPENDED", "EXECUTING")
        wanting = sorted({job["owner"] for job in left if job["run_id"] == "slot"})
        others = any(job["run_id"] != "slot" for job in left)
        booked = http.get(SLOTS).json()
        for slot in booked:
            if others or slot["owner"] not in wanting:
                http.delete(slot["url"])
        if wanting and not others and not any(slot["owner"] in wanting for slot in booked):
            self.book(http, wanting[0], 5)

    # -- what was promised -----------------------------------------------------------

    def check(self, tally: Tally) -> None:
        """Hold the service to what it promised its owners, and leave nothing booked behind."""
        self.check_quotas(tally)
        self.check_slots(tally)
        self.check_webhooks(tally)
        with self.service.client() as http:
            for slot in http.get(SLOTS).json():
                http.delete(slot["url"])

    def check_quotas(self, tally: Tally) -> None:
        """Counters equal what the jobs say, and no limit was passed."""
        url = self.service.database_url
        deleted: dict[str, int] = dict(
            witness.ask(url, "SELECT job_id, time FROM outbox WHERE kind = 'deleted'")
        )
        columns = "id, phase, charged, spent_ms, claimed_time"
        rows = [
            *witness.ask(url, f"SELECT {columns} FROM jobs"),
            *witness.ask(url, f"SELECT {columns} FROM witness_gone"),
        ]
        said: Counter[tuple[str, str, int]] = Counter()
        for job, phase, charged, spent, claimed in rows:
            # One that was deleted while it ran, ran until then.
            ran = spent + (max(0, deleted[job] - claimed) if phase == "EXECUTING" else 0)
            for subject, kind, ends, amount in witness.charges(charged):
                shots = 0 if claimed is None else amount
                said[subject, kind, ends] += ran if kind == "month_seconds" else shots
        uses = witness.ask(url, "SELECT subject, kind, ends, used, most FROM quota_use")
        counted = {(subject, kind, ends): used for subject, kind, ends, used, _ in uses}
        wrong = {key: (counted.get(key, 0), said[key]) for key in counted.keys() | said}
        wrong = {key: two for key, two in wrong.items() if two[0] != two[1]}
        assert not wrong, f"counters, and what the jobs say: {wrong}"
        assert all(used <= most for _, kind, _, used, most in uses if kind == "day_shots"), uses
        tally.checked["counters of quotas"] += len(counted)
        for table, count, limits in (
            ("witness_claims", "running", RUNNING),
            ("witness_queued", "queued", QUEUED),
        ):
            most = dict(witness.ask(url, f"SELECT owner, max({count}) FROM {table} GROUP BY owner"))
            beyond = {name: most[name] for name in limits if most.get(name, 0) > limits[name]}
            assert not beyond, f"more {count} than {limits}: {beyond}"
        with self.service.client() as http:
            for name in OWNERS:
                self._check_told(http, name, counted)

    def _check_told(
        self, http: httpx.Client, name: str, counted: dict[tuple[str, str, int], int]
    ) -> None:
        """Hold what an owner is told to what was counted: at the end nothing waits or runs."""
        last = {key[:2]: used for key, used in sorted(counted.items(), key=lambda item: item[0][2])}
        own = sum(job["owner"] == name for job in listed(http))
        for item in http.get("/quota", params={"OWNER": name}).json()["limits"]:
            subject = f"user:{name}" if item["group"] is None else f"group:{item['group']}"
            used = last.get((subject, item["limit"]), 0)
            # Of a day and a month: unless the next one has begun.
            right = {
                "jobs": [own],
                "pending": [0],
                "queued": [0],
                "running": [0],
                "job_shots": [None],
                "day_shots": [used, 0],
                "month_seconds": [-(-used // 1000), 0],
            }
            assert item["used"] in right.get(item["limit"], [item["used"]]), (name, item, right)

    def check_slots(self, tally: Tally) -> None:
        """Nobody ran in the timeslot of another, and who wants one ran in their own only."""
        url = self.service.database_url
        freed: dict[str, int] = dict(witness.ask(url, "SELECT slot, at FROM witness_freed"))
        slots = [
            (owner, max(begins, at), min(ends, freed.get(slot, ends)))
            for slot, owner, begins, ends, at in witness.ask(
                url, "SELECT slot, owner, begins, ends, at FROM witness_booked"
            )
        ]
        claims = witness.ask(url, "SELECT job, owner, required, at FROM witness_claims")
        for job, owner, required, at in claims:
            inside = [
                whose
                for whose, since, end in slots
                if since + _UNCERTAIN_MS < at < end - _UNCERTAIN_MS
            ]
            about = f"job {job} of {owner} was claimed at {at}; booked were {slots}"
            assert all(whose == owner for whose in inside), about
            if required:
                assert any(
                    whose == owner and since - _UNCERTAIN_MS <= at <= end + _UNCERTAIN_MS
                    for whose, since, end in slots
                ), about
                tally.checked["claims in timeslots"] += 1
        tally.checked["timeslots"] += len(slots)

    def check_webhooks(self, tally: Tally, seconds: float = 300) -> None:
        """Each message came, in the order of its job, and none that nothing had happened for."""
        wanted = self._promised()
        until(lambda: not (wanted.keys() - self._came()), seconds, "the last message")
        came = self._came()
        assert came.keys() == wanted.keys(), came.keys() - wanted.keys()
        orders: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for (path, place), got in came.items():
            kind, phase, job = wanted[path, place]
            event = "job.deleted" if kind == "deleted" else f"job.{phase.lower()}"
            assert (got.type, got.job) == (event, job), (got, kind, phase)
            orders[path, job].append(place)
        for about, places in orders.items():
            assert places == sorted(places), f"{about} was told in another order: {places}"
        tally.checked["messages"] += len(came)
        tally.checked["messages that came again"] += len(self.ear.taken) - len(came)

    def _promised(self) -> dict[tuple[str, int], tuple[str, str, str]]:
        """Return what is to come, by path and place in the outbox."""
        url = self.service.database_url
        what = "o.id, o.kind, o.phase, o.job_id FROM outbox AS o"
        only = "o.kind IN ('phase', 'deleted')"
        named = witness.ask(
            url, f"SELECT {what} JOIN witness_links AS l ON l.job = o.job_id WHERE {only}"
        )
        standing = witness.ask(url, f"SELECT {what} WHERE {only} AND o.owner = '{STANDING}'")
        found = {("/named", place): (kind, phase, job) for place, kind, phase, job in named}
        found |= {("/standing", place): (kind, phase, job) for place, kind, phase, job in standing}
        return found

    def _came(self) -> dict[tuple[str, int], Got]:
        """Return what was taken first, by path and place, in the order of its coming."""
        found: dict[tuple[str, int], Got] = {}
        for item in self.ear.taken:
            place = int(item.headers["webhook-id"].split("_")[1])
            found.setdefault((item.path, place), item)
        return found


class Booker:
    """Who books the target for an owner now and then, sends jobs for that time, and cancels it."""

    def __init__(self, owned: Owned, tally: Tally, seed: int) -> None:
        self._owned = owned
        self._tally = tally
        self._rng = random.Random(f"{seed}/booker")

    def run(self, stop: threading.Event, send: Any) -> None:
        """Go on until told to stop; ``send`` sends a job of an owner that wants a timeslot."""
        with self._owned.service.client(timeout=30) as http:
            while not stop.wait(self._rng.uniform(0.5, 4)):
                try:
                    self._once(http, stop, send)
                except httpx.HTTPError as error:
                    with self._tally.lock:
                        self._tally.refused[type(error).__name__] += 1

    def _once(self, http: httpx.Client, stop: threading.Event, send: Any) -> None:
        owner = self._rng.choice(OWNERS)
        slot = self._owned.book(http, owner, self._rng.randint(1, 2))
        if slot is None:
            return
        for _ in range(self._rng.randint(1, 3)):
            send(http, self._rng, owner)
        stop.wait(self._rng.uniform(0.5, 3))
        http.delete(slot, headers=as_owner(owner))


@contextlib.contextmanager
def an_ear() -> Iterator[Ear]:
    """Listen for webhooks while the block lasts."""
    with start_blocking_portal() as portal:
        ear = Ear(portal)
        try:
            yield ear
        finally:
            ear.leave()
