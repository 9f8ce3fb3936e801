"""All jobs that a filter leaves: how many they are, and what is done with all of them.

The filter stands in the query, as for the job list; what is to be done in the body.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.body import read_form
from quws.api.kit.filters import FILTERS, check_names, query_of, read_filter
from quws.api.kit.json_body import is_json, read_json
from quws.api.kit.pages import pages_for
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import caller_of, jobs_of
from quws.api.uws.labels import posted_of
from quws.domain.errors import InvalidFilter, InvalidParameter
from quws.domain.labels import ListFilter, Relabel
from quws.domain.parameters.posted import Posted
from quws.domain.parameters.relabel import read_relabel
from quws.schemas.labels import ActionJson, DoneJson, RelabelJson, SelectionJson
from quws.services.jobs.bulk import Action, Done, Selection

router = APIRouter(route_class=PlainRoute, tags=["UWS"])
_ACTIONS = f"ACTION must be {', '.join(list(Action)[:-1])} or {list(Action)[-1]}"


@router.get("/selection", summary="Say how many jobs a filter leaves")
async def get_selection(request: Request) -> Response:
    """Say how many jobs a filter leaves, and with how many of them each action can be done.

    The filter is that of the job list, without LAST. ``before`` of the answer, sent along as
    BEFORE, means these jobs and none that are created later.
    """
    found = await jobs_of(request).bulk.preview(caller_of(request), _filter(request))
    if pages := pages_for(request):
        return pages.selection(request, found)
    return Response(selection_json(found).model_dump_json(), media_type="application/json")


@router.post("/selection", summary="Run, abort, delete or label all jobs that a filter leaves")
async def post_selection(request: Request) -> Response:
    """Do ACTION (RUN, ABORT, DELETE or LABEL) with all jobs that the filter in the query leaves.

    LABEL takes NAME, RUNID, METADATA, TAG, ADDTAG and REMOVETAG as the labels of one job. It is
    done in chunks, each as a whole; where the answer is not ``complete``, or there is none, the
    same request goes on.
    """
    wanted = _filter(request)
    action, change = await _read(request)
    done = await jobs_of(request).bulk.apply(caller_of(request), action, wanted, change)
    if pages := pages_for(request):
        return pages.acted(request, done)
    return Response(done_json(done).model_dump_json(), media_type="application/json")


def selection_json(found: Selection) -> SelectionJson:
    """Return how many jobs a filter leaves."""
    return SelectionJson(
        jobs=sum(found.phases.values()),
        phases=found.phases,
        actions={action.value: found.of(action) for action in Action},
        before=found.before,
    )


def done_json(done: Done) -> DoneJson:
    """Return what was done."""
    return DoneJson(
        action=done.action.value,
        done=done.done,
        held=done.held,
        left=done.left,
        complete=done.complete,
        why=done.why,
    )


def _filter(request: Request) -> ListFilter:
    query = query_of(request)
    check_names(query, *FILTERS)
    wanted = read_filter(query)
    if wanted.last is not None:
        raise InvalidFilter("LAST cannot be given here; say AFTER and BEFORE", parameter="LAST")
    return wanted


async def _read(request: Request) -> tuple[Action, Relabel | None]:
    if is_json(request):
        body = await read_json(request, ActionJson)
        labels = body.model_dump(exclude_unset=True, exclude={"action"})
        posted: Sequence[Posted] = posted_of(RelabelJson.model_validate(labels))
        action = Action(body.action)
    else:
        form = await read_form(request, circuits=True)
        actions = [item.value for item in form if item.name.upper() == "ACTION"]
        posted = [item for item in form if item.name.upper() != "ACTION"]
        if pages_for(request):
            # A form of a page sends its empty fields too.
            posted = [item for item in posted if item.value]
        if len(actions) != 1 or actions[0] not in [item.encode() for item in Action]:
            raise InvalidParameter(_ACTIONS, parameter="ACTION")
        action = Action(actions[0].decode())
    if action is Action.LABEL:
        return action, read_relabel(posted)
    if posted:
        name = posted[0].name[:60]
        raise InvalidParameter(f"{action} takes no '{name}'; LABEL takes labels", parameter=name)
    return action, None
