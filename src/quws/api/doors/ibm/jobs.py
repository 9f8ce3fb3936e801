"""Jobs of these clients: made, looked at, cancelled, removed, listed."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from time import monotonic
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from quws.api.doors.ibm import job as told
from quws.api.doors.ibm.listing import read_page
from quws.api.doors.ibm.names import KIND_OF
from quws.api.doors.ibm.payload import PROGRAMS, made_of, params_of
from quws.api.doors.ibm.request import JobRequest, Tags
from quws.api.doors.ibm.results import results_of
from quws.api.doors.ibm.targets import target_of
from quws.api.kit.idempotency import read_key
from quws.api.kit.json_body import read_json
from quws.api.kit.services import caller_of, jobs_of
from quws.domain.clock import utc_now
from quws.domain.errors import InvalidParameter, NotFound, TooManyRequests
from quws.domain.job import Job
from quws.domain.labels import Relabel
from quws.domain.parameters.posted import Posted
from quws.domain.parameters.relabel import read_relabel
from quws.domain.phases import Phase
from quws.domain.targets import TargetRecord
from quws.services.snapshots import Snapshot

_YOUNG = timedelta(seconds=10)
_HELD_SECONDS = 0.5
"""These clients ask twice a second. While a job is young, an answer that would say nothing new is
held for so long; who looks at many that run for long is not held up."""


async def create_job(request: Request) -> Response:
    """Make a job, and queue it."""
    wanted = await read_json(request, JobRequest)
    if wanted.program_id not in PROGRAMS:
        known = ", ".join(sorted(PROGRAMS))
        raise NotFound(f"there is no program '{wanted.program_id[:60]}'; there are: {known}")
    record = (await target_of(request, wanted.backend or jobs_of(request).policy.target)).record
    target = record.description
    kind = KIND_OF[wanted.program_id]
    if kind not in target.job_kinds:
        raise InvalidParameter(f"backend {target.name} does not run the {wanted.program_id}")
    _check_calibration(wanted, record)
    # Others are served meanwhile.
    made = await asyncio.to_thread(made_of, wanted.program_id, wanted.params, target)
    note = "; ".join([*made.notes, *wanted.without_effect()]) or None
    posted = [*made.posted, *wanted.parameters(target)]
    job = await jobs_of(request).submission.submit(
        caller_of(request), posted, read_key(request), note
    )
    answer: dict[str, Any] = {"id": job.id, "backend": job.target, "private": wanted.private}
    if wanted.session_id:
        answer["session_id"] = wanted.session_id
    return JSONResponse(answer)


async def get_job(request: Request, job_id: str) -> Response:
    """Show a job, with what was sent with it unless that is not wanted, or private."""
    job = await _looked_at(request, job_id)
    too_long = False
    if job.phase is Phase.ABORTED and job.start_time is not None and job.execution_duration:
        too_long = told.ran_too_long((await _snapshot(request, job_id)).details.timeline)
    document = told.document(job, too_long=too_long)
    wanted = request.query_params.get("exclude_params", "false").lower() not in ("true", "1")
    if not wanted or told.is_private(job) or not told.is_ours(job):
        return JSONResponse(document)
    params = await params_of(jobs_of(request).files, job)
    text = f'{json.dumps(document)[:-1]},"params":{params}}}'
    return Response(text, media_type="application/json")


async def get_results(request: Request, job_id: str) -> Response:
    """Return what a job gave, as text; of one that failed, why: these clients ask for that too."""
    job = await _job(request, job_id)
    if job.phase in told.PENDING:
        return Response(status_code=204)
    if job.phase is not Phase.COMPLETED:
        return PlainTextResponse(told.failure(job))
    if not told.is_ours(job):
        raise NotFound(f"job {job_id} was sent otherwise; its results are at /jobs/{job_id}")
    pieces = await results_of(jobs_of(request).files, job)
    return StreamingResponse(pieces, media_type="text/plain")


async def get_metrics(request: Request, job_id: str) -> Response:
    """Tell how a job waited and ran."""
    return JSONResponse(told.metrics(await _snapshot(request, job_id)))


async def get_logs(request: Request, job_id: str) -> Response:
    """Tell what has happened to a job, and what of the request makes no difference."""
    return PlainTextResponse(told.logs(await _snapshot(request, job_id)))


async def cancel_job(request: Request, job_id: str) -> Response:
    """Stop a job that is not over."""
    await jobs_of(request).control.abort(caller_of(request), job_id)
    return Response(status_code=204)


async def delete_job(request: Request, job_id: str) -> Response:
    """Stop a job if it runs, and remove it."""
    await jobs_of(request).control.delete(caller_of(request), job_id)
    return Response(status_code=204)


async def put_tags(request: Request, job_id: str) -> Response:
    """Replace the tags of a job."""
    jobs, caller = jobs_of(request), caller_of(request)
    await jobs.reader.authorise(caller, job_id)
    tags = (await read_json(request, Tags)).tags
    if "" in tags:
        raise InvalidParameter("tags must be texts of 1 to 200 characters", parameter="tags")
    change: Relabel = read_relabel([Posted("TAG", tag.encode()) for tag in tags or [""]])
    await jobs.labels.change(caller, job_id, change)
    return Response(status_code=204)


async def get_jobs(request: Request) -> Response:
    """List jobs."""
    page = read_page(request.query_params)
    reader = jobs_of(request).reader
    jobs, count = await reader.jobs(caller_of(request), page.wanted, page.limit, page.offset)
    return JSONResponse(
        {
            "jobs": [told.document(job) for job in jobs],
            "count": count,
            "limit": page.limit,
            "offset": page.offset,
        }
    )


# -- reading ---------------------------------------------------------------------------------


async def _looked_at(request: Request, job_id: str) -> Job:
    """Return a job; one that is young once it has ended, or after a little while."""
    job = await _job(request, job_id)
    until = monotonic() + _HELD_SECONDS
    if job.phase not in told.PENDING or utc_now() - job.creation_time > _YOUNG:
        return job
    jobs, caller = jobs_of(request), caller_of(request)
    try:
        while job.phase in told.PENDING and (left := until - monotonic()) > 0:
            found = await jobs.follower.wait(caller, job_id, left, job.phase, blocking=told.PENDING)
            job = _there(found.job)
    except TooManyRequests:
        pass  # As many wait already as may.
    return job


async def _job(request: Request, job_id: str) -> Job:
    return _there(await jobs_of(request).reader.get(caller_of(request), job_id))


async def _snapshot(request: Request, job_id: str) -> Snapshot:
    found = await jobs_of(request).reader.snapshot(caller_of(request), job_id)
    _there(found.job)
    return found


def _there(job: Job) -> Job:
    """Return a job, unless it is only kept for history: it is gone for these clients."""
    if job.phase not in told.STATUS:
        raise NotFound(f"there is no job {job.id}")
    return job


def _check_calibration(wanted: JobRequest, record: TargetRecord) -> None:
    if wanted.calibration_id is not None and wanted.calibration_id != record.calibration:
        sent = wanted.calibration_id[:60]
        now = f"it has '{record.calibration}' now" if record.calibration else "it has none"
        raise InvalidParameter(
            f"calibration_id must be left out, or be that of backend {record.name}, not '{sent}':"
            f" {now}",
            parameter="calibration_id",
        )
