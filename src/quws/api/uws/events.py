"""Server-sent events: a job as it changes, and news of all one's jobs.

An event's id says how far the client has got. For a job it is the newest entry
of its timeline and a digest of the document: what changes without an entry, a
quote or a place in the queue, is told too, and nothing is told twice.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.event_stream import (
    KEEP_ALIVE,
    RETRY,
    event,
    last_event_id,
    no_events,
    no_more_events,
    stream_events,
)
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import caller_of, jobs_of
from quws.api.kit.urls import Urls, urls_of
from quws.api.uws import json as as_json
from quws.domain.errors import NotFound
from quws.domain.phases import FINAL
from quws.services.jobs.feeds import News
from quws.services.snapshots import Snapshot

router = APIRouter(route_class=PlainRoute, tags=["UWS"])

_CURSOR = re.compile(r"[0-9]{1,18}")


async def job_events(request: Request, job_id: str) -> Response:
    """Follow a job: its JSON now, and again after every change, until its phase is final.

    Send the id of the last event as Last-Event-ID to go on where a connection
    broke; 204 says that there is nothing more to come.
    """
    follow = jobs_of(request).follower.follow(caller_of(request), job_id)
    # Read before the answer begins: whoever may not see the job gets a refusal.
    first = await anext(follow)
    urls = urls_of(request)
    seen = last_event_id(request)
    if first.job.phase in FINAL and seen == as_json.state_of(first, urls):
        await follow.aclose()
        return no_more_events()
    if request.method == "HEAD":
        await follow.aclose()
        return no_events()
    return stream_events(_job_stream(first, follow, urls, seen))


@router.get("/events", summary="Follow all of one's jobs by server-sent events")
async def all_events(request: Request) -> Response:
    """Send every change of the caller's jobs, as the job list shows them.

    Send the id of the last event as Last-Event-ID to go on where a connection
    broke. The stream ends with the process that serves it, or when it is read far too slowly.
    """
    cursor = last_event_id(request) or ""
    known = int(cursor) if _CURSOR.fullmatch(cursor) else None
    feed = jobs_of(request).follower.feed(caller_of(request), known)
    first = await anext(feed)
    return stream_events(_feed_stream(first, feed, urls_of(request)))


async def _job_stream(
    first: Snapshot, follow: AsyncGenerator[Snapshot, None], urls: Urls, seen: str | None
) -> AsyncIterator[str]:
    yield RETRY
    found = first
    try:
        async with aclosing(follow):
            while True:
                state = as_json.state_of(found, urls)
                if state == seen:
                    yield KEEP_ALIVE
                else:
                    seen = state
                    yield event("job", as_json.snapshot_json(found, urls).decode(), state)
                found = await anext(follow)
    except StopAsyncIteration:
        if found.job.phase not in FINAL:
            yield event("server_cancel", "{}")
    except NotFound:
        job_id = first.job.id
        yield event("job_deleted", as_json.deleted_json(job_id, urls))


async def _feed_stream(
    first: News, feed: AsyncGenerator[News, None], urls: Urls
) -> AsyncIterator[str]:
    yield RETRY + event("listening", "{}", str(first.cursor))
    async with aclosing(feed):
        async for news in feed:
            cursor = str(news.cursor)
            events = [event("job", as_json.ref_json(ref, urls), cursor) for ref in news.changed]
            events += [
                event("job_deleted", as_json.deleted_json(job_id, urls), cursor)
                for job_id in news.deleted
            ]
            yield "".join(events) or KEEP_ALIVE
    yield event("server_cancel", "{}")
