"""How long a job spent in which phase, as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from quws.domain.job import Job
from quws.domain.phases import FINAL

_LEAST = 3.0


@dataclass(frozen=True, slots=True)
class Step:
    """One phase on the way of a job: ``state`` is done, now, ahead or skipped."""

    phase: str
    state: str
    since: datetime | None


def steps_of(job: Job) -> list[Step]:
    """Return the way of a job through its phases."""
    reached = {
        "PENDING": job.creation_time,
        "QUEUED": job.queued_time,
        "EXECUTING": job.start_time,
    }
    now = str(job.phase)
    odd = now not in ("PENDING", "QUEUED", "EXECUTING", "COMPLETED")
    last = Step(now, "now", job.end_time) if odd else None
    if last is None:
        last = Step("COMPLETED", "now" if now == "COMPLETED" else "ahead", job.end_time)
    steps = []
    over = job.phase in FINAL
    for phase, since in reached.items():
        if phase == now:
            state = "now"
        elif since is not None:
            state = "done"
        else:
            state = "skipped" if over else "ahead"
        steps.append(Step(phase, state, since))
    return [*steps, last]


def lengths_of(job: Job, now: datetime) -> dict[str, float]:
    """Return how many seconds a job was pending, waited and ran, as far as it came."""
    end = job.end_time or (job.creation_time if job.phase in FINAL else now)
    queued = job.queued_time or job.start_time or end
    started = job.start_time or end
    lengths = {"pending": (queued - job.creation_time).total_seconds()}
    if job.queued_time is not None:
        lengths["queued"] = (started - queued).total_seconds()
    if job.start_time is not None:
        lengths["executing"] = (end - started).total_seconds()
    return {key: max(item, 0.0) for key, item in lengths.items()}


def phases_svg(lengths: dict[str, float]) -> Markup:
    """Draw these times as one bar, in their proportions; words beside it say what they are."""
    total = sum(lengths.values()) or 1.0
    widths = {key: max(100 * item / total, _LEAST) for key, item in lengths.items()}
    scale = 100 / sum(widths.values())
    x = 0.0
    parts = ['<svg class="phases" aria-hidden="true" width="100%" height="14">']
    for key, width in widths.items():
        parts.append(f'<rect class="{key}" x="{x:.2f}%" width="{width * scale:.2f}%" height="14"/>')
        x += width * scale
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 - there is no text in it
