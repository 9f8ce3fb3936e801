"""The JSON of a job is what clients of safir's UWS services read: ``SerializedJob`` of safir 9.

safir itself cannot be installed beside this FastAPI, so its model is written down here:
names, types and what is required.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import httpx
from circuits import BELL2, ENDLESS
from pydantic import BaseModel
from uws import create, wait


class ExecutionPhase(StrEnum):
    PENDING = "PENDING"
    QUEUED = "QUEUED"
    EXECUTING = "EXECUTING"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"
    ABORTED = "ABORTED"
    UNKNOWN = "UNKNOWN"
    HELD = "HELD"
    SUSPENDED = "SUSPENDED"
    ARCHIVED = "ARCHIVED"


class JobError(BaseModel):
    type: str
    code: str
    message: str
    detail: str | None = None


class JobResult(BaseModel):
    id: str
    url: str
    size: int | None = None
    mime_type: str | None = None


class SerializedJob(BaseModel):
    id: str
    service: str
    owner: str
    phase: ExecutionPhase
    message_id: str | None = None
    json_parameters: dict[str, Any]
    run_id: str | None = None
    creation_time: datetime
    start_time: datetime | None = None
    end_time: datetime | None = None
    destruction_time: datetime
    execution_duration: int | None = None
    quote: datetime | None = None
    errors: list[JobError] = []
    results: list[JobResult] = []


def fetch(http: httpx.Client, job: str) -> SerializedJob:
    answer = http.get(job, headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/json"
    return SerializedJob.model_validate_json(answer.content)


def test_a_job_is_a_serialized_job_in_every_phase(http: httpx.Client) -> None:
    job = create(http, RUNID="mine", SHOTS=10)
    assert fetch(http, job).phase is ExecutionPhase.PENDING
    http.post(f"{job}/phase", data={"PHASE": "RUN"})
    wait(http, job)
    told = fetch(http, job)
    assert told.run_id == "mine"
    assert told.json_parameters == {"CIRCUIT": BELL2, "SHOTS": "10"}
    assert [item.id for item in told.results] == ["result", "counts"]
    aborted = create(http, ENDLESS, SHOTS=1, EXECUTIONDURATION=0)
    http.post(f"{aborted}/phase", data={"PHASE": "ABORT"})
    told = fetch(http, aborted)
    assert told.execution_duration == 86_400
    assert told.end_time is not None


def test_every_resource_has_a_json_rendering(http: httpx.Client) -> None:
    job = create(http, SHOTS=10, PHASE="RUN")
    wait(http, job)
    as_json = {"Accept": "application/json"}

    def get(child: str) -> Any:
        answer = http.get(job + child, headers=as_json)
        assert answer.headers["content-type"] == "application/json"
        return answer.json()

    assert get("/phase") == "COMPLETED"
    assert get("/executionduration") == 600
    assert datetime.fromisoformat(get("/destruction"))
    assert get("/owner") is None
    assert get("/parameters") == {"CIRCUIT": BELL2, "SHOTS": "10"}
    assert [item["id"] for item in get("/results")] == ["result", "counts"]
    listed = http.get("/jobs", params={"LAST": "1"}, headers=as_json).json()
    assert listed[0]["url"] == job
    missing = http.get(f"{job}/error", headers=as_json)
    assert missing.status_code == 404
    assert missing.json()["code"] == "not_found"
    assert http.get("/availability", headers=as_json).json()["available"] is True
