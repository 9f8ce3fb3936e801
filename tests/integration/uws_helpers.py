"""What the UWS conformance tests share: jobs in every phase, and what a service says of them.

The tests are named after the requirements that they hold quws to: a letter and
a number, from the list that was drawn up from the Recommendation (UWS 1.1).
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from circuits import BELL2, ENDLESS, slow
from harness import Service, until, words
from lxml import etree
from schemas import validate
from uws import NIL, NS, create, document, text, wait

PHASES = (
    "PENDING",
    "QUEUED",
    "EXECUTING",
    "COMPLETED",
    "ERROR",
    "ABORTED",
    "UNKNOWN",
    "HELD",
    "SUSPENDED",
    "ARCHIVED",
)
COMMON = PHASES[:6]
"""The phases that every service has."""
RARE = ("HELD", "SUSPENDED", "ARCHIVED")
"""The phases that only a quota, a worker that shuts down and kept history bring about."""
FINISHED = ("COMPLETED", "ERROR", "ABORTED")

VALUES = ("phase", "executionduration", "destruction", "quote", "owner")
CONTAINERS = ("results", "parameters")
CHILDREN = (*VALUES, "error", *CONTAINERS)
ELEMENTS = {
    "phase": "phase",
    "executionduration": "executionDuration",
    "destruction": "destruction",
    "quote": "quote",
    "owner": "ownerId",
}
"""Each single value's element in the job document."""

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
UWS = f"{{{NS['uws']}}}"

SECONDS_LONG = slow(22, 60)
"""Runs for one to three seconds."""
A_SECOND_LONG = slow(22, 30)
FAILING = (
    'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[1] q;\nbit[1] c;\n'
    "for int i in [0:60000] { rx(1.0 / i) q[0]; }\nc = measure q;\n"
)
"""Sound to read, but divides by zero as it runs: its loop is too long to be tried before."""
AT_ONCE = 2.0
"""What takes less than this did not wait; all waits are longer."""

STRICT = {
    "QUWS_POLICY__MAX_QUEUED": "1",
    "QUWS_POLICY__KEEP_HISTORY": "true",
    "QUWS_POLICY__MAX_EXECUTION_DURATION": "1000",
    "QUWS_GRACE": "0",
}
"""Settings under which the rare phases come about."""


# -- jobs in a phase ---------------------------------------------------------------


@contextlib.contextmanager
def removed(http: httpx.Client, *jobs: str) -> Iterator[None]:
    """Delete jobs in the end, so that workers are free for others."""
    try:
        yield
    finally:
        for job in jobs:
            http.delete(job)


@contextlib.contextmanager
def busy(http: httpx.Client) -> Iterator[None]:
    """Give every worker of the service something to do: what comes now stays QUEUED."""
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(removed(http, create(http, ENDLESS, SHOTS=1, PHASE="RUN")))
        yield


@contextlib.contextmanager
def job_in(http: httpx.Client, phase: str, **parameters: Any) -> Iterator[str]:
    """Make a job in one of the common phases; it is deleted in the end."""
    with contextlib.ExitStack() as stack:
        if phase == "QUEUED":
            stack.enter_context(busy(http))
        run = {} if phase in ("PENDING", "ABORTED") else {"PHASE": "RUN"}
        circuit = {"EXECUTING": ENDLESS, "ERROR": FAILING}.get(phase, BELL2)
        job = create(http, circuit, **(run | parameters))
        stack.enter_context(removed(http, job))
        if phase == "ABORTED":
            assert http.post(f"{job}/phase", data={"PHASE": "ABORT"}).status_code == 303
        elif phase == "EXECUTING":
            executing(http, job)
        elif phase in ("COMPLETED", "ERROR"):
            assert wait(http, job) == phase
        assert phase_of(http, job) == phase
        yield job


@contextlib.contextmanager
def held(http: httpx.Client) -> Iterator[tuple[str, str]]:
    """Make a HELD job, and the running one that keeps it from the queue (strict service only)."""
    blocker = create(http, ENDLESS, SHOTS=1, PHASE="RUN")
    with removed(http, blocker):
        job = create(http, RUNID="held", SHOTS=10)
        with removed(http, job):
            assert http.post(f"{job}/phase", data={"PHASE": "RUN"}).status_code == 303
            assert phase_of(http, job) == "HELD"
            yield job, blocker


@contextlib.contextmanager
def suspended(service: Service, http: httpx.Client, circuit: str = ENDLESS) -> Iterator[str]:
    """Make a SUSPENDED job: its worker shuts down, and until the end nobody starts another."""
    job = create(http, circuit, SHOTS=10, RUNID="suspended", PHASE="RUN")
    supervisor = service.processes[0]
    try:
        executing(http, job)
        os.kill(supervisor.pid, signal.SIGSTOP)
        next(p for p in supervisor.family() if "worker" in words(p)).terminate()
        until(lambda: phase_of(http, job) == "SUSPENDED", 20, "SUSPENDED")
        yield job
    finally:
        os.kill(supervisor.pid, signal.SIGCONT)
        http.delete(job)


