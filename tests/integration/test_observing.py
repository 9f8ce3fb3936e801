"""Request ids, metrics and health, as who watches the service sees them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import httpx
from commands import run
from harness import NO_TLS, Process, Service, base_environment, free_port, until, wait_ready
from prometheus_client.parser import text_string_to_metric_families

from quws.bus.server import ValkeyServer
from quws.store.schema import upgrade

BUS_AWAY = "the message bus does not answer: jobs start, and waiting clients hear, seconds later"


def test_a_request_has_an_id(service: Service, http: httpx.Client) -> None:
    answer = http.get("/health/live", headers={"X-Request-ID": "from-a-proxy.1"})
    assert answer.headers["X-Request-ID"] == "from-a-proxy.1"
    made = http.get("/jobs", headers={"X-Request-ID": "not sane"}).headers["X-Request-ID"]
    assert made.isalnum() and len(made) == 16
    # Refusals and faults have one too, and it is in the log.
    refused = http.get("/jobs/nobody")
    wanted = refused.headers["X-Request-ID"]

    def line() -> dict[str, object] | None:
        for text in service.log().splitlines():
            if wanted in text:
                found: dict[str, object] = json.loads(text)
                return found
        return None

    found = until(line, 10, "a line in the log")
    assert found["event"] == "request"
    assert (found["method"], found["path"], found["status"]) == ("GET", "/jobs/nobody", 404)


def test_what_clients_make_up_is_no_label(service: Service) -> None:
    with service.client() as client:
        for path in ("/nowhere/made-up", "/jobs/made-up", "/static/made-up"):
            client.get(path)
        client.request("PROPFIND", "/jobs")
    # Each connection may meet another process.
    text = "".join(httpx.get(f"{service.url}/metrics", **NO_TLS).text for _ in range(4))
    assert "made-up" not in text
    assert "PROPFIND" not in text
    assert 'route="none"' in text
    assert 'method="OTHER"' in text
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {"quws_queue_jobs", "quws_http_request_seconds", "quws_info"} <= names


def test_alive_and_ready_are_two_things(tmp_path: Path) -> None:
    database = tmp_path / "quws.db"
    url = f"sqlite:///{database}"
    upgrade(url)
    valkey = ValkeyServer(tmp_path / "valkey")
    valkey.start()
    port, monitor = free_port(), free_port()
    environment = base_environment(
        {
            "QUWS_DATABASE_URL": url,
            "QUWS_REDIS_URL": valkey.url,
            "QUWS_DATA": str(tmp_path),
            "QUWS_MONITOR_PORT": str(monitor),
        }
    )
    process = Process(["api", "--port", str(port)], environment, tmp_path / "api.log")

    def asks(path: str) -> list[tuple[int, str]]:
        found = [
            httpx.get(f"http://127.0.0.1:{p}{path}", timeout=10, **NO_TLS) for p in (port, monitor)
        ]
        return [(answer.status_code, answer.text.strip()) for answer in found]

    def said() -> list[tuple[int, bool, list[str], list[str]]]:
        documents = [(status, json.loads(text)) for status, text in asks("/health/ready")]
        return [(s, d["ready"], d["problems"], d["degraded"]) for s, d in documents]

    def health(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run(environment, "health", *arguments)

    try:
        wait_ready(f"http://127.0.0.1:{port}", process)
        until(lambda: said() == [(200, True, [], [])] * 2, 20, "a ready process")
        valkey.stop()
        late = (200, True, [], [BUS_AWAY])
        until(lambda: said() == [late] * 2, 20, "a process that works without Redis")
        assert health("--ready").returncode == 0
        valkey.start()
        until(lambda: said() == [(200, True, [], [])] * 2, 20, "a process that lacks nothing")
        database.rename(database.with_name("away.db"))
        away = (503, False, ["the database does not answer"], [])
        until(lambda: said() == [away] * 2, 20, "a process that is not ready")
        # Starting it again would not help, and it still answers.
        assert asks("/health/live") == [(200, "ok")] * 2
        assert health().returncode == 0
        found = health("--ready")
        assert found.returncode == 1
        assert "the database does not answer" in found.stderr
    finally:
        process.popen.terminate()
        process.popen.wait(30)
        valkey.stop()
    gone = health()
    assert gone.returncode == 1
    assert "nobody answers" in gone.stderr
