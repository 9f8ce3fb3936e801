"""The page of all jobs that a filter leaves, and of what was done with them."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.filters import query_of
from quws.api.kit.services import base_url
from quws.api.kit.urls import see_other
from quws.api.pages.templates import render
from quws.domain.times import format_instant
from quws.services.jobs.bulk import Action, Done, Selection


def selection_page(request: Request, found: Selection) -> Response:
    """Show how many jobs a filter leaves, and what can be done with them."""
    filters = _filters(request)
    exactly = [(name, text) for name, text in filters if name != "BEFORE"]
    exactly.append(("BEFORE", format_instant(found.before)))
    context = {
        "phases": found.phases,
        "count": sum(found.phases.values()),
        "actions": {action.lower(): found.of(action) for action in Action},
        "filters": filters,
        "act": f"{base_url(request)}/selection?{urlencode(exactly)}",
        "keep": f"{base_url(request)}/jobs?{urlencode(filters)}",
    }
    return render(request, "selection.html", context)


def acted(request: Request, done: Done) -> Response:
    """Go back to the list, which says what was done."""
    # What was labelled or started may fit no more, and what is gone does not.
    filters = [(name, text) for name, text in _filters(request) if name != "BEFORE"]
    more = "" if done.complete else "-more"
    told = ("DONE", f"{done.action.lower()}-{done.done}-{done.held + done.left}{more}")
    return see_other(f"{base_url(request)}/jobs?{urlencode([*filters, told])}")


def _filters(request: Request) -> list[tuple[str, str]]:
    return [(name, text) for name, texts in query_of(request).items() for text in texts]
