"""All of a job in one archive."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.bytes import serve_made
from quws.api.kit.services import caller_of, jobs_of


async def get_bundle(request: Request, job_id: str) -> Response:
    """Download all of a job that is over: what it takes to repeat the experiment."""
    jobs = jobs_of(request)
    job = await jobs.reader.get(caller_of(request), job_id)
    found = await jobs.bundles.of(job)
    return await serve_made(request, found.made, f"{job.id}-{found.mark}", f"{job.id}.zip")
