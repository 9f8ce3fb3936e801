"""Server-sent events (the WHATWG's EventSource): how they are written, and the answer they are in.

What is sent as an event, and what its id says, is up to whoever sends it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

EVENT_STREAM = "text/event-stream"
RETRY = "retry: 2000\n\n"
"""The beginning of a stream: how soon a client comes back when its connection broke."""
KEEP_ALIVE = ": keep-alive\n\n"
_HEADERS = {
    "Cache-Control": "no-store",
    # Else nginx keeps events back until it has a pageful.
    "X-Accel-Buffering": "no",
}


def event(kind: str, data: str, event_id: str | None = None) -> str:
    """Write an event. ``event_id`` is what a client sends to go on behind it."""
    lines = [f"event: {kind}", *(f"data: {line}" for line in data.split("\n"))]
    if event_id:
        lines.append(f"id: {event_id}")
    return "\n".join(lines) + "\n\n"


def last_event_id(request: Request) -> str | None:
    """Return the id of the last event that the client has seen; None if it has seen none."""
    return request.headers.get("last-event-id")


def stream_events(events: AsyncIterator[str]) -> Response:
    """Answer with a stream of events."""
    return StreamingResponse(events, headers=_HEADERS, media_type=EVENT_STREAM)


def no_events() -> Response:
    """Answer a HEAD: what a stream of events would be."""
    return Response(headers=_HEADERS, media_type=EVENT_STREAM)


def no_more_events() -> Response:
    """Answer with the 204 that tells a client not to come back."""
    return Response(status_code=204, headers=_HEADERS)
