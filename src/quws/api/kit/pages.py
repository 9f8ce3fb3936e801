"""What renders HTML: the application registers it, and nobody else has to know the pages.

Without it the service speaks XML, JSON and plain text only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.negotiation import Rendering, rendering_of
from quws.api.kit.urls import Urls
from quws.domain.batch import CircuitState, CircuitStatus
from quws.domain.job import Job
from quws.domain.targets import Calibration, Load
from quws.domain.timeslots import TimeslotRules
from quws.schemas.problem import Problem
from quws.schemas.quota import QuotaJson
from quws.schemas.session import SessionJson
from quws.schemas.timeslot import TimeslotJson
from quws.services.jobs.bulk import Done, Selection
from quws.services.jobs.circuits import CircuitPage
from quws.services.snapshots import Snapshot
from quws.services.targets import TargetReport


@dataclass(frozen=True, slots=True)
class ShownJob:
    """A job as its page shows it.

    ``document`` is its XML, and ``state`` the id of the last event that it tells of.
    """

    found: Snapshot
    urls: Urls
    document: bytes
    state: str


@dataclass(frozen=True, slots=True)
class ShownCircuits:
    """A page of circuits of a job: of which statuses, and the URL of the next one."""

    page: CircuitPage
    urls: Urls
    statuses: Sequence[CircuitStatus]
    following: str | None


@dataclass(frozen=True, slots=True)
class Pages:
    """Pages that are renderings of what others serve too: a handler each.

    ``problem`` renders an error with the headers of its answer. ``sign_in`` asks
    who one is, and then goes on to the path that it is given.
    """

    problem: Callable[[Request, Problem, Mapping[str, str]], Response]
    sign_in: Callable[[Request, str], Awaitable[Response]]
    jobs: Callable[[Request, Urls], Awaitable[Response]]
    selection: Callable[[Request, Selection], Response]
    acted: Callable[[Request, Done], Response]
    job: Callable[[Request, ShownJob], Awaitable[Response]]
    circuits: Callable[[Request, ShownCircuits], Awaitable[Response]]
    circuit: Callable[[Request, Job, CircuitState], Awaitable[Response]]
    quota: Callable[[Request, QuotaJson], Response]
    targets: Callable[[Request, Sequence[TargetReport]], Awaitable[Response]]
    sessions: Callable[[Request, Sequence[SessionJson]], Awaitable[Response]]
    timeslots: Callable[[Request, str, TimeslotRules, Sequence[TimeslotJson]], Response]
    target: Callable[
        [Request, TargetReport, Sequence[Load], Calibration | None], Awaitable[Response]
    ]


def pages_for(request: Request) -> Pages | None:
    """Return what renders HTML if the client wants HTML; None if there are no pages."""
    if rendering_of(request) is not Rendering.HTML:
        return None
    pages: Pages | None = getattr(request.app.state, "pages", None)
    return pages
