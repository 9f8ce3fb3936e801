"""Counting never gets in the way of what is counted."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from quws.telemetry import metrics


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_what_is_noted_is_told() -> None:
    before = value("quws_job_phases_total", phase="EXECUTING")
    metrics.claimed("t", 3.0)
    assert value("quws_job_phases_total", phase="EXECUTING") == before + 1
    assert value("quws_job_wait_seconds_bucket", target="t", le="5.0") == 1
    assert value("quws_job_wait_seconds_bucket", target="t", le="1.0") == 0
    metrics.queue("t", 4, 12.5, 1)
    assert value("quws_queue_jobs", target="t") == 4
    assert value("quws_queue_oldest_seconds", target="t") == 12.5
    before = value("quws_lease_losses_total")
    metrics.swept("lost", 2)
    metrics.swept("garbage", 5)
    assert value("quws_lease_losses_total") == before + 2
    assert value("quws_last_sweep_timestamp_seconds", sweep="garbage") > 1.7e9


def test_nothing_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no memory for one more label")

    monkeypatch.setattr(metrics.REQUESTS, "labels", broken)
    metrics.answered("GET", "/jobs", 200, 0.1)


def test_all_of_it_can_be_read() -> None:
    text = metrics.exposition().decode()
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {"quws_http_requests", "quws_queue_jobs", "process_resident_memory_bytes"} <= names
