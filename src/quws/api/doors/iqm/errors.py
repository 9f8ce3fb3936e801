"""Errors as IQM's clients read them."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from quws.schemas.problem import Problem

SOURCE = "quws"
"""Who says what is said, where the clients want to know it."""

_STATUS = {
    "quota_exceeded": 429,
    "no_booked_timeslots": 409,
    "timeslot_required": 409,
    "illegal_in_phase": 409,
    "forbidden": 403,
    "cross_site": 403,
}
"""By the code of an error; the clients have an exception for each status."""
_REFUSED = 403


def status_of(error: Problem) -> int:
    """Return the status of an error, which is the class of the exception at the client.

    A job that UWS refuses with 403 is a request that is wrong: 400, whose text the clients show.
    """
    found = _STATUS.get(error.code)
    if found is not None:
        return found
    return 400 if error.status in (_REFUSED, 415) else error.status


def error_response(error: Problem, headers: Mapping[str, str]) -> Response:
    """Write an error."""
    content = {
        "message": error.detail,
        "detail": error.detail,
        "error_code": error.code,
        "source": SOURCE,
    }
    return JSONResponse(content, status_of(error), dict(headers))
