"""The resources of the UWS tree as JSON, as the models of ``schemas`` describe them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import blake2s
from json import JSONEncoder
from typing import Any

from pydantic_core import to_json

from quws.api.kit.urls import Urls
from quws.domain.job import Job, JobError, JobRef, Result, TimelineEntry
from quws.domain.times import format_instant
from quws.schemas.job import DeletedJson, EntryJson, RefJson
from quws.services.snapshots import JobDetails, Snapshot

_text = JSONEncoder(ensure_ascii=False).encode


def job_json(job: Job, details: JobDetails, urls: Urls) -> bytes:
    """Write a job: a `JobJson`, as a test proves. To fill the model takes longer than to write."""
    return _written(
        {
            "id": job.id,
            "url": urls.job(job.id),
            "phase": job.phase,
            "run_id": job.run_id,
            "owner": job.owner or "",
            "creation_time": format_instant(job.creation_time),
            "service": "quws",
            "message_id": None,
            "json_parameters": _parameters(job, urls),
            "queued_time": _instant(job.queued_time),
            "start_time": _instant(job.start_time),
            "end_time": _instant(job.end_time),
            "destruction_time": _instant(job.destruction_time),
            "execution_duration": job.execution_duration or None,
            "quote": _instant(job.quote),
            "quote_low": _instant(job.quote_low),
            "quote_high": _instant(job.quote_high),
            "errors": [] if job.error is None else [_error(job.error)],
            "results": _results(job.results, job.id, urls),
            "target": job.target,
            "calibration_id": job.calibration_id,
            "calibration_url": (
                None
                if job.calibration_id is None
                else urls.calibration(job.target, job.calibration_id)
            ),
            "status": details.status,
            "attempt": job.attempt,
            "circuits": job.circuits,
            "circuits_done": job.circuits_done,
            "circuits_failed": job.circuits_failed,
            "circuits_aborted": job.circuits_aborted,
            "circuits_url": urls.circuits(job.id),
            "queue_position": details.queue_position,
            "name": job.name,
            "tags": job.spec.tags,
            "metadata": job.spec.metadata,
            "session": job.session,
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
    )


def entry_json(entry: TimelineEntry) -> EntryJson:
    """Return an entry of the timeline."""
    return EntryJson(
        time=entry.time, status=entry.status, source=entry.source, message=entry.message
    )


def snapshot_json(found: Snapshot, urls: Urls) -> bytes:
    """Write a job, once for all who look at the same moment."""
    key = ("json", urls)
    content = found.rendered.get(key)
    if content is None:
        content = found.rendered[key] = job_json(found.job, found.details, urls)
    return content


def state_of(found: Snapshot, urls: Urls) -> str:
    """Name the state that a job's document tells of: its newest entry and a digest of all."""
    newest = max((entry.id or 0 for entry in found.details.timeline), default=0)
    digest = blake2s(snapshot_json(found, urls), digest_size=8).hexdigest()
    return f"{newest}-{digest}"


def parameters_json(job: Job, urls: Urls) -> bytes:
    """Write the parameters: name to value, or to a list where the name is repeated."""
    return _written(_parameters(job, urls))


def results_json(job: Job, urls: Urls) -> bytes:
    """Write the list of results."""
    return _written(_results(job.results, job.id, urls))


def error_json(error: JobError) -> bytes:
    """Write why a job failed."""
    return _written(_error(error))


def ref_json(ref: JobRef, urls: Urls) -> str:
    """Write one entry of the job list."""
    return RefJson(
        id=ref.id,
        url=urls.job(ref.id),
        phase=ref.phase,
        run_id=ref.run_id,
        owner=ref.owner or "",
        creation_time=ref.creation_time,
    ).model_dump_json()


def refs_json(refs: Iterable[JobRef], urls: Urls) -> Iterator[str]:
    """Write entries of the job list, each as `ref_json` does: a model of each takes longer."""
    before = _text(urls.job(""))[:-1]
    owners: dict[str | None, str] = {}
    for job_id, phase, run_id, owner, created in refs:
        if (whose := owners.get(owner)) is None:
            whose = owners[owner] = _text(owner or "")
        yield (
            f'{{"id":"{job_id}","url":{before}{job_id}","phase":"{phase}",'
            f'"run_id":{"null" if run_id is None else _text(run_id)},"owner":{whose},'
            f'"creation_time":"{format_instant(created)}"}}'
        )


def deleted_json(job_id: str, urls: Urls) -> str:
    """Write that a job is gone."""
    return DeletedJson(id=job_id, url=urls.job(job_id)).model_dump_json()


def _parameters(job: Job, urls: Urls) -> dict[str, Any]:
    values: dict[str, list[Any]] = {}
    for item, link in urls.parameters(job):
        value = (item.value or "") if link is None else {"href": link}
        values.setdefault(item.name, []).append(value)
    return {name: same[0] if len(same) == 1 else same for name, same in values.items()}


def _error(error: JobError) -> dict[str, Any]:
    return {
        "type": error.type,
        "code": error.code,
        "message": error.message,
        "detail": error.detail,
    }


def _results(results: Sequence[Result], job_id: str, urls: Urls) -> list[dict[str, Any]]:
    return [
        {
            "id": item.id,
            "url": urls.result(job_id, item.id),
            "size": item.size,
            "mime_type": item.mime_type,
        }
        for item in results
    ]


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)


def _written(document: Any) -> bytes:
    """Write what a model of it would."""
    return to_json(document, inf_nan_mode="null")
