"""The page of an error."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from quws.api.pages.templates import render
from quws.schemas.problem import Problem


def problem_page(request: Request, problem: Problem, headers: Mapping[str, str]) -> Response:
    """Show what is wrong."""
    context = {"status": problem.status, "title": problem.title, "sentence": problem.detail}
    return render(request, "error.html", context, status=problem.status, headers=headers)
