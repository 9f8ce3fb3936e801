"""All of a job in one archive, its signed record, and the keys by which that is checked."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.bytes import serve_made
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import caller_of, jobs_of, signer_of
from quws.schemas.record import KeysJson
from quws.services.jobs.bundle import written

router = APIRouter(route_class=PlainRoute, tags=["Operation"])

_JSON = "application/json"


async def get_bundle(request: Request, job_id: str) -> Response:
    """Download all of a job that is over: what it takes to repeat the experiment."""
    jobs = jobs_of(request)
    job = await jobs.reader.get(caller_of(request), job_id)
    found = await jobs.bundles.bundle(job)
    return await serve_made(request, found.made, f"{job.id}-{found.mark}", f"{job.id}.zip")


async def get_record(request: Request, job_id: str) -> Response:
    """Show the hashes of all that went into a job and came out of it, signed by the service."""
    jobs = jobs_of(request)
    job = await jobs.reader.get(caller_of(request), job_id)
    return Response(written(await jobs.bundles.record(job)), media_type=_JSON)


@router.head("/keys", include_in_schema=False)
@router.get("/keys", summary="Show the public keys by which records are checked")
async def get_keys(request: Request) -> Response:
    """Show the public keys of the service as a JSON Web Key Set (RFC 7517)."""
    keys = KeysJson(keys=[await asyncio.to_thread(signer_of(request).public)])
    return Response(keys.model_dump_json(), media_type=_JSON)
