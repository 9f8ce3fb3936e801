"""What all protocols of IQM's clients do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence

from quws.api.doors.iqm.job import STATUS
from quws.api.doors.iqm.measurements import keys_of
from quws.api.doors.iqm.names import calibration_set_id, target_id
from quws.api.doors.iqm.request import circuit_again, parameters_of, read_request, rest_of
from quws.domain.caller import Caller
from quws.domain.circuits import Language
from quws.domain.compiling import Optimization
from quws.domain.errors import NotFound
from quws.domain.job import Job
from quws.domain.outcomes import CircuitOutcome, UnreadableOutcomes
from quws.domain.parameters.posted import Posted
from quws.domain.phases import Phase
from quws.domain.targets import Feature, TargetDescription, TargetRecord, TargetStatus
from quws.services.jobs.files import JobFiles
from quws.services.jobs.outcomes import outcomes_of
from quws.services.jobs.service import JobService
from quws.services.snapshots import Snapshot
from quws.services.targets import TargetService

_DEFAULT = "default"
_NATIVE = frozenset({"r", "cz"})
"""The gates of these clients, by Qiskit's names."""

IN_TIMESLOT = Posted("TIMESLOT", b"required")
"""Of a job that runs in the timeslots of its owner."""
Write = Callable[[CircuitOutcome, list[str]], str]
"""Writes what a circuit gave, whose measurements have these keys."""
_AT_ONCE = 500
"""How many circuits are read together."""
_NOTHING = CircuitOutcome({}, [])


# -- targets ---------------------------------------------------------------------------------


async def offered(targets: TargetService) -> list[TargetRecord]:
    """Return the targets that take IQM's circuits."""
    return [
        record
        for record in await targets.records()
        if record.state.status is not TargetStatus.RETIRED
        and record.objection is None
        and Language.IQM_JSON in record.description.languages
    ]


async def target_of(targets: TargetService, alias: str) -> TargetRecord:
    """Find a target by its name or its id.

    Raises
    ------
    NotFound

    """
    known = await offered(targets)
    for record in known:
        if alias in (record.name, str(target_id(record.name))):
            return record
    names = ", ".join(record.name for record in known) or "none yet"
    raise NotFound(f"there is no quantum computer '{alias[:60]}'; there are: {names}")


async def calibration_of(targets: TargetService, record: TargetRecord, set_id: str) -> str | None:
    """Return which calibration of a target is meant; None where it has none.

    Raises
    ------
    NotFound

    """
    if set_id in (_DEFAULT, str(calibration_set_id(record.name, record.calibration))):
        return record.calibration
    for known, _ in await targets.calibrations(record.name):
        if str(calibration_set_id(record.name, known)) == set_id:
            return known
    raise NotFound(f"target {record.name} has no calibration set '{set_id[:60]}'")


# -- jobs ------------------------------------------------------------------------------------


async def submit(
    jobs: JobService, caller: Caller, record: TargetRecord, body: bytes, *more: Posted
) -> Job:
    """Make a job of a request of circuits, and queue it; ``more`` are further parameters.

    Raises
    ------
    Refusal
        As with any other job.

    """
    present = calibration_set_id(record.name, record.calibration)
    # Others are served meanwhile.
    posted = await asyncio.to_thread(
        lambda: parameters_of(read_request(body), record.name, present)
    )
    posted += [*as_it_is(record.description), *more]
    return await jobs.submission.submit(caller, posted)


def as_it_is(target: TargetDescription) -> list[Posted]:
    """Return what keeps a compiler from moving gates: these clients choose the qubits themselves.

    Where their gates are native they are run as they are. Elsewhere each becomes what it is there,
    on the same qubits.
    """
    if Feature.COMPILING not in target.features:
        return []
    none = set(target.native_gates) >= _NATIVE
    return [Posted("OPTIMIZATION", (Optimization.NONE if none else Optimization.LIGHTEST).encode())]


async def snapshot_of(jobs: JobService, caller: Caller, job_id: str) -> Snapshot:
    """Read a job; one that is only kept for history is gone for these clients.

    Raises
    ------
    NotFound, Forbidden

    """
    return known_here(await jobs.reader.snapshot(caller, job_id))


def known_here(found: Snapshot) -> Snapshot:
    """Return a job that these clients may know of: none that is only kept for history.

    Raises
    ------
    NotFound

    """
    if found.job.phase not in STATUS:
        raise NotFound(f"there is no job {found.job.id}")
    return found


async def sent(files: JobFiles, job: Job) -> AsyncIterator[str]:
    """Return the pieces of the request that a job was made of, which is JSON.

    Raises
    ------
    NotFound
        The circuits are gone, or came in another format: known before the first piece.

    """
    found = await payload_of(files, job)
    if found is None:
        raise NotFound(f"the circuits of job {job.id} were sent in another format")
    return found


async def payload_of(files: JobFiles, job: Job) -> AsyncIterator[str] | None:
    """Return the pieces of the request that a job was made of, which is JSON.

    None if its circuits came in another format.

    Raises
    ------
    NotFound
        They are gone: known before the first piece.

    """
    rest, names = rest_of(job.spec.metadata)
    first = await _sent(files, job, 0, names)
    if first is None:
        return None

    async def document() -> AsyncIterator[str]:
        yield f'{{"circuits":[{first}'
        for start in range(_AT_ONCE, job.circuits, _AT_ONCE):
            piece = await _sent(files, job, start, names)
            if piece is None:
                break  # The circuits of a table of values have one text.
            yield f",{piece}"
        others = json.dumps({**rest, "shots": job.spec.options.shots}, separators=(",", ":"))
        yield f"],{others[1:]}"

    return document()


async def _sent(files: JobFiles, job: Job, start: int, names: dict[str, str]) -> str | None:
    """Return some circuits as they were sent; None if there are none of IQM's."""
    texts = await files.circuits(job, range(start, min(start + _AT_ONCE, job.circuits)))
    found = await asyncio.to_thread(lambda: [circuit_again(text, names) for text in texts])
    return None if None in found or not found else ",".join(map(str, found))


async def gave(files: JobFiles, job: Job, write: Write) -> AsyncIterator[str]:
    """Return the pieces of a JSON array with what the circuits of a job gave.

    Raises
    ------
    NotFound
        There is nothing, or nothing that can be read: known before the first piece.

    """
    if job.phase is not Phase.COMPLETED:
        raise NotFound(f"job {job.id} is {STATUS[job.phase]}, and has no results")
    pieces = aiter(_written(files, job, write))
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


async def _written(files: JobFiles, job: Job, write: Write) -> AsyncIterator[str]:
    """Write what the circuits of a job gave, some at a time; one without a result gave nothing."""
    done = 0
    async for outcomes in outcomes_of(files, job):
        wanted = range(done, max(item.index for item in outcomes) + 1)
        texts = await files.circuits(job, wanted)
        yield await asyncio.to_thread(_some, outcomes, wanted, texts, write)
        done = wanted.stop
    if done < job.circuits:
        yield _some((), range(done, job.circuits), (), write)


def _some(
    outcomes: Sequence[CircuitOutcome], wanted: range, texts: Sequence[str], write: Write
) -> str:
    found = {item.index: item for item in outcomes if item.missing is None}
    pieces = []
    for place, index in enumerate(wanted):
        if index not in found:
            pieces.append(write(_NOTHING, []))
            continue
        # Of circuits that differ in values there is one text, and its keys are registers.
        text = texts[place] if len(texts) == len(wanted) else ""
        pieces.append(write(found[index], keys_of(text, found[index])))
    return ",".join(pieces)
