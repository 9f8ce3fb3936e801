"""``/targets/NAME/timeslots``: when a target is booked, and by whom; ``/timeslots``: one's own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.body import read_posted
from quws.api.kit.negotiation import Rendering, rendering_of
from quws.api.kit.pages import pages_for
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import base_url, caller_of, jobs_of
from quws.api.kit.urls import see_other
from quws.api.targets.calendar import CALENDAR_TYPE, calendar
from quws.domain.clock import utc_now
from quws.domain.errors import InvalidParameter
from quws.domain.parameters.posted import text_of
from quws.domain.times import parse_instant
from quws.domain.timeslots import Timeslot
from quws.schemas.timeslot import TimeslotJson
from quws.services.timeslots import Timeslots

router = APIRouter(route_class=PlainRoute, tags=["Timeslots"])
_LIST = TypeAdapter(list[TimeslotJson])
_JSON = "application/json"
_MOST_MINUTES = 366 * 24 * 60


@router.head("/timeslots", include_in_schema=False)
@router.get("/timeslots", summary="List one's timeslots")
async def get_mine(request: Request) -> Response:
    """List the caller's timeslots of all targets that are not over, the next one first."""
    found = await _timeslots(request).mine(caller_of(request))
    return Response(_LIST.dump_json(_documents(request, found)), media_type=_JSON)


@router.head("/timeslots.ics", include_in_schema=False)
@router.get("/timeslots.ics", summary="One's timeslots as a calendar")
async def get_my_calendar(request: Request) -> Response:
    """Write the caller's timeslots as iCalendar, for a calendar that subscribes to them."""
    return _calendar(request, await _timeslots(request).mine(caller_of(request)))


@router.head("/targets/{name}/timeslots", include_in_schema=False)
@router.get("/targets/{name}/timeslots", summary="List the timeslots of a target")
async def get_timeslots(request: Request, name: str) -> Response:
    """List for which times a target is booked, the next one first: JSON or a page.

    Whose they are is told to their owners and to operators.
    """
    timeslots = _timeslots(request)
    documents = _documents(request, await timeslots.of_target(name))
    if pages := pages_for(request):
        return pages.timeslots(request, name, await timeslots.rules(name), documents)
    return Response(_LIST.dump_json(documents), media_type=_JSON)


@router.head("/targets/{name}/timeslots.ics", include_in_schema=False)
@router.get("/targets/{name}/timeslots.ics", summary="The timeslots of a target as a calendar")
async def get_calendar(request: Request, name: str) -> Response:
    """Write for which times a target is booked as iCalendar."""
    return _calendar(request, await _timeslots(request).of_target(name))


@router.post("/targets/{name}/timeslots", summary="Book a timeslot", status_code=201)
async def post_timeslot(request: Request, name: str) -> Response:
    """Book a target from START to END, or for MINUTES, within its operator's rules."""
    begins, ends = await _read(request)
    made = await _timeslots(request).book(caller_of(request), name, begins, ends)
    if rendering_of(request) is Rendering.HTML:
        return see_other(_url(request, name))
    (document,) = _documents(request, [made])
    headers = {"Location": document.url}
    return Response(document.model_dump_json(), 201, headers, media_type=_JSON)


@router.head("/targets/{name}/timeslots/{slot_id}", include_in_schema=False)
@router.get("/targets/{name}/timeslots/{slot_id}", summary="Show a timeslot")
async def get_timeslot(request: Request, name: str, slot_id: str) -> Response:
    """Show when a timeslot begins and ends; a browser is sent to all of its target."""
    found = await _timeslots(request).get(name, slot_id)
    if rendering_of(request) is Rendering.HTML:
        return see_other(_url(request, name))
    (document,) = _documents(request, [found])
    return Response(document.model_dump_json(), media_type=_JSON)


@router.delete("/targets/{name}/timeslots/{slot_id}", summary="Cancel a timeslot", status_code=204)
async def delete_timeslot(request: Request, name: str, slot_id: str) -> Response:
    """Cancel a timeslot; one that is on is over then."""
    await _timeslots(request).cancel(caller_of(request), name, slot_id)
    return Response(status_code=204)


@router.post("/targets/{name}/timeslots/{slot_id}", include_in_schema=False)
async def post_cancel(request: Request, name: str, slot_id: str) -> Response:
    """Cancel a timeslot, by the form of a page: ACTION=DELETE."""
    given = {item.name.upper(): text_of(item) for item in await read_posted(request)}
    if given != {"ACTION": "DELETE"}:
        raise InvalidParameter("ACTION must be DELETE", parameter="ACTION")
    await _timeslots(request).cancel(caller_of(request), name, slot_id)
    return see_other(_url(request, name))


def _timeslots(request: Request) -> Timeslots:
    return jobs_of(request).timeslots


def _url(request: Request, target: str) -> str:
    return f"{base_url(request)}/targets/{quote(target, safe='')}/timeslots"


def _documents(request: Request, slots: Iterable[Timeslot]) -> list[TimeslotJson]:
    caller = caller_of(request)
    return [
        TimeslotJson(
            id=slot.id,
            target=slot.target,
            owner=(slot.owner or "") if caller.may_see(slot.owner) else None,
            mine=slot.owner == caller.name,
            start=slot.begins,
            end=slot.ends,
            url=f"{_url(request, slot.target)}/{slot.id}",
        )
        for slot in slots
    ]


def _calendar(request: Request, slots: Iterable[Timeslot]) -> Response:
    host = urlsplit(base_url(request)).hostname or "quws"
    content = calendar(_documents(request, slots), host, utc_now())
    return Response(content, headers={"Content-Type": CALENDAR_TYPE})


async def _read(request: Request) -> tuple[datetime, datetime]:
    given: dict[str, str] = {}
    for item in await read_posted(request):
        name = item.name.upper()
        if name not in ("START", "END", "MINUTES") or name in given:
            raise InvalidParameter(
                f"there is no parameter '{item.name[:60]}', or it is given twice; a timeslot takes"
                " START and END, or START and MINUTES",
                parameter=item.name[:60],
            )
        if text := text_of(item).strip():
            given[name] = text
    if "START" not in given:
        raise InvalidParameter("START is missing; send when it begins", parameter="START")
    minutes = given.get("MINUTES")
    if minutes is not None and not (minutes.isascii() and minutes.isdecimal() and len(minutes) < 9):
        raise InvalidParameter(
            f"MINUTES must be a whole number from 1 to {_MOST_MINUTES}", parameter="MINUTES"
        )
    return _span(
        _instant("START", given["START"]),
        _instant("END", given["END"]) if "END" in given else None,
        None if minutes is None else int(minutes),
    )


def _span(start: datetime, end: datetime | None, minutes: int | None) -> tuple[datetime, datetime]:
    if (end is None) == (minutes is None):
        raise InvalidParameter("send either END or MINUTES", parameter="END")
    if minutes is not None:
        if not 1 <= minutes <= _MOST_MINUTES:
            raise InvalidParameter(
                f"MINUTES must be from 1 to {_MOST_MINUTES}", parameter="MINUTES"
            )
        try:
            end = start + timedelta(minutes=minutes)
        except OverflowError:
            raise InvalidParameter("START is too far ahead", parameter="START") from None
    assert end is not None
    return start, end


def _instant(name: str, text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise InvalidParameter(f"{name}: {error}", parameter=name) from None
