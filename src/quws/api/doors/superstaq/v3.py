"""Version v0.3.0 of the protocol: one job has all circuits of a request."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from quws.api.doors.superstaq.job import find_job
from quws.api.doors.superstaq.names import email_of, user_document
from quws.api.doors.superstaq.request import NewJob
from quws.api.doors.superstaq.use import records_of, submit, target_info, target_of, target_rows
from quws.api.kit.filters import read_tags
from quws.api.kit.json_body import read_json
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import caller_of, jobs_of
from quws.domain.errors import InvalidFilter, Refusal
from quws.domain.labels import ListFilter

PREFIX = "/v0.3.0"
_MOST_JOBS = 100
_FLAGS = {"true": True, "false": False}

router = APIRouter(route_class=PlainRoute, prefix=PREFIX, include_in_schema=False)


class JobIds(BaseModel):
    """Which jobs are meant."""

    job_id: list[str] = Field(max_length=_MOST_JOBS)


class TargetQuestion(BaseModel):
    """Which target is asked about."""

    target: str
    options_dict: dict[str, Any] = Field(default_factory=dict)


@router.get("")
async def get_version(request: Request) -> Response:
    """Say that this version is spoken."""
    return JSONResponse({}, headers={"superstaq_version": "0.3.0"})


@router.post("/client/job")
async def create_job(request: Request) -> Response:
    """Make a job of circuits, and queue it."""
    job = await submit(request, await read_json(request, NewJob))
    return JSONResponse({"job_id": job.id, "num_circuits": job.circuits})


@router.get("/client/job/{circuit_type}")
async def get_jobs(request: Request, circuit_type: str) -> Response:
    """Show jobs, with what they gave: those of these ids, or those that have all of some tags."""
    wanted = list(dict.fromkeys(request.query_params.getlist("job_id")))
    tags = read_tags("tags", request.query_params.getlist("tags"))
    if tags and not wanted:
        rows = await jobs_of(request).reader.rows(
            caller_of(request), _MOST_JOBS, ListFilter(tags=tags)
        )
        wanted = [row.ref.id for row in rows]
        if not wanted:
            return JSONResponse({})
    if not 1 <= len(wanted) <= _MOST_JOBS:
        raise InvalidFilter(f"job_id must be given 1 to {_MOST_JOBS} times, not {len(wanted)}")
    return JSONResponse({job: (await find_job(request, job)).document() for job in wanted})


@router.put("/client/cancel_jobs")
async def cancel_jobs(request: Request) -> Response:
    """Stop jobs that are not over; say which were."""
    wanted = await read_json(request, JobIds)
    succeeded, why = [], []
    for job in dict.fromkeys(wanted.job_id):
        try:
            await jobs_of(request).control.abort(caller_of(request), job)
            succeeded.append(job)
        except Refusal as refusal:
            why.append(refusal.sentence)
    if why and not succeeded:
        raise InvalidFilter("; ".join(why))
    return JSONResponse({"succeeded": succeeded, "message": "; ".join(why)})


@router.get("/client/balance")
async def get_balance(request: Request) -> Response:
    """Say what the caller has to spend: nothing costs anything here."""
    return JSONResponse({"email": email_of(caller_of(request).name), "balance": 0.0})


@router.get("/client/user")
async def get_user(request: Request) -> Response:
    """Say who asks, without the token."""
    return JSONResponse([user_document(caller_of(request))])


@router.get("/client/targets")
async def get_targets(request: Request) -> Response:
    """List the targets of which all is true that the query says."""
    wanted = {
        name: _FLAGS[value.lower()]
        for name, value in request.query_params.items()
        if value.lower() in _FLAGS
    }
    rows = target_rows(await records_of(request), wanted)
    return JSONResponse([{"target_name": name, **row} for name, row in rows.items()])


@router.post("/client/retrieve_target_info")
async def get_target_info(request: Request) -> Response:
    """Tell what is known of a target."""
    question = await read_json(request, TargetQuestion)
    return JSONResponse({"target_info": target_info(await target_of(request, question.target))})


@router.put("/client/accept_terms_of_use")
async def accept_terms(request: Request) -> Response:
    """Say that there is nothing to accept."""
    return JSONResponse("Accepted. You can now continue using Superstaq.")
