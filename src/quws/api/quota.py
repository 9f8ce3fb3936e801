"""``/quota``: what the caller may have of the service, and has."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.filters import check_names, query_of
from quws.api.kit.pages import pages_for
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import caller_of, jobs_of
from quws.domain.quotas import MEANINGS, Limit, Use, shown
from quws.schemas.quota import LimitJson, QuotaJson

router = APIRouter(route_class=PlainRoute, tags=["Quotas"])


@router.head("/quota", include_in_schema=False)
@router.get("/quota", summary="Show one's quotas")
async def get_quota(request: Request) -> Response:
    """Show what the caller may have and has, alone and with each group; for operators of an OWNER.

    JSON or a page.
    """
    caller = caller_of(request)
    query = query_of(request)
    check_names(query, "OWNER")
    asked = query.get("OWNER", [])
    owner = asked[-1] if asked else None
    uses = await jobs_of(request).quotas.report(caller, owner)
    document = QuotaJson(
        owner=(caller.name if owner is None else owner) or "",
        limits=[_limit(use) for use in uses],
    )
    if pages := pages_for(request):
        return pages.quota(request, document)
    return Response(document.model_dump_json(), media_type="application/json")


def _limit(use: Use) -> LimitJson:
    bound = use.bound
    used = None if bound.limit is Limit.JOB_SHOTS else shown(bound.limit, use.used)
    return LimitJson(
        limit=bound.limit,
        group=bound.group,
        most=bound.most,
        used=used,
        left=None if used is None else max(0, bound.most - used),
        frees=use.frees,
        meaning=MEANINGS[bound.limit],
    )
