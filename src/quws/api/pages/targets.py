"""Pages of targets: what they are, how long their queues are, and how well they are calibrated."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.services import base_url, jobs_of
from quws.api.pages.coupling import coupling_svg
from quws.api.pages.templates import render, texts_of
from quws.domain.targets import Calibration, Load, TargetStatus
from quws.services.targets import TargetReport

_GATE_ROWS = 400


async def targets_page(request: Request, reports: Sequence[TargetReport]) -> Response:
    """List the targets."""
    return render(request, "targets.html", {"targets": reports})


async def target_page(
    request: Request,
    report: TargetReport,
    load: Sequence[Load],
    calibration: Calibration | None,
) -> Response:
    """Show one target: its limits, queue, couplings, calibration, conformance and load."""
    target, t = report.record.description, texts_of(request)
    gates = [] if calibration is None else list(calibration.gates)
    # What goes wrong most, and takes longest, stands first.
    gates.sort(key=lambda item: (-len(item.qubits), item.error == 0, item.gate, item.qubits))
    picture = None
    if target.coupling:
        picture = await asyncio.to_thread(
            coupling_svg, target.qubits, target.coupling, calibration, t
        )
    context = {
        "report": report,
        "record": report.record,
        "target": target,
        "url": f"{base_url(request)}/targets/{target.name}",
        "qubits": [] if calibration is None else calibration.qubits,
        "gates": gates[:_GATE_ROWS],
        "more_gates": max(len(gates) - _GATE_ROWS, 0),
        "calibration": calibration,
        "picture": picture,
        "load": _load_svg(load, t.target["load_label"]),
        "load_from": min((item.time for item in load), default=None),
        "load_until": max((item.time for item in load), default=None),
        "load_most": max((item.waiting + item.running for item in load), default=0),
        "statuses": list(TargetStatus),
        "rules": jobs_of(request).sessions.rules(target),
        "who": [] if target.sessions is None else target.sessions.who,
    }
    return render(request, "target.html", context)


def _load_svg(load: Sequence[Load], label: str) -> Markup | None:
    """Draw how many jobs waited and ran, over time; None where nothing was going on."""
    entries = sorted(load, key=lambda item: item.time)
    most = max((item.waiting + item.running for item in entries), default=0)
    if len(entries) < 2 or not most:
        return None
    first, last = entries[0].time, entries[-1].time
    whole = (last - first).total_seconds() or 1.0
    parts = [
        '<svg class="chart load" role="img"'
        f' aria-label="{escape(label.format(n=most))}" viewBox="0 0 600 100"'
        ' preserveAspectRatio="none" width="100%" height="100">'
    ]
    for kind in ("waiting", "running"):
        points = []
        for item in entries:
            x = 600 * (item.time - first).total_seconds() / whole
            # What waits stands on top of what runs.
            count = item.running + (item.waiting if kind == "waiting" else 0)
            points.append(f"{x:.1f} {100 - 96 * count / most:.1f}")
        parts.append(f'<path class="{kind}" d="M0 100L{"L".join(points)}L600 100z"/>')
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 - its one text was escaped