@contextlib.contextmanager
def archived(http: httpx.Client, **parameters: Any) -> Iterator[str]:
    """Make an ARCHIVED job: one whose destruction time has come (strict service only)."""
    job = create(http, SHOTS=10, RUNID="archived", PHASE="RUN", **parameters)
    with removed(http, job):
        assert wait(http, job) == "COMPLETED"
        answer = http.post(f"{job}/destruction", data={"DESTRUCTION": instant(0.3)})
        assert answer.status_code == 303, answer.text
        until(lambda: phase_of(http, job) == "ARCHIVED", 10, "ARCHIVED")
        yield job


# -- looking -------------------------------------------------------------------------


def phase_of(http: httpx.Client, job: str) -> str:
    answer = http.get(f"{job}/phase")
    assert answer.status_code == 200, answer.text
    return answer.text


def executing(http: httpx.Client, job: str) -> None:
    """Look until a job runs: WAIT would go on waiting if it ran already."""
    until(lambda: phase_of(http, job) == "EXECUTING", 30, "EXECUTING")


def id_of(job: str) -> str:
    return job.rsplit("/", 1)[1]


def instant(seconds: float) -> str:
    """An instant from now, as a client writes it."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def parse(printed: str | None) -> datetime:
    assert printed is not None
    assert INSTANT.fullmatch(printed), printed
    return datetime.fromisoformat(printed)


def is_nil(root: etree._Element, name: str) -> bool:
    """Whether an element is there and nil."""
    found = root.find(f"uws:{name}", NS)
    assert found is not None, f"there is no {name}"
    return found.get(NIL) == "true" and not found.text and len(found) == 0


def children(root: etree._Element) -> list[str]:
    """The names of the children of an element, in their order."""
    return [etree.QName(child).localname for child in root]


def parameters(http: httpx.Client, job: str) -> list[tuple[str, str]]:
    """Name and printed value of each parameter of a job."""
    root = document(http, f"{job}/parameters")
    return [(item.get("id") or "", item.text or "") for item in root]


def parameter(http: httpx.Client, job: str, name: str) -> etree._Element:
    """The one parameter of a name."""
    found = [
        item
        for item in document(http, job).findall("uws:parameters/uws:parameter", NS)
        if item.get("id") == name
    ]
    assert len(found) == 1, f"{name} is listed {len(found)} times"
    return found[0]


def results(http: httpx.Client, job: str) -> list[etree._Element]:
    return document(http, job).findall("uws:results/uws:result", NS)


def same(one: etree._Element, other: etree._Element) -> bool:
    """Whether two elements say the same, whatever their prefixes and the like."""
    return (
        one.tag == other.tag
        and (one.text or "") == (other.text or "")
        and dict(one.attrib) == dict(other.attrib)
        and len(one) == len(other)
        and all(same(*pair) for pair in zip(one, other, strict=True))
    )


def timed(call: Callable[..., httpx.Response], *args: Any, **options: Any) -> Any:
    """Make a request and tell how many seconds it took."""
    started = time.monotonic()
    answer = call(*args, **options)
    return answer, time.monotonic() - started


# -- what a service says of a job in each phase -----------------------------------------


@dataclass(frozen=True)
class Said:
    """All that a service says of a job, at one moment."""

    url: str
    answers: dict[str, httpx.Response]
    """The answer of each child by its name, of the job as '', of a list with it as 'list'."""

    def root(self, name: str = "") -> etree._Element:
        return validate(self.answers[name].content)

    @property
    def ref(self) -> etree._Element:
        """The job's entry in the list."""
        found = self.root("list").findall(f"uws:jobref[@id='{id_of(self.url)}']", NS)
        assert len(found) == 1
        return found[0]


def said(http: httpx.Client, job: str) -> Said:
    for _ in range(20):
        before = http.get(job)
        phase = phase_of(http, job)
        answers = {name: http.get(f"{job}/{name}") for name in CHILDREN}
        answers["list"] = http.get("/jobs", params={"PHASE": phase})
        answers[""] = http.get(job)
        if answers[""].content == before.content:
            return Said(job, answers)
    raise AssertionError(f"{job} never stands still")


def said_in_common_phases(service: Service) -> dict[str, Said]:
    """Make a job in each common phase and keep what the service says of it."""
    found = {}
    with service.client() as http:
        for phase in COMMON:
            extra = {} if phase == "PENDING" else {"RUNID": f"run {phase}", "TAG": ["a", "b"]}
            with job_in(http, phase, **extra) as job:
                found[phase] = said(http, job)
    return found


def said_in_rare_phases(service: Service) -> dict[str, Said]:
    """Keep what a strict service says of jobs in the rare phases."""
    found = {}
    with service.client() as http:
        with held(http) as (job, _):
            found["HELD"] = said(http, job)
        with archived(http) as job:
            found["ARCHIVED"] = said(http, job)
        with suspended(service, http) as job:
            found["SUSPENDED"] = said(http, job)
    return found


def text_in(said_of: Said, element: str) -> str:
    return text(said_of.root(), element) or ""
