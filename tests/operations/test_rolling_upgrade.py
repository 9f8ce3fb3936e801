"""The standard overlay's processes behind a proxy, replaced one by one while clients go on.

What runs, with which arguments and settings, is read from the rendered overlay; only addresses
and times are others. The later release is this code with one more revision of the schema.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from circuits import BELL3 as BELL
from circuits import slow
from commands import run
from harness import NO_TLS, Postgres, Process, base_environment, free_port, until, wait_ready
from manifests import container, environment, of_kind, workloads
from programs import debian
from prometheus_client.parser import text_string_to_metric_families
from starter import let_go

from quws.bus.server import ValkeyServer
from quws.store.revision import REVISION
from quws.store.schema import scripts

ROOT = Path(__file__).parents[2]
SECONDS_EACH = 90
CIRCUITS = 12
LATER = "9999"
REVISION_FILE = f'''
"""A table that only the later release knows, and a column with a default."""
import sqlalchemy as sa
from alembic import op

revision = "{LATER}"
down_revision = "{REVISION}"
compatible_down_to = "{REVISION}"


def upgrade() -> None:
    op.create_table("later", sa.Column("name", sa.Text(), primary_key=True))
    op.add_column(
        "jobs", sa.Column("later", sa.Text(), nullable=False, server_default=sa.text("'x'"))
    )


def downgrade() -> None:
    op.drop_column("jobs", "later")
    op.drop_table("later")
'''


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Path]:
    """The next release of this code: where it is to be imported from."""
    folder = tmp_path / "later"
    package = folder / "quws"
    # With what was compiled of it: all times of files are kept.
    shutil.copytree(ROOT / "src/quws", package)
    shutil.copytree(scripts(), package / "store/migrations")
    (package / "store/migrations/versions/9999_later.py").write_text(REVISION_FILE)
    for name, old, new in (
        ("__init__.py", '__version__ = "', '__version__ = "later-'),
        ("store/revision.py", f'REVISION = "{REVISION}"', f'REVISION = "{LATER}"'),
    ):
        text = (package / name).read_text()
        assert old in text
        (package / name).write_text(text.replace(old, new))
    yield folder
    let_go(folder)


@dataclass
class Role:
    """One pod of the overlay."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    log: Path
    port: int
    """Where it listens for clients; 0 for not at all."""
    monitor: int
    process: Process | None = None

    def start(self, release: Path | None) -> None:
        more = {} if release is None else {"PYTHONPATH": str(release)}
        self.process = Process(self.arguments, self.environment | more, self.log)
        wait_ready(f"http://127.0.0.1:{self.monitor}", self.process)
        until(self.ready, 60, f"a ready {self.name}")

    def ready(self) -> bool:
        return self.asks("/health/ready").status_code == 200

    def asks(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.monitor}{path}", timeout=10, **NO_TLS)

    def stop(self) -> None:
        assert self.process is not None
        # uvicorn ends by the signal that it was sent, once all is in order.
        self.process.end(statuses=(0, -signal.SIGTERM))
        self.process = None

    def metrics(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        found = defaultdict(list)
        for family in text_string_to_metric_families(self.asks("/metrics").text):
            for sample in family.samples:
                found[sample.name].append((sample.labels, sample.value))
        return found


@dataclass
class Nginx:
    """The proxy, as the Ingress and the endpoints of the Service make it."""

    folder: Path
    port: int
    program: str = field(default_factory=lambda: debian("nginx", "nginx-light"))
    popen: subprocess.Popen[bytes] | None = None

    def configure(self, ports: list[int]) -> None:
        (ingress,) = of_kind("standard", "Ingress")
        notes = {
            name.rpartition("/")[2].replace("-", "_"): value
            for name, value in ingress["metadata"]["annotations"].items()
        }
        servers = "".join(f"server 127.0.0.1:{port};" for port in ports)
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = "".join(
            f"{kind}_temp_path {self.folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.folder / "nginx.conf").write_text(f"""
            {user} worker_processes 1; daemon off; pid {self.folder}/nginx.pid;
            error_log {self.folder}/error.log;
            events {{ worker_connections 512; }}
            http {{
                {temporary}
                log_format ours '$request_id $request_method $uri $status $sent_http_location';
                access_log {self.folder}/access.log ours;
                upstream quws {{ {servers} }}
                server {{
                    listen 127.0.0.1:{self.port};
                    client_max_body_size {notes["proxy_body_size"]};
                    location / {{
                        proxy_pass http://quws;
                        proxy_set_header Host $host;
                        proxy_set_header X-Request-ID $request_id;
                        proxy_read_timeout {notes["proxy_read_timeout"]}s;
                        proxy_buffering {notes["proxy_buffering"]};
                    }}
                }}
            }}
        """)

    def run(self, *arguments: str) -> list[str]:
        return [self.program, "-p", str(self.folder), "-c", "nginx.conf", *arguments]

    def start(self, ports: list[int]) -> None:
        self.folder.mkdir()
        self.configure(ports)
        with (self.folder / "out").open("wb") as out:
            self.popen = subprocess.Popen(self.run(), stdout=out, stderr=out)

    def point_at(self, ports: list[int]) -> None:
        """Send new requests to these ports only, and wait until that is so."""
        before = self.workers()
        self.configure(ports)
        subprocess.run(self.run("-s", "reload"), check=True, capture_output=True)
        until(lambda: self.workers() - before, 20, "a reload of nginx")

    def workers(self) -> set[int]:
        assert self.popen is not None
        found = set()
        for child in psutil.Process(self.popen.pid).children():
            with contextlib.suppress(psutil.Error):
                if "shutting down" not in " ".join(child.cmdline()):
                    found.add(child.pid)
        return found

    def stop(self) -> None:
        if self.popen is not None:
            self.popen.terminate()
            self.popen.wait(10)


class Collector:
    """Takes traces, as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        spans = self.spans

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                import gzip

                from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                request = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
                for resource in request.resource_spans:
                    for scope in resource.scope_spans:
                        spans.extend(scope.spans)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class Client:
    """Somebody who goes on sending jobs whatever happens to the service."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._stop = threading.Event()
        self.jobs: list[str] = []
        self.failures: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with httpx.Client(
            base_url=self._url, headers=self._headers, timeout=70, **NO_TLS
        ) as client:
            while not self._stop.is_set():
                try:
                    self._one(client)
                except (httpx.HTTPError, AssertionError) as error:
                    self.failures.append(repr(error))
                self._stop.wait(0.5)

    def _one(self, client: httpx.Client) -> None:
        made = client.post("/jobs", data={"CIRCUIT": BELL, "SHOTS": "10", "PHASE": "RUN"})
        assert made.status_code == 303, (made.status_code, made.text)
        path = made.headers["Location"].removeprefix(self._url)
        self.jobs.append(path)
        finished = client.get(f"{path}/phase", params={"WAIT": "3"})
        assert finished.status_code == 200, (finished.status_code, finished.text)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(80)


@dataclass
class Standard:
    """All of it."""

    folder: Path
    url: str
    token: str
    database: str
    environment: dict[str, str]
    nginx: Nginx
    apis: list[Role]
    workers: list[Role]
    sweeper: Role

    @property
    def roles(self) -> list[Role]:
        return [*self.apis, *self.workers, self.sweeper]

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=70,
            **NO_TLS,
        )

    def quws(self, *arguments: str, release: Path | None = None) -> str:
        more = {} if release is None else {"PYTHONPATH": str(release)}
        done = run(self.environment | more, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def logged(self) -> list[dict[str, Any]]:
        lines = []
        for role in self.roles:
            for line in role.log.read_text().splitlines():
                with contextlib.suppress(ValueError):
                    lines.append(json.loads(line))
        return lines


@pytest.fixture
def standard(postgres: Postgres, tmp_path: Path) -> Iterator[Standard]:
    valkey = ValkeyServer(tmp_path / "valkey")
    valkey.start()
    collector = Collector()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    found = {item["metadata"]["name"]: item for item in workloads("standard")}
    secret = {"QUWS_DATABASE_URL": postgres.database(), "QUWS_REDIS_URL": valkey.url}
    others = {
        "QUWS_PUBLIC_URL": url,
        "QUWS_ARTIFACTS_URL": (tmp_path / "artifacts").as_uri(),
        "QUWS_DATA": str(tmp_path / "data"),
        "QUWS_LEASE": "5",
        "QUWS_SWEEP": "0.2",
        "QUWS_IDLE_LOOK": "1",
        "QUWS_GRACE": "0.5",
        "QUWS_SIMULATOR_QUBITS": "20",
        "QUWS_SIMULATOR_THREADS": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }

    def role(name: str, workload: str, number: int = 0) -> Role:
        only = container(found[workload])
        arguments, listens, monitor = list(only["args"]), 0, free_port()
        if "--port" in arguments:
            listens = free_port()
            arguments[arguments.index("--port") + 1] = str(listens)
        env = base_environment(environment("standard", found[workload]) | secret | others)
        env |= {"QUWS_MONITOR_PORT": str(monitor)}
        return Role(name, arguments, env, tmp_path / f"{name}{number}.log", listens, monitor)

    apis = [role("api", "quws-api", n) for n in range(2)]
    workers = [role("worker", "quws-worker-simulator", n) for n in range(2)]
    sweeper = role("sweeper", "quws-sweeper")
    # What is no pod: migrations and the operator's own commands.
    environ = {k: v for k, v in sweeper.environment.items() if not k.startswith("OTEL_")}
    nginx = Nginx(tmp_path / "nginx", port)
    running = Standard(
        tmp_path, url, "", secret["QUWS_DATABASE_URL"], environ, nginx, apis, workers, sweeper
    )
    running.collector = collector  # type: ignore[attr-defined]
    try:
        running.quws(*container(found["quws-migrate"])["args"])
        threads = [threading.Thread(target=item.start, args=(None,)) for item in running.roles]
        for thread in threads:
            thread.start()
        nginx.start([item.port for item in apis])
        running.quws("user", "add", "ann", "--no-password")
        running.token = running.quws("token", "create", "ann")
        for thread in threads:
            thread.join(SECONDS_EACH)
        until(lambda: all(item.process for item in running.roles), 1, "all processes")
        yield running
    finally:
        nginx.stop()
        for item in running.roles:
            if item.process is not None:
                item.process.popen.terminate()
        for item in running.roles:
            if item.process is not None:
                try:
                    item.process.popen.wait(40)
                except subprocess.TimeoutExpired:
                    item.process.kill()
        collector.close()
        valkey.stop()


def slow_batch(circuits: int) -> dict[str, list[str]]:
    """A job of many circuits, each of which takes a good part of a second."""
    return {"CIRCUIT": [slow(20, 30)] * circuits, "SHOTS": ["50"], "PHASE": ["RUN"]}


@pytest.mark.timeout(400)
def test_an_upgrade_by_rolling_restart_loses_nothing(standard: Standard, release: Path) -> None:
    with standard.client() as client:
        sender = Client(standard.url, standard.token)
        until(lambda: len(sender.jobs) > 5, 30, "jobs")

        # The migration first; the pods of the release before go on.
        standard.quws("db", "upgrade", release=release)
        with psycopg.connect(standard.database) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (
                LATER,
            )
        assert all(item.ready() for item in standard.roles)
        sent = len(sender.jobs)
        until(lambda: len(sender.jobs) > sent + 5, 30, "jobs on the schema of the next release")

        for item in standard.apis:
            standard.nginx.point_at([api.port for api in standard.apis if api is not item])
            item.stop()
            item.start(release)
            standard.nginx.point_at([api.port for api in standard.apis])
        # A job that is longer than a worker's grace is handed on.
        made = client.post("/jobs", data=slow_batch(CIRCUITS))
        assert made.status_code == 303, made.text
        batch = made.headers["Location"]
        job = batch.rpartition("/")[2]
        holder = until(lambda: holder_of(standard, job), 60, "a worker that runs the batch")
        others = [item for item in standard.workers if item is not holder]
        for item in (holder, *others, standard.sweeper):
            item.stop()
            item.start(release)

        sent = len(sender.jobs)
        until(lambda: len(sender.jobs) > sent + 10, 30, "jobs on the next release")
        sender.stop()
        assert sender.failures == []

        # Nothing is lost: every job that was acknowledged is there, done, and has its result.
        for path in sender.jobs:
            phase = client.get(f"{path}/phase", params={"WAIT": "30"}).text
            assert phase == "COMPLETED", (path, phase)
            assert sum(counts(client, path).values()) == 10
        until(lambda: client.get(f"{batch}/phase").text == "COMPLETED", 90, "the batch")
        assert len(set(sender.jobs)) == len(sender.jobs)
        with psycopg.connect(standard.database) as connection:
            (rows,) = connection.execute("SELECT count(*) FROM jobs").fetchone() or (0,)
            assert rows == len(sender.jobs) + 1
            # Nor was a circuit of the batch run to two ends.
            told = connection.execute(
                "SELECT message FROM timeline"
                " WHERE job_id = %s AND status = 'circuit done' ORDER BY id",
                (job,),
            )
            # Those that are done at about the same time are told of together.
            some = [re.findall("[0-9]+", message.split(" of ")[0]) for (message,) in told]
            done = [k for ends in some for k in range(int(ends[0]), int(ends[-1]) + 1)]
            assert sorted(done) == list(range(CIRCUITS))

    assert len(claims(standard, job)) >= 2
    assert_metrics(standard)
    assert_a_job_can_be_followed(standard)


def counts(client: httpx.Client, path: str) -> dict[str, int]:
    found = client.get(f"{path}/results/counts").json()
    return found["circuits"][0]["counts"]


def claims(standard: Standard, job: str) -> list[dict[str, Any]]:
    lines = standard.logged()
    return [line for line in lines if line["event"] == "job claimed" and line["job"] == job]


def holder_of(standard: Standard, job: str) -> Role | None:
    """Find the worker that runs a job, by what it logged."""
    for item in standard.workers:
        if job in item.log.read_text():
            return item
    return None


def total(roles: list[Role], name: str, **labels: str) -> float:
    return sum(
        value
        for role in roles
        for found, value in role.metrics()[name]
        if labels.items() <= found.items()
    )


def assert_metrics(standard: Standard) -> None:
    """All processes are new ones: what they count began with them."""
    with standard.client() as client:
        before = total(standard.apis, "quws_http_requests_total", method="POST", route="/jobs")
        for _ in range(4):
            made = client.post("/jobs", data={"CIRCUIT": BELL, "PHASE": "RUN"})
            path = made.headers["Location"]
            until(lambda path=path: client.get(f"{path}/phase").text == "COMPLETED", 30, "a result")
        after = total(
            standard.apis, "quws_http_requests_total", method="POST", route="/jobs", status="303"
        )
        assert after == before + 4
        # Not for everybody who can reach the service.
        assert client.get("/metrics").status_code == 403
        assert httpx.get(f"{standard.url}/metrics").status_code == 401
        assert client.get("/health/ready").json()["ready"]
    for role in standard.roles:
        ((info, _),) = role.metrics()["quws_info"]
        assert info["version"].startswith("later-")
        assert (info["schema"], info["process"]) == (LATER, role.name)
    target = {"target": "simulator"}
    workers = standard.workers
    done = total(workers, "quws_job_run_seconds_count", phase="COMPLETED", **target)
    assert done >= 4
    assert total(workers, "quws_job_phases_total", phase="COMPLETED") == done
    for name in ("quws_job_wait_seconds", "quws_job_claim_to_start_seconds"):
        assert total(workers, f"{name}_count", **target) >= done
    assert total(workers, "quws_artifact_bytes_total", direction="written") > 0
    assert total(standard.apis, "quws_artifact_bytes_total", direction="read") > 0
    assert total([standard.sweeper], "quws_sweeps_total", sweep="lost", outcome="ok") > 0
    # Fresh numbers are at most two seconds old.
    until(
        lambda: (
            total([standard.sweeper], "quws_queue_jobs", **target) == 0
            and total([standard.sweeper], "quws_executing_jobs", **target) == 0
        ),
        20,
        "an empty queue",
    )
    assert total([standard.sweeper], "quws_lease_losses_total") == 0


def assert_a_job_can_be_followed(standard: Standard) -> None:
    with standard.client() as client:
        made = client.post("/jobs", data={"CIRCUIT": BELL, "PHASE": "RUN"})
        path = made.headers["Location"]
        request = made.headers["X-Request-ID"]
        job = path.rpartition("/")[2]
        until(lambda: client.get(f"{path}/phase").text == "COMPLETED", 30, "a result")
        assert client.get(f"{path}/results/counts").status_code == 200

    def lines() -> list[dict[str, Any]]:
        return [line for line in standard.logged() if line.get("job") == job]

    until(lambda: any(line.get("path", "").endswith("/results/counts") for line in lines()))
    told = {(line["process"], line["event"], line.get("phase")): line for line in lines()}
    created = told["api", "job created", "QUEUED"]
    claimed = told["worker", "job claimed", None]
    completed = told["worker", "job moved", "COMPLETED"]
    for line in (created, claimed, completed):
        # The proxy named the request, and the worker still knows it.
        assert line["request"] == request
        assert (line["owner"], line["target"]) == ("ann", "simulator")
    assert claimed["attempt"] == completed["attempt"] == 1
    assert all({"timestamp", "level", "owner", "request"} <= line.keys() for line in lines())
    access = (standard.nginx.folder / "access.log").read_text().splitlines()
    assert any(line.startswith(f"{request} POST /jobs 303") for line in access)

    spans = standard.collector.spans  # type: ignore[attr-defined]

    def of_the_job() -> dict[str, Any]:
        return {
            span.name: span
            for span in list(spans)
            for attribute in span.attributes
            if attribute.key == "quws.job" and attribute.value.string_value == job
        }

    until(lambda: {"POST /jobs", "job"} <= of_the_job().keys(), 20, "spans of the job")
    post, run = of_the_job()["POST /jobs"], of_the_job()["job"]
    assert run.trace_id == post.trace_id
    assert run.parent_span_id == post.span_id
    inner = [span for span in list(spans) if span.parent_span_id == run.span_id]
    assert [span.name for span in inner] == ["circuit"]
    attributes = {item.key: item.value for item in inner[0].attributes}
    assert attributes["quws.engine"].string_value
    assert attributes["quws.pid"].int_value > 0
