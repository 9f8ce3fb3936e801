"""Errors as these clients read them.

They show the message, with the number behind it. What is answered with 500, 502, 503 or 504 they
send again up to five times, also where it makes a job: so a fault of ours, which would not go away,
is none of these, nor is an answer to who may have made a job.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from quws.schemas.problem import Problem

_STATUS = {
    "illegal_in_phase": 409,
    "session_closed": 409,
    "no_booked_timeslots": 409,
    "timeslot_required": 409,
    "timeslot_taken": 409,
    "outcome_unknown": 409,
    # Something of somebody else's, which these clients look for elsewhere then.
    "forbidden": 404,
    "cross_site": 403,
    "internal_error": 400,
}
"""By the code of an error; else what UWS refuses with 403 is a wrong request: 400."""
_NUMBERS = {
    "unauthenticated": 1200,
    "too_many_requests": 1202,
    "quota_exceeded": 1203,
    "unknown_target": 1007,
    "not_found": 1291,
    "forbidden": 1291,
    "illegal_in_phase": 1292,
    "invalid_parameter": 1293,
    "job_type_not_supported": 1294,
    "invalid_payload": 1295,
    "malformed_body": 1296,
    "invalid_filter": 1297,
    "too_large": 1298,
    "unavailable": 1299,
}
_OTHER = 1290
_NAMES = {
    "CIRCUIT": "params",
    "EXECUTIONDURATION": "cost",
    "MAX_SECONDS": "max_ttl",
    "MODE": "mode",
    "SESSION": "session_id",
    "TAG": "tags",
}
"""What these clients call a parameter that a request of theirs was made to."""
_ESTIMATE = "KIND=estimate"
TRACE = "uber-trace-id"
"""Without this header the clients show the whole body behind its message."""
RAN_TOO_LONG = 1305


def error_response(error: Problem, headers: Mapping[str, str]) -> Response:
    """Write an error, with the code of quws as its ``solution`` to look up."""
    number = _NUMBERS.get(error.code, _OTHER)
    message = "there is no such job or session" if error.code == "forbidden" else _sentence(error)
    wrong = {"code": number, "message": message, "more_info": error.code}
    content = {"error": wrong, "errors": [wrong], "trace": error.code}
    status = _STATUS.get(error.code, 400 if error.status in (403, 415) else error.status)
    return JSONResponse(content, status, {**headers, TRACE: error.code})


def _sentence(error: Problem) -> str:
    """Return what is wrong, with the name that the client has sent."""
    theirs = _NAMES.get(error.parameter or "")
    told = error.detail.replace(_ESTIMATE, "the program estimator")
    if theirs is None:
        return told
    return re.sub(rf"\b{error.parameter}\b", theirs, told, count=1)
