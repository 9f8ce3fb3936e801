"""A job as Superstaq's clients read it: circuit by circuit."""

from __future__ import annotations

import asyncio
from base64 import encodebytes
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from quws.api.doors.superstaq.counts import counts_of
from quws.api.doors.superstaq.names import email_of, target_name
from quws.api.doors.superstaq.request import CircuitType, said_of
from quws.api.kit.services import batches_of, caller_of, jobs_of, targets_of
from quws.domain.batch import CircuitStatus
from quws.domain.errors import NotFound
from quws.domain.job import Job
from quws.domain.kinds import JobKind
from quws.domain.payloads import as_bytes
from quws.domain.phases import Phase
from quws.domain.targets import TargetDescription
from quws.domain.times import format_instant
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

_ENDED = {
    CircuitStatus.COMPLETED: "completed",
    CircuitStatus.FAILED: "failed",
    CircuitStatus.ABORTED: "cancelled",
    CircuitStatus.SKIPPED: "failed",
}
"""Where circuits stand that have ended, whatever became of the others."""


@dataclass(frozen=True, slots=True)
class Found:
    """A job, with what is known of each of its circuits."""

    job: Job
    circuit_type: CircuitType
    target: str
    statuses: list[str]
    messages: list[str | None]
    inputs: list[str]
    qubits: list[int]
    counts: list[dict[str, int] | None]
    compiled: list[str | None]

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
            "compiled_circuits": self.compiled,
            "input_circuits": self.inputs,
            "circuit_type": self.circuit_type,
            "counts": self.counts,
            "results_dicts": nothing,
            "shots": [0 if options.kind is JobKind.COMPILE else options.shots] * number,
            "dry_run": bool(kept.get("dry_run", False)),
            "submission_timestamp": format_instant(job.creation_time),
            "last_updated_timestamp": [format_instant(changed)] * number,
            "initial_logical_to_physicals": nothing,
            "final_logical_to_physicals": nothing,
            "logical_qubits": nothing,
            "physical_qubits": nothing,
            "tags": job.spec.tags,
            "metadata": own,
        }


async def find_job(request: Request, job_id: str) -> Found:
    """Read a job of the caller with its circuits and what they gave so far.

    Raises
    ------
    NotFound
        There is none, or it is only kept for history.
    Forbidden
        It is somebody else's.

    """
    jobs = jobs_of(request)
    job = await jobs.reader.get(caller_of(request), job_id)
    if job.phase not in STATUS:
        raise NotFound(f"there is no job {job_id}")
    kept, _ = said_of(job.spec.metadata)
    found_type = CircuitType(kept.get("circuit_type", CircuitType.QISKIT))
    number = job.circuits
    counts: list[dict[str, int] | None] = [None] * number
    compiles = job.spec.kind is JobKind.COMPILE
    now = "compiling" if compiles and job.phase is Phase.EXECUTING else STATUS[job.phase]
    why = None if job.error is None else job.error.message
    page = await jobs.circuits.page(caller_of(request), job_id, number)
    statuses = [now] * number
    messages: list[str | None] = [why] * number
    for item in page.circuits:
        statuses[item.index] = _ENDED.get(item.status, now)
        if item.status not in (CircuitStatus.WAITING, CircuitStatus.SKIPPED):
            messages[item.index] = item.message
    if job.spec.kind is JobKind.SAMPLE and "completed" in statuses:
        async for outcomes in outcomes_of(jobs.files, job):
            for outcome in outcomes:
                if outcome.missing is None:
                    counts[outcome.index] = counts_of(outcome, found_type)
    texts = await jobs.files.circuits(job)
    inputs = await asyncio.to_thread(lambda: [_written(text) for text in texts])
    report = await targets_of(request).get(job.target)
    return Found(
        job,
        found_type,
        target_name(report.record.description),
        statuses,
        messages,
        inputs if len(inputs) == number else inputs * number,
        # Of a large batch they lie elsewhere, and are not worth a look.
        [item.qubits for item in job.spec.facts] if job.spec.artifact is None else [0] * number,
        counts,
        await _compiled(request, job, report.record.description, found_type),
    )


async def _compiled(
    request: Request, job: Job, target: TargetDescription, circuit_type: CircuitType
) -> list[str | None]:
    """Return what the circuits of a job that has ended were compiled to, where that is known."""
    found: list[str | None] = [None] * job.circuits
    listed = {item.id for item in job.results}
    wanted = [index for index in range(job.circuits) if f"circuit-{index}" in listed]
    if job.phase is not Phase.COMPLETED or circuit_type is not CircuitType.QISKIT or not wanted:
        return found
    files = jobs_of(request).files
    texts = []
    for index in wanted:
        content = await files.result(job, f"circuit-{index}")
        texts.append((await content.whole()).decode())
    written = await batches_of(request).to_qpy(caller_of(request), texts, target)
    for index, file in zip(wanted, written, strict=True):
        found[index] = encodebytes(file).decode()
    return found


def _written(text: str) -> str:
    """Write a circuit as it was sent: a binary one in base64, with line ends."""
    binary = as_bytes(text)
    return text if binary is None else encodebytes(binary).decode()
