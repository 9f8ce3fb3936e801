"""The page of quotas: what one may have of the service, and has."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from quws.api.pages.templates import render
from quws.schemas.quota import QuotaJson


def quota_page(request: Request, quota: QuotaJson) -> Response:
    """Show the quotas of an owner."""
    return render(request, "quota.html", {"quota": quota})
