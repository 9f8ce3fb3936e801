"""What an operator looks at: whether all works, targets with their queues, workers at work."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.services import (
    auth_method,
    caller_of,
    health_of,
    jobs_of,
    targets_of,
    workers_of,
)
from quws.api.pages.templates import render
from quws.domain.caller import AuthMethod
from quws.domain.clock import utc_now
from quws.domain.errors import Forbidden


async def operator_page(request: Request) -> Response:
    """Show the state of the whole service.

    Raises
    ------
    Forbidden
        Whoever asks is no operator. On a service without accounts everybody is.

    """
    if not caller_of(request).operator and auth_method(request) is not AuthMethod.NONE:
        raise Forbidden("this page is for operators")
    report, targets, running = await asyncio.gather(
        health_of(request).report(), targets_of(request).all(), jobs_of(request).reader.running()
    )
    unfit = await workers_of(request).unfit(item.record.name for item in targets)
    context = {
        "report": report,
        "targets": targets,
        "running": running,
        "unfit": unfit,
        "now": utc_now(),
    }
    return render(request, "operator.html", context)
