"""What a job is called: changed in whatever phase it is, by a form or by JSON."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.body import read_posted
from quws.api.kit.json_body import is_json, read_json
from quws.api.kit.services import caller_of, jobs_of
from quws.api.kit.urls import see_other, urls_of
from quws.domain.errors import InvalidParameter
from quws.domain.labels import Relabel
from quws.domain.parameters.posted import Posted
from quws.domain.parameters.relabel import read_relabel
from quws.schemas.labels import LabelsJson, RelabelJson

_FIELDS = {"tags": "TAG", "add_tags": "ADDTAG", "remove_tags": "REMOVETAG"}


async def get_labels(request: Request, job_id: str) -> Response:
    """Show name, run id, tags and metadata."""
    found = await jobs_of(request).labels.get(caller_of(request), job_id)
    document = LabelsJson(
        name=found.name, run_id=found.run_id, tags=found.tags, metadata=dict(found.metadata)
    )
    return Response(document.model_dump_json(), media_type="application/json")


async def post_labels(request: Request, job_id: str) -> Response:
    """Change labels: NAME, RUNID, METADATA, and all tags (TAG) or some (ADDTAG, REMOVETAG).

    What is left out stays as it is; what is empty is taken away.
    """
    jobs, caller = jobs_of(request), caller_of(request)
    await jobs.reader.authorise(caller, job_id)
    await jobs.labels.change(caller, job_id, await read_change(request))
    return see_other(urls_of(request).job(job_id))


async def read_change(request: Request) -> Relabel:
    """Read from the body which labels shall change.

    Raises
    ------
    InvalidParameter, TooLarge, UnsupportedMediaType, MalformedBody

    """
    if not is_json(request):
        return read_relabel(await read_posted(request, circuits=True))
    return read_relabel(posted_of(await read_json(request, RelabelJson)))


def posted_of(wanted: RelabelJson) -> list[Posted]:
    """Return what a form would say.

    Raises
    ------
    InvalidParameter
        A tag is empty, which no form can say.

    """
    given = wanted.model_dump(exclude_unset=True)
    posted: list[Posted] = []
    for field, name in _FIELDS.items():
        tags = given.get(field) or []
        if "" in tags:
            raise InvalidParameter("TAG must be text of 1 to 200 characters", parameter="TAG")
        if field == "tags" and field in given and not tags:
            tags = [""]
        posted += (Posted(name, tag.encode()) for tag in tags)
    for field in ("name", "run_id"):
        if field in given:
            posted.append(Posted(field.replace("_", ""), (given[field] or "").encode()))
    if "metadata" in given:
        posted.append(Posted("METADATA", json.dumps(given["metadata"] or {}).encode()))
    return posted
