"""The page of one job."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from lxml import etree
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.filters import query_of, read_place
from quws.api.kit.pages import ShownJob
from quws.api.kit.services import base_url, caller_of, jobs_of, pictures_of, signer_of
from quws.api.pages import snippets
from quws.api.pages.drawing import picture
from quws.api.pages.estimates import Estimates, estimates_of
from quws.api.pages.histogram import (
    TOP,
    Counts,
    counts_of,
    histogram_svg,
    marginal_svg,
    percent,
)
from quws.api.pages.phases import lengths_of, phases_svg, steps_of
from quws.api.pages.templates import render, texts_of
from quws.domain.clock import utc_now
from quws.domain.errors import NotFound
from quws.domain.job import LARGE_BATCH, Job
from quws.domain.outcomes import (
    DOCUMENT,
    CircuitOutcome,
    Compilation,
    UnreadableOutcomes,
    read_circuit,
    read_job,
)
from quws.domain.phases import FINAL, Move, Phase, sources
from quws.domain.times import format_instant
from quws.services.jobs.circuits import statuses_of
from quws.services.jobs.files import JobFiles
from quws.services.jobs.formats import offered, versions_in

_SHOWN_BYTES = 8 * 1024 * 1024
_DRAWN_BYTES = 64 * 1024
_PATIENCE_SECONDS = 2.0
"""How long the page of a job waits for a picture of its circuit."""
_MAPPED = 64
"""Qubits of a map that a page shows."""
_XML_BYTES = 256 * 1024
_MOVING = frozenset({Phase.QUEUED, Phase.EXECUTING, Phase.SUSPENDED})


async def job_page(request: Request, shown: ShownJob) -> Response:
    """Show one job: where it stands, what came out, and what can be done."""
    job, urls, t = shown.found.job, shown.urls, texts_of(request)
    index = _index(request, job)
    outcome, drawing, compiled = await asyncio.gather(
        _outcome(request, job, index), _drawing(request, job, index), _compiled(request, job, index)
    )
    counts, estimates, compilation, layout, versions, mitigated = outcome
    quote = await jobs_of(request).reader.quote(job)
    lengths = lengths_of(job, utc_now())
    parameters = [
        (item, link) for item, link in urls.parameters(job) if item.name not in ("CIRCUIT", "QUERY")
    ]
    # Of a large batch they lie elsewhere, and are not worth a look.
    languages = [item.language for item in job.spec.facts] if job.spec.artifact is None else []
    context: dict[str, Any] = {
        "job": job,
        "details": shown.found.details,
        "url": urls.job(job.id),
        "list_url": urls.list,
        "state": shown.state,
        "results": [
            (item, urls.result(job.id, item.id), offered(job, item.id)) for item in job.results
        ],
        "parameters": parameters,
        "steps": steps_of(job),
        "bar": phases_svg(lengths),
        "lengths": lengths,
        "quote": quote,
        "index": index,
        "counts": counts,
        "histogram": histogram_svg(counts, t) if counts is not None and counts.top else None,
        "marginals": [(item, marginal_svg(item, t)) for item in counts.marginals]
        if counts is not None
        else [],
        "estimates": estimates,
        "compilation": compilation,
        "layout": layout,
        "versions": versions,
        "mitigated": mitigated,
        "too_large": _is_too_large(job),
        "large_batch": job.circuits > LARGE_BATCH,
        "circuits": statuses_of(job),
        "drawing": drawing,
        "compiled": compiled,
        "source": await _source(request, job, index),
        "values": await _values(request, job, index),
        "signs": signer_of(request).can_sign(),
        "moving": job.phase in _MOVING,
        "final": job.phase in FINAL,
        "runnable": job.phase in sources(Move.QUEUE),
        "abortable": job.phase in sources(Move.ABORT),
        "late": quote is not None
        and job.destruction_time is not None
        and quote.at > job.destruction_time,
        "curl": snippets.curl(urls.list, job.parameters, job.run_id, languages),
        "python": snippets.python(base_url(request), job.parameters, job.run_id, languages),
        "xml": _pretty(shown.document),
        "example_instant": format_instant(utc_now() + timedelta(days=1)),
        "now": utc_now(),
    }
    return render(request, "job.html", context)


def _index(request: Request, job: Job) -> int:
    place = read_place(query_of(request).get("SHOW", ["0"])[-1])
    return min(place or 0, job.circuits - 1)


def _size(job: Job) -> int:
    return max(
        (
            item.size // item.count if item.by_reference else len(item.value or "")
            for item in job.parameters
            if item.name not in ("METADATA", "TAG", "BINDINGS")
        ),
        default=0,
    )


async def _source(request: Request, job: Job, index: int) -> str | None:
    """Read a circuit's text, unless it is too long for the page."""
    if _size(job) > _DRAWN_BYTES:
        return None
    try:
        return await jobs_of(request).files.circuit(job, index)
    except (NotFound, IndexError):
        return None


