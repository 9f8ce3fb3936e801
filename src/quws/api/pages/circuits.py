"""Pages of the circuits of a job, and of each of them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.pages import ShownCircuits
from quws.api.kit.services import caller_of, jobs_of, pictures_of
from quws.api.kit.urls import urls_of
from quws.api.pages.drawing import picture
from quws.api.pages.templates import render, texts_of
from quws.domain.batch import CircuitState, CircuitStatus
from quws.domain.job import Job
from quws.services.jobs.circuits import statuses_of

_SOURCE = 20_000


async def circuits_page(request: Request, shown: ShownCircuits) -> Response:
    """Show where the circuits of a job stand, a page of them."""
    job, counts = shown.page.job, statuses_of(shown.page.job)
    context = {
        "job": job,
        "url": shown.urls.job(job.id),
        "circuits": shown.page.circuits,
        "counts": counts,
        "statuses": shown.statuses,
        "following": shown.following,
        "abortable": CircuitStatus.WAITING in counts,
    }
    return render(request, "circuits.html", context)


async def circuit_page(request: Request, job: Job, state: CircuitState) -> Response:
    """Show one circuit of a job, however large: where it stands, its picture and its text."""
    files = jobs_of(request).files
    source = await files.circuit(job, state.index)
    values = await files.values(job, state.index)
    drawn = await pictures_of(request).try_to_draw(caller_of(request), source, job.spec.language)
    context = {
        "job": job,
        "index": state.index,
        "state": state,
        "url": urls_of(request).circuit(job.id, state.index),
        "drawing": None if drawn is None else picture(drawn, texts_of(request)),
        "source": source[:_SOURCE],
        "values": values,
        "cut": len(source) > _SOURCE,
    }
    return render(request, "circuit.html", context)
