"""Sessions and batches of these clients, which are those of quws."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from quws.api.doors.ibm.targets import target_of
from quws.api.kit.json_body import read_json
from quws.api.kit.services import caller_of, jobs_of
from quws.domain.errors import Forbidden, InvalidParameter
from quws.domain.sessions import Session, SessionMode, SessionState
from quws.domain.times import format_instant


class SessionRequest(BaseModel):
    """A session that is asked for. Its whole time is in seconds."""

    mode: SessionMode = SessionMode.DEDICATED
    backend: str | None = None
    max_ttl: int | None = Field(None, ge=1)


class SessionChange(BaseModel):
    """What is to change of a session."""

    accepting_jobs: bool


async def create_session(request: Request) -> Response:
    """Open a session."""
    wanted = await read_json(request, SessionRequest)
    name = wanted.backend or jobs_of(request).policy.target
    record = (await target_of(request, name)).record
    sessions, caller = jobs_of(request).sessions, caller_of(request)
    try:
        opened = await sessions.open(caller, record.name, wanted.mode, wanted.max_ttl)
    except Forbidden as error:
        # It would be answered like what is somebody else's, and not found.
        raise InvalidParameter(error.sentence, parameter="backend") from None
    return JSONResponse(document(opened))


async def get_session(request: Request, session_id: str) -> Response:
    """Show a session."""
    found = await jobs_of(request).sessions.get(caller_of(request), session_id)
    return JSONResponse(document(found))


async def change_session(request: Request, session_id: str) -> Response:
    """Close a session: it takes no new jobs."""
    sessions, caller = jobs_of(request).sessions, caller_of(request)
    await sessions.get(caller, session_id)
    if (await read_json(request, SessionChange)).accepting_jobs:
        raise InvalidParameter(
            "accepting_jobs must be false: a session that was closed stays so",
            parameter="accepting_jobs",
        )
    return JSONResponse(document(await sessions.close(caller, session_id)))


async def cancel_session(request: Request, session_id: str) -> Response:
    """Close a session, and cancel those of its jobs that do not run."""
    await jobs_of(request).sessions.cancel(caller_of(request), session_id)
    return Response(status_code=204)


def document(session: Session) -> dict[str, Any]:
    """Return a session as these clients read it."""
    times = {
        SessionState.OPEN: session.created,
        SessionState.ACTIVE: session.active_since or session.began,
        SessionState.CLOSED: session.ended,
    }
    return {
        "id": session.id,
        "backend_name": session.target,
        "mode": str(session.mode),
        "state": str(session.state),
        "accepting_jobs": session.accepting,
        "max_ttl": session.max_seconds,
        "interactive_ttl": session.idle_seconds,
        "active_ttl": session.max_seconds,
        "created_at": format_instant(session.created),
        "started_at": _instant(session.began),
        "activated_at": _instant(session.active_since),
        "closed_at": _instant(session.ended),
        "last_job_started": _instant(session.last_started),
        "last_job_completed": _instant(session.last_ended),
        "elapsed_time": session.seconds,
        "user_id": session.owner or "",
        "timestamps": [
            {"status": str(state), "timestamp": format_instant(time)}
            for state, time in times.items()
            if time is not None
        ],
    }


def _instant(time: datetime | None) -> str | None:
    return None if time is None else format_instant(time)