async def _values(request: Request, job: Job, index: int) -> dict[str, float]:
    try:
        return await jobs_of(request).files.values(job, index)
    except NotFound:
        return {}


async def _drawing(request: Request, job: Job, index: int) -> Markup | None:
    source = await _source(request, job, index)
    if source is None:
        return None
    drawn = await pictures_of(request).try_to_draw(
        caller_of(request), source, job.spec.language, _PATIENCE_SECONDS
    )
    return None if drawn is None else picture(drawn, texts_of(request))


async def _compiled(request: Request, job: Job, index: int) -> Markup | None:
    """Draw what a circuit was compiled to, where the target says so."""
    found = next((item for item in job.results if item.id == f"circuit-{index}"), None)
    if found is None or found.size > _DRAWN_BYTES:
        return None
    content = await (await jobs_of(request).files.result(job, found.id)).whole()
    text = content.decode("utf-8", "replace")
    drawn = await pictures_of(request).try_to_draw(
        caller_of(request), text, seconds=_PATIENCE_SECONDS
    )
    return None if drawn is None else picture(drawn, texts_of(request))


def _is_too_large(job: Job) -> bool:
    return any(item.id in DOCUMENT.values() and item.size > _SHOWN_BYTES for item in job.results)


class _Outcome(NamedTuple):
    """What is shown of what a circuit gave; each is None where it gave none."""

    counts: Counts | None = None
    estimates: Estimates | None = None
    compilation: Compilation | None = None
    layout: str | None = None
    versions: dict[str, str] | None = None
    mitigated: list[tuple[str, str]] | None = None


async def _outcome(request: Request, job: Job, index: int) -> _Outcome:
    """Read what one circuit gave: of the whole job, or while it is still running."""
    files = jobs_of(request).files
    whole = DOCUMENT[job.spec.kind]
    # That of the circuit alone is the smaller one.
    for name in (f"{whole}-{index}", whole):
        try:
            payload = await files.result(job, name)
        except NotFound:
            continue
        if payload.size <= _SHOWN_BYTES:
            content = await payload.whole()
            # Many outcomes take a while, and others must not wait for that.
            found = await asyncio.to_thread(_shown, content, index, whole=name == whole)
            return found if found.versions else found._replace(versions=await _versions(files, job))
    return _Outcome()


async def _versions(files: JobFiles, job: Job) -> dict[str, str] | None:
    """Read what ran a job: at the beginning of its document, however large that is."""
    try:
        return await versions_in(await files.result(job, DOCUMENT[job.spec.kind]))
    except NotFound:
        return None  # It is not over.


def _shown(content: bytes, index: int, *, whole: bool) -> _Outcome:
    circuits: Sequence[CircuitOutcome]
    versions = None
    try:
        if whole:
            job = read_job(content)
            circuits, versions = job.circuits, job.versions
        else:
            circuits = [read_circuit(content)]
    except UnreadableOutcomes:
        return _Outcome()  # It can be downloaded as it is.
    found = next((item for item in circuits if item.index == index), None)
    if found is None:
        return _Outcome()
    return _Outcome(
        counts_of(found) if found.counts else None,
        estimates_of(found),
        found.compilation,
        None if found.layout is None else _map(found.layout),
        versions,
        None if found.mitigated is None else _largest(found.mitigated),
    )


def _largest(parts: dict[str, float]) -> list[tuple[str, str]]:
    """List the outcomes that would have been the most frequent ones."""
    ordered = sorted(parts.items(), key=lambda item: (-item[1], item[0]))
    return [(bits, percent(part)) for bits, part in ordered[:TOP]]


def _map(layout: Sequence[int]) -> str:
    """Write a qubit map, or the beginning of it."""
    pairs = [f"{own} → {there}" for own, there in enumerate(layout[:_MAPPED])]
    return ", ".join([*pairs, "…"] if len(layout) > _MAPPED else pairs)


def _pretty(document: bytes) -> str:
    # The parser takes texts up to a size only, and nobody reads so much on a page.
    if len(document) > _XML_BYTES:
        return f"{document[:_XML_BYTES].decode('utf-8', 'ignore')}…"
    root = etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))
    return etree.tostring(root, pretty_print=True, encoding="unicode")
