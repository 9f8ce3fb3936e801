"""The page on which a job is made: written, looked at, and sent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.body import read_posted
from quws.api.kit.errors import sentence_of, status_of
from quws.api.kit.filters import query_of
from quws.api.kit.services import base_url, caller_of, jobs_of, pictures_of, targets_of
from quws.api.kit.urls import see_other
from quws.api.openapi import JOB_PARAMETERS
from quws.api.pages.drawing import picture
from quws.api.pages.templates import FOLDER, render, texts_of
from quws.domain.circuits import CircuitFacts, Language
from quws.domain.clock import utc_now
from quws.domain.errors import InvalidCircuit, Refusal
from quws.domain.job import Job
from quws.domain.parameters import Posted, ResponseFormat
from quws.domain.times import format_instant

EXAMPLES = ("bell", "ghz", "teleport", "qft", "grover")
_MOST_CIRCUITS = 20
"""Circuits that one form holds; more come from programs."""
_PATIENCE_SECONDS = 1.5
"""How long the empty form waits for its first picture."""
_FIELDS = {
    "target": "TARGET",
    "shots": "SHOTS",
    "seed": "SEED",
    "memory": "MEMORY",
    "response_format": "RESPONSEFORMAT",
    "language": "LANG",
    "run_id": "RUNID",
    "duration": "EXECUTIONDURATION",
    "destruction": "DESTRUCTION",
}


OTHERS = sorted(
    set(JOB_PARAMETERS) - set(_FIELDS.values()) - {"CIRCUIT", "QUERY", "TAG"},
)
"""Parameters that have a plain field, with the words that the API's own description has."""


@dataclass(frozen=True, slots=True)
class JobForm:
    """What stands in the form, as it was typed."""

    circuits: list[str] = field(default_factory=list)
    target: str = ""
    shots: str = ""
    seed: str = ""
    memory: str = ""
    response_format: str = ""
    language: str = ""
    run_id: str = ""
    tags: str = ""
    duration: str = ""
    destruction: str = ""
    others: dict[str, list[str]] = field(default_factory=dict)

    def posted(self, circuits: list[str] | None = None) -> list[Posted]:
        """Make the parameters of a job; what is empty is left out."""
        found = [Posted("CIRCUIT", item.encode()) for item in circuits or self.circuits]
        for attribute, name in _FIELDS.items():
            value = str(getattr(self, attribute)).strip()
            if value:
                found.append(Posted(name, value.encode()))
        for name, values in self.others.items():
            found += [Posted(name, value.encode()) for value in values if value.strip()]
        return found + [Posted("TAG", tag.encode()) for tag in self.tags.split()]


@dataclass(frozen=True, slots=True)
class Check:
    """What was found out about a circuit, before there is a job."""

    picture: Markup | None = None
    sentence: str | None = None
    line: int | None = None
    facts: CircuitFacts | None = None
    quote: datetime | None = None


async def new_page(request: Request) -> Response:
    """Show the form: empty, with an example, or as a copy of a job."""
    query = query_of(request)
    notice = None
    copied = query.get("COPY", [""])[-1]
    if copied:
        form, notice = await _copy(request, copied)
    else:
        name = query.get("EXAMPLE", [EXAMPLES[0]])[-1]
        form = JobForm([_example(name if name in EXAMPLES else EXAMPLES[0])])
        form = replace(form, target=query.get("TARGET", [""])[-1])
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            checks = await asyncio.gather(*(_check(request, form, item) for item in form.circuits))
    except TimeoutError:
        # A script asks again; without one there is a button for it.
        checks = [Check() for _ in form.circuits]
    return await _page(request, form, list(checks), notice=notice)


async def post_new(request: Request) -> Response:
    """Do what the pressed button says: run, create, check, add or remove a circuit."""
    posted = await read_posted(request)
    form, action = _read(posted)
    t = texts_of(request)
    if action == "add" and len(form.circuits) < _MOST_CIRCUITS:
        form = replace(form, circuits=[*form.circuits, ""])
    elif action.startswith("remove-") and action[7:].isdecimal():
        place = int(action[7:9])
        kept = [item for number, item in enumerate(form.circuits) if number != place]
        form = replace(form, circuits=kept or [""])
    elif action in ("run", "create"):
        return await _create(request, form, run=action == "run")
    checks = await asyncio.gather(*(_check(request, form, item) for item in form.circuits))
    wrong = next((item.sentence for item in checks if item.sentence), None)
    return await _page(request, form, list(checks), refusal=wrong, heading=t.new["bad"])


