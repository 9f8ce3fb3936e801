"""``/metrics``: the numbers of this process."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import caller_of, http_settings, queues_of
from quws.domain.caller import AuthMethod
from quws.domain.errors import Forbidden
from quws.telemetry import metrics

router = APIRouter(route_class=PlainRoute, tags=["Operation"])


@router.get(
    "/metrics",
    summary="Metrics of this process, for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
async def get_metrics(request: Request) -> Response:
    """Write the metrics of this process; where people sign in, only operators may read them."""
    open_to_all = http_settings(request).auth is AuthMethod.NONE
    if not (open_to_all or caller_of(request).operator):
        raise Forbidden("only operators may read the metrics")
    await queues_of(request).refresh()
    return Response(metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})
