"""``/sync``: a job in one request (DALI 1.1, section 2.3; UWS 1.1, section 5).

The request makes a job like any other and is sent on to ``/sync/JOB``, which
waits and sends it on to the main result. So nothing is lost when a proxy or a
client cuts the connection: the job is in the list.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.body import parse_form, read_posted
from quws.api.kit.errors import answer, problem
from quws.api.kit.idempotency import read_key
from quws.api.kit.negotiation import wants_json
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import base_url, caller_of, jobs_of
from quws.api.kit.urls import see_other
from quws.api.uws.job_error import error_response
from quws.domain.errors import InvalidParameter
from quws.domain.parameters.posted import Posted
from quws.domain.phases import Phase

router = APIRouter(route_class=PlainRoute, tags=["UWS"])

_UNDER_WAY = frozenset({Phase.QUEUED, Phase.EXECUTING, Phase.SUSPENDED})
_RUN = Posted("PHASE", b"RUN")


@router.post("/sync", status_code=303, summary="Run a job and go to its result")
async def post_sync(request: Request) -> Response:
    """Make a job from a form, run it, and send the client to its result."""
    return await _run(request, await read_posted(request, circuits=True))


@router.get("/sync", status_code=303, summary="Run a job and go to its result")
async def get_sync(request: Request) -> Response:
    """Make a job from the query, run it, and send the client to its result."""
    return await _run(request, parse_form(request.scope["query_string"]))


@router.get("/sync/{job_id}", status_code=303, summary="Wait for a result")
async def get_sync_job(request: Request, job_id: str) -> Response:
    """Wait until a job is done and send the client to its main result.

    While it is not done, the client is sent here again; when it failed, the
    answer is its error.
    """
    job = await jobs_of(request).reader.get(caller_of(request), job_id)
    if job.phase in _UNDER_WAY:
        waiting = jobs_of(request).follower.wait(
            caller_of(request), job_id, -1, blocking=_UNDER_WAY
        )
        job = (await waiting).job
    base = base_url(request)
    match job.phase:
        case Phase.COMPLETED:
            return see_other(f"{base}/jobs/{job.id}/results/result")
        case Phase.QUEUED | Phase.EXECUTING | Phase.SUSPENDED:
            return see_other(f"{base}/sync/{job.id}")
        case Phase.ERROR:
            assert job.error is not None
            return error_response(job.error, json=wants_json(request), status=400)
        case _:
            sentence = f"job {job.id} is {job.phase} and gives no result"
            if job.message:
                sentence += f": {job.message}"
            return answer(request, problem(400, "no_result", sentence))


async def _run(request: Request, posted: list[Posted]) -> Response:
    # Some clients send RUN all the same.
    phases = {item.value for item in posted if item.name.upper() == "PHASE"}
    if phases - {_RUN.value}:
        raise InvalidParameter(
            "PHASE must be RUN at /sync, which runs at once, or be left out", parameter="PHASE"
        )
    given = posted if phases else [*posted, _RUN]
    job = await jobs_of(request).submission.submit(caller_of(request), given, read_key(request))
    return see_other(f"{base_url(request)}/sync/{job.id}")
