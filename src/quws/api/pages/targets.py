"""Pages of the targets."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from quws.api.pages.templates import render
from quws.domain.targets import Calibration, Load
from quws.jobs import TargetReport


async def targets_page(request: Request, reports: Sequence[TargetReport]) -> Response:
    """Show all targets."""
    return render(request, "targets.html", {"reports": reports})


async def target_page(
    request: Request,
    report: TargetReport,
    load: Sequence[Load],
    calibration: Calibration | None,
) -> Response:
    """Show one target: what it is, how it fares, and its calibration."""
    return render(
        request,
        "target.html",
        {"report": report, "load": load, "calibration": calibration},
    )
