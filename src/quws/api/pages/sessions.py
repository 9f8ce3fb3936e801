"""The page of one's sessions: what they do, and a form to open one."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.services import targets_of
from quws.api.pages.templates import render
from quws.domain.sessions import SessionMode
from quws.schemas.session import SessionJson


async def sessions_page(request: Request, sessions: Sequence[SessionJson]) -> Response:
    """Show the sessions of who asks."""
    reports = await targets_of(request).all()
    context = {
        "sessions": sessions,
        "modes": list(SessionMode),
        "targets": [item.record.name for item in reports],
        "chosen": request.query_params.get("TARGET", ""),
    }
    return render(request, "sessions.html", context)
