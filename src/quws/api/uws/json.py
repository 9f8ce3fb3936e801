"""The same resources as JSON: safir's field names (``SerializedJob``), and ours beside them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from quws.api.uws.urls import Urls
from quws.domain.job import Job, JobRef
from quws.domain.times import format_instant
from quws.jobs import JobDetails


def job_json(job: Job, details: JobDetails, urls: Urls) -> dict[str, Any]:
    """Write a job. ``execution_duration`` is in seconds, null for unlimited."""
    return {
        "id": job.id,
        "service": "quws",
        "url": urls.job(job.id),
        "owner": job.owner or "",
        "phase": job.phase,
        "run_id": job.run_id,
        "message_id": None,
        "json_parameters": parameters_json(job, urls),
        "creation_time": format_instant(job.creation_time),
        "queued_time": _instant(job.queued_time),
        "start_time": _instant(job.start_time),
        "end_time": _instant(job.end_time),
        "destruction_time": _instant(job.destruction_time),
        "execution_duration": job.execution_duration or None,
        "quote": _instant(job.quote),
        "errors": (
            []
            if job.error is None
            else [
                {
                    "type": job.error.type,
                    "code": job.error.code,
                    "message": job.error.message,
                    "detail": job.error.detail,
                }
            ]
        ),
        "results": results_json(job, urls),
        "target": job.target,
        "status": job.message,
        "attempt": job.attempt,
        "circuits": job.circuits,
        "circuits_done": job.circuits_done,
        "queue_position": details.queue_position,
        "tags": job.spec.get("tags", []),
        "metadata": job.spec.get("metadata", {}),
        "timeline": [
            {
                "time": format_instant(entry.time),
                "status": entry.status,
                "source": entry.source,
                "message": entry.message,
            }
            for entry in details.timeline
        ],
    }


def parameters_json(job: Job, urls: Urls) -> dict[str, Any]:
    """Write the parameters: name to value, or to a list where the name is repeated.

    A value that is kept by reference is ``{"href": URL}``.
    """
    values: dict[str, list[Any]] = {}
    for item in job.parameters:
        same = values.setdefault(item.name, [])
        if item.by_reference:
            same.append({"href": urls.parameter(job.id, item.name, len(same))})
        else:
            same.append(item.value)
    return {name: same[0] if len(same) == 1 else same for name, same in values.items()}


def results_json(job: Job, urls: Urls) -> list[dict[str, Any]]:
    """Write the list of results."""
    return [
        {
            "id": item.id,
            "url": urls.result(job.id, item.id),
            "size": item.size,
            "mime_type": item.mime_type,
        }
        for item in job.results
    ]


def ref_json(ref: JobRef, urls: Urls) -> dict[str, Any]:
    """Write one entry of the job list."""
    return {
        "id": ref.id,
        "url": urls.job(ref.id),
        "phase": ref.phase,
        "run_id": ref.run_id,
        "owner": ref.owner or "",
        "creation_time": format_instant(ref.creation_time),
    }


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)
