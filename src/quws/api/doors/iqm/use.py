"""What all protocols of IQM's clients do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request

from quws.api.doors.iqm.job import STATUS
from quws.api.doors.iqm.measurements import keys_of
from quws.api.doors.iqm.names import calibration_set_id, target_id
from quws.api.doors.iqm.request import parameters_of, payload, read_request
from quws.api.kit.body import read_body
from quws.api.kit.services import caller_of, jobs_of, targets_of
from quws.domain.circuits import Language
from quws.domain.compiling import Optimization
from quws.domain.errors import NotFound
from quws.domain.job import Job
from quws.domain.outcomes import CircuitOutcome, UnreadableOutcomes
from quws.domain.parameters.posted import Posted
from quws.domain.phases import Phase
from quws.domain.targets import Feature, TargetDescription, TargetRecord, TargetStatus
from quws.services.jobs.outcomes import outcomes_of
from quws.services.snapshots import Snapshot

_DEFAULT = "default"
_NATIVE = frozenset({"r", "cz"})
"""The gates of these clients, by Qiskit's names."""

Write = Callable[[CircuitOutcome, list[str]], str]
"""Writes what a circuit gave, whose measurements have these keys."""


# -- targets ---------------------------------------------------------------------------------


async def offered(request: Request) -> list[TargetRecord]:
    """Return the targets that take IQM's circuits."""
    return [
        item.record
        for item in await targets_of(request).all()
        if item.record.state.status is not TargetStatus.RETIRED
        and item.record.objection is None
        and Language.IQM_JSON in item.record.description.languages
    ]


async def target_of(request: Request, alias: str) -> TargetRecord:
    """Find a target by its name or its id.

    Raises
    ------
    NotFound

    """
    known = await offered(request)
    for record in known:
        if alias in (record.name, str(target_id(record.name))):
            return record
    names = ", ".join(record.name for record in known) or "none yet"
    raise NotFound(f"there is no quantum computer '{alias[:60]}'; there are: {names}")


async def calibration_of(request: Request, record: TargetRecord, set_id: str) -> str | None:
    """Return which calibration of a target is meant; None where it has none.

    Raises
    ------
    NotFound

    """
    if set_id in (_DEFAULT, str(calibration_set_id(record.name, record.calibration))):
        return record.calibration
    for known, _ in await targets_of(request).calibrations(record.name):
        if str(calibration_set_id(record.name, known)) == set_id:
            return known
    raise NotFound(f"target {record.name} has no calibration set '{set_id[:60]}'")


# -- jobs ------------------------------------------------------------------------------------


async def submit(request: Request, record: TargetRecord, *more: Posted) -> Job:
    """Make a job of the body of a request, and queue it; ``more`` are further parameters.

    Raises
    ------
    Refusal
        As with any other job.

    """
    body = await read_body(request, circuits=True)
    present = calibration_set_id(record.name, record.calibration)
    # Others are served meanwhile.
    posted = await asyncio.to_thread(
        lambda: parameters_of(read_request(body), record.name, present)
    )
    posted += [*as_it_is(record.description), *more]
    return await jobs_of(request).submission.submit(caller_of(request), posted)


def as_it_is(target: TargetDescription) -> list[Posted]:
    """Return what keeps a compiler from moving gates: these clients choose the qubits themselves.

    Where their gates are native they are run as they are. Elsewhere each becomes what it is there,
    on the same qubits.
    """
    if Feature.COMPILING not in target.features:
        return []
    none = set(target.native_gates) >= _NATIVE
    return [Posted("OPTIMIZATION", (Optimization.NONE if none else Optimization.LIGHTEST).encode())]


async def snapshot_of(request: Request, job_id: str) -> Snapshot:
    """Read a job; one that is only kept for history is gone for these clients.

    Raises
    ------
    NotFound, Forbidden

    """
    found = await jobs_of(request).reader.snapshot(caller_of(request), job_id)
    if found.job.phase not in STATUS:
        raise NotFound(f"there is no job {job_id}")
    return found


async def payload_of(request: Request, job: Job) -> dict[str, Any] | None:
    """Return the request that a job was made of; None if its circuits came in another format.

    Raises
    ------
    NotFound
        They are gone.

    """
    circuits = await jobs_of(request).files.circuits(job)
    spec = job.spec
    return await asyncio.to_thread(payload, circuits, spec.options.shots, spec.metadata)


async def gave(request: Request, job: Job, write: Write) -> AsyncIterator[str]:
    """Return the pieces of a JSON array with what the circuits of a job gave.

    Raises
    ------
    NotFound
        There is nothing, or nothing that can be read: known before the first piece.

    """
    if job.phase is not Phase.COMPLETED:
        raise NotFound(f"job {job.id} is {STATUS[job.phase]}, and has no results")
    pieces = aiter(_written(request, job, write))
    try:
        first = await anext(pieces)
    except UnreadableOutcomes as error:
        raise NotFound(f"job {job.id}: {error}") from None

    async def array() -> AsyncIterator[str]:
        yield "["
        yield first
        async for piece in pieces:
            yield ","
            yield piece
        yield "]"

    return array()


async def _written(request: Request, job: Job, write: Write) -> AsyncIterator[str]:
    """Write what the circuits of a job gave, some at a time."""
    files = jobs_of(request).files
    async for outcomes in outcomes_of(files, job):
        wanted = range(outcomes[0].index, outcomes[-1].index + 1)
        texts = await files.circuits(job, wanted) or [""] * len(wanted)

        def written(outcomes: Any = outcomes, texts: Any = texts) -> str:
            pairs = zip(outcomes, texts, strict=True)
            return ",".join(write(item, keys_of(text, item)) for item, text in pairs)

        yield await asyncio.to_thread(written)
