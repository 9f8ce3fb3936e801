"""Errors as Superstaq's clients read them."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from quws.schemas.problem import Problem

_STATUS = {"quota_exceeded": 429, "illegal_in_phase": 409, "forbidden": 403, "cross_site": 403}
"""By the code of an error."""


def error_response(error: Problem, headers: Mapping[str, str]) -> Response:
    """Write an error; the clients show its message, and repeat what was answered with 503."""
    refused = 400 if error.status in (403, 415) else error.status
    content = {"message": error.detail, "detail": error.detail, "code": error.code}
    return JSONResponse(content, _STATUS.get(error.code, refused), dict(headers))
