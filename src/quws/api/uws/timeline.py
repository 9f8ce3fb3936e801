"""What happened to a job, all of it or what one looks for."""

from __future__ import annotations

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.filters import check_names, query_of
from quws.api.kit.services import caller_of, jobs_of
from quws.api.uws.json import entry_json
from quws.schemas.job import EntryJson

_ENTRIES = TypeAdapter(list[EntryJson])


async def get_timeline(request: Request, job_id: str) -> Response:
    """List what happened to the job, oldest first, as JSON.

    STATUS (such as ``note``, which is what a job says of itself) and SOURCE (such as ``quws``, a
    worker or a user) leave those entries only; each is repeatable: any of them.
    """
    query = query_of(request)
    check_names(query, "STATUS", "SOURCE")
    found = await jobs_of(request).reader.snapshot(caller_of(request), job_id)
    statuses, sources = query.get("STATUS"), query.get("SOURCE")
    entries = [
        entry_json(item)
        for item in found.details.timeline
        if (statuses is None or item.status in statuses)
        and (sources is None or item.source in sources)
    ]
    return Response(_ENTRIES.dump_json(entries), media_type="application/json")
