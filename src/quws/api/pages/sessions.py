"""The page of one's sessions: what they do, and a form to open one."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.services import jobs_of, targets_of
from quws.api.pages.templates import render
from quws.domain.sessions import SessionMode
from quws.schemas.session import SessionJson


async def sessions_page(request: Request, sessions: Sequence[SessionJson]) -> Response:
    """Show the sessions of who asks."""
    records = await targets_of(request).records()
    jobs = jobs_of(request)
    names = [item.name for item in records if jobs.sessions.rules(item.description).most]
    context = {
        "sessions": sessions,
        "modes": list(SessionMode),
        "targets": names,
        "chosen": request.query_params.get("TARGET", jobs.policy.target),
    }
    return render(request, "sessions.html", context)
