"""A job as Superstaq's clients read it: circuit by circuit."""

from __future__ import annotations

import asyncio
from base64 import encodebytes
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from quws.api.doors.superstaq.compiled import Placed, compiled_circuits, compiler_output
from quws.api.doors.superstaq.counts import counts_of
from quws.api.doors.superstaq.names import email_of, target_name
from quws.api.doors.superstaq.request import CircuitType, said_of
from quws.api.kit.services import caller_of, jobs_of, targets_of
from quws.domain.batch import CircuitStatus
from quws.domain.errors import InvalidCircuit, NotFound
from quws.domain.job import Job
from quws.domain.kinds import JobKind
from quws.domain.payloads import as_bytes
from quws.domain.phases import FINAL, Phase
from quws.domain.targets import MOST_CIRCUITS, Feature
from quws.domain.times import format_instant
from quws.services.jobs.circuits import CircuitPage
from quws.services.jobs.outcomes import outcomes_of

STATUS = {
    Phase.PENDING: "received",
    Phase.HELD: "received",
    Phase.QUEUED: "awaiting_compile",
    Phase.SUSPENDED: "pending",
    Phase.EXECUTING: "running",
    Phase.COMPLETED: "completed",
    Phase.ERROR: "failed",
    Phase.ABORTED: "cancelled",
}

_NOT_COMPILED = {Phase.SUSPENDED: "awaiting_compile", Phase.EXECUTING: "compiling"}
"""Where a target compiles: what a circuit was compiled to is known when it is done, and clients
that ask for it wait for as long as it is said to be compiled.
"""
_ENDED = {
    CircuitStatus.COMPLETED: "completed",
    CircuitStatus.FAILED: "failed",
    CircuitStatus.ABORTED: "cancelled",
    CircuitStatus.SKIPPED: "failed",
}
"""Where circuits stand that have ended, whatever became of the others."""
_OVER = frozenset(_ENDED.values())
_MOST_REPEATED = 32 * 1024 * 1024
"""Characters to which one text that is that of many circuits may add up."""


@dataclass(frozen=True, slots=True)
class Found:
    """A job, with what is known of each of its circuits that were asked for."""

    job: Job
    circuit_type: CircuitType
    target: str
    statuses: list[str]
    messages: list[str | None]
    inputs: list[str]
    qubits: list[int]
    counts: list[dict[str, int] | None]
    compiled: list[Placed | None]

    def document(self) -> dict[str, Any]:
        """Return it as v0.3.0 has it."""
        job, number = self.job, self.job.circuits
        kept, own = said_of(job.spec.metadata)
        options = job.spec.options
        changed = job.end_time or job.start_time or job.queued_time or job.creation_time
        nothing = [None] * number
        return {
            "job_type": kept.get("job_type", "submit"),
            "statuses": self.statuses,
            "status_messages": self.messages,
            "user_email": email_of(job.owner),
            "target": self.target,
            "provider_id": nothing,
            "num_circuits": number,
            "compiled_circuits": [None if item is None else item.text for item in self.compiled],
            "input_circuits": self.inputs,
            "circuit_type": self.circuit_type,
            "counts": self.counts,
            "results_dicts": nothing,
            "shots": [0 if options.kind is JobKind.COMPILE else options.shots] * number,
            "dry_run": bool(kept.get("dry_run", False)),
            "submission_timestamp": format_instant(job.creation_time),
            "last_updated_timestamp": [format_instant(changed)] * number,
            "initial_logical_to_physicals": [item and item.initial for item in self.compiled],
            "final_logical_to_physicals": [item and item.final for item in self.compiled],
            "logical_qubits": [item and item.qubits for item in self.compiled],
            "physical_qubits": [item and item.target_qubits for item in self.compiled],
            "tags": job.spec.tags,
            "metadata": own,
        }


