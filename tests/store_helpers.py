"""Jobs in a store, for tests of what else is in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from quws.domain.job import Claim, Job, Parameter, TimelineEntry, new_job_id
from quws.domain.phases import Phase
from quws.store.jobs.store import JobStore

NOW = datetime(2026, 11, 21, 10, 0, 0, 123_000, tzinfo=UTC)
TARGET = "simulator"


def an_entry(status: str = "tested") -> TimelineEntry:
    return TimelineEntry(NOW, status, "test")


def a_job(**changes: Any) -> Job:
    fields: dict[str, Any] = {
        "id": new_job_id(),
        "owner": "anna",
        "run_id": None,
        "phase": Phase.PENDING,
        "target": TARGET,
        "creation_time": NOW,
        "queued_time": None,
        "start_time": None,
        "end_time": None,
        "destruction_time": None,
        "execution_duration": 600,
        "quote": None,
        "attempt": 0,
        "circuits": 1,
        "circuits_done": 0,
        "message": None,
        "parameters": [Parameter("CIRCUIT", "OPENQASM 2.0;")],
        "spec": {},
        "error": None,
    }
    return Job(**fields | changes)


async def a_queued_job(store: JobStore) -> Job:
    job = a_job(phase=Phase.QUEUED, queued_time=NOW)
    await store.creation.add(job, [an_entry("received")])
    return job


async def a_claim(store: JobStore) -> Claim:
    await a_queued_job(store)
    found = await store.claims.claim(TARGET, "worker", 3600, NOW)
    assert found is not None
    return found