async def check_fragment(request: Request) -> Response:
    """Look at one circuit of the form while it is written: its picture, or what is wrong."""
    form, _ = _read(await read_posted(request))
    check = await _check(request, form, form.circuits[0] if form.circuits else "")
    return render(request, "_check.html", {"check": check})


async def _create(request: Request, form: JobForm, *, run: bool) -> Response:
    posted = form.posted()
    if run:
        posted.append(Posted("PHASE", b"RUN"))
    try:
        job = await jobs_of(request).submission.submit(caller_of(request), posted)
    except Refusal as refusal:
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
            wrong=refusal.parameter,
        )
    return see_other(f"{base_url(request)}/jobs/{job.id}")


async def _check(request: Request, form: JobForm, source: str) -> Check:
    if not source.strip():
        return Check()
    t = texts_of(request)
    language = form.language if form.language in list(Language) else None
    drawn, preview = await asyncio.gather(
        pictures_of(request).draw(source, None if language is None else Language(language)),
        jobs_of(request).planner.preview(form.posted([source])),
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
    wrong: str | None = None,
) -> Response:
    policy = jobs_of(request).policy
    targets = await targets_of(request).all()
    chosen = form.target or policy.target
    target = next((item.record.description for item in targets if item.record.name == chosen), None)
    context: dict[str, Any] = {
        "form": form,
        "circuits": list(zip(form.circuits, checks, strict=True)),
        "most_circuits": _MOST_CIRCUITS,
        "notice": notice,
        "refusal": refusal,
        "heading": heading,
        "wrong": wrong,
        "targets": targets,
        "chosen": chosen,
        "most_shots": target.max_shots if target else 1_000_000,
        "policy": policy,
        "formats": list(ResponseFormat),
        "languages": list(Language),
        "examples": EXAMPLES,
        "others": [
            (name, form.others.get(name) or [""], JOB_PARAMETERS[name][1]) for name in OTHERS
        ],
        "example_instant": format_instant(utc_now() + timedelta(days=1)),
    }
    return render(request, "new.html", context, status=status)


def _read(posted: list[Posted]) -> tuple[JobForm, str]:
    given: dict[str, list[str]] = {}
    for item in posted:
        given.setdefault(item.name.upper(), []).append(item.value.decode("utf-8", "replace"))
    values = {attribute: given[name][-1] for attribute, name in _FIELDS.items() if name in given}
    # Browsers send lines with CR LF, whatever stood there before.
    circuits = [item.replace("\r\n", "\n") for item in given.get("CIRCUIT", [])]
    form = JobForm(
        circuits[:_MOST_CIRCUITS] or [""],
        tags=given.get("TAGS", [""])[-1],
        others={name: given[name] for name in OTHERS if any(given.get(name, []))},
        **values,
    )
    return form, given.get("DO", [""])[-1]


async def _copy(request: Request, job_id: str) -> tuple[JobForm, str | None]:
    jobs = jobs_of(request)
    job = await jobs.reader.get(caller_of(request), job_id)
    circuits = await jobs.files.circuits(job)
    notice = None
    if len(circuits) > _MOST_CIRCUITS:
        notice = texts_of(request).new["copied_part"].format(n=_MOST_CIRCUITS, m=len(circuits))
    others: dict[str, list[str]] = {}
    for item in job.parameters:
        if item.name in OTHERS:
            same = others.setdefault(item.name, [])
            payload = jobs.files.parameter(job, item.name, len(same))
            content = b"".join([chunk async for chunk in payload.read(0, None)])
            same.append(content.decode("utf-8", "replace"))
    form = JobForm(circuits[:_MOST_CIRCUITS], others=others, **_values(job))
    return form, notice


def _values(job: Job) -> dict[str, str]:
    values = {
        attribute: item.value
        for attribute, name in _FIELDS.items()
        for item in job.parameters
        if item.name == name and item.value is not None
    }
    values["memory"] = "true" if job.spec.get("memory") else ""
    values["run_id"] = job.run_id or ""
    values["tags"] = " ".join(job.spec.get("tags", []))
    return values


@cache
def _example(name: str) -> str:
    return (FOLDER / "examples" / f"{name}.qasm").read_text()
