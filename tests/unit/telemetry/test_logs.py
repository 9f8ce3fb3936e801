"""Log lines are JSON, and say by themselves what they are about."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from quws.telemetry import logs, tracing

PROGRAM = """
import logging
import structlog
from quws.telemetry import logs

logs.configure("worker")
log = structlog.get_logger("x")
with logs.about(job="J", owner=None, target="simulator", attempt=2, request="R"):
    log.info("job claimed")
    logs.note(owner="ann")
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("fault")
    logging.getLogger("arq").warning("from %s", "elsewhere")
log.info("after")
"""


def test_every_line_is_json_with_its_fields() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    claimed, fault, other, after = map(json.loads, done.stderr.splitlines())
    about = {"job": "J", "target": "simulator", "attempt": 2, "request": "R", "process": "worker"}
    assert claimed.items() >= (about | {"owner": None, "event": "job claimed"}).items()
    assert claimed["level"] == "info" and claimed["timestamp"].endswith("Z")
    assert fault.items() >= (about | {"owner": "ann", "level": "error"}).items()
    assert "ValueError: broken" in fault["exception"]
    # Lines of libraries are of the same kind.
    assert other.items() >= (about | {"event": "from elsewhere", "level": "warning"}).items()
    assert "job" not in after


@pytest.mark.parametrize("proposed", ["abc", "7f9c-01:x_Y.z", "a" * 64])
def test_a_sane_request_id_is_kept(proposed: str) -> None:
    assert logs.request_id(proposed) == proposed


@pytest.mark.parametrize("proposed", [None, "", "a" * 65, "a b", 'x"}\n{"level": "x', "é"])
def test_any_other_is_replaced(proposed: str | None) -> None:
    made = logs.request_id(proposed)
    assert made != proposed
    assert logs.request_id(made) == made


def test_without_traces_nothing_is_carried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    tracing.configure("api", "1")
    with tracing.span("POST", {"traceparent": "broken"}, server=True, job="J"):
        tracing.describe("POST /jobs", status=303)
        assert tracing.carrier() == {}
