"""What came out of a job: its list, the files in it, and the small ones with the job itself."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.bytes import serve_made, serve_payload
from quws.api.kit.filters import query_of, read_response_format
from quws.api.kit.negotiation import wants_json
from quws.api.kit.services import caller_of, jobs_of
from quws.api.kit.urls import urls_of
from quws.api.uws import json as as_json
from quws.api.uws import xml
from quws.domain.job import Job
from quws.domain.outcomes import DOCUMENT
from quws.domain.phases import Phase
from quws.services.jobs.files import JobFiles
from quws.services.jobs.formats import Made

_JSON = "application/json"
_XML = "application/xml"
_SMALL = 64 * 1024
"""The largest document, in bytes, that comes with its job."""


async def get_results(request: Request, job_id: str) -> Response:
    """List the results; the list is empty while there are none."""
    job = await jobs_of(request).reader.get(caller_of(request), job_id)
    urls = urls_of(request)
    if wants_json(request):
        return Response(as_json.results_json(job, urls), media_type=_JSON)
    return Response(xml.results_document(job, urls), media_type=_XML)


async def get_result(request: Request, job_id: str, result_id: str) -> Response:
    """Download a result, as it is kept or in another format. Ranges of what is kept work."""
    jobs = jobs_of(request)
    wanted = read_response_format(query_of(request))
    job = await jobs_of(request).reader.get(caller_of(request), job_id)
    etag = f"{job.id}-{job.attempt}-{result_id}"
    if wanted is None:
        return await serve_payload(request, await jobs.files.result(job, result_id), etag)
    found = await jobs.formats.result(job, result_id, wanted)
    etag = f"{etag}-{found.mime_type}"
    if isinstance(found, Made):
        return await serve_made(request, found, etag)
    return await serve_payload(request, found, etag)


async def joined_with_outcomes(files: JobFiles, job: Job, document: bytes) -> bytes:
    """Return the JSON document of a job with what it gave, as its own document says that.

    ``outcomes`` is null where the job is not COMPLETED, and where that is not small.

    Raises
    ------
    NotFound, Unavailable
        The file is gone, or cannot be reached.

    """
    wanted = DOCUMENT[job.spec.kind]
    there = job.phase is Phase.COMPLETED
    found = next((item for item in job.results if there and item.id == wanted), None)
    content = b"null"
    if found is not None and found.size <= _SMALL:
        content = await files.content(found).whole()
    return b'%s,"outcomes":%s}' % (document[:-1], content)