async def find_job(request: Request, job_id: str, wanted: Collection[int] | None = None) -> Found:
    """Read a job of the caller with its circuits and what they gave so far.

    Parameters
    ----------
    wanted
        Which circuits are asked for; all, where it is None. Of the others only the status is read.

    Raises
    ------
    NotFound
        There is none, or it is only kept for history.
    Forbidden
        It is somebody else's.

    """
    page, job = await _page_and_job(request, job_id)
    kept, _ = said_of(job.spec.metadata)
    number = job.circuits
    compiles = job.spec.kind is JobKind.COMPILE
    report = await targets_of(request).get(job.target)
    now = STATUS[job.phase]
    if compiles or Feature.COMPILING in report.record.description.features:
        now = _NOT_COMPILED.get(job.phase, now)
    why = None if job.error is None else job.error.message
    statuses = [now] * number
    messages: list[str | None] = [why] * number
    for item in page.circuits:
        statuses[item.index] = _ENDED.get(item.status, now)
        if item.status not in (CircuitStatus.WAITING, CircuitStatus.SKIPPED):
            messages[item.index] = item.message
    span = range(number)
    if wanted is not None:
        there = [index for index in wanted if index < number]
        span = range(min(there, default=0), max(there, default=-1) + 1)
    found = Found(
        job,
        _circuit_type(kept),
        target_name(report.record.description),
        statuses,
        messages,
        [""] * number,
        # Of a large batch they lie elsewhere, and are not worth a look.
        [item.qubits for item in job.spec.facts] if job.spec.artifact is None else [0] * number,
        [None] * number,
        [None] * number,
    )
    texts = await _texts(request, job, span)
    found.inputs[span.start : span.stop] = await asyncio.to_thread(_all_written, texts)
    layouts = await _read_outcomes(request, found, texts, span)
    if job.phase not in FINAL:
        for index in span:
            # Clients never ask again for a circuit that is over: what it gave must be there then.
            if statuses[index] == "completed" and index not in layouts:
                statuses[index] = now
    # Clients that ask for all of a job ask again until all of it is over.
    if wanted is not None or _OVER.issuperset(statuses):
        places = [index for index in span if statuses[index] == "completed"]
        sources = [texts[index - span.start] for index in places]
        known = await compiled_circuits(request, found, places, sources, layouts)
        for index, placed in zip(places, known, strict=True):
            found.compiled[index] = placed
    return found


async def compiled_together(request: Request, job_id: str) -> dict[str, str]:
    """Return what a job that is over has compiled, all of it, as v0.2.0 has it.

    Raises
    ------
    InvalidCircuit
        It has failed, or a circuit cannot be written.

    """
    found = await find_job(request, job_id, ())
    for status, message in zip(found.statuses, found.messages, strict=True):
        if status != "completed":
            raise InvalidCircuit(message or f"it is {status}")
    span = range(found.job.circuits)
    texts = await _texts(request, found.job, span)
    layouts = await _read_outcomes(request, found, texts, span)
    made = await compiled_circuits(request, found, span, texts, layouts, together=True)
    placed = [item for item in made if item is not None]
    if len(placed) < len(made):
        raise InvalidCircuit(
            f"target {found.job.target} compiled {len(placed)} of {len(made)} circuits"
        )
    return compiler_output(placed, found.circuit_type)


async def _page_and_job(request: Request, job_id: str) -> tuple[CircuitPage, Job]:
    """Read where circuits stand and then their job, which so names the results of all of them."""
    jobs, caller = jobs_of(request), caller_of(request)
    page = await jobs.circuits.page(caller, job_id, MOST_CIRCUITS)
    job = await jobs.reader.get(caller, job_id)
    if job.phase in FINAL and page.job.phase not in FINAL:
        page = await jobs.circuits.page(caller, job_id, MOST_CIRCUITS)
    if job.phase not in STATUS:
        raise NotFound(f"there is no job {job_id}")
    return page, job


async def _texts(request: Request, job: Job, span: range) -> list[str]:
    files = jobs_of(request).files
    texts = await files.circuits(job, span)
    # One circuit with values has one text for all of them.
    return texts if len(texts) == len(span) else await files.circuits(job, range(1)) * len(span)


async def _read_outcomes(
    request: Request, found: Found, texts: list[str], span: range
) -> dict[int, list[int] | None]:
    """Read the counts of circuits that are done, and return which qubits carried theirs."""
    job, layouts = found.job, dict[int, list[int] | None]()
    if job.spec.kind is JobKind.ESTIMATE:
        return layouts
    if not any(found.statuses[index] == "completed" for index in span):
        return layouts
    try:
        async for outcomes in outcomes_of(jobs_of(request).files, job, span):
            for outcome in outcomes:
                if outcome.missing is None and outcome.index in span:
                    layouts[outcome.index] = outcome.layout
                    if job.spec.kind is JobKind.SAMPLE:
                        text = texts[outcome.index - span.start]
                        counts = counts_of(outcome, found.circuit_type, text)
                        found.counts[outcome.index] = counts
    except NotFound:
        # The only circuit of a job is done a moment before its results are there.
        if job.phase in FINAL:
            raise
    return layouts


def _circuit_type(kept: Mapping[str, Any]) -> CircuitType:
    try:
        return CircuitType(kept.get("circuit_type", CircuitType.QISKIT))
    except ValueError:
        # Whoever sends a job otherwise may write into its metadata what they like.
        return CircuitType.QISKIT


def _all_written(texts: list[str]) -> list[str]:
    """Write circuits as they were sent.

    Where all have one text, as those of a table of values, it is written once for each only where
    that is little: clients of this door do not send such jobs.
    """
    if len(texts) <= 1 or texts[0] is not texts[-1]:
        return [_written(text) for text in texts]
    first = _written(texts[0])
    again = first if len(first) * len(texts) <= _MOST_REPEATED else ""
    return [first, *[again] * (len(texts) - 1)]


def _written(text: str) -> str:
    """Write a circuit as it was sent: a binary one in base64, with line ends."""
    binary = as_bytes(text)
    return text if binary is None else encodebytes(binary).decode()
