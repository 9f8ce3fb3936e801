"""The page of the job list, and what is done with several jobs of it at once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.body import parse_form, read_posted
from quws.api.kit.filters import (
    FILTERS,
    IN_PAGES,
    check_names,
    query_of,
    read_filter,
    read_order,
    read_page,
)
from quws.api.kit.services import base_url, caller_of, jobs_of
from quws.api.kit.urls import Urls, see_other
from quws.api.pages.templates import render, texts_of
from quws.domain.clock import utc_now
from quws.domain.errors import InvalidParameter, Refusal
from quws.domain.job import JobRef
from quws.domain.labels import Order, Place
from quws.domain.phases import Phase
from quws.domain.times import format_instant

_ROWS = 50
_BULK = 200
_TOLD = ("run", "abort", "delete", "label")
_FILTERS = ("PHASE", "TEXT", "TAG", "RUNID", "TARGET", "SESSION", "AFTER", "BEFORE", "LAST", "SORT")


async def list_page(request: Request, urls: Urls) -> Response:
    """Show the job list: one page of what the filters leave."""
    # A form sends its empty fields too.
    query = {name: [text for text in texts if text] for name, texts in query_of(request).items()}
    check_names(query, *FILTERS, *IN_PAGES, "DONE")
    wanted = replace(read_filter(query), order=read_order(query))
    _, past = read_page(query)
    rows = await jobs_of(request).reader.rows(caller_of(request), _ROWS + 1, wanted, past)
    filters = [(name, text) for name in _FILTERS for text in query.get(name, [])]
    more = len(rows) > _ROWS
    context = {
        "rows": rows[:_ROWS],
        "older": urlencode([*filters, ("PAST", Place.of(rows[_ROWS - 1]).written())])
        if more and wanted.last is None
        else None,
        "newest": urlencode(filters) if past else None,
        "filters": filters,
        "selection": urlencode([item for item in filters if item[0] not in ("LAST", "SORT")]),
        "wanted": wanted,
        "all_phases": list(Phase),
        "orders": list(Order),
        "given": {name: next(iter(query.get(name, [])), "") for name in _FILTERS},
        "tags": sorted(wanted.tags),
        "list_url": urls.list,
        "told": _done(request, query),
        "now": utc_now(),
        "example_instant": format_instant(utc_now() - timedelta(days=1)),
    }
    return render(request, "list.html", context)


async def bulk(request: Request) -> Response:
    """Abort or delete the chosen jobs, as many as possible; the list then says how many.

    What cannot be undone is asked for first, on a page of its own.
    """
    posted = await read_posted(request)
    chosen = [item.value.decode("ascii", "replace") for item in posted if item.name == "JOB"]
    action = next((item.value for item in posted if item.name == "ACTION"), b"")
    jobs, caller = jobs_of(request), caller_of(request)
    known = {b"ABORT": jobs.control.abort, b"DELETE": jobs.control.delete}
    if action not in known:
        raise InvalidParameter("ACTION must be ABORT or DELETE", parameter="ACTION")
    back = next((item.value for item in posted if item.name == "BACK"), b"")
    if action == b"DELETE" and not any(item.name == "CONFIRMED" for item in posted):
        refs = await _own(request, chosen)
        if refs:
            return _ask(request, refs, back)
    done = failed = 0
    for job_id in dict.fromkeys(chosen[:_BULK]):
        try:
            await known[action](caller, job_id)
            done += 1
        except Refusal:
            failed += 1
    filters = [(part.name, part.value) for part in parse_form(back)]
    told = ("DONE", f"{action.decode().lower()}-{done}-{failed}")
    return see_other(f"{base_url(request)}/jobs?{urlencode([*filters, told])}")


async def _own(request: Request, chosen: list[str]) -> list[JobRef]:
    """Return those of the chosen jobs that there are, and that are the caller's."""
    found = []
    for job_id in dict.fromkeys(chosen[:_BULK]):
        with suppress(Refusal):
            found.append(await jobs_of(request).reader.authorise(caller_of(request), job_id))
    return found


def _ask(request: Request, refs: list[JobRef], back: bytes) -> Response:
    """Ask whether these jobs shall be deleted."""
    filters = urlencode([(part.name, part.value) for part in parse_form(back)])
    keep = f"{base_url(request)}/jobs"
    if len(refs) == 1 and not filters:
        keep += f"/{refs[0].id}"
    context = {
        "jobs": refs,
        "back": filters,
        "keep": f"{keep}?{filters}" if filters else keep,
    }
    return render(request, "delete.html", context)


def _done(request: Request, query: dict[str, list[str]]) -> str | None:
    """Write what a bulk action did."""
    action, _, numbers = next(iter(query.get("DONE", [])), "").partition("-")
    done, _, failed = numbers.removesuffix("-more").partition("-")
    if action not in _TOLD or not (done.isdecimal() and failed.isdecimal()):
        return None
    words = texts_of(request)
    text = words.n(words.list[f"told_{action}"], int(done[:6]))
    if int(failed):
        text += f" {words.n(words.list['told_failed'], int(failed[:6]))}"
    return f"{text} {words.list['told_more']}" if "more" in query.get("DONE", [""])[0] else text
