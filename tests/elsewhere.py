"""A vendor with a queue of its own, over real HTTP, whose every step a test can hold up."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
from harness import Service, add_users, embedded, free_port, until, words

PACKAGE = Path(__file__).parent / "vendor"
"""Where the package of its adapter lies; on PYTHONPATH it is installed."""


TOKEN = "-".join(["the", "vendor's", "token", "which", "nobody", "else", "may", "have"])
"""Only the process that speaks with the vendor has it."""


class Gate:
    """Something that requests pass, or wait at while it is shut."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self.reached = threading.Event()

    def shut(self) -> None:
        self.reached.clear()
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def pass_through(self) -> None:
        self.reached.set()
        self._open.wait(60)


@dataclass
class VendorJob:
    id: str
    key: str
    bits: list[int]
    shots: int
    status: str = "done"
    message: str | None = None


@dataclass
class Vendor:
    """The vendor. Jobs are done at once unless ``status`` says otherwise."""

    port: int = field(default_factory=free_port)
    jobs: dict[str, VendorJob] = field(default_factory=dict)
    status: str = "done"
    """What new jobs are."""
    state: dict[str, Any] = field(default_factory=lambda: {"status": "online"})
    refusal: str | None = None
    searchable: bool = True
    finds: int = 0
    before_arrival: Gate = field(default_factory=Gate)
    after_arrival: Gate = field(default_factory=Gate)
    before_result: Gate = field(default_factory=Gate)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer({})

            def do_POST(self) -> None:
                self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def answer(self, content: dict[str, Any]) -> None:
                status, answer = vendor.answer(self.path, content)
                # Whoever asked may be dead by now.
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.end_headers()
                    self.wfile.write(
                        answer.encode() if status >= 400 else json.dumps(answer).encode()
                    )

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """The vendor does not answer while the block lasts."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def calm(self) -> None:
        """Let everything pass and end."""
        self.refusal = None
        self.searchable = True
        self.state = {"status": "online"}
        for gate in (self.before_arrival, self.after_arrival, self.before_result):
            gate.open()
        self.set_all("done")

    def of(self, job_url: str) -> list[VendorJob]:
        """All that the vendor has got of one job of ours."""
        key = job_url.rsplit("/", 1)[1]
        return [job for job in list(self.jobs.values()) if job.key == key]

    def set_all(self, status: str, message: str | None = None) -> None:
        self.status = status
        for job in self.jobs.values():
            if job.status in ("queued", "running"):
                job.status, job.message = status, message

    def answer(self, path: str, content: dict[str, Any]) -> tuple[int, Any]:  # noqa: PLR0911
        match path.strip("/").split("/"):
            case ["state"]:
                return 200, self.state
            case ["calibration"]:
                return 200, CALIBRATION
            case ["find"] if self.searchable:
                self.finds += 1
                found = [job.id for job in list(self.jobs.values()) if job.key == content["key"]]
                return 200, found[0] if found else None
            case ["submit"]:
                if self.refusal is not None:
                    return 400, self.refusal
                self.before_arrival.pass_through()
                job = VendorJob(f"v{len(self.jobs)}", status=self.status, **content)
                self.jobs[job.id] = job
                self.after_arrival.pass_through()
                return 200, job.id
            case ["jobs", job_id, *rest]:
                return self._job(job_id, rest)
        return 404, "no such thing"

    def _job(self, job_id: str, rest: list[str]) -> tuple[int, Any]:
        job = self.jobs.get(job_id)
        if job is None:
            return 404, f"no job {job_id}"
        match rest:
            case ["cancel"]:
                if job.status in ("queued", "running"):
                    job.status = "cancelled"
                return 200, None
            case ["result"]:
                self.before_result.pass_through()
                return 200, [{"1" * bits: job.shots} for bits in job.bits]
        position = 3 if job.status == "queued" else None
        return 200, {"status": job.status, "message": job.message, "position": position}


CALIBRATION = {
    "id": "monday",
    "time": "2026-11-23T06:00:00Z",
    "qubits": [
        {
            "qubit": 0,
            "t1": 5e-5,
            "t2": 7e-5,
            "frequency": 4.9e9,
            "readout_error": 0.02,
            "readout_duration": 1e-6,
        },
        {"qubit": 1, "t1": 6e-5},
    ],
    "gates": [{"gate": "cx", "qubits": [0, 1], "error": 0.01, "duration": 3e-7}],
}


def worker_of(service: Service, target: str) -> psutil.Process:
    """The worker of a target in an embedded service."""

    def find() -> psutil.Process | None:
        for process in service.processes[0].family():
            with contextlib.suppress(psutil.Error):
                if words(process)[-4:] == ["worker", "--target", target, "--sole"]:
                    return process
        return None

    found: psutil.Process = until(find, 30, f"the worker of {target}")
    return found


@dataclass
class Site:
    """A service with targets elsewhere, and the vendor who has them."""

    service: Service
    vendor: Vendor

    def worker(self, target: str) -> psutil.Process:
        return worker_of(self.service, target)

    def children(self, target: str, role: str) -> list[psutil.Process]:
        """The processes of one role that a worker has: what they are forked from comes first."""
        found = self.worker(target).children(recursive=True)
        return sorted(
            (process for process in found if role in process.cmdline()),
            key=lambda process: process.create_time(),
        )


@contextlib.contextmanager
def start_site(folder: Path) -> Iterator[Site]:
    """Run a service that has the simulator and the vendor."""
    vendor = Vendor().start()
    (folder / "targets.toml").write_text(
        '[simulator]\nadapter = "simulator"\noptions = { qubits = 26, threads = 1 }\n'
        '[vendor]\nadapter = "vendor"\nconformance = "none"\n'
        f'options = {{ url = "{vendor.url}" }}\n'
        'secrets.token = { environment = "VENDOR_TOKEN" }\n'
    )
    environment = {
        "QUWS_AUTH": "users",
        "QUWS_ANONYMOUS": "true",
        "QUWS_HEALTH_CHECK": "1",
        "VENDOR_TOKEN": TOKEN,
        "PYTHONPATH": str(PACKAGE),
    }
    try:
        with embedded(folder, environment) as service:
            add_users(service, operator="op")
            with service.client() as http:
                until(lambda: _all_online(http), 60, "targets that are online")
            yield Site(service, vendor)
    finally:
        vendor.stop()


def _all_online(http: httpx.Client) -> bool:
    found = http.get("/targets", headers={"Accept": "application/json"}).json()
    return len(found) == 2 and all(item["status"] == "online" and item["checked"] for item in found)
