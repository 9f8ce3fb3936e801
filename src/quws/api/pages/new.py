"""The page on which a job is made: written, looked at, and sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.body import read_posted
from quws.api.kit.errors import headers_of, sentence_of, status_of
from quws.api.kit.filters import query_of, read_place
from quws.api.kit.refusals import note_refusal
from quws.api.kit.services import (
    base_url,
    caller_of,
    jobs_of,
    pictures_of,
    specifications_of,
    targets_of,
)
from quws.api.kit.urls import see_other
from quws.api.pages.drawing import picture
from quws.api.pages.form import MOST_CIRCUITS, JobForm, copied, fields_of, read_form
from quws.api.pages.templates import FOLDER, render, texts_of
from quws.domain.circuits import CircuitFacts, Language
from quws.domain.clock import utc_now
from quws.domain.errors import InvalidCircuit, Refusal
from quws.domain.parameters.posted import Posted
from quws.domain.parameters.specification import Shown
from quws.domain.quotes import Quote

EXAMPLES = ("bell", "ghz", "teleport", "qft", "grover")
_PATIENCE_SECONDS = 1.5
"""How long the empty form waits for its first picture."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was found out about a circuit, before there is a job."""

    picture: Markup | None = None
    sentence: str | None = None
    line: int | None = None
    facts: CircuitFacts | None = None
    quote: Quote | None = None


async def new_page(request: Request) -> Response:
    """Show the form: empty, with an example, or as a copy of a job."""
    query = query_of(request)
    notice = None
    copy = query.get("COPY", [""])[-1]
    if copy:
        form, notice = await _copy(request, copy)
    else:
        name = query.get("EXAMPLE", [EXAMPLES[0]])[-1]
        circuit = _example(name if name in EXAMPLES else EXAMPLES[0])
        form = JobForm([circuit], {"TARGET": query.get("TARGET", [""])})
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            checks = await _check_all(request, form)
    except TimeoutError:
        # A script asks again; without one there is a button for it.
        checks = [Check() for _ in form.circuits]
    return await _page(request, form, checks, notice=notice)


async def post_new(request: Request) -> Response:
    """Do what the pressed button says: run, create, check, add or remove a circuit."""
    posted = await read_posted(request, circuits=True)
    form, action = read_form(posted, specifications_of(request))
    t = texts_of(request)
    if action == "add" and len(form.circuits) < MOST_CIRCUITS:
        form = replace(form, circuits=[*form.circuits, ""])
    elif action.startswith("remove-"):
        place = read_place(action[7:])
        kept = [item for number, item in enumerate(form.circuits) if number != place]
        form = replace(form, circuits=kept or [""])
    elif action in ("run", "create"):
        return await _create(request, form, run=action == "run")
    checks = await _check_all(request, form)
    wrong = next((item.sentence for item in checks if item.sentence), None)
    return await _page(request, form, checks, refusal=wrong, heading=t.new["bad"])


async def check_fragment(request: Request) -> Response:
    """Look at one circuit of the form while it is written: its picture, or what is wrong."""
    form, _ = read_form(await read_posted(request, circuits=True), specifications_of(request))
    check = await _check(request, form, form.circuits[0] if form.circuits else "")
    return render(request, "_check.html", {"check": check})


async def _create(request: Request, form: JobForm, *, run: bool) -> Response:
    posted = form.posted(specifications_of(request))
    if run:
        posted.append(Posted("PHASE", b"RUN"))
    try:
        job = await jobs_of(request).submission.submit(caller_of(request), posted)
    except Refusal as refusal:
        note_refusal(request, refusal.code, refusal.sentence)
        checks = [Check() for _ in form.circuits]
        if isinstance(refusal, InvalidCircuit) and refusal.circuit < len(checks):
            source = form.circuits[refusal.circuit]
            checks[refusal.circuit] = await _check(request, form, source)
        return await _page(
            request,
            form,
            checks,
            refusal=sentence_of(refusal),
            heading=texts_of(request).new["refused"],
            status=status_of(refusal),
            headers=headers_of(refusal),
            wrong=refusal.parameter,
        )
    return see_other(f"{base_url(request)}/jobs/{job.id}")


async def _check_all(request: Request, form: JobForm) -> list[Check]:
    # One after the other: a caller has one seat at a time, and a short queue.
    return [await _check(request, form, item) for item in form.circuits]


async def _check(request: Request, form: JobForm, source: str) -> Check:
    if not source.strip():
        return Check()
    t = texts_of(request)
    name = form.one("LANG")
    language = Language(name) if name in list(Language) else None
    caller, posted = caller_of(request), form.posted(specifications_of(request), [source])
    drawn, preview = await asyncio.gather(
        pictures_of(request).draw(caller, source, language),
        jobs_of(request).planner.preview(caller, posted),
        return_exceptions=True,
    )
    shown = None if isinstance(drawn, BaseException) else picture(drawn, t)
    if isinstance(preview, Refusal):
        line = preview.line if isinstance(preview, InvalidCircuit) else None
        return Check(shown, sentence_of(preview), line)
    if isinstance(preview, BaseException):
        raise preview
    if isinstance(drawn, BaseException) and not isinstance(drawn, Refusal):
        raise drawn
    return Check(shown, facts=preview.facts[0], quote=preview.quote)


async def _page(
    request: Request,
    form: JobForm,
    checks: list[Check],
    *,
    notice: str | None = None,
    refusal: str | None = None,
    heading: str = "",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    wrong: str | None = None,
) -> Response:
    policy = jobs_of(request).policy
    targets = await targets_of(request).all()
    chosen = form.one("TARGET") or policy.target
    target = next((item.record.description for item in targets if item.record.name == chosen), None)
    context: dict[str, Any] = {
        "circuits": list(zip(form.circuits, checks, strict=True)),
        "most_circuits": MOST_CIRCUITS,
        "notice": notice,
        "refusal": refusal,
        "heading": heading,
        "fields": fields_of(
            specifications_of(request),
            form,
            policy,
            target,
            texts_of(request),
            utc_now(),
            wrong=wrong,
        ),
        "targets": targets,
        "chosen": chosen,
        "examples": EXAMPLES,
    }
    return render(request, "new.html", context, status=status, headers=headers)


async def _copy(request: Request, job_id: str) -> tuple[JobForm, str | None]:
    jobs, specifications = jobs_of(request), specifications_of(request)
    job = await jobs.reader.get(caller_of(request), job_id)
    circuits = await jobs.files.circuits(job, range(MOST_CIRCUITS))
    notice = None
    if job.circuits > MOST_CIRCUITS == len(circuits):
        notice = texts_of(request).new["copied_part"].format(n=MOST_CIRCUITS, m=job.circuits)
    parameters: dict[str, list[str]] = {}
    for item in job.parameters:
        specification = specifications.find(item.name)
        if specification is not None and specification.shown is not Shown.CIRCUITS:
            same = parameters.setdefault(specification.name, [])
            for posted in await jobs.files.posted(item):
                same.append(posted.value.decode("utf-8", "replace"))
    return copied(job, circuits, parameters, specifications, jobs.policy), notice


@cache
def _example(name: str) -> str:
    return (FOLDER / "examples" / f"{name}.qasm").read_text()
