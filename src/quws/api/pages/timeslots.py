"""The page of a target's timeslots: when it is booked, and a form to book it."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from quws.api.pages.templates import render
from quws.domain.timeslots import TimeslotRules
from quws.schemas.timeslot import TimeslotJson


def timeslots_page(
    request: Request, target: str, rules: TimeslotRules, slots: Sequence[TimeslotJson]
) -> Response:
    """Show the timeslots of a target."""
    context = {"target": target, "rules": rules, "slots": slots}
    return render(request, "timeslots.html", context)
