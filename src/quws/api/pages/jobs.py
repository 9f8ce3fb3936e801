"""Pages of the job list and of one job."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from quws.api.pages.templates import render
from quws.api.services import caller_of, jobs_of
from quws.api.uws.urls import Urls
from quws.domain.job import Job, JobRef
from quws.domain.phases import ACTIVE, FINAL
from quws.jobs import JobDetails

_LIST_ROWS = 200
_TOP_OUTCOMES = 32
_SHOWN_BYTES = 4 * 1024 * 1024

EXAMPLE = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""


async def home_page(request: Request) -> Response:
    """Greet: a form for a new job, and the newest jobs."""
    refs = [ref async for ref in jobs_of(request).refs(caller_of(request), last=10)]
    return render(request, "home.html", {"example": EXAMPLE, "refs": refs})


async def list_page(request: Request, refs: AsyncIterator[JobRef], urls: Urls) -> Response:
    """Show the job list; the longest part of it that a page can hold."""
    shown: list[JobRef] = []
    async for ref in refs:
        shown.append(ref)
        if len(shown) > _LIST_ROWS:
            break
    return render(
        request,
        "list.html",
        {"refs": shown[:_LIST_ROWS], "more": len(shown) > _LIST_ROWS, "list_url": urls.list},
    )


async def job_page(request: Request, job: Job, details: JobDetails, urls: Urls) -> Response:
    """Show one job: where it stands, what came out, and what can be done."""
    return render(
        request,
        "job.html",
        {
            "job": job,
            "details": details,
            "url": urls.job(job.id),
            "results": [(item, urls.result(job.id, item.id)) for item in job.results],
            "parameters": job.parameters,
            "circuits": await _counts(request, job),
            "active": job.phase in ACTIVE,
            "final": job.phase in FINAL,
        },
        headers={"Refresh": "1"} if job.phase in ACTIVE and job.phase != "PENDING" else {},
    )


async def _counts(request: Request, job: Job) -> list[dict[str, Any]]:
    """Read the counts back for a histogram: the most frequent outcomes of each circuit."""
    found = next((item for item in job.results if item.id == "counts"), None)
    if found is None or found.size > _SHOWN_BYTES:
        return []
    payload = jobs_of(request).result(job, "counts")
    content = b"".join([chunk async for chunk in payload.read(0, None)])
    shown = []
    for circuit in json.loads(content)["circuits"]:
        counts = list(circuit["counts"].items())
        total = sum(count for _, count in counts)
        shown.append(
            {
                "index": circuit["index"],
                "outcomes": [
                    {"bits": bits, "count": count, "percent": round(100 * count / total, 2)}
                    for bits, count in counts[:_TOP_OUTCOMES]
                ],
                "rest": len(counts) - _TOP_OUTCOMES,
            }
        )
    return shown
